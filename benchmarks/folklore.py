"""Popular claims about Forward-Forward, each against the same network without it.

    python -m benchmarks.folklore                # seeds 0, 1, 2; minutes
    python -m benchmarks.folklore --seeds 0

The bundled digits, two layers of 128 units, 20 epochs of Adam; one thing is changed at a time.
docs/folklore.md says what came out.
"""

import argparse
import time
from unittest.mock import patch

import numpy as np

import ffref
from ffref.data import load

USUAL = {
    "hidden_layer_sizes": (128, 128),
    "max_iter": 20,
    "learning_rate_init": 0.003,
    "label_strength": 4.0,
    "readout": "sum",
}


def shuffled(labels, *, classes, rng):
    """Labels of other rows: one in ten is the true one."""
    return rng.permutation(labels)


VARIANTS = {
    "as usual": {},
    "mean of squares, threshold 2, l2": {
        "goodness_function": "mean", "threshold": 2.0, "between_norm": "l2"},
    "mean of squares, threshold 1, rms": {"goodness_function": "mean", "threshold": 1.0},
    "low goodness is good": {"goodness_function": "negative-sum"},
    "one layer after the other": {"layer_schedule": "greedy"},
    "label strength 1": {"label_strength": 1.0},
    "label strength 10": {"label_strength": 10.0},
    "shuffled labels": {},
    "peer normalisation 0.03": {"peer_strength": 0.03},
    "no normalisation between": {"between_norm": "none"},
    "whole batches, 20 steps": {"batch_size": 1437},
    "whole batches, 460 steps": {"batch_size": 1437, "max_iter": 460},
}  # fmt: skip


def accuracies(name, choices, seed, data):
    """Test accuracy of each way to read the network, in percent."""
    (x, y), (x_test, y_test) = data
    model = ffref.FFClassifier(**(USUAL | choices), random_state=seed)
    target = "ffref.training.algorithm.uniform_wrong_label"
    if name == "shuffled labels":
        with patch(target, shuffled):
            model.fit(x, y)
    else:
        model.fit(x, y)
    found = {}
    for readout in ("sum", "sum-without-first", "last"):
        model.readout = readout
        found[readout] = 100 * float((model.predict(x_test) == y_test).mean())
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    seeds = parser.parse_args().seeds
    data = load("digits"), load("digits", split="test")
    for name, choices in VARIANTS.items():
        start = time.process_time()
        found = [accuracies(name, choices, seed, data) for seed in seeds]
        columns = {readout: [one[readout] for one in found] for readout in found[0]}
        text = "; ".join(
            f"{readout} {np.mean(c):.2f} ({', '.join(f'{x:.2f}' for x in c)})"
            for readout, c in columns.items()
        )
        print(f"{name}: {text}; {time.process_time() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
