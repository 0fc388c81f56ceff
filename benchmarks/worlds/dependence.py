"""Worlds in which several rows are of one person: how often intervals hold and alarms are false.

People differ in what happens to them beyond what is known of them, so that the rows of a person go
together; groups of people differ in nothing, and the stated probabilities are right. Each world has
300 people who are tested, with 2, 3 or 10 rows each, or with numbers that differ. The metrics
measure and the rules conclude as in a run; whole runs are made by the Python API.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.score import Score
from deepseek_report.metrics.performance.calibration import ExpectedCalibrationError
from deepseek_report.metrics.performance.classification_scores import (
    Accuracy,
    AveragePrecision,
    BalancedAccuracy,
    BrierScore,
    RocAuc,
)
from deepseek_report.metrics.performance.confusion_matrix import ConfusionMatrix

from . import groups

ENTITIES = 300
#: Rows of a person; 0 stands for one to twenty, most often few.
ROWS = (2, 3, 10, 0)
#: Standard deviation of the log-odds over people that nothing known tells, and over their rows.
_PERSON, _ROW = 1.5, 0.5
ATTRIBUTES: Mapping[str, tuple[float, ...]] = {"sex": (0.6, 0.4), "status": (0.5, 0.35, 0.15)}
_TRUTH = 60_000


@dataclass(frozen=True)
class World:
    """A test part of people with several rows each.

    rows : of each person, see `ROWS`. entities : people.
    """

    rows: int
    entities: int = ENTITIES

    def draw(self, seed: int) -> Predictions:
        """Predictions with right probabilities, decided from one half on."""
        rng = np.random.default_rng([seed, self.rows, self.entities])
        sizes = self._sizes(rng)
        people = np.repeat(np.arange(self.entities), sizes)
        n = len(people)
        known = rng.normal(size=self.entities)[people] + _ROW * rng.normal(size=n)
        # What is known and what is not add up to a normal number, whose tail is the probability.
        stated = _tail(known / _PERSON)
        hidden = rng.normal(size=self.entities)[people] * 0.9 + rng.normal(size=n) * np.sqrt(0.19)
        labels = (known / _PERSON + hidden > 0).astype(np.int64)
        probabilities = np.column_stack([1 - stated, stated])
        codes = {
            name: rng.choice(len(shares), self.entities, p=shares)[people]
            for name, shares in ATTRIBUTES.items()
        }
        return Predictions(
            logits=np.log(np.clip(probabilities, 1e-12, 1)),
            probabilities=probabilities,
            labels=labels,
            instance_ids=np.arange(n),
            decisions=(stated > 0.5).astype(np.int64),
            threshold=0.5,
            rule="declared",
            groups=codes,
            entities=people,
        )

    def _sizes(self, rng: np.random.Generator) -> Ints:
        if self.rows:
            return np.full(self.entities, self.rows)
        return np.minimum(1 + rng.geometric(0.25, self.entities) * rng.integers(1, 4), 20)


def _tail(z: Floats) -> Floats:
    from scipy.special import ndtr

    return np.asarray(ndtr(z))


#: What a run measures on the whole, whose intervals are to hold.
_MEASURED: tuple[Any, ...] = (
    *(Accuracy(), BalancedAccuracy(n_resamples=500), BrierScore(), RocAuc()),
    *(AveragePrecision(n_resamples=500), ConfusionMatrix()),
    ExpectedCalibrationError(n_resamples=100),
)
#: Of these it is shown what they would be if rows were taken as independent.
_BY_ROWS: tuple[Any, ...] = (Accuracy(), BrierScore(), RocAuc())
_NAMES = (
    *("accuracy", "balanced_accuracy", "brier_score", "roc_auc", "average_precision"),
    *("true_positive_rate", "false_positive_rate", "precision"),
    *("calibration_slope", "calibration_intercept"),
)


def _schema() -> Any:
    return groups._schema(ATTRIBUTES)


def _scores(predictions: Predictions, metrics: tuple[Any, ...], seed: int) -> dict[str, Score]:
    context = groups._context(_schema(), predictions, seed)
    measured = [score for metric in metrics for score in metric.measure(context).scores]
    return {score.metric: score for score in measured if score.metric in _NAMES}


@cache
def _truth(rows: int) -> dict[str, float]:
    """What the scores are of very many people; calibration is right by construction."""
    whole = replace(World(rows, _TRUTH // max(rows, 6)).draw(987_654), entities=None)
    known = _scores(whole, (Accuracy(), RocAuc(), ConfusionMatrix()), 0)
    truth = {name: score.value for name, score in known.items()}
    rate = whole.decisions == whole.labels
    truth["balanced_accuracy"] = float(np.mean([rate[whole.labels == k].mean() for k in (0, 1)]))
    truth["brier_score"] = float(((whole.scores - whole.labels) ** 2).mean())
    truth["average_precision"] = _average_precision(whole)
    return truth | {"calibration_slope": 1.0, "calibration_intercept": 0.0}


def _average_precision(p: Predictions) -> float:
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(p.truths, p.scores))


@dataclass(frozen=True)
class Outcome:
    """Of one world: which intervals hold with entities and without, and the gravest alarms."""

    holds: Mapping[str, bool]
    holds_by_rows: Mapping[str, bool]
    major: bool
    major_by_rows: bool


def _holds(scores: Mapping[str, Score], truth: Mapping[str, float]) -> dict[str, bool]:
    return {
        name: bool((score.low or -np.inf) <= truth[name] <= (score.high or np.inf))
        for name, score in scores.items()
    }


def _is_major(predictions: Predictions, seed: int) -> bool:
    found = groups.concluded(_schema(), predictions, seed)
    return any(finding.severity in {"high", "medium"} for finding in found)


def _trial(rows: int, seed: int) -> Outcome:
    drawn, truth = World(rows).draw(seed), _truth(rows)
    by_rows = replace(drawn, entities=None)
    return Outcome(
        _holds(_scores(drawn, _MEASURED, seed), truth),
        _holds(_scores(by_rows, _BY_ROWS, seed), truth),
        _is_major(drawn, seed),
        _is_major(by_rows, seed),
    )
