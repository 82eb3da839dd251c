"""Which character comes next, by Forward-Forward; docs/results/ff_claims.md.

Real windows of ten characters against windows that the network has predicted itself, beside
counting characters, counting pairs, and hidden layers that keep their random weights.
"""

from dataclasses import dataclass

from ffref.experiments.text import text_table


@dataclass(frozen=True)
class Settings:
    """The network and its training."""

    hidden_layer_sizes: tuple[int, ...] = (128, 128, 128)
    epochs: int = 3
    seed: int = 0


def main(settings: Settings) -> None:
    """Print the share of characters that each predicts right."""
    rows = text_table(
        hidden_layer_sizes=settings.hidden_layer_sizes,
        max_iter=settings.epochs,
        random_state=settings.seed,
    )
    for name, train, test in rows:
        print(f"{name:<21} training strings {train:.2%}, held-out strings {test:.2%}")


if __name__ == "__main__":
    main(Settings())
