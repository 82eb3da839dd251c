"""Goodness at the start, the named recipes, and the warning for a mix."""

import warnings

import numpy as np
import pytest

from ffref.formulas import (
    GOODNESS,
    GOODNESS_RECIPES,
    NORMS,
    relu,
    starting_goodness,
    warn_if_mixed,
)

SIZES = {"units": 500, "in_units": 784}


@pytest.mark.parametrize("norm", ["rms", "layer", "l2"])
@pytest.mark.parametrize("name", GOODNESS)
def test_starting_goodness_is_what_a_fresh_layer_has(name, norm):
    rng = np.random.default_rng(3)
    x = NORMS[norm].value(rng.uniform(size=(200, 784)))
    weight = rng.standard_normal((784, 500)) / np.sqrt(784)
    measured = GOODNESS[name].value(relu(x @ weight)).mean()
    # all rows share one direction where x is not centred, so 500 units are the sample
    assert measured == pytest.approx(starting_goodness(name, norm, **SIZES), rel=0.25)


def test_starting_goodness_by_hand():
    # one unit on one input: half of the square of +-w, w of variance 1
    assert starting_goodness("sum", "l2", units=1, in_units=1) == 0.5
    assert starting_goodness("negative-sum", "rms", units=6, in_units=9) == -3
    assert starting_goodness("mean", "l2", units=6, in_units=10) == pytest.approx(0.05)


@pytest.mark.parametrize("name", GOODNESS_RECIPES)
@pytest.mark.parametrize("units", [1, 12, 500, 4000])
def test_named_recipes_are_silent(name, units):
    recipe = GOODNESS_RECIPES[name]
    assert recipe.goodness in GOODNESS
    assert recipe.norm in NORMS
    threshold = recipe.threshold_of(units)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_mixed(recipe.goodness, recipe.threshold, recipe.norm, units=units, in_units=784)
        warn_if_mixed(recipe.goodness, threshold, recipe.norm, units=units, in_units=784)
        warn_if_mixed(
            f"negative-{recipe.goodness}", -threshold, recipe.norm, units=units, in_units=784
        )


@pytest.mark.parametrize(
    ("goodness", "threshold", "norm"),
    [("mean", 2.0, "rms"), ("mean", 1.0, "layer"), ("sum", 1000.0, "rms"), ("sum", 2.0, "l2"),
     ("sum", 2.0, "none"), ("negative-mean", -2.0, "rms")],
)  # fmt: skip
def test_what_goes_together_is_silent(goodness, threshold, norm):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_mixed(goodness, threshold, norm, **SIZES)


@pytest.mark.parametrize(
    ("goodness", "threshold", "norm"),
    [("sum", 2.0, "rms"), ("mean", 500.0, "rms"), ("sum", None, "l2"), ("mean", 500.0, "l2"),
     ("mean", None, "rms"), ("mean", 1.0, "l2"), ("negative-sum", 500.0, "rms"),
     ("sum", 0.0, "rms")],
)  # fmt: skip
def test_a_mix_is_warned_of(goodness, threshold, norm):
    with pytest.warns(UserWarning, match=r"\{sum, number of units, rms\} or \{mean, 2.0, l2\}"):
        warn_if_mixed(goodness, threshold, norm, **SIZES)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="negative-mean"):
        starting_goodness("product", "rms", **SIZES)
    with pytest.raises(ValueError, match="rms, layer"):
        starting_goodness("sum", "none", **SIZES)
    with pytest.raises(ValueError, match="finite"):
        warn_if_mixed("sum", np.nan, "rms", **SIZES)
    with pytest.raises(ValueError, match="rms, layer"):
        warn_if_mixed("sum", 1.0, "batch", **SIZES)
