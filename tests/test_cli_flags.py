"""Every flag has an effect: one row a flag, and a flag without a row fails."""

import csv
import gzip
import io
import json
import struct
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

import ffref
from ffref.cli.flags import ALGORITHMS, FLAGS
from ffref.cli.main import build_parser
from ffref.experiments import RECIPES
from ffref.formulas import ALL_GOODNESS
from ffref.kernels import get_threads, threads
from tests.cli_support import TINY, checkpoint_arrays, forget_checkpoints, run, run_well
from tests.small_data import blobs, save_blobs
from tests.small_models import mixed_on_purpose

METHODS = {method.name: method for method in ffref.objectives.METHODS}


class Row(NamedTuple):
    """Settings of one flag that must give results that all differ."""

    settings: tuple[str, ...]
    """the flag's value, and what must come with it"""
    companion: str = ""
    """arguments of all runs of the row, where the flag only counts together with them"""


_LONG = "--epochs 12 --learning-rate 0.03"
"""As long as it takes to stop early."""
ROWS = {
    "random_state": Row(("0", "1", "2")),
    "max_iter": Row(("1", "2", "3")),
    "batch_size": Row(("32", "16", "1000")),
    "hidden_layer_sizes": Row(("8,8", "8", "6,8")),
    "layers": Row(
        ("local:2:1:3", "conv:2:1:3", "block:3:size=1:padding=0", "conv:2:1:3,dense:6"),
        "--image-shape 2,4",
    ),
    "learning_rate_init": Row(("0.001", "0.01")),
    "optimizer": Row(("adam", "adamw --weight-decay 0.5", "heavy-ball", "moving-average")),
    "momentum": Row(("0.9", "0.5"), "--optimizer heavy-ball"),
    "weight_decay": Row(("0", "0.5", "0.01"), "--optimizer adamw"),
    "schedule": Row(("cosine", "constant", "linear", "linear-second-half", "hinton")),
    "warmup_steps": Row(("0", "1000")),
    "standardize": Row(("", "no-")),
    "input_norm": Row(("none", "l2", "rms", "layer")),
    "between_norm": Row(("none", "l2", "rms", "layer")),
    "shift": Row(("0", "1", "2"), "--image-shape 2,4"),
    "flip": Row(("", "no-"), "--image-shape 2,4"),
    "cutout": Row(("0", "1", "2"), "--image-shape 2,4"),
    "image_shape": Row(("2,4", "4,2"), "--shift 1"),
    "layer_schedule": Row(("simultaneous", "greedy")),
    "readout": Row(("softmax", "weighted", "sum", "last", "sum-without-first"), "--hidden 8,8,8"),
    "calibrated": Row(("", "no-")),
    "validation_fraction": Row(("0.1", "0.3")),
    "early_stopping": Row(("", "no-"), f"{_LONG} --epochs 25"),
    "n_iter_no_change": Row(("1", "9"), f"{_LONG} --early-stopping"),
    "tol": Row(("0", "0.5"), f"{_LONG} --early-stopping --n-iter-no-change 3"),
    "learn_hidden": Row(("", "no-"), "--readout softmax"),
    "label_smoothing": Row(("0", "0.3")),
    "prototypes_per_class": Row(("1", "2", "4")),
    "temperature": Row(("0.1", "0.2"), "--sharpness 5"),
    "sharpness": Row(("10", "5")),
    "margin": Row(("0", "0.2")),
    "margin_kind": Row(
        ("additive-cosine", "additive-angular", "multiplicative-angular", "pairwise", "hardest"),
        "--margin 1",
    ),
    "learn_temperature": Row(("", "no-")),
    "prototype_init": Row(("random", "simplex", "class-means")),
    "prototype_update": Row(("gradient", "ema")),
    "ema_decay": Row(("0.99", "0.5"), "--prototype-update ema"),
    "goodness_function": Row(tuple(ALL_GOODNESS)),
    "threshold": Row(("8", "4")),
    "label_encoding": Row(("append", "overlay", "planes --layers conv:2:1:3 --image-shape 2,4")),
    "label_strength": Row(("1", "2")),
    "negatives": Row(("uniform", "hard", "hybrid"), "--readout softmax --image-shape 2,4"),
    "mask_blurs": Row(("0", "1", "3"), "--negatives hybrid --readout softmax --image-shape 2,4"),
    "peer_strength": Row(("0", "0.5")),
    "readout_rate_factor": Row(("1", "5"), "--negatives hard --readout softmax"),
    "readout_weight_decay": Row(
        ("0", "0.5"), "--negatives hard --readout softmax --optimizer adamw"
    ),
    "initialization": Row(("he", "lecun")),
    "similarity": Row(("cosine --scale 3", "dot", "euclidean", "mahalanobis")),
    "scale": Row(("5", "2", "20")),
    "member_rows": Row(("1", "2", "9")),
    "activity_norm": Row(("none", "l2", "rms", "layer"), "--similarity dot --scale 0.1"),
    "rank": Row(("64", "2"), "--similarity mahalanobis"),
    "competition": Row(("softmax", "pvn")),
    "pvn_threshold": Row(("2", "1"), "--competition pvn"),
    "positive_threshold": Row(("4", "1")),
    "negative_threshold": Row(("6", "1")),
    "penalty": Row(("0", "0.5")),
    "decay": Row(("0.99", "0.5")),
    "steps": Row(("8", "5")),
    "damping": Row(("0.3", "0", "0.5")),
    "first_scored_step": Row(("3", "2", "5")),
    "remedy": Row(("none", "per-block", "gated", "depth-scaled", "calibrated")),
    "carried_weight": Row(("1", "0.7", "0")),
    "steepness": Row(("4", "1")),
    "others": Row(("below", "all")),
    "inference": Row(("relaxed", "fixed-predictions")),
    "relaxation_steps": Row(("20", "5")),
    "relaxation_rate": Row(("0.1", "0.05")),
    "output_precision": Row(("1", "0.1")),
    "last_scored_step": Row(("5", "4", "3")),
}
ONLY_PREDICTION = {"readout", "first_scored_step", "last_scored_step"}
"""Flags that leave the weights as they are."""
ONLY_LENGTH = {"n_iter_no_change", "tol"}
"""Flags that say when to stop; the epoch that is kept may be the same."""
NOT_FOR = {("hff", "softmax"), ("mono-forward", "softmax"), ("ff-recurrent", "hybrid")}
NOT_FOR |= {(algorithm, "weighted") for algorithm in ALGORITHMS if algorithm != "hff"}
"""Values that an algorithm refuses, though it has the flag."""
OTHER_COMPANION = {("ff", "layers"): "--image-shape 2,4 --label-encoding overlay"}
CASES = [
    (flag, algorithm)
    for flag in FLAGS
    for algorithm in flag.algorithms
    # of the methods one stands for all, but for settings of their own
    if algorithm not in METHODS
    or algorithm == "mono-forward"
    or flag.parameter in METHODS[algorithm].choices.__dataclass_fields__
]

# the flags that are no parameter of a classifier; each has tests below, by these names
OTHER = {
    "--data": "test_data_chooses_the_samples",
    "--data-dir": "test_data_dir_chooses_the_folder",
    "--test-fraction": "test_test_fraction_chooses_the_share",
    "--full": "test_full_takes_the_length_of_the_source",
    "--out": "test_out_names_the_folder",
    "--resume": "test_resume_goes_on_there",
    "--checkpoint-minutes": "test_checkpoint_minutes_bound_what_is_lost",
    "--threads": "test_threads_are_set",
    "--quiet": "test_quiet_prints_less",
    "--json": "test_json_is_json",
    "--label": "test_label_names_the_column",
    "--config": "test_config_has_settings",  # more: tests/test_cli_config.py
    "--invert": "test_invert_exchanges_light_and_dark",  # more: tests/test_cli_own_data.py
    "--split": "test_split_chooses_the_part",
    "--proba": "test_proba_adds_columns",
    "--seeds": "test_seeds_epochs_and_seconds_count",
    "--seconds": "test_seeds_epochs_and_seconds_count",
    "--workers": "test_workers_are_processes_at_a_time",
    "--scheduler": "test_scheduler_chooses_the_engine",
    "--grid": "test_grid_chooses_the_values",
    "--quick": "test_quick_belongs_to_bench",  # what it does: tests/test_cli_bench.py
    "--help": "test_help_leaves",
}


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ffref.cli.train.write_figures", lambda *_: [])
    monkeypatch.setattr(threads, "_threads", 0)  # restored after the test
    save_blobs("blobs.npz")


def _train(out, *arguments, data=("--data", "blobs.npz")):
    tiny = TINY[2:] if "--layers" in arguments else TINY  # instead of --hidden
    run_well("train", "--out", out, "--quiet", *data, *tiny, *arguments)
    with open(f"{out}/config.json", encoding="utf-8") as file:
        return ffref.load(out), json.load(file)


def _weights(model):
    arrays = [array for layer in model.state_.network.layers for array in layer.weights]
    arrays += [array for layer in model.state_.network.layers for array in layer.params]
    if model.state_.network.readout is not None:
        arrays += model.state_.network.readout.weights
    return [(array.shape, array.tobytes()) for array in arrays]


def _commands():
    subparsers = next(action for action in build_parser()._actions if action.dest == "command")
    return {name: parser.completed() for name, parser in subparsers.choices.items()}


# -- flags of classifiers ------------------------------------------------------------------------


def test_every_flag_has_a_row():
    assert set(ROWS) == {flag.parameter for flag in FLAGS}
    assert len({flag.parameter for flag in FLAGS}) == len(FLAGS)
    for flag in FLAGS:
        if flag.choices is not None:
            values = {setting.split()[0] for setting in ROWS[flag.parameter].settings}
            assert values == set(flag.choices)


def test_every_parameter_has_a_flag():
    for algorithm in ALGORITHMS:
        own = {flag.parameter for flag in FLAGS if algorithm in flag.algorithms}
        assert own | {"verbose", "callbacks", "warm_start"} == set(
            ffref.estimators.ESTIMATORS[algorithm]().get_params()
        )


@mixed_on_purpose
@pytest.mark.parametrize(
    ("flag", "algorithm"), CASES, ids=lambda case: getattr(case, "parameter", case)
)
def test_flag_changes_config_and_result(flag, algorithm):
    row = ROWS[flag.parameter]
    companion = OTHER_COMPANION.get((algorithm, flag.parameter), row.companion).split()
    configs, results = [], []
    settings = [s for s in row.settings if (algorithm, s) not in NOT_FOR]
    for number, setting in enumerate(settings):
        name = flag.names[0]
        arguments = [f"--{setting}{name[2:]}"] if flag.type is None else [name, *setting.split()]
        model, config = _train(f"run{number}", algorithm, *companion, *arguments)
        configs.append(config["parameters"][flag.parameter])
        if flag.parameter in ONLY_LENGTH:
            results.append([model.n_iter_])
            continue
        result = [model.goodness(blobs()[0]).tobytes()]
        results.append(result if flag.parameter in ONLY_PREDICTION else result + _weights(model))
    for i in range(len(results)):
        for j in range(i):
            assert configs[i] != configs[j]
            assert results[i] != results[j]
            assert (
                flag.parameter in ONLY_PREDICTION | ONLY_LENGTH or results[i][1:] != results[j][1:]
            )


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.parameter)
def test_value_given_is_the_value_recorded(flag):
    setting, *more = ROWS[flag.parameter].settings[-1].split()
    companion = [*ROWS[flag.parameter].companion.split(), *more]
    name = flag.names[0]
    words = [f"--{setting}{name[2:]}"] if flag.type is None else [name, setting]
    _, config = _train("run", flag.algorithms[0], *companion, *words)
    recorded = config["parameters"][flag.parameter]
    if flag.type is None:
        assert recorded is (setting == "")
    else:
        assert recorded == json.loads(json.dumps(flag.type(setting)))


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.parameter)
def test_all_names_of_a_flag_mean_the_same(flag):
    setting = ROWS[flag.parameter].settings[-1].split()[0]
    parsed = [
        build_parser().parse_args(
            ["train", f"--{setting}{name[2:]}"] if flag.type is None else ["train", name, setting]
        )
        for name in flag.names
    ]
    assert all(options == parsed[0] for options in parsed)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_momentum_of_the_moving_average(algorithm):
    common = (algorithm, "--optimizer", "moving-average", "--momentum")
    assert _weights(_train("a", *common, "0.9")[0]) != _weights(_train("b", *common, "0.5")[0])


# -- the other flags -----------------------------------------------------------------------------


def test_every_other_flag_has_a_test():
    of_classifiers = {name for flag in FLAGS for name in flag.names}
    of_classifiers |= {f"--no-{flag.names[0][2:]}" for flag in FLAGS if flag.type is None}
    found = {
        name
        for parser in _commands().values()
        for name in parser._option_string_actions
        if name.startswith("--")
    }
    assert found - of_classifiers == set(OTHER)
    assert all(test in globals() for test in OTHER.values())


def test_quick_belongs_to_bench():
    assert build_parser().parse_args(["bench", "--quick"]).quick
    assert not build_parser().parse_args(["bench"]).quick
    assert run("train", "--quick").code == 2


def _jobs(monkeypatch, *arguments):
    """What `ffref compare` or `ffref sweep` hands to `run_jobs`, which does not run."""
    handed = {}

    def run_jobs(jobs, folder, **choices):
        handed.update(jobs=jobs, folder=folder, **choices)
        return []

    monkeypatch.setattr("ffref.cli.jobs.run_jobs", run_jobs)
    monkeypatch.setattr("ffref.cli.jobs.write_tables", lambda *_: [])
    run_well(*arguments)
    return handed


def test_seeds_epochs_and_seconds_count(monkeypatch):
    plain = _jobs(monkeypatch, "compare", "ff", "hff")["jobs"]
    assert [(j.algorithm, j.seed, j.parameters["max_iter"]) for j in plain] == [
        ("ff", 0, 20),
        ("hff", 0, 20),
    ]
    more = ("--seeds", "2", "--epochs", "3", "--seconds", "1.5")
    (first, second) = _jobs(monkeypatch, "compare", "ff", *more)["jobs"]
    assert (first.seed, second.seed) == (0, 1)
    assert (second.parameters, second.seconds) == ({"max_iter": 3}, 1.5)


def test_grid_chooses_the_values(monkeypatch):
    grid = ("--grid", "hidden", "8", "8,7", "--grid", "calibrated", "yes", "no")
    jobs = _jobs(monkeypatch, "sweep", "hff", *grid, "--seeds", "1")["jobs"]
    assert [j.parameters for j in jobs] == [
        {"hidden_layer_sizes": sizes, "calibrated": switch}
        for sizes in ((8,), (8, 7))
        for switch in (True, False)
    ]


def test_workers_are_processes_at_a_time(monkeypatch):
    handed = _jobs(monkeypatch, "compare", "ff", "--workers", "3", "--threads", "2")
    assert (handed["workers"], handed["threads"], handed["executor"]) == (3, 2, None)
    assert _jobs(monkeypatch, "sweep", "ff")["threads"] == 1


def test_scheduler_chooses_the_engine(monkeypatch):
    asked = []

    def engine(address):
        asked.append(address)
        return nullcontext("an executor")

    monkeypatch.setattr("ffref.cli.jobs.dask_executor", engine)
    handed = _jobs(monkeypatch, "sweep", "ff", "--scheduler", "tcp://host:1")
    assert asked == ["tcp://host:1"]
    assert handed["executor"] == "an executor"
    assert run("sweep", "ff", "--scheduler", "tcp://host:1", "--workers", "2").code == 2


def test_label_names_the_column():
    with open("mine.csv", "w", encoding="utf-8") as file:
        file.write("a,b\n" + "1,2\n3,4\n" * 5)
    runs = [_train(name, "--label", name, data=("--data", "mine.csv")) for name in "ab"]
    assert [config["label"] for _, config in runs] == ["a", "b"]
    assert ffref.load("a").classes_.tolist() == [1, 3]


def test_label_names_the_column_of_a_comparison(monkeypatch):
    with open("mine.csv", "w", encoding="utf-8") as file:
        file.write("a,b\n" + "1,2\n3,4\n" * 5)
    (job,) = _jobs(monkeypatch, "compare", "ff", "--data", "mine.csv", "--label", "a")["jobs"]
    assert job.label == "a"
    assert run("compare", "ff", "--label", "a").code == 2


def test_config_has_settings():
    with open("run.toml", "w", encoding="utf-8") as file:
        file.write("seed = 5\n")
    assert _train("a", "--config", "run.toml")[1]["parameters"]["random_state"] == 5


def test_invert_exchanges_light_and_dark():
    X, y = blobs(features=6)  # with the border, 3 x 3 pixels
    np.savez("pixels.npz", X=(X - X.min()) / np.ptp(X), y=y)
    _train("a", data=("--data", "pixels.npz"))
    Image.new("L", (3, 3), 200).save("light.png")
    Image.new("L", (3, 3), 55).save("dark.png")
    inverted = run_well("predict", "a", "light.png", "--invert").partition(",")[2]
    assert (
        inverted.replace("light", "dark") == run_well("predict", "a", "dark.png").partition(",")[2]
    )


def test_data_chooses_the_samples():
    save_blobs("other.npz", seed=1)
    first = _train("a")
    second = _train("b", data=("--data", "other.npz"))
    third = _train("c", data=("--data", "disk-and-ring"))
    digits = _train("d", data=())
    assert len({json.dumps(config["data"]) for _, config in (first, second, third, digits)}) == 4
    assert [model.n_features_in_ for model, _ in (first, third, digits)] == [8, 2, 64]
    assert _weights(first[0]) != _weights(second[0])


def _write_mnist(folder, seed):
    rng = np.random.default_rng(seed)
    (folder / "mnist").mkdir(parents=True)
    for split, samples in (("train", 40), ("t10k", 20)):
        labels = np.arange(samples, dtype=np.uint8) % 10
        images = rng.integers(0, 256, (samples, 28, 28), np.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
            with gzip.open(folder / "mnist" / f"{split}-{kind}-ubyte.gz", "wb") as file:
                file.write(header + array.tobytes())


def test_data_dir_chooses_the_folder(tmp_path, monkeypatch):
    _write_mnist(tmp_path / "first", 1)
    _write_mnist(tmp_path / "second", 2)
    first, _ = _train("a", data=("--data", "mnist", "--data-dir", tmp_path / "first"))
    second, config = _train("b", data=("--data", "mnist", "--data-dir", tmp_path / "second"))
    assert first.n_features_in_ == 784
    assert _weights(first) != _weights(second)
    assert config["data_dir"] == str(tmp_path / "second")
    own = run_well("evaluate", "a", "--json", "--split", "train")
    assert own != run_well(
        "evaluate", "a", "--json", "--split", "train", "--data-dir", tmp_path / "second"
    )
    named = ("evaluate", "b", "--data", "mnist", "--json", "--split", "train")
    assert run_well(*named, "--data-dir", tmp_path / "first") != run_well(
        *named, "--data-dir", tmp_path / "second"
    )
    monkeypatch.setenv("FFREF_DATA", str(tmp_path / "first"))
    assert _weights(_train("c", data=("--data", "mnist"))[0]) == _weights(first)


def test_full_takes_the_length_of_the_source(monkeypatch):
    short = {"hidden_layer_sizes": (4,), "max_iter": 1}
    recipe = RECIPES["hinton-matlab"]._replace(full={"max_iter": 2})
    recipe = recipe._replace(parameters=recipe.parameters | short)
    monkeypatch.setitem(RECIPES, "hinton-matlab", recipe)
    for words, epochs in (((), 1), (("--full",), 2), (("--full", "--epochs", "3"), 3)):
        folder = f"run{epochs}"
        run_well("train", "hinton-matlab", "--data", "blobs.npz", "--out", folder, *words)
        assert ffref.load(folder).n_iter_ == epochs


def test_test_fraction_chooses_the_share():
    fifth, _ = _train("a")
    half, config = _train("b", "--test-fraction", "0.5")
    assert config["test_fraction"] == 0.5
    assert json.loads(run_well("evaluate", "a", "--json"))["samples"] == 18
    assert json.loads(run_well("evaluate", "b", "--json"))["samples"] in (44, 45, 48)
    assert _weights(fifth) != _weights(half)


def test_out_names_the_folder(tmp_path):
    _train("deep/down/here")
    assert (tmp_path / "deep/down/here/checkpoint.npz").is_file()
    assert not (tmp_path / "runs").exists()
    run_well("train", "--data", "blobs.npz", *TINY)
    assert len(list((tmp_path / "runs").iterdir())) == 1
    run_well("predict", "deep/down/here", "--data", "blobs.npz", "--out", "classes.csv")
    assert (tmp_path / "classes.csv").read_text(encoding="utf-8").count("\n") == 91


def test_resume_goes_on_there(tmp_path):
    whole, _ = _train("whole")
    _train("part")
    forget_checkpoints(tmp_path / "part")
    run_well("train", "--resume", "part")
    assert checkpoint_arrays(tmp_path / "part") == checkpoint_arrays(tmp_path / "whole")
    assert _weights(ffref.load("part")) == _weights(whole)


def test_checkpoint_minutes_bound_what_is_lost(monkeypatch):
    def power_fails(self, epoch, done, batches):
        if (epoch, done) == (2, 3):
            raise OSError("the power failed")

    monkeypatch.setattr("ffref.cli.train._Progress.__call__", power_fails)
    common = ("train", "--data", "blobs.npz", *TINY)
    assert run(*common, "--out", "a").code == 2
    assert run(*common, "--out", "b", "--checkpoint-minutes", "1e-9").code == 2
    a, b = ffref.load("a"), ffref.load("b")
    assert (a.n_iter_, a.position_) == (1, None)
    assert (b.n_iter_, b.position_.epoch, b.position_.batches) == (1, 2, 2)
    for minutes in ("0", "-1", "nan", "inf", "x"):
        assert run(*common, "--out", "c", "--checkpoint-minutes", minutes).code == 2


@pytest.mark.parametrize("number", [1, 2, 3])
def test_threads_are_set(number, tmp_path):
    _train("run", "--threads", number)
    assert get_threads() == number
    environment = json.loads((tmp_path / "run/env.json").read_text(encoding="utf-8"))
    assert environment["threads"] == number
    for command in (("evaluate", "run"), ("predict", "run", "--data", "blobs.npz")):
        run_well(*command, "--threads", number + 1)
        assert get_threads() == number + 1


def test_quiet_prints_less():
    common = ("train", "--data", "blobs.npz", *TINY)
    assert run_well(*common, "--out", "a").count("\n") == 5
    assert run_well(*common, "--out", "b", "--quiet").count("\n") == 1
    assert run_well("evaluate", "a").count("\n") == 8
    assert run_well("evaluate", "a", "--quiet").count("\n") == 1


def test_json_is_json():
    _train("run")
    assert set(json.loads(run_well("evaluate", "run", "--json"))) == {
        "samples",
        "readout",
        "accuracy",
        "layer_accuracy",
        "readout_accuracy",
        "diagnostics",
    }
    with pytest.raises(json.JSONDecodeError):
        json.loads(run_well("evaluate", "run"))


def test_split_chooses_the_part():
    _train("run")
    train, test = (
        json.loads(run_well("evaluate", "run", "--json", "--split", part))
        for part in ("train", "test")
    )
    assert (train["samples"], test["samples"]) == (72, 18)
    assert json.loads(run_well("evaluate", "run", "--json")) == test


def test_proba_adds_columns():
    _train("run")
    common = ("predict", "run", "--data", "blobs.npz")
    plain, more = (
        list(csv.reader(io.StringIO(run_well(*common, *p)))) for p in ((), ("--proba",))
    )
    assert {len(row) for row in plain} == {1}
    assert {len(row) for row in more} == {4}


def test_help_leaves():
    for command in _commands():
        assert run_well(command, "--help").startswith(f"usage: ffref {command}")
