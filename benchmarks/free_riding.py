"""Compare the remedies against free-riding on a data set: a table and a figure.

    python benchmarks/free_riding.py [--data NAME] [--data-dir DIR] [--seeds N] [--full]

Each variant and seed leaves a file below --out and is not run again, so the command can be stopped
and given anew at any time. --full takes wider layers and more epochs.
"""

import argparse
import os
from pathlib import Path

from ffref.experiments import load_train_test
from ffref.experiments.free_riding import VARIANTS, compare, markdown, settings_for
from ffref.report import free_riding_figure, save_figure


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="digits")
    parser.add_argument("--data-dir", default=os.environ.get("FFREF_DATA"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--hidden", type=int, nargs="+", help="units of each layer")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--full", action="store_true", help="wider layers, more epochs")
    parser.add_argument("--out", default="runs/free_riding")
    given = parser.parse_args(arguments)
    settings = settings_for(given.data, full=given.full)
    if given.hidden:
        settings["hidden_layer_sizes"] = tuple(given.hidden)
    if given.epochs:
        settings["max_iter"] = given.epochs
    folder = Path(given.out) / f"{given.data}{'-full' if given.full else ''}"
    outcomes = compare(
        load_train_test(given.data, given.data_dir),
        settings,
        folder,
        seeds=range(given.seeds),
        variants=given.variants,
        tell=lambda one: print(f"{one.variant}, seed {one.seed}: {one.seconds:.0f} s", flush=True),
    )
    save_figure(free_riding_figure(outcomes), folder / "free_riding.png")
    (folder / "free_riding.md").write_text(markdown(outcomes))
    print(markdown(outcomes))


if __name__ == "__main__":
    main()
