"""Run every recipe, or those named, and print their table; what was begun is resumed.

    python benchmarks/run_recipes.py [NAME ...] [--full] [--seeds N] [--out FOLDER]

Each recipe and seed has a run folder below --out. A folder whose run has been tested is not run
again, one with a checkpoint goes on from it, so the command can be stopped and given anew at any
time. --full takes the size and length of the recipe's source.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from ffref.experiments import RECIPES


def tested(folder):
    """The test's record of a finished run, and its epochs' seconds; None of an unfinished one."""
    metrics = folder / "metrics.jsonl"
    if not metrics.exists():
        return None
    records = [json.loads(line) for line in metrics.read_text().splitlines()]
    if not records or "test" not in records[-1]:
        return None
    return records[-1]["test"], [record["seconds"] for record in records[:-1]]


def run(name, seed, folder, arguments):
    if (folder / "config.json").exists():
        command = ["--resume", str(folder)]
    else:
        command = [name, "--seed", str(seed), "--out", str(folder)]
        command += ["--full"] if arguments.full else []
    # not a flag, which is refused for the text: its recipe needs no folder
    named = {"FFREF_DATA": arguments.data_dir} if arguments.data_dir else {}
    command = [sys.executable, "-m", "ffref", "train", *command]
    subprocess.run(command, check=True, env=os.environ | named)


def row(name, seed, folder):
    test, seconds = tested(folder)
    errors = {key: 100 * (1 - value) for key, value in test["readout_accuracy"].items()}
    readouts = ", ".join(f"{key} {error:.2f} %" for key, error in errors.items())
    return (
        f"| {name} | {seed} | {len(seconds)} | {100 * (1 - test['accuracy']):.2f} % "
        f"({test['readout']}) | {readouts} | {sum(seconds) / 60:.0f} min |"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(RECIPES))
    parser.add_argument("--full", action="store_true", help="the source's size and length")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", default="runs/recipes")
    parser.add_argument("--data-dir", default=os.environ.get("FFREF_DATA"))
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(RECIPES)
    if unknown:
        parser.error(f"no recipe {', '.join(sorted(unknown))}; there are {', '.join(RECIPES)}")
    rows = []
    for name in arguments.names or RECIPES:
        for seed in range(arguments.seeds):
            folder = Path(arguments.out) / f"{name}{'-full' if arguments.full else ''}-seed{seed}"
            folder.parent.mkdir(parents=True, exist_ok=True)
            if tested(folder) is None:
                run(name, seed, folder, arguments)
            rows.append(row(name, seed, folder))
    print("| recipe | seed | epochs | test error | by each readout | time of training |")
    print("| --- | --- | --- | --- | --- | --- |")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
