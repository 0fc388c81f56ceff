"""Whether more data would help: ranking quality of a reference predictor by number of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.artifacts.table import Column, TableType, estimate
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.failures.failure_rows import LearntFrom
from deepseek_report.metrics.performance.baselines import fit_predictor, limits_of
from deepseek_report.metrics.plugin import ClassMetric
from deepseek_report.statistics.classification_errors import require_both
from deepseek_report.statistics.ranking import delong, macro_auc, paired_difference
from deepseek_report.statistics.resampling import Resampling, stratified_order
from deepseek_report.tasks import task_of
from deepseek_report.tasks.task import REFERENCES

Fraction = Annotated[float, Field(gt=0, le=1)]
_FEWEST_ROWS = 50
_Ranking = tuple[float, Floats]


@dataclass(frozen=True)
class LearningCurve(ClassMetric):
    """Test AUC of a reference predictor trained on growing parts of the training data."""

    counts_entities = True
    reveals = "aggregate"
    tables = {
        "curve": TableType(
            (
                Column("rows", "count"),
                Column("fraction", "share", shown=False),
                estimate("roc_auc"),
                Column("predictor"),
            ),
            section="bottlenecks",
            folded=True,
            release=WHOLE,
            row=LearntFrom,
        )
    }
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
            {
                "curve": self.tables["curve"].frame(
                    self._row(n, rankings[n], context.dataset) for n in rows
                )
            },
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

    def _row(self, rows: int, ranking: _Ranking, data: Dataset) -> dict[str, object]:
        auc = delong(*ranking, data.test.labels, Resampling.of(data.test))
        about = {"rows": rows, "fraction": rows / len(data.train), "predictor": self.predictor}
        return {**about, **auc.cells("roc_auc")}


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
