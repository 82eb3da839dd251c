"""Optimisers, schedules, the local step, the loop, checkpoints and prediction."""

from ffref.training.algorithm import (
    Algorithm,
    beside_itself,
    contrastive,
    one_pass,
    self_contrastive,
    unsupervised,
)
from ffref.training.census import take_census
from ffref.training.classes import insert_classes
from ffref.training.diagnosis import Watched, watch
from ffref.training.divergence import (
    DivergenceError,
    check_alive,
    check_loss,
    check_state,
)
from ffref.training.loop import (
    EpochRecord,
    Plan,
    Position,
    Step,
    epochs,
    format_record,
    total_epochs,
)
from ffref.training.network import (
    LocalLayer,
    Network,
    layer_pass,
    layer_units,
    passes,
    rows_at_once,
)
from ffref.training.optimizers import (
    OPTIMIZERS,
    Optimizer,
    OptimizerState,
    bind_optimizer,
)
from ffref.training.prediction import (
    READOUTS,
    hidden_representation,
    in_blocks,
    layer_scores,
    read_out,
)
from ffref.training.readout import ReadoutTraining, network_logits
from ffref.training.recurrent import (
    Recurrence,
    recurrent_grads,
    recurrent_local_grads,
    recurrent_scores,
    recurrent_step,
)
from ffref.training.schedules import SCHEDULES, Schedule, with_warmup
from ffref.training.score_weights import fit_score_weights
from ffref.training.step import (
    LayerReport,
    LocalGrads,
    TrainingState,
    advance_weights,
    initial_optimizer_states,
    local_grads,
    local_step,
)

__all__ = [
    "OPTIMIZERS",
    "READOUTS",
    "SCHEDULES",
    "Algorithm",
    "DivergenceError",
    "EpochRecord",
    "LayerReport",
    "LocalGrads",
    "LocalLayer",
    "Network",
    "Optimizer",
    "OptimizerState",
    "Plan",
    "Position",
    "ReadoutTraining",
    "Recurrence",
    "Schedule",
    "Step",
    "TrainingState",
    "Watched",
    "advance_weights",
    "beside_itself",
    "bind_optimizer",
    "check_alive",
    "check_loss",
    "check_state",
    "contrastive",
    "epochs",
    "fit_score_weights",
    "format_record",
    "hidden_representation",
    "in_blocks",
    "initial_optimizer_states",
    "insert_classes",
    "layer_pass",
    "layer_scores",
    "layer_units",
    "local_grads",
    "local_step",
    "network_logits",
    "one_pass",
    "passes",
    "read_out",
    "recurrent_grads",
    "recurrent_local_grads",
    "recurrent_scores",
    "recurrent_step",
    "rows_at_once",
    "self_contrastive",
    "take_census",
    "total_epochs",
    "unsupervised",
    "watch",
    "with_warmup",
]
