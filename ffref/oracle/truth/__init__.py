"""Truth: each case by an independent scalar formulation with 50 digits.

Plain loops, written from the papers and from what the dialects' codes compute. Nothing here
imports the library's formulas, objectives, layers or kernels (import-linter holds it), so that
what both agree on was derived twice. The derivatives are derived three times: by the library, by
central differences of the scalar loss with 200 digits, which no derivation enters, and by a second
transcription, which the condition numbers need.
"""

from ffref.oracle.truth.evaluate import DisagreementError, Truth, evaluate_exactly
from ffref.oracle.truth.numbers import rounded

__all__ = ["DisagreementError", "Truth", "evaluate_exactly", "rounded"]
