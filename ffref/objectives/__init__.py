"""One paper, one file: `<paper>_loss`, its hand-derived local gradient, and a factory.

| paper                                     | module             | factory               |
| ----------------------------------------- | ------------------ | --------------------- |
| Hinton 2022, arXiv:2212.13345             | `ff`               | `ff()`                |
| its Matlab code, peer normalisation       | `peer`             | `with_peer_rule()`, ... |
| Sarode, Moser 2026, arXiv:2605.00082      | `hff`              | `hff()`               |
| Gong 2025, arXiv:2509.08697               | `faust`            | `faust()`             |
| Papachristodoulou 2024, arXiv:2312.12668  | `cwc`              | `cwc()`, `cwc_pvn()`  |
| Sun 2025, ICLR                            | `deeper_forward`   | `deeper_forward()`    |
| Chen 2025, arXiv:2409.11593               | `scff`             | `scff()`              |
| Wu 2024, arXiv:2408.14925                 | `distance_forward` | `distance_forward()`  |
"""

from ffref.objectives import cwc, deeper_forward, distance_forward, faust, ff, hff, peer, scff

__all__ = ["cwc", "deeper_forward", "distance_forward", "faust", "ff", "hff", "peer", "scff"]
