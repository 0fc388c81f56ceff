from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from deepseek_report.statistics.games.coalition_design import all_pairs, draw_design


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
