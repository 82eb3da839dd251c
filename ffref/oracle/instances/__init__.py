"""Random cases: an instance of a family for each seed, whose reference is ffref's own float64.

Golden cases are few and chosen; random ones show whether correct code is ever called wrong. Their
entries are odd whole numbers between -127 and 127 over 64, times powers of two, so that no cast
rounds them.
"""

from collections.abc import Callable

from ffref._checks import require
from ffref.oracle.case import Case, new_case
from ffref.oracle.instances import labelled, sides
from ffref.oracle.instances.source import Drawn, Source

RANDOM: dict[str, Callable[[Source], Drawn]] = {
    "ff": sides.ff,
    "hff": labelled.hff,
    "recurrent": sides.recurrent,
    "symba": sides.symba,
    "cumulative": sides.cumulative,
    "block": labelled.block,
    "faust": labelled.faust,
    "layer-collaboration": sides.layer_collaboration,
    "scff": sides.scff,
    "mono-forward": labelled.mono_forward,
    "cwc": labelled.cwc,
    "deeper-forward": labelled.deeper_forward,
    "distance-forward": labelled.distance_forward,
}


def random_case(family: str, seed: int) -> Case:
    """Draw a case of a family: specification, shapes and numbers.

    Parameters
    ----------
    family : str
        "ff", "hff", "recurrent", ...
    seed : int
        The same seed is the same case, on every machine.

    Returns
    -------
    Case
        Without golden values: `compare` and `check` take `evaluate` in float64 for reference.

    Raises
    ------
    ValueError
        If there is no such family.

    Examples
    --------
    >>> case = random_case("hff", 0)
    >>> case.id, case.inputs["weight"].shape
    ('hff/random/0', (7, 16))
    """
    require(
        family in RANDOM, f"random cases are of the families {', '.join(RANDOM)}, got {family!r}"
    )
    drawn = RANDOM[family](Source(family, seed))
    return new_case(f"{family}/random/{seed}", drawn.spec, drawn.inputs, why="drawn at random")
