"""Predictive coding on the same dense layers, as a classifier."""

from functools import partial

from ffref._checks import check_count, check_positive
from ffref.baselines import Inference, predictive_coding_step
from ffref.estimators._parameters import classifier
from ffref.estimators._whole import WholeNetwork
from ffref.layers import INITIAL_GAIN
from ffref.method import setting
from ffref.training import Step


@classifier
class PredictiveCodingClassifier(WholeNetwork):
    """Predictive coding by hand: hidden values relax, then each layer learns from its own error.

    Squared error; probabilities are a softmax of the outputs, and far less certain than a softmax
    that was trained. Formula and source: `ffref.baselines.predictive_coding`.

    Attributes
    ----------
    classes_, n_features_in_, history_, state_, seed_
        As in `HFFClassifier`, with one loss and one accuracy for the whole network.

    Examples
    --------
    >>> import ffref
    >>> X, y = ffref.data.load("digits")
    >>> model = ffref.PredictiveCodingClassifier(
    ...     hidden_layer_sizes=(64,), max_iter=15, learning_rate_init=0.003, random_state=0
    ... )
    >>> model.fit(X, y).score(*ffref.data.load("digits", split="test")) > 0.9
    True
    """

    algorithm = "predictive-coding"

    inference: str = setting(
        default="relaxed",
        help="values find the least energy, or only errors move while predictions are fixed, "
        "which ends at back-propagation",
        choices=("relaxed", "fixed-predictions"),
    )
    relaxation_steps: int = setting(
        default=20, help="steps of inference for each batch", check=check_count
    )
    relaxation_rate: float = setting(
        default=0.1,
        help="step size of inference; too high a one diverges",
        check=check_positive,
    )
    output_precision: float = setting(
        default=1.0,
        help="weight of the output's error in the energy; towards 0 the gradient becomes that of "
        "back-propagation",
        check=check_positive,
    )

    def _gain(self) -> float:
        # He's start gives outputs of mean square 2, which squared error must first unlearn
        return INITIAL_GAIN["lecun"]

    def _step(self, features: int, classes: int) -> Step:
        inference = Inference(
            self.inference == "fixed-predictions",
            self.relaxation_steps,
            self.relaxation_rate,
            self.output_precision,
        )
        return Step(partial(predictive_coding_step, self._optimizer(), inference), layers=1)
