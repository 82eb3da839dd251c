"""Kinds of layers: what a step asks of a layer, whatever its weights are tied to.

Between layers, rows stay flat, (batch, features), so that norms, goodness, objectives, readouts
and negatives know nothing of images; an image (height, width, channels) is its row in row-major
order. Derivation: docs/derivations/local_step.md, equations LOCAL.1 and LOCAL.4 to LOCAL.6, over
the page of each layer.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from ffref.formulas import relu_vjp
from ffref.layers.block import (
    Block,
    BlockForm,
    advance_block,
    block_features_grads,
    block_forward,
    block_input_grad,
    block_sums_grad,
    block_units,
    block_weight_grad,
    rows_at_once,
    spread,
)
from ffref.layers.convolution import Conv, conv_grads, conv_input_grad, conv_relu
from ffref.layers.dense import Dense, dense_input_grad
from ffref.layers.labelled import each_version, layer_grads, layer_relu
from ffref.layers.local_fields import (
    LocalFields,
    local_fields_grads,
    local_fields_input_grad,
    local_fields_relu,
)
from ffref.layers.windows import Window, as_images, as_rows, places_of
from ffref.types import Array, LabelledRows, LayerInput

Weights = Any
"""A record of arrays, Dense, Conv, LocalFields or Block: first those that are learned, then state
that training carries along (running statistics)."""


ROWS_AT_ONCE = 1024
"""Rows that inference hands over at a time, to bound memory; results do not depend on it."""


class LayerPass(NamedTuple):
    """What a layer makes of a batch."""

    activity: Array
    """(batch, units): what the layer above sees"""
    features: Array
    """(batch, features): what the objective reads; of most layers the activity itself"""
    kept: Any = None
    """for the way back, of kinds that need more; used up by it"""


class SumsGrad(NamedTuple):
    """The way back from a layer's features to its weighted sums."""

    d_sums: Array
    """flat rows: derivative in the weighted sums"""
    d_others: tuple[Array, ...] = ()
    """derivatives in the learned arrays behind the weighted sums"""
    d_activity: Array | None = None
    """where the input has a way of its own into the activity"""


class LayerKind(NamedTuple):
    """A layer without its arrays: a record of functions, geometry bound."""

    record: Callable[..., Any]
    """(*arrays) -> the arrays in this kind's own record"""
    forward: Callable[[Any, LayerInput, bool], LayerPass]
    """(weights, x, training); statistics of the batch are taken in training only"""
    sums_grad: Callable[[Any, LayerPass, Array | None, Array | None, Array | None], SumsGrad]
    """(weights, passed, d_features, above, rule): `above`, the derivative in the activity that a
    chain brings down (a local step has none), `rule`, what is added behind the nonlinearity; at
    least one of the first two"""
    grads: Callable[[LayerInput, Array], tuple[Array, ...]]
    """(x, d_sums) -> derivatives in the arrays of the weighted sums; `d_others` follow them"""
    input_grad: Callable[[Any, SumsGrad], Array]
    """(weights, back) -> d_x; for chains through several layers, never called by a local step"""
    units: Callable[[Any], int]
    """(weights) -> number of features"""
    decayed: tuple[bool, ...] = (True, False)
    """of each learned array, whether weight decay acts on it; arrays after these are state"""
    advance: Callable[[Any, LayerPass], tuple[Array, ...]] | None = None
    """(weights, passed) -> the state after a step in training; None: there is none"""
    each_version: Callable[[Any, LabelledRows], Iterator[Array]] | None = None
    """(weights, rows) -> the activity with each version's labels in turn, from one product; None:
    the kind takes plain rows only"""
    rows_at_once: int = ROWS_AT_ONCE


def _relu_forward(
    weights: Weights, x: LayerInput, training: bool, *, relu: Callable[[Any, LayerInput], Array]
) -> LayerPass:
    activity = relu(weights, x)
    return LayerPass(activity, activity)


def _relu_sums_grad(
    weights: Weights,
    passed: LayerPass,
    d_features: Array | None,
    above: Array | None,
    rule: Array | None,
) -> SumsGrad:
    d_sums = relu_vjp(_sum(d_features, above), passed.activity)  # (LOCAL.4)
    if rule is not None:
        d_sums += rule  # (LOCAL.6)
    return SumsGrad(d_sums)


def _sum(one: Array | None, other: Array | None) -> Array:
    """Of those that there are."""
    if one is not None and other is not None:
        return one + other
    present = other if one is None else one
    if present is None:
        raise ValueError("a way back needs a derivative in the features or in the activity")
    return present


def _dense_input_grad(dense: Dense, back: SumsGrad) -> Array:
    return dense_input_grad(dense, back.d_sums)


def _units(weights: Dense | LocalFields) -> int:
    return weights.bias.size


DENSE = LayerKind(
    Dense,
    partial(_relu_forward, relu=layer_relu),
    _relu_sums_grad,
    layer_grads,
    _dense_input_grad,
    _units,
    each_version=each_version,
)
"""Every unit sees every feature; takes `LabelledRows` as well."""


def local_fields_kind(window: Window) -> LayerKind:
    """Windows whose weights differ from place to place, on flat rows.

    Examples
    --------
    Two places of one row of three pixels, 2 channels each: 4 units.

    >>> import numpy as np
    >>> kind = local_fields_kind(Window((1, 3, 1), size=(1, 2), stride=(1, 1), padding=(0, 0)))
    >>> weight = np.array([[[1.0, 2.0], [1.0, 0.0]], [[3.0, -1.0], [0.0, 1.0]]])
    >>> fields = LocalFields(weight.reshape(1, 2, 1, 2, 1, 2), np.zeros((1, 2, 2)))
    >>> kind.forward(fields, np.array([[1.0, 10.0, 100.0]]), False).activity
    array([[11.,  2., 30., 90.]])
    """
    return LayerKind(
        LocalFields,
        partial(_relu_forward, relu=partial(_window_relu, window=window, relu=local_fields_relu)),
        _relu_sums_grad,
        partial(_window_grads, window=window, grads=local_fields_grads),
        partial(_window_input_grad, window=window, input_grad=local_fields_input_grad),
        _units,
    )


def conv_kind(window: Window) -> LayerKind:
    """Windows that share their weights, on flat rows.

    Examples
    --------
    >>> import numpy as np
    >>> kind = conv_kind(Window((1, 3, 1), size=(1, 2), stride=(1, 1), padding=(0, 0)))
    >>> conv = Conv(np.array([[1.0, 2.0], [1.0, 0.0]]).reshape(1, 2, 1, 2), np.zeros(2))
    >>> kind.forward(conv, np.array([[1.0, 10.0, 100.0]]), False).activity
    array([[ 11.,   2., 110.,  20.]])
    """
    return LayerKind(
        Conv,
        partial(_relu_forward, relu=partial(_window_relu, window=window, relu=conv_relu)),
        _relu_sums_grad,
        partial(_window_grads, window=window, grads=conv_grads),
        partial(_window_input_grad, window=window, input_grad=conv_input_grad),
        partial(_conv_units, window=window),
    )


def block_kind(form: BlockForm) -> LayerKind:
    """Convolution, normalisation, relu and pooling, with or without an auxiliary convolution.

    Its features are those of the auxiliary convolution, where there is one, and signed: no relu
    follows it.

    Examples
    --------
    One row of two pixels, a convolution that doubles them, the larger one taken:

    >>> import numpy as np
    >>> from ffref.layers import BlockForm, draw_block
    >>> form = BlockForm(Window((1, 2, 1), (1, 1), (1, 1), (0, 0)), pool=(1, 2), norm="none")
    >>> block = draw_block(np.random.default_rng(0), form, channels=1, gain=2.0)
    >>> block.weight[:] = 2.0
    >>> block_kind(form).forward(block, np.array([[3.0, -1.0]], np.float32), True).features
    array([[6.]], dtype=float32)
    """
    return LayerKind(
        Block,
        partial(_block_forward, form=form),
        partial(_block_sums_grad, form=form),
        partial(_block_grads, form=form),
        partial(_block_input_grad, form=form),
        partial(block_units, form=form),
        decayed=(True, False, False, True, False),
        advance=_advance_block,
        rows_at_once=rows_at_once(form),
    )


def _block_forward(block: Block, x: LayerInput, training: bool, *, form: BlockForm) -> LayerPass:
    passed = block_forward(block, as_images(x, form.window.image), form, training=training)
    activity, features = as_rows(passed.activity), as_rows(passed.features)
    return LayerPass(activity, features, passed)


def _block_sums_grad(
    block: Block,
    passed: LayerPass,
    d_features: Array | None,
    above: Array | None,
    rule: Array | None,
    *,
    form: BlockForm,
) -> SumsGrad:
    if rule is not None:
        raise ValueError(
            "a rule that acts behind the nonlinearity has no place in a block, whose features are "
            "pooled or pass an auxiliary convolution; use layers of another kind"
        )
    kept = passed.kept
    whole = None if above is None else above.reshape(kept.activity.shape)
    in_cells, d_auxiliary = block_features_grads(block, kept, d_features)
    if whole is not None and in_cells is not None:
        in_cells = spread(in_cells, whole.shape)
    d_cells = _sum(in_cells, whole)
    d_sums, d_norm = block_sums_grad(block, kept, d_cells, form)
    return SumsGrad(as_rows(d_sums), (*d_norm, *d_auxiliary), d_cells)


def _block_grads(x: LayerInput, d_sums: Array, *, form: BlockForm) -> tuple[Array, ...]:
    window = form.window
    return (block_weight_grad(as_images(x, window.image), _as_places(d_sums, window), form),)


def _block_input_grad(block: Block, back: SumsGrad, *, form: BlockForm) -> Array:
    d_sums = _as_places(back.d_sums, form.window)
    return as_rows(block_input_grad(block, d_sums, back.d_activity, form))


def _advance_block(block: Block, passed: LayerPass) -> tuple[Array, ...]:
    return advance_block(block, passed.kept)


def _window_relu(
    weights: Weights, x: LayerInput, *, window: Window, relu: Callable[..., Array]
) -> Array:
    """`relu`, which takes images, of flat rows."""
    images = as_images(x, window.image)
    return as_rows(relu(weights, images, stride=window.stride, padding=window.padding))


def _conv_units(conv: Conv, *, window: Window) -> int:
    down, right = places_of(window)
    return conv.bias.size * down * right


def _window_grads(
    x: LayerInput, d_sums: Array, *, window: Window, grads: Callable[..., tuple[Array, ...]]
) -> tuple[Array, ...]:
    return grads(
        as_images(x, window.image),
        _as_places(d_sums, window),
        kernel_size=window.size,
        stride=window.stride,
        padding=window.padding,
    )


def _window_input_grad(
    weights: object, back: SumsGrad, *, window: Window, input_grad: Callable[..., Array]
) -> Array:
    d_images = input_grad(
        weights,
        _as_places(back.d_sums, window),
        input_size=window.image[:2],
        stride=window.stride,
        padding=window.padding,
    )
    return as_rows(d_images)


def _as_places(d_sums: Array, window: Window) -> Array:
    return d_sums.reshape(len(d_sums), *places_of(window), -1)
