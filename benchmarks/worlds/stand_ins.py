"""Columns that stand in for an attribute of people: are they told, and by the right name?

Six numbers and a category have nothing to do with sex; a seventh number tells it with a stated area
under the ROC curve, or two numbers do so together.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from statistics import NormalDist

import numpy as np

from deepseek_report.artifacts.predictions import Cases
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Attribute, Category, Feature, Schema, Target
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.findings import rules_sources
from deepseek_report.metrics.fairness.proxies import Proxies

from .failures import results_of
from .trials import Plan, Table, repeat, share, stated_predictions

N, NUMBERS, LEVELS = 3000, 6, 4
#: Area under the curve by which the planted columns tell sex.
STRENGTHS = {"weak": 0.75, "middle": 0.85, "strong": 0.95}
#: How many numbers share the task.
PLANTED = {"one number": 1, "two numbers together": 2}
_LABEL = {"high": "critical", "medium": "major", "low": "minor", "info": "note"}


def schema(stand_ins: int) -> Schema:
    names = [*(f"honest {j}" for j in range(NUMBERS)), *(f"stand-in {j}" for j in range(stand_ins))]
    levels = tuple(Category(str(k), f"colour {k}") for k in range(LEVELS))
    return Schema(
        (
            *(Feature(name, name, "numeric") for name in names),
            Feature("colour", "colour", "categorical", categories=levels),
        ),
        Target("paid", "Paid", ("paid", "late"), favourable=0, explained=1),
        (Attribute("sex", "Sex", ("men", "women")),),
    )


def people(n: int, area: float, stand_ins: int, rng: np.random.Generator) -> Split:
    """What is planted moves by d standard deviations with sex: the area is Φ(d / √2)."""
    sex = (rng.random(n) < 0.4).astype(np.int64)
    apart = np.sqrt(2) * NormalDist().inv_cdf(area) / np.sqrt(max(stand_ins, 1))
    planted = rng.normal(size=(n, stand_ins)) + apart * sex[:, None]
    honest = rng.normal(size=(n, NUMBERS))
    inputs = np.column_stack([honest, planted, rng.integers(0, LEVELS, n)]).astype(np.float64)
    return Split(inputs, rng.integers(0, 2, n), np.arange(n), {"sex": sex})


@dataclass(frozen=True)
class Outcome:
    """severity : of the finding, empty where there is none. is_right : whether it names the planted
    columns first and no other before them.
    """

    severity: str
    is_right: bool


def trial(area: float, stand_ins: int, seed: int) -> Outcome:
    """What is concluded in one world of 3 000 people to learn from and as many to test on."""
    rng = np.random.default_rng([seed, stand_ins, round(100 * area)])
    train, test = (people(N, area, stand_ins, rng) for _ in range(2))
    even = np.full((N, 2), 0.5)
    predictions = stated_predictions(even, test.labels, np.zeros(N, np.int64), groups=test.groups)
    context = MeasureContext(
        dataset=Dataset(schema(stand_ins), train, test, test, card={}),
        predictions=predictions,
        validation_predictions=predictions,
        cases=Cases(np.arange(1), {}),
        classifier=None,  # type: ignore[arg-type]  # stand-ins are told from the data alone
        seed=seed,
        background=train.inputs[:1],
    )
    results = results_of(context, {"proxies": Proxies().measure(context)})
    findings = [*rules_sources.proxies(results)]
    if not findings:
        return Outcome("", False)
    named = findings[0].values["found"][0]["features"][:stand_ins]
    expected = [f"stand-in {j}" for j in range(stand_ins)]
    return Outcome(findings[0].severity, bool(named) and sorted(named) == expected)


def _cell(outcomes: list[Outcome]) -> str:
    grades = [outcome.severity for outcome in outcomes if outcome.severity]
    counts = [f"{_LABEL[grade]} {grades.count(grade)}" for grade in dict.fromkeys(grades)]
    return "; ".join([str(share([outcome.is_right for outcome in outcomes])), *counts])


def tables(plan: Plan) -> list[Table]:
    """How often stand-ins are told with their columns, and how often where there are none."""
    repeats = plan.times(100)
    rows: list[tuple[object, ...]] = [
        (
            name,
            *(
                _cell(repeat(partial(trial, area, stand_ins), repeats, plan))
                for area in STRENGTHS.values()
            ),
        )
        for name, stand_ins in PLANTED.items()
    ]
    honest = repeat(partial(trial, 0.5, 0), repeats, plan)
    alarms = share([outcome.severity != "" for outcome in honest])
    return [
        Table(
            "Columns that stand in for an attribute",
            f"{repeats} worlds each of {N} people to learn from and {N} to test on. What is "
            "planted tells sex with an area of 0.75, 0.85 or 0.95. Counted where the finding names "
            "the planted columns first; behind it the severities. Where nothing stands in, "
            f"stand-ins were told in {alarms}.",
            ("planted", *STRENGTHS),
            rows,
        )
    ]
