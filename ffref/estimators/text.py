"""Forward-Forward on windows of text, as a classifier of the next symbol."""

from typing import Any

from ffref._checks import check_count, require
from ffref.estimators._local import LocalClassifier
from ffref.estimators._parameters import classifier
from ffref.estimators._readouts import Thresholded
from ffref.formulas import SUM_OF_SQUARES
from ffref.method import setting
from ffref.objectives.ff import ff
from ffref.training import (
    Algorithm,
    contrastive,
    in_blocks,
    network_logits,
)
from ffref.training.next_symbol import window_encoding, with_self_generated_negatives
from ffref.types import Array


@classifier
class FFTextClassifier(Thresholded, LocalClassifier):
    """Forward-Forward on windows of a sequence: real ones against those that it predicts itself.

    A sample is a window of one-hot symbols, its label the symbol that comes next, as
    `ffref.data.text.next_character` makes them. The window that ends in the label is positive.
    Source: `ffref.training.next_symbol`.

    Examples
    --------
    >>> import numpy as np, ffref
    >>> from ffref.data.text import one_hot_windows
    >>> symbols = np.arange(330) % 30  # the alphabet, over and over
    >>> found = np.lib.stride_tricks.sliding_window_view(symbols, 4)
    >>> X, y = one_hot_windows(found[:, :3]), found[:, 3]
    >>> ffref.FFTextClassifier((32,), random_state=0).fit(X, y).score(X, y)
    1.0
    """

    algorithm = "ff-text"

    on_command_line = False

    hidden_layer_sizes: Any = (256, 256, 256)
    max_iter: int = 20
    batch_size: int = 100
    initialization: str = "lecun"
    negatives: str = setting(
        default="teacher-forced",
        help="true windows that end in a wrong symbol, or windows of the network's own symbols",
        more="The wrong symbol is drawn as the network predicts it; of its own symbols a window "
        "holds up to `rollout`.",
        choices=("teacher-forced", "self-generated"),
        shapes=True,
    )
    rollout: int = setting(
        default=10,
        help="most symbols of its own that the network puts into a self-generated window",
        check=check_count,
    )

    def _check_training_data(self, x: Array, classes: int) -> None:
        length = x.shape[1] // classes
        ones = x.reshape(len(x), length, classes) if x.shape[1] == length * classes else x[:, :0]
        require(
            length > 0 and ones.size > 0 and bool(((ones == 0) | (ones == 1)).all())
            and bool((ones.sum(axis=2) == 1).all()),
            f"samples must be windows of one-hot symbols, a slot for each of the {classes} "
            f"symbols that occur as a label, got {x.shape[1]} features; make them with "
            f"ffref.data.text.next_character, of a text in which each symbol occurs",
        )  # fmt: skip
        super()._check_training_data(x, classes)

    def _algorithm(self, features: int, classes: int) -> Algorithm:
        places = self._places(features, classes)
        algorithm = contrastive(
            [ff(threshold=self._threshold(place.units)) for place in places],
            goodness=SUM_OF_SQUARES,
            encoding=window_encoding(classes),
            classes=classes,
            hard_labels=True,
            readout=self._readout_training(),
        )
        if self.negatives == "teacher-forced":
            return algorithm
        return with_self_generated_negatives(algorithm, steps=self.rollout, classes=classes)

    def _softmax_logits(self, x: Array) -> Array:
        return in_blocks(lambda rows: network_logits(self.state_.network, rows), x, axis=0)
