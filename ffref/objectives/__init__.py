"""One paper, one file: `<paper>_loss`, its hand-derived local gradient, and a factory.

| paper                                 | module | factory                                |
| ------------------------------------- | ------ | -------------------------------------- |
| Hinton 2022, arXiv:2212.13345         | `ff`   | `ff()`                                 |
| its Matlab code, peer normalisation   | `peer` | `with_peer_rule()`, `with_peer_loss()` |
| Sarode, Moser 2026, arXiv:2605.00082  | `hff`  | `hff()`                                |

Losses of pairs, and of goodness that is carried upwards:

| paper                                 | module                | factory                 |
| ------------------------------------- | --------------------- | ----------------------- |
| Lee, Song 2023, arXiv:2303.08418      | `symba`               | `symba()`               |
| Yousefiramandi 2026, arXiv:2605.06240 | `cumulative`          | `cumulative()`          |
| Lorberbom 2024, arXiv:2305.12393      | `layer_collaboration` | `layer_collaboration()` |
"""

from ffref.objectives import cumulative, ff, hff, layer_collaboration, peer, symba

__all__ = ["cumulative", "ff", "hff", "layer_collaboration", "peer", "symba"]
