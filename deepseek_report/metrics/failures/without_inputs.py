"""What leaving out inputs that may hold the answer would do to a plain predictor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Ints
from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.split import Dataset
from deepseek_report.artifacts.table import SEPARATOR, TableType, columns_of, estimate
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.failures.failure_rows import RefitWithout
from deepseek_report.metrics.performance.baselines import reference_predictions
from deepseek_report.metrics.plugin import ModelMetric, Rows
from deepseek_report.tasks import task_of
from deepseek_report.tasks.classification import iterations

#: Share of the training's counted work that all refits together may cost.
MOST_WORK = 0.1
#: Nodes of a tree of the refitted predictor, at most.
_NODES = 29


@dataclass(frozen=True)
class WithoutInputs(ModelMetric):
    """What a plain predictor gains, loses and decides otherwise if inputs are left out.

    Left out are, one after the other, the inputs that a check of the data suspects to hold the
    answer. Gradient boosting is fitted with everything and without them, to the same rows, and
    decides for the explained class as often as the model does; it stands for the model, and is not
    the model. Its score is compared on the same test rows. What leaving out a sensitive input does
    is among the `options`.

    Nothing is fitted where that would cost more than a tenth of the training, by counted work: rows
    × parameters × epochs, of the training one epoch.

    max_rows : training rows that it is fitted to.
    """

    counts_entities = True
    reveals = "aggregate"
    tables = {
        "refits": TableType(
            (
                *columns_of("inputs metric:metric score:number"),
                estimate("score_change", "number", prefix="score_change"),
                *columns_of("rows:count n:count"),
            ),
            section="bottlenecks",
            folded=True,
            release=WHOLE,
            row=RefitWithout,
        )
    }
    bounds = {}
    category = "data"
    modalities = frozenset({"table"})
    reads = frozenset({"dataset", "predictions", "validation_predictions", "classifier", "seed"})
    max_rows: Rows = 8000

    def measure(self, context: MeasureContext) -> Measurement:
        data = context.dataset
        candidates = _suspected(data)
        if not candidates:
            raise NotApplicableError(message("refusals.nothing_to_leave_out"))
        rows = self._rows(context)
        chosen = candidates[: self._affordable(context, len(rows)) - 1]
        if not chosen:
            raise NotApplicableError(message("refusals.refit_is_dear", share=MOST_WORK))
        context.progress.start("refits", len(chosen))
        every = np.arange(len(data.schema.features))
        whole = reference_predictions("gradient_boosting", context, every, rows)
        refits = []
        for columns in chosen:
            kept = np.setdiff1d(every, columns)
            other = reference_predictions("gradient_boosting", context, kept, rows)
            measure = task_of(data.schema.target).by_rows[0]
            change, _ = measure.difference(other, whole)
            row = _row(data, columns, measure.key, measure.of(other)[0], change)
            refits.append(row | {"rows": len(rows)})
            context.progress.advance()
        return Measurement(
            tables={"refits": self.tables["refits"].frame(refits)},
            notes=self._notes(len(rows), len(candidates) - len(chosen)),
        )

    def _rows(self, context: MeasureContext) -> Ints:
        n = len(context.dataset.train)
        order = np.random.default_rng(context.seed).permutation(n)
        return np.sort(order[: self.max_rows])

    def _affordable(self, context: MeasureContext, rows: int) -> int:
        """How many fits cost no more than `MOST_WORK` of one epoch of the training."""
        module = context.classifier.module
        if not hasattr(module, "named_parameters"):
            return 0
        parameters = sum(parameter.numel() for parameter in module.parameters())
        data = context.dataset
        classes = max(len(data.schema.target.classes), 1)
        trees = iterations(classes) * (classes if classes > 2 else 1)
        a_fit = rows * trees * _NODES
        return int(MOST_WORK * len(data.train) * parameters / max(a_fit, 1))

    def _notes(self, rows: int, left: int) -> tuple[Text, ...]:
        notes = [message("notes.without_inputs.refitted", rows=rows)]
        if left:
            notes.append(message("notes.without_inputs.too_many", n=left, share=MOST_WORK))
        return tuple(notes)


def _suspected(data: Dataset) -> list[list[int]]:
    """Positions of inputs of which a check of the data asks whether they hold the answer."""
    suspected = []
    for issue in data.issues:
        names = issue.values.get("features") or [issue.values.get("feature")]
        known = [str(name) for name in names if name in data.schema.names]
        if issue.check == "near_leak" and issue.severity in ("high", "medium") and known:
            suspected.append([data.schema.position(name) for name in known])
    return suspected


def _row(
    data: Dataset, columns: list[int], metric: str, score: float, change: Estimate
) -> dict[str, object]:
    """What leaving out these inputs did: the score without them, less that with all of them."""
    return {
        "inputs": SEPARATOR.join(data.schema.features[column].label for column in columns),
        "metric": metric,
        "score": score,
        **change.cells("score_change", "score_change"),
        "n": change.n,
    }
