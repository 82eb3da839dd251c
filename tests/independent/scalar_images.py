"""Layers on images, one product at a time: nested lists, batch / row / column / channel.

A convolution, shared or not, is a list of products: which pixel, times which weight, is added to
which output. `conv_products` and `field_products` list them straight from the definition; value
and derivatives are three ways to add up the same list, by the product rule.
"""

from itertools import product

from .precision import mp, zeros


def places(size, window, stride, padding):
    """The positions of a window in a line of `size` pixels."""
    starts = range(-padding, size + padding - window + 1, stride)
    return list(starts)


def window_products(images_shape, window, stride, padding):
    """(image, place, tap, pixel): every pixel under the window, those of the padding left out."""
    batch, height, width = images_shape[:3]
    downs = list(enumerate(places(height, window[0], stride[0], padding[0])))
    rights = list(enumerate(places(width, window[1], stride[1], padding[1])))
    taps = list(product(range(window[0]), range(window[1])))
    for n, (i, top), (j, left), (y, x) in product(range(batch), downs, rights, taps):
        if 0 <= top + y < height and 0 <= left + x < width:
            yield n, (i, j), (y, x), (top + y, left + x)


def conv_products(images_shape, weight_shape, stride, padding, groups=1):
    """(pixel, weight, output) indices of a grouped cross-correlation.

    Output channels come in `groups` equal runs; run g sees the g-th run of input channels.
    """
    *window, seen, outputs = weight_shape
    for n, place, tap, pixel in window_products(images_shape, window, stride, padding):
        for c, o in product(range(seen), range(outputs)):
            group = o * groups // outputs
            yield (n, *pixel, group * seen + c), (*tap, c, o), (n, *place, o)


def field_products(images_shape, weight_shape, stride, padding):
    """(pixel, weight, output) indices where each place has weights of its own."""
    _, _, *window, channels, outputs = weight_shape
    for n, place, tap, pixel in window_products(images_shape, window, stride, padding):
        for c, o in product(range(channels), range(outputs)):
            yield (n, *pixel, c), (*place, *tap, c, o), (n, *place, o)


def at(nested, index):
    for number in index:
        nested = nested[number]
    return nested


def add(nested, index, value):
    *path, last = index
    for number in path:
        nested = nested[number]
    nested[last] += value


def output_shape(images_shape, window, stride, padding, outputs):
    sizes = [
        len(places(images_shape[1 + axis], window[axis], stride[axis], padding[axis]))
        for axis in (0, 1)
    ]
    return (images_shape[0], *sizes, outputs)


def weighted(products, images, weight, shape):
    """out += pixel * weight."""
    out = zeros(shape)
    for pixel, tap, place in products:
        add(out, place, at(images, pixel) * at(weight, tap))
    return out


def weight_grad(products, images, d_out, shape):
    """d_weight += pixel * d_out."""
    d_weight = zeros(shape)
    for pixel, tap, place in products:
        add(d_weight, tap, at(images, pixel) * at(d_out, place))
    return d_weight


def input_grad(products, weight, d_out, shape):
    """d_pixel += weight * d_out."""
    d_images = zeros(shape)
    for pixel, tap, place in products:
        add(d_images, pixel, at(weight, tap) * at(d_out, place))
    return d_images


def windows(images_shape, window, stride):
    """{output: its pixels in row order}, channel by channel."""
    held = {}
    for n, place, _, pixel in window_products(images_shape, window, stride, (0, 0)):
        for c in range(images_shape[3]):
            held.setdefault((n, *place, c), []).append((n, *pixel, c))
    return held


def max_pool(images, images_shape, window, stride):
    """(out, index), index = row * width + column of the first largest pixel."""
    shape = output_shape(images_shape, window, stride, (0, 0), images_shape[3])
    out, index = zeros(shape), zeros(shape)
    for place, pixels in windows(images_shape, window, stride).items():
        largest = max(at(images, pixel) for pixel in pixels)
        first = next(pixel for pixel in pixels if at(images, pixel) == largest)
        add(out, place, largest)
        add(index, place, first[1] * images_shape[2] + first[2])
    return out, index


def max_pool_grad(images, d_out, images_shape, window, stride):
    d_images = zeros(images_shape)
    for place, pixels in windows(images_shape, window, stride).items():
        largest = max(at(images, pixel) for pixel in pixels)
        first = next(pixel for pixel in pixels if at(images, pixel) == largest)
        add(d_images, first, at(d_out, place))
    return d_images


def average_pool(images, images_shape, window, stride):
    out = zeros(output_shape(images_shape, window, stride, (0, 0), images_shape[3]))
    for place, pixels in windows(images_shape, window, stride).items():
        add(out, place, mp.fsum([at(images, pixel) for pixel in pixels]) / len(pixels))
    return out


def average_pool_grad(d_out, images_shape, window, stride):
    d_images = zeros(images_shape)
    for place, pixels in windows(images_shape, window, stride).items():
        for pixel in pixels:
            add(d_images, pixel, at(d_out, place) / len(pixels))
    return d_images
