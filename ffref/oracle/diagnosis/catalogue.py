"""The explanations that are tried, by family, in the order in which they are named.

Where several have an equal effect, the first that is listed here is named first.
"""

from typing import NamedTuple

from ffref.oracle.diagnosis.block_steps import BLOCK
from ffref.oracle.diagnosis.chain import Chain
from ffref.oracle.diagnosis.explain_block import BLOCKS
from ffref.oracle.diagnosis.explain_faust import SIMILAR, TUPLES
from ffref.oracle.diagnosis.explain_goodness import GOODNESS, LOSS, RECURRENT, THRESHOLDS
from ffref.oracle.diagnosis.explain_hff import CROSS_ENTROPY, SCORES, SPHERE
from ffref.oracle.diagnosis.explain_labelled import CHANNELS, DISTANCES, MONO
from ffref.oracle.diagnosis.explain_layer import (
    LAYER,
    NORM,
    norm_kinds,
    relus,
    weight_factors,
    zero_rows,
)
from ffref.oracle.diagnosis.explain_pairs import CARRIED, MARGINS
from ffref.oracle.diagnosis.explain_peers import LABELS, PEERS
from ffref.oracle.diagnosis.explain_sides import COLLABORATED, CONTRASTED
from ffref.oracle.diagnosis.explanation import Explanation, changed
from ffref.oracle.diagnosis.faust_steps import FAUST
from ffref.oracle.diagnosis.ff_steps import FF
from ffref.oracle.diagnosis.ff_steps import RECURRENT as RECURRENT_STEPS
from ffref.oracle.diagnosis.hff_steps import HFF
from ffref.oracle.diagnosis.labelled_steps import CWC, DISTANCE
from ffref.oracle.diagnosis.labelled_steps import MONO as MONO_STEPS
from ffref.oracle.diagnosis.pairs_steps import PAIRS
from ffref.oracle.diagnosis.sides_steps import COLLABORATION, SCFF


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
    "symba": Known(PAIRS, [*GOODNESS, *MARGINS, *LAYER, *weight_factors()]),
    "cumulative": Known(PAIRS, [*GOODNESS, *MARGINS, *CARRIED, *LAYER, *weight_factors()]),
    "block": Known(BLOCK, [*BLOCKS, *norm_kinds(), *SCORES, *CROSS_ENTROPY]),
    "layer-collaboration": Known(
        COLLABORATION,
        [*COLLABORATED, *GOODNESS, *THRESHOLDS, *LOSS, *LAYER, *weight_factors()],
    ),
    "scff": Known(SCFF, [*CONTRASTED, *GOODNESS, *LAYER, *weight_factors()]),
    "mono-forward": Known(MONO_STEPS, [*MONO, *LAYER, *weight_factors("d_projection")]),
    "cwc": Known(CWC, [*CHANNELS, *LAYER, *weight_factors()]),
    "deeper-forward": Known(CWC, [*CHANNELS, *LAYER, *weight_factors()]),
    "distance-forward": Known(DISTANCE, [*DISTANCES, *LAYER, *weight_factors()]),
    "faust": Known(FAUST, [*TUPLES, *SIMILAR, *LAYER, *weight_factors("d_factor")]),
}
