"""The family `faust`: the tuplet loss of similarities between rows, by the library."""

import numpy as np

from ffref.formulas import softmax
from ffref.formulas.norms import NORMS
from ffref.formulas.similarity import SIMILARITIES
from ffref.objectives.faust import faust, faust_centroids, faust_class_scores
from ffref.oracle.families.frame import Head, framed, labelled_context
from ffref.oracle.families.layer import ROWS, Axes, Values
from ffref.oracle.specs import FaustSpec
from ffref.types import Array, Evaluation, LayerContext, Objective, Params

MEMBERS = ("batch", "members")


def _inputs(spec: FaustSpec, axes: Axes) -> Axes:
    taken: Axes = {"labels": ROWS, "tuples": MEMBERS}
    return taken | ({"factor": ("units", "rank")} if _learned(spec) else {})


def _quantities(spec: FaustSpec, axes: Axes) -> Axes:
    return {
        "direction": axes["activity"],
        "centroid": ("classes", *axes["activity"][1:]),
        "class_score": ("batch", "classes"),
        "similarity": MEMBERS,
        "logit": MEMBERS,
        "loss": (),
        "d_similarity": MEMBERS,
    }


def _objective(spec: FaustSpec, inputs: Values, activity: Array) -> Objective:
    return faust(
        scale=spec.scale,
        similarity=SIMILARITIES[spec.similarity],
        norm=NORMS[spec.activity_norm],
    )


def _context(inputs: Values) -> LayerContext:
    return labelled_context(inputs)._replace(tuples=inputs["tuples"])


def _params(inputs: Values) -> Params:
    """The factor, if there is one; centroids, which the loss does not see, are left empty."""
    empty = np.zeros((1, 1), inputs["x"].dtype), np.zeros(1, inputs["x"].dtype)
    return (inputs["factor"], *empty) if "factor" in inputs else empty


def _learned(spec: FaustSpec) -> tuple[str, ...]:
    return ("factor",) if spec.similarity == "mahalanobis" else ()


def _read(spec: FaustSpec, inputs: Values, activity: Array, found: Evaluation) -> Values:
    similarity, norm = SIMILARITIES[spec.similarity], NORMS[spec.activity_norm]
    learned = tuple(inputs[name] for name in _learned(spec))
    labels, tuples = inputs["labels"], inputs["tuples"]
    direction = norm.value(activity)
    centroid, counts = faust_centroids(activity, labels, classes=int(labels.max()) + 1, norm=norm)
    scores = faust_class_scores(
        activity, centroid, counts, learned, similarity=similarity, norm=norm
    )
    there = (tuples >= 0) & (tuples[:, :1] >= 0)
    similar = similarity.value(direction, direction, learned)[
        np.arange(len(tuples))[:, None], tuples
    ]
    logit = spec.scale * (similar - similar[:, :1])
    d = softmax(np.where(there, logit, -np.inf)[there[:, 0]])
    d[:, 0] = -d[:, 1:].sum(axis=1)
    d_similarity = np.zeros_like(similar)
    d_similarity[there[:, 0]] = d * (spec.scale / max(there[:, 0].sum(), 1))
    return {
        "direction": direction,
        "centroid": centroid,
        "class_score": scores,
        "similarity": np.where(there, similar, 0),
        "logit": np.where(there, logit, 0),
        "d_similarity": d_similarity,
    }


def _scales(spec: FaustSpec, inputs: Values, values: Values) -> dict[str, float]:
    direction, activity = values["direction"], values["activity"]
    rows = direction.reshape(len(direction), -1)
    lengths = np.linalg.norm(activity.reshape(rows.shape), axis=1)
    sizes = np.linalg.norm(rows, axis=1)
    longest = float(sizes.max())
    stretch = float(np.linalg.norm(inputs["factor"])) if "factor" in inputs else 1.0
    size = {"cosine": 1.0, "dot": longest**2}.get(spec.similarity, (2 * longest * stretch) ** 2)
    anchors = max(int((inputs["tuples"][:, 0] >= 0).sum()), 1)
    slope = spec.scale / anchors
    # a cosine turns the more, the shorter the row; what cancels along the row leaves its rounding
    cosine = spec.similarity == "cosine"
    moved = float(min(sizes[sizes > 0], default=np.inf)) if cosine else longest
    turning = 2 * size / moved * slope
    shortest = min(lengths[lengths > 0], default=np.inf)
    through = 1.0 if spec.activity_norm == "none" else moved / float(shortest)
    return {
        "direction": longest,
        "centroid": longest,
        "class_score": size,
        "similarity": size,
        "logit": 2 * spec.scale * size,
        "d_similarity": slope,
        "d_activity": turning * through,
        "d_factor": 2 * size / stretch * slope * len(rows),
    }


FAUST = framed(Head(_inputs, _quantities, _objective, _context, _read, _scales, _params, _learned))
