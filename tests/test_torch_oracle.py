"""Golden values against PyTorch's autograd, in three dtypes."""

import pytest

from ffref.oracle import cases, check, compare, diagnose, find_case, locality, run_adapter
from ffref.oracle.adapters import PyTorch
from ffref.oracle.instances import RANDOM, random_case

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")

CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_autograd_agrees(case):
    for dtype in ("float64", "float32", "bfloat16"):
        adapter = PyTorch(dtype)
        assert adapter.supports(case.spec) is True
        report = check(case, adapter.run(case), layout=adapter.layout)
        assert report.dtype == dtype
        assert not report.named("not supplied")
        if dtype != "bfloat16":
            assert report.checked == len(case.golden)


MOST_USED = ("ff", "hff", "recurrent", "symba", "cumulative", "faust")
COUNTS = [(family, 50 if family in MOST_USED else 12) for family in RANDOM]
MANY = [pytest.param(family, 1000, marks=pytest.mark.slow) for family in RANDOM]


@pytest.mark.parametrize(("family", "count"), [*COUNTS, *MANY])
def test_correct_code_is_never_called_wrong(family, count):
    drawn = [random_case(family, seed) for seed in range(count)]
    for dtype in ("float64", "float32", "bfloat16"):
        summary = run_adapter(PyTorch(dtype), drawn)
        assert summary.ok, str(summary)
        assert len(summary.named("passed")) == count


def test_a_step_of_ones_own():
    def step(spec, given, keep):
        x = given["x"] / (given["x"].norm(dim=1, keepdim=True) + spec.norm.eps)
        hidden = keep("activity", torch.relu(torch.nn.functional.linear(
            x, given["weight"], given["bias"])))  # fmt: skip
        logit = hidden.square().mean(1) - spec.threshold
        return torch.nn.functional.softplus(-given["polarity"] * logit).mean()

    def doubled(spec, given, keep):
        return 2 * step(spec, given, keep)

    case = find_case("ff/pezeshki/ordinary")
    assert run_adapter(PyTorch(steps={"ff": step}), [case]).checks == 5
    summary = run_adapter(PyTorch(steps={"ff": doubled}), [case])
    assert summary.outcomes[0].reason == "loss is wrong"
    assert PyTorch(steps={"ff": step}).supports(find_case("hff/reconstruction/cold").spec) == (
        "no step of the family hff"
    )


def test_a_linear_layer_of_torch_has_its_weight_transposed():
    case = next(case for case in CASES if case.id == "ff/pezeshki/ordinary")
    layer = torch.nn.Linear(7, 5).double()
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(case.inputs["weight"].T))
        layer.bias.copy_(torch.tensor(case.inputs["bias"]))
    x = torch.tensor(case.inputs["x"])
    goodness = torch.relu(layer(x / (x.norm(2, 1, keepdim=True) + 1e-4))).pow(2).mean(1)
    sign = torch.tensor(case.inputs["polarity"])
    loss = torch.nn.functional.softplus(-sign * (goodness - 2.0)).mean()
    loss.backward()
    mine = {"loss": loss, "d_weight": layer.weight.grad, "d_bias": layer.bias.grad}
    assert check(case, mine, layout="out_in").checked == 3
    assert not compare(case, mine | {"d_bias": layer.bias.grad * 1.01}, layout="out_in").ok


def test_a_mistake_in_float32_is_named():
    case = find_case("ff/pezeshki/ordinary")
    weight = torch.tensor(case.inputs["weight"].T, dtype=torch.float32, requires_grad=True)
    bias = torch.tensor(case.inputs["bias"], dtype=torch.float32, requires_grad=True)
    x, sign = (torch.tensor(case.inputs[n], dtype=torch.float32) for n in ("x", "polarity"))
    hidden = torch.relu(
        torch.nn.functional.linear(x / x.pow(2).mean(1, True).sqrt(), weight, bias)
    )
    loss = torch.nn.functional.softplus(-sign * (hidden.pow(2).mean(1) - 2.0)).mean()
    loss.backward()
    mine = {"loss": loss, "d_weight": weight.grad, "d_bias": bias.grad}
    found = diagnose(compare(case, mine, layout="out_in"))
    assert found.explained
    names = [{e.text for e in mistakes} for mistakes in found.ranked[0].mistakes]
    assert {
        "the root of the mean square is divided out, where the length is meant",
        "there is no eps in the normalisation",
    } in names


@pytest.mark.parametrize("detached", [True, False])
def test_locality_of_two_layers(detached):
    torch.manual_seed(0)
    layers = [torch.nn.Linear(4, 3), torch.nn.Linear(3, 2)]
    x, losses = torch.randn(5, 4), {}
    for name, layer in zip(("first", "second"), layers, strict=True):
        x = torch.relu(layer(x.detach() if detached else x))
        losses[name] = x.pow(2).sum()
    gradients = {
        name: {
            other: torch.autograd.grad(
                loss, list(layer.parameters()), retain_graph=True, allow_unused=True
            )
            for other, layer in zip(losses, layers, strict=True)
        }
        for name, loss in losses.items()
    }
    report = locality(gradients)
    assert report.ok is detached
    assert [leak.layer for leak in report.leaks] == ([] if detached else ["first"])
