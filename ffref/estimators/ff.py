"""Forward-Forward (Hinton 2022) as a classifier."""

from functools import partial

import numpy as np

from ffref._checks import check_number, require
from ffref.baselines import input_gradient, network_pass
from ffref.estimators._gradients import InputGradients
from ffref.estimators._labelled import LabelledSamples
from ffref.estimators._parameters import classifier
from ffref.estimators._readouts import ChosenGoodness
from ffref.formulas import (
    ALL_GOODNESS,
    GOODNESS,
    softmax_cross_entropy_grad,
    warn_if_mixed,
)
from ffref.method import LayerPlace, OwnParams, setting
from ffref.negatives import hybrid_negatives
from ffref.objectives.ff import ff
from ffref.objectives.peer import peer_initial_mean, with_peer_rule
from ffref.training import Algorithm, contrastive, unsupervised
from ffref.types import Array, Labels


@classifier
class FFClassifier(InputGradients, ChosenGoodness, LabelledSamples):
    """Forward-Forward: each layer tells samples with their true label from wrongly labelled ones.

    To predict, every label is tried, and the one of the highest goodness wins. Formula and
    source: `ffref.objectives.ff`.

    Attributes
    ----------
    classes_, n_features_in_, history_, state_, seed_
        As in `HFFClassifier`; accuracy in `history_` is that of pairs (the true label's goodness
        above the wrong one's).

    Examples
    --------
    >>> import ffref
    >>> X, y = ffref.data.toy.disk_and_ring(400, seed=0)
    >>> model = ffref.FFClassifier((64,), max_iter=40, learning_rate_init=0.01, random_state=0)
    >>> model.fit(X, y).score(*ffref.data.toy.disk_and_ring(400, seed=1)) > 0.9
    True
    """

    algorithm = "ff"

    negatives: str = setting(
        default="uniform",
        help="wrong labels, or hybrid images without a label",
        more="Labels drawn evenly, or from the softmax readout, which finds them likely. With "
        "hybrid images no label is shown at all, and the softmax readout predicts.",
        choices=("uniform", "hard", "hybrid"),
        shapes=True,
    )
    mask_blurs: int = setting(
        default=10,
        help="how often a hybrid's mask is blurred: the more, the larger its regions",
        needs=("negatives", ("hybrid",)),
    )
    peer_strength: float = setting(
        default=0.0,
        help="of peer normalisation, Hinton's rule that keeps units about equally active",
        check=check_number,
        shapes=True,
    )

    def _check_parameters(self) -> None:
        super()._check_parameters()
        require(
            not (self.peer_strength and any(one.name == "block" for one in self._descriptions())),
            "peer normalisation acts behind the relu of each unit, and the units of a block are "
            "pooled: set peer_strength=0, or use layers of another kind",
        )
        require(
            self._shows_labels() or self.readout == "softmax",
            f"with hybrid images no layer sees a label, so that readout must be 'softmax', got "
            f"{self.readout!r}",
        )

    def _check_training_data(self, x: Array, classes: int) -> None:
        super()._check_training_data(x, classes)
        require(self._shows_labels() or len(x) >= 2, "hybrid images need at least 2 samples")
        self._warn_if_mixed(x.shape[1], classes)

    def _warn_if_mixed(self, features: int, classes: int) -> None:
        """Warn once if goodness, threshold and norms are of different recipes."""
        if self.goodness_function not in GOODNESS:  # where others start is not known
            return
        norm = self.input_norm
        in_units = int(np.prod(self._input_shape(features, classes)))
        for place in self._places(features, classes):
            threshold = self._threshold(place.units)
            if warn_if_mixed(
                self.goodness_function, threshold, norm, units=place.units, in_units=in_units
            ):
                return
            norm, in_units = self.between_norm, place.units

    def _algorithm(self, features: int, classes: int) -> Algorithm:
        goodness = ALL_GOODNESS[self.goodness_function]
        units = [place.units for place in self._places(features, classes)]
        objectives = [ff(threshold=self._threshold(size), goodness=goodness) for size in units]
        if self.peer_strength:
            strength = self.peer_strength
            objectives = [with_peer_rule(one, strength=strength) for one in objectives]
        if not self._shows_labels():
            image = self._image(features)
            hybrids = partial(_hybrids, image_shape=image, blurs=self.mask_blurs)
            return unsupervised(objectives, negatives=hybrids, readout=self._readout_training())
        return contrastive(
            objectives,
            goodness=goodness,
            encoding=self._encoding(features, classes),
            classes=classes,
            hard_labels=self.negatives == "hard",
            readout=self._readout_training() if self._has_softmax() else None,
        )

    def _input_gradient(self, x: Array, labels: Labels) -> Array:
        require(
            self.readout != "softmax",
            "the input gradient of Forward-Forward is that of its goodness; set readout='sum'",
        )
        network = self.state_.network
        goodness = ALL_GOODNESS[self.goodness_function]
        encoding = self._encoding(x.shape[1], len(self.classes_))
        logits = self._class_logits(self._goodness(x))
        d_logits = softmax_cross_entropy_grad(logits, labels) * x.dtype.type(len(x))
        d_goodness = self._class_logits(d_logits)
        d_x = np.zeros_like(x)
        counted = range(len(network.layers))[self._layers_read()]
        for label, slope in enumerate(d_goodness.T):
            rows = encoding.write(x, np.full(len(x), label))
            forward = network_pass(network, rows, training=False)
            d_features = [
                slope[:, None] * goodness.grad(passed.features) if depth in counted else None
                for depth, passed in enumerate(forward.passed)
            ]
            d_x += encoding.pull_back(input_gradient(network, forward, d_features))
        return d_x

    def _initial_params(self, rng: np.random.Generator, place: LayerPlace) -> OwnParams:
        if not self.peer_strength:
            return OwnParams()
        return OwnParams(kept=(peer_initial_mean(place.units, np.dtype(np.float32)),))

    def _shows_labels(self) -> bool:
        return self.negatives != "hybrid"


def _hybrids(
    x: Array, rng: np.random.Generator, *, image_shape: tuple[int, ...], blurs: int
) -> Array:
    return hybrid_negatives(x, image_shape=image_shape, blurs=blurs, rng=rng)
