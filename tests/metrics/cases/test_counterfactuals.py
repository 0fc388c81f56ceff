"""The smallest change that alters a decision, of what is declared changeable alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

from deepseek_report.artifacts.schema import Category, Feature, Schema
from deepseek_report.data_kinds.base import gower_distances, ranges, spreads, typical_row
from deepseek_report.data_kinds.row_conditions import Relations
from deepseek_report.metrics.cases.counterfactuals import (
    DecisionRule,
    RealCases,
    Search,
    SearchBounds,
    reach_of,
)
from tests.builders import COLOURS, TARGET, Answers, logistic, numeric


def schema_of(mutable: tuple[bool, ...] = (True, True, True), **first: Any) -> Schema:
    """Three features; `first` says more of the first one."""
    numeric, ordinal, categorical = mutable
    features = (
        Feature("x0", "x 0", "numeric", mutable=numeric, **first),
        Feature("x1", "x 1", "ordinal", categories=COLOURS, mutable=ordinal),
        Feature("x2", "x 2", "categorical", categories=COLOURS, mutable=categorical),
    )
    return Schema(features, TARGET)


TRAIN = np.array([[x, a, b] for x in range(0, 101, 4) for a, b in product(range(3), range(3))])
TRAIN = TRAIN.astype(np.float64)
HALF = DecisionRule(0.5, 1)


def run(score: Any, row: list[float], schema: Schema | None = None, most: int = 3) -> Any:
    return change_of(search(score, schema, most), row)


def change_of(searching: Search, row: list[float]) -> Any:
    (change,) = searching.smallest(np.array([row], dtype=np.float64))
    return change


def search(score: Any, schema: Schema | None = None, most: int = 3, **wanted: Any) -> Search:
    """A search near no class in particular: every training row has the label 0 and the label 1."""
    schema = schema or schema_of()
    train, labels = np.vstack([TRAIN, TRAIN]), np.repeat([0, 1], len(TRAIN))
    model = Answers(lambda rows: logistic(score(rows)), schema)
    return Search(model, train, labels, HALF, SearchBounds(most), **wanted)


def test_one_numeric_change_stops_one_step_beyond_the_threshold() -> None:
    result = run(lambda x: x[:, 0] - 50, [10, 0, 0])
    assert result.changes == ((0, 51.0),)
    assert result.probabilities[1] >= 0.5


def test_the_change_goes_down_as_well_as_up() -> None:
    assert run(lambda x: x[:, 0] - 50, [90, 0, 0]).changes == ((0, 49.0),)


def test_what_was_found_alters_the_decision() -> None:
    rng = np.random.default_rng(0)
    for weights in rng.normal(size=(20, 3)):

        def score(x: np.ndarray, weights: np.ndarray = weights) -> np.ndarray:
            return (x / [50, 1, 1]) @ weights - weights.sum()

        row = [20.0, 0.0, 2.0]
        result = run(score, row)
        if result.changes:
            after = np.array(row)
            for feature, value in result.changes:
                after[feature] = value
            assert (score(after[None]) >= 0) != (score(np.array([row])) >= 0)


def test_two_features_change_where_one_does_not_suffice() -> None:
    def both(x: np.ndarray) -> np.ndarray:
        return 10.0 * ((x[:, 0] > 50) & (x[:, 2] == 1)) - 5

    result = run(both, [10, 0, 0])
    assert dict(result.changes).keys() == {0, 2}
    assert dict(result.changes) == {0: 51.0, 2: 1.0}


def test_no_larger_set_is_taken_than_an_exhaustive_search_needs() -> None:
    values = {0: np.unique(TRAIN[:, 0]), 1: np.arange(3.0), 2: np.arange(3.0)}
    rng = np.random.default_rng(1)
    for weights in rng.normal(size=(10, 3)):

        def score(x: np.ndarray, weights: np.ndarray = weights) -> np.ndarray:
            return (x / [50, 1, 1]) @ weights - 2.5

        row = np.array([20.0, 0.0, 2.0])
        before = bool(score(row[None])[0] >= 0)

        def possible(size: int, row: Any = row, before: Any = before, score: Any = score) -> bool:
            for chosen in combinations(range(3), size):
                for new in product(*(values[j] for j in chosen)):
                    after = row.copy()
                    after[list(chosen)] = new
                    if bool(score(after[None])[0] >= 0) != before:
                        return True
            return False

        least = next((size for size in (1, 2, 3) if possible(size)), 0)
        assert len(run(score, list(row)).changes) == least


def test_a_feature_that_cannot_change_stays() -> None:
    result = run(lambda x: x[:, 0] - 50 + 60 * x[:, 1], [10, 0, 0], schema_of((False, True, True)))
    assert result.changes == ((1, 1.0),)


def test_where_nothing_can_change_nothing_is_found() -> None:
    assert not run(lambda x: x[:, 0] - 50, [10, 0, 0], schema_of((False, False, False))).changes


def test_at_most_so_many_features_change() -> None:
    def all_three(x: np.ndarray) -> np.ndarray:
        return 10.0 * ((x[:, 0] > 50) & (x[:, 1] == 1) & (x[:, 2] == 1)) - 5

    assert not run(all_three, [10, 0, 0], most=2).changes


def test_three_features_that_each_help_a_little_change_together() -> None:
    def additive(x: np.ndarray) -> np.ndarray:
        return (x[:, 0] > 50) * 1.0 + (x[:, 1] == 2) + (x[:, 2] == 1) - 2.5

    assert dict(run(additive, [10, 0, 0]).changes) == {0: 51.0, 1: 2.0, 2: 1.0}


def test_with_several_classes_any_other_class_will_do() -> None:
    def three(rows: np.ndarray) -> np.ndarray:
        logits = np.stack([0 * rows[:, 0], rows[:, 0] - 50, rows[:, 1] * 5.0 - 7], axis=1)
        return softmax(logits, axis=1)

    labels = np.arange(len(TRAIN)) % 3
    rule, bounds = DecisionRule(None, 1), SearchBounds(3)
    searching = Search(Answers(three, schema_of()), TRAIN, labels, rule, bounds)
    result = change_of(searching, [10.0, 0.0, 0.0])
    assert result.probabilities.argmax() != 0


@pytest.mark.parametrize(("direction", "expected"), [("increase", 51.0), ("decrease", None)])
def test_a_change_goes_in_the_declared_direction_alone(direction, expected) -> None:
    schema = schema_of((True, False, False), direction=direction)
    changes = run(lambda x: x[:, 0] - 50, [10, 0, 0], schema).changes
    assert dict(changes).get(0) == expected


def test_an_ordinal_feature_obeys_its_direction() -> None:
    features = [*schema_of((False, True, False)).features]
    for direction, expected in (("increase", {1: 2.0}), ("decrease", {})):
        features[1] = replace(features[1], direction=direction)
        schema = Schema(tuple(features), TARGET)
        assert dict(run(lambda x: x[:, 1] - 1.5, [10, 0, 0], schema).changes) == expected


def test_a_change_is_made_of_whole_steps() -> None:
    result = run(lambda x: x[:, 0] - 50, [11, 0, 0], schema_of((True, False, False), step=20.0))
    assert result.changes == ((0, 51.0),)


def test_a_decimal_step_leaves_no_binary_dust() -> None:
    reach = reach_of(Feature("x", "x", "numeric", step=0.1), np.linspace(0, 1, 50))
    assert all(value == round(value, 1) for value in reach.values(0.1))
    assert 0.3 in reach.between(0.1, 0.9, 12)


def test_what_nobody_declares_moves_by_about_a_hundredth_of_the_range() -> None:
    assert reach_of(Feature("x", "x", "numeric"), np.linspace(0, 0.7, 100)).step == 0.005
    assert reach_of(Feature("x", "x", "numeric"), np.arange(6.0)).step == 1.0


def test_a_missing_value_moves_only_where_no_direction_is_declared() -> None:
    column = np.arange(10.0)
    assert reach_of(Feature("x", "x", "numeric"), column).values(float("nan"))
    up = Feature("x", "x", "numeric", direction="increase")
    assert not reach_of(up, column).values(float("nan"))


def test_a_category_outside_the_code_book_is_not_proposed() -> None:
    codes = (Category("a", "a"), Category("b", "b", documented=False), Category("c", "c"))
    reach = reach_of(Feature("x", "x", "categorical", categories=codes), np.arange(30.0) % 3)
    assert reach.values(0.0) == [2.0]


def test_the_probability_clears_the_threshold_by_the_margin() -> None:
    result = run(lambda x: (x[:, 0] - 50) / 40, [10, 0, 0], schema_of((True, False, False)))
    assert result.probabilities[1] >= 0.52
    assert result.changes == ((0, 54.0),)  # 50 would do at the threshold, 53.2 with the margin


def test_a_protected_feature_stays_even_where_it_is_called_changeable() -> None:
    schema = schema_of((True, False, False), sensitive=True)
    assert not run(lambda x: x[:, 0] - 50, [10, 0, 0], schema).changes


def test_only_the_wanted_class_is_a_way_out() -> None:
    toward = search(lambda x: x[:, 0] - 50, wanted=1)
    assert change_of(toward, [10.0, 0, 0]).changes
    assert not change_of(search(lambda x: x[:, 0] - 50, wanted=0), [10.0, 0, 0]).changes


def test_a_change_to_where_no_real_case_is_does_not_count() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 100, 400)
    train = np.column_stack([x, x + rng.normal(0, 1, 400)])
    schema = Schema((*numeric("a", mutable=True), *numeric("b")), TARGET)
    labels = (x > 50).astype(np.int64)
    classifier = Answers(lambda rows: logistic(rows[:, 0] - 50), schema)
    real = RealCases(train, labels, schema, 5)
    alone = change_of(Search(classifier, train, labels, HALF, SearchBounds(1)), [10.0, 10.0])
    assert alone.near <= max(real.usual(1), real.distance(np.array([10.0, 10.0]), 1))
    near = change_of(Search(classifier, train, labels, HALF, SearchBounds(1)), [48.0, 48.0])
    assert near.changes
    assert near.near < alone.near
    far = Search(classifier, train, labels, HALF, SearchBounds(1))
    far.real.distance = lambda row, label: float(row[0] > 50)  # type: ignore[method-assign]
    assert not change_of(far, [48.0, 48.0]).changes


@pytest.mark.parametrize("way", ["first", "smallest"])
def test_many_rows_at_once_give_what_each_gives_alone(way) -> None:
    rng = np.random.default_rng(3)
    rows = TRAIN[rng.choice(len(TRAIN), 30)]
    many = search(lambda x: x[:, 0] / 50 + x[:, 1] - x[:, 2] - 1.3)
    together = getattr(many, way)(rows)
    alone = [getattr(many, way)(row[None])[0] for row in rows]
    assert [change.changes for change in together] == [change.changes for change in alone]
    assert {len(change.changes) for change in together} >= {1, 2}
    for change, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(change.probabilities, other.probabilities)


def test_the_model_is_asked_about_many_rows_in_one_question() -> None:
    many = search(lambda x: x[:, 0] / 50 + x[:, 1] - x[:, 2] - 1.3)
    answer, questions = many.classifier.probabilities, []
    many.classifier.probabilities = lambda rows: questions.append(len(rows)) or answer(rows)
    many.smallest(TRAIN[:1])
    alone, questions[:] = len(questions), []
    many.smallest(TRAIN)
    assert len(questions) <= 2 * max(alone, 8)
    assert many.smallest(TRAIN[:0]) == []


def test_the_typical_row_is_median_and_mode() -> None:
    rows = np.array([[1.0, 0, 2], [5.0, 1, 2], [np.nan, 1, 0], [9.0, np.nan, 0]])
    np.testing.assert_array_equal(typical_row(rows, schema_of()), [5, 1, 0])


def test_spread_is_the_range_of_quartiles_of_numeric_features_alone() -> None:
    np.testing.assert_array_equal(spreads(TRAIN, schema_of()), [52, 0, 0])


def test_gower_distance_by_hand() -> None:
    schema = schema_of()
    scale = np.array([50.0, 2.0, 1.0])
    rows = np.array([[20.0, 2, 1], [10.0, 0, 0], [np.nan, 0, 0]])
    distances = gower_distances(rows, np.array([10.0, 0, 0]), scale, schema)
    np.testing.assert_allclose(distances, [(0.2 + 1 + 1) / 3, 0, 1 / 3])


@pytest.mark.parametrize("column", [0, 1, 2])
def test_gower_distance_is_symmetric_and_within_0_and_1(column) -> None:
    schema, scale = schema_of(), ranges(TRAIN, schema_of())
    a, b = TRAIN[3 + column], TRAIN[100]
    forth, back = (
        gower_distances(a[None], b, scale, schema),
        gower_distances(b[None], a, scale, schema),
    )
    assert forth == back
    assert 0 <= forth[0] <= 1


def test_further_ways_move_other_features_and_alter_the_decision_too() -> None:
    def any_of_three(x: np.ndarray) -> np.ndarray:
        return 10.0 * ((x[:, 0] > 50) | ((x[:, 1] == 1) & (x[:, 2] == 1))) - 5

    row = np.array([10.0, 0.0, 0.0])
    (ways,) = search(any_of_three).ways(row[None], 3)
    assert [dict(way.changes) for way in ways] == [{0: 51.0}, {1: 1.0, 2: 1.0}]
    for way in ways:
        after = row.copy()
        for feature, value in way.changes:
            after[feature] = value
        assert any_of_three(after[None])[0] > 0


def test_no_way_moves_all_that_another_moves_and_the_first_is_the_smallest() -> None:
    rng = np.random.default_rng(3)
    for weights in rng.normal(size=(12, 3)):

        def score(x: np.ndarray, weights: np.ndarray = weights) -> np.ndarray:
            return (x / [50, 1, 1]) @ weights - weights.sum() / 2

        rows = np.array([[20.0, 0.0, 2.0], [80.0, 2.0, 0.0]])
        looks = search(score)
        for known, smallest in zip(looks.ways(rows, 3), looks.smallest(rows), strict=True):
            assert [way.changes for way in known[:1]] == [smallest.changes][: len(known)]
            moved = [{feature for feature, _ in way.changes} for way in known]
            assert not any(a <= b for at, a in enumerate(moved) for b in moved[at + 1 :])


SCHEMA = Schema((*numeric("owed", "paid", mutable=True), *numeric("years")), TARGET)


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
