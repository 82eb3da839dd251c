"""Golden values against PyTorch's autograd, in three dtypes."""

import pytest

from ffref.oracle import cases, check, compare
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
