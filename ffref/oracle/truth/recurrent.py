"""One step of a layer with top-down input in plain loops: Hinton (2022), at second hand."""

from ffref.oracle.specs import RecurrentSpec
from ffref.oracle.truth import layer
from ffref.oracle.truth.ff import d_goodness, d_logit, goodness, logistic_loss, logit
from ffref.oracle.truth.numbers import Exact, ExactValues, mp, number
from ffref.oracle.truth.steps import Formulation, Mode, Step


def formulation(spec: RecurrentSpec) -> Formulation:
    """Steps of one layer under this specification."""
    forward: dict[str, Step] = {
        "normalized_below": lambda v, s, mode: layer.normalized(v["below"], s.norm),
        "normalized_above": lambda v, s, mode: layer.normalized(v["above"], s.norm),
        "preactivation": lambda v, s, mode: (
            layer.weighted(v["normalized_below"], v["weight"])
            + layer.weighted(v["normalized_above"], v["top_down"])
            + v["bias"]
        ),
        "activity": layer.activity,
        "state": state,
        "goodness": lambda v, s, mode: goodness(v["state"], s),
        "logit": lambda v, s, mode: logit(v["goodness"], v["state"].shape[1], s),
        "loss": lambda v, s, mode: number(logistic_loss(v["logit"], v["polarity"], "rows")),
    }
    backward: dict[str, Step] = {
        "d_logit": lambda v, s, mode: d_logit(v["logit"], v["polarity"], "rows"),
        "d_state": lambda v, s, mode: d_goodness(v["state"], v["d_logit"], s),
        "d_preactivation": d_preactivation,
        "d_weight": lambda v, s, mode: layer.outer(v["normalized_below"], v["d_preactivation"]),
        "d_top_down": lambda v, s, mode: layer.outer(v["normalized_above"], v["d_preactivation"]),
        "d_bias": layer.d_bias,
    }
    variables = {name: name.removeprefix("d_") for name in backward}
    behind = ("d_preactivation", "d_weight", "d_top_down", "d_bias")
    reason = ("surrogate", "the relu is a + const, its slope 1 everywhere")
    kinds = dict.fromkeys(behind, reason) if spec.relu == "straight-through" else {}
    return Formulation(forward, backward, variables, kinds)


def state(v: ExactValues, spec: RecurrentSpec, mode: Mode) -> Exact:
    """A share of the old state stays."""
    keep = mp.mpf(spec.damping)
    return v["old"] * keep + v["activity"] * (1 - keep)


def d_preactivation(v: ExactValues, spec: RecurrentSpec, mode: Mode) -> Exact:
    """The new share of the state, through the relu."""
    d_activity = v["d_state"] * (1 - mp.mpf(spec.damping))
    return layer.gated(d_activity, v["preactivation"], spec, mode)
