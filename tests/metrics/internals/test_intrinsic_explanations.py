"""What is told of models that explain themselves, against what they hand out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from deepseek_report.artifacts.message import text_of
from deepseek_report.artifacts.predictions import Cases
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.table_rows import read_rows
from deepseek_report.data_kinds.rule_lists import RuleList, ValueSet, WeightedRule
from deepseek_report.metrics.internals.intrinsic_explanations import (
    PairPoint,
    Prototypes,
    RulePoints,
    ShapeFunctions,
)
from deepseek_report.models.self_explaining.ebm import AddedTerm, FittedTerms
from deepseek_report.models.self_explaining.prototype import Prototype
from deepseek_report.models.self_explaining.rule_model import FittedRules, RuleModel
from deepseek_report.visualizations.internals.interpretable_models import _pairs_picture
from tests.metrics.explanations.test_feature_effects import answered, stepwise

# --- Prototypes -----------------------------------------------------------------------------------


@pytest.fixture
def prototyped(toy: Callable[..., MeasureContext]) -> MeasureContext:
    """A run of an untrained prototype model of three classes, four prototypes each."""
    plain = toy(n_classes=3)
    plugin, schema = Prototype(per_class=4, candidates=30), plain.dataset.schema
    classifier = plugin.wrap(plugin.build(schema, plain.dataset.train, 0), schema, "cpu")
    logits = classifier.logits(plain.dataset.test.inputs)
    decided = replace(plain.predictions, logits=logits, decisions=logits.argmax(axis=1))
    return replace(plain, classifier=classifier, predictions=decided)


def _evidence(context: MeasureContext) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(instance, prototype) evidence, and rows and classes of the prototypes."""
    module = context.classifier.module
    _, ids, classes = module.prototypes()
    rows = torch.as_tensor(context.dataset.test.inputs, dtype=torch.float32)
    return module.evidence(rows)[0].numpy(), ids.numpy(), classes.numpy()


def test_every_test_case_is_counted_for_the_prototype_that_adds_most_to_its_decision(prototyped):
    table = Prototypes().measure(prototyped).tables["prototypes"].set_index("instance_id")
    evidence, ids, classes = _evidence(prototyped)
    counted = dict.fromkeys(ids.tolist(), 0)
    for row, decision in zip(evidence, prototyped.predictions.decisions, strict=True):
        own = np.flatnonzero(classes == decision)
        counted[int(ids[own[row[own].argmax()]])] += 1
    assert table["decides"].to_dict() == counted
    assert (table["shift"] == 0).all()


def test_an_explained_case_is_told_what_spoke_for_its_decision_and_what_most_against_it(prototyped):
    table = Prototypes().measure(prototyped).tables["compared"]
    evidence, ids, classes = _evidence(prototyped)
    names = np.array(prototyped.dataset.schema.target.classes)
    for at in prototyped.cases.explained:
        compared = table[table["instance_id"] == prototyped.dataset.test.instance_ids[at]]
        own = classes == prototyped.predictions.decisions[at]
        assert compared["for_decision"].tolist() == [True, True, True, False]
        sums = evidence[at][own].sum()
        best = np.sort(evidence[at][own])[::-1][:3] / sums
        np.testing.assert_allclose(compared["share"].to_numpy()[:3], best, rtol=1e-5)
        strongest = np.flatnonzero(~own)[evidence[at][~own].argmax()]
        assert compared["prototype_id"].iloc[3] == ids[strongest]
        assert compared["class_label"].iloc[3] == names[classes[strongest]]


# --- Rules, curves and pairs ----------------------------------------------------------------------


RULES = (
    WeightedRule(1, (ValueSet(0, low=0.0),), (0.8,), (0.5,)),
    WeightedRule(4, (ValueSet(3, levels=(2,)),), (-0.3,), (0.3,)),
)


def stubbed(context: MeasureContext, module: Any, **fields: Any) -> MeasureContext:
    """The context with a classifier of which only this fitted module is asked."""
    parts = {name: getattr(module, name, None) for name in ("curves", "surfaces")}
    classifier = SimpleNamespace(module=module, schema=context.dataset.schema, calls=0, **parts)
    return replace(context, classifier=classifier, **fields)


@pytest.fixture(params=[1, 2], ids=["number", "classes"])
def of_rules(request: pytest.FixtureRequest) -> Any:
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
    return stubbed(context, module, dataset=data, cases=Cases(np.arange(10), {}))


def test_each_rule_is_counted_where_it_holds_and_each_case_lists_those_that_hold(of_rules) -> None:
    measured = RulePoints().measure(of_rules)
    measured.typed(RulePoints.tables)
    table, fired = measured.tables["list"], measured.tables["fired"]
    holds = of_rules.dataset.test.inputs[:, 0] > 0
    p, is_number = of_rules.predictions, of_rules.predictions.threshold is None
    assert table["rule"].tolist() == [1, 4]
    assert table["n"].iloc[0] == holds.sum()
    value = table["mean" if is_number else "rate"].iloc[0]
    assert value == pytest.approx(p.labels[holds].mean())
    for case in range(10):
        own = fired[fired["instance_id"] == case].set_index("rule")["points"]
        row = of_rules.dataset.test.inputs[[case]]
        assert set(own.index) == {0} | {rule.number for rule in RULES if rule.holds(row)[0]}
        decided = 0 if is_number else int(p.decisions[case])
        toward = 1.0 if is_number or decided == of_rules.dataset.schema.target.explained else -1.0
        total = of_rules.classifier.module.outputs(row)[0, 0]
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
    measured = ShapeFunctions(points=10).measure(stubbed(context, module))
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
