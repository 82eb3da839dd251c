"""The oracle: someone else's Forward-Forward code, checked against values known to the last digit.

>>> from ffref import oracle
>>> case = oracle.cases(family="ff", dialect="loewex")[0]
>>> mine = {"d_weight": oracle.evaluate(case)["d_weight"]}  # here: what your code computed
>>> oracle.check(case, mine).ok
True

How it is built, from the bottom up, each part knowing only those before it:

- `specs`: what a layer's local step computes, as plain data; `dialects`: what known codes compute.
- `families`: the library's own evaluation of a case, one file a family, with axes and natural
  scales.
- `case`, `golden`: a case with its arrays, and the registry on disk, read without mpmath.
- `comparison`, `report`, `layouts`, `tolerances`: `compare` and `check`.
- `diagnosis`: `diagnose`, which says what mistake would give what differs.
- `training`, `updates`: `trace`, several steps with an optimiser, and what may be wrong there;
  `gradcheck`, `locality`: for rules of one's own; `negatives`, `prediction`: what goes into a
  network and what comes out.
- `adapters`: other implementations, asked case by case; `instances`: random cases; `running`,
  `testing`: a run over many cases, and the same as parameters of a pytest test.
- `definitions`: which cases exist; `truth`: the scalar formulation with 50 digits, which imports
  nothing of the library's formulas; `making`, `exactness`: golden values, and what the float64
  path's error is.

docs/oracle.md has the formats, the dialects and how tolerances were measured.
"""

from ffref.oracle.adapters import Adapter
from ffref.oracle.case import Case, Golden, new_case
from ffref.oracle.comparison import check, compare
from ffref.oracle.diagnosis import Diagnosis, EqualMistakes, diagnose
from ffref.oracle.dialects import DIALECTS, Dialect, dialect_spec
from ffref.oracle.evaluation import evaluate
from ffref.oracle.exactness import Precision, precision
from ffref.oracle.golden import cases, find_case
from ffref.oracle.gradcheck import GradcheckReport, gradcheck
from ffref.oracle.instances import random_case
from ffref.oracle.layouts import LAYOUTS, inputs_in
from ffref.oracle.locality import LocalityReport, locality, locality_by_change
from ffref.oracle.making import export
from ffref.oracle.negatives import NegativesReport, check_negatives
from ffref.oracle.prediction import Predicted, predict
from ffref.oracle.report import Finding, MismatchError, Report
from ffref.oracle.running import Expected, Outcome, Summary, read_expected, run_adapter
from ffref.oracle.specs import (
    BlockSpec,
    CumulativeSpec,
    CwcSpec,
    DistanceSpec,
    FaustSpec,
    FFSpec,
    HFFSpec,
    LabelSpec,
    LayerSpec,
    MonoSpec,
    NormSpec,
    PeerSpec,
    RecurrentSpec,
    ScffSpec,
    SymbaSpec,
)
from ffref.oracle.testing import parametrize_with_cases
from ffref.oracle.training import TrainingSpec, compare_trace, diagnose_trace, trace

__all__ = [
    "DIALECTS",
    "LAYOUTS",
    "Adapter",
    "BlockSpec",
    "Case",
    "CumulativeSpec",
    "CwcSpec",
    "Diagnosis",
    "Dialect",
    "DistanceSpec",
    "EqualMistakes",
    "Expected",
    "FFSpec",
    "FaustSpec",
    "Finding",
    "Golden",
    "GradcheckReport",
    "HFFSpec",
    "LabelSpec",
    "LayerSpec",
    "LocalityReport",
    "MismatchError",
    "MonoSpec",
    "NegativesReport",
    "NormSpec",
    "Outcome",
    "PeerSpec",
    "Precision",
    "Predicted",
    "RecurrentSpec",
    "Report",
    "ScffSpec",
    "Summary",
    "SymbaSpec",
    "TrainingSpec",
    "cases",
    "check",
    "check_negatives",
    "compare",
    "compare_trace",
    "diagnose",
    "diagnose_trace",
    "dialect_spec",
    "evaluate",
    "export",
    "find_case",
    "gradcheck",
    "inputs_in",
    "locality",
    "locality_by_change",
    "new_case",
    "parametrize_with_cases",
    "precision",
    "predict",
    "random_case",
    "read_expected",
    "run_adapter",
    "trace",
]
