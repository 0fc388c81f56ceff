"""Worlds in which several rows are of one person: how often intervals hold and alarms are false.

People differ in what happens to them beyond what is known of them, so that the rows of a person go
together; groups of people differ in nothing, and the stated probabilities are right. Each world has
300 people who are tested, with 2, 3 or 10 rows each, or with numbers that differ. The metrics
measure and the rules conclude as in a run; whole runs are made by the Python API.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Attribute, Feature, Schema, Target
from deepseek_report.artifacts.score import Score
from deepseek_report.findings.conclude import all_findings
from deepseek_report.metrics.failures.part_performance import PartPerformance
from deepseek_report.metrics.failures.risk_patterns import RiskPatterns
from deepseek_report.metrics.failures.slices import Slices
from deepseek_report.metrics.fairness.group_gaps import DemographicParityDifference
from deepseek_report.metrics.fairness.group_rates import GroupRates
from deepseek_report.metrics.performance.calibration import ExpectedCalibrationError
from deepseek_report.metrics.performance.classification_scores import (
    Accuracy,
    AveragePrecision,
    BalancedAccuracy,
    BrierScore,
    ConfusionMatrix,
    RocAuc,
)
from deepseek_report.metrics.plugin import measured
from deepseek_report.statistics.ranking import auc_influence

from . import data, groups
from .trials import Plan, Table, repeat, share, stated_predictions

ENTITIES = 300
#: Rows of a person; 0 stands for one to twenty, most often few.
ROWS = (2, 3, 10, 0)
#: Standard deviation of the log-odds over people that nothing known tells, and over their rows.
_PERSON, _ROW = 1.5, 0.5
ATTRIBUTES: Mapping[str, tuple[float, ...]] = {"sex": (0.6, 0.4), "status": (0.5, 0.35, 0.15)}
#: Features of people that nothing depends on, and rows of which the true scores are computed.
_IDLE, _TRUTH = 4, 1_000_000
SCHEMA = Schema(
    tuple(Feature(f"x{j}", f"x{j}", "numeric") for j in range(_IDLE)),
    Target("paid", "Paid", ("no", "yes"), favourable=1, explained=1),
    (
        *(
            Attribute(name, name, tuple(f"{name} {k}" for k in range(len(shares))))
            for name, shares in ATTRIBUTES.items()
        ),
        Attribute("site", "site", ("a", "b", "c"), kind="other"),
    ),
)


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
        sizes = self.sizes(rng)
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
        return stated_predictions(
            probabilities,
            labels,
            (stated > 0.5).astype(np.int64),
            least=1e-12,
            groups=codes,
            entities=people,
        )

    def sizes(self, rng: np.random.Generator) -> Ints:
        if self.rows:
            return np.full(self.entities, self.rows)
        return np.minimum(1 + rng.geometric(0.25, self.entities) * rng.integers(1, 4), 20)


def _tail(z: Floats) -> Floats:
    from scipy.special import ndtr

    return np.asarray(ndtr(z))


#: Draws of a bootstrap; the default is 1 000.
_DRAWS = 300
#: What a run measures on the whole, whose intervals are to hold.
_MEASURED: tuple[Any, ...] = (
    *(Accuracy(), BalancedAccuracy(_DRAWS), BrierScore(_DRAWS), RocAuc()),
    *(AveragePrecision(_DRAWS), ConfusionMatrix(), ExpectedCalibrationError(n_resamples=100)),
)
#: What findings are drawn from.
CONCLUDED: Mapping[str, Any] = {
    **groups.METRICS,
    "demographic_parity_difference": DemographicParityDifference(),
    "group_rates": GroupRates(),
    "part_performance": PartPerformance(),
    "slices": Slices(),
    "risk_patterns": RiskPatterns(),
    "roc_auc": RocAuc(),
    "accuracy": Accuracy(),
    "expected_calibration_error": ExpectedCalibrationError(),
}
#: Of these it is shown what they would be if rows were taken as independent.
_BY_ROWS: tuple[Any, ...] = (Accuracy(), BrierScore(_DRAWS), RocAuc())
_NAMES = (
    *("accuracy", "balanced_accuracy", "brier_score", "roc_auc", "average_precision"),
    *("true_positive_rate", "false_positive_rate", "precision"),
    *("calibration_slope", "calibration_intercept"),
)


def _context(predictions: Predictions, seed: int) -> MeasureContext:
    """The predictions, with features of the people that nothing depends on.

    Slices are made of these, which hold whole people, and a site that differs from row to row.
    """
    rng = np.random.default_rng([seed, 17])
    people = predictions.instance_ids if predictions.entities is None else predictions.entities
    idle = rng.normal(size=(int(people.max()) + 1, _IDLE))[people]
    sites = rng.integers(0, 3, len(predictions))
    predictions = replace(predictions, groups={**predictions.groups, "site": sites})
    return groups.context(SCHEMA, predictions, seed, idle)


def _scores(predictions: Predictions, metrics: tuple[Any, ...], seed: int) -> dict[str, Score]:
    context = _context(predictions, seed)
    measured = [score for metric in metrics for score in metric.measure(context).scores]
    return {score.metric: score for score in measured if score.metric in _NAMES}


@cache
def _truth() -> dict[str, float]:
    """What the scores are of very many people with one row each, as it is of those with more.

    Whether a person is decided for and has the label is symmetric, and calibration is right by
    construction.
    """
    whole = World(1, _TRUTH).draw(987_654)
    right = float((whole.decisions == whole.labels).mean())
    hits = dict.fromkeys(
        ("accuracy", "balanced_accuracy", "true_positive_rate", "precision"), right
    )
    return hits | {
        "false_positive_rate": 1 - right,
        "brier_score": float(((whole.scores - whole.labels) ** 2).mean()),
        "roc_auc": auc_influence(whole.truths, whole.scores)[0],
        "average_precision": _average_precision(whole),
        "calibration_slope": 1.0,
        "calibration_intercept": 0.0,
    }


def _average_precision(p: Predictions) -> float:
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(p.truths, p.scores))


@dataclass(frozen=True)
class Coverage:
    """Of one world: which intervals hold with entities, and which without."""

    holds: Mapping[str, bool]
    holds_by_rows: Mapping[str, bool]


@dataclass(frozen=True)
class Alarms:
    """Of one world: whether anything critical or major is said with entities, and without."""

    major: bool
    major_by_rows: bool


def _holds(scores: Mapping[str, Score], truth: Mapping[str, float]) -> dict[str, bool]:
    return {
        name: bool((score.low or -np.inf) <= truth[name] <= (score.high or np.inf))
        for name, score in scores.items()
    }


def findings(predictions: Predictions, seed: int) -> list[Finding]:
    """All that a report would say of these metrics."""
    context = _context(predictions, seed)
    with tempfile.TemporaryDirectory() as folder:
        paths = {"data": Path(folder) / "data", "predictions/test": Path(folder) / "predictions"}
        context.dataset.save(paths["data"])
        context.predictions.save(paths["predictions/test"])
        for name, metric in CONCLUDED.items():
            paths[f"measures/{name}"] = Path(folder) / name
            measured(metric, context).save(paths[f"measures/{name}"])
        return all_findings(Results(paths, {"report": {}}))


def _is_major(predictions: Predictions, seed: int) -> bool:
    return any(each.severity in {"high", "medium"} for each in findings(predictions, seed))


def _coverage(rows: int, seed: int) -> Coverage:
    drawn, truth = World(rows).draw(seed), _truth()
    by_rows = replace(drawn, entities=None)
    return Coverage(
        _holds(_scores(drawn, _MEASURED, seed), truth),
        _holds(_scores(by_rows, _BY_ROWS, seed), truth),
    )


def _alarms(rows: int, seed: int) -> Alarms:
    drawn = World(rows).draw(seed)
    return Alarms(_is_major(drawn, seed), _is_major(replace(drawn, entities=None), seed))


#: People of whom the columns of data are searched, and how often a row has its person's label.
_SEARCHED, _AS_PERSON = 40, 0.95


def accused(rows: int, declared: bool, seed: int) -> bool:
    """Whether a column that says nothing is called a leak by a medium issue or a graver one.

    The numbers of a person hardly differ from row to row, and most of the rows have one label,
    which is a coin of the person's.
    """
    rng = np.random.default_rng([seed, rows, 31])
    values, _ = data.honest(_SEARCHED, rng)
    people = np.repeat(np.arange(_SEARCHED), World(rows, _SEARCHED).sizes(rng))
    values, labels = data.nearly(values[people], values, rng), rng.integers(0, 2, _SEARCHED)[people]
    labels = np.where(rng.random(len(labels)) < _AS_PERSON, labels, 1 - labels)
    made = data.dataset(values, labels, seed, entities=people if declared else None)
    return any(issue.severity in {"high", "medium"} for issue in data.judged(made))


def tables(plan: Plan) -> list[Table]:
    """How often intervals hold, and how often anything grave is said where nothing is wrong."""
    covered = {rows: repeat(partial(_coverage, rows), plan.times(2000), plan) for rows in ROWS}
    worlds = {rows: repeat(partial(_alarms, rows), plan.times(100), plan) for rows in ROWS}
    heads = [f"{rows} rows" if rows else "1 to 20 rows" for rows in ROWS]
    of_rows = [
        (
            f"{name}, as rows",
            *(share([each.holds_by_rows[name] for each in covered[rows]]) for rows in ROWS),
        )
        for name in ("accuracy", "brier_score", "roc_auc")
    ]
    of_entities = [
        (name, *(share([each.holds[name] for each in covered[rows]]) for rows in ROWS))
        for name in _NAMES
    ]
    alarms = [
        ("entities", *(share([each.major for each in worlds[rows]]) for rows in ROWS)),
        ("rows", *(share([each.major_by_rows for each in worlds[rows]]) for rows in ROWS)),
    ]
    leaks = [
        (
            told,
            *(
                share(repeat(partial(accused, rows, declared), plan.times(100), plan))
                for rows in ROWS
            ),
        )
        for told, declared in (("entities", True), ("rows", False))
    ]
    about = f"{ENTITIES} people each, whose rows go together; probabilities are right, and "
    return [
        Table(
            "Intervals where several rows are of one person",
            f"How often the 95 % interval holds the true value, by {_DRAWS} draws where it is a "
            f"bootstrap. {plan.times(2000)} worlds, {about}the entity is declared, but for the "
            "last lines, where rows are taken as independent.",
            ("score", *heads),
            [*of_entities, *of_rows],
        ),
        Table(
            "Any critical or major finding where several rows are of one person",
            f"{plan.times(100)} worlds, {about}no group, site or slice differs. With and without "
            f"the declared entity, by {len(CONCLUDED)} metrics.",
            ("counted are", *heads),
            alarms,
        ),
        Table(
            "Columns that say nothing and are called leaks where several rows are of one person",
            f"{plan.times(100)} data sets of {_SEARCHED} people each, of whom the numbers hardly "
            f"differ from row to row, and {100 * _AS_PERSON:.0f} % of the rows have one label, "
            "which is a coin. A medium issue or a graver one, with and without the declared "
            "entity; without it a person also has rows in several parts.",
            ("counted are", *heads),
            leaks,
        ),
    ]
