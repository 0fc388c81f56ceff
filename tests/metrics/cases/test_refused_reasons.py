"""Every refused test row has reasons: its page's, full ones, or rough ones, by the budget."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from deepseek_report.metrics.cases.reason_codes import (
    REFUSED,
    ReasonCodeRule,
    RefusedReasons,
    shortfalls_of,
)
from tests.metrics.attributions import attributed

RULE = ReasonCodeRule()


@dataclass
class Further:
    """Explains a row by its own values; the cheap form is off by so much in every feature."""

    context: Any
    off: float = 0.0
    price: int = 10

    def planned_calls(self, rows: int, cheaply: bool) -> int:
        return rows * (1 if cheaply else self.price)

    def explained(self, positions: np.ndarray, cheaply: bool) -> Any:
        values = known(self.context, positions)
        values += cheaply * self.off * np.random.default_rng(0).choice([-1, 1], values.shape)
        return attributed(self.context, "shap", values, positions)


def known(context: Any, positions: np.ndarray) -> np.ndarray:
    inputs = context.dataset.test.inputs[positions]
    return np.asarray(np.tanh(inputs / [20.0, 1.0, 1.0] - [2.5, 1.0, 0.0]) * [0.3, 0.2, 0.1])


def context_of(toy: Any, **fields: Any) -> Any:
    context = toy(n=300)
    explained = np.arange(0, 300, 5)
    context = replace(context, cases=replace(context.cases, explained=explained))
    shap = attributed(context, "shap", known(context, explained), explained)
    further = Further(context, **fields)
    return replace(context, explanations={"shap": shap}, explainers={"shap": further})


def table_of(context: Any, evaluations: int) -> Any:
    rows = RefusedReasons(RULE, evaluations).rows(context, context.explanations)
    return REFUSED.frame(rows)


def refused_ids(context: Any) -> list[int]:
    predictions = context.predictions
    favourable = context.dataset.schema.target.favourable
    return [int(row) for row in predictions.instance_ids[predictions.decisions != favourable]]


@pytest.mark.parametrize(("evaluations", "rough"), [(100_000, False), (400, True)])
def test_all_refused_rows_have_reasons_rough_ones_where_full_ones_are_dear(
    toy, evaluations, rough
) -> None:
    context = context_of(toy)
    table = table_of(context, evaluations)
    assert list(table["instance_id"]) == refused_ids(context)
    ids = context.predictions.instance_ids[context.cases.explained]
    assert not table[table["instance_id"].isin(ids)]["rough"].any()
    assert (table[~table["instance_id"].isin(ids)]["rough"] == rough).all()


def test_where_both_forms_are_dear_only_the_explained_rows_have_reasons(toy) -> None:
    context = context_of(toy)
    ids = set(context.predictions.instance_ids[context.cases.explained])
    assert set(table_of(context, 1)["instance_id"]) == ids & set(refused_ids(context))


def test_a_row_has_the_reasons_that_its_explanation_gives(toy) -> None:
    context = context_of(toy)
    explanation = context.explanations["shap"]
    made = shortfalls_of(context.predictions, explanation, context.dataset.schema, RULE)
    assert made is not None
    table = table_of(context, 100_000).set_index("instance_id")
    labels = [feature.label for feature in context.dataset.schema.features]
    for place, position in enumerate(explanation.positions):
        row = int(context.predictions.instance_ids[position])
        if row in table.index:
            chosen = np.flatnonzero(made.chosen(4)[place])
            order = chosen[np.argsort(-made.values[place, chosen])]
            named = [name for name in table.loc[row, ["reason_1", "reason_2", "reason_3"]] if name]
            assert named == [labels[j] for j in order]


def test_rough_reasons_are_held_to_the_error_that_their_form_has_on_the_explained_rows(toy) -> None:
    sure, unsure = (
        table_of(context_of(toy, off=off), 400).query("rough")["certain"] for off in (0.001, 0.2)
    )
    assert sure.mean() > 0.5
    assert unsure.mean() < 0.1
