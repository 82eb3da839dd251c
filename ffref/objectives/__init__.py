"""One paper, one file: `<paper>_loss`, its hand-derived local gradient, and a factory.

| paper                                 | module | factory                                |
| ------------------------------------- | ------ | -------------------------------------- |
| Hinton 2022, arXiv:2212.13345         | `ff`   | `ff()`                                 |
| its Matlab code, peer normalisation   | `peer` | `with_peer_rule()`, `with_peer_loss()` |
| Sarode, Moser 2026, arXiv:2605.00082  | `hff`  | `hff()`                                |
"""

from ffref.objectives import ff, hff, peer

__all__ = ["ff", "hff", "peer"]
