"""Memory of a training step against the number of layers: FF and HFF, and back-propagation.

    python benchmarks/bench_memory.py [--units N] [--batch N] [--threads N]

A local step needs no activity of a layer once the layer above has its input. So what it takes on
top of parameters and optimiser state must not depend on the depth; back-propagation keeps every
layer's activity until its way down, and grows by it.

Each row is a process of its own: a network of equal layers takes three steps (kernels are loaded,
buffers made), then one is measured in two ways. "arrays" is exact: the peak of what NumPy
allocates during the step, by tracemalloc, above what was held before. "process" is the rise of
the process's resident anonymous memory (RssAnon, sampled each 0.2 ms) during further steps. Before
those, freed memory is given back to the system, where the C library can do so.
"""

import argparse
import ctypes
import json
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

DEPTHS = (4, 32)
KINDS = ("hff", "ff", "backprop")
CLASSES = 10


def make_step(kind, depth, units, batch):
    """A call that takes a training step as `fit` does, and the bytes that the state holds."""
    from ffref import BackpropClassifier, FFClassifier, HFFClassifier
    from ffref.experiments.step_memory import training_step

    classifiers = {"hff": HFFClassifier, "ff": FFClassifier, "backprop": BackpropClassifier}
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, units)).astype(np.float32)
    labels = np.arange(batch) % CLASSES
    settings = {"hidden_layer_sizes": (units,) * depth, "standardize": False, "random_state": 0}
    if kind == "backprop":
        settings["between_norm"] = "rms"
    return training_step(classifiers[kind](**settings).start(x, labels), x, labels)


def anonymous_bytes():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return 1024 * int(line.split()[1])
    return None


def rise_of_process(step, steps=5):
    """The most that resident anonymous memory rose above its start during some steps."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    begin, done, most = anonymous_bytes(), threading.Event(), [0]

    def sample():
        while not done.is_set():
            most[0] = max(most[0], anonymous_bytes() - begin)
            time.sleep(0.0002)

    sampler = threading.Thread(target=sample)
    sampler.start()
    for _ in range(steps):
        step()
    done.set()
    sampler.join()
    return most[0]


def measure(arguments):
    """What a child finds out."""
    from ffref.experiments.step_memory import peak_of_arrays

    step, held = make_step(arguments.kind, arguments.depth, arguments.units, arguments.batch)
    for _ in range(3):
        step()
    process = rise_of_process(step) if Path("/proc/self/status").exists() else None
    # a thread that ends late holds an array of the batch a moment longer: not in each step
    arrays = min(peak_of_arrays(step) for _ in range(5))
    return {"state": held, "arrays": arrays, "process": process}


def in_a_child(kind, depth, arguments):
    command = [sys.executable, __file__, "--kind", kind, "--depth", str(depth)]
    command += ["--units", str(arguments.units), "--batch", str(arguments.batch)]
    count = str(arguments.threads)
    # a big block of its own for every array of a layer's size: freed at once, and so countable
    environment = os.environ | {"FFREF_THREADS": count, "OPENBLAS_NUM_THREADS": count}
    environment |= {
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "MALLOC_MMAP_THRESHOLD_": "65536",
    }
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--units", type=int, default=500)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--kind", choices=KINDS, help=argparse.SUPPRESS)
    parser.add_argument("--depth", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.kind:
        print(json.dumps(measure(arguments)))
        return
    from contenders import describe

    describe(arguments.threads)
    print(f"layers of {arguments.units} units, batch {arguments.batch}; MB of 10^6 bytes")
    for kind in KINDS:
        found = {depth: in_a_child(kind, depth, arguments) for depth in DEPTHS}
        for depth, each in found.items():
            process = "?" if each["process"] is None else f"{each['process'] / 1e6:.2f}"
            print(
                f"{kind:<8} {depth:3d} layers | parameters and optimiser state "
                f"{each['state'] / 1e6:8.2f} | a step on top: arrays {each['arrays'] / 1e6:7.2f}, "
                f"process {process}"
            )
        few, many = (found[depth] for depth in DEPTHS)
        growth = [
            f"{name} {100 * (many[name] / few[name] - 1):+.1f} %"
            for name in ("arrays", "process")
            if few[name]
        ]
        print(f"{kind:<8} from {DEPTHS[0]} to {DEPTHS[1]} layers: {', '.join(growth)}", flush=True)


if __name__ == "__main__":
    main()
