"""Cases as parameters of a pytest test."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from ffref.oracle.adapters import Adapter
from ffref.oracle.case import Case
from ffref.oracle.golden import cases as registry
from ffref.oracle.running import reason_of, why_not

_NONE: Mapping[str, str] = MappingProxyType({})


def parametrize_with_cases(
    cases: Iterable[Case] | None = None,
    *,
    adapter: Adapter | None = None,
    failures: Mapping[str, str] = _NONE,
    skips: Mapping[str, str] = _NONE,
) -> Any:  # noqa: ANN401
    """Decorate a test with one argument, `case`, so that it runs once a case, by its id.

    Parameters
    ----------
    cases : Cases, optional
        None: the whole registry.
    adapter : Adapter, optional
        What it does not support is skipped, with its reason.
    failures : dict, optional
        Pattern of case ids (`ff/loewex/*`) -> why these fail. One that passes is a failure.
    skips : dict, optional
        Pattern of case ids -> why these are not run.

    Returns
    -------
    MarkDecorator
        `pytest.mark.parametrize("case", ...)`.

    Raises
    ------
    ImportError
        Without pytest.

    Examples
    --------
    ::

        @oracle.parametrize_with_cases(oracle.cases("ff", "pezeshki"), skips={"*/labels": "..."})
        def test_my_layer(case):
            oracle.check(case, my_values(case), layout="out_in")
    """
    import pytest  # noqa: PLC0415 - for those who have it

    params = []
    for case in registry() if cases is None else cases:
        skipped = reason_of(case, skips) if adapter is None else why_not(adapter, case, skips)
        fails = reason_of(case, failures)
        marks = []
        if skipped is not None:
            marks.append(pytest.mark.skip(reason=skipped))
        elif fails is not None:
            marks.append(pytest.mark.xfail(reason=fails, strict=True))
        params.append(pytest.param(case, id=case.id, marks=marks))
    return pytest.mark.parametrize("case", params)
