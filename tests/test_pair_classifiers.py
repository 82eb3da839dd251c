"""SymBa, cumulative goodness and layer collaboration as classifiers."""

import numpy as np
import pytest

from ffref import CumulativeFFClassifier, LayerCollaborationClassifier, SymBaClassifier
from ffref.formulas.free_riding import REMEDIES
from tests.cli_support import run
from tests.small_data import blobs
from tests.small_models import outputs, same, small


def fitted(kind, **choices):
    X, y = blobs()
    return small(kind, max_iter=4, learning_rate_init=0.01, **choices).fit(X, y)


def weights(model):
    return [array for layer in model.state_.network.layers for array in layer.weights]


def test_per_block_is_symba():
    X, _ = blobs()
    one, other = fitted(CumulativeFFClassifier, remedy="per-block"), fitted(SymBaClassifier)
    for mine, theirs in zip(weights(one), weights(other), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-6)
    # steepness reaches both
    steep = [fitted(CumulativeFFClassifier, remedy="per-block", steepness=1.0),
             fitted(SymBaClassifier, steepness=1.0)]  # fmt: skip
    np.testing.assert_allclose(*(weights(model)[2] for model in steep), rtol=1e-4, atol=1e-6)
    assert not same(outputs(steep[0], X), outputs(one, X))


def test_remedies_leave_the_first_layer_and_change_the_others():
    models = [fitted(CumulativeFFClassifier, remedy=remedy) for remedy in REMEDIES]
    first, second = ([weights(model)[place] for model in models] for place in (0, 2))
    for array in first[1:]:
        np.testing.assert_allclose(array, first[0], rtol=1e-2, atol=1e-4)
    assert len({array.tobytes() for array in second}) == len(REMEDIES)


def test_thresholds_of_layer_collaboration_grow_with_the_layers_summed():
    X, _ = blobs()
    by_default = fitted(LayerCollaborationClassifier, hidden_layer_sizes=(8,))
    for given in ({"threshold": 8.0}, {"threshold": 8.0, "others": "all"}):
        same_one = fitted(LayerCollaborationClassifier, hidden_layer_sizes=(8,), **given)
        assert same(outputs(same_one, X), outputs(by_default, X))
    deep = fitted(LayerCollaborationClassifier, hidden_layer_sizes=(8, 8), others="all")
    as_told = fitted(
        LayerCollaborationClassifier, hidden_layer_sizes=(8, 8), others="all", threshold=16.0
    )
    assert same(outputs(deep, X), outputs(as_told, X))


@pytest.mark.parametrize("others", ["below", "all"])
def test_layer_collaboration_learns(others):
    X, y = blobs()
    model = small(
        LayerCollaborationClassifier, hidden_layer_sizes=(32, 32), max_iter=40, others=others,
        learning_rate_init=0.01, label_strength=4.0,
    ).fit(X, y)  # fmt: skip
    assert model.score(X, y) > 0.9


def test_a_weight_of_nothing_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ("train", "cumulative", "--carried-weight", "0.5", "--remedy", "per-block")
    outcome = run(*arguments)
    assert outcome.code == 2
    assert "--carried-weight does nothing alone; it goes with --remedy none" in outcome.err
