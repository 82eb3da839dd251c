"""Dialects: what the known codes compute, in real arithmetic, as data.

"Forward-Forward" is several incompatible rules under one name, and hyperparameters do not carry
over between them. A dialect is the specification that a code follows, were its arithmetic exact:
that log(1 + exp(x)) overflows is a mistake of a code, not a dialect.
"""

from typing import Any, NamedTuple

from ffref._checks import require
from ffref.oracle.specs import (
    BlockSpec,
    CumulativeSpec,
    CwcSpec,
    DistanceSpec,
    FaustSpec,
    FFSpec,
    HFFSpec,
    LabelSpec,
    MonoSpec,
    NormSpec,
    PeerSpec,
    RecurrentSpec,
    ScffSpec,
    Spec,
    SymbaSpec,
)


class Dialect(NamedTuple):
    """What one code, or one paper, computes."""

    family: str
    name: str
    source: str
    """paper, or repository, commit, file and lines"""
    spec: Spec
    factor: str
    """what the code's own gradient arrays are of ours, where it writes them out"""
    neutral: str
    """value of each label slot in a neutral pass; empty: it has none"""
    negatives: str
    """which labels its negatives carry"""
    verified: str
    """how the original was run, in float64, and the largest difference from ours, relative to the
    largest entry of an array"""


RMS, L2_LOOSE = NormSpec("rms"), NormSpec("l2", 1e-4)

DIALECTS = (
    Dialect(
        "ff", "paper", "Hinton (2022), arXiv:2212.13345v1, section 2",
        FFSpec(norm=RMS, threshold=2.0),
        "", "", "any", "read; it names no threshold and no reduction: both are the case's",
    ),
    Dialect(
        "ff", "hinton_matlab",
        "alessiopittiglio/forward-forward-matlab e028a03, ffnew.m 138-219, ffnormrows.m",
        FFSpec(norm=RMS, threshold_per_unit=1.0, peer=PeerSpec("rule"), label=LabelSpec(10)),
        "-1: it ascends, d_weight is -(pos + neg) / numcases", "0.1",
        "drawn from its own softmax, never the true label",
        "its lines, by a small reader of Matlab's operators: 4e-16",
    ),
    Dialect(
        "ff", "loewex", "loeweX/Forward-Forward da516f0, src/ff_model.py 57-113, 161-170",
        FFSpec(
            norm=NormSpec("rms", 1e-8), relu="straight-through", threshold_per_unit=1.0,
            peer=PeerSpec("loss"), label=LabelSpec(10),
        ),
        "", "0.1", "even, never the true label", "`FF_model` and backward: 9e-16",
    ),
    Dialect(
        "ff", "pezeshki", "mpezeshki/pytorch_forward_forward 1c7a211, main.py 33-39, 78-98",
        FFSpec(
            norm=L2_LOOSE, goodness="mean", threshold=2.0, label=LabelSpec(10, "batch-max")
        ),
        "", "", "shuffled labels: about one in ten is the true one",
        "`Layer.train`, `overlay_y_on_x`: 4e-16",
    ),
    Dialect(
        "ff", "pytorch_example", "pytorch/examples 77f55b9, mnist_forward_forward/main.py 27-83",
        FFSpec(
            norm=L2_LOOSE, goodness="mean", threshold=2.0, label=LabelSpec(10, "batch-max")
        ),
        "", "", "even, never the true label", "`Layer.train`, `overlay_y_on_x`: 4e-16",
    ),
    Dialect(
        "ff", "keras_example", "keras-team/keras-io 0dbbfff, examples/vision/forwardforward.py",
        FFSpec(norm=L2_LOOSE, goodness="mean", threshold=1.5, label=LabelSpec(10, "row-max")),
        "", "", "shuffled labels: about one in ten is the true one",
        "`FFDense` on stand-ins for TensorFlow's functions: 5e-16; its labels read",
    ),
    Dialect(
        "ff", "fflib", "mitkonikov/ff 1ee511a, src/fflib/nn/ff_linear.py 69-126",
        FFSpec(norm=L2_LOOSE, goodness="mean", threshold=20.0),
        "", "", "the user's", "`FFLinear.run_train`: 4e-16",
    ),
    Dialect(
        "ff", "dah33",
        "dah33/explore_forward_forward 55c5395, ff_hinton.py 16-20, 68-91, ff_utils.py",
        FFSpec(
            norm=NormSpec("l2", 1e-12, "least"), goodness="mean", threshold=2.0,
            reduction="sides", label=LabelSpec(10, "batch-max"),
        ),
        "", "", "drawn by the root of the goodness, never the true label",
        "`UnitLength`, `hinton_loss`: 4e-16; its labels read",
    ),
    Dialect(
        "hff", "reconstruction",
        "Sarode, Moser et al. (2026), arXiv:2605.00082v1, abstract: docs/derivations/hff.md",
        HFFSpec(norm=RMS), "", "", "none", "no public code found",
    ),
    Dialect(
        "recurrent", "paper", "Hinton (2022), at second hand: docs/derivations/recurrent.md",
        RecurrentSpec(norm=RMS, threshold_per_unit=1.0), "", "0.1", "a wrong label above",
        "no public code of the paper's",
    ),
    Dialect(
        "recurrent", "pff",
        "ago109/predictive-forward-forward adeb918, src/pff_rnn.py 67-73, 204-243, 401-455, with "
        "rec_gamma 0: no lateral weights",
        RecurrentSpec(
            norm=NormSpec("l2", 1e-8), relu="straight-through", sign=-1, threshold=3.0
        ),
        "", "", "even, never the true label",
        "`PFF_RNN.step` on stand-ins for TensorFlow's functions: 2e-15",
    ),
    Dialect(
        "symba", "paper", "Lee & Song (2023), arXiv:2303.08418v1, at second hand",
        SymbaSpec(norm=RMS), "", "", "any",
        "not run; that goodness is a mean of squares is the case's",
    ),
    Dialect(
        "cumulative", "free_riding",
        "Yousefiramandi (2026), arXiv:2605.06240v1, at second hand: "
        "docs/derivations/cumulative.md",
        CumulativeSpec(norm=RMS), "", "", "any", "not run",
    ),
    Dialect(
        "faust", "reconstruction",
        "Gong et al. (2025), arXiv:2509.08697v1, abstract: docs/derivations/faust.md",
        FaustSpec(norm=RMS), "", "", "rows of other classes", "no public code found",
    ),
    Dialect(
        "block", "reconstruction",
        "Sarode, Moser et al. (2026), arXiv:2605.00082v1, abstract: docs/derivations/block.md",
        BlockSpec(norm=RMS), "", "", "none", "no public code found",
    ),
    Dialect(
        "layer-collaboration", "paper",
        "Lorberbom et al. (2024), arXiv:2305.12393, at second hand: "
        "docs/derivations/layer_collaboration.md",
        FFSpec(norm=RMS, threshold=2.0), "", "", "any", "no public code looked for",
    ),
    Dialect(
        "scff", "paper",
        "Chen et al. (2025), arXiv:2409.11593; neurophysics-cnrsthales/"
        "contrastive-forward-forward 2d91618, SCFF_MNIST.py",
        ScffSpec(penalty=2.0**-13), "", "", "another sample beside it", "read",
    ),
    Dialect(
        "mono-forward", "paper", "Gong, Li, Abdulla (2025), arXiv:2501.09238, at second hand",
        MonoSpec(), "", "", "none", "no public code looked for",
    ),
    Dialect(
        "cwc", "paper",
        "Papachristodoulou et al. (2024), arXiv:2312.12668; andreaspapac/CwComp c9c9a17, `CwC_CE`",
        CwcSpec(), "", "", "none", "read",
    ),
    Dialect(
        "cwc", "pvn", "andreaspapac/CwComp c9c9a17, `PvNLoss`",
        CwcSpec(competition="pvn"), "", "", "none", "read",
    ),
    Dialect(
        "deeper-forward", "paper", "Sun et al. (2025), ICLR 2025, at second hand",
        CwcSpec(norm=NormSpec("layer"), power=1), "", "", "none", "no public code looked for",
    ),
    Dialect(
        "distance-forward", "reconstruction",
        "Wu et al. (2024), arXiv:2408.14925v1, abstract: docs/derivations/distance_forward.md",
        DistanceSpec(norm=RMS), "", "", "none", "no public code found",
    ),
)  # fmt: skip


def dialect_spec(family: str, name: str, *, classes: int | None = None) -> Any:  # noqa: ANN401
    """Return a dialect's specification: of rows as they are, or (`classes`) of images and labels.

    Raises
    ------
    ValueError
        If there is no such dialect.

    Examples
    --------
    >>> dialect_spec("ff", "keras_example").threshold
    1.5
    """
    found = [d.spec for d in DIALECTS if (d.family, d.name) == (family, name)]
    known = ", ".join(f"{d.family}/{d.name}" for d in DIALECTS)
    require(bool(found), f"there is no dialect {family}/{name}; there are {known}")
    spec = found[0]
    if not isinstance(spec, FFSpec):
        return spec
    label = spec.label._replace(classes=classes) if classes and spec.label else None
    return spec._replace(label=label)


def dialect_table() -> str:
    """Table of how the dialects differ, in Markdown; docs/oracle.md holds a copy, and a test."""
    head = (
        "dialect", "input", "goodness", "threshold", "loss", "relu", "peers", "label slot",
        "neutral", "negatives",
    )  # fmt: skip
    made = [_row(d, d.spec) for d in DIALECTS if isinstance(d.spec, FFSpec | RecurrentSpec)]
    rows = [head, ("---",) * len(head), *made]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def source_table() -> str:
    """Table of where each dialect was read, and how it was verified, in Markdown."""
    head = ("dialect", "source", "its arrays, of ours", "verified")
    rows = [head, ("---",) * len(head)]
    rows += [(_full(d), d.source, d.factor, d.verified) for d in DIALECTS]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _full(dialect: Dialect) -> str:
    return f"`{dialect.family}/{dialect.name}`"


def _row(dialect: Dialect, spec: FFSpec | RecurrentSpec) -> tuple[str, ...]:
    peer = spec.peer if isinstance(spec, FFSpec) else None
    label = spec.label if isinstance(spec, FFSpec) else None
    reduction = spec.reduction if isinstance(spec, FFSpec) else "rows"
    strengths = {"one": "1", "batch-max": "largest of the batch", "row-max": "largest of the row"}
    return (
        _full(dialect),
        _norm(spec.norm),
        ("" if spec.sign > 0 else "low: ") + f"{spec.goodness} of squares",
        f"{spec.threshold_per_unit:g} per unit" if spec.threshold_per_unit
        else f"{spec.threshold:g}",
        {"rows": "mean over rows", "sides": "sum of two means"}[reduction],
        spec.relu,
        {"rule": "rule, not gated", "loss": "through the mean: 0.2/n"}[peer.form] if peer else "",
        strengths[label.strength] if label else "",
        dialect.neutral,
        dialect.negatives,
    )  # fmt: skip


def _norm(norm: NormSpec) -> str:
    form = {
        "outside": "x / ({kind} + {eps})",
        "inside": "x / sqrt({kind}^2 + {eps})",
        "least": "x / max({kind}, {eps})",
    }[norm.place]
    if norm.eps == 0:
        return f"x / {norm.kind}"
    return form.format(kind=norm.kind, eps=f"{norm.eps:g}")
