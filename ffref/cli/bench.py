"""`ffref bench`: speed of this machine with ffref, beside NumPy."""

import json
import os
import sys
from argparse import Namespace
from datetime import UTC, datetime
from typing import Any

_THREAD_VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OMP_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def run(options: Namespace) -> int:
    """Verify and measure; print a table, or JSON."""
    told = _tell_numpy(options.all_threads)
    # after NumPy was told, so not at the top of the file
    from ffref.experiments import bench  # noqa: PLC0415
    from ffref.experiments.run_folder import environment  # noqa: PLC0415
    from ffref.kernels import get_threads, set_threads  # noqa: PLC0415

    if options.all_threads is not None:
        set_threads(options.all_threads)
    work = bench.QUICK if options.quick else bench.Workload()
    result: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(),
        "environment": environment(),
        "numpy_threads": get_threads() if told else None,
        "load_before": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }
    say = _say_nothing if options.json else print
    say(_machine(result))
    result["products"] = bench.bench_products(work)
    say(_products(result["products"]))
    result["networks"] = []
    for algorithm in ("hff", "ff"):
        result["networks"].append(bench.bench_network(algorithm, work))
        say(_network(result["networks"][-1]))
    if options.json:
        print(json.dumps(result))
    return 0


def _tell_numpy(threads: int | None) -> bool:
    """Let NumPy's matrix library take `threads` threads; whether it could still be told.

    It reads the environment when it is imported.
    """
    if "numpy" in sys.modules:
        return False
    count = os.environ.get("FFREF_THREADS") if threads is None else str(threads)
    if count:
        os.environ |= dict.fromkeys(_THREAD_VARIABLES, count)
    return bool(count)


def _machine(result: dict[str, Any]) -> str:
    about = result["environment"]
    libraries = ", ".join(f"{name} {about[name]}" for name in ("ffref", "numpy", "numba"))
    numpy_threads = result["numpy_threads"] or "its own choice"
    load = result["load_before"]
    return (
        f"{about['processor']}, {about['cores']} cores; {about['platform']}\n"
        f"Python {about['python']}, {libraries}\n"
        f"threads: ffref {about['threads']}, NumPy {numpy_threads}; {result['date']}"
        + (f"; load of the machine before {load:.1f}" if load is not None else "")
    )


def _products(rows: list[dict[str, Any]]) -> str:
    lines = [
        "",
        "matrix product, float32    GFLOP/s: ffref   NumPy   ratio   spread   error in % of bound",
    ]
    product = 1.0
    for row in rows:
        size = " x ".join(f"{n:4d}" for n in row["size"])
        lines.append(
            f"  {size:<32} {row['gflops']:6.1f}  {row['numpy_gflops']:6.1f}  {row['ratio']:6.2f}"
            f"   {row['spread']:6.1%}   {row['share_of_bound']:.2%}"
        )
        product *= row["ratio"]
    lines.append(f"  {'geometric mean':<48} {product ** (1 / len(rows)):6.2f}")
    return "\n".join([*lines, ""])


def _network(row: dict[str, Any]) -> str:
    sizes = "-".join(map(str, row["hidden_layer_sizes"]))
    return (
        f"{row['algorithm'].upper():<3} {sizes}: training step, batch {row['batch_size']}, "
        f"{row['step_ms']:.1f} ms (spread {row['step_spread']:.1%}); "
        f"inference of {row['inference_rows']} samples "
        f"{row['inference_ms']:.1f} ms (spread {row['inference_spread']:.1%})"
    )


def _say_nothing(text: str) -> None:
    """Print nothing: --json."""
