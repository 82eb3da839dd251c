"""Norms of one row and their pull-backs through the full Jacobian, and cosines of two rows."""

from .precision import mp


def dot(a, b):
    return mp.fsum([x * y for x, y in zip(a, b, strict=True)])


def length(row):
    return mp.sqrt(dot(row, row))


def transposed_times(jacobian, d_out):
    """(sum_i d_out_i J_ij)_j for J_ij = d out_i / d x_j."""
    columns = range(len(jacobian[0]))
    return [
        mp.fsum([d * line[j] for d, line in zip(d_out, jacobian, strict=True)]) for j in columns
    ]


def l2_normalize(row):
    # x / |x|, and 0 for a row of zeros
    size = length(row)
    return [x / size for x in row] if size else list(row)


def l2_jacobian(row):
    # d (x_i / r) / d x_j = ([i = j] r^2 - x_i x_j) / r^3; 0 by convention for a row of zeros
    r = length(row)
    if not r:
        return [[mp.mpf(0) for _ in row] for _ in row]
    return [
        [((r**2 if i == j else 0) - xi * xj) / r**3 for j, xj in enumerate(row)]
        for i, xi in enumerate(row)
    ]


def l2_normalize_vjp(d_out, row):
    return transposed_times(l2_jacobian(row), d_out)


def rms_normalize(row):
    # x / sqrt(mean x^2): the unit row, stretched to length sqrt(D)
    root = mp.sqrt(len(row))
    return [root * x for x in l2_normalize(row)]


def rms_normalize_vjp(d_out, row):
    root = mp.sqrt(len(row))
    return transposed_times([[root * e for e in line] for line in l2_jacobian(row)], d_out)


def centred(row):
    mean = mp.fsum(row) / len(row)
    return [x - mean for x in row]


def is_constant(row):
    return all(x == row[0] for x in row)


def deviation(row):
    # population standard deviation
    gaps = centred(row)
    return mp.sqrt(dot(gaps, gaps) / len(row))


def layer_normalize(row):
    # (x - mean) / sd, and 0 for a constant row
    if is_constant(row):
        return [mp.mpf(0) for _ in row]
    sd = deviation(row)
    return [gap / sd for gap in centred(row)]


def layer_jacobian(row):
    # d sd / d x_j = (x_j - mean) / (D sd), so
    # d out_i / d x_j = ([i = j] - 1/D) / sd - (x_i - mean) (x_j - mean) / (D sd^3)
    if is_constant(row):
        return [[mp.mpf(0) for _ in row] for _ in row]
    units, sd, gaps = len(row), deviation(row), centred(row)
    return [
        [
            ((1 if i == j else 0) - mp.mpf(1) / units) / sd - gi * gj / (units * sd**3)
            for j, gj in enumerate(gaps)
        ]
        for i, gi in enumerate(gaps)
    ]


def layer_normalize_vjp(d_out, row):
    return transposed_times(layer_jacobian(row), d_out)


def cosine(a, b):
    # a.b / (|a| |b|), and 0 where one of them is zero
    size = length(a) * length(b)
    return dot(a, b) / size if size else mp.mpf(0)


def cosine_grad(a, b):
    # quotient rule in a: b_j / (|a| |b|) - (a.b) a_j / (|a|^3 |b|)
    la, lb, ab = length(a), length(b), dot(a, b)
    if not la * lb:
        return [mp.mpf(0) for _ in a]
    return [y / (la * lb) - ab * x / (la**3 * lb) for x, y in zip(a, b, strict=True)]


def cosine_similarity(rows, others):
    return [[cosine(a, b) for b in others] for a in rows]


def cosine_similarity_vjp(d_out, rows, others):
    """(d_rows, d_others): each cosine sends its share to its own two rows."""

    def gathered(row, partners, upstream):
        pulls = [
            [d * entry for entry in cosine_grad(row, partner)]
            for d, partner in zip(upstream, partners, strict=True)
        ]
        return [mp.fsum(column) for column in zip(*pulls, strict=True)]

    d_rows = [gathered(a, others, line) for a, line in zip(rows, d_out, strict=True)]
    columns = [list(column) for column in zip(*d_out, strict=True)]
    d_others = [gathered(b, rows, column) for b, column in zip(others, columns, strict=True)]
    return d_rows, d_others
