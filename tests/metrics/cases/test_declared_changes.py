"""Advice: only what is declared changeable moves, and declared relations hold in every change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from deepseek_report.artifacts.schema import Feature, Schema, Target
from deepseek_report.data_kinds.row_conditions import Relations
from deepseek_report.metrics.cases.counterfactuals import DecisionRule, Search, SearchBounds
from tests.builders import Answers, logistic

SCHEMA = Schema(
    (
        Feature("owed", "Bill", "numeric", mutable=True),
        Feature("paid", "Paid", "numeric", mutable=True),
        Feature("years", "Years", "numeric"),
    ),
    Target("y", "y", ("refused", "accepted"), favourable=1),
)


def chances(rows: Any) -> Any:
    """Who pays 40 or more is accepted, or has been known for 5 years."""
    return logistic((rows[:, 1] - 40 + 100 * (rows[:, 2] >= 5)) / 4)


def changes(schema: Schema, rows: Any) -> list[Any]:
    rng = np.random.default_rng(0)
    owed = rng.uniform(0, 100, 400)
    train = np.column_stack([owed, owed * rng.random(400), rng.integers(0, 10, 400)])
    labels = (train[:, 1] >= 40).astype(np.int64)
    search = Search(
        Answers(chances, schema), train, labels, DecisionRule(0.5, 1), SearchBounds(2, 0.02, 5), 1
    )
    return search.smallest(np.asarray(rows, dtype=float))


def test_nobody_is_told_to_pay_more_than_is_owed() -> None:
    related = replace(SCHEMA, relations=("paid <= owed",))
    rows = [[owed, 5.0, 1.0] for owed in (10.0, 30.0, 60.0, 90.0)]
    relation = Relations.of(related)
    n_changed = 0
    for row, change in zip(np.array(rows), changes(related, rows), strict=True):
        after = row.copy()
        for feature, value in change.changes:
            after[feature] = value
        assert relation.allowed(row, after[None])[0]
        n_changed += bool(change.changes)
    assert n_changed >= 2
    free = changes(SCHEMA, rows)
    assert dict(free[0].changes).get(1, 0) > 10  # without the relation: pay more than the bill


def test_what_nobody_declares_changeable_is_never_changed() -> None:
    (change,) = changes(SCHEMA, [[80.0, 5.0, 1.0]])
    assert change.changes
    assert all(feature != 2 for feature, _ in change.changes)
    fixed = replace(SCHEMA, features=tuple(replace(f, mutable=False) for f in SCHEMA.features))
    assert changes(fixed, [[80.0, 5.0, 1.0]])[0].changes == ()
