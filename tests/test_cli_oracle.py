"""`ffref oracle`."""

import json

import numpy as np
import pytest

from ffref.cli.main import main
from ffref.oracle import evaluate, find_case

ID = "ff/loewex/silent-units"


def test_list(capsys):
    assert main(["oracle", "list", "--family", "ff", "--dialect", "loewex"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("ff/loewex/ordinary: peer normalisation differentiated")


@pytest.fixture
def file(tmp_path):
    def write(**changes):
        path = tmp_path / "mine.npz"
        np.savez(path, **(evaluate(find_case(ID)) | changes))
        return str(path)

    return write


def test_compare_that_agrees(file, capsys):
    assert main(["oracle", "compare", ID, file()]) == 0
    assert capsys.readouterr().out.startswith(f"ok {ID} in float64: 12 of 12")


def test_compare_that_differs(file, capsys):
    path = file(d_bias=np.zeros(3, np.float32))
    assert main(["oracle", "compare", ID, path]) == 1
    assert "d_bias is wrong" in capsys.readouterr().out
    assert main(["oracle", "compare", ID, path, "--dtype", "float64", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["dtype"], report["ok"]) == ("float64", False)


def test_compare_in_another_layout(file, capsys):
    path = file(d_weight=evaluate(find_case(ID))["d_weight"].T)
    assert main(["oracle", "compare", ID, path]) == 1
    assert main(["oracle", "compare", ID, path, "--layout", "out_in"]) == 0


def test_diagnose(file, tmp_path, capsys):
    right = evaluate(find_case(ID))
    path = file(d_weight=right["d_weight"] * 4, d_bias=right["d_bias"] * 4)
    assert main(["oracle", "diagnose", ID, path]) == 1
    out = capsys.readouterr().out
    assert out.startswith("1. the gradient of every parameter is a sum over the batch, where")
    other = tmp_path / "other.npz"
    np.savez(other, **evaluate(find_case("ff/loewex/ordinary")))
    assert main(["oracle", "diagnose", ID, path, "ff/loewex/ordinary", str(other)]) == 1
    assert capsys.readouterr().out.startswith("no known mistake, and no two of them, come near")
    assert main(["oracle", "diagnose", "ff/loewex/ordinary", str(other)]) == 0
    assert capsys.readouterr().out == "nothing differs\n"


def test_bad_input_is_one_line(file, tmp_path, capsys):
    mine = file(dW=np.zeros(3))
    text, one = tmp_path / "text.npz", tmp_path / "one.npy"
    text.write_text("loss,0.5")
    np.save(one, np.zeros(3))
    for arguments, message in (
        (["compare", ID, str(text)], "is no .npz file of numbers; write it with numpy.savez"),
        (["compare", ID, str(one)], "is no .npz file of numbers"),
        (["compare", "ff/none/none", mine], "there is no case 'ff/none/none'"),
        (["compare", ID, str(tmp_path / "none.npz")], "No such file"),
        (["compare", ID, mine], "the reference has no 'dW'"),
        (["compare", ID, mine, "--dtype", "half"], "dtype must be one of"),
        (["diagnose", ID], "takes a case and a file"),
        (["list", "--family", "gg"], "no case of family 'gg'"),
    ):
        assert main(["oracle", *arguments]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1


def test_precision(capsys):
    assert main(["oracle", "precision", ID, "--dtype", "float32"]) == 0
    out = capsys.readouterr().out
    assert f"{ID} in float32" in out
    assert "d_preactivation          surrogate" in out


def test_export_writes_what_is_there_already(tmp_path, monkeypatch, capsys):
    from ffref.oracle import making as module

    case = find_case(ID)
    monkeypatch.setattr(module, "defined_cases", lambda family: iter([case._replace(golden={})]))
    assert main(["oracle", "export", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{ID}: 12 quantities agree; new\n"
    assert main(["oracle", "export", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{ID}: 12 quantities agree; unchanged\n"
    from ffref.oracle.golden import FOLDER

    for name in ("case.json", "arrays.f64", "arrays.txt"):
        assert (tmp_path / ID / name).read_bytes() == (FOLDER / ID / name).read_bytes()
