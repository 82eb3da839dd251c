"""Tables of jobs: seeds of a variant in one row, as Markdown, CSV and JSON."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtrit

from ffref.experiments.run_folder import write_json, write_text

CONFIDENCE = 0.95


class Row(NamedTuple):
    """One variant over its seeds; None for what there is not."""

    variant: str
    algorithm: str
    seeds: int
    accuracy: float | None
    accuracy_std: float | None
    """between seeds, of a sample; None for one seed"""
    accuracy_low: float | None
    """95 % confidence interval of the mean, by Student's t"""
    accuracy_high: float | None
    layer_accuracy: tuple[float, ...] | None
    nearest_mean_accuracy: float | None
    separation: tuple[float | None, ...] | None
    layers: int | None
    """with weights, an output layer included; a network with one loss scores at the top alone"""
    epochs: float | None
    train_seconds: float | None
    inference_seconds_per_1000: float | None
    peak_memory_bytes: int | None
    """the highest of all seeds"""
    learned_numbers: int | None
    error: str | None


def mean_and_interval(
    values: Sequence[float],
) -> tuple[float, float | None, float | None, float | None]:
    """Mean, standard deviation, and the ends of the mean's confidence interval.

    Examples
    --------
    >>> mean_and_interval([1.0, 3.0])[:2]
    (2.0, 1.4142135623730951)
    >>> mean_and_interval([1.0])
    (1.0, None, None, None)
    """
    mean, count = float(np.mean(values)), len(values)
    if count < 2:
        return mean, None, None, None
    std = float(np.std(values, ddof=1))
    half = float(stdtrit(count - 1, (1 + CONFIDENCE) / 2)) * std / count**0.5
    return mean, std, mean - half, mean + half


def summarize(results: Sequence[dict[str, Any]]) -> list[Row]:
    """One row a variant, in the order of the results."""
    return [
        _row([result for result in results if result["variant"] == variant])
        for variant in dict.fromkeys(result["variant"] for result in results)
    ]


def _row(results: list[dict[str, Any]]) -> Row:
    first = results[0]
    done = [result for result in results if result["error"] is None]
    errors = [str(result["error"]) for result in results if result["error"] is not None]
    error = f"{len(errors)} of {len(results)} seeds: {errors[0]}" if errors else None
    if not done:
        nothing = dict.fromkeys(Row._fields)
        about = {"variant": first["variant"], "algorithm": first["algorithm"], "seeds": 0}
        return Row(**{**nothing, **about, "error": error})
    measured = [result["measured"] for result in done]
    memory = [one["peak_memory_bytes"] for one in measured]
    return Row(
        first["variant"],
        first["algorithm"],
        len(done),
        *mean_and_interval([result["accuracy"] for result in done]),
        _by_layer([result["layer_accuracy"] for result in done]),
        float(np.mean([result["nearest_mean_accuracy"] for result in done])),
        _by_layer([result["separation"] for result in done]),
        done[0]["layers"],
        float(np.mean([result["epochs"] for result in done])),
        float(np.mean([one["train_seconds"] for one in measured])),
        float(np.mean([one["inference_seconds_per_1000"] for one in measured])),
        None if None in memory else max(memory),
        done[0]["learned_numbers"],
        error,
    )


def _by_layer(of_seeds: list[list[Any]]) -> tuple[Any, ...]:
    """Mean of each layer over seeds; None where a seed has none."""
    return tuple(
        None if None in layer else float(np.mean(layer)) for layer in zip(*of_seeds, strict=True)
    )


def markdown(rows: Sequence[Row]) -> str:
    """Make a table for people, best first."""
    titles = (
        "variant",
        "test accuracy, %",
        "95 % interval",
        "each layer alone, %",
        "nearest class mean, %",
        "epochs",
        "seconds to train",
        "seconds for 1,000 inferences",
        "peak memory, MB",
        "parameters",
    )
    lines = [_line(titles), "|" + " --- |" * len(titles)]
    done = [row for row in rows if row.accuracy is not None]
    lines += [_line(_cells(row)) for row in sorted(done, key=lambda row: -(row.accuracy or 0))]
    failed = [f"- {row.variant}: {row.error}" for row in rows if row.error is not None]
    return "\n".join([*lines, *(["", "Without a result:", "", *failed] if failed else [])]) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(row: Row) -> tuple[str, ...]:
    spread = "" if row.accuracy_std is None else f" ± {100 * row.accuracy_std:.2f}"
    ends = (row.accuracy_low, row.accuracy_high)
    interval = " to ".join(_percent(end) for end in ends if end is not None)
    memory = row.peak_memory_bytes
    return (
        row.variant,
        f"{_percent(row.accuracy)}{spread}",
        interval,
        " ".join(_percent(layer) for layer in row.layer_accuracy or ()),
        _percent(row.nearest_mean_accuracy),
        f"{row.epochs:.0f}",
        f"{row.train_seconds:.2f}",
        f"{row.inference_seconds_per_1000:.4f}",
        "" if memory is None else f"{memory / 1e6:.0f}",
        f"{row.learned_numbers:,}",
    )


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f}"


def to_csv(rows: Sequence[Row]) -> str:
    """Make a table for programs, one value a cell; layers with semicolons between."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(Row._fields)
    for row in rows:
        writer.writerow(
            ";".join("" if one is None else repr(one) for one in value)
            if isinstance(value, tuple)
            else value
            for value in row
        )
    return out.getvalue()


def write_tables(
    folder: Path, name: str, results: Sequence[dict[str, Any]], about: dict[str, Any]
) -> list[Row]:
    """Write NAME.md, NAME.csv and NAME.json (with `about` and all results); return the rows."""
    rows = summarize(results)
    write_text(folder / f"{name}.md", markdown(rows))
    write_text(folder / f"{name}.csv", to_csv(rows))
    content = {**about, "rows": [row._asdict() for row in rows], "results": list(results)}
    write_json(folder / f"{name}.json", content)
    return rows
