"""Forests answer by their trees as the library does."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier

from deepseek_report.models.estimators import estimator as estimator_module
from deepseek_report.models.estimators.estimator import ask

GENERATOR = np.random.default_rng(0)
INPUTS = GENERATOR.normal(size=(300, 6))
NUMBERS = INPUTS[:, 0] * INPUTS[:, 1] + GENERATOR.normal(size=300)
CLASSES = np.digitize(NUMBERS, [-0.5, 0.5])

FORESTS = [
    (RandomForestClassifier(20, random_state=0), CLASSES, "predict_proba"),
    (ExtraTreesClassifier(20, random_state=0), CLASSES, "predict_proba"),
    (RandomForestRegressor(20, random_state=0), NUMBERS, "predict"),
    (ExtraTreesRegressor(20, random_state=0), NUMBERS, "predict"),
]


@pytest.mark.parametrize(("forest", "labels", "method"), FORESTS)
def test_a_forest_answers_as_the_library_does_and_is_asked_itself_once(
    forest, labels, method, monkeypatch
) -> None:
    fitted = clone(forest).fit(INPUTS, labels)
    expected = [getattr(fitted, method)(rows) for rows in (INPUTS, INPUTS[:1])]
    questions = []
    own = getattr(type(fitted), method)
    monkeypatch.setattr(type(fitted), method, lambda *a: questions.append(1) or own(*a))
    for rows, answers in zip((INPUTS, INPUTS[:1]), expected, strict=True):
        np.testing.assert_array_equal(ask(fitted, method, rows), answers)
    assert len(questions) == 1


@pytest.mark.parametrize("table", ["a hole", "a column too few", "no numbers"])
def test_a_table_that_trees_cannot_read_is_refused_by_the_library(table) -> None:
    forest = RandomForestClassifier(5, random_state=0).fit(INPUTS, CLASSES)
    ask(forest, "predict_proba", INPUTS)
    rows = INPUTS[:3].astype(object)
    if table == "a hole":
        rows[0, 0] = np.inf
    if table == "a column too few":
        rows = rows[:, 1:]
    if table == "no numbers":
        rows[0, 0] = "low"
    with pytest.raises(ValueError, match=r"infinity|features|could not convert"):
        ask(forest, "predict_proba", rows)


def test_what_the_library_says_holds_where_the_trees_say_something_else(monkeypatch) -> None:
    forest = RandomForestClassifier(5, random_state=0).fit(INPUTS, CLASSES)
    expected = forest.predict_proba(INPUTS)
    monkeypatch.setattr(estimator_module, "_mean", lambda trees, method, rows: np.zeros((300, 3)))
    for _ in range(2):
        np.testing.assert_array_equal(ask(forest, "predict_proba", INPUTS), expected)


def test_decisions_and_other_estimators_are_asked_as_they_are() -> None:
    forest = RandomForestClassifier(5, random_state=0).fit(INPUTS, CLASSES)
    tree = DecisionTreeClassifier(random_state=0).fit(INPUTS, CLASSES)
    np.testing.assert_array_equal(ask(forest, "predict", INPUTS), forest.predict(INPUTS))
    np.testing.assert_array_equal(ask(tree, "predict_proba", INPUTS), tree.predict_proba(INPUTS))
