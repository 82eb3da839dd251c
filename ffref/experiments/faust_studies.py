"""Studies of FAUST: what its similarity, its loss, its batches and its data are worth.

The three experiments that a reading of the paper proposes first (similarities and convergence; the
similarity removed; transfer), and its open points (batch size, little data, how alike layers are,
collapse and saturation). Each case is a function without arguments that returns a row of numbers,
so that whoever runs them can leave out what is done. By `python benchmarks/run_faust_studies.py`.
"""

import numpy as np

from ffref.experiments.studies import (
    UNTRAINED,
    Case,
    Row,
    Settings,
    Task,
    at_seed,
    build_classifier,
    class_halves,
    hidden_layers,
    layer_accuracies,
    seconds,
    share_of_each_class,
    transfer,
)
from ffref.formulas import linear_cka, representation_diagnostics

DIGITS = Settings(learning_rate=0.003)
MNIST = Settings(
    hidden=(450, 450),
    epochs=5,
    learning_rate=0.003,
    common=(("standardize", False), ("input_norm", "rms")),
)
"""The paper's own architecture and settings were not found."""

SIMILARITY_CASES: dict[str, Row] = {
    "cosine": {},
    "cosine, scale 5": {"scale": 5.0},
    "cosine, scale 20": {"scale": 20.0},
    "mean cosine to all rows of a class, scale 10": {"member_rows": 100},
    "mean cosine to all rows of a class, scale 30": {"member_rows": 100, "scale": 30.0},
    "dot of raw activity": {"similarity": "dot", "activity_norm": "none", "scale": 0.1},
    "squared distance of raw activity": {
        "similarity": "euclidean", "activity_norm": "none", "scale": 0.1,
    },
    "learned metric": {"similarity": "mahalanobis", "scale": 5.0},
}  # fmt: skip
"""Dot product and squared distance of normalised activity are the cosine at another scale
(docs/derivations/formulas.md), so they have no rows of their own."""

ABLATION_CASES: dict[str, tuple[str, Row]] = {
    "faust": ("faust", {}),
    "no similarity loss: layers as drawn, centroids": ("faust", UNTRAINED),
    "goodness of class units instead (cwc)": ("cwc", {}),
    "similarity to learned prototypes instead (hff)": ("hff", {}),
    "similarity to running centroids instead (distance-forward)": ("distance-forward", {}),
    "goodness of labelled samples instead (ff)": ("ff", {"label_strength": 4.0}),
    "back-propagation": ("backprop", {}),
}
BATCH_SIZES = (20, 50, 100, 200, 500)
SHARES = (0.01, 0.05, 0.1, 1.0)


# -- the three first experiments -----------------------------------------------------------------


def convergence(data: Task, settings: Settings, seed: int, choices: Row) -> Row:
    """Test accuracy after every epoch, and each layer's own at the end."""
    model = build_classifier("faust", settings, seed, **choices)
    curve = [model.score(data.X_test, data.y_test) for _ in model.fit_epochs(data.X, data.y)]
    return {
        "accuracy": curve[-1],
        "accuracy_by_epoch": curve,
        "layer_accuracy": layer_accuracies(model, data),
        "loss": list(model.history_[-1].loss),
        "seconds": seconds(model),
    }


def ablation(data: Task, settings: Settings, seed: int, algorithm: str, choices: Row) -> Row:
    """Test accuracy of the same layers, trained in another way."""
    model = build_classifier(algorithm, settings, seed, **choices).fit(data.X, data.y)
    return {
        "accuracy": model.score(data.X_test, data.y_test),
        "layer_accuracy": layer_accuracies(model, data),
        "seconds": seconds(model),
    }


def carried_over(
    source: Task, settings: Settings, seed: int, target: Task, algorithm: str | None, choices: Row
) -> Row:
    """Train on the source (algorithm None: not at all), and read the target off the features."""
    if algorithm is None:
        return transfer(source, None, target)
    model = build_classifier(algorithm, settings, seed, **choices)
    return transfer(source, model.fit(source.X, source.y), target)


TRANSFER_CASES: dict[str, tuple[str | None, Row]] = {
    "samples themselves": (None, {}),
    "layers as drawn": ("faust", UNTRAINED),
    "faust": ("faust", {}),
    "hff": ("hff", {}),
    "ff": ("ff", {"label_strength": 4.0}),
    "back-propagation": ("backprop", {}),
}


# -- open points ---------------------------------------------------------------------------------


def batch_size(data: Task, settings: Settings, seed: int, size: int) -> Row:
    """Test accuracy with another batch: more rows to draw tuples from, and fewer steps."""
    model = build_classifier("faust", settings, seed, batch_size=size).fit(data.X, data.y)
    return {
        "accuracy": model.score(data.X_test, data.y_test),
        "steps": -(-len(data.X) // size) * settings.epochs,
        "seconds": seconds(model),
    }


def little_data(data: Task, settings: Settings, seed: int, algorithm: str, share: float) -> Row:
    """Test accuracy after training on a share of the samples, for about as many steps."""
    kept = share_of_each_class(data.y, share, seed=seed)
    passes = min(round(settings.epochs / share), settings.most_epochs)
    model = build_classifier(algorithm, settings, seed, max_iter=passes)
    model.fit(data.X[kept], data.y[kept])
    return {
        "accuracy": model.score(data.X_test, data.y_test),
        "samples": int(kept.sum()),
        "epochs": passes,
        "seconds": seconds(model),
    }


def layers_alike(data: Task, settings: Settings, seed: int) -> Row:
    """Linear CKA on test samples: input and layers of one network, and layers of another seed."""
    models = (build_classifier("faust", settings, one) for one in (seed, seed + 1000))
    network, other = (hidden_layers(model.fit(data.X, data.y), data.X_test) for model in models)
    levels = [data.X_test, *network]
    return {
        "within": [[linear_cka(a, b) for b in levels] for a in levels],
        "other_seed": [linear_cka(a, b) for a, b in zip(network, other, strict=True)],
    }


def collapse(data: Task, settings: Settings, seed: int, choices: Row) -> Row:
    """Rank, dead and saturated units, and how far classes fell together, before and after."""
    rows: Row = {}
    for moment, how in (("as drawn", {**choices, **UNTRAINED}), ("trained", choices)):
        model = build_classifier("faust", settings, seed, **how).fit(data.X, data.y)
        rows[moment] = [
            representation_diagnostics(activity, np.unique(data.y_test, return_inverse=True)[1])
            ._asdict()
            for activity in hidden_layers(model, data.X_test)
        ]  # fmt: skip
    return rows


# -- all of them ---------------------------------------------------------------------------------


def all_cases(data: Task, settings: Settings, *, target: Task | None = None) -> list[Case]:
    """Every case of every study.

    Parameters
    ----------
    data : Task
    settings : Settings
    target : Task, optional
        Another data set of as many features, to transfer to. The second half of the classes of
        `data` is another task in any case.
    """
    cases = [
        Case("similarity", name, at_seed(convergence, data, settings, choices))
        for name, choices in SIMILARITY_CASES.items()
    ]
    cases += [
        Case("ablation", name, at_seed(ablation, data, settings, *choices))
        for name, choices in ABLATION_CASES.items()
    ]
    first, second = class_halves(data)
    tasks = {"second half of the classes": (first, second)}
    if target is not None:
        tasks["another data set"] = (data, target)
    for task, (source, other) in tasks.items():
        cases += [
            Case(
                "transfer",
                f"{name}, to {task}",
                at_seed(carried_over, source, settings, other, *how),
            )
            for name, how in TRANSFER_CASES.items()
        ]
    cases += [
        Case("batch size", str(size), at_seed(batch_size, data, settings, size))
        for size in BATCH_SIZES
    ]
    cases += [
        Case(
            "little data",
            f"{algorithm}, {100 * share:g} %",
            at_seed(little_data, data, settings, algorithm, share),
        )
        for share in SHARES
        for algorithm in ("faust", "hff", "backprop")
    ]
    cases.append(Case("layers alike", "linear CKA", at_seed(layers_alike, data, settings)))
    cases += [
        Case("collapse", f"scale {scale:g}", at_seed(collapse, data, settings, {"scale": scale}))
        for scale in (1.0, 10.0, 100.0)
    ]
    return cases
