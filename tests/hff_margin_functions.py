"""The public functions of each kind of margin, called alike."""

from ffref.objectives import hff

NAMES = {
    "additive-cosine": "hff",
    "additive-angular": "hff_additive_angular_margin",
    "multiplicative-angular": "hff_multiplicative_angular_margin",
    "pairwise": "hff_pairwise_margin",
    "hardest": "hff_hardest_margin",
}
PAIRS = ("pairwise", "hardest")
"""Kinds without targets to smooth."""


def margin_loss(kind):
    return getattr(hff, f"{NAMES[kind]}_loss")


def margin_loss_grads(kind):
    return getattr(hff, f"{NAMES[kind]}_loss_grads")


def margin_options(case):
    """The keywords of the package for a MarginCase."""
    options = {
        "temperature": case.hff.temperature,
        "sharpness": case.hff.sharpness,
        "margin": case.hff.margin,
    }
    return options if case.kind in PAIRS else {**options, "label_smoothing": case.hff.smoothing}
