"""Bad input to the command line: one line on stderr, exit code 2, nothing left behind."""

import errno
import json

import numpy as np
import pytest

from ffref.cli.flags import ALGORITHMS, FLAGS
from tests.cli_support import (
    TINY,
    assert_one_line,
    assert_refused,
    forget_checkpoints,
    run,
    run_well,
    tree,
)
from tests.small_data import blobs, save_blobs

TRAIN = ("train", "--data", "blobs.npz", *TINY)


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ffref.cli.train.write_figures", lambda *_: [])
    save_blobs("blobs.npz")


@pytest.fixture
def trained():
    run_well(*TRAIN, "--out", "trained")


def _refused_without_trace(folder, arguments, says=""):
    before = tree(folder)
    assert_refused(run(*arguments), says)
    assert tree(folder) == before


def _given(flag):
    """The flag as it is typed, with a value unless it is a switch."""
    if flag.type is None:
        return [flag.names[0]]
    if flag.choices is not None:
        return [flag.names[0], flag.choices[0]]
    return [flag.names[0], "dense:1" if flag.parameter == "layers" else "1"]


# -- words that mean nothing ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("", "COMMAND"),
        ("learn", "'learn'"),
        ("train --nope", "--nope"),
        ("train --nope 3", "--nope"),
        ("train --epoch 3", "--epoch; did you mean --epochs? (see ffref train --help)"),
        ("oracle check folder --hlep", "did you mean --help? (see ffref oracle check --help)"),
        ("train --image-shape 4x4", "takes height, width and channels, as 32,32,3"),
        ("train --image-shape 4,4,1", "(4, 4, 1) does not fit samples of 64 features"),
        ("train --temp=3", "--temp"),
        ("train --learningrate 0.1 ff", "--learningrate"),
        ("train cnn", "'cnn'"),
        ("train hff ff", "ff"),
        ("train --data numbers", "'numbers'"),
        ("train --data mnist --data-dir nowhere", "nowhere"),
        ("train --data mnist --data-dir nowhere", "ffref data fetch mnist"),
        ("train --data cifar10 --data-dir nowhere", "nowhere"),
        ("train --data gone.npz", "gone.npz"),
        ("train --data digits --test-fraction 0.5", "--test-fraction"),
        ("train --test-fraction 0.5", "--test-fraction"),
        ("train --optimizer rmsprop", "'rmsprop'"),
        ("train --hidden", "--hidden"),
        ("train ff --goodness cosine", "'cosine'"),
        ("train --resume", "--resume"),
        ("train --resume nowhere", "nowhere"),
        ("train --resume blobs.npz", "no run folder"),
        ("train --resume=", ""),
        ("evaluate", "run"),
        ("evaluate nowhere", "there is no checkpoint nowhere; name a run folder"),
        ("evaluate nowhere.npz", "nowhere.npz"),
        ("evaluate blobs.npz --data blobs.npz", "blobs.npz"),
        ("predict", "run"),
        ("predict nowhere --data blobs.npz", "nowhere"),
    ],
)
def test_words_that_mean_nothing(arguments, says, tmp_path):
    _refused_without_trace(tmp_path, arguments.split(), says)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("evaluate trained --split validation", "'validation'"),
        ("evaluate trained --jso", "--jso"),
        ("evaluate trained --data nothing", "'nothing'"),
        ("evaluate trained --data gone.npz", "gone.npz"),
        ("evaluate trained --data digits", "64 features"),
        ("evaluate trained --data blobs.npz --split train", "--split"),
        ("evaluate trained --threads 0", "threads"),
        ("evaluate trained/checkpoint.npz", "--data"),
        ("evaluate trained/config.json --data blobs.npz", "it is no .npz archive"),
        ("predict trained", "nothing to predict"),
        ("predict trained --data digits", "digits"),
        ("predict trained --data gone.npz", "gone.npz"),
        ("predict trained --data trained/checkpoint.npz", "named X"),
        ("predict trained --data blobs.npz --prob", "--prob"),
        ("predict trained --data blobs.npz --quiet", "--quiet"),
        ("predict trained --data blobs.npz --out nowhere/classes.csv", "nowhere/classes.csv"),
        ("predict trained --data blobs.npz --out blobs.npz/classes.csv", "classes.csv"),
        ("predict trained --data blobs.npz --out .", "cannot write"),
        ("train --resume trained --epochs 3", "--epochs"),
        ("train --resume trained --data blobs.npz", "--data"),
        ("train --resume trained --out other", "--out"),
        ("train --resume trained --test-fraction 0.2", "--test-fraction"),
        ("train --resume trained --data-dir .", "--data-dir"),
        ("train hff --resume trained", "hff"),
        ("train --data blobs.npz --out trained", "not empty"),
    ],
)
@pytest.mark.usefixtures("trained")
def test_words_that_do_not_fit_a_run(arguments, says, tmp_path):
    _refused_without_trace(tmp_path, arguments.split(), says)


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.parameter)
@pytest.mark.usefixtures("trained")
def test_resume_refuses_every_flag_of_a_classifier(flag, tmp_path):
    words = _given(flag)
    _refused_without_trace(tmp_path, ["train", "--resume", "trained", *words], flag.names[0])


@pytest.mark.parametrize(
    ("flag", "algorithm"),
    [(flag, name) for flag in FLAGS for name in ALGORITHMS if name not in flag.algorithms],
    ids=lambda case: getattr(case, "parameter", case),
)
def test_flag_of_another_algorithm(flag, algorithm, tmp_path):
    says = f"{flag.names[0]} does nothing for {algorithm}"
    _refused_without_trace(tmp_path, ["train", algorithm, *_given(flag)], says)


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.parameter)
def test_abbreviated_flag(flag, tmp_path):
    for name in flag.names:
        _refused_without_trace(tmp_path, ["train", name[:-1], "1"], name[:-1])
        _refused_without_trace(tmp_path, ["train", f"{name[:-1]}=1"], name[:-1])


# -- numbers out of range ------------------------------------------------------------------------

_NO_POSITIVE = ("0", "-1", "nan", "inf", "-inf", "x", "")
_NO_COUNT = ("0", "-3", "1.5", "nan", "x", "")
_NO_SHARE = ("1", "-0.1", "nan", "inf", "x")
_BAD = [
    ("hff", "--epochs", _NO_COUNT),
    ("hff", "--max-iter", ("0",)),
    ("ff", "--batch-size", _NO_COUNT),
    ("hff", "--hidden", (*_NO_COUNT, "8,", ",8", "8,0", "8;8", "8,-8")),
    ("backprop", "--hidden", _NO_COUNT),
    ("backprop", "--learning-rate", _NO_POSITIVE),
    ("hff", "--seed", ("-1", "1.5", "x", "")),
    ("hff", "--threads", _NO_COUNT),
    ("hff", "--test-fraction", ("0", "1", "1.5", "-0.2", "nan", "x", "0.001")),
    ("hff", "--warmup-steps", ("-1", "1.5", "x")),
    ("hff", "--temperature", _NO_POSITIVE),
    ("hff", "--sharpness", _NO_POSITIVE),
    ("hff", "--margin", ("nan", "inf", "x")),
    ("hff", "--label-smoothing", _NO_SHARE),
    ("backprop", "--label-smoothing", _NO_SHARE),
    ("predictive-coding", "--relaxation-steps", _NO_COUNT),
    ("predictive-coding", "--relaxation-rate", _NO_POSITIVE),
    ("predictive-coding", "--output-precision", _NO_POSITIVE),
    ("hff", "--prototypes-per-class", _NO_COUNT),
    ("hff", "--prototype-update=ema --ema-decay", _NO_SHARE),
    ("hff", "--optimizer=heavy-ball --momentum", _NO_SHARE),
    ("hff", "--optimizer=moving-average --momentum", _NO_SHARE),
    ("hff", "--optimizer=adamw --weight-decay", ("-0.1", "nan", "x")),
    ("hff", "--optimizer=adam --weight-decay", ("0.1",)),
    ("ff", "--threshold", ("nan", "inf", "x")),
    ("ff", "--label-strength", ("0", "nan", "inf", "x")),
    ("ff", "--layers", ("", "1", "conv", "dense:0", "dense:x", "conv:3:1:8:1:1", "pool:2:2")),
]


@pytest.mark.parametrize(
    ("algorithm", "flag", "value"),
    [(algorithm, flag, value) for algorithm, flag, values in _BAD for value in values],
)
def test_number_out_of_range(algorithm, flag, value, tmp_path):
    *others, name = flag.split()
    _refused_without_trace(tmp_path, [*TRAIN, algorithm, *others, f"{name}={value}"])


def test_infinite_weight_decay(tmp_path):
    _refused_without_trace(tmp_path, [*TRAIN, "--optimizer=adamw", "--weight-decay=inf"])


def test_network_beyond_all_memory(tmp_path):
    _refused_without_trace(tmp_path, [*TRAIN, "--hidden", 10**13], "memory")


# -- data ----------------------------------------------------------------------------------------


def _broken_data():
    X, y = blobs()
    with_nan, with_inf = X.copy(), X.copy()
    with_nan[7, 3] = np.nan
    with_inf[7, 3] = np.inf
    return {
        "nan": ({"X": with_nan, "y": y}, "nan"),
        "infinity": ({"X": with_inf, "y": y}, "inf"),
        "beyond float32": ({"X": X.astype(float) * 1e300, "y": y}, "float32"),
        "one class": ({"X": X, "y": y * 0}, "one class"),
        "one sample": ({"X": X[:1], "y": y[:1]}, ""),
        "no X": ({"x": X, "y": y}, "named X"),
        "no y": ({"X": X}, "named y"),
        "flat X": ({"X": X[:, 0], "y": y}, "shape"),
        "five axes": ({"X": X.reshape(-1, 2, 2, 2, 1), "y": y}, "shape"),
        "X of text": ({"X": X.astype(str), "y": y}, "X must be numbers"),
        "complex X": ({"X": X.astype(complex), "y": y}, ""),
        "objects": ({"X": X, "y": np.array([None] * len(y))}, ""),
        "fewer labels": ({"X": X, "y": y[:-1]}, "89 labels"),
        "more labels": ({"X": X[:-1], "y": y}, "90 labels"),
        "two columns of labels": ({"X": X, "y": np.column_stack((y, y))}, "y must be"),
        "fractions as labels": ({"X": X, "y": y + 0.5}, "y must be"),
        "no samples": ({"X": X[:0], "y": y[:0]}, ""),
        "no features": ({"X": X[:, :0], "y": y}, ""),
    }


@pytest.mark.parametrize("fault", _broken_data())
def test_broken_data_to_train(fault, tmp_path):
    arrays, says = _broken_data()[fault]
    np.savez("broken.npz", **arrays)
    _refused_without_trace(tmp_path, ["train", "--data", "broken.npz"], says)


@pytest.mark.parametrize("fault", sorted(_broken_data().keys() - {"one class", "one sample"}))
@pytest.mark.usefixtures("trained")
def test_broken_data_to_evaluate(fault, tmp_path):
    arrays, says = _broken_data()[fault]
    np.savez("broken.npz", **arrays)
    _refused_without_trace(tmp_path, ["evaluate", "trained", "--data", "broken.npz"], says)


@pytest.mark.parametrize("fault", ["one class", "one sample"])
@pytest.mark.usefixtures("trained")
def test_one_class_can_be_evaluated(fault):
    np.savez("single.npz", **_broken_data()[fault][0])
    assert run_well("evaluate", "trained", "--data", "single.npz").startswith("accuracy ")


@pytest.mark.parametrize("fault", ["nan", "no X", "flat X", "X of text", "no samples"])
@pytest.mark.usefixtures("trained")
def test_broken_data_to_predict(fault, tmp_path):
    np.savez("broken.npz", **_broken_data()[fault][0])
    _refused_without_trace(tmp_path, ["predict", "trained", "--data", "broken.npz"])
    to_file = ["predict", "trained", "--data", "broken.npz", "--out", "classes.csv"]
    _refused_without_trace(tmp_path, to_file)


@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, -1])
def test_cut_data(keep, tmp_path):
    whole = (tmp_path / "blobs.npz").read_bytes()
    kept = int(keep * len(whole)) if isinstance(keep, float) else keep
    (tmp_path / "cut.npz").write_bytes(whole[:kept])
    _refused_without_trace(tmp_path, ["train", "--data", "cut.npz"], "cut.npz")


def test_overlay_needs_a_feature_for_each_class(tmp_path):
    save_blobs("many.npz", classes=9, features=5)
    arguments = ["train", "ff", "--data", "many.npz", "--label-encoding", "overlay"]
    _refused_without_trace(tmp_path, arguments, "9 classes, got 8 features")


def test_data_that_is_a_folder_or_a_text(tmp_path):
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "text.npz").write_text("X,y\n1,2\n", encoding="utf-8")
    for name in ("folder.npz", "text.npz"):
        _refused_without_trace(tmp_path, ["train", "--data", name], name)


# -- places --------------------------------------------------------------------------------------


@pytest.mark.parametrize("out", ["blobs.npz", "blobs.npz/run", "full", "nul\0byte"])
def test_out_that_cannot_be_a_run_folder(out, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/of.txt").write_text("things", encoding="utf-8")
    _refused_without_trace(tmp_path, [*TRAIN, "--out", out])


def test_out_may_be_an_empty_folder(tmp_path):
    (tmp_path / "empty").mkdir()
    run_well(*TRAIN, "--out", "empty")
    assert (tmp_path / "empty/checkpoint.npz").is_file()


def _no_space(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_disk_full_while_the_checkpoint_is_written(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("ffref.training.files.os.fsync", _no_space)
        outcome = run(*TRAIN, "--out", "run", "--quiet")
    assert_one_line(outcome)
    assert "No space left" in outcome.err
    assert outcome.out == ""
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "config.json",
        "env.json",
        "train.toml",
    }
    run_well("train", "--resume", "run")


@pytest.mark.usefixtures("trained")
def test_disk_full_while_predictions_are_written(tmp_path, monkeypatch):
    (tmp_path / "classes.csv").write_text("older\n", encoding="utf-8")
    monkeypatch.setattr("pathlib.Path.replace", _no_space)
    arguments = ["predict", "trained", "--data", "blobs.npz", "--out", "classes.csv"]
    _refused_without_trace(tmp_path, arguments, "No space left")


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.EROFS, "Read-only file system", "report"), "report: Read-only"),
        (OSError(errno.ENOSPC, "No space left"), "the output cannot be written: No space left"),
        (OSError("gone"), "gone"),
    ],
)
def test_what_the_system_says(error, says, monkeypatch):
    def fails(*_, **__):
        raise error

    monkeypatch.setattr("ffref.cli.evaluate.evaluate", fails)
    outcome = run("evaluate", "trained")
    assert_refused(outcome, says)
    assert "Errno" not in outcome.err


# -- settings that a human changed ---------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"algorithm": "cnn"},
        {"algorithm": ["hff"]},
        {"data": 5},
        {"data": "nowhere.npz"},
        {"data_dir": 5},
        {"test_fraction": "0.2"},
        {"test_fraction": 2.0},
        {"test_fraction": None},
        {"parameters": None},
        {"parameters": []},
        {"parameters": {"colour": "red"}},
        {"parameters": {"max_iter": "2"}},
        {"parameters": {"learning_rate_init": "0.1"}},
        {"parameters": {"hidden_layer_sizes": [8, None]}},
        {"parameters": {"optimizer": {}}},
        {"parameters": {"momentum": "0.9", "optimizer": "heavy-ball"}},
    ],
    ids=str,
)
def test_changed_config(change, tmp_path):
    run_well(*TRAIN, "--out", "run")
    path = tmp_path / "run/config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | change
    path.write_text(json.dumps(config), encoding="utf-8")
    forget_checkpoints(tmp_path / "run")
    _refused_without_trace(tmp_path, ["train", "--resume", "run"])
