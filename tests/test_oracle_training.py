"""`trace`: several steps of training with an optimiser, against code of its own."""

import numpy as np
import pytest

from ffref.oracle import TrainingSpec, compare_trace, diagnose_trace, find_case, trace
from tests.mistaken.catalogue import mistaken

CASE = find_case("ff/hinton_matlab/later-step")
RATE, KEEP, DECAY = 0.0625, 0.875, 0.03125
SGD = TrainingSpec("heavy-ball", weight_decay=DECAY)
EMA = TrainingSpec("moving-average", weight_decay=DECAY)
ADAM = TrainingSpec("adamw", weight_decay=DECAY)


def train(kind, wrong=(), *, steps=4, schedule=None, case=CASE, decay=DECAY):
    """Someone's own training loop: weight and bias after each step, and the losses."""
    given = dict(case.inputs)
    names = [n for n in ("weight", "bias", "prototypes", "top_down") if n in given]
    first = {n: np.zeros_like(given[n]) for n in names}
    second = {n: np.zeros_like(given[n]) for n in names}
    made, stale = {}, None
    for t in range(1, steps + 1):
        values = mistaken(case._replace(inputs=given), ())
        made[f"step{t}.loss"] = values["loss"]
        if "gradient of the first step" in wrong:
            stale = stale or values
            values = stale
        at = t if "schedule from 1" in wrong else t - 1
        rate = RATE * (schedule(at) if schedule else 1)
        for n in names:
            g, w = values[f"d_{n}"], given[n]
            shrinks = decay if n in ("weight", "top_down") or "biases decay" in wrong else 0
            if kind == "sgd":
                g = g + (0 if "decay outside" in wrong else shrinks * w)
                first[n] = KEEP * first[n] + g
                move = g + KEEP * first[n] if "nesterov" in wrong else first[n]
                move = move + (shrinks * w if "decay outside" in wrong else 0)
            elif kind == "ema":
                first[n] += (1 - KEEP) * (g - first[n])
                move = first[n] + shrinks * w
            else:
                g = g + (shrinks * w if "l2" in wrong else 0)
                first[n] = 0.875 * first[n] + 0.125 * g
                second[n] = 0.75 * second[n] + 0.25 * g * g
                m, s = first[n] / (1 - 0.875**t), second[n] / (1 - 0.75**t)
                if "uncorrected" in wrong:
                    m, s = first[n], second[n]
                root = np.sqrt(s + 1e-4) if "eps inside" in wrong else np.sqrt(s) + 1e-4
                move = m / root + (0 if "l2" in wrong else shrinks * w)
            given[n] = w - rate * move
            if "decay without rate" in wrong:
                given[n] = w - rate * (move - shrinks * w) - shrinks * w
            made[f"step{t}.{n}"] = given[n]
        if "new_running_mean" in values and "mean forgotten" not in wrong:
            given["running_mean"] = values["new_running_mean"]
    return made


@pytest.mark.parametrize(
    ("kind", "training"), [("sgd", SGD), ("ema", EMA), ("adam", ADAM)], ids=["sgd", "ema", "adam"]
)
@pytest.mark.parametrize(
    "id_", [CASE.id, "hff/reconstruction/several-prototypes", "recurrent/paper/ordinary"]
)
def test_training_apart_from_the_library_agrees(id_, kind, training):
    case = find_case(id_)
    mine = train(kind, case=case)
    report = compare_trace(case, training, mine)
    assert report.ok, report
    assert report.checked == len(mine)
    last = max(name for name in mine if name.endswith(".weight"))
    wrong = mine | {last: mine[last] + 1e-9 * np.abs(mine[last]).max()}
    assert not compare_trace(case, training, wrong).ok
    assert diagnose_trace(case, training, mine) == []


@pytest.mark.parametrize(
    ("training", "kind", "wrong", "text"),
    [
        (EMA, "sgd", ["decay outside"], "velocity is a sum, not a moving average"),
        (SGD, "ema", [], "velocity is a moving average"),
        (SGD, "sgd", ["nesterov"], "Nesterov"),
        (SGD, "sgd", ["decay outside"], "decay is outside of the velocity"),
        (SGD, "sgd", ["biases decay"], "decay acts on biases"),
        (SGD, "sgd", ["gradient of the first step"], "the gradient of the first step"),
        (SGD, "sgd", ["mean forgotten"], "the running mean is forgotten"),
        (EMA, "ema", ["decay without rate"], "decay is not multiplied by the rate"),
        (ADAM, "adam", ["eps inside"], "eps is inside the root"),
        (ADAM, "adam", ["uncorrected"], "means are not corrected"),
        (ADAM, "adam", ["l2"], "decay is added to the gradient"),
        (SGD._replace(schedule="cosine"), "sgd", ["schedule from 1"], "counts steps from 1"),
        (SGD._replace(schedule="linear"), "sgd", [], "there is no schedule"),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, list) else "",
)
def test_a_mistaken_training_is_found_and_named(training, kind, wrong, text):
    schedule = {
        "cosine": lambda at: (1 + np.cos(np.pi * at / 4)) / 2,
    }.get(training.schedule)
    mine = train(kind, wrong, schedule=schedule, decay=training.weight_decay)
    report = compare_trace(CASE, training, mine)
    assert not report.ok
    assert report.first_difference().quantity.startswith(("step1.", "step2.", "step3."))
    (found,) = diagnose_trace(CASE, training, mine)
    assert text in found


def test_without_decay_a_moving_average_is_a_smaller_rate():
    without = SGD._replace(weight_decay=0.0)
    found = diagnose_trace(CASE, without, train("ema", decay=0.0))
    assert [text.split(":")[0].split(",")[0] for text in found] == [
        "velocity is a moving average", "the rate is multiplied by 1 - momentum"
    ]  # fmt: skip


def test_what_no_known_mistake_explains():
    mine = train("sgd")
    assert diagnose_trace(CASE, SGD, {"step4.weight": mine["step4.weight"] * 1.5}) == []


def test_layers_of_a_stack_and_float32():
    case = find_case("ff/paper/two-layers")
    double, single = trace(case, SGD), trace(case, SGD, "float32")
    assert "step4.layer2.weight.velocity" in double
    assert single["step1.layer1.weight"].dtype == np.float32
    assert compare_trace(case, SGD, single).ok
    twice = trace(case, SGD)
    assert all(np.array_equal(double[name], twice[name]) for name in double)


def test_bad_specifications():
    for change, message in (
        ({"optimizer": "sgd"}, "optimizer must be one of heavy-ball, moving-average, adamw, got"),
        ({"schedule": "step"}, "schedule must be one of constant"),
        ({"steps": 0}, "steps must be"),
    ):
        with pytest.raises(ValueError, match=message):
            trace(CASE, SGD._replace(**change))
