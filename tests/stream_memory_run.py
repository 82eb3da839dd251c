"""Train on a folder of shards, or on a memory map, and print what it took: a program for tests.

python tests/stream_memory_run.py FOLDER_OR_NPY [LABELS_NPY]

Prints one JSON object: samples, epoch seconds, accuracy on the first 4096 samples, and RssAnon in
bytes before the training and at its peak: what the process holds that is no file's page.
"""

import json
import sys
import threading
from pathlib import Path

import numpy as np

import ffref


def anonymous_bytes():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return 1024 * int(line.split()[1])
    raise OSError("no RssAnon in /proc/self/status")


class Peak:
    """The highest RssAnon between start and stop, looked at a hundred times a second."""

    def __enter__(self):
        self.highest, self.ended = anonymous_bytes(), threading.Event()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def _watch(self):
        while not self.ended.wait(0.01):
            self.highest = max(self.highest, anonymous_bytes())

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def main(data, labels=None):
    small = np.random.default_rng(0).random((64, 12)).astype(np.float32)
    ffref.HFFClassifier((16,), max_iter=1).fit(small, np.arange(64) % 2)  # kernels are compiled
    before = anonymous_bytes()
    model = ffref.HFFClassifier((32,), max_iter=1, batch_size=512, random_state=0)
    with Peak() as peak:
        if labels is None:
            X, y = ffref.data.stream_shards(data, highest=255), None
        else:
            X, y = np.load(data, mmap_mode="r"), np.load(labels)
        model.fit(X, y)
        if labels is None:
            first = np.arange(len(X)) < 4096
            accuracy = model.score(X.subset(first))
        else:
            accuracy = model.score(X[:4096], y[:4096])
    result = {
        "samples": len(X),
        "seconds": model.history_[0].seconds,
        "accuracy": accuracy,
        "before": before,
        "peak": peak.highest,
    }
    print(json.dumps(result))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
