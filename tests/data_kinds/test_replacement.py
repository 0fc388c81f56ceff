"""What stands for players that are taken away, game by game; equal rows are asked about once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.data_kinds.coalitions import distinct_rows, each_once
from deepseek_report.data_kinds.replacement import ROWS_OF_AN_INSTANCE, replacement_of
from deepseek_report.metrics.explanations.curves import Perturbation
from tests.builders import table
from tests.worded import refused

COLUMNS, BACKGROUND, N = 3, 24, 400
RNG = np.random.default_rng(7)
ROWS = RNG.normal(size=(BACKGROUND, COLUMNS))
INPUTS = RNG.normal(size=(N, COLUMNS))
NOTHING = np.zeros((N, COLUMNS), dtype=bool)


class Line(Classifier):
    """p = 0.5 + x · w."""

    schema = table("x0", "x1", "x2")
    weights = np.array([0.1, -0.05, 0.02])

    def probabilities(self, inputs: np.ndarray) -> np.ndarray:
        p = 0.5 + inputs @ self.weights
        return np.stack([1 - p, p], axis=1)


def played(game: Any, inputs: np.ndarray = INPUTS, **more: Any) -> Any:
    model: Any = Line()
    return replacement_of(game, model, inputs, ROWS, **more)


def places(game: Any, **more: Any) -> np.ndarray:
    """(draw, instance) which background row stands for each instance."""
    replacement = played(game, **more)
    every = np.arange(N)
    drawn = [replacement.rows(NOTHING, every, draw) for draw in range(replacement.draws)]
    return np.array([(rows[:, None] == ROWS).all(axis=2).argmax(axis=1) for rows in drawn])


def test_every_background_row_is_used_about_alike_often() -> None:
    used = np.bincount(places("background").ravel(), minlength=BACKGROUND)
    assert used.sum() == N * ROWS_OF_AN_INSTANCE
    assert used.min() > 0.5 * used.mean()


def test_the_rows_of_an_instance_hang_on_its_content_alone() -> None:
    few = played("background").at(np.array([5, 3]))
    alone = played("background", INPUTS[[5, 3]])
    np.testing.assert_array_equal(few.references, alone.references)


def test_another_sample_has_other_rows() -> None:
    first, second = places("background"), places("background", sample=1)
    assert (first[:, None] != second[None]).all()


def test_over_many_instances_what_is_taken_away_comes_to_the_mean_of_the_background() -> None:
    model: Any = Line()
    decided = np.ones(N, dtype=np.int64)
    watched = Perturbation(model, played("background"), decided, steps=3)
    without = watched.outcomes(NOTHING, np.arange(N))
    whole = model.probabilities(ROWS)[:, 1]
    assert without.mean() == pytest.approx(whole.mean(), abs=3 * whole.std() / np.sqrt(N))


def test_the_baseline_is_one_row_for_all() -> None:
    replacement = played("baseline")
    assert replacement.draws == 1
    rows = replacement.rows(NOTHING, np.arange(N), 0)
    np.testing.assert_allclose(rows, np.tile(np.median(ROWS, axis=0), (N, 1)))


def test_near_rows_take_each_column_by_itself_from_training_rows() -> None:
    replacement = played("neighbours")
    rows = replacement.rows(NOTHING, np.arange(N), 0)
    assert all(np.isin(rows[:, j], ROWS[:, j]).all() for j in range(COLUMNS))
    assert (rows[:, None] == ROWS).all(axis=2).any(axis=1).mean() < 0.2


@pytest.mark.parametrize("game", ["background", "baseline", "neighbours", "conditional"])
def test_what_is_kept_stays_as_it_is(game: Any) -> None:
    kept = np.tile([True, False, True], (N, 1))
    replacement = played(game)
    for draw in range(replacement.draws):
        rows = replacement.rows(kept, np.arange(N), draw)
        np.testing.assert_array_equal(rows[:, [0, 2]], INPUTS[:, [0, 2]])


def test_in_the_conditional_game_the_others_follow_what_is_kept() -> None:
    """Of normal columns with correlation r, E[x₁ | x₀] = r x₀ and the variance is 1 − r²."""
    r, random = 0.8, np.random.default_rng(1)
    normal = random.multivariate_normal(np.zeros(3), [[1, r, 0], [r, 1, 0], [0, 0, 1]], 4000)
    replacement = played("conditional", training=normal[:2000])
    kept = np.tile([True, False, False], (N, 1))
    rows = np.array([replacement.rows(kept, np.arange(N), draw) for draw in (0, 1)])
    inside = np.abs(INPUTS[:, 0]) < 2
    left = (rows[:, :, 1] - r * INPUTS[:, 0])[:, inside]
    assert left.mean() == pytest.approx(0, abs=0.06)
    assert left.std() == pytest.approx(np.sqrt(1 - r**2), abs=0.06)
    assert np.corrcoef(rows[0, :, 2], INPUTS[:, 0])[0, 1] == pytest.approx(0, abs=0.15)


def test_a_game_that_nothing_plays_is_refused() -> None:
    with refused("the game “other” is not known here"):
        played("other")


@examples(st.integers(1, 40), st.integers(1, 4), st.integers(0, 5))
def test_each_row_is_equal_to_the_distinct_row_that_stands_for_it(rows, columns, seed) -> None:
    drawn = np.random.default_rng(seed).integers(0, 3, (rows, columns)).astype(float)
    first, copies = distinct_rows(drawn)
    np.testing.assert_array_equal(drawn[first][copies], drawn)
    assert len(first) == len(np.unique(drawn, axis=0))
    assert (np.diff(first) > 0).all()


def test_missing_values_are_equal_and_signs_of_zero_are_not() -> None:
    first, _ = distinct_rows(np.array([[np.nan], [np.nan], [0.0], [-0.0]]))
    assert first.tolist() == [0, 2, 3]


def test_the_model_is_asked_once_about_equal_rows() -> None:
    asked_about = []

    def output(rows: np.ndarray) -> np.ndarray:
        asked_about.append(rows)
        return rows.sum(axis=1)

    rows = np.array([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]])
    np.testing.assert_array_equal(each_once(output, rows), [3, 7, 3])
    assert len(asked_about) == 1
    assert asked_about[0].tolist() == [[1, 2], [3, 4]]
