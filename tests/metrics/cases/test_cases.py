from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.predictions import Cases
from deepseek_report.metrics.cases.case_tables import SharedErrors
from deepseek_report.metrics.cases.cases import CasePages, role_label
from deepseek_report.metrics.cases.reason_codes import ReasonCodeRule, told_of
from tests.metrics.attributions import attributed
from tests.worded import refused

COLUMNS = {
    "cases": "case role role_label instance_id position label decision probability threshold "
    "correct prediction error",
    "inputs": "case feature label display typical",
    "reasons": "case explainer feature label display attribution error rank output_space "
    "class_name",
    "contrasts": "case explainer feature label display attribution error rank output_space "
    "class_name against",
    "neighbours": "case rank instance_id distance label probability prediction text",
    "counterfactuals": "case status feature label from_display to_display to_value "
    "probability_after movable margin near",
    "reason_codes": "case explainer role rank feature label display shortfall error "
    "order_certain output_space",
    "refused": "instance_id explainer probability reason_1 reason_2 reason_3 reason_4 certain "
    "rough",
    "agreement": "case explainer_a explainer_b spearman top3_overlap",
    "other_ways": "case way feature label from_display to_display to_value probability_after near",
    "nearest_accepted": "case rank instance_id distance probability feature label from_display "
    "to_display differing",
    "errors_like_this": "case slice n error_rate rest_error_rate",
}


def context_of(toy: Any, n_classes: int = 2) -> Any:
    context = toy(n_classes, n=300)
    roles = {"most_certain_wrong": 4, "nearest_threshold": 1, "group:sex:female": 3}
    context = replace(context, cases=Cases(np.arange(0, 60, 5), roles))
    rng = np.random.default_rng(0)
    explanations = {
        name: attributed(context, name, rng.normal(size=(12, 3)), context.cases.explained)
        for name in ("shap", "lime", "random")
    }
    return replace(context, explanations=explanations)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_gives_the_tables_of_the_contract(toy, n_classes) -> None:
    measured = CasePages(neighbours=4).measure(context_of(toy, n_classes)).tables
    assert {name: " ".join(table) for name, table in measured.items()} == COLUMNS
    assert list(measured["cases"]["case"]) == [0, 1, 2]
    assert len(measured["inputs"]) == 3 * 3
    assert len(measured["neighbours"]) == 3 * 4
    assert set(measured["counterfactuals"]["case"]) == {0, 1, 2}


def test_a_case_is_the_explained_instance_of_its_role(toy) -> None:
    context = context_of(toy)
    table = CasePages().measure(context).tables["cases"]
    test = context.dataset.test
    for (_, position), row in zip(context.cases.roles.items(), table.itertuples(), strict=True):
        at = context.cases.explained[position]
        assert row.position == position
        assert row.instance_id == test.instance_ids[at]
        assert row.probability == context.predictions.scores[at]


def test_reasons_are_ordered_by_magnitude_and_leave_the_control_out(toy) -> None:
    context = context_of(toy)
    table = CasePages(reasons=2).measure(context).tables["reasons"]
    assert set(table["explainer"]) == {"shap", "lime"}
    reasons = table.query("case == 0 and explainer == 'shap'")
    explanation, schema = context.explanations["shap"], context.dataset.schema
    of_case = told_of(context.predictions, explanation, schema, ReasonCodeRule())
    values = of_case.values[4]
    order = np.argsort(-np.abs(values))[:2]
    np.testing.assert_array_equal(reasons["attribution"], values[order])
    assert list(reasons["feature"]) == [context.dataset.schema.names[j] for j in order]


def test_the_nearest_neighbour_of_a_training_row_is_that_row(toy) -> None:
    context = context_of(toy)
    test, train = context.dataset.test, context.dataset.train
    inputs = test.inputs.copy()
    inputs[20] = train.inputs[17]
    dataset = replace(context.dataset, test=replace(test, inputs=inputs))
    table = CasePages().measure(replace(context, dataset=dataset)).tables["neighbours"]
    first = table.query("case == 0").iloc[0]
    assert first["distance"] == 0
    assert first["instance_id"] == train.instance_ids[17]


def test_found_changes_alter_the_decision_across_the_threshold(toy) -> None:
    context = context_of(toy)
    tables = CasePages().measure(context).tables
    threshold = context.predictions.threshold
    for case in tables["cases"].itertuples():
        rows = tables["counterfactuals"].query(f"case == {case.case} and status == 'found'")
        for row in rows.itertuples():
            assert (row.probability_after >= threshold) != (case.probability >= threshold)


def test_where_nothing_may_change_the_status_says_so(toy) -> None:
    context = context_of(toy)
    schema = context.dataset.schema
    fixed = replace(schema, features=tuple(replace(f, mutable=False) for f in schema.features))
    context.classifier.schema = fixed
    table = (
        CasePages()
        .measure(replace(context, dataset=replace(context.dataset, schema=fixed)))
        .tables["counterfactuals"]
    )
    assert list(table["status"]) == ["none within 3 features"] * 3


def test_a_slice_full_of_errors_is_named_and_one_without_is_not(toy) -> None:
    context = toy(n=1800)
    part, validation = context.dataset.validation, context.validation_predictions
    blue = part.inputs[:, 1] == 2
    labels = np.where(blue, 1 - validation.decisions, validation.decisions)
    shared = SharedErrors(context.dataset, replace(validation, labels=labels))
    named = shared.rows(0, np.array([50.0, 2.0, 0.0]))
    assert named[0][1:] == ("colour is “blue”", int(blue[~shared.searched].sum()), 1.0, 0.0)
    assert shared.rows(0, np.array([50.0, 0.0, 0.0])) == []


def test_errors_by_chance_are_hardly_ever_named_as_errors_like_those_of_a_case(toy) -> None:
    context = toy(n=1800)
    validation = context.validation_predictions
    named = []
    for seed in range(60):
        wrong = np.random.default_rng(seed).random(len(validation)) < 0.3
        labels = np.where(wrong, 1 - validation.decisions, validation.decisions)
        shared = SharedErrors(context.dataset, replace(validation, labels=labels))
        named += shared.rows(0, np.array([50.0, 2.0, 0.0]))
    assert not named


def test_roles_are_told_in_words(toy) -> None:
    schema = toy().dataset.schema
    label = {attribute.name: attribute.label for attribute in schema.attributes}["sex"]
    assert role_label("group:sex:a:b", schema) == f"{label}: a:b"
    assert role_label("nearest_threshold", schema) == "Nearest to the threshold"
    assert role_label("further:nearest_threshold:2", schema) == "Near the threshold"
    assert role_label("further:most_certain_wrong:3", schema) == "Decided wrongly"


def test_without_a_chosen_case_the_reason_is_told(toy) -> None:
    with refused("none was chosen"):
        CasePages().measure(toy())
