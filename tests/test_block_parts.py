"""Convolutional blocks: descriptions, first weights, and the kernels by themselves."""

import numpy as np
import pytest

from ffref import kernels, layers
from ffref.kernels import gated_norm
from ffref.kernels._jit import python_version
from ffref.layers import describe_layers
from tests.block_cases import BLOCK_CASES, planned

BAD = [
    ("block", "must be one of ('dense', units)"),
    (("block",), "must be ('block', {'channels'"),
    (("block", 3), "must be a dictionary with 'channels'"),
    (("block", {"size": 3}), "must be a dictionary with 'channels'"),
    (("block", {"channels": 3, "width": 2}), "must be a dictionary with 'channels'"),
    (("block", {"channels": 0}), "channels of layer 1 of layers must be a whole number"),
    (("block", {"channels": 3, "norm": "row"}), "norm of layer 1 of layers must be one of batch"),
    (("block", {"channels": 3, "residual": 1}), "residual of layer 1 of layers must be True or"),
    (("block", {"channels": 3, "auxiliary": 64}), "must be [channels, grid], as [64, 4]"),
    (("block", {"channels": 3, "auxiliary": [64, 0]}), "auxiliary grid of layer 1 of layers"),
    (("block", {"channels": 3, "pool": 0}), "pool of layer 1 of layers must be"),
    (("block", {"channels": 3, "auxiliary": [4, 3]}), "3 x 3 cells must divide the 4 x 4 places"),
    (("block", {"channels": 1, "residual": True}), "a shortcut takes images of (4, 4, 2) to"),
    (("block", {"channels": 3, "pool": 3, "residual": True, "padding": 2}), None),
    (
        ("block", {"channels": 3, "groups": 0}),
        "groups of layer 1 of layers must be a whole number",
    ),
    (("block", {"channels": 3, "groups": 2}), "2 groups must divide the 2 channels below the"),
    (("block", {"channels": 3, "pool": 5}), "layer 1 of layers: a window of 5 x 5 does not fit"),
]


@pytest.mark.parametrize(("layer", "says"), BAD, ids=[str(case[0]) for case in BAD])
def test_descriptions_that_cannot_be(layer, says):
    def plan():
        return layers.plan_layers(describe_layers([layer]), (4, 4, 2))

    if says is None:  # 6 x 6 places, pooled to 2 x 2: 4 is divided by 2
        assert plan()[0].out_shape == (2, 2, 3)
        return
    with pytest.raises(ValueError, match="layer 1") as error:
        plan()
    assert says in str(error.value)


def test_plan_and_first_weights():
    sizes = ((96, 1, 64, 4), (128, 2, 64, 4), (256, 2, 64, 4), (384, 2, 64, 4), (512, 1, 128, 2))
    five = [
        ("block", {"channels": channels, "pool": pool, "auxiliary": [outputs, grid]})
        for channels, pool, outputs, grid in sizes
    ]
    plan = layers.plan_layers(describe_layers(five), (32, 32, 3))
    assert [layer.out_shape for layer in plan] == [
        (32, 32, 96), (16, 16, 128), (8, 8, 256), (4, 4, 384), (4, 4, 512),
    ]  # fmt: skip
    assert [layer.units for layer in plan] == [1024, 1024, 1024, 1024, 512]
    block = plan[1].draw(np.random.default_rng(0), 2.0)
    assert tuple(array.shape for array in block) == plan[1].shapes
    assert all(array.dtype == np.float32 for array in block)
    assert np.var(block.weight) == pytest.approx(2 / (9 * 96), rel=0.02)
    assert np.var(block.auxiliary_weight) == pytest.approx(1 / 128, rel=0.05)
    for ones in (block.scale, block.running_variance):
        assert (ones == 1).all()
    for nought in (block.shift, block.auxiliary_bias, block.running_mean):
        assert not nought.any()
    grouped = planned(BLOCK_CASES[-1])
    assert grouped.shapes[0] == (3, 1, 2, 6)
    assert grouped.inputs == 6  # of a unit: 3 x 1 pixels, 2 channels
    assert planned(BLOCK_CASES[8]).draw(np.random.default_rng(0), 2.0).scale.size == 0


# -- kernels -------------------------------------------------------------------------------------


def test_a_sign_turns_the_largest_into_the_smallest():
    images = np.random.default_rng(4).standard_normal((2, 5, 4, 3))
    images[0, 0, 0] = np.nan
    sign = np.array([1.0, -1.0, -1.0])
    ours, where = kernels.max_pool2d(images, size=2, sign=sign)
    turned, expected = kernels.max_pool2d(images * sign, size=2)
    np.testing.assert_array_equal(ours, turned * sign)
    np.testing.assert_array_equal(where, expected)
    with pytest.raises(ValueError, match=r"sign must be \(3,\) of float64"):
        kernels.max_pool2d(images, size=2, sign=sign.astype(np.float32))


def test_a_floor_is_a_relu_that_keeps_nan():
    x = np.array([[-2.0, np.nan], [3.0, -np.inf]])
    ones, none = np.ones(2), np.zeros(2)
    out = kernels.normalize_channels(x, none, ones, ones, none, floor=0.0)
    np.testing.assert_array_equal(out, [[0.0, np.nan], [3.0, 0.0]])
    np.testing.assert_array_equal(kernels.normalize_channels(x, none, ones, ones, none), x)


D, X = np.zeros((2, 2, 2, 3)), np.zeros((2, 4, 4, 3))
VECTORS = (np.zeros(3), np.ones(3), np.ones(3), np.zeros(3))
SLOPES = (np.ones(3), np.zeros(3), np.zeros(3))
PLACES = np.zeros((2, 2, 2, 3), np.int32)
REFUSED = [
    (lambda: kernels.gated_slopes(D[0], X, VECTORS), "d_cells must be an array of shape"),
    (lambda: kernels.gated_slopes(D[:1], X, VECTORS), "d_cells must be .2, cells down"),
    (lambda: kernels.gated_slopes(D, X[:, :3], VECTORS), "cells that divide 3 x 4 places"),
    (lambda: kernels.gated_slopes(D.astype(np.float32), X, VECTORS), "must have one dtype"),
    (lambda: pull_back(X[:, ::2], None, (1, 1)), "x must be contiguous"),
    (lambda: pull_back(X, None, (2, 2)), "need the index of their winners"),
    (lambda: pull_back(X, PLACES[:1], (2, 2)), "index must be the int32 array"),
    (lambda: pull_back(X, PLACES.astype(int), (2, 2)), "index must be the int32 array"),
]


def pull_back(x, index, pool):
    kernels.gated_pull_back(D, index, x, VECTORS, SLOPES, pool=pool)


@pytest.mark.parametrize(("call", "says"), REFUSED, ids=[case[1] for case in REFUSED])
def test_kernels_refuse_arrays_that_do_not_fit(call, says):
    with pytest.raises(ValueError, match=says):
        call()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("pool", [(1, 1), (2, 3)])
def test_compiled_loops_are_their_python_bodies(pool, dtype):
    rng = np.random.default_rng(8)
    x = rng.standard_normal((2, 4, 7, 3)).astype(dtype)
    vectors = tuple(rng.standard_normal((4, 3)))
    slopes = tuple(rng.standard_normal((3, 3)))
    taken, index = x, np.empty((0, 0, 0, 0), np.int32)
    if pool != (1, 1):
        taken, index = kernels.max_pool2d(x, size=pool)
    cells = (2, taken.shape[1] // 2, 1, 3)
    d_cells = rng.standard_normal(cells).astype(dtype)
    expected = x.copy()
    python_version(gated_norm.gated_pull_back_loop)(
        d_cells, index, expected, *vectors, *slopes, pool, 0, 2
    )
    sums, products = np.empty((2, 3)), np.empty((2, 3))
    python_version(gated_norm.gated_slopes_loop)(d_cells, taken, *vectors, sums, products, 0, 2)
    found = kernels.gated_slopes(d_cells, taken, vectors)
    kernels.gated_pull_back(
        d_cells, index if pool != (1, 1) else None, x, vectors, slopes, pool=pool
    )
    tolerance = {"rtol": 1e-12} if dtype is np.float64 else {"rtol": 1e-5}
    np.testing.assert_allclose(x, expected, **tolerance)
    np.testing.assert_allclose(found[0], sums.sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found[1], products.sum(axis=0), rtol=1e-12)
