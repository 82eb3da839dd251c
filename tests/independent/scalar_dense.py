"""A dense layer with relu under any local loss, entry by entry."""

from .precision import mp
from .scalar_elementwise import relu, relu_grad


def dense(rows, weight, bias):
    # a_no = b_o + sum_i x_ni w_io
    return [
        [
            b + mp.fsum([x * line[o] for x, line in zip(row, weight, strict=True)])
            for o, b in enumerate(bias)
        ]
        for row in rows
    ]


def activity(rows, weight, bias):
    return [[relu(a) for a in row] for row in dense(rows, weight, bias)]


def dense_grads(rows, d_preactivation):
    """d loss / d w_io = sum_n x_ni d_no, d loss / d b_o = sum_n d_no."""
    inputs, outputs = range(len(rows[0])), range(len(d_preactivation[0]))
    pairs = list(zip(rows, d_preactivation, strict=True))
    d_weight = [[mp.fsum([row[i] * d[o] for row, d in pairs]) for o in outputs] for i in inputs]
    d_bias = [mp.fsum([d[o] for d in d_preactivation]) for o in outputs]
    return d_weight, d_bias


def layer_grads(rows, weight, bias, d_activity):
    """(d_weight, d_bias) behind a relu."""
    gated = [
        [d * relu_grad(a) for d, a in zip(upstream, line, strict=True)]
        for upstream, line in zip(d_activity, dense(rows, weight, bias), strict=True)
    ]
    return dense_grads(rows, gated)
