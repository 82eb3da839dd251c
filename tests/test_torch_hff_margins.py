"""Autograd of PyTorch through acos, floor and max, against the hand-derived margins of HFF."""

import numpy as np
import pytest

from ffref.negatives import labelled_context
from ffref.objectives.hff import hff, hff_params
from tests.hff_margin_functions import margin_loss, margin_loss_grads, margin_options
from tests.independent.cases import HFF_REGULAR, MARGIN_CASES, MarginCase, hff_arrays
from tests.independent.compare import SCALED, SCALED_FLOAT32, scaled_close, wrong_versions

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch
functional = torch.nn.functional

each_float = pytest.mark.parametrize("dtype", [np.float64, np.float32])
PLAIN_CASES = [MarginCase("additive-cosine", case) for case in HFF_REGULAR]


def bent(angle, kind, m):
    if kind == "additive-angular":
        return torch.where(angle > np.pi - m, angle.cos() - m * np.sin(m), (angle + m).cos())
    piece = torch.floor(m * angle / np.pi)
    return (-1) ** piece * (m * angle).cos() - 2 * piece


def torch_loss(case, h, labels, prototypes, temperature):
    """The loss of every kind; temperature a number or a leaf."""
    kind, settings = case.kind, case.hff
    groups = prototypes if prototypes.ndim == 3 else prototypes.unsqueeze(1)
    cosines = functional.cosine_similarity(h[:, None, None, :], groups[None], dim=-1, eps=1e-30)
    y = torch.tensor(labels)
    own = functional.one_hot(y, groups.shape[0]).to(h.dtype)
    if kind.endswith("angular"):
        turned = bent(cosines.acos(), kind, settings.margin)
        cosines = torch.where(own[:, :, None] > 0, turned, cosines)
        own = own * 0
    beta = 1 / temperature if settings.sharpness is None else settings.sharpness
    scores = (torch.logsumexp(beta * cosines, dim=2) - np.log(groups.shape[1])) / beta
    logits = (scores - settings.margin * own) / temperature
    if kind not in ("pairwise", "hardest"):
        return functional.cross_entropy(logits, y, label_smoothing=settings.smoothing)
    mask = functional.one_hot(y, groups.shape[0]) == 0
    others = logits[mask].reshape(len(labels), -1)
    true = logits.gather(1, y[:, None])
    if kind == "hardest":
        return functional.softplus(others.max(dim=1).values - true[:, 0]).mean()
    return functional.softplus(others - true).sum(dim=1).mean()


def assert_agrees(gradient, theirs, dtype):
    tolerance = SCALED_FLOAT32 if dtype == np.float32 else SCALED
    assert gradient.dtype == dtype
    assert scaled_close(gradient, theirs, tolerance)
    for name, wrong in wrong_versions(gradient):
        assert not scaled_close(wrong, theirs, tolerance), name


@each_float
@pytest.mark.parametrize("case", MARGIN_CASES, ids=lambda case: case.name)
def test_margins(case, dtype):
    activity, labels, prototypes = hff_arrays(case.hff)
    activity, prototypes = activity.astype(dtype), prototypes.astype(dtype)
    h, p = (torch.tensor(array, requires_grad=True) for array in (activity, prototypes))
    theirs = torch_loss(case, h, labels, p, case.hff.temperature)
    theirs.backward()
    options = margin_options(case)
    mine = margin_loss(case.kind)(activity, labels, prototypes, **options)
    assert np.isclose(mine, theirs.item(), rtol=1e-5 if dtype == np.float32 else 1e-12)
    gradients = margin_loss_grads(case.kind)(activity, labels, prototypes, **options)
    assert_agrees(gradients[0], h.grad.numpy(), dtype)
    assert_agrees(gradients[1], p.grad.numpy(), dtype)


@pytest.mark.parametrize(
    "case", [*PLAIN_CASES[::2], *MARGIN_CASES[::2]], ids=lambda case: f"{case.kind} {case.name}"
)
def test_learned_temperature(case):
    activity, labels, prototypes = hff_arrays(case.hff)
    h, p = (torch.tensor(array, requires_grad=True) for array in (activity, prototypes))
    log_temperature = torch.tensor(
        [np.log(case.hff.temperature)], dtype=torch.float64, requires_grad=True
    )
    torch_loss(case, h, labels, p, log_temperature.exp()).backward()
    objective = hff(
        temperature=1.0,  # the learned one counts
        sharpness=case.hff.sharpness,
        margin=case.hff.margin,
        label_smoothing=case.hff.smoothing,
        margin_kind=case.kind,
        learn_temperature=True,
    )
    params = hff_params(prototypes, temperature=case.hff.temperature, learn_temperature=True)
    context = labelled_context(labels, np.dtype(np.float64))
    d_activity, (d_log, d_prototypes) = objective.grads(activity, context, params)
    assert_agrees(d_log, log_temperature.grad.numpy(), np.float64)
    assert_agrees(d_activity, h.grad.numpy(), np.float64)
    assert_agrees(d_prototypes, p.grad.numpy(), np.float64)
