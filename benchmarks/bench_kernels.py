"""Speed of the matrix products, against this machine's peak, NumPy and PyTorch.

    python benchmarks/bench_kernels.py [--threads N] [--rounds N] [--quick]

Each library runs in a process of its own, with the same number of threads, and all take turns:
a round gives each of them a few calls on the same matrices. Before its turn a process pauses,
because the others' threads spin for some milliseconds after their last call, and makes one call
that is not timed. Values are verified first: each element lies within the bound of a sum of k
products, k * unit roundoff * sum |a| |b|, of the product in float64.

Peak is what chains of fused multiply-adds on registers reach, in the same rounds. A number is a
median over calls; "spread" is half the distance of the quartiles, in per cent of the median.
Where other programs use the processors too, the medians show who copes with that; the fastest
calls show what the libraries can do.
"""

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

SIZES = [(256, 784, 1000), (256, 1000, 1000), (512, 784, 500), (1024,) * 3, (2048,) * 3]
FORMS = ("nn", "tn", "nt")
PAUSE = 0.05  # seconds
CALLS = 3


def matrices(case):
    """The factors of a case, the same in each process; and as they stand in the product."""
    form, dtype, (rows, depth, columns) = case
    rng = np.random.default_rng(rows + depth + columns)
    a, b = rng.standard_normal((rows, depth)), rng.standard_normal((depth, columns))
    a, b = a.astype(dtype), b.astype(dtype)
    stored_a = np.ascontiguousarray(a.T) if form[0] == "t" else a
    stored_b = np.ascontiguousarray(b.T) if form[1] == "t" else b
    return (
        stored_a,
        stored_b,
        stored_a.T if form[0] == "t" else a,
        stored_b.T if form[1] == "t" else b,
    )


def ffref_product(case):
    from ffref import kernels

    a, b, _, _ = matrices(case)
    product = {"nn": kernels.matmul, "tn": kernels.matmul_tn, "nt": kernels.matmul_nt}[case[0]]
    return lambda: product(a, b)


def numpy_product(case):
    _, _, a, b = matrices(case)
    return partial(np.matmul, a, b)


def torch_product(case):
    import torch

    torch.set_num_threads(int(os.environ["FFREF_THREADS"]))
    _, _, a, b = map(torch.from_numpy, matrices(case))

    def run():
        return (a @ b).numpy()

    return run


def peak_loop(case):
    """Chains of multiply-adds in each thread, as many as the product of the case has."""
    from multiply_add_chains import chains

    from ffref.kernels.threads import get_threads, run_over_rows

    dtype, (rows, depth, columns) = case[1:]
    result = np.zeros(64, dtype)
    threads = get_threads()
    each = rows * depth * columns // threads

    def run():
        run_over_rows(lambda _start, _stop: chains(result, each), threads)

    return run


PRODUCTS = {
    "peak": peak_loop,
    "ffref": ffref_product,
    "NumPy": numpy_product,
    "NumPy core type": numpy_product,
    "PyTorch": torch_product,
}


def share_of_bound(result, case):
    """The largest error, in parts of the bound for a sum of k products; must be below 1."""
    _, _, a, b = matrices(case)
    a, b = a.astype(np.float64), b.astype(np.float64)
    bound = (a.shape[1] + 1) * np.finfo(case[1]).eps / 2 * (np.abs(a) @ np.abs(b))
    return float(np.max(np.abs(result - a @ b) / bound))


def work(name):
    """The child's loop: read a case, answer with seconds of calls."""
    prepared, call = None, None
    for line in sys.stdin:
        request = json.loads(line)
        case = (request["form"], request["dtype"], tuple(request["size"]))
        answer = {}
        if case != prepared:
            prepared, call = case, PRODUCTS[name](case)
            result = call()
            if result is not None:
                answer["share_of_bound"] = share_of_bound(result, case)
        time.sleep(PAUSE)
        call()
        answer["seconds"] = []
        for _ in range(CALLS):
            begin = time.perf_counter()
            call()
            answer["seconds"].append(time.perf_counter() - begin)
        print(json.dumps(answer), flush=True)


class Contender:
    """A library in a process of its own."""

    def __init__(self, name, threads, core_type):
        count = str(threads)
        environment = os.environ | {
            "FFREF_THREADS": count, "OPENBLAS_NUM_THREADS": count, "OMP_NUM_THREADS": count,
            "MKL_NUM_THREADS": count, "PYTHONPATH": str(Path(__file__).parents[1]),
        }  # fmt: skip
        if name == "NumPy core type":
            environment["OPENBLAS_CORETYPE"] = core_type
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--work", name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip

    def ask(self, form, dtype, size):
        request = {"form": form, "dtype": dtype, "size": size}
        print(json.dumps(request), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError("a benchmark process ended; its error is printed above")
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def measure(contenders, form, dtype, size, rounds):
    """Seconds of each contender's calls, taking turns."""
    seconds = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            answer = contender.ask(form, dtype, size)
            if answer.get("share_of_bound", 0) >= 1:
                raise ValueError(f"{name} is wrong: {form} {dtype} {size}: {answer}")
            seconds[name] += answer["seconds"]
    return seconds


def spread(seconds):
    first, _, third = statistics.quantiles(seconds, n=4)
    return 100 * (third - first) / 2 / statistics.median(seconds)


def geometric_mean(values):
    return float(np.exp(np.mean(np.log(values))))


def report_case(form, dtype, size, seconds):
    """Print a line; return the ratios of the medians, others' to ours."""
    work_done = 2 * np.prod(size, dtype=float) / 1e9
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    speed = work_done / medians["ffref"]
    best = work_done / min(seconds["ffref"])
    cells = [f"{form} {dtype} {'x'.join(map(str, size)):>14}", f"{speed:7.1f} ({best:6.1f})"]
    cells += [
        f"{100 * medians['peak'] / medians['ffref']:5.1f} %",
        f"{spread(seconds['ffref']):4.0f} %",
    ]
    others = [name for name in medians if name not in ("peak", "ffref")]
    ratios = {name: medians[name] / medians["ffref"] for name in others}
    cells += [
        f"{ratios[name]:5.2f} ({work_done / medians[name]:6.1f}, "
        f"{work_done / min(seconds[name]):6.1f}, {spread(seconds[name]):3.0f} %)"
        for name in others
    ]
    print(" | ".join(cells), flush=True)
    fastest = {name: min(values) for name, values in seconds.items()}
    ratios |= {f"{name}, fastest calls": fastest[name] / fastest["ffref"] for name in others}
    return ratios | {
        "of peak": medians["peak"] / medians["ffref"],
        "of peak, fastest calls": fastest["peak"] / fastest["ffref"],
    }


def report(contenders, forms, dtypes, sizes, rounds):
    others = [name for name in contenders if name not in ("peak", "ffref")]
    print("product | ffref GFLOP/s (fastest call) | of peak | spread | ratio to " + " | to ".join(
        f"{name} (its GFLOP/s, fastest, spread)" for name in others))  # fmt: skip
    for dtype in dtypes:
        means = {}
        for form in forms:
            for size in sizes:
                seconds = measure(contenders, form, dtype, size, rounds)
                for name, ratio in report_case(form, dtype, size, seconds).items():
                    means.setdefault((form, name), []).append(ratio)
        for (form, name), ratios in means.items():
            what = "share" if name.startswith("of peak") else "ratio to"
            print(f"{form} {dtype}: geometric mean, {what} {name}: {geometric_mean(ratios):.2f}")


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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="matmul float32 only")
    parser.add_argument("--core-type", default="SKYLAKEX", help="OPENBLAS_CORETYPE")
    parser.add_argument("--work", choices=PRODUCTS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work(arguments.work)
        return
    describe(arguments.threads)
    names = [name for name in PRODUCTS if name != "PyTorch" or find_spec("torch")]
    contenders = {name: Contender(name, arguments.threads, arguments.core_type) for name in names}
    forms, dtypes = (("nn",), ("float32",)) if arguments.quick else (FORMS, ("float32", "float64"))
    report(contenders, forms, dtypes, SIZES, arguments.rounds)
    for contender in contenders.values():
        contender.close()


if __name__ == "__main__":
    main()
