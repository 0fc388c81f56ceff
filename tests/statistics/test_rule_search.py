"""Rules that trees propose and an L1 penalty chooses, and small trees, against planted truths."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from deepseek_report.statistics import rule_search
from deepseek_report.statistics.small_trees import SmallTree, as_columns, split_columns


@pytest.fixture
def fires() -> np.ndarray:
    return np.random.default_rng(0).random((400, 30)) < 0.3


def planted(fires: np.ndarray, link: str) -> np.ndarray:
    """Targets that depend on the rules 3 and 7 alone."""
    rng = np.random.default_rng(1)
    score = -1 + 2.5 * fires[:, 3] - 2 * fires[:, 7]
    if link == "value":
        numbers = score + 0.3 * rng.standard_normal(len(score))
        return ((numbers - numbers.mean()) / numbers.std())[:, None]
    happened = (rng.random(len(score)) < 1 / (1 + np.exp(-score))).astype(float)
    return np.column_stack([1 - happened, happened]) if link == "softmax" else happened[:, None]


@pytest.mark.parametrize("link", ["logit", "softmax", "value"])
def test_the_rules_that_decide_are_chosen_first_and_never_more_than_asked(fires, link) -> None:
    chosen = rule_search.choose_rules(fires, planted(fires, link), link, 2)
    assert sorted(chosen) == [3, 7]
    assert len(rule_search.choose_rules(fires, planted(fires, link), link, 9)) <= 9
    assert not len(rule_search.choose_rules(fires, planted(fires, link), link, 0))


def test_points_are_those_of_logistic_regression_with_the_same_penalty(fires) -> None:
    targets = planted(fires, "logit")
    points = rule_search.fit_points(fires[:, :6], targets, "logit")
    theirs = LogisticRegression(C=1.0, tol=1e-10, max_iter=1000).fit(fires[:, :6], targets[:, 0])
    np.testing.assert_allclose(points.weights[:, 0], theirs.coef_[0], atol=1e-4)
    np.testing.assert_allclose(points.base, theirs.intercept_, atol=1e-4)


def test_points_of_classes_are_those_of_multinomial_regression(fires) -> None:
    classes = (fires[:, 0] * 1 + fires[:, 1] * 1 + fires[:, 9]).clip(0, 2)
    points = rule_search.fit_points(fires[:, :6], np.eye(3)[classes], "softmax")
    theirs = LogisticRegression(C=1.0, tol=1e-10, max_iter=2000).fit(fires[:, :6], classes)
    ours = points.base + fires[:, :6] @ points.weights
    expected = theirs.decision_function(fires[:, :6])
    np.testing.assert_allclose(
        ours - ours.mean(1, keepdims=True), expected - expected.mean(1, keepdims=True), atol=2e-3
    )


def test_points_of_numbers_are_those_of_ridge_regression(fires) -> None:
    targets = planted(fires, "value")
    points = rule_search.fit_points(fires[:, :6], targets, "value")
    theirs = Ridge(alpha=1.0).fit(fires[:, :6], targets[:, 0])
    np.testing.assert_allclose(points.weights[:, 0], theirs.coef_, atol=1e-5)
    np.testing.assert_allclose(points.base, theirs.intercept_, atol=1e-5)


def test_declared_points_stay_and_the_others_are_fitted_beside_them(fires) -> None:
    targets, fixed = planted(fires, "logit"), np.full((6, 1), np.nan)
    fixed[3] = 0.25
    points = rule_search.fit_points(fires[:, :6], targets, "logit", fixed)
    assert points.weights[3, 0] == 0.25
    slope = fires[:, :6].T @ (
        1 / (1 + np.exp(-(points.base + fires[:, :6] @ points.weights))) - targets
    )
    others = [0, 1, 2, 4, 5]
    np.testing.assert_allclose(slope[others] + points.weights[others], 0, atol=1e-2)


def test_ways_go_no_deeper_than_asked_and_follow_the_split_that_was_planted() -> None:
    rng = np.random.default_rng(0)
    columns = rng.random((300, 4))
    columns[::9, 1] = np.nan
    happened = ((columns[:, 0] > 0.6) & ~(columns[:, 1] > 0.4)).astype(float)[:, None]
    paths = rule_search.boosted_paths(columns, happened, "logit", depth=2, seed=0)
    assert {len(path) for path in paths} == {1, 2}
    assert paths == rule_search.boosted_paths(columns, happened, "logit", depth=2, seed=0)
    first = [step for path in paths[:2] for step in path]
    assert {step.column for step in first} == {0}
    assert all(abs(step.threshold - 0.6) < 0.02 for step in first)
    assert any(step.missing for path in paths for step in path if step.column == 1)
    assert not any(step.missing for path in paths for step in path if step.column != 1)


def test_rules_that_tell_the_same_are_taken_once(fires) -> None:
    doubled = np.column_stack([fires, ~fires, fires, np.ones((400, 1), bool)])
    assert rule_search.distinct(doubled).tolist() == list(range(30))


def test_the_simplest_number_lies_where_it_must_and_has_no_more_digits() -> None:
    rng = np.random.default_rng(0)
    for scale in (1e-6, 1.0, 1e7):
        for low, high in np.sort(scale * rng.standard_normal((100, 2)), axis=1).tolist():
            value = rule_search.simplest_between(low, high)
            assert low <= value < high
            assert len(f"{value:.15g}".strip("-0.")) <= len(f"{low:.15g}".strip("-0."))
    assert rule_search.simplest_between(3.0, 3.0) == 3.0


# --- Small trees: what they split at, and that they say what they fit -----------------------------


COLUMNS = split_columns([0, 3])


def rows(n: int = 600) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.column_stack([rng.normal(size=n), rng.integers(0, 3, n)]).astype(float)


def steps(inputs: np.ndarray) -> np.ndarray:
    return 2.0 * (inputs[:, 0] > 0) + 1.0 * (inputs[:, 1] == 2)


def test_a_function_of_two_steps_is_found_exactly_with_its_splits() -> None:
    inputs = rows()
    tree = SmallTree.fit(inputs, steps(inputs), COLUMNS, depth=2, leaves=4, fewest=10)
    assert tree.predict(inputs) == pytest.approx(steps(inputs))
    root = tree.nodes[0]
    assert (root.column.feature, root.column.category) == (0, None)
    assert abs(root.split) < 0.05
    below = {(node.column.feature, node.column.category) for node in tree.nodes[1:] if node.column}
    assert below == {(1, 2)}
    assert sorted(tree.nodes[place].value for place in tree.leaves) == pytest.approx([0, 1, 2, 3])


def test_every_row_comes_through_the_root_and_one_leaf_whose_value_it_gets() -> None:
    inputs = rows()
    tree = SmallTree.fit(inputs, np.exp(inputs[:, 0]), COLUMNS, depth=4, leaves=8, fewest=20)
    passes = tree.passes(inputs)
    assert passes[:, 0].all()
    assert (passes[:, tree.leaves].sum(axis=1) == 1).all()
    own = tree.leaves[passes[:, tree.leaves].argmax(axis=1)]
    assert tree.predict(inputs) == pytest.approx([tree.nodes[place].value for place in own])
    assert len(tree.leaves) <= 8
    assert passes.sum(axis=0)[tree.leaves].min() >= 20


def test_a_missing_number_and_a_missing_category_find_a_leaf() -> None:
    inputs = rows()
    inputs[::7, 0], inputs[::5, 1] = np.nan, np.nan
    tree = SmallTree.fit(inputs, steps(inputs), COLUMNS, depth=3, leaves=6, fewest=10)
    assert np.isfinite(tree.predict(inputs)).all()
    assert (as_columns(inputs, COLUMNS)[::5, 1:] == 0).all()
