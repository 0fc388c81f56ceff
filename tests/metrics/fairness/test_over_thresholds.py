"""The range of a ratio over thresholds, against a count at each of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.split import Split
from deepseek_report.metrics.fairness.groups import Grouping
from deepseek_report.metrics.fairness.impact_ratio import tried_thresholds, with_range
from tests import builders


def predictions(base: float, n: int = 400) -> Predictions:
    generator = np.random.default_rng(3)
    scores = generator.random(n)
    labels = (np.arange(n) < base * n).astype(np.int64)
    return builders.predictions(scores, Split(scores[:, None], labels, np.arange(n)))


@pytest.mark.parametrize("base", [0.1, 0.5, 0.9])
def test_from_half_to_twice_as_many_are_decided_for_as_there_are(base: float) -> None:
    p = predictions(base)
    decided = [(p.scores >= threshold).mean() for threshold in tried_thresholds(p)]
    assert decided[0] == pytest.approx(min(2 * base, (1 + base) / 2), abs=0.01)
    assert decided[-1] == pytest.approx(base / 2, abs=0.01)


@pytest.mark.parametrize("favourable", [0, 1])
def test_least_and_greatest_ratio_are_those_of_a_count_at_each_threshold(favourable: int) -> None:
    p = predictions(0.3)
    codes = np.random.default_rng(5).integers(0, 3, len(p))
    grouping = Grouping("team", "Team", ("a", "b", "c"), codes)
    pairs = pd.DataFrame({"attribute": "team", "level": ["a", "c"], "reference": ["b", "b"]})
    ranged = with_range(pairs, p, [grouping], favourable)
    for row, level in zip(ranged.itertuples(), (0, 2), strict=True):
        ratios = []
        for threshold in tried_thresholds(p):
            good = np.where(p.scores >= threshold, 1, 0) == favourable
            ratios.append(good[codes == level].mean() / good[codes == 1].mean())
        assert row.ratio_least == pytest.approx(min(ratios))
        assert row.ratio_most == pytest.approx(max(ratios))


def test_without_a_threshold_no_range_is_told() -> None:
    pairs = pd.DataFrame({"attribute": ["team"], "level": ["a"], "reference": ["b"]})
    from dataclasses import replace

    p = replace(predictions(0.3), threshold=None)
    assert list(with_range(pairs, p, [], 1)) == list(pairs)
