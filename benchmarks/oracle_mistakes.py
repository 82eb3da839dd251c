"""How many seeded mistakes the oracle finds, and how often it names them.

    python -m benchmarks.oracle_mistakes [--pairs] [--family NAME ...] [--sample N]

Each mistake of tests/mistaken, in code that shares nothing with the library, is made in every case
of its families; with --pairs any two of one family together, family by family. Of what shows, all
or a sample of N (seed 0) is diagnosed. docs/oracle.md quotes what it prints.
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


def singles(which, dtype, families, sample):
    """Each mistake in each case of its families."""
    asked = [mistake for mistake in MISTAKES if set(families) & set(mistake.families)]
    shown = [
        (mistake, case, report)
        for mistake in asked
        for case in cases()
        if case.family in set(families) & set(mistake.families)
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
    print(f"{which}, {dtype}: {len(shown)} instances of {len(asked)} mistakes show; of {total} "
          f"first {ranks[1] / total:.2%}, among three "
          f"{sum(ranks[k] for k in (1, 2, 3)) / total:.2%}; classes have {median(sizes)} members "
          f"(median), at most {max(sizes)}; no case shows "
          f"{sorted({m.name for m in asked} - seen) or 'none'}", flush=True)  # fmt: skip


def pairs(family, sample):
    """Any two mistakes of a family: those that no case shows, and a sample's diagnoses."""
    of_family = [
        m.name for m in MISTAKES
        if family in m.families
        and any(not compare(case, mistaken(case, [m.name])).ok for case in cases(family))
    ]  # fmt: skip
    shown, hidden = [], []
    for both in combinations(of_family, 2):
        shows = any(not compare(case, mistaken(case, both)).ok for case in cases(family))
        (shown if shows else hidden).append(both)
    print(
        f"{family}: {len(hidden)} of {len(shown) + len(hidden)} pairs show in no case", flush=True
    )
    for a, b in hidden:
        print(f"    {a} AND {b}")
    outcomes = Counter(named(family, *both) for both in sampled(shown, sample))
    print(f"{family}: of {outcomes.total()} pairs that show: {dict(outcomes)}", flush=True)


def named(family, a, b):
    """What the diagnosis makes of the first case that needs both."""
    case = case_that_needs_both(family, a, b)
    if case is None:
        return "one hides the other in every case"
    found = diagnose(compare(case, mistaken(case, [a, b])))
    made = [m for m in MISTAKES if m.name in (a, b) and family in m.families]
    rank = rank_of(found, [text_of(mistake, case) for mistake in made])
    if rank == 1:
        return "first"
    first = str(found).splitlines()[0]
    print(f"    {case.id}: {a} AND {b}, place {rank or 'none'}: {first}", flush=True)
    if rank:
        return "later"
    return "another explanation" if found.explained else "not explained"


def case_that_needs_both(family, a, b):
    """First case in which the two together are not the same as one of them, or as none."""
    for case in cases(family):
        both = mistaken(case, [a, b])
        others = (case, mistaken(case, [a]), mistaken(case, [b]))
        if not any(compare(other, both, dtype="float64").ok for other in others):
            return case
    return None


def main():
    families = sorted({family for mistake in MISTAKES for family in mistake.families})
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pairs", action="store_true")
    options.add_argument("--family", nargs="+", choices=families, default=families)
    options.add_argument("--sample", type=int, default=0)
    chosen = options.parse_args()
    if chosen.pairs:
        for family in chosen.family:
            pairs(family, chosen.sample)
        return
    for which in SUPPLIED:
        for dtype in ("float64", "float32"):
            singles(which, dtype, chosen.family, chosen.sample)


if __name__ == "__main__":
    main()
