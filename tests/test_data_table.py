"""read_csv on tables that are written here: what they mean, and what is said of bad ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ffref.data import DataError, read_csv
from ffref.data.table import read_features


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("csv") / "mine.csv"


def read(path, text, **options):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_csv(path, **options)


def refused(path, text, *says, **options):
    with pytest.raises(DataError) as error:
        read(path, text, **options)
    message = str(error.value)
    assert "\n" not in message
    for words in (str(path), *says):
        assert words in message, message


def test_header_names_features_and_the_last_column_is_the_label(path):
    samples = read(path, "width,height,kind\n1,2.5,cat\n-3e1,.25,dog\n")
    assert samples.X.dtype == np.float32
    assert samples.X.tolist() == [[1.0, 2.5], [-30.0, 0.25]]
    assert samples.y.tolist() == ["cat", "dog"]
    assert samples.feature_names == ("width", "height")


def test_no_header(path):
    samples = read(path, "1,2,0\n3,4,1\n")
    assert samples.X.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert samples.y.tolist() == [0, 1]
    assert samples.y.dtype == np.int64
    assert samples.feature_names is None


def test_no_header_but_labels_of_text(path):
    samples = read(path, "1,2,cat\n3,4,dog\n")
    assert samples.y.tolist() == ["cat", "dog"]
    assert len(samples.X) == 2


def test_numbers_in_order_are_a_header(path):
    samples = read(path, "0,1,label\n5,6,7\n")
    assert samples.feature_names == ("0", "1")
    assert samples.X.tolist() == [[5.0, 6.0]]


def test_label_by_name(path):
    samples = read(path, "kind,a,b\nx,1,2\ny,3,4\n", label="kind")
    assert samples.y.tolist() == ["x", "y"]
    assert samples.X.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert samples.feature_names == ("a", "b")
    inside = read(path, "a,kind,b\n1,x,2\n3,y,4\n", label="kind")
    assert inside.X.tolist() == samples.X.tolist()
    # the label's name alone says that this is a header
    assert read(path, "7,kind\n1,x\n", label="kind").feature_names == ("7",)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_forms_of_the_same_table(separator, end, path):
    rows = (("a", "b", "y"), ("1", "2", f'"some{separator} one"'), (), ("3", " 4 ", "other "))
    text = end.join(separator.join(row) for row in rows)
    for encoded in (text.encode(), b"\xef\xbb\xbf" + text.encode()):
        samples = read(path, encoded)
        assert samples.feature_names == ("a", "b")
        assert samples.X.tolist() == [[1.0, 2.0], [3.0, 4.0]]
        assert samples.y.tolist() == [f"some{separator} one", "other"]


def test_features_by_name(path):
    samples = read(path, "a,b,c,y\n1,2,3,0\n", feature_names=("c", "a"))
    assert samples.X.tolist() == [[3.0, 1.0]]
    assert samples.feature_names == ("c", "a")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["3", "-1", "0"], [3, -1, 0]),
        (["1.0", "2.", "2.000"], [1, 2, 2]),
        (["007", "7", "8"], ["007", "7", "8"]),
        (["1", "x", "2"], ["1", "x", "2"]),
        (["True", "False", "True"], ["True", "False", "True"]),
        (["9" * 30, "1_0", "2"], ["9" * 30, "1_0", "2"]),
        (["-0", "0", "0"], [0, 0, 0]),
        (["2.000000000000000000e+00", "-1.200000000000000000e+01", "0"], [2, -12, 0]),
        (["1e5", "2e3", "7"], ["1e5", "2e3", "7"]),  # names, as in hexadecimal
        (["1.0e+30", "1", "2"], ["1.0e+30", "1", "2"]),
    ],
)
def test_types_of_labels(labels, expected, path):
    assert read(path, "".join(f"1,2,{label}\n" for label in labels)).y.tolist() == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", ("empty",)),
        ("\n\n", ("empty lines",)),
        ("a,b,y\n", ("below the header",)),
        ("y\n1\n", ("beside the label",)),
        ("a,b,y\n1,2,0\n1,two,0\n", ("line 3", "column 2 ('b')", "'two'")),
        ("a,b,y\n1,2,0\n\n1,,0\n", ("line 4", "column 2 ('b')", "an empty cell")),
        ("1,2,0\n1,nan,0\n", ("line 2", "column 2", "'nan'")),
        ("1,2,0\n-inf,2,0\n", ("line 2", "column 1", "'-inf'")),
        ("1,2,0\n1,1e39,0\n", ("line 2", "column 2", "'1e39'")),
        ("1,2,0\ninf,-inf,0\n", ("line 2", "column 1")),
        ("a,b,y\n1,2\n", ("line 2", "3 columns", "got 2")),
        ("a,b,y\n1,2,3,4\n", ("line 2", "3 columns", "got 4")),
        ("a,b,y\n1,2,\n", ("line 2", "column 3 ('y')", "label")),
        (f"a,b,y\n1,2,{'x' * 201}\n", ("line 2", "201")),
        ("a,a,y\n1,2,3\n", ("line 1, column 2", "'a'")),
        ("a,,y\n1,2,3\n", ("line 1, column 2", "''")),
        ("1,2,0.5\n1,2,1\n", ("column 3", "'0.5'", "whole numbers")),
        ("1,2,5.0e-01\n1,2,1.0e+00\n", ("column 3", "'5.0e-01'", "whole numbers")),
        ("a;b;y\n0,5;1;2\n", ("line 2", "column 1 ('a')", "'0,5'", "decimals with a point")),
        ('a,b,y\n1,"2"3,0\n', ("line 2", "no valid CSV")),
        ('a,b,y\n1,2,"x\n', ("no valid CSV",)),
        (b"a,b,y\n1,2,\xff\n", ("UTF-8", "0xff")),
        (b"\xff\xfea\0,\0b\0\n\0", ("UTF-8",)),
    ],
)
def test_bad_tables(text, says, path):
    refused(path, text, *says)


def test_what_numpy_writes(path):
    X, y = np.array([[0.1, 2.0], [1e-9, -3.0]]), np.array([3, 0])
    np.savetxt(path, np.column_stack((X, y)), delimiter=",")
    samples = read_csv(path)
    assert np.array_equal(samples.X, X.astype(np.float32))
    assert samples.y.tolist() == [3, 0]


def test_bad_names(path):
    refused(path, "a,b,y\n1,2,0\n", "'kind'", "a, b, y", label="kind")
    refused(path, "1,2,0\n1,2,1\n", "'kind'", "no header", label="kind")
    refused(path, "a,b,y\n1,2,0\n", "'c'", feature_names=("a", "c"))
    refused(path, "a,b,y\n1,2,0\n", "column 3 ('y') is a feature", feature_names=("a", "y"))


def test_long_lines_and_large_tables(path, monkeypatch):
    refused(path, "1,2,0\n" * 10, "the limit of 100", max_bytes=100)
    monkeypatch.setattr("ffref.data.table._MAX_LINE", 50)
    refused(path, "1,2,0\n" + "1" * 50 + ",2,0\n", "longer than 50")


def test_places(tmp_path):
    for place in (tmp_path, tmp_path / "absent.csv"):
        with pytest.raises(DataError, match=str(place)):
            read_csv(place)


def test_features_alone(path):
    path.write_text("a,b,y\n1,2,x\n3,4,y\n", encoding="utf-8")
    by_name = read_features(path, 2, feature_names=("b", "a"))
    assert by_name.tolist() == [[2.0, 1.0], [4.0, 3.0]]
    path.write_text("1,2\n3,4\n", encoding="utf-8")
    assert read_features(path, 2).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert read_features(path, 2, feature_names=("b", "a")).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    with pytest.raises(DataError, match="expected 3 columns of features, got 2"):
        read_features(path, 3)
    path.write_text("a\n1\n", encoding="utf-8")
    with pytest.raises(DataError, match="'b', which the training had"):
        read_features(path, 1, feature_names=("b",))


NUMBERS = st.floats(-(2.0**100), 2.0**100, width=32)


@given(
    st.integers(1, 4).flatmap(
        lambda width: st.lists(st.lists(NUMBERS, min_size=width, max_size=width), min_size=1)
    ),
    st.booleans(),
)
@settings(max_examples=50, deadline=None)
def test_what_is_written_is_read(path, rows, header):
    lines = [",".join([*map(repr, row), str(number)]) for number, row in enumerate(rows)]
    names = [f"f{i}" for i in range(len(rows[0]))]
    text = "\n".join([",".join([*names, "label"]), *lines] if header else lines)
    samples = read(path, text)
    if not header and rows[0] == [float(i) for i in range(len(rows[0]))]:
        return
    assert samples.X.tolist() == rows
    assert samples.y.tolist() == list(range(len(rows)))
