"""The pages of cases, and which cases a report shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.predictions import Cases, Predictions
from deepseek_report.artifacts.schema import Attribute, Schema, Target
from deepseek_report.artifacts.split import Split
from deepseek_report.metrics.cases.case_choice import choose_cases
from deepseek_report.metrics.cases.case_tables import SharedErrors
from deepseek_report.metrics.cases.cases import CasePages, role_label
from deepseek_report.metrics.cases.reason_codes import ReasonCodeRule, told_of
from deepseek_report.metrics.cases.single_case_rows import ErrorsLikeThis
from tests import builders
from tests.builders import table
from tests.metrics.attributions import attributed
from tests.worded import refused


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
    columns = {
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
        "deciding": "case feature label display to_display to_value probability_after",
        "refused": "instance_id explainer probability reason_1 reason_2 reason_3 reason_4 certain "
        "rough decides",
        "agreement": "case explainer_a explainer_b spearman top3_overlap",
        "other_ways": "case way feature label from_display to_display to_value probability_after "
        "near",
        "nearest_accepted": "case rank instance_id distance probability feature label from_display "
        "to_display differing",
        "errors_like_this": "case slice n error_rate rest_error_rate",
    }
    measured = CasePages(neighbours=4).measure(context_of(toy, n_classes)).tables
    assert {name: " ".join(table) for name, table in measured.items()} == columns
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
    n = int(blue[~shared.searched].sum())
    assert named[0] == ErrorsLikeThis(0, "colour is “blue”", n, 1.0, 0.0)
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


# --- Which cases a report shows -------------------------------------------------------------------


SCHEMA = table("x", attributes=(Attribute("sex", "Sex", ("female", "male")),))
INPUTS = np.random.default_rng(8).normal(size=(4000, 1))


def predictions(n: int = 400, seed: int = 0) -> Predictions:
    generator = np.random.default_rng(seed)
    scores = generator.uniform(0.01, 0.99, n)
    labels = (generator.random(n) < scores).astype(np.int64)
    groups = {"sex": generator.integers(0, 2, n)}
    rows = Split(scores[:, None], labels, np.arange(n), groups)
    return builders.predictions(scores, rows, 0.4)


AGES = (Attribute("age", "Age", tuple("abcde"), source="age"),)
PEOPLE = table("age", "x", "y", attributes=AGES)
PERSONS = np.random.default_rng(9).uniform(size=(2000, 3))


def people() -> Predictions:
    age = np.floor(5 * PERSONS[:, 0]).astype(np.int64)
    return replace(predictions(2000), groups={"age": age})


def test_the_extremes_are_the_cases() -> None:
    made = predictions()
    cases = choose_cases(made, SCHEMA, INPUTS, 50, seed=1)
    at = {role: int(cases.explained[position]) for role, position in cases.roles.items()}
    assert abs(made.scores[at["nearest_threshold"]] - 0.4) == np.abs(made.scores - 0.4).min()
    assert made.correct[at["most_certain_right"]]
    assert not made.correct[at["most_certain_wrong"]]
    assert made.groups["sex"][at["pair:sex:male"]] == 1


def test_no_case_has_two_roles_and_the_sample_has_the_asked_size() -> None:
    cases = choose_cases(predictions(), SCHEMA, INPUTS, 50, seed=1)
    assert len(set(cases.roles.values())) == len(cases.roles) == 7
    assert len(cases.explained) == 50
    assert (np.diff(cases.explained) > 0).all()


def test_a_further_case_near_the_threshold_is_near_it() -> None:
    made = predictions(4000)
    cases = choose_cases(made, SCHEMA, INPUTS, 400, seed=1, pages=60)
    further = {
        role: float(made.scores[cases.explained[position]])
        for role, position in cases.roles.items()
        if role.startswith("further:nearest_threshold")
    }
    assert len(further) > 5
    assert all(0.2 <= score <= 0.7 for score in further.values())


def test_the_sample_has_the_shares_of_the_labels() -> None:
    made = predictions(4000)
    cases = choose_cases(made, SCHEMA, INPUTS, 1000, seed=2)
    assert abs(made.labels[cases.explained].mean() - made.labels.mean()) < 0.01


def test_the_same_seed_gives_the_same_cases_and_another_seed_others() -> None:
    made = predictions()
    first, again, other = (choose_cases(made, SCHEMA, INPUTS, 50, seed) for seed in (1, 1, 2))
    assert (first.explained == again.explained).all()
    assert not np.array_equal(first.explained, other.explained)


def test_without_a_wrong_decision_that_role_is_left_out() -> None:
    made = predictions()
    perfect = replace(made, labels=made.decisions)
    roles = choose_cases(perfect, SCHEMA, INPUTS, 50, seed=1).roles
    assert not {"most_certain_wrong", "wrong_against"} & set(roles)


def test_errors_against_a_person_come_first_and_a_third_are_decisions_against() -> None:
    made = people()
    cases = choose_cases(made, PEOPLE, PERSONS, 100, seed=1)
    first = cases.explained[cases.roles["wrong_against"]]
    assert next(iter(cases.roles)) == "wrong_against"
    assert made.decisions[first] == 1
    assert made.labels[first] == 0
    shown = cases.explained[list(cases.roles.values())]
    assert 3 * (made.decisions[shown] == 1).sum() >= len(shown)


def test_a_pair_is_alike_but_for_the_group_and_decided_differently() -> None:
    made = people()
    cases = choose_cases(made, PEOPLE, PERSONS, 100, seed=1)
    pair = [cases.explained[at] for role, at in cases.roles.items() if role[:9] == "pair:age:"]
    assert len(pair) == 2
    assert len({int(made.groups["age"][p]) for p in pair}) == 2
    assert len({int(made.decisions[p]) for p in pair}) == 2
    others = PERSONS[:, 1:]
    apart = np.abs(others[pair[0]] - others[pair[1]]).mean()
    random = np.abs(others[:400] - others[400:800]).mean(axis=1)
    assert apart < np.quantile(random, 0.05)


def test_the_cases_of_groups_are_not_alike() -> None:
    """The typical ones of the earlier rule all lay at the median distance from the threshold."""
    made = people()
    cases = choose_cases(made, PEOPLE, PERSONS, 100, seed=1)
    shown = [cases.explained[at] for role, at in cases.roles.items() if role[:6] == "group:"]
    assert len(shown) == 3
    assert len({int(made.decisions[p]) for p in shown}) == 2
    apart = np.abs(PERSONS[shown][:, None] - PERSONS[shown][None]).mean(axis=2)
    random = np.abs(PERSONS[:400] - PERSONS[400:800]).mean(axis=1)
    assert apart[np.triu_indices(3, 1)].mean() > np.median(random)


def test_of_many_classes_the_nearest_case_is_where_two_are_most_alike() -> None:
    generator = np.random.default_rng(3)
    labels = generator.integers(0, 5, 500)
    logits = generator.normal(size=(500, 5)) + 2 * np.eye(5)[labels]
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    rows = Split(logits, labels, np.arange(500))
    made = builders.predictions(shares, rows, None, logits=logits, explained=2)
    target = Target("y", "y", tuple("abcde"), favourable=0, explained=2)
    cases = choose_cases(made, Schema(SCHEMA.features, target), INPUTS, 50, seed=1)
    at = {role: int(cases.explained[position]) for role, position in cases.roles.items()}
    ordered = np.sort(shares, axis=1)
    gap = ordered[:, -1] - ordered[:, -2]
    wrong = [at["wrong_against"], at["most_certain_wrong"]]
    assert gap[at["nearest_threshold"]] == np.delete(gap, wrong).min()
    assert made.decisions[at["wrong_against"]] != 0
    assert made.labels[at["most_certain_right"]] == made.decisions[at["most_certain_right"]]


def test_further_pages_are_of_cases_that_were_drawn_at_random() -> None:
    made = predictions()
    plain, paged = (choose_cases(made, SCHEMA, INPUTS, 50, seed=1, pages=n) for n in (0, 24))
    assert (plain.explained == paged.explained).all()
    assert len(paged.roles) == len(set(paged.roles.values())) == 24
    assert paged.picked == frozenset(plain.roles.values()) == plain.picked


def test_further_pages_show_errors_of_every_size_and_both_kinds() -> None:
    made = predictions()
    cases = choose_cases(made, SCHEMA, INPUTS, 100, seed=1, pages=40)
    at = {role: int(cases.explained[place]) for role, place in cases.roles.items()}
    declined = [p for role, p in at.items() if role.startswith("further:wrong_against")]
    accepted = [p for role, p in at.items() if role.startswith("further:most_certain_wrong")]
    assert len(declined) >= 5
    assert not made.correct[declined + accepted].any()
    assert (made.decisions[declined] == 1).all()
    assert np.ptp(made.scores[declined]) > 0.3


def test_no_more_pages_are_made_than_cases_are_explained() -> None:
    cases = choose_cases(predictions(), SCHEMA, INPUTS, 20, seed=1, pages=200)
    assert len(cases.roles) == len(cases.explained) == 20
