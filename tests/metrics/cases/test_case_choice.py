"""Which cases a report shows."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.schema import Attribute, Feature, Schema, Target
from deepseek_report.metrics.cases.case_choice import choose_cases

SCHEMA = Schema(
    features=(Feature("x", "x", "numeric"),),
    target=Target("y", "y", ("no", "yes"), favourable=0),
    attributes=(Attribute("sex", "Sex", ("female", "male")),),
)


def predictions(n: int = 400, seed: int = 0) -> Predictions:
    generator = np.random.default_rng(seed)
    scores = generator.uniform(0.01, 0.99, n)
    labels = (generator.random(n) < scores).astype(np.int64)
    both = np.column_stack([1 - scores, scores])
    return Predictions(
        logits=np.log(both),
        probabilities=both,
        labels=labels,
        instance_ids=np.arange(n),
        decisions=(scores >= 0.4).astype(np.int64),
        threshold=0.4,
        rule="declared",
        groups={"sex": generator.integers(0, 2, n)},
    )


def test_the_extremes_are_the_cases() -> None:
    made = predictions()
    cases = choose_cases(made, SCHEMA, 50, seed=1)
    at = {role: int(cases.explained[position]) for role, position in cases.roles.items()}
    assert abs(made.scores[at["nearest_threshold"]] - 0.4) == np.abs(made.scores - 0.4).min()
    assert made.correct[at["most_certain_right"]]
    assert not made.correct[at["most_certain_wrong"]]
    assert made.groups["sex"][at["group:sex:male"]] == 1


def test_no_case_has_two_roles_and_the_sample_has_the_asked_size() -> None:
    cases = choose_cases(predictions(), SCHEMA, 50, seed=1)
    assert len(set(cases.roles.values())) == len(cases.roles) == 5
    assert len(cases.explained) == 50
    assert (np.diff(cases.explained) > 0).all()


def test_the_sample_has_the_shares_of_the_labels() -> None:
    made = predictions(4000)
    cases = choose_cases(made, SCHEMA, 1000, seed=2)
    assert abs(made.labels[cases.explained].mean() - made.labels.mean()) < 0.01


def test_the_same_seed_gives_the_same_cases_and_another_seed_others() -> None:
    made = predictions()
    first, again, other = (choose_cases(made, SCHEMA, 50, seed) for seed in (1, 1, 2))
    assert (first.explained == again.explained).all()
    assert not np.array_equal(first.explained, other.explained)


def test_without_a_wrong_decision_that_role_is_left_out() -> None:
    made = predictions()
    perfect = Predictions(**{**vars(made), "labels": made.decisions})
    assert "most_certain_wrong" not in choose_cases(perfect, SCHEMA, 50, seed=1).roles


def test_of_many_classes_the_cases_are_about_the_explained_one() -> None:
    generator = np.random.default_rng(3)
    labels = generator.integers(0, 5, 500)
    logits = generator.normal(size=(500, 5)) + 2 * np.eye(5)[labels]
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    made = Predictions(
        logits=logits,
        probabilities=shares,
        labels=labels,
        instance_ids=np.arange(500),
        decisions=shares.argmax(axis=1),
        threshold=None,
        rule="most probable class",
        groups={},
        explained=2,
    )
    target = Target("y", "y", tuple("abcde"), favourable=0, explained=2)
    cases = choose_cases(made, Schema(SCHEMA.features, target), 50, seed=1)
    at = {role: int(cases.explained[position]) for role, position in cases.roles.items()}
    assert made.labels[at["most_certain_right"]] == made.decisions[at["most_certain_right"]] == 2
    wrong = at["most_certain_wrong"]
    assert 2 in (made.labels[wrong], made.decisions[wrong])
    gap = np.abs(shares[:, 2] - np.delete(shares, 2, axis=1).max(axis=1))
    free = np.delete(gap, [at["most_certain_right"], wrong])
    assert gap[at["nearest_threshold"]] == free.min()
