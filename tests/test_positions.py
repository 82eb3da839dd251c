"""Training that goes on within an epoch: the same bits, from any batch."""

import numpy as np
import pytest

import ffref
from ffref import FFClassifier, FFRecurrentClassifier, HFFClassifier
from ffref.data import shuffled_batches, stream_array
from ffref.training.checkpoint import state_to_arrays
from tests.small_data import blobs
from tests.small_models import each_kind, mixed_on_purpose, small


class PowerError(Exception):
    pass


def _without_seconds(history):
    return [record._replace(seconds=0) for record in history]


def _arrays(model):
    """All that training changes, the optimiser's memory too, as bytes."""
    return {name: array.tobytes() for name, array in state_to_arrays(model.state_).items()}


def _saved_at(model, moment, X, y, path):
    """Save the model at (epoch, batch) of its training, which ends there."""

    def progress(epoch, done, batches):
        if (epoch, done) == moment:
            model.save(path)
            raise PowerError

    with pytest.raises(PowerError):
        list(model.fit_epochs(X, y, progress=progress))
    return ffref.load(path)


@pytest.mark.parametrize("moment", [(1, 1), (2, 2), (3, 3)])
@each_kind
def test_from_any_batch_to_the_same_end(kind, moment, tmp_path):
    X, y = blobs()
    whole = small(kind, max_iter=3).fit(X, y)
    loaded = _saved_at(small(kind, max_iter=3), moment, X, y, tmp_path / "model.npz")
    position = loaded.position_
    assert (position.epoch, position.batches, position.of) == (*moment, 3)
    assert loaded.n_iter_ == moment[0] - 1
    rest = list(loaded.fit_epochs(X, y, resume=True))
    assert [record.epoch for record in rest] == list(range(moment[0], 4))
    assert _without_seconds(loaded.history_) == _without_seconds(whole.history_)
    assert _arrays(loaded) == _arrays(whole)
    assert loaded.position_ is None


DRAWING = {
    "augmented": (HFFClassifier, {"shift": 1, "flip": True, "image_shape": (2, 4)}),
    "moving averages": (HFFClassifier, {"prototype_update": "ema", "prototype_init": "simplex"}),
    "own softmax, peers": (
        FFClassifier,
        {"negatives": "hard", "readout": "softmax", "peer_strength": 0.1},
    ),
    "hybrids": (
        FFClassifier,
        {"negatives": "hybrid", "readout": "softmax", "image_shape": (2, 4)},
    ),
    "greedy": (FFClassifier, {"layer_schedule": "greedy", "schedule": "hinton"}),
    "untrained layers": (FFClassifier, {"learn_hidden": False, "readout": "softmax"}),
    "over time": (FFRecurrentClassifier, {"steps": 5, "cutout": 1, "image_shape": (2, 4)}),
    "blocks": (
        HFFClassifier,
        {
            "layers": (("block", {"channels": 3, "residual": True}), ("dense", 4)),
            "image_shape": (2, 4),
        },
    ),
    "held out": (HFFClassifier, {"readout": "weighted"}),
}


@mixed_on_purpose
@pytest.mark.parametrize("choice", DRAWING)
def test_whatever_a_step_draws(choice, tmp_path):
    kind, settings = DRAWING[choice]
    X, y = blobs()
    whole = small(kind, **settings).fit(X, y)
    loaded = _saved_at(small(kind, **settings), (2, 2), X, y, tmp_path / "model.npz")
    list(loaded.fit_epochs(X, y, resume=True))
    assert _arrays(loaded) == _arrays(whole)


def test_early_stopping_remembers_the_best_epoch(tmp_path):
    X, y = blobs(200)
    choices = {"early_stopping": True, "n_iter_no_change": 2, "learning_rate_init": 0.03}
    whole = small(HFFClassifier, max_iter=9, **choices).fit(X, y)
    part = small(HFFClassifier, max_iter=9, **choices)
    loaded = _saved_at(part, (len(whole.history_), 2), X, y, tmp_path / "model.npz")
    list(loaded.fit_epochs(X, y, resume=True))
    assert _without_seconds(loaded.history_) == _without_seconds(whole.history_)
    assert _arrays(loaded) == _arrays(whole)


def test_in_the_same_process():
    X, y = blobs()
    whole, part = small(FFClassifier).fit(X, y), small(FFClassifier)

    def progress(epoch, done, batches):
        if (epoch, done) == (2, 1):
            raise PowerError

    part.start(X, y)
    with pytest.raises(PowerError):
        list(part.fit_epochs(X, y, resume=True, progress=progress))
    list(part.fit_epochs(X, y, resume=True))
    assert _arrays(part) == _arrays(whole)


def test_what_else_may_follow(tmp_path):
    X, y = blobs()
    loaded = _saved_at(small(HFFClassifier), (2, 2), X, y, tmp_path / "model.npz")
    with pytest.raises(ValueError, match="keep batch_size as it was"):
        list(loaded.set_params(batch_size=16).fit_epochs(X, y, resume=True))
    assert loaded.partial_fit(X, y).position_ is None  # a pass of its own
    assert loaded.n_iter_ == 2
    assert loaded.fit(X, y).n_iter_ == 2


# -- batches that are skipped --------------------------------------------------------------------


@pytest.mark.parametrize("skip", [0, 1, 3, 6, 7, 9])
@pytest.mark.parametrize("window_bytes", [None, 8 * 100, 8 * 22])
def test_skipped_batches_leave_the_rest_as_it_is(skip, window_bytes):
    X = np.arange(100.0, dtype=np.float32).reshape(50, 2)
    data = X if window_bytes is None else stream_array(X, window_bytes=window_bytes)
    whole = list(shuffled_batches(data, 8, np.random.default_rng(3)))
    rest = list(shuffled_batches(data, 8, np.random.default_rng(3), skip=skip))
    assert len(rest) == max(0, len(whole) - skip)
    for (x, rows), (same_x, same_rows) in zip(rest, whole[skip:], strict=True):
        assert np.array_equal(x, same_x)
        assert np.array_equal(rows, same_rows)


def test_skipped_windows_are_not_read():
    class Counting:
        shape, dtype, reads = (64, 2), np.dtype(np.float32), 0

        def __getitem__(self, rows):
            self.reads += 1
            return np.zeros((len(range(*rows.indices(64))), 2), np.float32)

    X = Counting()
    stream = stream_array(X, window_bytes=8 * 16)  # 16 samples at a time, in stretches of one
    X.reads = 0
    list(stream.shuffled_batches(8, np.random.default_rng(0), skip=6))
    assert X.reads == 16


def test_streams_resume_within_an_epoch(tmp_path):
    X, y = blobs()

    def stream():
        return stream_array(X, y, window_bytes=X[:40].nbytes)

    whole = small(HFFClassifier).fit(stream())
    loaded = _saved_at(small(HFFClassifier), (2, 2), stream(), None, tmp_path / "model.npz")
    list(loaded.fit_epochs(stream(), resume=True))
    assert _arrays(loaded) == _arrays(whole)
