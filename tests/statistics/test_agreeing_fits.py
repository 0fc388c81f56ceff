"""Shares of decisions that hang on the fit, against slow rewrites and worlds with known truth."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from deepseek_report.statistics.paired import ambiguity_of, over_rows_and_fits, self_consistency
from deepseek_report.statistics.resampling import Resampling

DECISIONS = np.random.default_rng(1).integers(0, 3, (6, 40))


def test_self_consistency_is_the_share_of_pairs_of_fits_that_agree() -> None:
    pairs = list(combinations(range(6), 2))
    by_hand = np.mean([DECISIONS[a] == DECISIONS[b] for a, b in pairs], axis=0)
    np.testing.assert_allclose(self_consistency(DECISIONS), by_hand)


def test_ambiguity_counts_rows_that_any_fit_decides_otherwise() -> None:
    own = DECISIONS[0]
    by_hand = [any(fit[row] != own[row] for fit in DECISIONS) for row in range(40)]
    np.testing.assert_array_equal(ambiguity_of(own)(DECISIONS), by_hand)


def test_fits_that_all_agree_leave_no_doubt() -> None:
    alike = np.tile(DECISIONS[0], (6, 1))
    estimate = over_rows_and_fits(self_consistency, alike, Resampling(40))
    assert (estimate.value, estimate.low, estimate.high) == (1, 1, 1)


@pytest.mark.parametrize("entities", [1, 4])
def test_intervals_hold_for_other_rows_and_other_fits(entities: int) -> None:
    """Each fit has a threshold of its own, each row (or entity of alike rows) a score."""
    rng = np.random.default_rng(entities)
    held = 0
    scores, thresholds = rng.normal(size=4_000), rng.normal(0, 0.2, 400)
    truth = self_consistency((scores > thresholds[:, None]).astype(np.int64)).mean()
    for _ in range(200):
        drawn = rng.normal(size=300 // entities).repeat(entities)
        fits = rng.normal(0, 0.2, 10)
        rows = Resampling.by(np.arange(len(drawn)) // entities, len(drawn))
        decisions = (drawn > fits[:, None]).astype(np.int64)
        estimate = over_rows_and_fits(self_consistency, decisions, rows)
        assert estimate.ends is not None
        held += estimate.ends[0] <= truth <= estimate.ends[1]
    assert held / 200 >= 0.92
