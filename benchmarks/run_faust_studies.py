"""Run the studies of FAUST, or those named, and print their tables; what was done is not redone.

    python benchmarks/run_faust_studies.py [STUDY ...] [--data mnist --data-dir DIR]
        [--target fashion-mnist] [--full] [--seeds N] [--out FILE]

Without --data the bundled digits, in minutes. Each row is a line of --out as soon as it is
measured, so the command can be stopped and given anew at any time. --full takes the layers,
batches and epochs for images of 784 pixels; other data take it too.
"""

import argparse
import os
from pathlib import Path

from ffref.experiments import load_train_test
from ffref.experiments.faust_studies import DIGITS, MNIST, all_cases
from ffref.experiments.studies import in_memory
from ffref.experiments.study_rows import chosen_cases, markdown, run_cases


def arguments_of(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("studies", nargs="*", metavar="STUDY", help="as 'similarity'; all if none")
    parser.add_argument("--data", default="digits")
    parser.add_argument("--data-dir", default=os.environ.get("FFREF_DATA"))
    parser.add_argument("--target", help="another data set of as many features, for transfer")
    parser.add_argument("--full", action="store_true", help="settings for images of 784 pixels")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", default="runs/faust_studies.jsonl")
    return parser, parser.parse_args(words)


def main(words=None):
    parser, arguments = arguments_of(words)
    target = None
    if arguments.target:
        target = in_memory(load_train_test(arguments.target, arguments.data_dir))
    data = in_memory(load_train_test(arguments.data, arguments.data_dir))
    cases = all_cases(data, MNIST if arguments.full else DIGITS, target=target)
    try:
        cases = chosen_cases(cases, arguments.studies)
    except ValueError as error:
        parser.error(str(error))

    def facts(case):
        other = arguments.target if case.study == "transfer" else None
        return {"data": arguments.data, "target": other, "full": arguments.full}

    print(markdown(run_cases(cases, Path(arguments.out), facts, seeds=arguments.seeds)))


if __name__ == "__main__":
    main()
