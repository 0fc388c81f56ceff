"""Which cases a report shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.schema import Attribute, Schema, Target
from deepseek_report.artifacts.split import Split
from deepseek_report.metrics.cases.case_choice import choose_cases
from tests import builders
from tests.builders import table

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
