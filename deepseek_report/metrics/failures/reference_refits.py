"""What more rows or fewer inputs do to a plain predictor that stands for the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.artifacts.table import SEPARATOR, TableType
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.failures.failure_rows import LearntFrom, RefitWithout
from deepseek_report.metrics.performance.baselines import (
    fit_predictor,
    limits_of,
    reference_predictions,
)
from deepseek_report.metrics.plugin import ClassMetric, EntityMetric, Rows
from deepseek_report.statistics.answer_errors import require_both
from deepseek_report.statistics.ranking import delong, macro_auc, paired_difference
from deepseek_report.statistics.resampling import Resampling, stratified_order
from deepseek_report.tasks import task_of
from deepseek_report.tasks.classification import iterations
from deepseek_report.tasks.task import REFERENCES

Fraction = Annotated[float, Field(gt=0, le=1)]
_FEWEST_ROWS = 50
_Ranking = tuple[float, Floats]


@dataclass(frozen=True)
class LearningCurve(EntityMetric, ClassMetric):
    """Test AUC of a reference predictor trained on growing parts of the training data."""

    reveals = "aggregate"
    tables = {"curve": TableType.of(LearntFrom, "bottlenecks", folded=True, release=WHOLE)}
    bounds = {"learning_curve_gain": (-1.0, 1.0)}
    category = "data"
    reads = frozenset({"dataset", "seed"})
    predictor: Literal["gradient_boosting", "logistic_regression"] = "gradient_boosting"
    fractions: Annotated[tuple[Fraction, ...], Field(min_length=2)] = (
        0.0625,
        0.125,
        0.25,
        0.5,
        1.0,
    )

    def measure(self, context: MeasureContext) -> Measurement:
        test, target = context.dataset.test, context.dataset.schema.target
        require_both(test.labels)
        rows = self._rows(len(context.dataset.train))
        context.progress.start("learning curve", len(rows))
        rankings = {n: self._ranking(context, n) for n in rows}
        about = message(
            "notes.learning_curve.reference",
            reference=REFERENCES[self.predictor],
            target=target.label,
        )
        limits = limits_of(
            task_of(target), self.predictor, context.dataset.schema.features, len(target.classes)
        )
        gain = _last_doubling(rankings, test, REFERENCES[self.predictor])
        return Measurement(
            (gain,),
            self.frames(
                curve=(
                    (
                        *(n, n / len(context.dataset.train)),
                        *(delong(*rankings[n], test.labels, Resampling.of(test)), self.predictor),
                    )
                    for n in rows
                )
            ),
            notes=(about, limits) if limits else (about,),
        )

    def _rows(self, n: int) -> list[int]:
        rows = sorted({round(n * fraction) for fraction in self.fractions})
        rows = [size for size in rows if size >= _FEWEST_ROWS]
        if len(rows) < 2:
            raise NotApplicableError(message("refusals.few_rows", least=_FEWEST_ROWS, rows=n))
        return rows

    def _ranking(self, context: MeasureContext, rows: int) -> _Ranking:
        data = context.dataset
        order = stratified_order(data.train.labels, np.random.default_rng(context.seed))
        part = data.train.take(order[:rows])
        target = data.schema.target
        predict = fit_predictor(
            task_of(target),
            self.predictor,
            data.schema.features,
            part.inputs,
            part.labels,
            len(target.classes),
            context.seed,
        )
        context.progress.advance()
        return macro_auc(data.test.labels, predict(data.test.inputs), target.explained)


def _last_doubling(rankings: dict[int, _Ranking], test: Split, reference: Text) -> Score:
    """Gain in AUC from the part nearest to half of the largest, to the largest."""
    most = max(rankings)
    half = min(
        (rows for rows in rankings if rows != most), key=lambda rows: (abs(rows - most / 2), rows)
    )
    gap, p_value = paired_difference(
        rankings[most], rankings[half], test.labels, Resampling.of(test)
    )
    return LearningCurve.score(
        "learning_curve_gain",
        gap,
        "none",
        p_value=p_value,
        unit="AUC",
        note=message(
            "notes.learning_curve.last_doubling", reference=reference, first=half, last=most
        ),
    )


#: Share of the training's counted work that all refits together may cost.
MOST_WORK = 0.1
#: Nodes of a tree of the refitted predictor, at most.
_NODES = 29


@dataclass(frozen=True)
class WithoutInputs(EntityMetric):
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

    reveals = "aggregate"
    tables = {"refits": TableType.of(RefitWithout, "bottlenecks", folded=True, release=WHOLE)}
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
            left_out = SEPARATOR.join(data.schema.features[column].label for column in columns)
            score = measure.of(other)[0]
            refits.append((left_out, measure.key, score, change, len(rows), change.n))
            context.progress.advance()
        return Measurement(
            tables=self.frames(refits=refits),
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
