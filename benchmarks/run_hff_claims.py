"""Run what is claimed for HFF, or the studies named; what was done is not redone.

    python benchmarks/run_hff_claims.py [STUDY ...] [--data mnist --data-dir DIR]
        [--target fashion-mnist] [--samples 10000] [--minutes 30] [--full] [--seeds N] [--out DIR]

Without --data the bundled digits. Each row is a line of DIR/rows.jsonl as soon as it is measured,
so the command can be stopped and given anew at any time; with --minutes no row begins once so much
processor time is spent. Tables and figures go to DIR. Transfer needs a --target: another data set
of as many features, or MNIST for CIFAR-10. --full takes wider layers, more epochs, all samples.
"""

import argparse
import os
from pathlib import Path

from ffref.experiments import load_train_test
from ffref.experiments.claims_hff import all_cases, settings_for
from ffref.experiments.claims_hff_classes import in_colour
from ffref.experiments.studies import Task, in_memory
from ffref.experiments.study_rows import chosen_cases, markdown, run_cases
from ffref.report import save_figure, study_figures


def arguments_of(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("studies", nargs="*", metavar="STUDY", help="as 'speed'; all if none")
    parser.add_argument("--data", default="digits")
    parser.add_argument("--data-dir", default=os.environ.get("FFREF_DATA"))
    parser.add_argument("--target", help="another data set, for transfer")
    parser.add_argument(
        "--samples", type=int, default=10_000, help="to train on, of each data set"
    )
    parser.add_argument("--minutes", type=float, help="of processor time")
    parser.add_argument(
        "--full", action="store_true", help="wider layers, more epochs, all samples"
    )
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", default="runs/hff_claims")
    return parser, parser.parse_args(words)


def task(name, arguments):
    """Both parts of a data set: the first samples to train on, which come in no order."""
    data = in_memory(load_train_test(name, arguments.data_dir))
    kept = len(data.X) if arguments.full else arguments.samples
    return Task(data.X[:kept].copy(), data.y[:kept], data.X_test, data.y_test)


def main(words=None):
    parser, arguments = arguments_of(words)
    data = task(arguments.data, arguments)
    target = None
    if arguments.target:
        target = task(arguments.target, arguments)
        if target.X.shape[1] != data.X.shape[1]:
            target = target._replace(X=in_colour(target.X), X_test=in_colour(target.X_test))
    settings = settings_for(arguments.data, full=arguments.full)
    try:
        cases = chosen_cases(all_cases(data, settings, target=target), arguments.studies)
    except ValueError as error:
        parser.error(str(error))

    def facts(case):
        other = arguments.target if case.study == "transfer" else None
        return {"data": arguments.data, "target": other, "samples": len(data.X)} | {
            "full": arguments.full
        }

    out = Path(arguments.out)
    rows = run_cases(
        cases, out / "rows.jsonl", facts, seeds=arguments.seeds, minutes=arguments.minutes
    )
    size = "-full" if arguments.full else ""
    for study, figure in study_figures(rows).items():
        save_figure(figure, out / f"{study.replace(' ', '-')}-{arguments.data}{size}.png")
    (out / f"{arguments.data}{size}.md").write_text(markdown(rows))
    print(markdown(rows))


if __name__ == "__main__":
    main()
