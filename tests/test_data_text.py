"""The bundled text never changes; characters, strings and windows are what they say."""

import gzip
import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ffref.data import DataError
from ffref.data.text import (
    ALPHABET,
    TEXT_FILE,
    decode,
    encode,
    load_text,
    next_character,
    one_hot_windows,
    read_text,
    strings,
    to_alphabet,
    windows,
)


def test_the_bundled_text():
    raw = gzip.decompress(TEXT_FILE.read_bytes())
    digest = "1bb9726921724c6db882b470890c1141e9551d7fdffbb384c8a45ac60bb21943"
    assert hashlib.sha256(raw).hexdigest() == digest
    text = load_text()
    assert text.startswith("Call me Ishmael. Some years ago\u2014never mind how long precisely")
    assert "Nantucket" in text
    assert len(text) == 100_641
    plain = to_alphabet(text)
    assert set(plain) == set(ALPHABET)
    # English: e and t lead, q and z are rare
    counts = dict(zip(ALPHABET, np.bincount(encode(plain), minlength=30), strict=True))
    letters = sorted(ALPHABET[:26], key=counts.get)
    assert letters[-2:] == ["t", "e"]
    assert {"z", "x", "q"} == set(letters[:3])


def test_hintons_sizes():
    found = strings(load_text(), count=248, length=100)
    assert found.shape == (248, 100)
    X, y = next_character(found, length=10)
    assert X.shape == (248 * 90, 300)
    assert X.dtype == np.float32
    assert (X.sum(axis=1) == 10).all()
    assert y.shape == (248 * 90,)
    assert len(ALPHABET) == len(set(ALPHABET)) == 30


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Call me Ishmael.", "call me ishmael."),
        ("line\none\t two", "line one two"),
        ("\"So,\" said I: 'Why?'", "so, said i; why."),
        ("Don't\u2014\u201cnever\u201d!", "dont never."),
        ("na\u00efve \u00c6sop, \u0153uvre", "naive aesop, oeuvre"),
        ("1,000 (or 2)", ", or"),
        ("", ""),
    ],
)
def test_to_alphabet_by_hand(text, plain):
    assert to_alphabet(text) == plain
    assert to_alphabet(plain) == plain


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.text(max_size=80))
def test_any_text_can_be_encoded_and_comes_back(text):
    plain = to_alphabet(text)
    indices = encode(plain)
    assert indices.dtype == np.int64
    assert decode(indices) == plain
    assert "  " not in plain


def test_windows_stay_inside_their_string():
    characters = np.arange(12).reshape(2, 6)
    expected = [row[i : i + 4] for row in characters.tolist() for i in range(3)]
    np.testing.assert_array_equal(windows(characters, 4), expected)
    np.testing.assert_array_equal(windows(characters[0], 6), characters[:1])


def test_one_hot_by_hand():
    found = one_hot_windows(encode("b.")[None])
    expected = np.zeros(60)
    expected[[1, 30 + 29]] = 1
    np.testing.assert_array_equal(found, [expected])


def test_next_character_by_hand():
    X, y = next_character(encode("abca"), length=2)
    np.testing.assert_array_equal(X.argmax(axis=1), [0, 1])
    np.testing.assert_array_equal(X[:, 30:].argmax(axis=1), [1, 2])
    np.testing.assert_array_equal(y, [2, 0])
    y[0] = 9  # an array of its own


def test_files_plain_and_packed(tmp_path):
    text = "Zwei W\u00f6lfe.\r\n"
    (tmp_path / "plain.txt").write_bytes(text.encode("utf-8-sig"))
    (tmp_path / "packed.gz").write_bytes(gzip.compress(text.encode()))
    assert read_text(tmp_path / "plain.txt") == text
    assert read_text(tmp_path / "packed.gz") == text


def test_damaged_files_are_refused(tmp_path):
    path = tmp_path / "text"
    for data, message in (
        (b"", "empty"),
        (b"na\xefve", "byte 2: expected UTF-8"),
        (gzip.compress(b"whale" * 100)[:-12], "fetch it again"),
        (b"\x1f\x8bnothing", "fetch it again"),
        (gzip.compress(b"a" * 1000), "limit of 999"),
    ):
        path.write_bytes(data)
        with pytest.raises(DataError, match=message) as refused:
            read_text(path, max_bytes=999)
        assert "\n" not in str(refused.value)
        assert str(path) in str(refused.value)
    with pytest.raises(DataError, match="no such file"):
        read_text(tmp_path / "absent")


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="'A' at character 2"):
        encode("a A")
    with pytest.raises(ValueError, match="'\u00e9' at character 0"):
        encode("\u00e9")
    with pytest.raises(ValueError, match="need 300 characters"):
        strings("too short", count=3, length=100)
    with pytest.raises(ValueError, match="at least 5"):
        windows(np.zeros((2, 4), int), 5)
    with pytest.raises(ValueError, match="at least 1"):
        next_character(np.zeros(4, int), length=0)
