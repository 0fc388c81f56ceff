"""Models of known skill on few cases: is one called useless that is not, and is a useless one told?

Scores are normal and lie so far apart in the two classes that the ROC AUC is the stated one.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from itertools import product
from statistics import NormalDist

import numpy as np

from deepseek_report.artifacts.conclusions import AlertCapacity
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Feature, Schema, Target
from deepseek_report.findings import rules_performance
from deepseek_report.metrics.performance.alerts import PrecisionAtCapacity
from deepseek_report.metrics.performance.classification_scores import RocAuc

from .failures import results_of
from .groups import context
from .trials import Plan, Table, repeat, share, stated_predictions

SCHEMA = Schema(
    (Feature("x", "x", "numeric"),),
    Target("fraud", "Fraud", ("no", "yes"), favourable=0, explained=1),
)
#: True area under the curve, share of “yes”, and numbers of cases.
WORLDS = (
    *((0.89, 0.01, n) for n in (300, 1000, 3000)),
    *((0.75, 0.01, n) for n in (300, 1000, 3000)),
    (0.65, 0.3, 300),
    *((0.5, 0.01, n) for n in (300, 3000, 10_000)),
    *((0.5, 0.3, n) for n in (100, 300, 3000)),
)


def drawn(area: float, rare: float, n: int, seed: int) -> MeasureContext:
    """A model of a known area under the curve on cases of which a share is “yes”."""
    rng = np.random.default_rng([seed, n, round(100 * area), round(100 * rare)])
    labels = (rng.random(n) < rare).astype(np.int64)
    labels[:2] = 0, 1  # an area needs both classes
    scores = rng.normal(size=n) + math.sqrt(2) * NormalDist().inv_cdf(area) * labels
    yes = 1 / (1 + np.exp(-scores))
    p = np.column_stack([1 - yes, yes])
    predictions = stated_predictions(p, labels, (yes > 0.5).astype(np.int64))
    return context(SCHEMA, predictions, seed)


def told(area: float, rare: float, n: int, seed: int) -> str:
    """The finding on the skill of the model: none where it is shown."""
    measured = drawn(area, rare, n, seed)
    results = results_of(measured, {"roc_auc": RocAuc().measure(measured)})
    findings = [*rules_performance.skill(results)]
    return findings[0].message if findings else ""


def alerted(area: float, rare: float, alerts: int, seed: int) -> str:
    """The severity of the finding on so many alerts a day, of 3000 cases of 60 days."""
    measured = drawn(area, rare, 3000, seed)
    data, days = measured.dataset, np.random.default_rng([seed, 7]).integers(0, 60, 3000)
    measured = replace(
        measured,
        dataset=replace(data, test=replace(data.test, moments=1.7e9 + 86_400.0 * days)),
        capacity=AlertCapacity(alerts),
    )
    made = PrecisionAtCapacity().measure(measured)
    (finding,) = rules_performance.alerts(results_of(measured, {"precision_at_capacity": made}))
    return finding.severity


def tables(plan: Plan) -> list[Table]:
    """How often a model is called useless, or not judged, by its true skill."""
    repeats = plan.times(500, 100)
    rows = []
    for area, rare, n in WORLDS:
        outcomes = repeat(partial(told, area, rare, n), repeats, plan)
        kinds = (share([outcome == kind for outcome in outcomes]) for kind in _KINDS)
        rows.append((area, f"{rare:.0%}", n, *kinds))
    return [
        Table(
            "Skill that few cases can hardly show",
            f"{repeats} worlds each. “No skill” is critical and marks all else as of no use; it is "
            "wrong of an area of 0.65 and more. “Too few cases” is a minor finding.",
            ("true area", "“yes”", "cases", "no skill", "too few cases", "shown"),
            rows,
        ),
        _alerts(repeats, plan),
    ]


def _alerts(repeats: int, plan: Plan) -> Table:
    rows = []
    for area, rare, alerts in product((0.5, 0.6, 0.75, 0.9), (0.01, 0.1), (1, 5)):
        outcomes = repeat(partial(alerted, area, rare, alerts), repeats, plan)
        cells = (share([outcome == grade for outcome in outcomes]) for grade in _GRADES)
        rows.append((area, f"{rare:.0%}", alerts, *cells))
    return Table(
        "Alerts that are right more often than cases at random",
        f"{repeats} worlds each, of 3000 cases of 60 days. That they are is a note, wrong of an "
        "area of 0.5. Else it is told that it is not shown: a minor finding, and a major one where "
        "the interval excludes that twice as many are right as of all cases.",
        ("true area", "“yes”", "alerts a day", "better", "not shown", "of no use"),
        rows,
    )


_KINDS, _GRADES = ("no_skill", "skill_open", ""), ("info", "low", "medium")
