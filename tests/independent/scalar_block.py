"""A convolutional block by its definition: normalise, relu, pool, add, convolve 1x1, average.

Nested lists, batch / row / column / channel. Pooling comes behind the relu and the average behind
the auxiliary convolution, as the words say; the package does both the other way round.
"""

from . import scalar_batch_norm, scalar_images, scalar_norms
from .precision import mp, zeros

EPS = mp.mpf(1e-5)  # the float of that name


def indices(shape):
    from itertools import product

    return product(*(range(size) for size in shape))


def by_channel(images, shape, function):
    """Apply `function` to the list of all numbers of each channel."""
    out = zeros(shape)
    for c in range(shape[3]):
        where = [(*place, c) for place in indices(shape[:3])]
        column = function([scalar_images.at(images, index) for index in where], c)
        for index, value in zip(where, column, strict=True):
            scalar_images.add(out, index, value)
    return out


def by_row(images, shape, function):
    """Apply `function` to the list of all numbers of each image."""
    out = zeros(shape)
    for n in range(shape[0]):
        where = [(n, *place) for place in indices(shape[1:])]
        row = function([scalar_images.at(images, index) for index in where])
        for index, value in zip(where, row, strict=True):
            scalar_images.add(out, index, value)
    return out


def normalised(a, shape, norm):
    if norm == "batch":
        return by_channel(a, shape, lambda column, _: scalar_batch_norm.normalized(column, EPS))
    if norm == "none":
        return a
    return by_row(a, shape, getattr(scalar_norms, f"{norm}_normalize"))


def block(images, shape, arrays, form):
    """(activity, its shape, features, their shape); arrays weight, scale, shift, V, v in lists.

    form: size, stride, padding, pool, norm, grid, residual, groups
    """
    weight, scale, shift, auxiliary_weight, auxiliary_bias = arrays
    channels = len(shift)
    weight_shape = (*form.size, shape[3] // form.groups, channels)
    geometry = form.stride, form.padding, form.groups
    products = list(scalar_images.conv_products(shape, weight_shape, *geometry))
    out = scalar_images.output_shape(shape, form.size, form.stride, form.padding, channels)
    z = normalised(scalar_images.weighted(products, images, weight, out), out, form.norm)

    def relu(column, c):
        factor = scale[c] if scale else mp.mpf(1)
        return [max(mp.mpf(0), factor * value + shift[c]) for value in column]

    y, _ = scalar_images.max_pool(by_channel(z, out, relu), out, form.pool, form.pool)
    places = scalar_images.output_shape(out, form.pool, form.pool, (0, 0), channels)
    if form.residual:
        ratio = shape[1] // places[1], shape[2] // places[2]
        same = scalar_images.average_pool(images, shape, ratio, ratio)
        for index in indices((*places[:3], shape[3])):
            scalar_images.add(y, index, scalar_images.at(same, index))
    if form.grid is None:
        return y, places, y, places
    cell = places[1] // form.grid[0], places[2] // form.grid[1]
    if not auxiliary_bias:
        means = scalar_images.average_pool(y, places, cell, cell)
        return y, places, means, (places[0], *form.grid, channels)
    outputs = len(auxiliary_bias)
    pixels = zeros((*places[:3], outputs))
    for *place, o in indices((*places[:3], outputs)):
        terms = [
            scalar_images.at(y, (*place, c)) * auxiliary_weight[c][o] for c in range(channels)
        ]
        scalar_images.add(pixels, (*place, o), mp.fsum(terms) + auxiliary_bias[o])
    features = scalar_images.average_pool(pixels, (*places[:3], outputs), cell, cell)
    return y, places, features, (places[0], *form.grid, outputs)
