from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from deepseek_report.explainers.shapley.shap_players import all_coalitions
from deepseek_report.statistics.games.coalition_design import (
    PairedRegression,
    all_pairs,
    draw_design,
)


def design_of(players: int, rows: int, pairs: int, seed: int = 0):
    return draw_design(players, rows, pairs, np.random.default_rng(seed))


@examples(st.integers(2, 14), st.integers(1, 30), st.integers(0, 400), st.integers(0, 3))
def test_has_the_pairs_that_were_wanted_or_all_and_none_twice(players, rows, pairs, seed) -> None:
    design = design_of(players, rows, pairs, seed)
    assert len(design) == min(pairs, rows * all_pairs(players))
    codes = design.kept @ (1 << np.arange(players))
    lower = np.minimum(codes, 2**players - 1 - codes)
    assert len(np.unique(lower * rows + design.rows)) == len(design)


@examples(st.integers(2, 30), st.integers(1, 30), st.integers(1, 400))
def test_all_rows_of_the_background_have_alike_many_pairs(players, rows, pairs) -> None:
    design = design_of(players, rows, pairs)
    per_row = np.bincount(design.rows, minlength=rows)
    assert np.ptp(per_row) <= 1


def test_all_sizes_have_alike_many_pairs_and_small_sizes_all_of_theirs() -> None:
    sizes = np.bincount(design_of(12, 1, 400).sizes())
    assert sizes[1:3].tolist() == [12, 66]
    assert np.ptp(sizes[3:6]) <= 1
    assert abs(2 * sizes[6] - sizes[5]) <= 2


@pytest.mark.parametrize("players", [2, 5, 8])
def test_a_whole_design_has_every_pair_with_every_row_by_the_shapley_kernel(players) -> None:
    design = design_of(players, 3, 10**6)
    assert len(design) == 3 * (2 ** (players - 1) - 1)
    assert (design.unseen() == 0).all()
    sizes = design.sizes()
    kernel = [1 / (comb(players, k) * k * (players - k)) for k in sizes]
    np.testing.assert_allclose(design.weights(), kernel / np.mean(kernel))


def test_what_is_unseen_is_the_share_of_a_size_that_was_not_drawn() -> None:
    design = design_of(6, 2, 31)
    sizes = design.sizes()
    for size, total in ((1, 12), (2, 30), (3, 20)):
        share = 1 - (sizes == size).sum() / total
        np.testing.assert_allclose(design.unseen()[sizes == size], share)


def test_the_first_pairs_have_about_the_proportions_of_all() -> None:
    design = design_of(20, 8, 2000)
    whole, part = np.bincount(design.sizes()), np.bincount(design.first(500).sizes())
    assert len(design.first(500)) == 500
    np.testing.assert_allclose(part / 500, whole / 2000, atol=0.01)


PLAYERS, ROWS = 7, 12


class Games:
    """A smooth model of mixed rows: one game for each background row, all outputs known."""

    def __init__(self, seed: int, players: int = PLAYERS, rows: int = ROWS) -> None:
        rng = np.random.default_rng(seed)
        self.background, row = rng.normal(size=(rows, players)), rng.normal(size=players)
        hidden, weights = rng.normal(size=(players, 20)), rng.normal(size=20) / 20
        kept = (np.arange(2**players)[:, None] >> np.arange(players)) & 1
        mixed = np.where(kept.astype(bool)[:, None], row, self.background)
        self.outputs = np.tanh(mixed @ hidden / 2) @ weights
        self.codes = 1 << np.arange(players)

    def exact(self) -> np.ndarray:
        players = len(self.codes)
        means = self.outputs.mean(axis=1)
        return all_coalitions(players, 1, lambda kept, _: means[kept @ self.codes]).values[0]

    def estimate(self, pairs: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        players = len(self.codes)
        design = draw_design(players, len(self.background), pairs, rng)
        kept, left = design.kept @ self.codes, ~design.kept @ self.codes
        gains = self.outputs[-1, 0] - self.outputs[0]
        halves = (self.outputs[kept, design.rows] - self.outputs[left, design.rows]) / 2
        halves -= (design.kept.mean(axis=1) - 0.5) * gains[design.rows]
        regression = PairedRegression(design, self.background - self.background.mean(axis=0))
        values = regression.values(halves[None])[0] + gains.mean() / players
        return values, regression.standard_errors(halves[None])[0]


@pytest.mark.parametrize("rows", [1, 12])
def test_a_complete_design_gives_the_exact_values_without_any_error(rows) -> None:
    games = Games(0, rows=rows)
    values, errors = games.estimate(rows * all_pairs(PLAYERS), np.random.default_rng(0))
    np.testing.assert_allclose(values, games.exact(), atol=1e-12)
    np.testing.assert_array_equal(errors, 0)


def test_a_linear_model_is_exact_from_few_pairs() -> None:
    games, slopes = Games(0), np.linspace(-1, 1, PLAYERS)
    row = np.ones(PLAYERS)
    kept = (np.arange(2**PLAYERS)[:, None] >> np.arange(PLAYERS)) & 1
    games.outputs = np.where(kept.astype(bool)[:, None], row, games.background) @ slopes
    values, errors = games.estimate(3 * PLAYERS, np.random.default_rng(0))
    np.testing.assert_allclose(values, slopes * (row - games.background.mean(axis=0)), atol=1e-9)
    np.testing.assert_allclose(errors, 0, atol=1e-9)


@pytest.mark.parametrize("pairs", [50, 150, 400])
def test_intervals_of_95_percent_hold_the_exact_value_as_often_as_they_say(pairs) -> None:
    hits = []
    for seed in range(12):
        games = Games(seed)
        exact, rng = games.exact(), np.random.default_rng(seed)
        for _ in range(25):
            values, errors = games.estimate(pairs, rng)
            hits.append(np.abs(values - exact) <= 1.96 * errors)
    assert 0.92 <= np.mean(hits) <= 0.98


def test_the_error_falls_with_the_pairs_faster_than_by_chance_alone() -> None:
    def mean_error(pairs: int) -> float:
        errors = [
            np.square(games.estimate(pairs, np.random.default_rng(seed))[0] - games.exact()).mean()
            for seed in range(20)
            for games in [Games(seed)]
        ]
        return float(np.sqrt(np.mean(errors)))

    few, many = mean_error(100), mean_error(400)
    assert many < few / 2.5
