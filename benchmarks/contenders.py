"""Libraries that compute the same, each in a process of its own, taking turns.

Each library runs with the same number of threads, and all take turns: a round gives each of them
a few calls on the same arrays. Before its turn a process pauses, because the others' threads spin
for some milliseconds after their last call, and makes one call that is not timed. Values are
verified first, against float64.

Peak is what chains of fused multiply-adds on registers reach, in the same rounds. A number is a
median over calls; "spread" is half the distance of the quartiles, in per cent of the median.
Where other programs use the processors too, the medians show who copes with that; the fastest
calls show what the libraries can do.
"""

import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

PAUSE = 0.05  # seconds
CALLS = 3


class Subject(NamedTuple):
    """What is measured. A case is a dictionary of plain values."""

    cases: Callable[[bool], list[dict]]
    """From `quick` to the cases."""
    title: Callable[[dict], str]
    group: Callable[[dict], str]
    """Cases of one group share a geometric mean."""
    multiply_adds: Callable[[dict], int]
    makers: dict[str, Callable]
    """From a library's name to case -> (call, result -> array), but for the peak."""
    share_of_bound: Callable
    """(array, case) -> the largest error in parts of what rounding allows; must be below 1."""
    better_of: dict[str, tuple[str, ...]]
    """A name for several contenders, of which the faster counts in each case."""


def peak_loop(subject, case):
    """Chains of multiply-adds in each thread, as many as the case has."""
    from multiply_add_chains import chains

    from ffref.kernels.threads import get_threads, run_over_rows

    result = np.zeros(64, case["dtype"])
    threads = get_threads()
    each = subject.multiply_adds(case) // threads

    def run():
        run_over_rows(lambda _start, _stop: chains(result, each), threads)

    return run


def work(subject, name):
    """The child's loop: read a case, answer with seconds of calls."""
    prepared, call = None, None
    for line in sys.stdin:
        case = json.loads(line)
        answer = {}
        if case != prepared:
            prepared = case
            if name == "peak":
                call = peak_loop(subject, case)
            else:
                call, as_array = subject.makers[name](case)
                answer["share_of_bound"] = subject.share_of_bound(as_array(call()), case)
        time.sleep(PAUSE)
        call()
        answer["seconds"] = []
        for _ in range(CALLS):
            begin = time.perf_counter()
            call()
            answer["seconds"].append(time.perf_counter() - begin)
        print(json.dumps(answer), flush=True)


class Contender:
    """A library in a process of its own; `arguments` start the child's loop."""

    def __init__(self, name, arguments, threads, core_type):
        count = str(threads)
        environment = os.environ | {
            "FFREF_THREADS": count, "OPENBLAS_NUM_THREADS": count, "OMP_NUM_THREADS": count,
            "MKL_NUM_THREADS": count, "PYTHONPATH": str(Path(__file__).parents[1]),
        }  # fmt: skip
        if name == "NumPy core type":
            environment["OPENBLAS_CORETYPE"] = core_type
        self.process = subprocess.Popen(
            [sys.executable, *arguments, "--work", name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip

    def ask(self, case):
        print(json.dumps(case), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError("a benchmark process ended; its error is printed above")
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def start(subject, arguments, threads, core_type):
    """All contenders that are installed."""
    names = [
        "peak",
        *(name for name in subject.makers if "PyTorch" not in name or find_spec("torch")),
    ]
    return {name: Contender(name, arguments, threads, core_type) for name in names}


def measure(contenders, case, rounds):
    """Seconds of each contender's calls, taking turns."""
    seconds = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            answer = contender.ask(case)
            if answer.get("share_of_bound", 0) >= 1:
                raise ValueError(f"{name} is wrong: {case}: {answer}")
            seconds[name] += answer["seconds"]
    return seconds


def spread(seconds):
    first, _, third = statistics.quantiles(seconds, n=4)
    return 100 * (third - first) / 2 / statistics.median(seconds)


def geometric_mean(values):
    return float(np.exp(np.mean(np.log(values))))


def report_case(subject, case, seconds):
    """Print a line; return the ratios of the medians and of the fastest calls, others' to ours."""
    work_done = 2 * subject.multiply_adds(case) / 1e9
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    fastest = {name: min(values) for name, values in seconds.items()}
    others = [name for name in medians if name not in ("peak", "ffref")]
    cells = [
        subject.title(case),
        f"{work_done / medians['ffref']:7.1f} ({work_done / fastest['ffref']:6.1f})",
        f"{100 * medians['peak'] / medians['ffref']:5.1f} %",
        f"{spread(seconds['ffref']):4.0f} %",
    ]
    cells += [
        f"{medians[name] / medians['ffref']:5.2f} ({work_done / medians[name]:6.1f}, "
        f"{work_done / fastest[name]:6.1f}, {spread(seconds[name]):3.0f} %)"
        for name in others
    ]
    print(" | ".join(cells), flush=True)
    ratios = {}
    for end, times in (("", medians), (", fastest calls", fastest)):
        ratios[f"share of peak{end}"] = times["peak"] / times["ffref"]
        ratios |= {f"ratio to {name}{end}": times[name] / times["ffref"] for name in others}
        for name, parts in subject.better_of.items():
            there = [times[part] for part in parts if part in times]
            if there:
                ratios[f"ratio to {name}{end}"] = min(there) / times["ffref"]
    return ratios


def report(subject, contenders, cases, rounds):
    others = [name for name in contenders if name not in ("peak", "ffref")]
    print("case | ffref GFLOP/s (fastest call) | of peak | spread | ratio to " + " | to ".join(
        f"{name} (its GFLOP/s, fastest, spread)" for name in others))  # fmt: skip
    means = {}
    for case in cases:
        seconds = measure(contenders, case, rounds)
        for name, ratio in report_case(subject, case, seconds).items():
            means.setdefault((subject.group(case), name), []).append(ratio)
    for (group, name), ratios in means.items():
        print(f"{group}: geometric mean, {name}: {geometric_mean(ratios):.2f}")


def describe(threads):
    def installed(name):
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            return f"{name} not installed"

    machine = platform.processor() or platform.machine()
    cpu_information = Path("/proc/cpuinfo")
    if cpu_information.exists():
        lines = cpu_information.read_text().splitlines()
        machine = next(
            (x.split(":")[1].strip() for x in lines if x.startswith("model name")), machine
        )
    names = ("numpy", "numba", "llvmlite", "torch")
    print(f"{machine}, {os.cpu_count()} processors, {platform.system()}, Python", end=" ")
    print(f"{platform.python_version()}, {', '.join(map(installed, names))}")
    print(f"{threads} threads, {datetime.date.today().isoformat()}")
    if hasattr(os, "getloadavg"):
        print(f"load of the machine before the run: {os.getloadavg()[0]:.1f}")
