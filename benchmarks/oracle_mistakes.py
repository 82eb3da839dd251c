"""How many seeded mistakes the oracle finds, and how often it names them.

    python -m benchmarks.oracle_mistakes [--pairs] [--sample N]

Each mistake of tests/mistaken, in code that shares nothing with the library, is made in every case
of its families; with --pairs any two of one family together. Of what shows, all or a sample of N
(seed 0) is diagnosed. docs/oracle.md quotes what it prints.
"""

import argparse
import random
from collections import Counter
from itertools import combinations
from statistics import median

from ffref.oracle import cases, compare, diagnose
from tests.mistaken.catalogue import MISTAKES, mistaken, text_of

SUPPLIED = {
    "everything": None,
    "loss and gradients of parameters": (
        "loss", "d_weight", "d_bias", "d_prototypes", "d_top_down", "d_factor", "d_projection",
        "d_scale", "d_shift", "d_auxiliary_weight", "d_auxiliary_bias",
    ),
}  # fmt: skip


def supplied(values, which):
    names = SUPPLIED[which]
    return {n: v for n, v in values.items() if names is None or n.split(".")[-1] in names}


def rank_of(diagnosis, texts):
    """Place of the class with exactly these mistakes; 0: not among them."""
    for place, entry in enumerate(diagnosis.ranked, 1):
        if entry.complete and any(
            {e.text for e in mistakes} == set(texts) for mistakes in entry.mistakes
        ):
            return place
    return 0


def sampled(entries, sample):
    return entries if not sample else random.Random(0).sample(entries, min(sample, len(entries)))


def singles(which, dtype, sample):
    """Each mistake in each case of its families."""
    shown = [
        (mistake, case, report)
        for mistake in MISTAKES
        for case in cases()
        if case.family in mistake.families
        and not (
            report := compare(
                case, supplied(mistaken(case, [mistake.name], dtype), which), dtype=dtype
            )
        ).ok
    ]
    ranks, sizes = Counter(), []
    for mistake, case, report in sampled(shown, sample):
        found = diagnose(report)
        rank = rank_of(found, [text_of(mistake, case)])
        ranks[rank] += 1
        if rank == 1:
            sizes.append(len(found.ranked[0].mistakes))
        else:
            print(f"    {case.id}: {mistake.name}, place {rank or 'none'}", flush=True)
    total = ranks.total()
    seen = {mistake.name for mistake, _, _ in shown}
    print(f"{which}, {dtype}: {len(shown)} instances of {len(MISTAKES)} mistakes show; of {total} "
          f"first {ranks[1] / total:.2%}, among three "
          f"{sum(ranks[k] for k in (1, 2, 3)) / total:.2%}; classes have {median(sizes)} members "
          f"(median), at most {max(sizes)}; no case shows "
          f"{sorted({m.name for m in MISTAKES} - seen) or 'none'}", flush=True)  # fmt: skip


def pairs(sample):
    """Any two mistakes of a family: those that no case shows, and a sample's diagnoses."""
    shown, hidden = [], []
    for family in sorted({family for mistake in MISTAKES for family in mistake.families}):
        of_family = [
            m for m in MISTAKES
            if family in m.families
            and any(not compare(case, mistaken(case, [m.name])).ok for case in cases(family))
        ]  # fmt: skip
        for a, b in combinations(of_family, 2):
            both = (a.name, b.name)
            if any(not compare(case, mistaken(case, both)).ok for case in cases(family)):
                shown.append((family, a, b))
            else:
                hidden.append((family, a, b))
    print(f"{len(shown) + len(hidden)} pairs, {len(hidden)} that no case shows:")
    for family, a, b in hidden:
        print(f"    {family}: {a.name} AND {b.name}")
    ranks = Counter()
    for family, a, b in sampled(shown, sample):
        case = case_that_needs_both(family, a.name, b.name)
        if case is None:
            ranks["one hides the other in every case"] += 1
            continue
        found = diagnose(compare(case, mistaken(case, [a.name, b.name])))
        if rank_of(found, [text_of(a, case), text_of(b, case)]) == 1:
            ranks["first"] += 1
        else:
            ranks["otherwise" if found.explained else "not explained"] += 1
            print(
                f"    {case.id}: {a.name} AND {b.name}: {str(found).splitlines()[0]}", flush=True
            )
    print(f"of {ranks.total()} pairs that show: {dict(ranks)}")


def case_that_needs_both(family, a, b):
    """First case in which the two together are not the same as one of them, or as none."""
    for case in cases(family):
        both = mistaken(case, [a, b])
        others = (case, mistaken(case, [a]), mistaken(case, [b]))
        if not any(compare(other, both, dtype="float64").ok for other in others):
            return case
    return None


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pairs", action="store_true")
    options.add_argument("--sample", type=int, default=0)
    chosen = options.parse_args()
    if chosen.pairs:
        pairs(chosen.sample)
        return
    for which in SUPPLIED:
        for dtype in ("float64", "float32"):
            singles(which, dtype, chosen.sample)


if __name__ == "__main__":
    main()
