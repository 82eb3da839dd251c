"""Hyperspherical FF with prototypes: a softmax over classes of log-mean-exp of cosines.

Every class has K prototypes: prototypes[c][k] is a row of `units` numbers.
S_c = (1 / b) log (1 / K) sum_k exp(b cos(h, p_ck)),
logits (S_c - m [c = label]) / tau, cross-entropy in the mean over samples.
"""

from .precision import mp
from .scalar_elementwise import (
    cross_entropy,
    log_mean_exp,
    log_mean_exp_grad,
    log_sum_exp,
    log_sum_exp_grad,
    softplus,
    targets,
)
from .scalar_norms import cosine, dot, l2_normalize, length


def three_deep(prototypes):
    """(classes, units) as (classes, 1, units)."""
    return [p if isinstance(p[0], list) else [p] for p in prototypes]


def class_scores(row, prototypes, sharpness):
    groups = three_deep(prototypes)
    return [log_mean_exp([cosine(row, p) for p in group], sharpness) for group in groups]


def logits(scores, label, temperature, margin):
    return [(s - (margin if c == label else 0)) / temperature for c, s in enumerate(scores)]


def hff_loss(rows, labels, prototypes, *, temperature, sharpness=None, margin=0, smoothing=0):
    beta = 1 / temperature if sharpness is None else sharpness
    total = mp.mpf(0)
    for row, y in zip(rows, labels, strict=True):
        scores = class_scores(row, prototypes, beta)
        total += cross_entropy(logits(scores, y, temperature, margin), y, smoothing)
    return total / len(rows)


def margin_form(rows, labels, prototypes, *, temperature, sharpness=None, margin=0):
    # softplus(log sum_{j != y} exp(s S_j) + s m - s S_y), s = 1 / tau: the hinge of the paper's
    # name, smoothed twice; needs two classes
    beta = 1 / temperature if sharpness is None else sharpness
    total = mp.mpf(0)
    for row, y in zip(rows, labels, strict=True):
        scaled = [s / temperature for s in class_scores(row, prototypes, beta)]
        others = log_sum_exp([s for c, s in enumerate(scaled) if c != y])
        total += softplus(others + margin / temperature - scaled[y])
    return total / len(rows)


def pulls(rows, labels, prototypes, *, temperature, sharpness=None, margin=0, smoothing=0):
    """d loss / d cosine of every (sample, class, prototype), by ratios of exponentials.

    d loss / d S_c = (p_c - t_c) / (tau B). With q_ck the share of prototype k in its class,
    d loss / d cos_ck = q_ck d loss / d S_c.
    """
    beta = 1 / temperature if sharpness is None else sharpness
    groups = three_deep(prototypes)
    result = []
    for row, y in zip(rows, labels, strict=True):
        values = logits(class_scores(row, groups, beta), y, temperature, margin)
        wanted = targets(y, len(groups), smoothing)
        d_scores = [
            (p - t) / (temperature * len(rows))
            for p, t in zip(log_sum_exp_grad(values), wanted, strict=True)
        ]
        shares = [log_mean_exp_grad([cosine(row, p) for p in group], beta) for group in groups]
        result.append([[d * q for q in share] for d, share in zip(d_scores, shares, strict=True)])
    return result


def tangent_step(point, target):
    """d cos(point, target) / d point: the part of the unit target that is tangent to the sphere
    through the point, over the point's length; 0 by convention at the origin."""
    size = length(point)
    if not size:
        return [mp.mpf(0) for _ in point]
    unit, aim = l2_normalize(point), l2_normalize(target)
    along = dot(unit, aim)
    return [(a - along * u) / size for a, u in zip(aim, unit, strict=True)]


def hff_loss_grads(rows, labels, prototypes, **settings):
    """(d_rows, d_prototypes), the second in the shape of `prototypes`; settings as in hff_loss."""
    groups = three_deep(prototypes)
    d_cosine = pulls(rows, labels, groups, **settings)
    units = range(len(rows[0]))
    d_rows = [[mp.mpf(0) for _ in units] for _ in rows]
    d_groups = [[[mp.mpf(0) for _ in units] for _ in group] for group in groups]
    for i, row in enumerate(rows):
        for c, group in enumerate(groups):
            for k, prototype in enumerate(group):
                weight = d_cosine[i][c][k]
                to_row, to_prototype = tangent_step(row, prototype), tangent_step(prototype, row)
                for j in units:
                    d_rows[i][j] += weight * to_row[j]
                    d_groups[c][k][j] += weight * to_prototype[j]
    if isinstance(prototypes[0][0], list):
        return d_rows, d_groups
    return d_rows, [group[0] for group in d_groups]
