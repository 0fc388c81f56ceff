"""Models of known skill on few cases: is one called useless that is not, and is a useless one told?

Scores are normal and lie so far apart in the two classes that the ROC AUC is the stated one.
"""

from __future__ import annotations

import math
from functools import partial
from statistics import NormalDist

import numpy as np

from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.schema import Feature, Schema, Target
from deepseek_report.findings import rules_performance
from deepseek_report.metrics.performance.classification_scores import RocAuc

from .failures import results_of
from .groups import context
from .trials import Plan, Table, repeat, share

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


def told(area: float, rare: float, n: int, seed: int) -> str:
    """The finding on the skill of the model: none where it is shown."""
    rng = np.random.default_rng([seed, n, round(100 * area), round(100 * rare)])
    labels = (rng.random(n) < rare).astype(np.int64)
    labels[:2] = 0, 1  # an area needs both classes
    scores = rng.normal(size=n) + math.sqrt(2) * NormalDist().inv_cdf(area) * labels
    yes = 1 / (1 + np.exp(-scores))
    p = np.column_stack([1 - yes, yes])
    predictions = Predictions(
        logits=np.log(p),
        probabilities=p,
        labels=labels,
        instance_ids=np.arange(n),
        decisions=(yes > 0.5).astype(np.int64),
        threshold=0.5,
        rule="declared",
        explained=1,
        groups={},
    )
    measured = context(SCHEMA, predictions, seed)
    results = results_of(measured, {"roc_auc": RocAuc().measure(measured)})
    findings = rules_performance.skill(results)
    return findings[0].message if findings else ""


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
        )
    ]


_KINDS = ("no_skill", "skill_open", "")
