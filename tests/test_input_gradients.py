"""Derivatives in the samples, for evaluation: of class scores, and of whole classifiers."""

import numpy as np
import pytest

from ffref import BackpropClassifier, FFClassifier, HFFClassifier
from ffref.objectives.hff import hff_class_scores, hff_class_scores_vjp
from ffref.training import LocalLayer
from tests.independent.compare import (
    central_difference,
    difference_close,
    scaled_close,
    wrong_versions,
)
from tests.small_models import mixed_on_purpose
from tests.test_estimators_blocks import model as blocks
from tests.test_estimators_images import pictures

LAYERS = {
    "dense": {"layers": None, "hidden_layer_sizes": (7, 6), "between_norm": "rms"},
    "blocks": {},
    "blocks, then dense": {
        "layers": (
            ("block", {"channels": 3, "norm": "layer", "residual": True, "auxiliary": [4, 1]}),
            ("conv", 2, 1, 4),
            ("dense", 6),
        ),
        "between_norm": "rms",
    },
}
READOUTS = {
    "sum": {},
    "last": {"readout": "last"},
    "weighted": {"readout": "weighted", "standardize": False},
    "calibrated": {"readout": "sum-without-first", "calibrated": True, "input_norm": "l2"},
    "learned temperature": {"learn_temperature": True, "sharpness": 3.0},
}


def in_float64(classifier):
    """The fitted classifier with float64 arrays, so that differences of its loss have digits."""
    network = classifier.state_.network
    layers = tuple(
        LocalLayer(
            layer.kind.record(*(a.astype(np.float64) for a in layer.weights)),
            tuple(a.astype(np.float64) for a in layer.params),
            layer.kind,
        )
        for layer in network.layers
    )
    classifier.state_ = classifier.state_._replace(network=network._replace(layers=layers))
    return classifier


def check(fitted, x, labels):
    """`_input_gradient` of prepared samples against differences of -log predict_proba."""
    in_float64(fitted)

    def loss(x):
        logits = fitted._class_logits(fitted._goodness(x))
        rows = np.arange(len(x))
        return (np.log(np.exp(logits).sum(axis=1)) - logits[rows, labels]).sum()

    gradient = fitted._input_gradient(x, labels)
    differences = central_difference(loss, x)
    assert difference_close(gradient, differences)
    for what, wrong in wrong_versions(gradient):
        assert not difference_close(wrong, differences), what


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("kind", [HFFClassifier, BackpropClassifier])
def test_layers(kind, layers):
    X, y = pictures()
    fitted = blocks(kind, **LAYERS[layers]).fit(X, y)
    check(fitted, fitted._prepare(X[:4]).astype(np.float64), y[:4])


@pytest.mark.parametrize("readout", READOUTS)
def test_readouts(readout):
    X, y = pictures()
    fitted = blocks(HFFClassifier, temperature=0.3, **READOUTS[readout]).fit(X, y)
    check(fitted, fitted._prepare(X[:4]).astype(np.float64), y[:4])


LABELLED = {
    "append": {"label_encoding": "append", "label_strength": 2.0, "readout": "sum"},
    "overlay": {"label_encoding": "overlay", "readout": "last", "standardize": False},
    "mean": {"label_encoding": "append", "goodness_function": "mean", "input_norm": "rms"},
    "planes": {"label_encoding": "planes", "layers": (("conv", 2, 1, 4), ("dense", 6))},
}


@mixed_on_purpose
@pytest.mark.parametrize("how", LABELLED)
def test_of_forward_forward(how):
    X, y = pictures()
    fitted = blocks(FFClassifier, **(LAYERS["dense"] | LABELLED[how])).fit(X, y)
    check(fitted, fitted._prepare(X[:4]).astype(np.float64), y[:4])


def test_of_forward_forward_is_that_of_its_goodness():
    X, y = pictures()
    choices = LABELLED["append"] | {"readout": "softmax"}
    fitted = blocks(FFClassifier, **(LAYERS["dense"] | choices)).fit(X, y)
    with pytest.raises(ValueError, match="readout='sum'"):
        fitted.input_gradient(X, y)


@pytest.mark.parametrize("kind", [HFFClassifier, BackpropClassifier])
def test_of_a_classifier_in_units_of_its_features(kind):
    X, y = pictures()
    fitted = blocks(kind).fit(X, y)
    gradient = fitted.input_gradient(X, y)
    assert gradient.shape == X.shape
    assert gradient.dtype == np.float32
    one = np.concatenate([fitted.input_gradient(X[i : i + 1], y[i : i + 1]) for i in range(4)])
    assert scaled_close(gradient[:4], one, 1e-5)
    x = fitted._prepare(X)
    inner = fitted._input_gradient(x, y) / fitted.standardizer_.std
    assert scaled_close(gradient, inner, 1e-5)
    # against the gradient the right class becomes likelier, along it less likely
    step = 0.02 * gradient / np.abs(gradient).max()
    rows = np.arange(len(y))
    worse, here, better = (
        np.log(fitted.predict_proba(X + s * step)[rows, y]).sum() for s in (1, 0, -1)
    )
    assert worse < here < better
    with pytest.raises(ValueError, match=r"\[7\] in y are no classes"):
        fitted.input_gradient(X[:2], [0, 7])


@pytest.mark.parametrize("per_class", [1, 3])
def test_class_scores_pull_back(per_class):
    rng = np.random.default_rng(5)
    activity = rng.standard_normal((4, 5))
    prototypes = rng.standard_normal((3, per_class, 5))
    d_scores = rng.standard_normal((4, 3))

    def total(activity):
        return (hff_class_scores(activity, prototypes, sharpness=2.0) * d_scores).sum()

    gradient = hff_class_scores_vjp(d_scores, activity, prototypes, sharpness=2.0)
    differences = central_difference(total, activity)
    assert difference_close(gradient, differences)
    for what, wrong in wrong_versions(gradient):
        assert not difference_close(wrong, differences), what


def test_class_scores_pull_back_by_hand():
    # y = (3, 4): z = (0.6, 0.8), |y| = 5; score of (1, 0) is z_1, whose derivative in y is
    # ((1, 0) - 0.6 (0.6, 0.8)) / 5 = (0.128, -0.096)
    gradient = hff_class_scores_vjp(
        np.array([[1.0, 0.0]]), np.array([[3.0, 4.0]]), np.eye(2), sharpness=10.0
    )
    np.testing.assert_allclose(gradient, [[0.128, -0.096]], rtol=1e-12)
    zero = hff_class_scores_vjp(np.ones((1, 2)), np.zeros((1, 2)), np.eye(2), sharpness=10.0)
    np.testing.assert_array_equal(zero, [[0.0, 0.0]])


@pytest.mark.torch
def test_class_scores_pull_back_is_autograds():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(6)
    y, p, d = (rng.standard_normal(shape) for shape in ((4, 5), (3, 2, 5), (4, 3)))
    leaf = torch.tensor(y, requires_grad=True)
    normalize = torch.nn.functional.normalize
    cosine = torch.einsum("nd,ckd->nck", normalize(leaf, dim=1), normalize(torch.tensor(p), dim=2))
    (torch.logsumexp(2.0 * cosine, dim=2) / 2.0 * torch.tensor(d)).sum().backward()
    ours = hff_class_scores_vjp(d, y, p, sharpness=2.0)
    assert scaled_close(ours, leaf.grad.numpy())
    assert not scaled_close(1.01 * ours, leaf.grad.numpy())
