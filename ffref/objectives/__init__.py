"""One paper, one file: `<paper>_loss`, its hand-derived local gradient, and a factory.

| paper                                | module         | factory                                |
| ------------------------------------ | -------------- | -------------------------------------- |
| Hinton 2022, arXiv:2212.13345        | `ff`           | `ff()`                                 |
| its Matlab code, peer normalisation  | `peer`         | `with_peer_rule()`, `with_peer_loss()` |
| Sarode, Moser 2026, arXiv:2605.00082 | `hff`          | `hff()`                                |
| Gong, Li, Abdulla, arXiv:2501.09238  | `mono_forward` | `mono_forward()`                       |
| Lee, Song 2023, arXiv:2303.08418     | `symba`        | `symba()`                              |
| Yousefiramandi, arXiv:2605.06240     | `cumulative`   | `cumulative()`                         |
| Lorberbom 2024, arXiv:2305.12393     | `layer_collaboration` | `layer_collaboration()`         |

`METHODS` are those that are algorithms by themselves: classifier, command and files follow.
"""

from ffref.method import Method
from ffref.objectives import (
    cumulative,
    ff,
    hff,
    layer_collaboration,
    mono_forward,
    peer,
    symba,
)

METHODS: tuple[Method, ...] = (
    mono_forward.METHOD,
    symba.METHOD,
    cumulative.METHOD,
    layer_collaboration.METHOD,
)  # fmt: skip

__all__ = [
    "METHODS",
    "cumulative",
    "ff",
    "hff",
    "layer_collaboration",
    "mono_forward",
    "peer",
    "symba",
]
