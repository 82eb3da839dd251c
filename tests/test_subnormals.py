"""Subnormals are flushed where training asks for it, and nowhere else."""

import numpy as np
import pytest

from ffref import kernels
from ffref.kernels.subnormals import float_mode
from ffref.kernels.threads import run_over_rows

SMALL, FACTOR = np.full(64, 1e-30, np.float32), np.float32(1e-10)

needs_register = pytest.mark.skipif(
    float_mode() == 0, reason="this processor has no mode for subnormals"
)


@needs_register
def test_numpy_flushes_inside_and_not_outside():
    before = float_mode()
    with kernels.flush_subnormals():
        assert not (SMALL * FACTOR).any()
    assert (SMALL * FACTOR).all()
    assert float_mode() & 0x8040 == before & 0x8040


@needs_register
def test_mode_comes_back_after_an_exception():
    def fail():
        with kernels.flush_subnormals():
            raise KeyError("stop")

    with pytest.raises(KeyError):
        fail()
    assert (SMALL * FACTOR).all()


@needs_register
@pytest.mark.parametrize("flush", [False, True])
def test_every_thread_of_a_call_has_the_caller_mode(flush):
    before, modes = kernels.get_threads(), []
    kernels.set_threads(4)
    try:
        for _ in range(20):
            if flush:
                with kernels.flush_subnormals():
                    run_over_rows(lambda start, stop: modes.append(float_mode()), 64)
            else:
                run_over_rows(lambda start, stop: modes.append(float_mode()), 64)
    finally:
        kernels.set_threads(before)
    assert len(modes) == 80
    assert {mode & 0x8040 for mode in modes} == ({0x8040} if flush else {0})


@needs_register
def test_matrix_products_flush_on_any_thread():
    a = np.full((512, 256), 1e-30, np.float32)
    b = np.full((256, 256), 1e-10, np.float32)
    with kernels.flush_subnormals():
        assert not kernels.matmul(a, b).any()
    np.testing.assert_allclose(kernels.matmul(a, b), 256e-40, rtol=1e-3)
