"""Exact Shapley values against their definition, and formulas that are written down as data."""

from __future__ import annotations

import json
from itertools import permutations
from math import factorial

import numpy as np
import pytest

from deepseek_report.statistics.games.formula import (
    Factor,
    Formula,
    Term,
    coalitions,
    enumerated_values,
    shapley_values,
)
from tests.enumerated import enumerated

RNG = np.random.default_rng(0)


def by_orders(worths: np.ndarray, players: int) -> np.ndarray:
    """The mean over all orders of what each player adds: a slow rewrite."""
    values = np.zeros(players)
    for order in permutations(range(players)):
        coalition = 0
        for player in order:
            values[player] += worths[coalition | 1 << player] - worths[coalition]
            coalition |= 1 << player
    return values / factorial(players)


@pytest.mark.parametrize("players", [1, 2, 5])
def test_values_are_the_mean_over_all_orders_and_add_up(players: int) -> None:
    worths = RNG.normal(size=(3, 2**players))
    values = shapley_values(worths)
    slow = np.array([by_orders(each, players) for each in worths])
    np.testing.assert_allclose(values, slow)
    np.testing.assert_allclose(values.sum(axis=1), worths[:, -1] - worths[:, 0])


def test_the_last_coalition_is_whole_and_the_first_is_empty() -> None:
    kept = coalitions(3)
    assert not kept[0].any()
    assert kept[-1].all()
    assert len(np.unique(kept, axis=0)) == 8


def test_values_against_rows_are_those_of_the_slow_rewrite_and_a_player_may_have_columns() -> None:
    rows, background = RNG.normal(size=(4, 5)), RNG.normal(size=(6, 5))

    def answer(inputs: np.ndarray) -> np.ndarray:
        return np.tanh(inputs[:, 0] * inputs[:, 1]) + inputs[:, 2] ** 2 + inputs[:, 4]

    values = enumerated_values(answer, rows, background, np.arange(5))
    np.testing.assert_allclose(values, enumerated(answer, rows, background))
    np.testing.assert_allclose(values[:, 3], 0, atol=1e-12)
    joined = enumerated_values(answer, rows, background, np.array([0, 0, 1, 1, 2]))
    np.testing.assert_allclose(joined.sum(axis=1), values.sum(axis=1))
    np.testing.assert_allclose(joined[:, 2], values[:, 4])


def test_each_row_may_have_references_of_its_own() -> None:
    rows = RNG.normal(size=(3, 2))
    values = enumerated_values(lambda x: x.sum(axis=1), rows, rows[:, None] - 1.0, np.arange(2))
    np.testing.assert_allclose(values, 1.0)


def test_a_formula_is_what_it_says_and_comes_back_from_plain_data() -> None:
    formula = Formula(
        (
            Term(2.0, (Factor("value", (0,)), Factor("above", (1,), 0.5))),
            Term(-1.0, (Factor("square", (2,)),)),
            Term(3.0, (Factor("equals", (3,), 4.0),)),
            Term(1.0, (Factor("value", (4, 5)),)),
        )
    )
    rows = RNG.integers(0, 5, size=(50, 7)).astype(float)
    a, b, c, d, e, f, _ = rows.T
    by_hand = 2 * a * (b > 0.5) - (c**2 - 1) / 2**0.5 + 3 * (d == 4) + (e + f) / 2
    np.testing.assert_allclose(formula.value(rows), by_hand)
    assert formula.columns == (0, 1, 2, 3, 4, 5)
    assert Formula.from_json(json.loads(json.dumps(formula.to_json()))) == formula
