"""Diagnosis: which known mistake would give what someone's code gave.

A case's computation is written out as a chain of steps (`chain`, `*_steps`); a mistake is another
step, or another specification (`explanation`, `explain_*`, `catalogue`); `search` makes each of
them, alone, with a fitted number (`fitted`) and in pairs, and compares (`problem`).
"""

from ffref.oracle.diagnosis.search import Diagnosis, EqualMistakes, diagnose

__all__ = ["Diagnosis", "EqualMistakes", "diagnose"]
