from __future__ import annotations

import subprocess
import sys

import torch

from deepseek_report.training.epoch import AdamW


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
        for group, other in zip(optimiser.groups, oracle.param_groups, strict=True):
            group.rate = other["lr"] = 0.02 / (step + 1)
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


def test_training_does_not_load_the_compiler_of_torch():
    program = (
        "import sys, tempfile\n"
        "from pathlib import Path\n"
        "from deepseek_report.artifacts.protocols.models import TrainingPlace\n"
        "from deepseek_report.artifacts.protocols.progress import Silent\n"
        "from deepseek_report.config.compose import compose\n"
        "from deepseek_report.config.validate import validate\n"
        "fast = ['debug=fast', 'dataset.rows=600', 'trainer.tensorboard=true']\n"
        "parts = validate(compose(fast))\n"
        "dataset = parts.dataset.load(1, Silent())\n"
        "module = parts.model.build(dataset.schema, dataset.train, 1)\n"
        "place = TrainingPlace(Path(tempfile.mkdtemp()), 1, 'cpu')\n"
        "parts.trainer.fit(module, dataset, place, Silent())\n"
        "sys.exit('torch._dynamo' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
