"""Forward-Forward beside back-propagation on a disk inside a ring: docs/derivations/ff.md.

300 points, two hidden layers of 12 units. FF sees (x, y) with a label appended, threshold 2, rows
of length 1 between its layers, and sums the goodness of both. Prints accuracies and the goodness
of both labels at one point; writes disk_and_ring.gif (how the boundaries move) and
disk_and_ring.png (its last frame).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.animation import PillowWriter
from matplotlib.axes import Axes
from matplotlib.colors import CenteredNorm
from matplotlib.figure import Figure

import ffref
from ffref.types import Array


@dataclass(frozen=True)
class Settings:
    """What is learned, and how it is drawn."""

    samples: int = 300  # for training; as many to test
    hidden_layer_sizes: tuple[int, ...] = (12, 12)
    threshold: float = 2.0
    epochs: int = 60
    learning_rate: float = 0.01
    batch_size: int = 20
    seed: int = 0
    point: tuple[float, float] = (1.1, 1.1)  # in the ring, radius 1.56
    grid: int = 50  # points a side of the drawn square
    epochs_a_frame: int = 3
    frames_a_second: int = 5
    animation: Path = Path("disk_and_ring.gif")
    figure: Path = Path("disk_and_ring.png")


HALF_SIDE = 2.8
COLORS = ("#1b6ca8", "#d1603d")  # disk, ring
NAMES = ("disk", "ring")


class Learner:
    """A classifier, and what is drawn of it."""

    def __init__(self, name: str, model: ffref.FFClassifier | ffref.BackpropClassifier) -> None:
        self.name, self.model = name, model
        self.accuracy: list[float] = []


def main(settings: Settings) -> None:
    """Train both, draw a frame every few epochs, print where they end."""
    X, y = ffref.data.disk_and_ring(settings.samples, seed=settings.seed)
    X_test, y_test = ffref.data.disk_and_ring(settings.samples, seed=settings.seed + 1)
    learners = make(settings)
    figure = Figure(figsize=(9, 7))
    # an animation needs frames of one size
    writer = PillowWriter(fps=settings.frames_a_second)
    steps = zip(*(each.model.fit_epochs(X, y) for each in learners), strict=True)
    with writer.saving(figure, str(settings.animation), dpi=80):
        for epoch, _ in enumerate(steps, start=1):
            for each in learners:
                each.accuracy.append(each.model.score(X_test, y_test))
            if epoch % settings.epochs_a_frame == 0:
                draw(figure, learners, X, y, settings)
                writer.grab_frame()
    figure.savefig(settings.figure, dpi=100)
    for each in learners:
        train = each.model.score(X, y)
        print(f"{each.name:<16} accuracy {train:.3f}, on new points {each.accuracy[-1]:.3f}")
    goodness = at_point(learners[0], settings)
    print(f"goodness at {settings.point}, by layer and in all:")
    for name, column in zip(NAMES, goodness.T, strict=True):
        layers = " + ".join(f"{value:.2f}" for value in column)
        print(f"  labelled {name}: {layers} = {column.sum():.2f}")
    print(f"drawn in {settings.animation} and {settings.figure}")


def make(settings: Settings) -> tuple[Learner, Learner]:
    """Both networks, not yet trained, with the same budget."""
    budget = {
        "max_iter": settings.epochs,
        "batch_size": settings.batch_size,
        "learning_rate_init": settings.learning_rate,
        "random_state": settings.seed,
    }
    forward = ffref.FFClassifier(
        settings.hidden_layer_sizes,
        goodness_function="sum",
        threshold=settings.threshold,
        label_encoding="append",
        between_norm="l2",
        readout="sum",
        **budget,
    )
    backward = ffref.BackpropClassifier(settings.hidden_layer_sizes, **budget)
    return Learner("Forward-Forward", forward), Learner("back-propagation", backward)


def at_point(learner: Learner, settings: Settings) -> Array:
    """Goodness of both labels at the chosen point, (layers, 2)."""
    return learner.model.layer_goodness(np.array([settings.point]))[:, 0]


def draw(
    figure: Figure, learners: tuple[Learner, Learner], X: Array, y: np.ndarray, settings: Settings
) -> None:
    """One frame: both boundaries, accuracy so far, goodness at the point."""
    figure.clear()
    top, (left, right) = figure.subplots(2, 2, gridspec_kw={"height_ratios": (7, 4)})
    figure.subplots_adjust(0.06, 0.07, 0.98, 0.95, wspace=0.12, hspace=0.16)
    for axes, learner in zip(top, learners, strict=True):
        draw_boundary(axes, learner, X, y, settings)
    for learner, style in zip(learners, ("-", "--"), strict=True):
        epochs = range(1, len(learner.accuracy) + 1)
        left.plot(epochs, learner.accuracy, style, color="0.2", label=learner.name)
    left.set(title="accuracy on new points", xlabel="epoch", xlim=(0, settings.epochs),
             ylim=(0.4, 1.02))  # fmt: skip
    left.legend(frameon=False, loc="lower right")
    draw_goodness(right, learners[0], settings)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)


def draw_boundary(
    axes: Axes, learner: Learner, X: Array, y: np.ndarray, settings: Settings
) -> None:
    """Decision function as color, its zero as a line, and the training points."""
    side = np.linspace(-HALF_SIDE, HALF_SIDE, settings.grid)
    points = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    decision = learner.model.decision_function(points).reshape(settings.grid, -1)
    # colors saturate early, so that the small values inside are seen
    norm = CenteredNorm(halfrange=max(float(np.quantile(np.abs(decision), 0.9)), 1e-6))
    square = (-HALF_SIDE, HALF_SIDE) * 2
    axes.imshow(decision, origin="lower", extent=square, interpolation="bilinear",
                cmap="RdBu_r", norm=norm, alpha=0.5)  # fmt: skip
    if decision.min() < 0 < decision.max():
        axes.contour(side, side, decision, [0.0], colors="black")
    for label, (marker, color) in enumerate(zip("os", COLORS, strict=True)):
        own = X[y == label]
        axes.scatter(own[:, 0], own[:, 1], s=14, color=color, marker=marker,
                     edgecolors="white", linewidths=0.4)  # fmt: skip
    axes.plot(*settings.point, marker="*", markersize=15, color="black", markeredgecolor="white")
    axes.set(title=f"{learner.name}, epoch {len(learner.accuracy)}", aspect="equal", xticks=[],
             yticks=[])  # fmt: skip


def draw_goodness(axes: Axes, learner: Learner, settings: Settings) -> None:
    """Goodness of both labels at the point, layer by layer."""
    goodness = at_point(learner, settings)
    layers = np.arange(len(goodness))
    for label, (name, color) in enumerate(zip(NAMES, COLORS, strict=True)):
        axes.bar(layers + 0.4 * label, goodness[:, label], 0.38, color=color, label=name)
    axes.axhline(settings.threshold, color="0.4", linestyle=":", label="threshold")
    axes.set(
        title="goodness of both labels at the star (FF)",
        xticks=layers + 0.2,
        xticklabels=[f"layer {layer + 1}" for layer in layers],
        ylim=(0, max(6.0, 1.3 * float(goodness.max()))),
    )
    axes.legend(frameon=False, loc="upper center", ncols=3)


if __name__ == "__main__":
    main(Settings())
