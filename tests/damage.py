"""Ways in which the bytes of a file can be wrong."""

import json

from hypothesis import strategies as st

EXTREMES = (b"\0", b"\xff", b"\x7f", b"\x80", b"0", b"9", b"-", b"[", b"{", b'"', b"\n", b",")


def _cut(content, start, length, _):
    del length
    return content[:start]


def _drop(content, start, length, _):
    return content[:start] + content[start + length :]


def _repeat(content, start, length, _):
    return content[: start + length] + content[start:]


def _overwrite(content, start, length, byte):
    end = min(start + length, len(content))
    return content[:start] + byte * (end - start) + content[end:]


def _insert(content, start, length, byte):
    return content[:start] + byte * length + content[start:]


def _flip(content, start, length, byte):
    end, mask = start + length, byte[0] or 1
    return content[:start] + bytes(one ^ mask for one in content[start:end]) + content[end:]


WAYS = (_cut, _drop, _repeat, _overwrite, _insert, _flip)


def damages(length):
    """Strategy: one to three changes of a file of `length` bytes, often at its start or end."""
    places = st.one_of(
        st.integers(0, min(64, length)),
        st.integers(0, length),
        st.integers(max(0, length - 200), length),
    )
    step = st.tuples(
        st.sampled_from(WAYS),
        places,
        st.one_of(st.integers(1, 8), st.integers(1, 2000)),
        st.one_of(st.sampled_from(EXTREMES), st.binary(min_size=1, max_size=1)),
    )
    return st.lists(step, min_size=1, max_size=3)


def damaged(content, steps):
    """Apply the changes that `damages` draws."""
    for way, start, length, byte in steps:
        content = way(content, start, length, byte)
    return content


_NAN = float("nan")
LEAVES = (None, True, -1, 0, 1, 1.5, _NAN, 10**400, "", "x", [], [0], ["x"], {}, {"x": 1})


def changed_values(record):
    """Strategy: the JSON object `record` with one or two of its values exchanged or gone."""
    nested = {name: inside for name, inside in record.items() if isinstance(inside, dict)}
    places = [(name,) for name in record]
    places += [(name, inner) for name, inside in nested.items() for inner in inside]

    def apply(changes):
        changed = json.loads(json.dumps(record))
        for place, value, remove in changes:
            inside = changed
            for name in place[:-1]:
                inside = inside[name] if isinstance(inside.get(name), dict) else {}
            if remove:
                inside.pop(place[-1], None)
            else:
                inside[place[-1]] = value
        return changed

    change = st.tuples(st.sampled_from(places), st.sampled_from(LEAVES), st.booleans())
    return st.lists(change, min_size=1, max_size=2).map(apply)
