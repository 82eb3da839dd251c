"""Convolutions to try, and their definition in scalar loops."""

from typing import NamedTuple

import numpy as np

DTYPES = (np.float32, np.float64)


class Case(NamedTuple):
    images: tuple
    """(N, H, W, Cin)"""
    kernel: tuple
    outputs: int
    stride: tuple = (1, 1)
    padding: tuple = (0, 0)
    groups: int = 1

    @property
    def weight(self):
        return (*self.kernel, self.images[3] // self.groups, self.outputs)

    @property
    def out(self):
        sizes = (
            (self.images[1 + axis] + 2 * self.padding[axis] - self.kernel[axis])
            // self.stride[axis]
            + 1
            for axis in (0, 1)
        )
        return (self.images[0], *sizes, self.outputs)

    @property
    def options(self):
        return {"stride": self.stride, "padding": self.padding, "groups": self.groups}

    def arrays(self, dtype, draw=None):
        """Images, weight and d_out."""
        rng = np.random.default_rng([*self.images, *self.weight])
        draw = draw or rng.standard_normal
        return [draw(shape).astype(dtype) for shape in (self.images, self.weight, self.out)]


SMALL = [
    Case((2, 4, 5, 3), (3, 3), 2, padding=(1, 1)),
    Case((1, 5, 4, 1), (3, 3), 3),
    Case((2, 3, 3, 2), (1, 1), 4),
    Case((2, 5, 5, 2), (1, 1), 3, stride=(2, 2)),
    Case((1, 4, 4, 2), (1, 1), 3, padding=(1, 1)),
    Case((1, 2, 6, 3), (1, 3), 2, padding=(0, 1)),
    Case((1, 6, 2, 3), (3, 1), 2, padding=(2, 0)),
    Case((2, 6, 5, 1), (5, 5), 2, padding=(2, 2)),
    Case((2, 4, 4, 2), (2, 2), 3),
    Case((2, 5, 4, 2), (2, 2), 3, stride=(2, 2), padding=(1, 1)),
    Case((1, 7, 8, 2), (3, 3), 2, stride=(2, 3), padding=(1, 0)),
    Case((1, 7, 7, 1), (2, 2), 2, stride=(3, 3)),
    Case((1, 2, 2, 2), (3, 3), 2, stride=(4, 4), padding=(3, 3)),
    Case((1, 1, 1, 3), (3, 3), 5, padding=(1, 1)),
    Case((2, 4, 4, 4), (3, 3), 6, padding=(1, 1), groups=2),
    Case((2, 5, 4, 4), (3, 2), 4, stride=(2, 1), padding=(1, 1), groups=4),
    Case((2, 4, 4, 3), (3, 3), 6, padding=(1, 1), groups=3),
    Case((1, 3, 3, 4), (1, 1), 6, groups=2),
]

LARGER = [
    Case((5, 8, 8, 33), (3, 3), 70, padding=(1, 1)),
    Case((3, 13, 11, 1), (3, 3), 32, padding=(1, 1)),
    Case((4, 16, 16, 3), (5, 5), 65, stride=(2, 2), padding=(2, 2)),
    Case((2, 20, 90, 40), (3, 3), 17, padding=(1, 1)),
    Case((2, 9, 9, 130), (2, 3), 200, stride=(1, 2)),
    Case((1, 300, 70, 5), (7, 3), 9, padding=(3, 1)),
    Case((1, 3, 3000, 2), (2, 2), 3, padding=(0, 1)),
    Case((40, 7, 7, 8), (3, 3), 16, padding=(1, 1)),
    Case((3, 10, 10, 12), (3, 3), 24, padding=(1, 1), groups=3),
    Case((3, 10, 10, 40), (3, 3), 40, stride=(2, 1), padding=(1, 1), groups=40),
    Case((3, 10, 10, 20), (3, 3), 40, padding=(1, 1), groups=20),
    Case((50, 6, 6, 20), (1, 1), 30),
]


def name(case):
    sizes = "x".join(map(str, case.images)), "x".join(map(str, case.weight))
    rest = [f"{key}{value}" for key, value in case.options.items()]
    return " ".join([*sizes, *rest]).replace(" ", "_").replace("(", "").replace(")", "")


def terms(case):
    """(place in the padded images, in the weight, in the output) of each product of the sum."""
    inputs, outputs = case.images[3] // case.groups, case.outputs // case.groups
    for n, i, j, o in np.ndindex(*case.out):
        for kh, kw, c in np.ndindex(*case.kernel, inputs):
            y = i * case.stride[0] + kh - case.padding[0]
            x = j * case.stride[1] + kw - case.padding[1]
            yield (n, y, x, o // outputs * inputs + c), (kh, kw, c, o), (n, i, j, o)


def is_inside(case, place):
    return 0 <= place[1] < case.images[1] and 0 <= place[2] < case.images[2]


def scalar_results(case, images, weight, d_out):
    """Output, weight gradient, input gradient: one product at a time, in the inputs' dtype."""
    out, d_weight, d_images = (
        np.zeros(shape, np.result_type(images)) for shape in (case.out, case.weight, case.images)
    )
    for pixel, tap, place in terms(case):
        value = images[pixel] if is_inside(case, pixel) else images.dtype.type(0)
        out[place] += value * weight[tap]
        d_weight[tap] += value * d_out[place]
        if is_inside(case, pixel):
            d_images[pixel] += d_out[place] * weight[tap]
    return out, d_weight, d_images
