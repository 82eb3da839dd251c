"""HFF in plain loops: a softmax over classes of log-mean-exp of cosines to prototypes.

The reconstruction of docs/derivations/hff.md, section 2, written without sight of the code.
"""

import numpy as np

from ffref.oracle.specs import HFFSpec
from ffref.oracle.truth import layer
from ffref.oracle.truth.numbers import Exact, ExactValues, Number, mean, mp, number, total, zeros
from ffref.oracle.truth.steps import Formulation, Mode, Step


def formulation(spec: HFFSpec) -> Formulation:
    """Steps of one layer under this specification."""
    forward: dict[str, Step] = {
        "normalized": lambda v, s, mode: layer.normalized(v["x"], s.norm),
        "preactivation": layer.preactivation,
        "activity": layer.activity,
        "direction": lambda v, s, mode: directions(v["activity"]),
        "cosine": cosine,
        "score": score,
        "logit": logit,
        "loss": loss,
    }
    backward: dict[str, Step] = {
        "d_logit": d_logit,
        "d_cosine": d_cosine,
        "d_activity": d_activity,
        "d_preactivation": lambda v, s, mode: layer.gated(
            v["d_activity"], v["preactivation"], s, mode
        ),
        "d_weight": layer.d_weight,
        "d_bias": layer.d_bias,
        "d_prototypes": d_prototypes,
    }
    variables = {name: name.removeprefix("d_") for name in backward}
    behind = ("d_preactivation", "d_weight", "d_bias")
    reason = ("surrogate", "the relu is a + const, its slope 1 everywhere")
    kinds = dict.fromkeys(behind, reason) if spec.relu == "straight-through" else {}
    return Formulation(forward, backward, variables, kinds)


def length(vector: Exact) -> Number:
    """Root of the sum of squares."""
    return mp.sqrt(total(entry * entry for entry in vector.ravel()))


def directions(rows: Exact) -> Exact:
    """Each row over its length; a row of zeros stays."""
    out = rows.copy()
    for n, row in enumerate(rows):
        size = length(row)
        out[n] = row / size if size else row
    return out


def cosine(v: ExactValues, spec: HFFSpec, mode: Mode) -> Exact:
    """Cosine of each row and each prototype; 0 for a row of zeros."""
    rows, prototypes = layer.row_lists(v["direction"]), v["prototypes"]
    out = zeros((len(rows), *prototypes.shape[:2]))
    for n, c, k in np.ndindex(*out.shape):
        entries = prototypes[c, k].ravel()
        product = total(z * p for z, p in zip(rows[n], entries, strict=True))
        out[n, c, k] = product / length(prototypes[c, k])
    return out


def score(v: ExactValues, spec: HFFSpec, mode: Mode) -> Exact:
    """Smooth maximum over the prototypes of a class: log of the mean of exponentials."""
    beta = mp.mpf(spec.sharpness)
    out = zeros(v["cosine"].shape[:2])
    for n, c in np.ndindex(*out.shape):
        out[n, c] = mp.log(mean([mp.exp(beta * u) for u in v["cosine"][n, c]])) / beta
    return out


def logit(v: ExactValues, spec: HFFSpec, mode: Mode) -> Exact:
    """Scores over the temperature; the true class has a handicap."""
    out = v["score"].copy()
    for n, label in enumerate(v["labels"]):
        out[n, label] = out[n, label] - mp.mpf(spec.margin)
    return out / mp.mpf(spec.temperature)


def probabilities(logits: Exact) -> list[Number]:
    """Softmax of one row."""
    powers = [mp.exp(a) for a in logits]
    whole = total(powers)
    return [power / whole for power in powers]


def targets(label: int, classes: int, spec: HFFSpec) -> list[Number]:
    """One at the label, a share of it spread evenly over all classes."""
    share = mp.mpf(spec.label_smoothing)
    return [(1 - share) * int(c == label) + share / classes for c in range(classes)]


def loss(v: ExactValues, spec: HFFSpec, mode: Mode) -> Exact:
    """Cross-entropy: -sum_c t_c log p_c, mean over rows."""
    rows = []
    for logits, label in zip(v["logit"], v["labels"], strict=True):
        whole = mp.log(total(mp.exp(a) for a in logits))
        wanted = targets(label, len(logits), spec)
        rows.append(total(t * (whole - a) for t, a in zip(wanted, logits, strict=True)))
    return number(mean(rows))


# -- transcription of the derivatives ------------------------------------------------------------


def d_logit(v: ExactValues, spec: HFFSpec, mode: Mode) -> Exact:
    """Probability less target, over the number of rows."""
    out = zeros(v["logit"].shape)
    for n, (logits, label) in enumerate(zip(v["logit"], v["labels"], strict=True)):
        wanted = targets(label, len(logits), spec)
        found = probabilities(logits)
        out[n] = [(p - t) / len(out) for p, t in zip(found, wanted, strict=True)]
    return out


def d_cosine(v: ExactValues, spec: HFFSpec, mode: Mode) -> Exact:
    """A class's share goes to its prototypes by their softmax."""
    out = zeros(v["cosine"].shape)
    for n, c in np.ndindex(*out.shape[:2]):
        shares = probabilities(v["cosine"][n, c] * mp.mpf(spec.sharpness))
        push = v["d_logit"][n, c] / mp.mpf(spec.temperature)
        out[n, c] = [push * share for share in shares]
    return out


def turned(point: Exact, towards: Exact, u: Number) -> Exact:
    """Slope of their cosine u in point: (towards / |towards| - u point / |point|) / |point|."""
    size = length(point)
    return (towards / length(towards) - point * (u / size)) / size


def d_activity(v: ExactValues, spec: HFFSpec, mode: Mode) -> Exact:
    """Every prototype turns the row a little; a row of zeros is turned nowhere, by convention."""
    out = zeros(v["activity"].shape)
    for n, row in enumerate(v["activity"]):
        silent = not any(row.ravel())
        for c, k in np.ndindex(*v["prototypes"].shape[:2]):
            prototype = v["prototypes"][c, k]
            if not silent:
                out[n] += v["d_cosine"][n, c, k] * turned(row, prototype, v["cosine"][n, c, k])
            elif mode.slope_at_kink:
                out[n] += v["d_cosine"][n, c, k] * prototype
    return out


def d_prototypes(v: ExactValues, spec: HFFSpec, mode: Mode) -> Exact:
    """Every row turns the prototypes, but a row of zeros."""
    out = zeros(v["prototypes"].shape)
    for n, c, k in np.ndindex(*v["cosine"].shape):
        row = v["activity"][n]
        if any(row.ravel()):
            out[c, k] += v["d_cosine"][n, c, k] * turned(
                v["prototypes"][c, k], row, v["cosine"][n, c, k]
            )
    return out
