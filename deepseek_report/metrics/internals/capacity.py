"""What the model could do without: the loss when one head is switched off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Measurement
from deepseek_report.artifacts.table import Column, TableType, columns_of, estimate
from deepseek_report.metrics.internals.tracing import heads_of, sample_rows, traces
from deepseek_report.metrics.plugin import ComputeMetric, Resamples, Rows
from deepseek_report.statistics.intervals import SHARE
from deepseek_report.statistics.resampling import Resampling, bootstrap, weighted_means
from deepseek_report.tasks import task_of


@dataclass(frozen=True)
class Ablation(ComputeMetric):
    """How much the loss rises when one head is switched off, and which heads can go."""

    reveals = "aggregate"
    tables = {
        "units": TableType(
            (
                *columns_of("layer:place branch head:place"),
                estimate("loss_increase"),
                Column("removable", "yes_no", shown=False),
            ),
            folded=True,
            release=WHOLE,
        )
    }
    bounds = {"removable_heads": SHARE}
    reads = frozenset({"classifier", "dataset", "seed"})
    requires = frozenset({"attention"})
    max_rows: Rows = 400
    tolerance: Annotated[float, Field(ge=0, le=1)] = 0.002
    n_resamples: Resamples = 1000

    def measure(self, context: MeasureContext) -> Measurement:
        test = context.dataset.test
        rows = sample_rows(context, self.max_rows)
        inputs, labels = test.inputs[rows], test.labels[rows]
        branches, shape = heads_of(context, inputs)
        increases = self._increases(context, inputs, labels, shape)
        draws = Resampling.of(test).take(rows), self.n_resamples, context.seed
        low, high = bootstrap(weighted_means(increases), *draws).interval()
        removable = high < self.tolerance
        layers, arms, heads = np.indices(shape).reshape(3, -1)
        table = pd.DataFrame(
            {
                "layer": layers,
                "branch": [branches[k] for k in arms],
                "head": heads,
                "loss_increase": increases.mean(axis=0),
                "low": low,
                "high": high,
                "removable": removable,
            }
        )
        score = self.score(
            "removable_heads",
            Estimate(float(removable.mean()), None, None, len(removable), ""),
            "none",
            unit="share",
            note=message(
                "notes.ablation.removable",
                heads=len(removable),
                tolerance=self.tolerance,
                unit=task_of(context.dataset.schema.target).fit_unit,
            ),
        )
        return Measurement(
            (score,),
            {"units": table},
            notes=(
                message("notes.ablation.one_at_a_time"),
                message("notes.ablation.rows", n=len(rows)),
            ),
        )

    def _increases(
        self, context: MeasureContext, inputs: Floats, labels: NDArray[Any], shape: tuple[int, ...]
    ) -> Floats:
        """(instance, unit) loss with the unit off minus loss with all on."""
        import torch

        device = next(context.classifier.module.parameters()).device
        whole = _losses(context, inputs, labels, None)
        columns = []
        context.progress.start("heads switched off", int(np.prod(shape)))
        for mask in _masks(shape):
            off = torch.as_tensor(mask, dtype=torch.float32, device=device)
            columns.append(_losses(context, inputs, labels, off) - whole)
            context.progress.advance()
        return np.stack(columns, axis=1)


def _masks(shape: tuple[int, ...]) -> Iterator[Floats]:
    for k in range(int(np.prod(shape))):
        mask = np.ones(int(np.prod(shape)))
        mask[k] = 0
        yield mask.reshape(shape)


def _losses(context: MeasureContext, inputs: Floats, labels: NDArray[Any], mask: Any) -> Floats:
    logits = np.concatenate([logits for logits, _ in traces(context, inputs, mask)])
    target = context.dataset.schema.target
    return task_of(target).fit_losses(logits, labels)
