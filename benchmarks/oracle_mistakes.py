"""How many seeded mistakes the oracle finds, and how often it names them.

    python -m benchmarks.oracle_mistakes [--pairs]

Each mistake of tests/mistaken, in code that shares nothing with the library, is made in every case
of its families; with --pairs any two of one family together. docs/oracle.md quotes what it prints.
"""

import argparse
from collections import Counter
from itertools import combinations

from ffref.oracle import cases, compare, diagnose
from tests.mistaken.catalogue import MISTAKES, mistaken, text_of

SUPPLIED = {"all": None, "loss and parameters": ("loss", "d_weight", "d_bias", "d_prototypes")}


def supplied(values, which):
    names = SUPPLIED[which]
    return {n: v for n, v in values.items() if names is None or n.split(".")[-1] in names}


def rank_of(diagnosis, texts):
    """Place of the class with exactly these mistakes; 0: not among them."""
    for place, entry in enumerate(diagnosis.ranked, 1):
        if any({e.text for e in mistakes} == set(texts) for mistakes in entry.mistakes):
            return place
    return 0


def single(which, dtype):
    """Detected (mistake, case) pairs, their ranks, and mistakes that no case shows."""
    ranks, unseen, sizes = Counter(), [], Counter()
    for mistake in MISTAKES:
        shown = 0
        for case in cases():
            if case.family not in mistake.families:
                continue
            report = compare(case, supplied(mistaken(case, [mistake.name], dtype), which))
            if report.ok:
                continue
            shown += 1
            found = diagnose(report)
            rank = rank_of(found, [text_of(mistake, case)])
            ranks[rank] += 1
            if rank != 1:
                print("   ", mistake.name, case.id, rank, str(found).splitlines()[:1])
            else:
                sizes[len(found.ranked[0].mistakes)] += 1
        if not shown:
            unseen.append(mistake.name)
    return ranks, unseen, sizes


def pairs():
    """Pairs of one family: in how many cases each shows."""
    hidden = []
    total = 0
    for family in ("ff", "hff", "recurrent"):
        names = [m.name for m in MISTAKES if family in m.families]
        for a, b in combinations(names, 2):
            total += 1
            shown = any(
                not compare(case, mistaken(case, [a, b])).ok for case in cases(family)
            )
            if not shown:
                hidden.append((family, a, b))
    return total, hidden


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pairs", action="store_true")
    if options.parse_args().pairs:
        total, hidden = pairs()
        print(f"{total} pairs, {len(hidden)} that no case shows:")
        for entry in hidden:
            print("   ", *entry, sep="; ")
        return
    for which in list(SUPPLIED)[:1]:
        for dtype in ("float64",):
            ranks, unseen, sizes = single(which, dtype)
            total = ranks.total()
            top = sum(ranks[k] for k in (1, 2, 3))
            print(f"{which}, {dtype}: {total} instances of {len(MISTAKES)} mistakes; first "
                  f"{ranks[1] / total:.1%}, among three {top / total:.1%}, missed {ranks[0]}; "
                  f"no case shows {unseen}; median class {sorted(sizes.elements())[total // 2]}")


if __name__ == "__main__":
    main()
