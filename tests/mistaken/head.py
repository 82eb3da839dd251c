"""A layer around a head, with the mistakes named in `wrong`; heads are in the families' files.

head(spec, given, y, wrong) -> (values between activity and d_activity, d_activity in the shape
of y, derivatives of what the head learns)
"""

import numpy as np

from tests.mistaken.layer import (
    activate,
    as_read,
    backward,
    forward,
    gate,
    normalize,
    normalize_back,
    pass_gate,
    rescale,
)

HANDED_UP = {
    "carried_margin": "next_carried_margin",
    "carried_goodness": "next_carried_goodness",
}


def run(head, case, wrong, dtype):
    given = {n: a if a.dtype.kind == "i" else a.astype(dtype) for n, a in case.inputs.items()}
    with np.errstate(all="ignore"):
        if "layer1.weight" in given:
            return _two_layers(head, case.spec, given, wrong)
        return one_layer(head, case.spec, given, wrong)


def one_layer(head, spec, given, wrong, d_from_above=0.0):
    normalized = normalize(given["x"], spec.norm, wrong)
    a = forward(normalized, given["weight"], given["bias"], spec.layer, wrong)
    y = activate(a, wrong)
    between, d_y, learned = head(spec, given, y, wrong)
    d_y = d_y + d_from_above
    d_a = pass_gate(d_y, gate(a, spec.relu, wrong))
    d_weight, d_bias = backward(given["x"], normalized, given["weight"], d_a, spec.layer, wrong)
    values = {
        "normalized": normalized, "preactivation": a, "activity": y, **between,
        "d_activity": d_y, "d_preactivation": d_a, "d_weight": d_weight, "d_bias": d_bias,
        **learned,
    }  # fmt: skip
    return rescale(values, wrong, len(y))


def _two_layers(head, spec, given, wrong):
    shared = {n: a for n, a in given.items() if "." not in n}
    lower, upper = (
        {**shared, **{n.split(".")[1]: a for n, a in given.items() if n.startswith(f"layer{k}.")}}
        for k in (1, 2)
    )
    first = one_layer(head, spec, lower, wrong)
    upper["x"] = first["activity"]
    upper |= {to: first[name] for to, name in HANDED_UP.items() if name in first}
    above = {"input not normalised"} if "no norm between layers" in wrong else set()
    second = one_layer(head, spec, upper, wrong | above)
    d_normalized = second["d_preactivation"] @ as_read(upper["weight"], wrong).T
    d_x = normalize_back(d_normalized, upper["x"], spec.norm, wrong | above)
    if "leak from above" in wrong:
        first = one_layer(head, spec, lower, wrong, d_from_above=d_x)
    if "back-propagated from the top" in wrong:
        first = one_layer(head, spec, lower, wrong, d_from_above=d_x - first["d_activity"])
    return {f"layer1.{n}": v for n, v in first.items()} | {
        f"layer2.{n}": v for n, v in second.items()
    }
