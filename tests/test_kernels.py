"""The matrix products: values, bits, layouts, threads, processes, errors.

Values are compared with einsum in float64. The bound for a sum of k products in any order is
k * u * sum |a| |b| with u half of eps; one more u for the rounding of the result.
"""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from ffref import kernels
from ffref.kernels import host, threads

PLAIN = host.PLAIN
DTYPES = (np.float32, np.float64)
PRODUCTS = {
    "nn": (kernels.matmul, "mk,kn->mn"),
    "tn": (kernels.matmul_tn, "km,kn->mn"),
    "nt": (kernels.matmul_nt, "mk,nk->mn"),
}
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no os.fork on this system")


@pytest.fixture(autouse=True)
def two_threads():
    kernels.set_threads(2)
    yield
    kernels.set_threads(2)


def normal(shape, dtype, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def factors(form, m, k, n, dtype):
    a = normal((m, k), dtype, seed=1)
    b = normal((k, n), dtype, seed=2)
    return (
        np.ascontiguousarray(a.T) if form == "tn" else a,
        np.ascontiguousarray(b.T) if form == "nt" else b,
    )


def assert_close(out, a, b, form):
    """Within the error bound of any order of summation, and not wider."""
    indices = PRODUCTS[form][1]
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    exact = np.einsum(indices, wide_a, wide_b)
    size = np.einsum(indices, np.abs(wide_a), np.abs(wide_b))
    depth = a.shape[0] if form == "tn" else a.shape[1]
    # einsum itself errs, in float64, by as much as the bound for float64
    unit = np.finfo(out.dtype).eps / 2
    bound = (depth * (1 + (out.dtype == np.float64)) + 1) * unit * size
    assert out.dtype == a.dtype
    assert out.shape == exact.shape
    np.testing.assert_array_less(np.abs(out - exact), bound + np.finfo(out.dtype).tiny)


def assert_same_bits(x, y):
    assert x.dtype == y.dtype
    assert x.shape == y.shape
    assert np.ascontiguousarray(x).tobytes() == np.ascontiguousarray(y).tobytes()


SMALL = [0, 1, 2, 3, 5, 7, 8, 9, 13, 15, 16, 17, 23, 24, 25, 31, 32, 33, 40]
BORDERS = [
    (8, 256, 48), (9, 257, 49), (7, 255, 47), (33, 513, 95), (65, 511, 97), (31, 40, 500),
    (2050, 9, 17), (200, 3, 241), (32, 2, 240), (100, 600, 300), (1, 300, 1000), (300, 1000, 10),
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", PRODUCTS)
def test_small_sizes(form, dtype):
    for m in SMALL:
        for k, n in zip(SMALL[m % 5 :] + SMALL, SMALL[::-1], strict=False):
            a, b = factors(form, m, k, n, dtype)
            assert_close(PRODUCTS[form][0](a, b), a, b, form)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", PRODUCTS)
@pytest.mark.parametrize(("m", "k", "n"), BORDERS)
def test_sizes_around_the_borders_of_tiles_and_blocks(form, m, k, n, dtype):
    a, b = factors(form, m, k, n, dtype)
    assert_close(PRODUCTS[form][0](a, b), a, b, form)


def test_the_value_check_rejects_one_wrong_element():
    a, b = factors("nn", 20, 30, 40, np.float32)
    out = kernels.matmul(a, b)
    out[11, 7] *= 1.0001
    with pytest.raises(AssertionError):
        assert_close(out, a, b, "nn")


@pytest.mark.parametrize("dtype", DTYPES)
def test_whole_numbers_are_exact(dtype):
    rng = np.random.default_rng(5)
    a, b = (rng.integers(-9, 9, shape) for shape in ((37, 300), (300, 61)))
    np.testing.assert_array_equal(kernels.matmul(a.astype(dtype), b.astype(dtype)), a @ b)


@pytest.mark.skipif(PLAIN, reason="plain loops selected, or no vectors on this processor")
@pytest.mark.parametrize("dtype", DTYPES)
def test_tile_has_the_bits_of_its_definition(dtype):
    from ffref.kernels.tile import ROWS, SHAPE, tile_heights, tile_loop
    from tests.tile_caller import run_tile

    widest = SHAPE.vectors * SHAPE.vector_bytes // np.dtype(dtype).itemsize
    for rows in tile_heights(ROWS):
        for columns in range(1, widest + 1):
            for depth, first in ((0, True), (0, False), (1, True), (9, False), (40, True)):
                a, b = normal((rows, depth), dtype), normal((depth, widest), dtype)
                frame = normal((rows + 1, columns + 3), dtype)
                expected = frame.copy()
                tile_loop(a, b[:, :columns], expected[:rows, :columns], first)
                run_tile(frame, a, b, rows, columns, first)
                assert_same_bits(frame, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", PRODUCTS)
def test_product_has_the_bits_of_the_plain_loops(form, dtype):
    from ffref.kernels.loops import matmul_rows

    for m, k, n in [(5, 7, 9), (33, 600, 97), (3, 700, 50), (70, 64, 130), (1, 1, 1)]:
        a, b = factors(form, m, k, n, dtype)
        upright_a = np.ascontiguousarray(a.T) if form == "tn" else a
        upright_b = np.ascontiguousarray(b.T) if form == "nt" else b
        expected = np.empty((m, n), dtype)
        matmul_rows(upright_a, upright_b, expected, 0, m)
        assert_same_bits(PRODUCTS[form][0](a, b), expected)


def layouts(x):
    """The same values in every way that memory allows."""
    rows, columns = x.shape
    yield "as it is", x
    yield "Fortran order", np.asfortranarray(x)
    wide = np.full((2 * rows + 1, 3 * columns + 2), np.nan, x.dtype)
    wide[1::2, 1:-1:3] = x
    yield "strided", wide[1::2, 1:-1:3]
    yield "backwards", np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1]
    yield "rows backwards", np.ascontiguousarray(x[::-1])[::-1]
    read_only = x.copy()
    read_only.flags.writeable = False
    yield "read-only", read_only
    odd = np.empty(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    odd[...] = x
    assert not odd.flags.aligned
    yield "unaligned", odd
    record = np.zeros(x.shape, np.dtype([("pad", np.int8), ("value", x.dtype)]))
    record["value"] = x
    yield "field of a record", record["value"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", PRODUCTS)
@pytest.mark.parametrize(("m", "k", "n"), [(11, 21, 53), (40, 70, 100)])
def test_layouts_change_no_bit_and_inputs_stay(form, m, k, n, dtype):
    product = PRODUCTS[form][0]
    a, b = factors(form, m, k, n, dtype)
    expected = product(a, b)
    for name_a, laid_a in layouts(a):
        for name_b, laid_b in layouts(b):
            assert product(laid_a, laid_b).tobytes() == expected.tobytes(), (name_a, name_b)
            np.testing.assert_array_equal(laid_a, a)
            np.testing.assert_array_equal(laid_b, b)


def test_broadcast_and_single_column_and_row():
    a, b = normal((1, 30), np.float32), normal((30, 1), np.float32)
    rows = np.broadcast_to(a, (40, 30))
    columns = np.broadcast_to(b, (30, 60))
    assert_close(kernels.matmul(rows, columns), rows, columns, "nn")
    assert_close(kernels.matmul(b, a), b, a, "nn")
    assert_close(kernels.matmul_nt(rows, columns.T), rows, columns.T, "nt")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", PRODUCTS)
@pytest.mark.parametrize(("m", "k", "n"), [(300, 200, 500), (3000, 70, 17), (40, 300, 1000)])
def test_number_of_threads_changes_no_bit(form, m, k, n, dtype, monkeypatch):
    # the function hides the module of its name
    monkeypatch.setattr(sys.modules["ffref.kernels.matmul"], "SERIAL_BELOW", 0)
    a, b = factors(form, m, k, n, dtype)
    results = []
    for count in (1, 2, 3, 8):
        kernels.set_threads(count)
        results.append(PRODUCTS[form][0](a, b))
    for result in results[1:]:
        assert_same_bits(result, results[0])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", PRODUCTS)
def test_a_row_alone_has_the_bits_that_it_has_in_a_batch(form, dtype):
    a, b = factors(form, 203, 700, 301, dtype)
    product = PRODUCTS[form][0]
    whole = product(a, b)
    for start, stop in [(0, 1), (202, 203), (100, 101), (5, 12), (8, 48), (150, 203)]:
        part = a[:, start:stop] if form == "tn" else a[start:stop]
        assert_same_bits(product(part, b), whole[start:stop])
    for start, stop in [(0, 1), (300, 301), (47, 49), (16, 64), (3, 300)]:
        part = b[start:stop] if form == "nt" else b[:, start:stop]
        assert_same_bits(product(a, part), whole[:, start:stop])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", PRODUCTS)
@pytest.mark.parametrize(("m", "k", "n"), [(3, 5, 7), (40, 50, 60)])
def test_nan_and_inf_propagate_as_in_numpy(form, m, k, n, dtype):
    a, b = factors(form, m, k, n, dtype)
    a.flat[[3, a.size - 1]] = np.inf, np.nan
    b.flat[[1, b.size // 2]] = -np.inf, 0
    with np.errstate(invalid="ignore"):
        expected = np.einsum(PRODUCTS[form][1], a, b)
    out = PRODUCTS[form][0](a, b)
    np.testing.assert_array_equal(np.isnan(out), np.isnan(expected))
    np.testing.assert_array_equal(out[np.isinf(out)], expected[np.isinf(expected)])


def test_nothing_to_sum_and_nothing_at_all():
    for dtype in DTYPES:
        for form, (product, _) in PRODUCTS.items():
            for m, k, n in [(3, 0, 50), (40, 0, 5), (0, 3, 4), (3, 4, 0), (0, 0, 0)]:
                out = product(*factors(form, m, k, n, dtype))
                assert out.shape == (m, n)
                assert not out.any()


def test_wrong_arguments_are_named():
    a, b = np.zeros((2, 3), np.float32), np.zeros((3, 4), np.float32)
    for wrong, message in [
        ((a[0], b), "two matrices, got 1 and 2 axes"),
        ((a, b[None]), "two matrices, got 2 and 3 axes"),
        (([[1.0]], b), "two matrices"),
        ((a, b.astype(np.float64)), "one dtype.*float32 and float64"),
        ((a.astype(np.int32), b.astype(np.int32)), "float32 or float64, got int32"),
        ((a.astype(">f4"), b.astype(">f4")), "float32 or float64"),
        ((b, a.T[:2]), r"equally long, got shapes \(3, 4\) and \(2, 2\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            kernels.matmul(*wrong)
    with pytest.raises(ValueError, match="axis 0 of a and axis 0 of b"):
        kernels.matmul_tn(a, b)
    with pytest.raises(ValueError, match="axis 1 of a and axis 1 of b"):
        kernels.matmul_nt(a, b)


def big_product():
    a, b = factors("nn", 300, 300, 300, np.float32)
    return kernels.matmul(a, b)


def test_calls_from_several_threads_at_once():
    expected = big_product()
    wrong = []

    def call():
        for _ in range(10):
            if big_product().tobytes() != expected.tobytes():
                wrong.append(1)

    callers = [threading.Thread(target=call) for _ in range(5)]
    for caller in callers:
        caller.start()
    for count in (3, 1, 4, 2):  # the number of threads may change while calls run
        kernels.set_threads(count)
    for caller in callers:
        caller.join()
    assert not wrong


def python(code, *, plain=PLAIN, **environment):
    """Output of a new interpreter that runs `code`; warnings are errors there too."""
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, timeout=120, check=False, cwd=Path(__file__).parents[1],
        env=os.environ | {"FFREF_KERNELS": "plain" if plain else ""} | environment,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


FORK = """
import os, sys, numpy as np
from ffref import kernels
from tests.test_kernels import big_product
kernels.set_threads(2)
if {before}:
    big_product()
child = os.fork()
if child == 0:
    os._exit(0 if np.isfinite(big_product()).all() else 3)
mine = big_product()
_, status = os.waitpid(child, 0)
child = os.fork()
if child == 0:
    os._exit(0 if (big_product() == mine).all() else 3)
_, again = os.waitpid(child, 0)
print(status, again)
"""


@needs_fork
@pytest.mark.parametrize("before", [False, True])
def test_children_after_fork(before):
    assert python(FORK.format(before=before)) == "0 0"


HASH = """
import hashlib, numpy as np
from ffref import kernels
from ffref.kernels import host
from tests.test_kernels import big_product
print(host.PLAIN, hashlib.sha256(big_product().tobytes()).hexdigest())
"""


def test_plain_loops_are_selected_by_the_environment_and_agree_bit_for_bit():
    plain, plain_hash = python(HASH, plain=True).split()
    assert plain == "True"
    assert python(HASH, plain=False).split()[1] == plain_hash


@pytest.mark.parametrize("count", [0, -1, 1.5, "2", None, True])
def test_number_of_threads_is_checked(count):
    with pytest.raises(ValueError, match="threads must be a whole number of at least 1"):
        kernels.set_threads(count)


def test_threads_from_the_environment(monkeypatch):
    monkeypatch.setattr(threads, "_threads", 0)
    monkeypatch.setenv("FFREF_THREADS", "3")
    assert kernels.get_threads() == 3
    monkeypatch.setenv("FFREF_THREADS", "")
    assert kernels.get_threads() == kernels.available_cores() >= 1
    for wrong in ("0", "many", "-1"):
        monkeypatch.setenv("FFREF_THREADS", wrong)
        with pytest.raises(ValueError, match="FFREF_THREADS must be a whole number"):
            kernels.get_threads()


@pytest.mark.slow
@pytest.mark.skipif(PLAIN, reason="takes minutes with plain loops")
def test_more_than_two_to_the_31_elements():
    rows = (1 << 31) // 1000 + 100
    a = np.zeros((rows, 1), np.float32)
    a[-3:, 0] = 1, 2, 3
    b = np.arange(1000, dtype=np.float32)[None]
    out = kernels.matmul(a, b)
    assert out.size > 1 << 31
    np.testing.assert_array_equal(out[-3:], a[-3:] * b)
    assert not out[:-3:9973].any()
    np.testing.assert_array_equal(kernels.matmul_tn(out[-9:], a[-9:]), (a[-9:].T @ out[-9:]).T)
    tall = kernels.matmul_tn(out, a)
    np.testing.assert_array_equal(tall[:, 0], 14 * b[0])
