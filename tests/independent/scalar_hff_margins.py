"""HFF with other margins, in cosines alone: no angle is ever taken.

ArcFace by the addition theorem, SphereFace by Chebyshev polynomials (as its authors' code has
it), pairs of classes by ratios of exponentials. Prototypes as in scalar_hff.
"""

from .precision import mp
from .scalar_elementwise import cross_entropy, log_mean_exp, log_mean_exp_grad, targets
from .scalar_elementwise import log_sum_exp_grad as softmax
from .scalar_hff import tangent_step, three_deep
from .scalar_norms import cosine


def arc(u, m):
    """u cos m - sqrt(1 - u^2) sin m, beyond cos(pi - m) = -cos m: u - m sin m; and the slope."""
    if u < -mp.cos(m):
        return u - m * mp.sin(m), mp.mpf(1)
    sine = mp.sqrt(1 - u * u)
    return u * mp.cos(m) - sine * mp.sin(m), mp.cos(m) + u / sine * mp.sin(m)


def sphere(u, m):
    """(-1)^j T_m(u) - 2 j, j the number of turning points cos(i pi / m) above u; the slope of
    T_m is m U_(m-1)."""
    m = int(m)
    first, second = [mp.mpf(1), u], [mp.mpf(1), 2 * u]
    for _ in range(m - 1):
        first.append(2 * u * first[-1] - first[-2])
        second.append(2 * u * second[-1] - second[-2])
    j = sum(u <= mp.cos(i * mp.pi / m) for i in range(1, m))
    return (-1) ** j * first[m] - 2 * j, (-1) ** j * m * second[m - 1]


def softmax_loss(logits, y, smoothing):
    return cross_entropy(logits, y, smoothing)


def softmax_slope(logits, y, smoothing):
    wanted = targets(y, len(logits), smoothing)
    return [p - t for p, t in zip(softmax(logits), wanted, strict=True)]


def pairwise_loss(logits, y, _):
    # one logarithm of a product
    product = mp.mpf(1)
    for c, a in enumerate(logits):
        product *= 1 + mp.exp(a - logits[y]) if c != y else 1
    return mp.log(product)


def pairwise_slope(logits, y, _):
    slopes = [mp.exp(a) / (mp.exp(a) + mp.exp(logits[y])) for a in logits]
    slopes[y] = mp.mpf(0)
    slopes[y] = -mp.fsum(slopes)
    return slopes


def hardest(logits, y):
    """The first of the other classes of the highest logit; None of one class."""
    others = [c for c in range(len(logits)) if c != y]
    return max(others, key=lambda c: (logits[c], -c)) if others else None


def hardest_loss(logits, y, _):
    best = hardest(logits, y)
    return mp.mpf(0) if best is None else mp.log(1 + mp.exp(logits[best] - logits[y]))


def hardest_slope(logits, y, _):
    slopes, best = [mp.mpf(0) for _ in logits], hardest(logits, y)
    if best is not None:
        slopes[best] = mp.exp(logits[best]) / (mp.exp(logits[best]) + mp.exp(logits[y]))
        slopes[y] = -slopes[best]
    return slopes


def straight(u, _):
    return u, mp.mpf(1)


KINDS = {
    # own cosines bent, margin subtracted from the score, loss of logits and its slope
    "additive-cosine": (straight, True, softmax_loss, softmax_slope),
    "additive-angular": (arc, False, softmax_loss, softmax_slope),
    "multiplicative-angular": (sphere, False, softmax_loss, softmax_slope),
    "pairwise": (straight, True, pairwise_loss, pairwise_slope),
    "hardest": (straight, True, hardest_loss, hardest_slope),
}


def _logits(kind, row, y, groups, temperature, beta, margin):
    """Logits, and for every class its (value, slope in the cosine) pairs."""
    bend, subtracts, *_ = KINDS[kind]
    pairs = [
        [(bend if c == y else straight)(cosine(row, p), margin) for p in group]
        for c, group in enumerate(groups)
    ]
    scores = [log_mean_exp([value for value, _ in own], beta) for own in pairs]
    if subtracts:
        scores[y] -= margin
    return [s / temperature for s in scores], pairs


def loss(kind, rows, labels, prototypes, *, temperature, sharpness, margin, smoothing=0):
    """Mean loss; sharpness None: 1 / temperature."""
    beta = 1 / temperature if sharpness is None else sharpness
    groups, value = three_deep(prototypes), KINDS[kind][2]
    losses = [
        value(_logits(kind, row, y, groups, temperature, beta, margin)[0], y, smoothing)
        for row, y in zip(rows, labels, strict=True)
    ]
    return mp.fsum(losses) / len(rows)


def grads(kind, rows, labels, prototypes, *, temperature, sharpness, margin, smoothing=0):
    """(d_rows, d_prototypes), through d / d cosine, with all its infinities."""
    beta = 1 / temperature if sharpness is None else sharpness
    groups, slope = three_deep(prototypes), KINDS[kind][3]
    units = range(len(rows[0]))
    d_rows = [[mp.mpf(0) for _ in units] for _ in rows]
    d_groups = [[[mp.mpf(0) for _ in units] for _ in group] for group in groups]
    for i, (row, y) in enumerate(zip(rows, labels, strict=True)):
        logits, pairs = _logits(kind, row, y, groups, temperature, beta, margin)
        slopes = slope(logits, y, smoothing)
        for c, group in enumerate(groups):
            shares = log_mean_exp_grad([value for value, _ in pairs[c]], beta)
            for k, prototype in enumerate(group):
                pull = slopes[c] * shares[k] * pairs[c][k][1] / (temperature * len(rows))
                to_row, to_prototype = tangent_step(row, prototype), tangent_step(prototype, row)
                for j in units:
                    d_rows[i][j] += pull * to_row[j]
                    d_groups[c][k][j] += pull * to_prototype[j]
    if isinstance(prototypes[0][0], list):
        return d_rows, d_groups
    return d_rows, [group[0] for group in d_groups]
