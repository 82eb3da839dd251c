"""Free-riding of deep layers under cumulative goodness, and what each remedy does about it.

Source: Yousefiramandi (2026), arXiv:2605.06240; formulas: docs/derivations/cumulative.md. Run it
by `python benchmarks/free_riding.py`; results: docs/results/free_riding.md.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from ffref._checks import require
from ffref.estimators import CumulativeFFClassifier
from ffref.experiments.datasets import TrainTest
from ffref.experiments.presets import PRESETS
from ffref.experiments.run_folder import write_json
from ffref.formulas import pairwise_error
from ffref.formulas.free_riding import (
    free_riding_coverage,
    free_riding_index,
    log_gradient_ratio,
    log_local_slope,
    remedy_weights,
    separation,
)
from ffref.negatives import uniform_wrong_label
from ffref.training import read_out
from ffref.types import Array

BASELINE = "gamma 1"
VARIANTS: dict[str, dict[str, Any]] = {
    BASELINE: {"remedy": "none", "carried_weight": 1.0},
    "gamma 0.7": {"remedy": "none", "carried_weight": 0.7},
    "per-block": {"remedy": "per-block"},
    "gated": {"remedy": "gated", "carried_weight": 1.0},
    "depth-scaled": {"remedy": "depth-scaled", "carried_weight": 1.0},
    "calibrated": {"remedy": "calibrated", "carried_weight": 1.0},
}
"""What is compared: nothing but the remedy differs from the baseline, or gamma alone."""
SIZES = {
    False: {"hidden_layer_sizes": (256,) * 4, "max_iter": 20},
    True: {"hidden_layer_sizes": (1000,) * 4, "max_iter": 60},
}
"""Settings of the short and of the full comparison."""


class LayerMeasures(NamedTuple):
    """One layer on held-out pairs."""

    separation: float
    separation_error: float
    """standard error over pairs"""
    pairwise_error: float
    median_slope: float
    """of a pair's loss in the layer's own margin: its local gradient"""
    mean_slope: float
    free_riding: float
    """share of the slope that is missing against the layer's own loss alone"""
    coverage: float
    """share of pairs that the bounds of the free-riding ratio speak of"""


class Outcome(NamedTuple):
    """One variant, one seed."""

    variant: str
    seed: int
    accuracy: float
    """on held-out samples, all layers read"""
    accuracy_without_first: float
    layers: tuple[LayerMeasures, ...]
    seconds: float
    """of training"""


def measure(
    margins: Array, *, remedy: str, carried_weight: float, steepness: float
) -> list[LayerMeasures]:
    """Measures of each layer from the margins of pairs, (layers, pairs).

    Examples
    --------
    >>> layers = measure(np.array([[1.0, 3.0], [0.0, 0.0]]), remedy="none", carried_weight=1.0,
    ...                  steepness=4.0)
    >>> layers[0].separation, layers[0].free_riding, layers[1].pairwise_error
    (2.0, 0.0, 0.5)
    """
    margins = margins.astype(np.float64)
    found: list[LayerMeasures] = []
    for depth, margin in enumerate(margins):
        carried = margins[:depth].sum(axis=0)
        gamma, own = remedy_weights(
            margin, carried, remedy=remedy, depth=depth, layers=len(margins),
            steepness=steepness, carried_weight=carried_weight,
        )  # fmt: skip
        slope = np.exp(
            log_local_slope(
                margin, carried, steepness=steepness, carried_weight=gamma, own_weight=own
            )
        )
        log_ratio = log_gradient_ratio(margin, carried, steepness=steepness, carried_weight=gamma)
        found.append(
            LayerMeasures(
                *separation(margin),
                pairwise_error(margin, np.zeros_like(margin)),
                float(np.median(slope)),
                float(slope.mean()),
                free_riding_index(log_ratio, own_weight=own),
                free_riding_coverage(margin, carried),
            )
        )
    return found


def run(data: TrainTest, variant: str, seed: int, settings: dict[str, Any]) -> Outcome:
    """Train one network, and measure its layers on held-out samples.

    Each of them makes one pair, with its true and with an evenly drawn wrong label.
    """
    started = perf_counter()
    model: Any = CumulativeFFClassifier(**(settings | VARIANTS[variant]), random_state=seed)
    model.fit(data.X, data.y)
    seconds = perf_counter() - started
    goodness = model.layer_goodness(data.X_test)
    labels, rows = np.searchsorted(model.classes_, data.y_test), np.arange(len(data.y_test))
    rng = np.random.default_rng([seed, 3])
    wrong = uniform_wrong_label(labels, classes=len(model.classes_), rng=rng)
    layers = measure(
        goodness[:, rows, labels] - goodness[:, rows, wrong],
        remedy=model.remedy,
        carried_weight=model.carried_weight,
        steepness=model.steepness,
    )
    all_layers, without_first = (
        float((read_out(goodness, readout).argmax(axis=1) == labels).mean())
        for readout in ("sum", "sum-without-first")
    )
    return Outcome(variant, seed, all_layers, without_first, tuple(layers), seconds)


def settings_for(data: str, *, full: bool) -> dict[str, Any]:
    """Arguments of the classifier for a data set: its preset, at the size of this comparison."""
    return PRESETS.get(("cumulative", data), {}) | SIZES[full]


def compare(
    data: TrainTest,
    settings: dict[str, Any],
    folder: Path,
    *,
    seeds: Sequence[int],
    variants: Iterable[str] = tuple(VARIANTS),
    tell: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Run every variant with every seed; what `folder` holds already is not run again."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = json.loads(json.dumps(settings))
    path = folder / "settings.json"
    if path.exists():
        require(
            json.loads(path.read_text()) == wanted,
            f"{folder} holds runs with other settings ({path}); name another folder",
        )
    write_json(path, wanted)
    return list(_outcomes(data, settings, folder, seeds, variants, tell))


def _outcomes(
    data: TrainTest,
    settings: dict[str, Any],
    folder: Path,
    seeds: Sequence[int],
    variants: Iterable[str],
    tell: Callable[[Outcome], None],
) -> Iterator[Outcome]:
    for variant in variants:
        for seed in seeds:
            path = folder / f"{variant.replace(' ', '-')}-seed{seed}.json"
            if not path.exists():
                outcome = run(data, variant, seed, settings)
                as_records = [layer._asdict() for layer in outcome.layers]
                write_json(path, outcome._asdict() | {"layers": as_records})
                tell(outcome)
            read = json.loads(path.read_text())
            yield Outcome(
                **read | {"layers": tuple(LayerMeasures(**one) for one in read["layers"])}
            )


class Summary(NamedTuple):
    """One variant over its seeds; arrays are (layers,)."""

    variant: str
    accuracy: float
    accuracy_without_first: float
    separation: Array
    separation_error: Array
    """standard error over seeds, or over pairs where there is one seed"""
    measures: dict[str, Array]
    """means over seeds of the other measures; of the median slope, their median"""


def summarize(outcomes: Sequence[Outcome]) -> list[Summary]:
    """One summary a variant, in the order of the outcomes."""
    found: list[Summary] = []
    for variant in dict.fromkeys(outcome.variant for outcome in outcomes):
        own = [outcome for outcome in outcomes if outcome.variant == variant]
        table = np.array([outcome.layers for outcome in own])  # (seeds, layers, measures)
        columns = dict(zip(LayerMeasures._fields, table.mean(axis=0).T, strict=True))
        middle = LayerMeasures._fields.index("median_slope")
        columns["median_slope"] = np.median(table[:, :, middle], axis=0)
        mean, error = columns.pop("separation"), columns.pop("separation_error")
        if len(own) > 1:
            error = table[:, :, 0].std(axis=0, ddof=1) / len(own) ** 0.5
        found.append(
            Summary(
                variant,
                float(np.mean([outcome.accuracy for outcome in own])),
                float(np.mean([outcome.accuracy_without_first for outcome in own])),
                mean,
                error,
                columns,
            )
        )
    return found


def markdown(outcomes: Sequence[Outcome]) -> str:
    """Two tables: accuracies of each variant, and the measures of each of its layers.

    A separation is also given as a multiple of the baseline's in the same layer, but for layers
    where that lies within one standard error of 0.
    """
    summaries = summarize(outcomes)
    base = next((one for one in summaries if one.variant == BASELINE), None)
    seeds = len({outcome.seed for outcome in outcomes})
    spread = f"{seeds} seeds" if seeds > 1 else "pairs"
    lines = [
        "| variant | accuracy, all layers | without the first |",
        "| --- | --- | --- |",
        *(
            _row(one.variant, _percent(one.accuracy), _percent(one.accuracy_without_first))
            for one in summaries
        ),
        "",
        f"| variant | layer | separation ± standard error over {spread} | times {BASELINE} | "
        "pairwise error | median slope | mean slope | free-riding | coverage |",
        "|" + " --- |" * 9,
    ]
    for one in summaries:
        lines += [_layer_row(one, layer, base) for layer in range(len(one.separation))]
    return "\n".join(lines) + "\n"


def _layer_row(one: Summary, layer: int, base: Summary | None) -> str:
    mean, error = one.separation[layer], one.separation_error[layer]
    measures = {name: values[layer] for name, values in one.measures.items()}
    return _row(
        one.variant,
        f"{layer + 1}",
        f"{mean:.3g} ± {error:.2g}",
        _times(mean, base, layer),
        _percent(measures["pairwise_error"]),
        f"{measures['median_slope']:.2g}",
        f"{measures['mean_slope']:.2g}",
        f"{measures['free_riding']:.3f}",
        f"{measures['coverage']:.3f}",
    )


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _times(mean: float, base: Summary | None, layer: int) -> str:
    if base is None or not abs(base.separation[layer]) > base.separation_error[layer]:
        return ""
    return f"{mean / base.separation[layer]:.3g}"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
