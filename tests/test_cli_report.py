"""`ffref report`: its page is whole in itself and says what `ffref evaluate` says."""

import json
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest

import ffref
from ffref.report import read_run, write_report
from ffref.report.page import inline_svg, section
from ffref.report.run_figures import (
    confusion_counts,
    confusion_matrix,
    first_weights,
    surest_mistakes,
)
from ffref.report.style import as_svg, panels, save_figure
from tests.cli_support import TINY, assert_refused, run, run_well
from tests.small_data import blobs

NAMES = np.array(["<i>ant", 'b&"bee', "$\\frac{$"])
ALWAYS = {
    "learning_curves", "accuracy_against_seconds", "goodness_histograms", "confusion", "mistakes",
    "first_weights",
}  # fmt: skip
_VOID = {"meta", "br"}


class Page(HTMLParser):
    """Elements of a page, which must be closed in their order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.attributes, self.texts = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, *pair) for pair in attrs]
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run of HFF on pictures of 2 x 4 pixels, one of cumulative goodness, one of backprop."""
    folder = tmp_path_factory.mktemp("runs")
    X, y = blobs()
    np.savez(folder / "blobs.npz", X=X, y=NAMES[y])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ffref.cli.train.write_figures", lambda *_: [])
        for algorithm in ("hff", "cumulative", "backprop"):
            run_well(
                "train", algorithm, "--data", folder / "blobs.npz", "--image-shape", "2,4",
                "--out", folder / algorithm, *TINY,
            )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def report(runs):
    """What `ffref report` printed of the run of HFF, and the page."""
    out = run_well("report", runs / "hff", "--json")
    return json.loads(out), (runs / "hff" / "report" / "report.html").read_text(encoding="utf-8")


def _assert_whole_in_itself(text):
    page = Page(text)
    assert len(page.ids) == len(set(page.ids))
    links = [value for _, name, value in page.attributes if name in ("href", "xlink:href", "src")]
    assert links
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in links)
    inside = {link[1:] for link in links if link.startswith("#")}
    assert inside | set(re.findall(r"url\(#([^)]+)\)", text)) <= set(page.ids)
    assert "<script" not in text
    assert not re.search(r"url\((?!#)|@import", text)
    return page


def test_page_is_whole_in_itself(report):
    page = _assert_whole_in_itself(report[1])
    texts = "".join(page.texts)
    for name in NAMES:  # in tables and figures, as they are
        assert name in texts
    assert page.attributes.count(("svg", "role", "img")) == len(ALWAYS) + 3


def test_result_is_that_of_evaluate(report, runs):
    printed, text = report
    (own,) = printed["runs"]
    assert own == {"run": str(runs / "hff")} | json.loads(
        run_well("evaluate", runs / "hff", "--json")
    )
    assert f"<dd>{own['accuracy']:.2%}</dd>" in text
    assert printed["page"] == str(runs / "hff" / "report" / "report.html")


def test_exact_command_is_on_the_page(report, runs):
    words = f"ffref train hff --data {runs / 'blobs.npz'} --image-shape 2,4 --out {runs / 'hff'}"
    assert f"<pre>{words} {' '.join(TINY)}</pre>" in report[1]
    assert ffref.__version__ in report[1]
    assert json.loads((runs / "hff" / "env.json").read_text())["platform"] in report[1]


def test_figures_are_there_as_png_and_svg(report, runs):
    found = sorted(path.name for path in (runs / "hff" / "report" / "figures").iterdir())
    names = ALWAYS | {"accuracy_by_layer", "active_units", "prototypes"}
    assert found == sorted(f"{name}.{ending}" for name in names for ending in ("png", "svg"))


@pytest.mark.parametrize("names", [("hff",), ("hff", "backprop")])
def test_of_an_earlier_report_no_figure_stays(names, runs, tmp_path, monkeypatch):
    monkeypatch.setattr("ffref.report.writing.save_figure", lambda *_: None)
    monkeypatch.setattr("ffref.report.writing.as_svg", lambda _: "<svg></svg>")
    tested = {name: read_run(runs / name, name) for name in ("hff", "backprop")}
    write_report([tested[name] for name in names], tmp_path)
    (tmp_path / "figures" / "mine.svg").write_text("")
    write_report([tested["backprop"]], tmp_path)
    found = {path.stem for path in (tmp_path / "figures").iterdir()}
    assert found == ALWAYS | {"mine"}


def test_classes_of_named_data_have_their_names(runs):
    tested = read_run(runs / "hff", "hff")
    assert [tested.class_name(label) for label in tested.classifier.classes_] == sorted(NAMES)
    cifar = tested._replace(
        config=tested.config | {"data": "cifar10"},
        y=np.array([3, 3, 5]),
        predicted=np.array([3, 5, 5]),
    )
    ticks = [label.get_text() for label in confusion_matrix(cifar).axes[0].get_xticklabels()]
    assert ticks == ["cat", "dog"]
    assert "<td>cat</td><td>dog</td><td>1 of 2</td>" in "".join(section(cifar, [], None))


def test_letters_that_the_font_lacks_are_text_in_svg(tmp_path):
    figure, (axes,) = panels(1, 1.0)
    axes.set_title("\u732b")  # a cat; Matplotlib's own font has none
    assert save_figure(figure, tmp_path / "cat.png").stat().st_size > 0
    assert "\u732b" in as_svg(figure)


def test_several_runs_are_on_one_page(runs, tmp_path, monkeypatch):
    monkeypatch.setattr("ffref.report.writing.save_figure", lambda *_: None)  # takes half the time
    out = run_well("report", runs / "cumulative", runs / "backprop", "--out", tmp_path / "both")
    assert out.splitlines()[-1] == f"report: {tmp_path / 'both' / 'report.html'}"
    text = (tmp_path / "both" / "report.html").read_text(encoding="utf-8")
    page = _assert_whole_in_itself(text)
    assert {"run-1", "run-2"} <= set(page.ids)
    assert text.count("free-riding") == 1  # of cumulative goodness alone
    assert (tmp_path / "both" / "figures" / "accuracy_against_seconds.svg").is_file()
    assert not (tmp_path / "both" / "figures" / "backprop" / "active_units.svg").exists()


def test_layers_are_measured_on_test_samples(runs):
    tested = read_run(runs / "cumulative", "cumulative")
    scores = tested.classifier.layer_goodness(tested.X)
    y = np.searchsorted(tested.classifier.classes_, tested.y)
    alone, summed = (
        [float((layer.argmax(axis=1) == y).mean()) for layer in kind]
        for kind in (scores, (scores[0], scores[0] + scores[1]))
    )
    assert [layer.accuracy for layer in tested.layers] == pytest.approx(alone)
    assert [layer.summed_accuracy for layer in tested.layers] == pytest.approx(summed)
    assert tested.layers[0].free_riding == 0  # nothing is below it
    for layer in tested.layers:
        assert layer.dead_units == np.mean(layer.activation == 0)
    network = read_run(runs / "backprop", "backprop")
    assert [layer.accuracy is None for layer in network.layers] == [True, True, False]


def test_confusion_counts_every_sample():
    # truth 0 0 0 1, said 0 2 2 1: one right of 0, two of 0 taken for 2, one right of 1
    classes, counts = confusion_counts(np.array([0, 0, 0, 1]), np.array([0, 2, 2, 1]))
    assert classes.tolist() == [0, 1, 2]
    assert counts.tolist() == [[1, 0, 2], [0, 1, 0], [0, 0, 0]]


def test_mistakes_are_the_wrong_ones_surest_first(runs):
    tested = read_run(runs / "backprop", "backprop")
    wrong = tested._replace(y=np.roll(tested.y, 1))
    figure = surest_mistakes(wrong)
    rows = np.flatnonzero(wrong.predicted != wrong.y)
    sure = wrong.classifier.predict_proba(wrong.X[rows]).max(axis=1)
    first = wrong.X[rows[sure.argmax()]].reshape(2, 4)
    shown = np.asarray(figure.axes[0].images[0].get_array())
    span = wrong.X.max() - wrong.X.min()
    np.testing.assert_allclose(shown * span + wrong.X.min(), first, atol=1e-5)
    assert len([axes for axes in figure.axes if axes.images]) == min(len(rows), 24)


def test_svg_takes_the_colours_of_the_page():
    svg = '<?xml?><svg width="1pt" height="2pt" viewBox="0 0 1 2"><g id="a"><path style="fill: '
    svg += '#ffffff; stroke: #000000" clip-path="url(#a)"/></g></svg>'
    fitted = inline_svg(svg, prefix="run 1", label="two")
    assert fitted.startswith('<svg role="img" aria-label="two" viewBox="0 0 1 2">')
    assert 'id="run-1-a"' in fitted
    assert "url(#run-1-a)" in fitted
    assert 'style="fill: none; stroke: currentColor"' in fitted


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        (lambda folder: None, "is no run folder"),
        (lambda folder: (folder / "jobs.json").write_text("{}"), "no run that was trained"),
    ],
)
def test_what_is_no_run_is_refused(prepare, says, tmp_path):
    prepare(tmp_path)
    assert_refused(run("report", tmp_path), says)
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize(
    ("weight_shape", "image_shape", "tile"),
    [
        ((3 * 4 + 10, 5), (3, 4, 1), (3, 4)),  # dense, behind the pixels ten slots of labels
        ((2 * 2 * 3, 5), (2, 2, 3), (2, 2, 3)),
        ((3, 3, 1 + 10, 5), (8, 8, 1), (3, 3)),  # a convolution over planes of labels too
        ((3, 3, 3, 5), (8, 8, 3), (3, 3, 3)),
        ((2, 2, 3, 3, 3, 5), (8, 8, 3), (3, 3, 3)),  # windows without shared weights
    ],
)
def test_first_weights_are_shown_as_pictures(weight_shape, image_shape, tile):
    weight = np.random.default_rng(0).normal(size=weight_shape)
    layer = SimpleNamespace(weights=(weight,))
    state = SimpleNamespace(network=SimpleNamespace(layers=(layer,)))
    run = SimpleNamespace(classifier=SimpleNamespace(state_=state), image_shape=image_shape)
    shown = [axes.images[0].get_array() for axes in first_weights(run).axes if axes.images]
    assert [picture.shape for picture in shown] == [tile] * 5
    of_unit = weight[1, 1] if weight.ndim == 6 else weight
    own = of_unit[..., 2].reshape(-1)
    own = own[: np.prod(tile)] if weight.ndim == 2 else of_unit[..., : image_shape[2], 2].ravel()
    np.testing.assert_allclose(2 * np.ravel(shown[2]) - 1, own / abs(own).max(), atol=1e-12)


@pytest.mark.parametrize(
    ("weight_shape", "image_shape"),
    [((22, 5), None), ((1, 1, 3, 5), (8, 8, 3)), ((16, 5), (2, 4, 2))],
)
def test_weights_that_are_no_pictures_are_not_shown(weight_shape, image_shape):
    layer = SimpleNamespace(weights=(np.ones(weight_shape),))
    state = SimpleNamespace(network=SimpleNamespace(layers=(layer,)))
    run = SimpleNamespace(classifier=SimpleNamespace(state_=state), image_shape=image_shape)
    assert first_weights(run) is None
