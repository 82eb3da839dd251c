"""The two sides of benchmarks/bench_steps.py compute the same, at sizes of a second."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from conv_steps_in_torch import FORMATS, ConvHFF
from step_problems import InFfref, Shape, make_problem
from step_values import STEPS, check_doubles, check_singles, record
from steps_in_torch import SIDES

pytestmark = pytest.mark.torch
SHAPES = {"overlay": Shape(784, (30, 20), 16, 10, 40), "append": Shape(25, (30, 20), 16, 10, 40)}


@pytest.fixture(params=SHAPES)
def shape(request):
    return SHAPES[request.param]


@pytest.mark.parametrize(("kind", "name"), SIDES)
def test_both_sides_take_the_same_steps(kind, name, shape):
    case = {"shape": shape}
    ours = record(InFfref(kind, shape, "float64"), STEPS)
    theirs = record(SIDES[kind, name](make_problem(kind, shape)[0], "float64"), STEPS)
    assert check_doubles(ours, theirs, case) < 1
    for single in (InFfref(kind, shape), SIDES[kind, name](make_problem(kind, shape)[0])):
        assert check_singles(record(single, 1)[1], ours[1], ours[0], case) < 1


@pytest.mark.parametrize(("kind", "name"), SIDES)
def test_a_gradient_that_is_one_per_cent_off_is_seen(kind, name, shape):
    case = {"shape": shape}
    ours = record(InFfref(kind, shape, "float64"), STEPS)
    theirs = record(SIDES[kind, name](make_problem(kind, shape)[0], "float64"), STEPS)
    single = record(InFfref(kind, shape), 1)[1]
    for array in ("moment of weight 2", "moment of bias 1", "losses", "scores"):
        theirs[1][array] *= 1.01
        single[array] *= 1.01
        with pytest.raises(ValueError, match=array):
            check_doubles(ours, theirs, case)
        with pytest.raises(ValueError, match=array):
            check_singles(single, ours[1], ours[0], case)
        theirs[1][array] /= 1.01
        single[array] /= 1.01


# -- convolutional blocks ------------------------------------------------------------------------

CONV = Shape(192, ((6, 1, 2, 5, 2), (8, 1, 1, 6, 2), (9, 1, 2, 7, 1)), 16, 10, 40)


@pytest.mark.parametrize("memory", FORMATS)
def test_both_sides_take_the_same_steps_through_blocks(memory):
    case = {"shape": CONV}

    def theirs_in(dtype):
        return ConvHFF(make_problem("hff-conv", CONV)[0], dtype, memory)

    ours = record(InFfref("hff-conv", CONV, "float64"), STEPS)
    theirs = record(theirs_in("float64"), STEPS)
    assert check_doubles(ours, theirs, case) < 1
    for single in (InFfref("hff-conv", CONV), theirs_in("float32")):
        assert check_singles(record(single, 1)[1], ours[1], ours[0], case) < 1
    single = record(InFfref("hff-conv", CONV), 1)[1]
    for array in ("moment of weight 2", "moment of scale 1", "running_mean 3", "losses", "scores"):
        theirs[1][array] *= 1.01
        single[array] *= 1.01
        with pytest.raises(ValueError, match=array):
            check_doubles(ours, theirs, case)
        with pytest.raises(ValueError, match=array):
            check_singles(single, ours[1], ours[0], case)
        theirs[1][array] /= 1.01
        single[array] /= 1.01
