"""The tile's inner loop as machine code, for processors that this machine need not be."""

import re

import pytest
from llvmlite import binding as llvm
from llvmlite import ir

from ffref.kernels import host
from ffref.kernels.tile import tile_function

PROCESSORS = {
    "AVX-512": (host.AVX512, "x86_64-linux-gnu", "skylake-avx512", "vfmadd", "zmm"),
    "AVX2": (host.AVX2, "x86_64-linux-gnu", "haswell", "vfmadd", "ymm"),
    "NEON": (host.NEON, "aarch64-linux-gnu", "generic", "fmla", "v"),
}


def assembly(shape, element, triple, processor, gathered):
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    module = ir.Module()
    module.triple = triple
    tile_function(module, element, shape, gathered=gathered).linkage = ""
    try:
        target = llvm.Target.from_triple(triple)
    except RuntimeError:
        pytest.skip(f"LLVM was built without {triple}")
    machine = target.create_target_machine(cpu=processor, opt=3)
    compiled = llvm.parse_assembly(str(module))
    compiled.verify()
    return machine.emit_assembly(compiled)


@pytest.mark.parametrize("element", [ir.FloatType(), ir.DoubleType()], ids=str)
@pytest.mark.parametrize("gathered", [False, True], ids=["even", "gathered"])
@pytest.mark.parametrize("name", PROCESSORS)
def test_inner_loop_is_multiply_adds_and_keeps_its_sums_in_registers(name, element, gathered):
    shape, triple, processor, multiply_add, register = PROCESSORS[name]
    blocks = re.split(r"\n(?=\.\w+:)", assembly(shape, element, triple, processor, gathered))
    loop = max(blocks, key=lambda block: block.count(multiply_add)).splitlines()
    sums = [line for line in loop if multiply_add in line]
    assert len(sums) == shape.rows * shape.vectors
    assert all(register in line for line in sums)
    assert not [line for line in loop if "rsp" in line or "[sp" in line], "a register is spilled"
    assert len(loop) < 2 * len(sums) + 12


@pytest.mark.parametrize(
    ("features", "machine", "shape"),
    [
        ("+avx512f,+avx2,+fma", "x86_64", host.AVX512),
        ("-avx512f,+avx2,+fma,+sse2", "AMD64", host.AVX2),
        ("+avx2,-fma", "x86_64", None),
        ("+sse4.2", "x86_64", None),
        ("", "x86_64", None),
        ("", "arm64", host.NEON),
        ("+neon", "aarch64", host.NEON),
        ("", "riscv64", None),
    ],
)
def test_tile_shape_follows_from_the_processor(features, machine, shape):
    assert host.tile_shape(features, machine) == shape
