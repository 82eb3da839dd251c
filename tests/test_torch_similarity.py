"""Autograd of PyTorch on the one-pass and self-contrastive losses, written in torch operations."""

import numpy as np
import pytest

from ffref.formulas import NORMS, SIMILARITIES
from ffref.negatives import class_tuples, paired_context
from ffref.objectives.cwc import cwc_loss, cwc_loss_grad, cwc_pvn_loss, cwc_pvn_loss_grad
from ffref.objectives.deeper_forward import deeper_forward_loss, deeper_forward_loss_grad
from ffref.objectives.distance_forward import distance_forward_loss, distance_forward_loss_grad
from ffref.objectives.faust import faust_loss, faust_loss_grads
from ffref.objectives.scff import scff_loss, scff_loss_grad
from tests.gradient_checks import assert_only_right_passes
from tests.independent.compare import SCALED, SCALED_FLOAT32, scaled_close

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch
F = torch.nn.functional

each_float = pytest.mark.parametrize("dtype", [np.float64, np.float32])


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def leaf(array):
    return torch.tensor(array, requires_grad=True)


def assert_agrees(mine, gradients, theirs, leaves, dtype):
    """Loss and gradients are autograd's; wrong versions of the gradients are not."""
    tolerance = SCALED_FLOAT32 if dtype == np.float32 else SCALED
    assert np.isclose(mine, theirs.item(), rtol=tolerance, atol=0)
    theirs.backward()
    for gradient, tensor in zip(gradients, leaves, strict=True):
        assert gradient.dtype == dtype
        assert_only_right_passes(
            lambda a, b: scaled_close(a, b, tolerance), gradient, tensor.grad.numpy()
        )


TORCH_SIMILARITIES = {
    "cosine": lambda a, b: F.cosine_similarity(a[:, None], b[None], dim=-1),
    "dot": lambda a, b: a @ b.T,
    "euclidean": lambda a, b: -(a[:, None] - b[None]).pow(2).sum(-1),
    "mahalanobis": lambda a, b, f: -((a[:, None] - b[None]) @ f).pow(2).sum(-1),
}
TORCH_NORMS = {
    "none": lambda y: y,
    "l2": lambda y: F.normalize(y, dim=1),
    "rms": lambda y: F.rms_norm(y, y.shape[1:], eps=0.0),
    "layer": lambda y: F.layer_norm(y, y.shape[1:], eps=0.0),
}


def torch_faust(y, tuples, params, scale, similarity, norm):
    # an anchor at a time: cross-entropy of its own few logits, label 0
    z = TORCH_NORMS[norm](y)
    matrix = TORCH_SIMILARITIES[similarity](z, z, *params)
    terms = []
    for anchor, members in enumerate(tuples):
        groups = [np.atleast_1d(member) for member in members]
        groups = [group[group >= 0].tolist() for group in groups]
        if groups[0]:
            logits = torch.stack([matrix[anchor, group].mean() for group in groups if group])
            terms.append(F.cross_entropy(scale * logits, torch.tensor(0)))
    return torch.stack(terms).mean()


@each_float
@pytest.mark.parametrize(
    ("similarity", "norm"),
    [
        ("cosine", "l2"),
        ("cosine", "none"),
        ("dot", "rms"),
        ("euclidean", "none"),
        ("mahalanobis", "l2"),
        ("mahalanobis", "layer"),
    ],
)
@pytest.mark.parametrize("rows", [1, 2])
def test_faust(similarity, norm, dtype, rows):
    rng = np.random.default_rng(11)
    labels = np.array([0, 2, 2, 0, 3, 2, 0])  # class 1 is absent, class 3 has one row
    activity = rng.normal(size=(7, 5)).astype(dtype)
    tuples = class_tuples(labels, classes=4, rng=rng, rows=rows)
    factor = rng.normal(size=(5, 3)).astype(dtype)
    params = (factor,) if similarity == "mahalanobis" else ()
    choices = {"scale": 0.5, "similarity": SIMILARITIES[similarity], "norm": NORMS[norm]}
    d_activity, d_params = faust_loss_grads(activity, tuples, params, **choices)
    leaves = [leaf(activity), *map(leaf, params)]
    theirs = torch_faust(leaves[0], tuples, leaves[1:], 0.5, similarity, norm)
    mine = faust_loss(activity, tuples, params, **choices)
    assert_agrees(mine, (d_activity, *d_params), theirs, leaves, dtype)


def torch_groups(y, classes, places, power):
    # (batch, channels, places), as a framework of NCHW images has it
    channels = y.reshape(len(y), places, -1).transpose(1, 2)
    halves = torch.split(channels, channels.shape[1] // classes, dim=1)
    return torch.stack([half.pow(power).mean(dim=(1, 2)) for half in halves], dim=1)


@each_float
@pytest.mark.parametrize(("classes", "group", "places"), [(3, 2, 1), (2, 3, 4)])
def test_class_groups(classes, group, places, dtype):
    rng = np.random.default_rng(12)
    activity = rng.normal(size=(4, classes * group * places)).astype(dtype)
    labels = rng.integers(classes, size=4)
    where = {"classes": classes, "places": places}
    for power, loss, grad in (
        (2, cwc_loss, cwc_loss_grad),
        (1, deeper_forward_loss, deeper_forward_loss_grad),
    ):
        y = leaf(activity)
        theirs = F.cross_entropy(torch_groups(y, classes, places, power), torch.tensor(labels))
        mine, gradient = loss(activity, labels, **where), grad(activity, labels, **where)
        assert_agrees(mine, (gradient,), theirs, (y,), dtype)
    y = leaf(activity)
    goodness = torch_groups(y, classes, places, 2)
    own = F.one_hot(torch.tensor(labels), classes).bool()
    rest = goodness[~own].reshape(4, classes - 1).mean(dim=1)
    theirs = F.softplus(torch.cat([0.9 - goodness[own], rest - 0.9])).mean()
    mine = cwc_pvn_loss(activity, labels, threshold=0.9, **where)
    gradient = cwc_pvn_loss_grad(activity, labels, threshold=0.9, **where)
    assert_agrees(mine, (gradient,), theirs, (y,), dtype)


@each_float
def test_scff(dtype):
    activity = np.random.default_rng(13).normal(size=(6, 4)).astype(dtype)
    polarity = paired_context(np.zeros(3, int), activity.dtype).polarity
    how = {"positive_threshold": 1.1, "negative_threshold": 0.6, "penalty": 0.3}
    y = leaf(activity)
    positive, negative = y.pow(2).mean(dim=1).split(3)
    # the code's penalty: the 2-norm over an axis of one entry
    price = torch.linalg.vector_norm(positive[:, None], dim=1).mean()
    theirs = F.softplus(1.1 - positive).mean() + F.softplus(negative - 0.6).mean() + 0.3 * price
    mine, gradient = (
        scff_loss(activity, polarity, **how),
        scff_loss_grad(activity, polarity, **how),
    )
    assert_agrees(mine, (gradient,), theirs, (y,), dtype)


@each_float
def test_distance_forward(dtype):
    rng = np.random.default_rng(14)
    activity, centroids = (rng.normal(size=(n, 4)).astype(dtype) for n in (5, 3))
    labels = rng.integers(3, size=5)
    y = leaf(activity)
    near = -torch.cdist(F.normalize(y, dim=1), torch.tensor(centroids)).pow(2)
    handicap = 0.4 * F.one_hot(torch.tensor(labels), 3).to(near.dtype)
    theirs = F.cross_entropy(1.5 * (near - handicap), torch.tensor(labels))
    how = {"scale": 1.5, "margin": 0.4}
    mine = distance_forward_loss(activity, labels, centroids, **how)
    gradient = distance_forward_loss_grad(activity, labels, centroids, **how)
    assert_agrees(mine, (gradient,), theirs, (y,), dtype)
