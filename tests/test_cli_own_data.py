"""Own tables and pictures on the command line: trained on, evaluated, predicted."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

import ffref
from tests.cli_support import TINY, assert_refused, checkpoint_arrays, run, run_well
from tests.small_data import blobs

SIDE = 4


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ffref.cli.train.write_figures", lambda *_: [])


def bright(samples=60, seed=0):
    """Pictures that are bright above ("sky") or below ("snow"), with noise."""
    rng = np.random.default_rng(seed)
    labels = np.array(["sky", "snow"])[np.arange(samples) % 2]
    pixels = rng.integers(0, 90, (samples, SIDE, SIDE), dtype=np.uint8)
    pixels[labels == "sky", : SIDE // 2] += 150
    pixels[labels == "snow", SIDE // 2 :] += 150
    return pixels, labels


def save_pictures(folder, pixels, labels):
    for number, (image, label) in enumerate(zip(pixels, labels, strict=True)):
        (folder / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / label / f"{number:03}.png")
    return folder


def save_table(path, header=("a", "b", "c", "d", "e", "f", "g", "h", "kind"), order=None):
    X, y = blobs()
    columns = [*X.T, np.array(["red", "green", "blue"])[y]]
    order = range(len(columns)) if order is None else order
    with open(path, "w", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([header[i] for i in order])
        writer.writerows(zip(*[columns[i] for i in order], strict=True))
    return X, columns[-1]


@pytest.fixture
def pictures(tmp_path):
    save_pictures(tmp_path / "pictures", *bright())
    return run_well(
        "train", "--data", "pictures", "--out", "run", *TINY, "--epochs", 20,
        "--learning-rate", 0.01,
    )  # fmt: skip


# -- tables --------------------------------------------------------------------------------------


def test_a_table_is_trained_on_evaluated_and_predicted(tmp_path):
    X, kinds = save_table("mine.csv")
    said = run_well("train", "--data", "mine.csv", "--out", "run", *TINY)
    assert "labels are in column 9 ('kind')" in said
    classifier = ffref.load("run")
    assert classifier.feature_names_in_.tolist() == list("abcdefgh")
    assert classifier.classes_.tolist() == ["blue", "green", "red"]
    assert json.loads(run_well("evaluate", "run", "--json"))["samples"] == 18
    result = json.loads(run_well("evaluate", "run", "--data", "mine.csv", "--json"))
    assert result["samples"] == len(kinds)
    assert result["accuracy"] == pytest.approx((classifier.predict(X) == kinds).mean())
    predicted = run_well("predict", "run", "mine.csv").splitlines()
    assert predicted == ["class", *classifier.predict(X)]
    assert run_well("predict", "run", "--data", "mine.csv").splitlines() == predicted


def test_columns_are_found_by_name(tmp_path):
    save_table("mine.csv")
    save_table("other.csv", order=[8, 3, 0, 1, 2, 7, 6, 5, 4])
    run_well("train", "--data", "other.csv", "--label", "kind", "--out", "run", *TINY)
    assert json.loads((tmp_path / "run/config.json").read_text())["label"] == "kind"
    both = [run_well("predict", "run", name, "--proba") for name in ("mine.csv", "other.csv")]
    assert both[0] == both[1]
    # evaluate knows the label's column from the run; a saved file has to be told
    by_run = run_well("evaluate", "run", "--data", "other.csv", "--quiet")
    saved = ("evaluate", "run/checkpoint.npz", "--data", "other.csv", "--quiet")
    assert run_well(*saved, "--label", "kind") == by_run
    assert_refused(run(*saved), "column 9 ('e') is a feature")
    whole = checkpoint_arrays(tmp_path / "run")
    run_well("train", "--resume", "run")
    assert checkpoint_arrays(tmp_path / "run") == whole


def test_named_data_do_not_need_a_label(tmp_path):
    save_table("mine.csv")
    np.savez("mine.npz", X=blobs()[0], y=blobs()[1])
    for data in ("digits", "mine.npz"):
        assert_refused(run("train", "--data", data, "--label", "kind"), "--label")
    run_well("train", "--data", "mine.npz", "--out", "run", *TINY)
    assert_refused(run("evaluate", "run", "--label", "kind"), "--label")
    assert_refused(run("train", "--data", "mine.csv", "--label", "none"), "'none'")
    assert_refused(run("train", "--resume", "run", "--label", "kind"), "--label")
    assert_refused(run("predict", "run", "mine.csv"), "expected 8 columns of features, got 9")
    assert_refused(run("predict", "run", "mine.npz", "mine.csv"), "one file of samples")


# -- pictures ------------------------------------------------------------------------------------


def test_pictures_are_trained_on_and_predicted(tmp_path, pictures):
    assert "48 training and 12 test samples, 16 features" in pictures
    classifier = ffref.load("run")
    assert tuple(classifier.image_shape) == (SIDE, SIDE, 1)
    new, labels = bright(seed=1)
    save_pictures(tmp_path / "new", new, labels)
    paths = [f"new/{label}/{number:03}.png" for number, label in enumerate(labels)]
    rows = [line.split(",") for line in run_well("predict", "run", *paths).splitlines()]
    assert rows[0] == ["file", "class", "probability"]
    assert [row[0] for row in rows[1:]] == paths
    assert [row[1] for row in rows[1:]] == labels.tolist()
    scaled = (new / 255).astype(np.float32).reshape(len(new), -1)
    best = classifier.predict_proba(scaled).max(axis=1)
    np.testing.assert_allclose([float(row[2]) for row in rows[1:]], best, atol=2e-6)
    accuracy = run_well("evaluate", "run", "--data", "new", "--quiet")
    assert accuracy == "accuracy 100.00% on 60 samples\n"


@pytest.mark.usefixtures("pictures")
def test_json(tmp_path):
    result = json.loads(run_well("predict", "run", "pictures/sky/000.png", "--json", "--proba"))
    assert result["classes"] == ["sky", "snow"]
    (prediction,) = result["predictions"]
    assert prediction["class"] == "sky"
    assert prediction["file"] == "pictures/sky/000.png"
    assert prediction["probability"] == max(prediction["probabilities"])
    assert sum(prediction["probabilities"]) == pytest.approx(1)
    np.savez("new.npz", X=np.zeros((3, SIDE * SIDE)))
    result = json.loads(
        run_well("predict", "run", "new.npz", "--json", "--out", "new.json") or "0"
    )
    result = json.loads((tmp_path / "new.json").read_text())
    assert [sorted(prediction) for prediction in result["predictions"]] == [
        ["class", "probability"]
    ] * 3


@pytest.mark.usefixtures("pictures")
def test_other_pictures_are_made_to_fit_and_that_is_said(tmp_path):
    image = Image.open("pictures/sky/000.png").resize((16, 8), Image.Resampling.NEAREST)
    image.convert("RGBA").save("wide.png")
    outcome = run("predict", "run", "wide.png")
    assert outcome.code == 0
    assert outcome.out.splitlines()[1].startswith("wide.png,sky,")
    assert outcome.err.splitlines() == [
        "ffref: wide.png: transparency on white",
        "ffref: wide.png: colours to shades of grey",
        "ffref: wide.png: resized to 4x4 pixels (width x height)",
    ]
    outcome = run("predict", "run", "wide.png", "pictures/snow/001.png")
    assert "ffref: 1 of 2 pictures: resized to 4x4 pixels (width x height)" in outcome.err


@pytest.mark.usefixtures("pictures")
def test_light_and_dark_exchanged():
    negative = 255 - np.asarray(Image.open("pictures/sky/000.png"))
    Image.fromarray(negative).save("negative.png")
    answers = [
        run_well("predict", "run", *words).splitlines()[1].partition(",")[2]
        for words in (("pictures/sky/000.png",), ("negative.png", "--invert"), ("negative.png",))
    ]
    assert answers[0] == answers[1] != answers[2]


def test_coloured_pictures_and_sizes(tmp_path):
    pixels, labels = bright(12)
    save_pictures(tmp_path / "pictures", np.repeat(pixels[..., None], 3, axis=3), labels)
    Image.new("RGB", (9, 5)).save("pictures/sky/large.png")
    assert_refused(run("train", "--data", "pictures", *TINY), "--image-shape")
    words = ("train", "--data", "pictures", *TINY, "--out")
    said = run_well(*words, "run", "--image-shape", "4,4,3")
    assert "48 features" in said
    assert "1 of 13 pictures: resized to 4x4 pixels" in said
    whole = run_well("evaluate", "run", "--data", "pictures")
    assert "1 of 13 pictures: resized to 4x4 pixels" in whole
    # what was asked for is what is resumed and evaluated
    assert " 2 samples" in run_well("evaluate", "run")
    run_well("train", "--resume", "run")
    assert "16 features" in run_well(*words, "grey", "--image-shape", "4,4")


def test_a_folder_with_parts(tmp_path):
    save_pictures(tmp_path / "all/train", *bright(20))
    save_pictures(tmp_path / "all/test", *bright(8, seed=1))
    said = run_well("train", "--data", "all", "--out", "run", *TINY)
    assert "20 training and 8 test samples" in said
    assert_refused(run("train", "--data", "all", "--test-fraction", "0.5"), "--test-fraction")
    assert "28 samples" not in run_well("evaluate", "run", "--data", "all")
    assert_refused(run("evaluate", "run", "--data", "all", "--label", "x"), "--label")
    Image.new("L", (9, 9)).save("all/test/sky/odd.png")
    assert_refused(run("train", "--data", "all"), "odd.png")
    save_pictures(tmp_path / "two/train", *bright(8))
    save_pictures(tmp_path / "two/test", np.zeros((4, 5, 5), np.uint8), bright(4)[1])
    assert_refused(run("train", "--data", "two"), "(5, 5)")


def test_an_empty_folder(tmp_path):
    (tmp_path / "empty").mkdir()
    says = "expected a sub-folder of pictures for each class, or .npz files"
    assert_refused(run("train", "--data", "empty"), says)


def test_classes_may_be_called_train_and_test(tmp_path):
    pixels, labels = bright(8)
    save_pictures(tmp_path / "pictures", pixels, np.where(labels == "sky", "train", "test"))
    run_well("train", "--data", "pictures", "--out", "run", *TINY)
    assert ffref.load("run").classes_.tolist() == ["test", "train"]


def test_refused_pictures(tmp_path, pictures):
    Image.new("L", (4, 4)).save("a.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:40])
    np.savez("new.npz", X=np.zeros((3, SIDE * SIDE)))
    for words, says in (
        ("", "nothing to predict"),
        ("cut.png", "cut.png"),
        ("a.png cut.png", "cut.png"),
        ("absent.png", "absent.png"),
        ("a.png new.npz", "new.npz"),
        ("pictures", "pictures/*.png"),
        ("new.npz --invert", "--invert"),
        ("a.png --data new.npz", "new.npz"),
    ):
        assert_refused(run("predict", "run", *words.split()), says)


def test_runs_that_know_no_pictures(tmp_path):
    Image.new("L", (4, 4)).save("a.png")
    save_table("mine.csv")
    X, y = blobs(features=13)  # 16 features
    for name, arrays in (("scaled", X), ("wide", blobs()[0])):
        np.savez(f"{name}.npz", X=arrays, y=y)
    for data, says in (
        ("mine.csv", "columns of a table"),
        ("scaled.npz", "between 0 and 1"),
        ("wide.npz", "8 features are no square image"),
    ):
        run_well("train", "--data", data, "--out", f"run-{data}", *TINY)
        assert_refused(run("predict", f"run-{data}", "a.png"), says)
