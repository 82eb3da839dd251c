"""Speed of the kernels, against this machine's peak, NumPy and PyTorch.

    python benchmarks/bench_kernels.py [matmul | conv] [--threads N] [--rounds N] [--quick]
        [--dtype float32 | float64]

How it is measured: contenders.py. What: matmul_subject.py, conv_subject.py.
"""

import argparse

from contenders import describe, report, start, work
from conv_subject import CONV
from matmul_subject import MATMUL

SUBJECTS = {"matmul": MATMUL, "conv": CONV}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("subject", nargs="?", choices=SUBJECTS, default="matmul")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--quick", action="store_true", help="float32 only, and of the products only a @ b"
    )
    parser.add_argument("--dtype", choices=("float32", "float64"), help="of the rows shown")
    parser.add_argument("--core-type", default="SKYLAKEX", help="OPENBLAS_CORETYPE")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    subject = SUBJECTS[arguments.subject]
    if arguments.work:
        work(subject, arguments.work)
        return
    describe(arguments.threads)
    contenders = start(
        subject, [__file__, arguments.subject], arguments.threads, arguments.core_type
    )
    cases = subject.cases(arguments.quick)
    if arguments.dtype:
        cases = [case for case in cases if case["dtype"] == arguments.dtype]
    report(subject, contenders, cases, arguments.rounds)
    for contender in contenders.values():
        contender.close()


if __name__ == "__main__":
    main()
