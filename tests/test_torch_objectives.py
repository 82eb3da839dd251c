"""Autograd of PyTorch, on the statements written in torch operations, against the package."""

import numpy as np
import pytest

from ffref import formulas
from ffref.layers.dense import Dense, dense_forward, dense_grads
from ffref.objectives.ff import ff_loss, ff_loss_grad
from ffref.objectives.hff import hff_loss, hff_loss_grads
from tests.independent.cases import (
    COSINE_SHAPES,
    CROSS_ENTROPY_CASES,
    FF_CASES,
    HFF_CASES,
    HFF_REGULAR,
    LAST_AXIS_SHAPES,
    NORM_SHAPES,
    SCALES,
    ff_arrays,
    hff_arrays,
    hff_options,
    random_pair,
)
from tests.independent.compare import SCALED, SCALED_FLOAT32, scaled_close, wrong_versions

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

each_float = pytest.mark.parametrize("dtype", [np.float64, np.float32])


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def leaf(array):
    return torch.tensor(array, requires_grad=True)


def assert_agrees(gradient, tensor, dtype):
    """`gradient` is the derivative that autograd left in `tensor`; wrong versions are not."""
    tolerance = SCALED_FLOAT32 if dtype == np.float32 else SCALED
    theirs = tensor.numpy()
    assert gradient.dtype == theirs.dtype == dtype
    assert scaled_close(gradient, theirs, tolerance)
    for name, wrong in wrong_versions(gradient):
        assert not scaled_close(wrong, theirs, tolerance), name


def assert_loss(mine, theirs, dtype):
    assert isinstance(mine, float)
    assert np.isclose(mine, theirs.item(), rtol=1e-5 if dtype == np.float32 else 1e-12, atol=0)


def named(cases):
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


def torch_goodness(y, kind):
    squares = y.pow(2).mean(1) if kind.endswith("mean") else y.pow(2).sum(1)
    return -squares if kind.startswith("negative") else squares


def torch_ff(y, polarity, threshold, kind):
    # binary cross-entropy with logits g - theta and targets 1 for positive, 0 for negative
    target = torch.tensor((polarity > 0).astype(polarity.dtype))
    logits = torch_goodness(y, kind) - threshold
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, target)


def torch_hff(h, labels, prototypes, case):
    groups = prototypes if prototypes.ndim == 3 else prototypes.unsqueeze(1)
    cosines = torch.nn.functional.cosine_similarity(
        h[:, None, None, :], groups[None], dim=-1, eps=1e-30
    )
    beta = case.sharpness if case.sharpness is not None else 1 / case.temperature
    per_class = groups.shape[1]
    scores = (torch.logsumexp(beta * cosines, dim=2) - np.log(per_class)) / beta
    y = torch.tensor(labels)
    own = torch.nn.functional.one_hot(y, groups.shape[0]).to(scores.dtype)
    return torch.nn.functional.cross_entropy(
        (scores - case.margin * own) / case.temperature, y, label_smoothing=case.smoothing
    )


def ff_options(case):
    return {
        "threshold": case.threshold,
        "goodness": getattr(formulas, f"{case.kind.upper()}_OF_SQUARES"),
    }


@each_float
@named(FF_CASES)
def test_ff(case, dtype):
    activity, polarity = (array.astype(dtype) for array in ff_arrays(case))
    y = leaf(activity)
    loss = torch_ff(y, polarity, case.threshold, case.kind)
    loss.backward()
    assert_loss(ff_loss(activity, polarity, **ff_options(case)), loss, dtype)
    assert_agrees(ff_loss_grad(activity, polarity, **ff_options(case)), y.grad, dtype)


@each_float
@named(HFF_REGULAR)
def test_hff(case, dtype):
    activity, labels, prototypes = hff_arrays(case)
    activity, prototypes = activity.astype(dtype), prototypes.astype(dtype)
    h, p = leaf(activity), leaf(prototypes)
    loss = torch_hff(h, labels, p, case)
    loss.backward()
    assert_loss(hff_loss(activity, labels, prototypes, **hff_options(case)), loss, dtype)
    gradients = hff_loss_grads(activity, labels, prototypes, **hff_options(case))
    assert_agrees(gradients[0], h.grad, dtype)
    assert_agrees(gradients[1], p.grad, dtype)


TORCH_NORMS = {
    "l2_normalize": lambda x: torch.nn.functional.normalize(x, dim=1),
    "rms_normalize": lambda x: torch.nn.functional.rms_norm(x, x.shape[1:], eps=0.0),
    "layer_normalize": lambda x: torch.nn.functional.layer_norm(x, x.shape[1:], eps=0.0),
}


@each_float
@pytest.mark.parametrize("name", TORCH_NORMS)
@pytest.mark.parametrize(("shape", "seed"), [row for row in NORM_SHAPES if row[0][1] > 2])
def test_norms(name, shape, seed, dtype):
    x, d_out = (array.astype(dtype) for array in random_pair(shape, seed))
    t = leaf(x)
    out = TORCH_NORMS[name](t)
    out.backward(torch.tensor(d_out))
    assert_agrees(getattr(formulas, name)(x), out.detach(), dtype)
    assert_agrees(getattr(formulas, f"{name}_vjp")(d_out, x), t.grad, dtype)


@each_float
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(("shape", "seed"), LAST_AXIS_SHAPES)
def test_log_mean_exp(shape, seed, scale, dtype):
    x = random_pair(shape, seed)[0].astype(dtype)
    t = leaf(x)
    out = (scale * t).exp().mean(-1).log() / scale
    out.sum().backward()
    assert_agrees(formulas.log_mean_exp(x, scale=scale), out.detach(), dtype)
    assert_agrees(formulas.log_mean_exp_grad(x, scale=scale), t.grad, dtype)


@each_float
@pytest.mark.parametrize(("shape", "seed"), LAST_AXIS_SHAPES)
def test_log_sum_exp(shape, seed, dtype):
    x = random_pair(shape, seed)[0].astype(dtype)
    t = leaf(x)
    out = torch.logsumexp(t, -1)
    out.sum().backward()
    assert_agrees(formulas.log_sum_exp(x), out.detach(), dtype)
    assert_agrees(formulas.log_sum_exp_grad(x), t.grad, dtype)
    assert_agrees(formulas.softmax(x), torch.softmax(t, -1).detach(), dtype)


@each_float
@pytest.mark.parametrize(("rows", "others", "units", "seed"), COSINE_SHAPES[:3])
def test_cosine_similarity(rows, others, units, seed, dtype):
    rng = np.random.default_rng(seed)
    shapes = [(rows, units), (others, units), (rows, others)]
    a, b, d_out = (rng.normal(size=shape).astype(dtype) for shape in shapes)
    s, t = leaf(a), leaf(b)
    cosines = torch.nn.functional.cosine_similarity(s[:, None, :], t[None], dim=-1)
    cosines.backward(torch.tensor(d_out))
    d_a, d_b = formulas.cosine_similarity_vjp(d_out, a, b)
    assert_agrees(formulas.cosine_similarity(a, b), cosines.detach(), dtype)
    assert_agrees(d_a, s.grad, dtype)
    assert_agrees(d_b, t.grad, dtype)


@each_float
@pytest.mark.parametrize(("batch", "classes", "smoothing", "seed"), CROSS_ENTROPY_CASES)
def test_softmax_cross_entropy(batch, classes, smoothing, seed, dtype):
    rng = np.random.default_rng(seed)
    logits = (rng.normal(size=(batch, classes)) * 2).astype(dtype)
    labels = rng.integers(classes, size=batch)
    options = {"label_smoothing": smoothing}
    t = leaf(logits)
    loss = torch.nn.functional.cross_entropy(t, torch.tensor(labels), **options)
    loss.backward()
    assert_loss(formulas.softmax_cross_entropy(logits, labels, **options), loss, dtype)
    assert_agrees(formulas.softmax_cross_entropy_grad(logits, labels, **options), t.grad, dtype)


@each_float
@pytest.mark.parametrize("name", ["softplus", "sigmoid", "relu"])
def test_elementwise(name, dtype):
    x = random_pair((3, 5), 801)[0].astype(dtype)
    t = leaf(x)
    out = {"softplus": lambda t: -torch.nn.functional.logsigmoid(-t)}.get(
        name, getattr(torch, name, None)
    )(t)
    out.sum().backward()
    assert_agrees(getattr(formulas, name)(x), out.detach(), dtype)
    assert_agrees(getattr(formulas, f"{name}_grad")(x), t.grad, dtype)


def layer(batch, units_in, units_out, seed, dtype):
    """The arrays of a layer, their torch leaves, and torch's activity."""
    rng = np.random.default_rng(seed)
    shapes = [(batch, units_in), (units_in, units_out), (units_out,)]
    x, weight, bias = (rng.normal(size=shape).astype(dtype) for shape in shapes)
    bias += 1  # several active units in each row: one alone has no direction to learn
    w, b = leaf(weight), leaf(bias)
    return x, Dense(weight, bias), w, b, torch.relu(torch.tensor(x) @ w + b)


@each_float
@named([FF_CASES[1], FF_CASES[5], FF_CASES[9]])
def test_ff_layer(case, dtype):
    x, dense, w, b, y = layer(case.batch, 6, case.units, case.seed, dtype)
    polarity = ff_arrays(case)[1].astype(dtype)
    loss = torch_ff(y, polarity, case.threshold, case.kind)
    loss.backward()
    preactivation = dense_forward(dense, x)
    activity = formulas.relu(preactivation)
    assert_loss(ff_loss(activity, polarity, **ff_options(case)), loss, dtype)
    d_activity = ff_loss_grad(activity, polarity, **ff_options(case))
    d_weight, d_bias = dense_grads(x, d_activity * formulas.relu_grad(preactivation))
    assert_agrees(d_weight, w.grad, dtype)
    assert_agrees(d_bias, b.grad, dtype)


@each_float
@named([case for case in HFF_REGULAR if case.units > 2])
def test_hff_layer(case, dtype):
    x, dense, w, b, h = layer(case.batch, 6, case.units, case.seed + 320, dtype)
    _, labels, prototypes = hff_arrays(case)
    prototypes = prototypes.astype(dtype)
    p, options = leaf(prototypes), hff_options(case)
    loss = torch_hff(h, labels, p, case)
    loss.backward()
    preactivation = dense_forward(dense, x)
    activity = formulas.relu(preactivation)
    assert_loss(hff_loss(activity, labels, prototypes, **options), loss, dtype)
    d_activity, d_prototypes = hff_loss_grads(activity, labels, prototypes, **options)
    d_weight, d_bias = dense_grads(x, d_activity * formulas.relu_grad(preactivation))
    assert_agrees(d_weight, w.grad, dtype)
    assert_agrees(d_bias, b.grad, dtype)
    assert_agrees(d_prototypes, p.grad, dtype)


def test_hff_of_one_class_and_of_one_unit():
    for case in (case for case in HFF_CASES if case.degenerate):
        activity, labels, prototypes = hff_arrays(case)
        h, p = leaf(activity), leaf(prototypes)
        loss = torch_hff(h, labels, p, case)
        loss.backward()
        mine = hff_loss(activity, labels, prototypes, **hff_options(case))
        assert np.isclose(mine, loss.item(), rtol=1e-12, atol=1e-15)
        gradients = hff_loss_grads(activity, labels, prototypes, **hff_options(case))
        assert np.allclose(gradients[0], h.grad.numpy(), atol=1e-13)
        assert np.allclose(gradients[1], p.grad.numpy(), atol=1e-13)
