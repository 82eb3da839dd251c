"""Run the studies of FAUST, or those named, and print their tables; what was done is not redone.

    python benchmarks/run_faust_studies.py [STUDY ...] [--data mnist --data-dir DIR]
        [--target fashion-mnist] [--full] [--seeds N] [--out FILE]

Without --data the bundled digits, in minutes. Each row is a line of --out as soon as it is
measured, so the command can be stopped and given anew at any time. --full takes the layers,
batches and epochs for images of 784 pixels; other data take it too.
"""

import argparse
import json
import os
import platform
from pathlib import Path

import ffref
from ffref.experiments import load_train_test
from ffref.experiments.faust_studies import DIGITS, MNIST, all_cases, in_memory
from ffref.kernels import get_threads


def known(path):
    """Rows of the file by what tells them apart."""
    if not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {key(row): row for row in rows}


def key(row):
    return tuple(row[name] for name in ("study", "case", "seed", "data", "target", "full"))


def shown(value):
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return " ".join(map(shown, value)) if value else "-"
    if isinstance(value, dict):
        return "; ".join(f"{name} {shown(entry)}" for name, entry in value.items())
    return "-" if value is None else str(value)


def table(rows):
    columns = list(rows[0]["measured"])
    print(f"\n## {rows[0]['study']}\n")
    print(f"| case | seed | {' | '.join(columns)} |")
    print(f"| --- | --- | {' | '.join('---' for _ in columns)} |")
    for row in rows:
        cells = (shown(row["measured"].get(column)) for column in columns)
        print(f"| {row['case']} | {row['seed']} | {' | '.join(cells)} |")


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
    names = list(dict.fromkeys(case.study for case in cases))
    unknown = set(arguments.studies) - set(names)
    if unknown:
        parser.error(f"no study {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    out = Path(arguments.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    done, tables = known(out), {}
    for case in cases:
        for seed in range(arguments.seeds) if case.study in (arguments.studies or names) else ():
            row = {
                "study": case.study,
                "case": case.name,
                "seed": seed,
                "data": arguments.data,
                "target": arguments.target if case.study == "transfer" else None,
                "full": arguments.full,
            }
            if key(row) not in done:
                row["measured"] = case.run(seed)
                row["where"] = (
                    f"ffref {ffref.__version__}, {platform.processor()}, {get_threads()} threads"
                )
                with out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
                done[key(row)] = row
            tables.setdefault(case.study, []).append(done[key(row)])
    for rows in tables.values():
        table(rows)


if __name__ == "__main__":
    main()
