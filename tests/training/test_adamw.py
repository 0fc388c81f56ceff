from __future__ import annotations

import subprocess
import sys

import torch

from deepseek_report.training.adamw import AdamW


def parameters() -> list[torch.nn.Parameter]:
    torch.manual_seed(0)
    shapes = ((4, 3), (5,), (2, 3, 4), (7, 2))
    return [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]


def test_its_steps_are_those_of_torch_also_where_a_gradient_is_missing():
    ours, torchs = parameters(), parameters()
    optimiser = AdamW(ours, 0.02, 0.1)
    groups = [
        {"params": [p for p in torchs if p.dim() >= 2], "weight_decay": 0.1},
        {"params": [p for p in torchs if p.dim() < 2], "weight_decay": 0.0},
    ]
    oracle = torch.optim.AdamW(groups, lr=0.02, fused=True)
    for step in range(5):
        for group in (*optimiser.param_groups, *oracle.param_groups):
            group["lr"] = 0.02 / (step + 1)
        for mine, other in zip(ours, torchs, strict=True):
            mine.grad = torch.full_like(mine, 1.0 + step).cumsum(0)
            other.grad = mine.grad.clone()
        ours[step % 4].grad = torchs[step % 4].grad = None
        optimiser.step()
        oracle.step()
        assert all(torch.equal(mine, other) for mine, other in zip(ours, torchs, strict=True))


def test_forgotten_gradients_change_nothing():
    ours = parameters()
    optimiser = AdamW(ours, 0.02, 0.1)
    for mine in ours:
        mine.grad = torch.ones_like(mine)
    optimiser.zero_grad()
    before = [mine.detach().clone() for mine in ours]
    optimiser.step()
    assert all(torch.equal(mine, old) for mine, old in zip(ours, before, strict=True))


def test_a_step_does_not_load_the_compiler_of_torch():
    program = (
        "import sys, torch\n"
        "from deepseek_report.training.adamw import AdamW\n"
        "weight = torch.nn.Parameter(torch.ones(2, 2))\n"
        "weight.grad = torch.ones(2, 2)\n"
        "AdamW([weight], 0.1, 0.0).step()\n"
        "sys.exit('torch._dynamo' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
