"""The claims about Forward-Forward, each as a short run on the bundled digits."""

import numpy as np
import pytest

from ffref.experiments.claims_ff import (
    BLACK_BOX,
    Hardware,
    ablation_claim,
    black_box_claim,
    hardware_claim,
    on_hardware,
    pipeline_claim,
    three_levels,
)
from ffref.experiments.claims_setup import RMS, Settings, standardized_digits, train_ff
from ffref.formulas import NORMS

SHORT = Settings(hidden=(64, 64), epochs=12)


@pytest.fixture(scope="module")
def digits():
    return standardized_digits()


def test_data_are_standardised_by_the_training_part(digits):
    varied = digits.X.std(axis=0) > 0
    np.testing.assert_allclose(digits.X.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(digits.X[:, varied].std(axis=0), 1, rtol=1e-4)
    assert digits.X_test.dtype == np.float32


@pytest.mark.parametrize("ahead", [0, 2])
def test_a_pipeline_of_layers_is_the_ordinary_loop_and_stores_nothing(digits, ahead):
    deep = Settings(hidden=(32,) * 6, epochs=1)
    result = pipeline_claim(digits, deep, batches_ahead=ahead)
    assert result.same_bits
    if ahead == 0:
        # what a layer reads, and what it makes of it: at any depth
        assert result.most_alive == 2
    else:
        assert result.most_alive <= 2 + ahead * 5


def test_the_comparison_of_bits_can_fail(digits, monkeypatch):
    short = Settings(hidden=(16, 16), epochs=1)
    monkeypatch.setattr(
        "ffref.experiments.claims_ff.train_ff",
        lambda data, settings: train_ff(data, settings._replace(learning_rate=0.0031)),
    )
    assert not pipeline_claim(digits, short, batches_ahead=0).same_bits


def test_a_black_box_between_layers(digits):
    result = black_box_claim(digits, SHORT)
    assert result.ff > 0.9
    assert abs(result.ff_with_box - result.ff) < 0.04
    assert result.backprop > 0.95
    # nothing below the box moved: a softmax on random features is what is left
    assert result.backprop_layers_moved == (False, False, True)
    assert result.backprop_with_box < result.backprop - 0.03


def test_the_box_has_three_levels_and_no_slope():
    x = np.random.default_rng(0).normal(size=(20, 50)).astype(np.float32)
    assert set(np.unique(three_levels(x))) <= {0, 1, 2}
    out = BLACK_BOX.value(x)
    assert out.dtype == x.dtype
    assert all(len(np.unique(row)) <= 3 for row in out)
    nudged = BLACK_BOX.value(x * np.float32(1 + 1e-6))
    np.testing.assert_array_equal(nudged, out)
    assert not BLACK_BOX.vjp(np.ones_like(x), x).any()


def test_hardware_rounds_weights_and_gives_each_unit_its_gain(digits):
    network = train_ff(digits, Settings(hidden=(8,), epochs=1))
    (same,) = on_hardware(network, Hardware(0.0, None)).layers
    np.testing.assert_array_equal(same.weights.weight, network.layers[0].weights.weight)
    (coarse,) = on_hardware(network, Hardware(0.0, 4)).layers
    assert 2 < len(np.unique(coarse.weights.weight)) <= 15
    (noisy,) = on_hardware(network, Hardware(0.5, None)).layers
    gains = noisy.weights.weight / network.layers[0].weights.weight
    np.testing.assert_allclose(gains, np.broadcast_to(gains[0], gains.shape), rtol=1e-5)
    assert np.log(gains[0]).std() > 0.1
    (again,) = on_hardware(network, Hardware(0.5, None)).layers
    np.testing.assert_array_equal(again.weights.weight, noisy.weights.weight)


def test_imprecise_hardware(digits):
    devices = [Hardware(0.0, None), Hardware(1.0, 8)]
    precise, rough = hardware_claim(digits, SHORT, devices)
    assert precise.ff == precise.ff_moved
    assert precise.backprop == precise.backprop_moved
    assert rough.ff > 0.9
    # weights that learned elsewhere do not fit this device
    assert rough.ff_moved < rough.ff - 0.1


def test_without_normalisation_the_second_layer_copies_the_first(digits):
    short = SHORT._replace(hidden=(16, 128))
    with_norm = ablation_claim(digits, short, RMS)
    without = ablation_claim(digits, short, NORMS["none"])
    assert with_norm.first_error == without.first_error < 0.1
    # random weights on top of the first layer know the answer already, by the length of its row
    assert without.untrained_error < 2 * without.first_error
    assert with_norm.untrained_error > 0.3
    assert with_norm.second_error < 0.1
    assert without.correlation > with_norm.correlation
