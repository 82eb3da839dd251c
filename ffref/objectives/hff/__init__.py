"""Hyperspherical Forward-Forward: each layer classifies by cosines to learned prototypes.

Paper: Sarode, Moser et al., "Hyperspherical Forward-Forward with Prototypical Representations",
arXiv:2605.00082v1. The exact loss was not readable; this is a reconstruction that fits every
fact known of it (docs/derivations/hff.md says which).
Derivation: docs/derivations/hff.md, equations HFF.1 to HFF.32.

| module       | what                                                            |
| ------------ | --------------------------------------------------------------- |
| `loss`       | the loss and its gradients, class scores                        |
| `margins`    | the same with other margins                                     |
| `prototypes` | where prototypes start, moving averages                         |
| `factory`    | `hff`, the objective of a layer, and the layer's arrays         |
| `sphere`, `angles`, `passes`, `kinds` | the pieces that all of them are made of |
"""

from ffref.objectives.hff.factory import hff, hff_params, hff_temperature
from ffref.objectives.hff.loss import (
    hff_class_scores,
    hff_class_scores_vjp,
    hff_loss,
    hff_loss_grads,
    hff_loss_grads_with_temperature,
)
from ffref.objectives.hff.margins import (
    hff_additive_angular_margin_loss,
    hff_additive_angular_margin_loss_grads,
    hff_hardest_margin_loss,
    hff_hardest_margin_loss_grads,
    hff_multiplicative_angular_margin_loss,
    hff_multiplicative_angular_margin_loss_grads,
    hff_pairwise_margin_loss,
    hff_pairwise_margin_loss_grads,
)
from ffref.objectives.hff.prototypes import (
    hff_class_mean_prototypes,
    hff_initial_prototypes,
    hff_prototypes_ema_rule,
    hff_simplex_prototypes,
)

__all__ = [
    "hff",
    "hff_additive_angular_margin_loss",
    "hff_additive_angular_margin_loss_grads",
    "hff_class_mean_prototypes",
    "hff_class_scores",
    "hff_class_scores_vjp",
    "hff_hardest_margin_loss",
    "hff_hardest_margin_loss_grads",
    "hff_initial_prototypes",
    "hff_loss",
    "hff_loss_grads",
    "hff_loss_grads_with_temperature",
    "hff_multiplicative_angular_margin_loss",
    "hff_multiplicative_angular_margin_loss_grads",
    "hff_pairwise_margin_loss",
    "hff_pairwise_margin_loss_grads",
    "hff_params",
    "hff_prototypes_ema_rule",
    "hff_simplex_prototypes",
    "hff_temperature",
]
