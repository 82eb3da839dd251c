"""`FFClassifier` warns of goodness, threshold and norms that come from different traditions."""

import warnings

import pytest

from ffref import FFClassifier
from ffref.experiments.presets import PRESETS
from ffref.experiments.recipes import RECIPES
from tests.cli_support import TINY, run
from tests.small_data import blobs, save_blobs
from tests.small_models import small

FEATURES = {"digits": 64, "mnist": 784, "fashion-mnist": 784, "cifar10": 3072}
SETTINGS = {
    **{f"preset of {data}": (data, p) for (name, data), p in PRESETS.items() if name == "ff"},
    **{
        f"{name}, {size}": (r.data, r.parameters | (r.full if size == "full" else {}))
        for name, r in RECIPES.items()
        if r.algorithm == "ff"
        for size in ("short", "full")
    },
}


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ({"between_norm": "l2"}, "goodness 'sum', threshold 6 and norm 'l2' hardly go together"),
        ({"input_norm": "l2"}, "a layer of 16 units on 11 inputs"),  # 8 features, 3 labels
        ({"goodness_function": "mean", "threshold": 500.0}, "threshold 500 and norm 'rms'"),
        ({"goodness_function": "negative-sum", "threshold": 16.0}, "goodness 'negative-sum'"),
    ],
)
def test_a_mix_is_warned_of_once(choices, says):
    X, y = blobs()
    model = small(FFClassifier, hidden_layer_sizes=(16, 6, 7), **choices)
    epochs = model.fit_epochs(X, y)
    with pytest.warns(UserWarning, match=says) as caught:
        next(epochs)
    assert len(caught) == 1
    list(epochs)
    list(model.set_params(max_iter=3).fit_epochs(X, y, resume=True))
    model.partial_fit(X, y)  # what goes on has been warned of


def test_windows_are_weighed_by_all_their_units():
    X, y = blobs()
    pictures = {"image_shape": (2, 4), "label_encoding": "planes", "layers": (("conv", 2, 1, 4),)}
    small(FFClassifier, **pictures, input_norm="rms").fit(X, y)
    # 12 units on 2 x 4 x (1 + 3) inputs
    with pytest.warns(UserWarning, match="a layer of 12 units on 32 inputs"):
        small(FFClassifier, **pictures, input_norm="l2").fit(X, y)


@pytest.mark.parametrize("name", SETTINGS)
def test_presets_and_recipes_are_silent(name):
    data, settings = SETTINGS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FFClassifier(**settings)._warn_if_mixed(FEATURES[data], 10)


@pytest.mark.parametrize("goodness", ["sum", "mean", "negative-sum", "negative-mean"])
def test_defaults_are_silent(goodness):
    small(FFClassifier, hidden_layer_sizes=(8, 6, 7), goodness_function=goodness).fit(*blobs())


@pytest.mark.filterwarnings("default")
def test_the_command_line_says_it_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("ffref.cli.train.write_figures", lambda *_: [])
    arguments = ("--data", save_blobs(tmp_path / "blobs.npz"), "--out", tmp_path / "run", *TINY)
    code, out, err = run("train", "ff", "--between-norm", "l2", *arguments, "--hidden", "16,8")
    assert code == 0
    assert "test accuracy" in out
    assert err.startswith("ffref: warning: goodness 'sum', threshold 8 and norm 'l2' hardly")
    assert err.count("\n") == 1
