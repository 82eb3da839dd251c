"""Text as characters of a small alphabet: for nets that learn which character comes next.

Hinton (2022), arXiv:2212.13345, takes 248 strings of 100 characters over 30 symbols
and shows a net 10 characters at a time. `moby_dick.txt.gz` holds chapters 1 to 9 of Herman
Melville, Moby-Dick (1851), 100,000 characters; docs/data.md has its source.
"""

import gzip
import re
import unicodedata
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ffref._checks import check_count, require
from ffref.data.errors import DataError
from ffref.data.files import PathLike, is_gzip, open_file, read_up_to, reason
from ffref.data.split import Split

ALPHABET = "abcdefghijklmnopqrstuvwxyz ,;."
"""30 symbols: lower-case letters, space, comma, semicolon, full stop."""

TEXT_FILE = Path(__file__).with_name("moby_dick.txt.gz")
MAX_TEXT_BYTES = 2**28
"""A text above 256 MiB is refused, unless the caller raises `max_bytes`."""

Characters = NDArray[np.int64]
"""Indices into `ALPHABET`, of any shape."""

_TO_SYMBOL = str.maketrans({":": ";", "!": ".", "?": ".", "\u00e6": "ae", "\u0153": "oe"})
_DROPPED = re.compile("['\"\u2018\u2019\u201c\u201d]")
_OTHER = re.compile(f"[^{re.escape(ALPHABET)}]+")


def load_text() -> str:
    """Return the bundled text, as printed: upper and lower case, paragraphs, punctuation.

    Examples
    --------
    >>> text = load_text()
    >>> text[:16], len(text)
    ('Call me Ishmael.', 100641)
    """
    return read_text(TEXT_FILE)


def read_text(path: PathLike, *, max_bytes: int = MAX_TEXT_BYTES) -> str:
    """Read a UTF-8 text file, plain or packed by gzip.

    Parameters
    ----------
    path : str or path-like
    max_bytes : int
        A text that unpacks to more is refused.

    Raises
    ------
    DataError
        If the file is missing, empty, damaged, too long, or not UTF-8.
    """
    try:
        with open_file(path) as (file, _):
            packed = is_gzip(file)
            stream = gzip.GzipFile(fileobj=file) if packed else file
            data = bytes(read_up_to(stream, max_bytes + 1))
    except (OSError, EOFError, zlib.error) as problem:
        raise DataError(f"{path}: cannot be read: {reason(problem)}; fetch it again") from problem
    if len(data) > max_bytes:
        raise DataError(f"{path}: longer than the limit of {max_bytes} bytes; raise max_bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise DataError(
            f"{path}: byte {problem.start}: expected UTF-8 text, got "
            f"{data[problem.start]:#04x}; convert the file first"
        ) from problem


def to_alphabet(text: str) -> str:
    """Rewrite `text` in the 30 symbols of `ALPHABET`.

    Upper case becomes lower, accents and quotation marks are dropped, a colon becomes a
    semicolon, ! and ? a full stop, and every stretch of anything else, or of spaces, one space.

    Examples
    --------
    >>> to_alphabet("\u00c9mile: 12 whales\u2014who is there?!")
    'emile; whales who is there..'
    """
    plain = unicodedata.normalize("NFKD", text.lower().translate(_TO_SYMBOL))
    plain = "".join(symbol for symbol in plain if not unicodedata.combining(symbol))
    spaced = _OTHER.sub(" ", _DROPPED.sub("", plain))
    return re.sub(" +", " ", spaced).strip()


def encode(text: str) -> Characters:
    """Indices into `ALPHABET` of each character, (characters,).

    Raises
    ------
    ValueError
        If a character is not in the alphabet.

    Examples
    --------
    >>> encode("ab z.")
    array([ 0,  1, 26, 25, 29])
    """
    strange = _OTHER.search(text)
    if strange:
        raise ValueError(
            f"text must be made of {ALPHABET!r}, got {strange.group()[0]!r} at character "
            f"{strange.start()}; rewrite it with to_alphabet"
        )
    table = np.zeros(128, np.int64)
    table[[ord(symbol) for symbol in ALPHABET]] = np.arange(len(ALPHABET))
    return table[np.frombuffer(text.encode("ascii"), np.uint8)]


def decode(characters: Characters) -> str:
    """Inverse of `encode`, for one row of indices.

    Examples
    --------
    >>> decode(encode("a whale."))
    'a whale.'
    """
    return "".join(ALPHABET[index] for index in np.asarray(characters))


def strings(text: str, *, count: int, length: int) -> Characters:
    """Cut the first `count` strings of `length` characters out of `text`, (count, length).

    Hinton takes 248 of 100. The text is rewritten by `to_alphabet` first.

    Raises
    ------
    ValueError
        If the text is too short.

    Examples
    --------
    >>> [decode(row) for row in strings("Call me Ishmael.", count=2, length=7)]
    ['call me', ' ishmae']
    """
    check_count(count, "count")
    check_count(length, "length")
    characters = encode(to_alphabet(text))
    require(
        len(characters) >= count * length,
        f"{count} strings of {length} need {count * length} characters, got a text of "
        f"{len(characters)}",
    )
    return characters[: count * length].reshape(count, length)


def windows(characters: Characters, length: int) -> Characters:
    """All stretches of `length` neighbouring characters, (windows, length).

    Parameters
    ----------
    characters : (characters,) or (strings, characters)
        No window reaches from one string into the next.
    length : int

    Raises
    ------
    ValueError
        If `characters` is shorter than a window.

    Examples
    --------
    >>> windows(np.array([[0, 1, 2], [7, 8, 9]]), 2)
    array([[0, 1],
           [1, 2],
           [7, 8],
           [8, 9]])
    """
    check_count(length, "length")
    characters = np.atleast_2d(characters)
    require(
        characters.ndim == 2 and characters.shape[1] >= length,
        f"windows of {length} need (characters,) or (strings, characters) of at least {length} "
        f"characters, got shape {characters.shape}",
    )
    found = np.lib.stride_tricks.sliding_window_view(characters, length, axis=1)
    return found.reshape(-1, length)


def one_hot_windows(found: Characters) -> NDArray[np.float32]:
    """Each character as one of 30 units: (windows, length) -> (windows, length * 30) float32.

    Examples
    --------
    >>> one_hot_windows(encode("ab")[None])[0].nonzero()[0]
    array([ 0, 31])
    """
    symbols = np.arange(len(ALPHABET))
    flat = np.asarray(found)[..., None] == symbols
    return flat.reshape(len(flat), -1).astype(np.float32)


def next_character(characters: Characters, *, length: int) -> Split:
    """Windows, and the character that follows each: X (windows, length * 30), y (windows,).

    Examples
    --------
    >>> X, y = next_character(encode("a whale"), length=4)
    >>> X.shape, decode(y)
    ((3, 120), 'ale')
    """
    check_count(length, "length")
    found = windows(characters, length + 1)
    return Split(one_hot_windows(found[:, :-1]), found[:, -1].copy())
