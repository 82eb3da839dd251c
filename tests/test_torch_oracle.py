"""Golden values against PyTorch's autograd, in three dtypes."""

import pytest

from ffref.oracle import cases, check, compare, diagnose, find_case, locality
from tests.torch_oracle import run, torch

pytestmark = pytest.mark.torch

CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_autograd_agrees(case):
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        mine = run(case, dtype)
        report = check(case, mine)
        assert report.dtype == str(dtype).removeprefix("torch.")
        if dtype != torch.bfloat16:
            assert report.checked == len(case.golden)


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
