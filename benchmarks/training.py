"""What our `deepseek` costs beside a plain transformer encoder of the same active size.

    python benchmarks/training.py [--turns N] [--write]

Both read the same tokens of the default data set, and have the same width, layers and heads; the
plain one (`torch.nn.TransformerEncoder`) has as many hidden units as one of our tokens uses. In
this one process, set up as a worker is, they take turns with the same optimiser, batches and rows.
A cost is CPU seconds of a turn, a ratio is formed within a turn, so that a machine whose speed
drifts does not matter; shown are minimum, median and maximum. Then the default training runs whole,
and its time is split. `--write` puts the tables in benchmarks/measured/performance.md.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from performance_page import write_block
from torch import Tensor, nn

from deepseek_report.artifacts.protocols.models import TrainingPlace
from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.split import Dataset
from deepseek_report.config.compose import compose
from deepseek_report.config.validate import validate
from deepseek_report.models.routed.deepseek_module import DeepSeekModule
from deepseek_report.models.shared.module_classifier import TorchClassifier
from deepseek_report.runner.execution.workers import keep_freed_memory
from deepseek_report.training.session import Session

PAGE = Path(__file__).parent / "measured" / "performance.md"
#: Optimiser steps, and rows asked about, of one turn.
STEPS, ROWS = 8, 2048


class PlainEncoder(nn.Module):
    """The tokens of a module of ours, a plain encoder of the same active size, an output."""

    def __init__(self, ours: DeepSeekModule) -> None:
        super().__init__()
        sizes = ours.config.sizes
        used = sizes.experts_per_token + ours.config.shared_expert
        layer = nn.TransformerEncoderLayer(
            sizes.width,
            2 * sizes.heads,
            used * sizes.expert_width,
            dropout=0.0,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.tokens = copy.deepcopy(ours.tokens)
        self.encoder = nn.TransformerEncoder(layer, sizes.layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(sizes.width)
        self.output = copy.deepcopy(ours.output)

    def forward(self, inputs: Tensor) -> Tensor:
        """(instance, column) -> (instance, class)."""
        logits: Tensor = self.output(self.norm(self.encoder(self.tokens(inputs))[:, 0]))
        return logits

    def forward_with_balance(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Logits, and 0: there is no load to balance."""
        logits = self(inputs)
        return logits, logits.new_zeros(())


def main(turns: int, write: bool) -> None:
    torch.set_num_threads(1)
    keep_freed_memory()
    experiment = validate(compose([]))
    dataset = experiment.dataset.load(1, Silent())
    ours = experiment.model.build(dataset.schema, dataset.train, 1)
    pair = (ours, PlainEncoder(ours))
    trainer = experiment.trainer
    table = "\n".join(
        [
            f"Width {ours.config.sizes.width}, {len(ours.token_columns)} tokens, batches of "
            f"{trainer.batch_size} rows, {turns} turns, torch {torch.__version__}; ms of CPU.",
            "",
            "| | `deepseek` | plain encoder | ratio: min, median, max |",
            "|---|---|---|---|",
            compared("training step", [steps(m, dataset, trainer) for m in pair], STEPS, turns),
            compared("256 rows asked about", [asks(m, dataset) for m in pair], ROWS / 256, turns),
            "",
            whole_training(ours, dataset, trainer),
            "",
        ]
    )
    print(table)
    if write:
        write_block(PAGE, "training", table.strip())


def compared(name: str, pair: Sequence[Callable[[], Any]], parts: float, turns: int) -> str:
    """A row of the table: milliseconds of a part of each, and their ratio."""
    for work in pair:
        work()
    ours, plain = zip(*([cpu_seconds(work) for work in pair] for _ in range(turns)), strict=True)
    ratios = [a / b for a, b in zip(ours, plain, strict=True)]
    spread = f"{min(ratios):.2f}, {statistics.median(ratios):.2f}, {max(ratios):.2f}"
    costs = (f"{1000 * min(seconds) / parts:.1f}" for seconds in (ours, plain))
    return f"| {name} | {' | '.join(costs)} | {spread} |"


def cpu_seconds(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def steps(module: Any, dataset: Dataset, trainer: Any) -> Callable[[], Any]:
    """`STEPS` optimiser steps of a copy, as training takes them."""
    session = Session(trainer, copy.deepcopy(module), dataset, TrainingPlace(Path(), 1, "cpu"))
    inputs, truths = (part[: STEPS * trainer.batch_size] for part in session.train)
    return lambda: session.stepper.epoch(inputs, truths, 0, Silent())


def asks(module: Any, dataset: Dataset) -> Callable[[], Any]:
    """The answers to `ROWS` rows, as explainers get them."""
    classifier = TorchClassifier(module, dataset.schema, "benchmark", frozenset())
    return lambda: classifier.logits(dataset.test.inputs[:ROWS])


def whole_training(module: Any, dataset: Dataset, trainer: Any) -> str:
    """How the time of the default training is divided, in a sentence."""
    with TemporaryDirectory() as folder:
        started = time.process_time()
        trainer.fit(copy.deepcopy(module), dataset, TrainingPlace(Path(folder), 1, "cpu"), Silent())
        cpu = time.process_time() - started
        timing = json.loads((Path(folder) / "times.json").read_text())
    share = timing["step_seconds"] / timing["seconds"]
    return (
        f"The default training took {cpu:.1f} s of CPU; {share:.0%} of its time were optimiser "
        "steps,\nthe rest evaluation, checkpoints and TensorBoard."
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    main(arguments.turns, arguments.write)
