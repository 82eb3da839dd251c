"""Settings in a TOML file: the same as flags, and back."""

import json
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ffref.cli.config import read_words, to_toml
from ffref.cli.flags import FLAGS
from ffref.cli.main import _parse, build_parser
from tests.cli_support import TINY, assert_refused, checkpoint_arrays, run, run_well
from tests.small_data import save_blobs

EXAMPLES = {
    "layers": "conv:3:1:8:1,dense:5",
    "hidden_layer_sizes": "7,9",
    "image_shape": "4,4,3",
}


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ffref.cli.train.write_figures", lambda *_: [])


def _words(flag):
    if flag.type is None:
        return [flag.names[0].replace("--", "--no-", 1)]
    value = flag.choices[0] if flag.choices else EXAMPLES.get(flag.parameter, "3")
    return [flag.names[0], value]


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.parameter)
def test_every_flag_goes_into_a_file_and_comes_back(flag, tmp_path):
    algorithm = flag.algorithms[0]
    typed = build_parser().parse_args(["train", algorithm, *_words(flag)])
    (tmp_path / "run.toml").write_text(to_toml(algorithm, typed, "digits"), encoding="utf-8")
    read = _parse(["train", "--config", "run.toml"])
    assert vars(read) | {"config": None} == vars(typed) | {"data": "digits"}


@given(st.text(st.characters(exclude_categories=["Cs"])), st.floats(), st.integers())
@settings(max_examples=100, deadline=None)
def test_what_is_written_is_toml(text, number, whole):
    options = build_parser().parse_args(["train"])
    options.data_dir, options.test_fraction, options.random_state = text, number, whole
    written = tomllib.loads(to_toml("hff", options, text + "!"))
    assert written["data"] == text + "!"
    assert written["data-dir"] == text
    assert repr(written["test-fraction"]) == repr(number)
    assert written["seed"] == whole


def test_settings_of_a_run_repeat_it(tmp_path):
    save_blobs("blobs.npz")
    words = ("ff", "--data", "blobs.npz", "--test-fraction", 0.3, "--no-standardize", "--seed", 3)
    run_well("train", *words, *TINY, "--out", "first")
    run_well("train", "--config", "first/train.toml", "--out", "second")
    first, second = tmp_path / "first", tmp_path / "second"
    assert checkpoint_arrays(first) == checkpoint_arrays(second)
    assert (first / "config.json").read_text() == (second / "config.json").read_text()
    one, other = ((run / "train.toml").read_text().splitlines() for run in (first, second))
    assert one[1:] == other[1:]
    assert one[0] == f"# ffref train {' '.join(map(str, words))} {' '.join(TINY)} --out first"
    assert other[0] == "# ffref train --config first/train.toml --out second"


def test_recipes_too(tmp_path):
    typed = build_parser().parse_args(["train", "hinton-matlab", "--full", "--epochs", "1"])
    (tmp_path / "run.toml").write_text(to_toml("hinton-matlab", typed, "mnist"), encoding="utf-8")
    read = _parse(["train", "--config", "run.toml"])
    assert (read.algorithm, read.full, read.max_iter) == ("hinton-matlab", True, 1)


def test_flags_win_over_the_file(tmp_path):
    (tmp_path / "run.toml").write_text(
        'algorithm = "ff"\nepochs = 3\nhidden = [4, 5]\nstandardize = false\n'
        'layer-schedule = "greedy"\nlearning_rate = 0.5\n',
        encoding="utf-8",
    )
    read = _parse(["train", "--config", "run.toml", "--epochs", "7", "--standardize"])
    assert (read.algorithm, read.max_iter, read.hidden_layer_sizes) == ("ff", 7, (4, 5))
    assert (read.standardize, read.layer_schedule, read.learning_rate_init) == (
        True,
        "greedy",
        0.5,
    )
    assert _parse(["train", "hff", "--config", "run.toml"]).algorithm == "hff"
    assert _parse(["train", "--config", "run.toml", "backprop"]).algorithm == "backprop"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"epochs = ", "no valid TOML"),
        (b"\xff", "no valid TOML"),
        (b"a = " + b"[" * 5000, "no valid TOML"),
        (b"#" * 1_000_001, "no valid TOML"),
        (b"a." * 400_000 + b"a = 1", "no valid TOML"),
        (b"seed = " + b"9" * 5000, "no valid TOML"),
        (b"epoch = 3", "--epoch=3"),
        (b'epochs = "x"', "--epochs"),
        (b"epochs = true", "--epochs"),
        (b"epochs = 2024-01-01", "epochs must be"),
        (b"[train]\nepochs = 3", "train must be"),
        (b"hidden = [[3]]", "hidden must be"),
        (b"algorithm = 3", "algorithm"),
        (b'algorithm = "cnn"', "'cnn'"),
        (b'config = "run.toml"', "'config'"),
        (b'resume = "run"', "'resume'"),
        (b'out = "run"', "'out'"),
        (b"help = true", "'help'"),
        (b'"--epochs" = 3', "'--epochs'"),
        (b'"" = 3', "''"),
        (b'optimizer = "x\\n-y"', "--optimizer"),
    ],
)
def test_files_that_say_nothing(text, says, tmp_path):
    (tmp_path / "run.toml").write_bytes(text)
    outcome = run("train", "--config", "run.toml")
    assert_refused(outcome, says)
    if "cnn" not in says:
        assert "run.toml" in outcome.err


def test_other_refusals(tmp_path):
    assert_refused(run("train", "--config", "absent.toml"), "absent.toml")
    assert_refused(run("train", "--config", "."), "cannot be read")
    save_blobs("blobs.npz")
    run_well("train", "--data", "blobs.npz", "--out", "run", *TINY)
    assert_refused(run("train", "--resume", "run", "--config", "run/train.toml"), "--config")
    assert json.loads((tmp_path / "run/config.json").read_text())["label"] is None
    assert read_words("run/train.toml")[0] == "hff"
