"""Kill a run at random moments until it has died often enough, then let it end; see below.

Usage: python kill_script.py KILLS SEED ARGUMENT..., in a folder with blobs.npz. Each attempt is a
fork of this process, so that nothing is imported or compiled again. Prints what differs between
the run that was killed and one that was not.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np

import ffref
from ffref.cli import train
from ffref.cli.main import main

OFTEN = ("--checkpoint-minutes", "1e-9")


def arrays(run):
    with np.load(run / "checkpoint.npz") as archive:
        return {name: archive[name].tobytes() for name in archive.files if name != "record.json"}


def metrics(run):
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{name: record[name] for name in record if name != "seconds"} for record in records]


def attempt(arguments):
    """Train in a fork, as far as it gets."""
    process = os.fork()
    if process == 0:
        with open(os.devnull, "w", encoding="utf-8") as nothing:
            sys.stdout = sys.stderr = nothing
            os._exit(main(arguments))
    return process


def onwards(new):
    """Arguments that begin the run, or go on with it."""
    begun = (Path("part") / "config.json").exists()
    return [*(("train", "--resume") if begun else new), "part"]


def kill(count, seed, new, longest):
    """Where training stood each time, and how often a file was being written."""
    draw, stood, while_writing = random.Random(seed), [], 0
    for _ in range(20 * count):
        process = attempt([*onwards(new), *OFTEN])
        time.sleep(draw.uniform(0.0, longest))
        os.kill(process, signal.SIGKILL)
        if not os.WIFSIGNALED(os.waitpid(process, 0)[1]):
            # it was quicker; the next run has to be killed again from its beginning
            assert arrays(Path("part")) == arrays(Path("whole"))
            shutil.rmtree("part")
            continue
        while_writing += bool(list(Path("part").glob(".*.tmp")))
        stood.append("nothing yet")
        if list(Path("part").glob("checkpoint*.npz")):
            stood[-1] = ffref.estimators.trained_so_far(ffref.load("part"))
        if len(stood) == count:
            break
    return stood, while_writing


if __name__ == "__main__":
    os.fsync = lambda _: None  # what a killed process has written is not lost
    train.write_figures = lambda *_: []
    count, seed, *words = sys.argv[1:]
    new = ["train", *words, "--data", "blobs.npz", "--quiet", "--out"]
    assert main([*new, "warm-up"]) == 0
    began = time.monotonic()
    assert main([*new, "whole", *OFTEN]) == 0
    stood, while_writing = kill(int(count), int(seed), new, (time.monotonic() - began) / 3)
    assert main([*onwards(new), "--quiet"]) == 0
    whole, part = Path("whole"), Path("part")
    differing = [name for name, value in arrays(whole).items() if arrays(part).get(name) != value]
    assert arrays(part).keys() == arrays(whole).keys()
    assert metrics(part) == metrics(whole)
    found = {"stood": stood, "while writing": while_writing, "differing": differing}
    sys.stdout.write(json.dumps(found) + "\n")
