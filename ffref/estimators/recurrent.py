"""The recurrent Forward-Forward network (Hinton 2022) as a classifier."""

from functools import partial

import numpy as np

from ffref._checks import check_count, check_number, require
from ffref.estimators._parameters import classifier
from ffref.estimators._readouts import ChosenGoodness
from ffref.estimators._samples import PlainSamples
from ffref.formulas import ALL_GOODNESS
from ffref.method import setting
from ffref.objectives.ff import ff
from ffref.training import Step, TrainingState, in_blocks, initial_optimizer_states
from ffref.training.recurrent import (
    Recurrence,
    draw_recurrent_layers,
    recurrent_logits,
    recurrent_scores,
    recurrent_step,
    start_states,
)
from ffref.types import Array


@classifier
class FFRecurrentClassifier(PlainSamples, ChosenGoodness):
    """Forward-Forward with top-down input: an image is watched for several steps of time.

    Each layer sees the layers below and above as they were one step before; the label is what
    stands above the top layer. To predict, every label is tried, and the one of the highest mean
    goodness in the scored steps wins. Formula and source: `ffref.training.recurrent`.

    Attributes
    ----------
    classes_, n_features_in_, history_, state_, seed_
        As in `HFFClassifier`; accuracy in `history_` is that of pairs, in the scored steps. The
        top-down weights of layer l are `state_.network.layers[l].params[0]`.

    Examples
    --------
    >>> import ffref
    >>> X, y = ffref.data.load("digits")
    >>> model = ffref.FFRecurrentClassifier((64, 64), max_iter=15, random_state=0,
    ...                                     learning_rate_init=0.003)
    >>> model.fit(X, y).score(*ffref.data.load("digits", split="test")) > 0.9
    True
    """

    algorithm = "ff-recurrent"

    steps: int = setting(default=8, help="of time, for each sample in training", check=check_count)
    damping: float = setting(default=0.3, help="share of a layer's old state in its new one")
    first_scored_step: int = setting(
        default=3,
        help="from which on steps count in prediction, by their mean goodness",
        check=check_count,
    )
    last_scored_step: int = setting(
        default=5, help="up to which steps count in prediction", check=check_count
    )
    negatives: str = setting(
        default="hard",
        help="wrong labels drawn from the softmax readout, which finds them likely; or evenly",
        choices=("hard", "uniform"),
        shapes=True,
    )
    readout: str = "sum"
    input_norm: str = "rms"

    def _check_parameters(self) -> None:
        super()._check_parameters()
        require(
            len(self._hidden_layer_sizes()) > 0,
            "hidden_layer_sizes must name at least one layer: there is nothing to train locally",
        )
        require(
            0 <= check_number(self.damping, "damping") < 1,
            f"damping must lie in [0, 1), got {self.damping!r}; it is the share of the old state",
        )
        first, last = self.first_scored_step, self.last_scored_step
        require(
            first <= last <= self.steps,
            f"first_scored_step and last_scored_step must lie in 1 .. {self.steps} (steps), in "
            f"this order, got {first!r} and {last!r}",
        )

    def _recurrence(self) -> Recurrence:
        goodness = ALL_GOODNESS[self.goodness_function]
        return Recurrence(
            [ff(threshold=theta, goodness=goodness) for theta in self.thresholds()],
            goodness,
            self._readout_training(),
            steps=self.steps,
            damping=float(self.damping),
            scored=range(self.first_scored_step, self.last_scored_step + 1),
            hard_labels=self.negatives == "hard",
        )

    def _initial_state(
        self, rng: np.random.Generator, features: int, classes: int
    ) -> TrainingState:
        sizes = self._hidden_layer_sizes()
        layers = draw_recurrent_layers(rng, (features, *sizes, classes), self._gain())
        readout, readout_state = self._initial_readout(list(sizes), classes)
        return TrainingState(
            self._network(layers)._replace(readout=readout),
            initial_optimizer_states(self._optimizer(), layers, learned_params=1),
            readout_state,
        )

    def _step(self, features: int, classes: int) -> Step:
        step = partial(recurrent_step, self._recurrence(), self._optimizer())
        return Step(step, layers=len(self._hidden_layer_sizes()))

    def _layer_scores(self, x: Array) -> Array:
        return recurrent_scores(self._recurrence(), self.state_.network, x)

    def _softmax_logits(self, x: Array) -> Array:
        return in_blocks(lambda rows: recurrent_logits(self.state_.network, rows), x, axis=0)

    def _hidden(self, x: Array) -> Array:
        network = self.state_.network

        def last(rows: Array) -> Array:
            return network.between_norm.value(start_states(network, rows).states[-1])

        return in_blocks(last, x, axis=0)
