"""Losses of similarity, of class groups and of self-contrast, one number at a time.

Rows are lists of 50-digit numbers. Written as negative log-probabilities of a softmax (or a
logistic function) that is spelled out, not as log-sum-exp.
"""

from .precision import mp
from .scalar_norms import cosine, dot, l2_normalize, layer_normalize, rms_normalize

NORMS = {
    "none": lambda row: row,
    "l2": l2_normalize,
    "rms": rms_normalize,
    "layer": layer_normalize,
}


def negative_squared_distance(a, b):
    return -mp.fsum([(x - y) ** 2 for x, y in zip(a, b, strict=True)])


def mahalanobis(a, b, factor):
    # -(a - b)' M (a - b) with the metric M = F F' written out
    gap = [x - y for x, y in zip(a, b, strict=True)]
    metric = [[dot(line, other) for other in factor] for line in factor]
    return -mp.fsum(
        [gap[i] * metric[i][j] * gap[j] for i in range(len(gap)) for j in range(len(gap))]
    )


SIMILARITIES = {
    "cosine": cosine,
    "dot": dot,
    "euclidean": negative_squared_distance,
    "mahalanobis": mahalanobis,
}


def surprise(own, others):
    """-log of the share of `own` among all exponentials."""
    total = mp.exp(own) + mp.fsum([mp.exp(other) for other in others])
    return -mp.log(mp.exp(own) / total)


def faust_loss(rows, tuples, factor, *, scale, similarity, norm):
    points = [NORMS[norm](row) for row in rows]
    extra = () if factor is None else (factor,)
    terms = []
    for anchor, members in enumerate(tuples):
        # a member is one row, or a list of rows: as similar as they are in the mean
        lists = [member if isinstance(member, list) else [member] for member in members]
        present = [[other for other in rows if other >= 0] for rows in lists]
        if present[0]:
            likeness = []
            for others in filter(None, present):
                each = [
                    SIMILARITIES[similarity](points[anchor], points[o], *extra) for o in others
                ]
                likeness.append(scale * mp.fsum(each) / len(each))
            terms.append(surprise(likeness[0], likeness[1:]))
    return mp.fsum(terms) / len(terms) if terms else mp.mpf(0)


def n_pair_loss(anchors, positives):
    """Sohn (2016): every other class's positive is a negative of the anchor."""
    terms = []
    for i, anchor in enumerate(anchors):
        excess = [
            dot(anchor, other) - dot(anchor, positives[i])
            for j, other in enumerate(positives)
            if j != i
        ]
        terms.append(mp.log(1 + mp.fsum([mp.exp(e) for e in excess])))
    return mp.fsum(terms) / len(terms)


def class_units(units, classes, places, label):
    """Numbers of the units of a class: flat, place after place, channels side by side."""
    channels = units // places
    group = channels // classes
    return [
        place * channels + channel
        for place in range(places)
        for channel in range(label * group, (label + 1) * group)
    ]


def group_goodness(row, classes, places, power):
    groups = [class_units(len(row), classes, places, label) for label in range(classes)]
    return [mp.fsum([row[u] ** power for u in group]) / len(group) for group in groups]


def group_loss(rows, labels, classes, places, power):
    """CwC with power 2, DeeperForward with power 1."""
    terms = []
    for row, label in zip(rows, labels, strict=True):
        goodness = group_goodness(row, classes, places, power)
        own = goodness.pop(label)
        terms.append(surprise(own, goodness))
    return mp.fsum(terms) / len(terms)


def logistic_surprise(x):
    """-log sigmoid(x)."""
    return mp.log(1 + mp.exp(-x))


def pvn_loss(rows, labels, classes, places, threshold):
    terms = []
    for row, label in zip(rows, labels, strict=True):
        goodness = group_goodness(row, classes, places, 2)
        own = goodness.pop(label)
        terms.append(logistic_surprise(own - threshold))
        if goodness:
            terms.append(logistic_surprise(threshold - mp.fsum(goodness) / len(goodness)))
    return mp.fsum(terms) / len(terms)


def scff_loss(rows, polarity, threshold_positive, threshold_negative, penalty):
    goodness = [dot(row, row) / len(row) for row in rows]
    positive = [g for g, s in zip(goodness, polarity, strict=True) if s > 0]
    negative = [g for g, s in zip(goodness, polarity, strict=True) if s < 0]
    loss = mp.mpf(0)
    if positive:
        likely = mp.fsum([logistic_surprise(g - threshold_positive) for g in positive])
        loss += (likely + penalty * mp.fsum(positive)) / len(positive)
    if negative:
        likely = mp.fsum([logistic_surprise(threshold_negative - g) for g in negative])
        loss += likely / len(negative)
    return loss


def distance_forward_loss(rows, labels, centroids, scale, margin):
    terms = []
    for row, label in zip(rows, labels, strict=True):
        point = l2_normalize(row)
        near = [negative_squared_distance(point, centroid) for centroid in centroids]
        own = scale * (near.pop(label) - margin)
        terms.append(surprise(own, [scale * g for g in near]))
    return mp.fsum(terms) / len(terms)
