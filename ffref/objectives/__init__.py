"""One paper, one file: `<paper>_loss`, its hand-derived local gradient, and a factory.

| paper                                    | module                | factory                   |
| ---------------------------------------- | --------------------- | ------------------------- |
| Hinton 2022, arXiv:2212.13345            | `ff`                  | `ff()`                    |
| its Matlab code, peer normalisation      | `peer`                | `with_peer_rule()`, ...   |
| Sarode, Moser 2026, arXiv:2605.00082     | `hff`                 | `hff()`                   |
| Gong, Li, Abdulla, arXiv:2501.09238      | `mono_forward`        | `mono_forward()`          |
| Lee, Song 2023, arXiv:2303.08418         | `symba`               | `symba()`                 |
| Yousefiramandi, arXiv:2605.06240         | `cumulative`          | `cumulative()`            |
| Lorberbom 2024, arXiv:2305.12393         | `layer_collaboration` | `layer_collaboration()`   |
| Gong et al. 2025, arXiv:2509.08697       | `faust`               | `faust()`                 |
| Papachristodoulou 2024, arXiv:2312.12668 | `cwc`                 | `cwc()`, `cwc_pvn()`      |
| Sun 2025, ICLR                           | `deeper_forward`      | `deeper_forward()`        |
| Chen 2025, arXiv:2409.11593              | `scff`                | `scff()`                  |
| Wu 2024, arXiv:2408.14925                | `distance_forward`    | `distance_forward()`      |

`METHODS` are those that are algorithms by themselves: classifier, command and files follow.
"""

from ffref.method import Method
from ffref.objectives import (
    cumulative,
    cwc,
    deeper_forward,
    distance_forward,
    faust,
    ff,
    hff,
    layer_collaboration,
    mono_forward,
    peer,
    scff,
    symba,
)

METHODS: tuple[Method, ...] = (
    mono_forward.METHOD,
    symba.METHOD,
    cumulative.METHOD,
    layer_collaboration.METHOD,
    faust.METHOD,
    cwc.METHOD,
    deeper_forward.METHOD,
    scff.METHOD,
    distance_forward.METHOD,
)

__all__ = [
    "METHODS",
    "cumulative",
    "cwc",
    "deeper_forward",
    "distance_forward",
    "faust",
    "ff",
    "hff",
    "layer_collaboration",
    "mono_forward",
    "peer",
    "scff",
    "symba",
]
