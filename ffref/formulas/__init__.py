"""Functions that several papers share, each with its derivative or pull-back.

`<f>_grad(x)` is an elementwise (or row's own) derivative, `<f>_vjp(d_out, x)` a pull-back.
Derivations: docs/derivations/formulas.md.
"""

from ffref.formulas.calibration import expected_calibration_error
from ffref.formulas.diagnostics import (
    LayerDiagnostics,
    dead_unit_share,
    layer_diagnostics,
    mean_goodness,
    pairwise_error,
)
from ffref.formulas.elementwise import (
    relu,
    relu_grad,
    relu_vjp,
    sigmoid,
    sigmoid_grad,
    softplus,
    softplus_grad,
)
from ffref.formulas.goodness import (
    GOODNESS,
    MEAN_OF_SQUARES,
    NEGATIVE_MEAN_OF_SQUARES,
    NEGATIVE_SUM_OF_SQUARES,
    SUM_OF_SQUARES,
    mean_of_squares,
    mean_of_squares_grad,
    negative_mean_of_squares,
    negative_mean_of_squares_grad,
    negative_sum_of_squares,
    negative_sum_of_squares_grad,
    sum_of_squares,
    sum_of_squares_grad,
)
from ffref.formulas.nearest_mean import class_means, nearest_mean_scores
from ffref.formulas.norms import (
    NORMS,
    l2_normalize,
    l2_normalize_vjp,
    layer_normalize,
    layer_normalize_vjp,
    rms_normalize,
    rms_normalize_vjp,
)
from ffref.formulas.recipes import (
    GOODNESS_RECIPES,
    GoodnessRecipe,
    starting_goodness,
    warn_if_mixed,
)
from ffref.formulas.score_weights import (
    score_weights_loss,
    score_weights_loss_grad,
    weighted_scores,
)
from ffref.formulas.similarity import cosine_similarity, cosine_similarity_vjp
from ffref.formulas.softmax import (
    log_mean_exp,
    log_mean_exp_grad,
    log_sum_exp,
    log_sum_exp_grad,
    softmax,
    softmax_cross_entropy,
    softmax_cross_entropy_grad,
)

__all__ = [
    "GOODNESS",
    "GOODNESS_RECIPES",
    "MEAN_OF_SQUARES",
    "NEGATIVE_MEAN_OF_SQUARES",
    "NEGATIVE_SUM_OF_SQUARES",
    "NORMS",
    "SUM_OF_SQUARES",
    "GoodnessRecipe",
    "LayerDiagnostics",
    "class_means",
    "cosine_similarity",
    "cosine_similarity_vjp",
    "dead_unit_share",
    "expected_calibration_error",
    "l2_normalize",
    "l2_normalize_vjp",
    "layer_diagnostics",
    "layer_normalize",
    "layer_normalize_vjp",
    "log_mean_exp",
    "log_mean_exp_grad",
    "log_sum_exp",
    "log_sum_exp_grad",
    "mean_goodness",
    "mean_of_squares",
    "mean_of_squares_grad",
    "nearest_mean_scores",
    "negative_mean_of_squares",
    "negative_mean_of_squares_grad",
    "negative_sum_of_squares",
    "negative_sum_of_squares_grad",
    "pairwise_error",
    "relu",
    "relu_grad",
    "relu_vjp",
    "rms_normalize",
    "rms_normalize_vjp",
    "score_weights_loss",
    "score_weights_loss_grad",
    "sigmoid",
    "sigmoid_grad",
    "softmax",
    "softmax_cross_entropy",
    "softmax_cross_entropy_grad",
    "softplus",
    "softplus_grad",
    "starting_goodness",
    "sum_of_squares",
    "sum_of_squares_grad",
    "warn_if_mixed",
    "weighted_scores",
]
