"""Whole training steps and inference of FF and HFF, against the same mathematics in PyTorch.

    python benchmarks/bench_steps.py [train|infer|classes|conv|all] [--quick] [--rounds N] ...

Two sides of PyTorch (benchmarks/steps_in_torch.py): "plain", positives and negatives stacked and
a pass for each label; and "shared", with the same exact algebra of FF's first layer that ffref
uses. Convolutional HFF, "conv", has PyTorch (benchmarks/conv_steps_in_torch.py) with images in
both orders of memory, NCHW ("contiguous") and NHWC ("channels-last"). All are eager, with fused
Adam, no input gradient, and subnormals flushed as ffref does.

Values first: both libraries start from the same parameters, batches and negatives. In float64,
after one step, losses and gradients (Adam's first moments, because Adam's first steps hide a
factor) agree to 2 k u (layers + 1) of the largest element, k the widest sum of products (of
blocks: of the forward pass), u the unit roundoff; parameters to what Adam makes of that, which
divides by |gradient| + 1e-8; scores, and all arrays after three steps, to 1e-7. In float32 each
library's one step is held against float64, every array as a whole: |a - b| <= 2 k u (layers + 1)
|b| (blocks: 2 sqrt(u sqrt k), see step_values.py). Parameters alone have a wide bound there, 0.05
of the step, because a gradient that is nothing but rounding error makes a whole step of Adam.

Then time. Each side runs in a process of its own, with the same number of threads, and they take
turns: two calls that are not timed, then a run of consecutive steps of some 0.3 s. A pause comes
before each turn, because the others' threads spin for some milliseconds after their last call.
A number is the median over all timed calls, with the fastest in brackets; "spread" is half the
distance of the quartiles, in per cent of the median. Inference scores 1024 rows (classes: 256).
"values" are the largest differences, in parts of what is allowed: float64, float32.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from contenders import describe, geometric_mean, spread
from step_values import STEPS, check_doubles, check_singles, record

ROOT = Path(__file__).parents[1]
SHAPES = {
    "784-1000x3": (784, (1000,) * 3, 256, 10),
    "784-2000x4": (784, (2000,) * 4, 128, 10),
    "3072-2000x3": (3072, (2000,) * 3, 256, 10),
}
HUNDRED = {"784-1000x3, 100 classes": (784, (1000,) * 3, 256, 100, 256)}
SMALL = ((32, 3, 2, 32, 4), (64, 1, 2, 32, 4), (128, 1, 2, 64, 2))
LARGE = ((96, 1, 1, 64, 4), (128, 1, 2, 64, 4), (256, 1, 2, 64, 4), (384, 1, 2, 64, 4),
         (512, 1, 1, 128, 2))  # fmt: skip
CONV_SHAPES = {
    "28x28x1, blocks 32-64-128": (784, SMALL, 128, 10),
    "32x32x3, blocks 96-128-256-384-512": (3072, LARGE, 128, 10),
}
SIDES = {
    "hff": ("ffref", "plain"),
    "ff": ("ffref", "plain", "shared"),
    "hff-conv": ("ffref", "contiguous", "channels-last"),
}
PAUSE = 0.05  # seconds
TURN = 0.3  # seconds


def make_side(request):
    """The side that a child is asked for."""
    from step_problems import InFfref, Shape, make_problem

    shape = Shape(*request["shape"])._replace(hidden=tuple(request["shape"][1]))
    if request["side"] == "ffref":
        return InFfref(request["kind"], shape, request["dtype"])
    from conv_steps_in_torch import ConvHFF
    from steps_in_torch import SIDES as IN_TORCH
    from steps_in_torch import prepare

    prepare(int(os.environ["FFREF_THREADS"]))
    problem, _ = make_problem(request["kind"], shape)
    if request["kind"] == "hff-conv":
        return ConvHFF(problem, request["dtype"], request["side"])
    return IN_TORCH[request["kind"], request["side"]](problem, request["dtype"])


def verify(side, request):
    """Write what the side holds at its start and after some steps to files."""
    for number, arrays in enumerate(record(side, request["steps"])):
        np.savez(f"{request['folder']}/{number}.npz", **arrays)
    return {}


def timed(side, request):
    """Seconds of consecutive calls, after two that are not timed."""
    from ffref.kernels import keep_freed_memory

    calls = {"train": side.step, "infer": lambda _: side.scores()}[request["what"]]
    seconds, untimed = [], 2 if request["calls"] > 1 else 1
    as_in_fit = request["side"] == "ffref" and request["what"] == "train"
    time.sleep(PAUSE)
    with keep_freed_memory() if as_in_fit else nullcontext():
        for number in range(request["calls"] + untimed):
            begin = time.perf_counter()
            calls(number)
            seconds.append(time.perf_counter() - begin)
    return {"seconds": seconds[untimed:]}


def work():
    """The child's loop."""
    made, side = None, None
    for line in sys.stdin:
        request = json.loads(line)
        key = [request[name] for name in ("shape", "dtype")]
        if key != made or request["do"] == "verify":
            made, side = key, make_side(request)
        answer = {"verify": verify, "time": timed}[request["do"]](side, request)
        print(json.dumps(answer), flush=True)


class Contender:
    """One side in a process of its own."""

    def __init__(self, kind, side, threads):
        count = str(threads)
        self.who = {"kind": kind, "side": side}
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--work"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ
            | {"FFREF_THREADS": count, "OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count}
            | {"OPENBLAS_NUM_THREADS": count, "PYTHONPATH": str(ROOT)},
        )

    def ask(self, **request):
        print(json.dumps(request | self.who), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError("a benchmark process ended; its error is printed above")
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def results(contender, case, dtype, steps):
    """What a side holds after 0, 1, .. `steps` steps."""
    with tempfile.TemporaryDirectory() as folder:
        contender.ask(do="verify", folder=folder, steps=steps, dtype=dtype, **case)
        return [dict(np.load(Path(folder) / f"{n}.npz")) for n in range(steps + 1)]


def check_values(contenders, case):
    """All sides give the same losses, gradients, parameters and scores."""
    ours = results(contenders["ffref"], case, "float64", STEPS)
    others = [
        check_doubles(ours, results(contender, case, "float64", STEPS), case)
        for side, contender in contenders.items()
        if side != "ffref"
    ]
    singles = [
        check_singles(results(each, case, "float32", 1)[1], ours[1], ours[0], case)
        for each in contenders.values()
    ]
    return max(others), max(singles)


def measure(contenders, case, what, rounds):
    """Seconds of each side's calls, taking turns."""
    seconds = {side: [] for side in contenders}
    calls = dict.fromkeys(contenders, 1)
    for turn in range(rounds + 1):
        for side, contender in contenders.items():
            request = {"do": "time", "what": what, "calls": calls[side], "dtype": "float32"}
            answer = contender.ask(**request, **case)["seconds"]
            if turn == 0:  # finds out how many calls fill a turn
                calls[side] = min(math.ceil(TURN / answer[0]), 100)
            else:
                seconds[side] += answer
    return seconds


def in_words(seconds):
    median = 1e3 * statistics.median(seconds)
    return f"{median:8.2f} ({1e3 * min(seconds):8.2f}), {spread(seconds):2.0f} %"


def ratios(seconds):
    """Other side's time over ffref's, by medians and by fastest calls."""
    others = [side for side in seconds if side != "ffref"]
    ours = seconds["ffref"]
    medians = {s: statistics.median(seconds[s]) / statistics.median(ours) for s in others}
    return medians, {s: min(seconds[s]) / min(ours) for s in others}


def run_cases(kinds, shapes, what, rounds, threads):
    """Verify, then time, each kind and shape; print a line for each and the geometric means."""
    print(f"\n{what}, ms a call: median (fastest), spread")
    gathered = {}
    for kind in kinds:
        contenders = {side: Contender(kind, side, threads) for side in SIDES[kind]}
        for name, shape in shapes.items():
            case = {"shape": shape}
            double, single = check_values(contenders, case)
            seconds = measure(contenders, case, what, rounds)
            medians, fastest = ratios(seconds)
            print(
                f"{kind:>3} {name}, batch {shape[2]} | ffref {in_words(seconds['ffref'])}", end=""
            )
            for side in medians:
                print(
                    f" | PyTorch {side} {in_words(seconds[side])}, ratio {medians[side]:.2f} "
                    f"({fastest[side]:.2f})",
                    end="",
                )
                gathered.setdefault((kind, side), []).append((medians[side], fastest[side]))
            print(f" | values: {double:.1g}, {single:.1g} of the bounds", flush=True)
        for contender in contenders.values():
            contender.close()
    for (kind, side), pairs in gathered.items():
        medians, fastest = map(geometric_mean, zip(*pairs, strict=True))
        print(f"{kind} {what}, geometric mean, PyTorch {side}: {medians:.2f} ({fastest:.2f})")


def run_classes(rounds, threads):
    """HFF's one pass against FF's pass for each of many labels, through the same network."""
    print(
        "\nHFF inference in ffref, and FF's with each label, ms a call: median (fastest), spread"
    )
    sides = {kind: {s: Contender(kind, s, threads) for s in SIDES[kind]} for kind in ("hff", "ff")}
    in_turn = {f"{kind} {s}": each for kind in sides for s, each in sides[kind].items()}
    in_turn = {"ffref": in_turn.pop("hff ffref")} | in_turn
    for name, shape in (
        HUNDRED | {"784-1000x3, 10 classes": (*SHAPES["784-1000x3"], 256)}
    ).items():
        case = {"shape": shape}
        shares = {kind: check_values(sides[kind], case) for kind in sides}
        seconds = measure(in_turn, case, "infer", rounds)
        medians, fastest = ratios(seconds)
        print(f"{name}, {shape[4]} rows | hff ffref {in_words(seconds['ffref'])}")
        for who in medians:
            library = who if who == "ff ffref" else who.replace(" ", " PyTorch ")
            print(
                f"    {library:<18} {in_words(seconds[who])}, ratio {medians[who]:6.2f} "
                f"({fastest[who]:6.2f})"
            )
        print(f"    values: {max(max(pair) for pair in shares.values()):.1g} of the bounds")
    for contender in in_turn.values():
        contender.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "what", nargs="?", default="all", choices=("train", "infer", "classes", "conv", "all")
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="the first shape only, 3 rounds")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work()
        return
    describe(arguments.threads)
    rounds = 3 if arguments.quick else arguments.rounds
    kept = 1 if arguments.quick else None
    shapes, conv_shapes = (dict(list(all_.items())[:kept]) for all_ in (SHAPES, CONV_SHAPES))
    for what in ("train", "infer"):
        if arguments.what in (what, "all"):
            run_cases(("hff", "ff"), shapes, what, rounds, arguments.threads)
        if arguments.what in ("conv", "all"):
            run_cases(("hff-conv",), conv_shapes, what, rounds, arguments.threads)
    if arguments.what in ("classes", "all"):
        run_classes(rounds, arguments.threads)


if __name__ == "__main__":
    main()
