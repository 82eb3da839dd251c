"""Back-propagation on the same layers, as a classifier: the yardstick."""

from functools import partial

from ffref.baselines import backprop_input_gradient, backprop_step
from ffref.estimators._gradients import InputGradients
from ffref.estimators._layers import ImageLayers
from ffref.estimators._parameters import classifier
from ffref.estimators._whole import WholeNetwork
from ffref.formulas.softmax import check_label_smoothing
from ffref.layers import LayerDescription, PlannedLayer, plan_layers
from ffref.method import setting
from ffref.training import Step
from ffref.types import Array, Labels


@classifier
class BackpropClassifier(InputGradients, ImageLayers, WholeNetwork):
    """Back-propagation by hand: the same layers, one loss at the top, the chain through all.

    Formula and source: `ffref.baselines.backprop`. Blocks on images are without their auxiliary
    convolutions: the network is what they hand on to each other in `HFFClassifier`. Of the last
    block's activity the logits read the means of its auxiliary grid's cells, if it has a grid.

    Attributes
    ----------
    classes_, n_features_in_, history_, state_, seed_
        As in `HFFClassifier`, with one loss and one accuracy for the whole network.

    Examples
    --------
    >>> import ffref
    >>> X, y = ffref.data.load("digits")
    >>> model = ffref.BackpropClassifier(hidden_layer_sizes=(64,), max_iter=15, random_state=0)
    >>> model.fit(X, y).score(*ffref.data.load("digits", split="test")) > 0.9
    True
    """

    algorithm = "backprop"

    label_smoothing: float = setting(
        default=0.0, help="share of each label that is spread over all classes"
    )

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_label_smoothing(self.label_smoothing)

    def _plan(self, features: int, classes: int) -> tuple[PlannedLayer, ...]:
        """Shapes and kinds of the hidden layers and, last, of the one that gives the logits."""
        alone = [one._replace(auxiliary=0, grid=None) for one in self._descriptions()]
        if alone:
            alone[-1] = alone[-1]._replace(grid=self._descriptions()[-1].grid)
        hidden = plan_layers(alone, self._input_shape(features, classes))
        read = hidden[-1].feature_shape if hidden else (features,)
        return (*hidden, *plan_layers([LayerDescription("dense", classes)], read))

    def _step(self, features: int, classes: int) -> Step:
        step = partial(backprop_step, self._optimizer(), label_smoothing=self.label_smoothing)
        return Step(step, layers=1)

    def _input_gradient(self, x: Array, labels: Labels) -> Array:
        mean = backprop_input_gradient(self.state_.network, x, labels)
        return mean * x.dtype.type(len(x))
