"""How the model does on rows that it was trained on, beside rows that it has not seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.classifier import AnswersRows
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Measurement
from deepseek_report.artifacts.table import Column, TableType, columns_of, estimate
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.performance.predicting import predict_alike
from deepseek_report.metrics.plugin import ClassMetric
from deepseek_report.statistics.classification_errors import require_both
from deepseek_report.statistics.intervals import difference_of_means
from deepseek_report.statistics.ranking import macro_auc_estimate, thin
from deepseek_report.statistics.resampling import Resampling

_ENDS = ("", "_low", "_high")
_NUMBERS = tuple(f"{part}{end}" for part in ("train", "test", "gap") for end in _ENDS)


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
        on_train, on_test = dict(_estimates(known)), dict(_estimates(test))
        rows = [_row(name, on_train[name], on_test[name]) for name in on_test]
        table = pd.DataFrame(rows).astype(dict.fromkeys((*_NUMBERS, "constant"), np.float64))
        table.loc[table["metric"] == "accuracy", "constant"] = _most_frequent(test)
        value, low, high = (float(table[f"gap{end}"].iloc[0]) for end in _ENDS)
        joined = message("interval_methods.joined")
        score = self.score("train_test_gap", Estimate(value, low, high, len(test), joined), "lower")
        note = message("notes.train_and_test.rows", rows=len(seen), of=len(train))
        return Measurement((score,), {"measures": table}, notes=(note,))


def _estimates(predictions: Predictions) -> Iterator[tuple[str, Estimate]]:
    """The area first, then rates of the decisions; of two classes those about the explained one."""
    p, drawn = predictions, Resampling.of(predictions)
    yield "roc_auc", macro_auc_estimate(p.labels, p.probabilities, p.explained, drawn)
    yield "accuracy", drawn.rate(p.correct)
    if p.probabilities.shape[1] == 2:
        decided = p.decisions == p.explained
        yield "true_positive_rate", drawn.rate(decided, p.truths)
        yield "precision", drawn.rate(p.truths, decided)


def _row(name: str, train: Estimate, test: Estimate) -> dict[str, object]:
    gap, low, high = difference_of_means(train, test)
    parts: Mapping[str, tuple[float, float | None, float | None]] = {
        "train": (train.value, train.low, train.high),
        "test": (test.value, test.low, test.high),
        "gap": (gap, low, high),
    }
    ends = {
        f"{part}{end}": value
        for part, values in parts.items()
        for end, value in zip(_ENDS, values, strict=True)
    }
    return {"metric": name, **ends, "constant": np.nan, "n_train": train.n, "n": test.n}


def _most_frequent(predictions: Predictions) -> float:
    """How often the most frequent class would be right."""
    return float(np.bincount(predictions.labels).max() / len(predictions))
