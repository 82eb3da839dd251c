"""One HTML page for runs, whole in itself: no script, no file beside it, no network.

Everything that comes from a run (names, classes, paths) is escaped.
"""

import re
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Any, NamedTuple

import numpy as np

from ffref._version import __version__
from ffref.report.run_figures import confusion_counts
from ffref.report.tested import SETTINGS, LayerFacts, TestedRun

_CONFUSIONS = 6
_LAYER_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("units", "units", "d"),
    ("accuracy", "accuracy alone", ".2%"),
    ("summed_accuracy", "with those below", ".2%"),
    ("separation", "separation", ".3g"),
    ("pairwise_error", "pairs wrong", ".2%"),
    ("positive_goodness", "goodness, positive", ".4g"),
    ("negative_goodness", "goodness, negative", ".4g"),
    ("dead_units", "dead units", ".1%"),
    ("free_riding", "free-riding", ".3f"),
)


class Drawn(NamedTuple):
    """One figure of the page."""

    name: str
    title: str
    caption: str
    svg: str


def page(title: str, body: Iterable[str]) -> str:
    """Join the parts of a page."""
    template = Template(files("ffref.report").joinpath("page.html").read_text(encoding="utf-8"))
    end = f'<p class="muted">Written by ffref {escape(__version__)}.</p>'
    return template.substitute(title=escape(title), body="\n".join([*body, end]))


def overview(runs: Sequence[TestedRun], drawn: Sequence[Drawn]) -> list[str]:
    """Several runs beside each other, and links to each."""
    rows = [
        [
            run.name,
            run.title,
            f"{run.config['parameters'].get('random_state')}",
            f"{run.result['accuracy']:.2%}",
            f"{run.classifier.n_iter_}",
            f"{run.seconds:.1f}",
        ]
        for run in sorted(runs, key=lambda run: -run.result["accuracy"])
    ]
    heads = ["run", "what", "seed", "test accuracy", "epochs", "seconds of training"]
    links = "".join(
        f'<a href="#run-{at}">{escape(run.name)}</a> ' for at, run in enumerate(runs, 1)
    )
    return [
        f"<h1>{len(runs)} runs</h1>",
        f"<nav>{links}</nav>",
        _table(heads, rows, kind=' class="words"'),
        _figures(drawn),
    ]


def section(run: TestedRun, drawn: Sequence[Drawn], number: int | None) -> list[str]:
    """All of one run; `number` is its place among several."""
    heading = f"<h1>{escape(run.title)}</h1>"
    if number is not None:
        heading = f'<h2 id="run-{number}">{escape(run.name)}</h2><p>{escape(run.title)}</p>'
    return [
        heading,
        f'<p class="muted">{escape(str(run.folder))}</p>',
        _facts(run),
        _figures(drawn),
        "<h3>Layers, on test samples</h3>",
        _layers(run.layers),
        f'<p class="muted">Accuracies are of all test samples, the rest is of the first '
        f"{len(run.X)}.</p>",
        *_readouts(run.result),
        *_confusions(run),
        *_origin(run),
    ]


def _facts(run: TestedRun) -> str:
    result, classifier = run.result, run.classifier
    facts = {
        "test accuracy": f"{result['accuracy']:.2%}",
        "test samples": f"{result['samples']}",
        "read by": result["readout"],
        "epochs": f"{classifier.n_iter_}",
        "seconds of training": f"{run.seconds:.1f}",
        "layers": " · ".join(f"{layer.units}" for layer in run.layers),
        "classes": f"{len(classifier.classes_)}",
        "seed": f"{classifier.seed_}",
    }
    items = (
        f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in facts.items()
    )
    return f'<dl class="facts">{"".join(items)}</dl>'


def _figures(drawn: Sequence[Drawn]) -> str:
    parts = (
        f"<figure><h3>{escape(one.title)}</h3>"
        f"{inline_svg(one.svg, prefix=one.name, label=one.title)}"
        f"<figcaption>{escape(one.caption)}</figcaption></figure>"
        for one in drawn
    )
    return f'<div class="figures">{"".join(parts)}</div>'


def inline_svg(svg: str, *, prefix: str, label: str) -> str:
    """Fit an SVG file into a page: black is the page's ink, white its ground, ids are its own."""
    own = re.sub(r"[^A-Za-z0-9_-]", "-", prefix)
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    head, rest = svg.split(">", 1)
    svg = re.sub(r' (width|height)="[^"]*"', "", head) + ">" + rest
    svg = re.sub(r'(\sid="|href="#|url\(#)', rf"\g<1>{own}-", svg)
    svg = svg.replace("#000000", "currentColor").replace("fill: #ffffff", "fill: none")
    return svg.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1)


def _layers(layers: Sequence[LayerFacts]) -> str:
    used = [
        column
        for column in _LAYER_COLUMNS
        if any(getattr(layer, column[0]) is not None for layer in layers)
    ]
    rows = [
        [
            f"{number}",
            *(_number(getattr(layer, name), form) for name, _, form in used),
        ]
        for number, layer in enumerate(layers, 1)
    ]
    return _table(["layer", *(head for _, head, _ in used)], rows)


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _readouts(result: dict[str, Any]) -> list[str]:
    shares = result["readout_accuracy"]
    if len(set(shares.values())) < 2:
        return []
    rows = [[name, f"{share:.2%}"] for name, share in shares.items()]
    return ["<h3>Ways to read the classes off</h3>", _table(["readout", "test accuracy"], rows)]


def _confusions(run: TestedRun) -> list[str]:
    classes, counts = confusion_counts(run.y, run.predicted)
    wrong = counts - np.diag(np.diag(counts))
    most = np.argsort(-wrong, axis=None, kind="stable")[:_CONFUSIONS]
    rows = []
    for true, taken in zip(*np.unravel_index(most, wrong.shape), strict=True):
        if wrong[true, taken]:
            names = [run.class_name(classes[one]) for one in (true, taken)]
            rows.append([*names, f"{wrong[true, taken]} of {counts[true].sum()}"])
    heading = "<h3>What is most often taken for what</h3>"
    return [heading, _table(["true class", "taken for", "samples"], rows)] if rows else []


def _origin(run: TestedRun) -> list[str]:
    command, _, rest = run.settings.partition("\n")
    parts = ["<h3>How it was made</h3>"]
    if command.startswith("# ffref ") and not command.endswith("THIS_FILE"):
        parts += [f"<pre>{escape(command[2:])}</pre>"]
    elif rest:  # of a run before commands were kept
        parts += [f"<pre>ffref train --config {escape(str(run.folder / SETTINGS))}</pre>"]
    else:
        parts += [
            "<p>By a command of many runs, or from Python, as no settings of "
            "<code>ffref train</code> were left.</p>"
        ]
    if rest:
        parts += [f"<details><summary>train.toml</summary><pre>{escape(rest)}</pre></details>"]
    config = {name: value for name, value in run.config.items() if name != "parameters"}
    return [
        *parts,
        _details(
            "Settings, those that were not given included", config | run.config["parameters"]
        ),
        _details("Machine and versions", run.environment),
    ]


def _details(summary: str, content: dict[str, Any]) -> str:
    rows = [[name, "" if value is None else f"{value}"] for name, value in content.items()]
    table = _table(["name", "value"], rows, kind=' class="words"')
    return f"<details><summary>{summary}</summary>{table}</details>"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, kind: str = "") -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return (
        f'<div class="wide"><table{kind}><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
