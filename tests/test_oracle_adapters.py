"""Adapters, runs over many cases, random cases, and cases as parameters of a test."""

import json
from typing import ClassVar

import numpy as np
import pytest

from ffref.cli.main import main
from ffref.oracle import (
    Expected,
    FFSpec,
    cases,
    compare,
    evaluate,
    find_case,
    new_case,
    parametrize_with_cases,
    random_case,
    read_expected,
    run_adapter,
)
from ffref.oracle.adapters import Adapter, Files, NumPy, read_arrays
from ffref.oracle.families import FAMILIES
from ffref.oracle.golden import FOLDER
from ffref.oracle.instances import RANDOM

LOEWEX = cases("ff", "loewex")
TWO = cases("ff", "fflib")


class Wrong:
    """Right for the rule of loewex, but for a factor in one case; does not know other families."""

    layout = None
    factor: ClassVar = {"ff/loewex/faint-row": 2.0}

    def supports(self, spec):
        return isinstance(spec, FFSpec) or "only ff here"

    def run(self, case):
        if case.id == "ff/loewex/silent-units":
            raise ZeroDivisionError("over\nhere")
        mine = evaluate(case)
        return {"loss": mine["loss"], "d_bias": mine["d_bias"] * self.factor.get(case.id, 1.0)}


def test_a_run_counts_and_gives_reasons():
    summary = run_adapter(Wrong(), [*LOEWEX, *cases("hff")[:2]])
    assert not summary.ok
    assert [o.verdict for o in summary.outcomes] == [
        "passed", "failed", "failed", "skipped", "skipped",
    ]  # fmt: skip
    text = str(summary)
    for part in (
        "Wrong: 3 run: 1 passed, 2 failed, 0 xfailed, 2 skipped; 4 quantities compared",
        "failed ff/loewex/silent-units: ZeroDivisionError: over here",
        "failed ff/loewex/faint-row: d_bias is wrong",
        "skipped 2: only ff here",
        "FAIL ff/loewex/faint-row in float64: d_bias is wrong",
    ):
        assert part in text


def test_expected_failures_have_to_fail_and_the_number_of_checks_to_be_reached():
    known = {"*/silent-units": "a raise", "*/faint-row": "a factor"}
    assert run_adapter(Wrong(), LOEWEX, Expected(failures=known, checks=4)).ok
    fewer = run_adapter(Wrong(), LOEWEX, Expected(failures=known, checks=5))
    assert not fewer.ok
    assert "FEWER than the 5 quantities that are pinned" in str(fewer)
    passes = run_adapter(Wrong(), LOEWEX, Expected(failures={"ff/loewex/*": "all"}))
    assert [o.verdict for o in passes.outcomes] == ["failed", "xfailed", "xfailed"]
    assert "passes, but is expected to fail: all" in str(passes)
    skips = run_adapter(Wrong(), LOEWEX, Expected(skips={"ff/loewex/[fs]*": "later"}))
    assert skips.ok
    assert len(skips.named("skipped")) == 2
    with pytest.raises(ValueError, match=r"no case that was asked for fits 'hff/\*'"):
        run_adapter(Wrong(), LOEWEX, Expected(skips={"hff/*": ""}))


def test_a_run_without_anything_to_compare_is_not_ok():
    assert not run_adapter(Wrong(), cases("hff")[:1]).ok
    assert isinstance(Wrong(), Adapter)

    class NoReason(Wrong):
        def supports(self, spec):
            return False

    with pytest.raises(ValueError, match="the reason why cases are skipped, got False"):
        run_adapter(NoReason(), LOEWEX)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_ffref_itself_of_two_layers(dtype):
    case = find_case("ff/paper/two-layers")
    assert run_adapter(NumPy(dtype), [case]).checks == len(case.golden)


def test_steps_by_hand():
    def step(spec, given):
        return {"goodness": given["x"].sum(axis=1)}

    assert not run_adapter(NumPy(steps={"ff": step}), TWO).ok
    with pytest.raises(ValueError, match=r"steps are of the families ff, .*, got gg"):
        NumPy(steps={"gg": step})


def test_results_of_another_program(tmp_path):
    first, second = TWO
    right = evaluate(first)
    raw = tmp_path / first.id
    raw.mkdir(parents=True)
    np.concatenate([right["d_weight"].T.ravel(), right["loss"].ravel()]).astype("<f4").astype(
        "<f8"
    ).tofile(raw / "arrays.f64")
    shape = " ".join(map(str, right["d_weight"].T.shape))
    (raw / "arrays.txt").write_text(f"d_weight 0 {shape}\nloss {right['d_weight'].size}\n")
    files = Files(tmp_path, dtype="float32", layout="out_in")
    summary = run_adapter(files, TWO)
    assert [o.verdict for o in summary.outcomes] == ["passed", "skipped"]
    assert summary.checks == 2
    np.savez(tmp_path / f"{second.id}.npz", d_bias=evaluate(second)["d_bias"] * 1.01)
    assert run_adapter(files, TWO).named("failed")[0].reason == "d_bias is wrong"
    assert main(["oracle", "compare", first.id, str(raw), "--layout", "out_in",
                 "--dtype", "float32"]) == 0  # fmt: skip


def write_raw(folder, arrays, suffix):
    folder.mkdir(parents=True)
    flat = np.concatenate([array.ravel() for array in arrays.values()])
    flat.astype(f"<f{int(suffix[1:]) // 8}").tofile(folder / f"arrays.{suffix}")
    lines, offset = [], 0
    for name, array in arrays.items():
        lines.append(" ".join(map(str, [name, offset, *array.shape])))
        offset += array.size
    (folder / "arrays.txt").write_text("\n".join(lines) + "\n")


def test_raw_float32_numbers_are_compared_in_float32(tmp_path, capsys):
    first, _ = TWO
    names = ("loss", "d_weight", "d_bias")
    mine = {n: a for n, a in evaluate(first, "float32").items() if n in names}
    write_raw(tmp_path / "short" / first.id, mine, "f32")
    assert main(["oracle", "check", str(tmp_path / "short"), "--family", "ff"]) == 0
    assert "3 quantities compared" in capsys.readouterr().out
    # the same numbers in the file of the longer ones: the report says what is the matter
    write_raw(tmp_path / "long" / first.id, mine, "f64")
    folder = str(tmp_path / "long" / first.id)
    said = "all your numbers are float32 numbers: if that is what you compute in, say dtype float"
    for action in ("compare", "diagnose"):
        assert main(["oracle", action, first.id, folder]) == 1
        assert said in capsys.readouterr().out
        assert main(["oracle", action, first.id, folder, "--dtype", "float32"]) == 0
        assert said not in capsys.readouterr().out


def test_golden_files_are_read_as_results():
    arrays = read_arrays(FOLDER / TWO[0].id)
    assert compare(TWO[0], {name: arrays[name] for name in TWO[0].golden}).ok


def test_damaged_raw_files(tmp_path):
    with pytest.raises(ValueError, match="it has 0 of the two"):
        read_arrays(tmp_path)
    np.zeros(3).tofile(tmp_path / "arrays.f64")
    for text, message in (
        ("loss x", "a line is a name, an offset and a shape, got 'loss x'"),
        ("loss", "a line is a name"),
        ("d_bias 1 3", "has 3 numbers, d_bias needs 4"),
    ):
        (tmp_path / "arrays.txt").write_text(text)
        with pytest.raises(ValueError, match=message):
            read_arrays(tmp_path)
    np.zeros(3, "f4").tofile(tmp_path / "arrays.f32")
    with pytest.raises(ValueError, match="it has 2 of the two"):
        read_arrays(tmp_path)


@pytest.mark.parametrize("family", RANDOM)
def test_a_seed_is_a_case(family):
    one, same, other = (random_case(family, seed) for seed in (7, 7, 8))
    assert one.spec == same.spec
    for name, array in one.inputs.items():
        np.testing.assert_array_equal(array, same.inputs[name])
        np.testing.assert_array_equal(array, array.astype(np.float32))
    assert (one.spec, one.id) != (other.spec, other.id)


@pytest.mark.parametrize("family", RANDOM)
def test_random_cases_refuse_one_percent(family):
    refused = 0
    for seed in range(5):
        case = random_case(family, seed)
        mine = evaluate(case)
        mine["d_weight"] = mine["d_weight"] * 1.01
        report = compare(case, mine)
        refused += not report.ok
        assert f"reproduce: compare(random_case('{family}', {seed}), yours, " in str(report)
    assert refused == 5


def test_a_kink_that_rounding_decides_reaches_the_weights():
    """A unit that bfloat16 switches off takes its part of d_weight with it, and no more."""
    inputs = {"x": np.array([[1.0, 1.0]]), "weight": np.array([[1.0, 1.0], [0.5, -0.996]]),
              "bias": np.zeros(2), "labels": np.zeros(1, int),
              "prototypes": np.eye(2)[:, None]}  # fmt: skip
    case = new_case("hff/mine/kink", find_case("hff/reconstruction/warm").spec, inputs)
    mine = evaluate(case)
    off = mine | {"d_weight": mine["d_weight"] * [1.0, 0.0], "d_bias": mine["d_bias"] * [1.0, 0]}
    assert np.abs(mine["d_weight"][:, 1]).min() > 0.5 * np.abs(mine["d_weight"]).max()
    assert compare(case, off, dtype="bfloat16").ok
    assert not compare(case, off, dtype="float32").ok
    other = mine | {"d_weight": mine["d_weight"] * [0.0, 1.0]}
    other["d_weight"][0, 0] += np.abs(mine["d_weight"]).max()
    assert not compare(case, other, dtype="bfloat16").ok


def test_a_sum_of_a_block_at_the_kink_is_set_aside():
    """Found by random cases: a preactivation of 0.002 in bfloat16, whose d_sums is 0 or not."""
    case = random_case("block", 450)
    mine = evaluate(case)
    near, far = np.zeros((2, *mine["d_sums"].shape), bool)
    near[6, 4, 3, 3] = far[6, 5, 2, 3] = True
    assert abs(mine["preactivation"][near]) < 0.01 < mine["preactivation"][far]
    assert compare(case, mine | {"d_sums": mine["d_sums"] * ~near}, dtype="bfloat16").ok
    assert not compare(case, mine | {"d_sums": mine["d_sums"] * ~near}, dtype="float32").ok
    mine["d_sums"][far] += np.abs(mine["d_sums"]).max()
    assert not compare(case, mine, dtype="bfloat16").ok


def test_every_family_has_random_cases():
    assert set(RANDOM) == set(FAMILIES)
    with pytest.raises(ValueError, match="random cases are of the families ff, "):
        random_case("gg", 0)


def test_two_means_do_not_scale_the_peers():
    """Found by random cases: the peers' term is added to the reduced loss, not reduced with it."""
    inputs = {"x": np.eye(2), "weight": np.eye(2), "bias": np.zeros(2),
              "polarity": np.array([1.0, -1.0]), "running_mean": np.array([5.0, 1.0])}  # fmt: skip
    dialect = find_case("ff/loewex/ordinary").spec
    peer = dialect.peer._replace(strength=0.5, momentum=0.5)
    spec = dialect._replace(peer=peer, norm=dialect.norm._replace(kind="none"),
                            threshold_per_unit=0.0, threshold=1.0, reduction="sides")  # fmt: skip
    # goodness 1 in both rows, logit 0: log 2 + log 2; the positive row is (1, 0), so that the
    # moved mean is (3, 0.5), 1.25 above and below 1.75
    loss = evaluate(new_case("ff/mine/peers", spec, inputs))["loss"]
    assert loss == pytest.approx(2 * np.log(2) + 0.5 * 1.25**2)


@parametrize_with_cases(LOEWEX, adapter=NumPy(), skips={"*/silent-units": "not here"},
                        failures={"*/faint-row": "on purpose"})  # fmt: skip
def test_as_parameters(case):
    assert case.id in ("ff/loewex/ordinary", "ff/loewex/faint-row")
    assert case.id == "ff/loewex/ordinary"


def test_parameters_of_the_registry():
    mark = parametrize_with_cases(adapter=Wrong())
    name, params = mark.args
    assert name == "case"
    assert [param.id for param in params] == [case.id for case in cases()]
    skipped = [param for param in params if param.marks]
    of_ff = {name for name, family in FAMILIES.items() if family.spec is FFSpec}
    assert {param.id.split("/")[0] for param in skipped} == set(FAMILIES) - of_ff
    assert skipped[0].marks[0].kwargs["reason"] == "only ff here"


ADAPTER = "ffref.oracle.adapters:NumPy"


def test_command_run(tmp_path, capsys):
    expect, report = tmp_path / "expect.toml", tmp_path / "report.json"
    expect.write_text('checks = 22\n[skips]\n"ff/fflib/none*" = "x"\n')
    words = ["oracle", "run", "--adapter", ADAPTER, "--family", "ff", "--dialect", "fflib"]
    assert main([*words, "--dtype", "float32", "--report", str(report)]) == 0
    assert capsys.readouterr().out.startswith("NumPy: 2 run: 2 passed, 0 failed")
    data = json.loads(report.read_text())
    assert (data["ok"], data["checks"], data["counts"]["passed"]) == (True, 22, 2)
    assert main([*words, "--expect", str(expect)]) == 2
    expect.write_text("checks = 23")
    assert main([*words, "--expect", str(expect)]) == 1
    assert "FEWER than the 23" in capsys.readouterr().out
    assert main(["oracle", "run", "--adapter", ADAPTER, "--random", "1", "--family", "hff"]) == 0
    assert "1 passed" in capsys.readouterr().out


def test_command_run_of_a_module_in_this_folder(tmp_path, monkeypatch, capsys):
    (tmp_path / "halved.py").write_text(
        "from ffref import oracle\n"
        "class Halved:\n"
        "    def supports(self, spec):\n"
        "        return True\n"
        "    def run(self, case):\n"
        "        values = oracle.evaluate(case)\n"
        "        return {'d_weight': values['d_weight'] / 2, 'd_bias': values['d_bias'] / 2}\n"
    )
    monkeypatch.chdir(tmp_path)
    words = ["oracle", "run", "--adapter", "halved:Halved", "--diagnose"]
    assert main([*words, "--case", "ff/fflib/ordinary"]) == 1
    out = capsys.readouterr().out
    assert "failed ff/fflib/ordinary: d_weight is wrong" in out
    assert "what may be wrong:" in out
    assert "(GOOD." in out


def test_command_show_and_check(tmp_path, capsys):
    assert main(["oracle", "show", TWO[0].id]) == 0
    out = capsys.readouterr().out
    assert f"files: {FOLDER / TWO[0].id}" in out
    assert "takes weight (in 7, out 5)" in out
    assert "gives d_weight (in 7, out 5), derivative" in out
    assert main(["oracle", "check", str(tmp_path), "--family", "ff", "--dialect", "fflib"]) == 1
    assert "2 skipped; 0 quantities compared" in capsys.readouterr().out


def test_bad_input_is_one_line(tmp_path, capsys):
    expect = tmp_path / "expect.toml"
    for text, message in (
        ("checks = [", "Invalid"),
        ("check = 3", "has checks, [failures] and [skips], not check"),
        ("checks = -1", "checks is a number, got -1"),
        ("[skips]\n'ff/*' = 3", 'an entry of [skips] is "pattern" = "reason"'),
    ):
        expect.write_text(text)
        with pytest.raises(ValueError, match=r".") as caught:
            read_expected(expect)
        assert message in str(caught.value)
    for words, message in (
        (["run", "--adapter", "ffref"], "an adapter is named package.module:Name, got 'ffref'"),
        (["run", "--adapter", "ffref.nowhere:X"], "No module named 'ffref.nowhere'"),
        (["run", "--adapter", "ffref.oracle:Nothing"], "has no attribute 'Nothing'"),
        (["run", "--adapter", "ffref.oracle:DIALECTS"], "DIALECTS"),
        (["run", "--adapter", "ffref.oracle:FFSpec"], "must have supports(spec) and run(case)"),
        (["check", str(tmp_path / "none")], "there is no folder"),
        (["show", "ff/none/none"], "there is no case"),
    ):
        assert main(["oracle", *words]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
