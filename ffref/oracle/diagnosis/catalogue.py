"""The explanations that are tried, by family, in the order in which they are named.

Where several have an equal effect, the first that is listed here is named first.
"""

from typing import NamedTuple

from ffref.oracle.diagnosis.chain import Chain
from ffref.oracle.diagnosis.explain_goodness import GOODNESS, LOSS, RECURRENT, THRESHOLDS
from ffref.oracle.diagnosis.explain_hff import CROSS_ENTROPY, SCORES, SPHERE
from ffref.oracle.diagnosis.explain_layer import (
    LAYER,
    NORM,
    norm_kinds,
    relus,
    weight_factors,
    zero_rows,
)
from ffref.oracle.diagnosis.explain_peers import LABELS, PEERS
from ffref.oracle.diagnosis.explanation import Explanation, changed
from ffref.oracle.diagnosis.ff_steps import FF
from ffref.oracle.diagnosis.ff_steps import RECURRENT as RECURRENT_STEPS
from ffref.oracle.diagnosis.hff_steps import HFF


class Known(NamedTuple):
    """What is known of a family: its steps, and what may be wrong with them."""

    chain: Chain
    explanations: list[Explanation]


_ZERO_ROWS = changed(
    "a row of zeros is divided by 0",
    NORM,
    normalized_below=lambda v, right: zero_rows(v, right, "below"),
    normalized_above=lambda v, right: zero_rows(v, right, "above"),
)

KNOWN = {
    "ff": Known(FF, [*LABELS, *GOODNESS, *THRESHOLDS, *LOSS, *PEERS, *LAYER, *weight_factors()]),
    "hff": Known(HFF, [*SPHERE, *SCORES, *CROSS_ENTROPY, *LAYER, *weight_factors("d_prototypes")]),
    "recurrent": Known(
        RECURRENT_STEPS,
        [
            *RECURRENT,
            *GOODNESS,
            *THRESHOLDS,
            *LOSS,
            *norm_kinds(),
            _ZERO_ROWS,
            *relus(),
            *weight_factors("d_top_down"),
        ],
    ),
}
