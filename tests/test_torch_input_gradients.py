"""Derivatives in the samples of whole dense classifiers, against PyTorch's autograd."""

import numpy as np
import pytest

from ffref import BackpropClassifier, FFClassifier, HFFClassifier
from tests.independent.compare import scaled_close, wrong_versions
from tests.small_models import mixed_on_purpose
from tests.test_estimators_images import pictures
from tests.test_input_gradients import LAYERS, blocks, in_float64

torch = pytest.importorskip("torch")
functional = torch.nn.functional
pytestmark = pytest.mark.torch
TEMPERATURE, STRENGTH = 0.3, 2.0


def hidden(network, x):
    """The activity of each layer; rows of mean square 1 in between."""
    for layer in network.layers:
        weight, bias = (torch.from_numpy(array) for array in layer.weights)
        activity = functional.relu(x @ weight + bias)
        yield activity
        x = functional.rms_norm(activity, activity.shape[1:], eps=0.0)


def hff_logits(network, x, classes):
    """Mean class score of the layers, divided by the temperature."""
    beta, scores = 1 / TEMPERATURE, []
    for activity, layer in zip(hidden(network, x), network.layers, strict=True):
        prototypes = torch.from_numpy(layer.params[-1])
        cosine = functional.cosine_similarity(activity[:, None, None], prototypes[None], dim=3)
        mean = torch.logsumexp(beta * cosine, dim=2) - np.log(prototypes.shape[1])
        scores.append(mean / beta)
    return torch.stack(scores).mean(0) / TEMPERATURE


def ff_logits(network, x, classes):
    """Sum of squares with each label behind the sample, for each unit."""
    columns, units = [], sum(layer.weights[1].size for layer in network.layers)
    for label in range(classes):
        one_hot = torch.zeros(len(x), classes, dtype=x.dtype)
        one_hot[:, label] = STRENGTH
        columns.append(sum((a**2).sum(1) for a in hidden(network, torch.cat([x, one_hot], 1))))
    return torch.stack(columns, 1) / units


def backprop_logits(network, x, classes):
    """Weighted sums of the top layer, which has no relu."""
    *lower, top = network.layers
    for layer in lower:
        weight, bias = (torch.from_numpy(array) for array in layer.weights)
        activity = functional.relu(x @ weight + bias)
        x = functional.rms_norm(activity, activity.shape[1:], eps=0.0)
    weight, bias = (torch.from_numpy(array) for array in top.weights)
    return x @ weight + bias


CLASSIFIERS = {
    "hff": (HFFClassifier, hff_logits, {"temperature": TEMPERATURE, "prototypes_per_class": 3}),
    "ff": (
        FFClassifier,
        ff_logits,
        {"label_encoding": "append", "label_strength": STRENGTH, "readout": "sum"},
    ),
    "backprop": (BackpropClassifier, backprop_logits, {}),
}


@mixed_on_purpose
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_input_gradients(name):
    X, y = pictures()
    kind, logits, choices = CLASSIFIERS[name]
    fitted = in_float64(blocks(kind, **LAYERS["dense"], **choices).fit(X, y))
    x = fitted._prepare(X[:4]).astype(np.float64)
    tensor = torch.from_numpy(x).requires_grad_()
    values = logits(fitted.state_.network, tensor, len(fitted.classes_))
    assert scaled_close(fitted._class_logits(fitted._goodness(x)), values.detach().numpy(), 1e-12)
    functional.cross_entropy(values, torch.from_numpy(y[:4]), reduction="sum").backward()
    gradient = fitted._input_gradient(x, y[:4])
    assert scaled_close(gradient, tensor.grad.numpy(), 1e-11)
    for what, wrong in wrong_versions(gradient):
        assert not scaled_close(wrong, tensor.grad.numpy(), 1e-11), what
