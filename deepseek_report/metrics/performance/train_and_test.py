"""How the model does on rows that it was trained on, beside rows that it has not seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.classifier import AnswersRows
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.table import Column, TableType, columns_of, estimate
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.performance.performance_rows import TrainTestGap
from deepseek_report.metrics.performance.predicting import predict_alike
from deepseek_report.metrics.plugin import ClassMetric
from deepseek_report.statistics.classification_errors import require_both
from deepseek_report.statistics.intervals import difference_of_means
from deepseek_report.statistics.ranking import macro_auc_estimate, thin
from deepseek_report.statistics.resampling import Resampling


@dataclass(frozen=True)
class TrainAndTest(ClassMetric):
    """The main numbers of the model on training rows beside those on test rows.

    Both are decided by the threshold in use. Rows of the two parts are independent, so that the
    intervals of both are joined for their difference, train less test.

    rows : training rows that the model is asked about, at even distances.

    Reference: Zou & Donner 2008, doi:10.1002/sim.3095 (interval of a difference).
    """

    counts_entities = True
    reveals = "aggregate"
    tables = {
        "measures": TableType(
            (
                Column("metric", "metric"),
                estimate("train", prefix="train"),
                estimate("test", prefix="test"),
                estimate("gap", prefix="gap"),
                Column("constant", "share", shown=False),
                *columns_of("n_train:count n:count"),
            ),
            release=WHOLE,
            row=TrainTestGap,
        )
    }
    bounds = {"train_test_gap": (-1.0, 1.0)}
    category = "performance"
    reads = frozenset({"predictions", "dataset", "classifier"})
    rows: Annotated[int, Field(ge=100)] = 2000

    def measure(self, context: MeasureContext) -> Measurement:
        """Refuses a model of which nothing but answers for its own rows is known."""
        if isinstance(context.classifier, AnswersRows):
            raise NotApplicableError(message("refusals.answers_alone"))
        test, train = context.predictions, context.dataset.train
        seen = train.take(thin(len(train), self.rows))
        known = predict_alike(context.classifier, seen, test)
        require_both(test.labels)
        require_both(known.labels)
        joined = message("interval_methods.joined")
        constants = {"accuracy": float(np.bincount(test.labels).max() / len(test))}
        gaps, rows = [], []
        for (name, own), (_, other) in zip(_estimates(test), _estimates(known), strict=True):
            gaps.append(Estimate(*difference_of_means(other, own), len(test), joined))
            parts = {"train": other, "test": own, "gap": gaps[-1]}
            row = {"metric": name, "constant": constants.get(name), "n_train": other.n, "n": own.n}
            for key, part in parts.items():
                row |= part.cells(key, key)
            rows.append(row)
        score = self.score("train_test_gap", gaps[0], "lower")
        note = message("notes.train_and_test.rows", rows=len(seen), of=len(train))
        tables = {"measures": self.tables["measures"].frame(rows)}
        return Measurement((score,), tables, notes=(note,))


def _estimates(predictions: Predictions) -> Iterator[tuple[str, Estimate]]:
    """The area first, then rates of the decisions; of two classes those about the explained one."""
    p, drawn = predictions, Resampling.of(predictions)
    yield "roc_auc", macro_auc_estimate(p.labels, p.probabilities, p.explained, drawn)
    yield "accuracy", drawn.rate(p.correct)
    if p.probabilities.shape[1] == 2:
        decided = p.decisions == p.explained
        yield "true_positive_rate", drawn.rate(decided, p.truths)
        yield "precision", drawn.rate(p.truths, decided)
