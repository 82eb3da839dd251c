"""Where public codes compute something else than they say, or than each other: each has a case.

What has no value or gradient (a flag that is not passed on, an empty checkpoint) is not here.
"""

import numpy as np
import pytest

from ffref.oracle import (
    NormSpec,
    TrainingSpec,
    check_negatives,
    compare,
    diagnose,
    diagnose_trace,
    evaluate,
    find_case,
    new_case,
    trace,
)
from tests.mistaken.catalogue import MISTAKES, mistaken, text_of

# (code, what it computes, case, mistake of the catalogue)
FOUND = [
    ("mpezeshki, pytorch/examples, keras.io, fflib, nebuly, CwComp", "loss inf, gradient NaN",
     "ff/paper/goodness-1e4", "log(1 + exp) overflows"),
    ("loeweX", "peer normalisation 0.2/n of Hinton's",
     "ff/hinton_matlab/ordinary", "peers differentiated"),
    ("who follows loeweX by the paper", "no gradients of silent units",
     "ff/loewex/silent-units", "gated"),
    ("CaFo", "gradient of another loss: twice, or half", "ff/paper/ordinary", "gradient halved"),
    ("CwComp", "softmax, then cross-entropy", "hff/reconstruction/ordinary", "softmax twice"),
    ("nebuly", "+log p for negatives", "ff/paper/ordinary", "negatives add log p"),
    ("backprop-alts", "no normalisation in between", "ff/paper/two-layers",
     "no norm between layers"),
    ("backprop-alts", "sigmoid maximised, not its logarithm", "ff/paper/ordinary",
     "probability maximised"),
    ("backprop-alts", "mean activation as goodness", "ff/paper/mean", "first power"),
    ("keras.io", "threshold 2 in the text, 1.5 in the code", "ff/keras_example/ordinary",
     "threshold 2"),
    ("Hinton's Matlab code", "factor 2 of the gradient left out", "ff/paper/ordinary",
     "factor 2 of the square left out"),
    ("Hinton's Matlab code", "1/temperature of the softmax left out",
     "hff/reconstruction/ordinary", "no temperature in the gradient"),
    ("Hinton's Matlab code", "the softmax's bias is not learned", "hff/reconstruction/ordinary",
     "d_bias left out"),
    ("who follows Hinton's code by the paper", "peers gated", "ff/hinton_matlab/silent-units",
     "peers' push gated"),
    ("mpezeshki", "the label is as bright as the brightest pixel", "ff/hinton_matlab/labels",
     "label strength batch-max"),
    ("keras.io", "the same, of each image", "ff/pezeshki/labels", "label strength row-max"),
    ("rmwkwok", "the label is added, not written", "ff/pezeshki/labels", "label added to slots"),
    ("mpezeshki, keras.io, nebuly", "negatives with the true label", "ff/pezeshki/labels",
     "true label in negatives"),
    ("mpezeshki and others", "mean for sum", "ff/paper/ordinary", "mean for sum"),
    ("mpezeshki and others", "l2 for rms", "ff/paper/ordinary", "l2 for rms"),
    ("dah33", "two means added", "ff/paper/ordinary", "two means"),
    ("loeweX", "eps of the normalisation", "ff/hinton_matlab/faint-row",
     "eps added to the length"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "what", "id_", "name"), FOUND)
def test_a_discrepancy_of_values_shows_in_a_case_and_is_named(code, what, id_, name):
    case = find_case(id_)
    (mistake,) = [m for m in MISTAKES if m.name == name and case.family in m.families]
    report = compare(case, mistaken(case, [name]))
    assert not report.ok
    first = diagnose(report).ranked[0]
    assert first.complete
    assert {text_of(mistake, case)} in [{e.text for e in made} for made in first.mistakes]


def test_loewex_peer_normalisation_is_0_2_over_n_of_hintons():
    """0.2/n: 2 (1 - 0.9) of the running mean's square, 1/n of its mean over units."""
    case = find_case("ff/hinton_matlab/later-step")
    units = case.inputs["bias"].size
    plain = mistaken(case, ["no peers"])["d_preactivation"]
    hinton = mistaken(case, [])["d_preactivation"] - plain
    loewex = mistaken(case, ["peers differentiated", "gate left out"])["d_preactivation"]
    open_gate = mistaken(case, ["no peers", "gate left out"])["d_preactivation"]
    np.testing.assert_allclose(loewex - open_gate, 0.2 / units * hinton, atol=1e-16)
    assert np.abs(hinton).max() > 1e-3


def test_shuffled_labels_and_the_inverse_label_are_no_negatives():
    """mpezeshki, keras.io, nebuly; fflib's default."""
    rng = np.random.default_rng(0)
    labels = rng.integers(10, size=1000)
    images = rng.random((1000, 30))
    true = np.hstack([np.eye(10)[labels], images])
    shuffled = np.hstack([np.eye(10)[rng.permutation(labels)], images])
    report = check_negatives(true, shuffled, classes=10)
    assert 0.05 < report.with_true_label < 0.15
    inverse = np.hstack([1 - np.eye(10)[labels], images])
    assert "3 times as long" in str(check_negatives(true, inverse, classes=10))


def test_momentum_and_decay_of_hintons_code():
    """A moving average, where PyTorch's SGD sums; the decay is not smoothed. And a resume of
    jesper-olsen's that forgets velocity and running mean.
    """
    case = find_case("ff/hinton_matlab/later-step")
    hinton = TrainingSpec("moving-average", weight_decay=0.03125)
    report = diagnose_trace(case, hinton, trace(case, hinton._replace(optimizer="heavy-ball")))
    assert report == []  # PyTorch's SGD differs in both: neither alone explains it
    no_decay = hinton._replace(weight_decay=0.0)
    (text, *_) = diagnose_trace(
        case, no_decay, trace(case, no_decay._replace(optimizer="heavy-ball"))
    )
    assert "a sum, not a moving average" in text
    forgetful = trace(case, no_decay._replace(steps=1))
    resumed = dict(case.inputs) | {name: forgetful[f"step1.{name}"] for name in ("weight", "bias")}
    again = trace(new_case(case.id, case.spec, resumed), no_decay._replace(steps=1))
    mine = {"step2.weight": again["step1.weight"]}
    two = no_decay._replace(steps=2)
    assert not compare(trace(case, two), mine).ok


def test_three_places_of_eps_differ_for_a_faint_row():
    """Rows of 1e-6, l2: 0.0098, 0.447 and 1.0 of the unit length, for eps 1e-4, 1e-12, 1e-8."""
    spec = find_case("ff/pezeshki/ordinary").spec
    inputs = {"x": np.array([[1e-6, 0.0]]), "weight": np.eye(2), "bias": np.zeros(2),
              "polarity": np.ones(1)}  # fmt: skip
    found = [
        evaluate(new_case("ff/mine/faint", spec._replace(norm=norm), inputs))["normalized"][0, 0]
        for norm in (NormSpec("l2", 1e-4), NormSpec("l2", 4e-12, "inside"), NormSpec("l2"))
    ]
    np.testing.assert_allclose(found, [1e-6 / 1.01e-4, 1 / np.sqrt(5), 1.0], rtol=1e-12)
