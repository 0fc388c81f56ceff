"""Shares of the skill against their definition, and what exchanges of values cost."""

from __future__ import annotations

import numpy as np
import pytest

from deepseek_report.statistics.games import skill_game
from deepseek_report.statistics.resampling import Resampling
from tests.enumerated import enumerated_values

PLAYERS, BACKGROUND, ROWS = 4, 6, 30
RNG = np.random.default_rng(5)
BACKGROUND_ROWS = RNG.normal(size=(BACKGROUND, PLAYERS))
INPUTS = RNG.normal(size=(ROWS, PLAYERS))
ALL_MOVE = np.ones(PLAYERS, dtype=bool)


def model(rows: np.ndarray) -> np.ndarray:
    """Two outputs, in both of which columns act together."""
    x = rows.T
    return np.stack([x[0] * x[1] + x[2], np.sin(x[2]) - x[3] * x[0]], axis=1)


def additive(rows: np.ndarray) -> np.ndarray:
    return np.stack([rows[:, 0] ** 2 + rows[:, 2], np.abs(rows[:, 3])], axis=1)


TRUTHS = model(INPUTS) + RNG.normal(size=(ROWS, 2))


def mean_answers(function, kept: np.ndarray) -> np.ndarray:
    """(row, output) over all background rows."""
    return np.mean([function(np.where(kept, INPUTS, z)) for z in BACKGROUND_ROWS], axis=0)


def exact(function) -> np.ndarray:
    """(row, player) by the definition of the Shapley value."""

    def worth(kept: np.ndarray) -> np.ndarray:
        return -((mean_answers(function, kept) - TRUTHS) ** 2).sum(axis=1)

    return enumerated_values(worth, PLAYERS)


def estimated(function, seed: int, draws: int = 2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    references = BACKGROUND_ROWS[rng.integers(BACKGROUND, size=(ROWS, draws))]
    at_reference = function(references.reshape(-1, PLAYERS)).reshape(ROWS, draws, 2)
    nothing = function(BACKGROUND_ROWS).mean(axis=0)
    game = skill_game.SkillGame(TRUTHS, function(INPUTS), nothing, at_reference, ALL_MOVE)

    def ask(kept: np.ndarray, rows: np.ndarray, which: np.ndarray) -> np.ndarray:
        return function(np.where(kept, INPUTS[rows], references[rows, which]))

    orders = rng.permuted(np.tile(np.arange(PLAYERS), (ROWS, 1)), axis=1)
    return game.values(ask, orders)


@pytest.mark.parametrize("draws", [2, 3])
def test_values_over_many_walks_are_those_of_the_definition_against_all_references(draws) -> None:
    walks = np.array([estimated(model, seed, draws).mean(axis=0) for seed in range(400)])
    error = walks.std(axis=0) / np.sqrt(len(walks))
    assert (np.abs(walks.mean(axis=0) - exact(model).mean(axis=0)) < 4 * error).all()


def test_values_of_each_row_add_up_to_its_skill() -> None:
    nothing = model(BACKGROUND_ROWS).mean(axis=0)
    known = skill_game.skills(TRUTHS, model(INPUTS), nothing)
    np.testing.assert_allclose(estimated(model, 1).sum(axis=1), known)


@pytest.mark.parametrize("rows_off", [1, 15])
def test_rounding_at_the_only_reference_moves_no_value(rows_off) -> None:
    def values(noise: np.ndarray) -> np.ndarray:
        nothing = model(np.zeros((ROWS, PLAYERS)))
        at_reference = (nothing + noise)[:, None]
        game = skill_game.SkillGame(TRUTHS, model(INPUTS), nothing, at_reference, ALL_MOVE)
        orders = np.tile(np.arange(PLAYERS), (ROWS, 1))
        return game.values(
            lambda kept, rows, which: model(np.where(kept, INPUTS[rows], 0.0)), orders
        )

    noise = np.zeros((ROWS, 2))
    noise[:rows_off] = RNG.normal(scale=1e-7, size=(rows_off, 2))
    noise[1::2] *= 1e-5  # some rows are off by far less than others
    np.testing.assert_allclose(values(noise), values(np.zeros((ROWS, 2))), atol=1e-5)


def test_a_sum_of_functions_of_single_players_has_values_in_closed_form() -> None:
    nothing = additive(BACKGROUND_ROWS).mean(axis=0)
    columns = np.eye(PLAYERS, dtype=bool)
    terms = np.stack([mean_answers(additive, columns[k]) - nothing for k in range(PLAYERS)], axis=1)
    np.testing.assert_allclose(skill_game.additive_values(TRUTHS, terms, nothing), exact(additive))


def test_rows_that_were_not_asked_about_add_up_to_their_skill_as_well() -> None:
    rng = np.random.default_rng(2)
    sampled, known = np.array([1, 4, 7, 8]), rng.normal(size=10)
    stand_in = rng.normal(size=(10, 3))
    own = rng.normal(size=(4, 3))
    own[:, 0] += (known - stand_in.sum(axis=1))[sampled] - own.sum(axis=1)
    whole = skill_game.extended(own, stand_in, known, sampled)
    assert whole.mean(axis=0).sum() == pytest.approx(known.mean())


def test_a_stand_in_learns_a_sum_and_is_nothing_where_there_is_nothing_to_learn() -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(1500, PLAYERS))
    rows[::7, 1] = np.nan
    answers = (np.sign(rows[:, 0]) + np.isnan(rows[:, 1]))[:, None]
    learnt = skill_game.AdditiveStandIn.fitted(rows, answers, rows).terms(rows).sum(axis=1)
    assert np.corrcoef(learnt[:, 0], answers[:, 0])[0, 1] > 0.95
    noise = skill_game.AdditiveStandIn.fitted(rows, rng.normal(size=(1500, 1)), rows).terms(rows)
    assert np.abs(noise.sum(axis=1)).mean() < 0.15


def test_the_error_of_an_exchange_is_its_spread_over_new_rows_and_exchanges() -> None:
    rng = np.random.default_rng(4)
    rises, errors = [], []
    for _ in range(1000):
        x, slope = rng.normal(size=40), rng.gamma(2, size=40)
        orders = [rng.permutation(40) for _ in range(3)]
        donors = np.stack([np.argsort(order)[np.roll(np.arange(40), 1)][order] for order in orders])
        rise, error = skill_game.rise_by_exchange(
            slope * (x[donors] - x) ** 2, donors, Resampling(40)
        )
        rises.append(rise)
        errors.append(error)
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(rises), rel=0.08)
