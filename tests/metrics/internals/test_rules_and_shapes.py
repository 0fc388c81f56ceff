"""What is told of models of rules, and of curves and pairs, and how pairs are drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.message import text_of
from deepseek_report.artifacts.predictions import Cases
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.table_rows import read_rows
from deepseek_report.data_kinds.rule_lists import RuleList, ValueSet, WeightedRule
from deepseek_report.metrics.internals.intrinsic_explanations import (
    PairPoint,
    RulePoints,
    ShapeFunctions,
)
from deepseek_report.models.self_explaining.ebm import AddedTerm, FittedTerms
from deepseek_report.models.self_explaining.rule_model import FittedRules, RuleModel
from deepseek_report.visualizations.internals.interpretable_models import _pairs_picture
from tests.metrics.explanations.test_surrogate_tree import answered, stepwise

RULES = (
    WeightedRule(1, (ValueSet(0, low=0.0),), (0.8,), (0.5,)),
    WeightedRule(4, (ValueSet(3, levels=(2,)),), (-0.3,), (0.3,)),
)


@dataclass
class Told:
    """A classifier of which only its fitted module is asked."""

    module: Any
    schema: Schema
    calls: int = 0

    def curves(self, rows: np.ndarray, target: int) -> np.ndarray:
        return self.module.curves(rows, target)

    def surfaces(self, target: int) -> Any:
        return self.module.surfaces(target)


@pytest.fixture(params=[1, 2], ids=["number", "classes"])
def context(request: pytest.FixtureRequest) -> Any:
    """Ten explained cases of rows with a list of rules."""
    context = answered(stepwise, request.param)
    schema = context.dataset.schema
    module = RuleModel().build(schema, context.dataset.train, 0)
    assert isinstance(module, FittedRules)
    link = "value" if request.param == 1 else "logit"
    name = schema.target.explained_class
    module.rules = RuleList(RULES, (0.1,), (name,), link, schema)
    test = context.dataset.test
    data = replace(context.dataset, test=replace(test, labels=context.predictions.labels))
    cases = Cases(np.arange(10), {})
    return replace(context, dataset=data, classifier=Told(module, schema), cases=cases)


def test_each_rule_is_counted_where_it_holds_and_each_case_lists_those_that_hold(context) -> None:
    measured = RulePoints().measure(context)
    measured.typed(RulePoints.tables)
    table, fired = measured.tables["list"], measured.tables["fired"]
    holds = context.dataset.test.inputs[:, 0] > 0
    p, is_number = context.predictions, context.predictions.threshold is None
    assert table["rule"].tolist() == [1, 4]
    assert table["n"].iloc[0] == holds.sum()
    value = table["mean" if is_number else "rate"].iloc[0]
    assert value == pytest.approx(p.labels[holds].mean())
    for case in range(10):
        own = fired[fired["instance_id"] == case].set_index("rule")["points"]
        row = context.dataset.test.inputs[[case]]
        assert set(own.index) == {0} | {rule.number for rule in RULES if rule.holds(row)[0]}
        decided = 0 if is_number else int(p.decisions[case])
        toward = 1.0 if is_number or decided == context.dataset.schema.target.explained else -1.0
        total = context.classifier.module.outputs(row)[0, 0]
        assert own.sum() == pytest.approx(toward * total)


def test_curves_leave_pairs_out_and_pairs_are_told_on_a_grid_and_drawn() -> None:
    context = answered(stepwise, 1)
    schema = context.dataset.schema
    module = FittedTerms(schema, {})
    module.base = np.array([0.5])
    module.added = (
        AddedTerm((0,), (np.array([0.0]),), np.array([0.0, -1.0, 1.0])[:, None]),
        AddedTerm(
            (1, 3),
            (np.array([0.0]), np.array([0.5, 1.5])),
            np.array([[0, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0, -2]], float)[..., None],
        ),
    )
    measured = ShapeFunctions(points=10).measure(replace(context, classifier=Told(module, schema)))
    measured.typed(ShapeFunctions.tables)
    curves = measured.tables["curves"]
    assert curves[curves["feature"] == "a"]["contribution"].abs().eq(1).all()
    assert curves[curves["feature"] == "b"]["contribution"].eq(0).all()  # it is in a pair alone
    pairs = measured.tables["pairs"]
    assert set(pairs["feature_a"] + pairs["feature_b"]) == {"bcolour"}
    assert sorted(pairs["contribution"].unique()) == [-2.0, 0.0, 2.0]
    picture = _pairs_picture(read_rows(pairs, PairPoint), text_of("the number"))
    assert picture.svg.count('clip-path="url(') >= len(pairs)  # a square each
    assert picture.title.values["most_b"]
