"""`ffref train`, `evaluate` and `predict` on small data: files, output, agreement."""

import csv
import io
import json
import struct

import numpy as np
import pytest

import ffref
from ffref.cli.flags import ALGORITHMS, FLAGS
from tests.cli_support import TINY, lines, python, run, run_well, tree
from tests.small_data import blobs, save_blobs

FIGURES = {
    algorithm: {"learning_curves.png", "goodness_histograms.png"} for algorithm in ALGORITHMS
}
FIGURES["hff"].add("prototypes.png")


@pytest.fixture(scope="module", params=ALGORITHMS)
def trained(request, tmp_path_factory):
    """(algorithm, run folder, what train printed) of a run on a file of blobs."""
    folder = tmp_path_factory.mktemp("trained")
    data = save_blobs(folder / "blobs.npz")
    out = run_well("train", request.param, "--data", data, "--out", folder / "run", *TINY)
    return request.param, folder / "run", out


@pytest.fixture
def folder_without_figures(tmp_path, monkeypatch):
    """An empty working directory, and no time spent on figures."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ffref.cli.train.write_figures", lambda *_: [])
    return tmp_path


# -- help and imports ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import ffref", ("numba", "matplotlib", "sklearn", "torch")),
        (
            "import ffref.cli.main; ffref.cli.main.build_parser()",
            ("numpy", "numba", "matplotlib", "scipy", "sklearn", "torch"),
        ),
    ],
)
def test_heavy_imports_wait(statement, absent, tmp_path):
    code = f"{statement}\nimport sys\nprint([name for name in {absent} if name in sys.modules])"
    done = python("-c", code, cwd=tmp_path)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "[]", "")


def test_module_runs_as_a_program(tmp_path):
    done = python("-m", "ffref", "--version", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"ffref {ffref.__version__}\n", "")
    done = python("-m", "ffref", "train", "--epochs", "0", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("ffref: ")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_help_names_all_commands_and_flags():
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    assert all(command in out for command in ("train", "evaluate", "predict"))
    out = run_well("train", "--help")
    assert all(name in out for flag in FLAGS for name in flag.names)
    assert all(algorithm in out for algorithm in ALGORITHMS)
    assert "--json" in run_well("evaluate", "--help")
    assert "--proba" in run_well("predict", "--help")


# -- the run folder ------------------------------------------------------------------------------


def test_run_folder_is_complete(trained):
    algorithm, folder, out = trained
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "config.json", "env.json", "train.toml", "metrics.jsonl", "checkpoint.npz",
        "checkpoint-previous.npz", "figures",
    }  # fmt: skip
    figures = {path.name for path in (folder / "figures").iterdir()}
    assert figures == FIGURES[algorithm]
    assert str(folder) in out


def test_figures_are_png(trained):
    for path in (trained[1] / "figures").iterdir():
        content = path.read_bytes()
        assert content[:8] == b"\x89PNG\r\n\x1a\n"
        assert content[-8:-4] == b"IEND"
        width, height = struct.unpack(">II", content[16:24])
        assert min(width, height) >= 300
        assert len(content) > 5000


def test_config_records_what_was_given(trained):
    algorithm, folder, _ = trained
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["algorithm"] == algorithm
    assert config["data"].endswith("blobs.npz")
    assert config["test_fraction"] == 0.2
    given = {"hidden_layer_sizes": [12, 12], "max_iter": 2, "batch_size": 32, "random_state": 0}
    assert config["parameters"] == config["parameters"] | given
    kind = type(ffref.load(folder))
    assert set(config["parameters"]) == set(kind().get_params())


def test_environment_names_versions_and_threads(trained):
    environment = json.loads((trained[1] / "env.json").read_text(encoding="utf-8"))
    assert environment["ffref"] == ffref.__version__
    assert environment["numpy"] == np.__version__
    assert environment["threads"] >= 1
    assert environment["cores"] >= 1
    assert {"python", "numba", "scipy", "matplotlib", "platform", "processor"} <= set(environment)


def test_metrics_have_a_line_an_epoch_and_one_of_the_test(trained):
    algorithm, folder, _ = trained
    *epochs, last = lines(folder / "metrics.jsonl")
    layers = 1 if algorithm in ("backprop", "predictive-coding") else 2
    assert [record["epoch"] for record in epochs] == [1, 2]
    for record in epochs:
        assert len(record["loss"]) == len(record["accuracy"]) == layers
        assert all(loss > 0 for loss in record["loss"])
        assert all(0 <= accuracy <= 1 for accuracy in record["accuracy"])
        assert record["learning_rate"] > 0
        assert record["seconds"] > 0
    assert set(last) == {"test"}
    assert last["test"]["samples"] == 18
    assert len(last["test"]["layer_accuracy"]) == (0 if algorithm == "scff" else layers)


def test_the_bundled_digits_are_the_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = run_well("train", "--epochs", "1", "--hidden", "16")
    assert out.startswith("hff on digits: 1437 training and 360 test samples, 64 features\n")
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("hff-digits-seed0-")
    assert f"runs/{folder.name}" in out.replace("\\", "/")
    assert {path.name for path in (folder / "figures").iterdir()} == FIGURES["hff"]


def test_two_runs_in_one_second_get_two_folders(folder_without_figures):
    save_blobs("blobs.npz")
    for _ in range(3):
        run_well("train", "--data", "blobs.npz", "--epochs", "1", "--hidden", "4")
    assert len(list((folder_without_figures / "runs").iterdir())) == 3


# -- evaluate and predict agree with train -------------------------------------------------------


def test_evaluate_repeats_the_test_of_train(trained):
    _, folder, trained_out = trained
    recorded = lines(folder / "metrics.jsonl")[-1]["test"]
    assert json.loads(run_well("evaluate", folder, "--json")) == recorded
    text = run_well("evaluate", folder)
    assert text.startswith(f"accuracy {recorded['accuracy']:.2%} on 18 samples\n")
    assert f"test accuracy {recorded['accuracy']:.2%} on 18 samples" in trained_out
    for layer, accuracy in enumerate(recorded["layer_accuracy"], 1):
        assert f"  layer {layer} alone      {accuracy:.2%}\n" in text
        assert f"{accuracy:.2%}" in trained_out
    assert run_well("evaluate", folder, "--quiet") == text.splitlines(keepends=True)[0]


def test_evaluate_of_the_training_part(trained):
    _, folder, _ = trained
    result = json.loads(run_well("evaluate", folder, "--split", "train", "--json"))
    assert result["samples"] == 72
    both = json.loads(run_well("evaluate", folder, "--json"))
    whole = json.loads(run_well("evaluate", folder, "--data", folder / "../blobs.npz", "--json"))
    assert whole["samples"] == 90
    right = 72 * result["accuracy"] + 18 * both["accuracy"]
    assert 90 * whole["accuracy"] == pytest.approx(right)


def test_evaluate_a_checkpoint_file_on_other_data(trained, tmp_path):
    _, folder, _ = trained
    data = save_blobs(tmp_path / "more.npz", samples=30, seed=5)
    result = json.loads(run_well("evaluate", folder / "checkpoint.npz", "--data", data, "--json"))
    X, y = blobs(30, seed=5)
    assert result["accuracy"] == ffref.load(folder).score(X, y)
    assert result["samples"] == 30


@pytest.mark.usefixtures("folder_without_figures")
def test_evaluate_reads_named_data():
    run_well("train", "--data", "disk-and-ring", "--epochs", "1", "--hidden", "8", "--out", "run")
    own = json.loads(run_well("evaluate", "run", "--json"))
    named = json.loads(run_well("evaluate", "run", "--data", "disk-and-ring", "--json"))
    assert own == named
    train = run_well("evaluate", "run", "--data", "disk-and-ring", "--split", "train", "--json")
    assert json.loads(train) != named


def test_predict_prints_one_class_a_line(trained):
    _, folder, _ = trained
    data = folder / "../blobs.npz"
    header, *classes = run_well("predict", folder, "--data", data).splitlines()
    assert header == "class"
    expected = ffref.load(folder).predict(blobs()[0])
    assert [int(label) for label in classes] == expected.tolist()


def test_predict_adds_probabilities_that_sum_to_one(trained):
    _, folder, _ = trained
    out = run_well("predict", folder, "--data", folder / "../blobs.npz", "--proba")
    header, *rows = csv.reader(io.StringIO(out))
    assert header == ["class", "p(0)", "p(1)", "p(2)"]
    table = np.array(rows, dtype=float)
    np.testing.assert_allclose(table[:, 1:].sum(axis=1), 1, atol=3e-6)
    assert np.array_equal(table[:, 0], table[:, 1:].argmax(axis=1))
    model = ffref.load(folder)
    np.testing.assert_allclose(table[:, 1:], model.predict_proba(blobs()[0]), atol=1e-6)


def test_predict_writes_the_same_to_a_file(trained, tmp_path):
    _, folder, _ = trained
    arguments = ("predict", folder, "--data", folder / "../blobs.npz", "--proba")
    printed = run_well(*arguments)
    assert run_well(*arguments, "--out", tmp_path / "classes.csv") == ""
    assert (tmp_path / "classes.csv").read_text(encoding="utf-8") == printed
    assert set(tree(tmp_path)) == {(tmp_path / "classes.csv").relative_to(tmp_path)}


def test_predict_needs_no_labels_and_flattens_images(trained, tmp_path):
    _, folder, _ = trained
    X, _ = blobs()
    np.savez(tmp_path / "unlabelled.npz", X=X.reshape(-1, 2, 4))
    flat = run_well("predict", folder, "--data", folder / "../blobs.npz")
    assert run_well("predict", folder, "--data", tmp_path / "unlabelled.npz") == flat


@pytest.mark.usefixtures("folder_without_figures")
def test_text_labels_with_commas_survive():
    X, y = blobs()
    names = np.array(["cat, black", 'the "dog"', "ülk\n"])[y]
    np.savez("named.npz", X=X, y=names)
    run_well("train", "--data", "named.npz", "--out", "run", *TINY)
    out = run_well("predict", "run", "--data", "named.npz", "--proba")
    header, *rows = csv.reader(io.StringIO(out))
    assert header == ["class", "p(cat, black)", 'p(the "dog")', "p(ülk\n)"]
    assert {row[0] for row in rows} <= set(names)
    assert run_well("evaluate", "run").startswith("accuracy ")


@pytest.mark.parametrize("fraction", ["0.2", "0.6", "0.99"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.usefixtures("folder_without_figures")
def test_a_class_of_one_sample_is_trained_on(algorithm, fraction, tmp_path):
    X, y = blobs(41)
    y[0] = 9
    np.savez(tmp_path / "rare.npz", X=X, y=y)
    run_well(
        "train", algorithm, "--data", tmp_path / "rare.npz", "--test-fraction", fraction,
        "--out", tmp_path / "run", *TINY,
    )  # fmt: skip
    assert ffref.load(tmp_path / "run").classes_.tolist() == [0, 1, 2, 9]


# -- output --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder_without_figures")
def test_quiet_leaves_the_result_alone():
    save_blobs("blobs.npz")
    loud = run_well("train", "--data", "blobs.npz", "--out", "loud", *TINY).splitlines()
    quiet = run_well("train", "--data", "blobs.npz", "--out", "quiet", "--quiet", *TINY)
    assert len(loud) == 5
    assert [line.split()[:2] for line in loud[1:3]] == [["epoch", "1"], ["epoch", "2"]]
    assert loud[4] == "run folder: loud"
    assert quiet.count("\n") == 1
    assert quiet.split(";")[0] == loud[3].split(";")[0]


@pytest.mark.filterwarnings("default")
def test_warnings_are_lines_too(folder_without_figures):
    X, y = blobs()
    np.savez("full.npz", X=X[:, ::-1], y=y)  # the first features carry data
    code, _, err = run("train", "ff", "--data", "full.npz", "--label-encoding", "overlay", *TINY)
    assert code == 0
    assert err.startswith("ffref: warning: ")
    assert err.count("\n") == 1
