"""Gaps that flow through two columns together, of which neither tells the group alone.

Two numbers have the same sign for one sex and opposite signs for the other, but for a share of
people; four further numbers are noise. The model favours people by skill, or by these two numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.schema import Attribute, Feature, Schema
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.metrics.fairness.direct_use import DirectUse

from .groups import FAVOURABLE, OTHER, context, predictions_of, schema_of
from .trials import Plan, Table, repeat, share

N, NOISE = 2000, 4
NAMES = ("left", "right", "skill", *(f"noise {k}" for k in range(NOISE)))


@dataclass(frozen=True)
class ByBoth(Classifier):
    """Favours by skill, and by whether the first two numbers have the same sign."""

    weight: float

    def probabilities(self, inputs: Floats) -> Floats:
        same = (inputs[:, 0] > 0) == (inputs[:, 1] > 0)
        favourable = 1 / (1 + np.exp(-inputs[:, 2] - self.weight * np.where(same, 1, -1)))
        return np.column_stack([favourable, 1 - favourable])


def people(blurred: float, rng: np.random.Generator) -> Split:
    """Blurred : share of people whose two numbers say nothing of their sex."""
    numbers = rng.normal(size=(N, len(NAMES)))
    sex = ((numbers[:, 0] > 0) == (numbers[:, 1] > 0)).astype(np.int64)
    sex = np.where(rng.random(N) < blurred, rng.integers(0, 2, N), sex)
    labels = np.where(rng.random(N) < 1 / (1 + np.exp(-numbers[:, 2])), FAVOURABLE, OTHER)
    return Split(numbers, labels, np.arange(N), {"sex": sex})


@dataclass(frozen=True)
class Outcome:
    """right : the two columns are the set. empty : no set. explained : share of the gap that is
    told to flow through it; NaN without a set. zero : a part of exactly 0 is told without a set.
    """

    right: bool
    empty: bool
    explained: float
    zero: bool


def trial(weight: float, blurred: float, seed: int) -> Outcome:
    """One world: what is said to stand in for sex, and how much of the gap flows through it."""
    rng, model = np.random.default_rng([seed, round(10 * blurred)]), ByBoth(weight)
    train, test = people(blurred, rng), people(blurred, rng)
    favourable = model.probabilities(test.inputs)[:, FAVOURABLE]
    schema = Schema(
        tuple(Feature(name, name, "numeric") for name in NAMES),
        schema_of({}).target,
        (Attribute("sex", "sex", ("sex 0", "sex 1")),),
    )
    about = replace(
        context(schema, predictions_of(favourable, test.labels, dict(test.groups)), seed),
        dataset=Dataset(schema, train, test, test, card={}),
        classifier=model,
    )
    tables = DirectUse(max_rows=N, n_resamples=100).measure(about).tables
    swap, split = (tables[name].iloc[0].to_dict() for name in ("swaps", "split"))
    names = set(filter(None, swap["stand_ins"].split("; ")))
    part = float(split["stand_ins"])
    zero = not names and not math.isnan(part)
    return Outcome(names == {"left", "right"}, not names, part / split["gap"], zero)


def tables(plan: Plan) -> list[Table]:
    """100 worlds each at a share of 1."""
    repeats = plan.times(100, 20)
    rows = []
    for weight, blurred in ((1.0, 0.0), (1.0, 0.3), (1.0, 0.6), (1.0, 1.0), (0.0, 1.0)):
        outcomes = repeat(partial(trial, weight, blurred), repeats, plan)
        explained = [outcome.explained for outcome in outcomes if outcome.right]
        median = f"{100 * float(np.median(explained)):.0f} %" if explained and blurred < 1 else "–"
        rows.append(
            (
                "both columns and skill" if weight else "skill",
                f"{100 * blurred:.0f} %",
                share([outcome.right for outcome in outcomes]),
                share([outcome.empty for outcome in outcomes]),
                median,
                sum(outcome.zero for outcome in outcomes),
            )
        )
    return [
        Table(
            "Stand-ins that tell a group only together",
            f"{repeats} worlds of {N} people to learn from and {N} to test on. Of blurred people "
            "the two columns say nothing; of 100 % there is no stand-in. The share of the gap "
            "is the median that the set explains where it is found. Without a set its part is "
            "“not found by this procedure”; a part of 0 would be wrong.",
            ("the model reads", "blurred", "the two are found", "none", "of the gap", "told as 0"),
            rows,
        )
    ]
