"""The gap of labels that are decisions, beside that of the model's decisions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from deepseek_report.metrics.fairness.groups import Grouping, Outcomes
from deepseek_report.metrics.fairness.impact_ratio import labelled_gaps
from deepseek_report.statistics.resampling import Resampling


def gap(
    labelled: tuple[int, int], decided: tuple[int, int], n: int = 500, **how: Any
) -> dict[str, Any]:
    """Of two groups of n; so many of each are labelled and decided unfavourably, as many of both as
    there can be."""
    codes = np.repeat([0, 1], n)
    place = np.tile(np.arange(n), 2)
    harmed = [place < np.repeat(counts, n) for counts in (labelled, decided)]
    grouping = Grouping("race", "Race", ("a", "b"), codes, **how)
    outcomes = Outcomes(favoured=~harmed[1], deserving=~harmed[0])
    (row,) = labelled_gaps([(grouping, "a", "b")], outcomes).to_dict("records")
    return row


def test_the_change_is_the_mean_paired_difference_with_one_observation_more_of_either_sign() -> (
    None
):
    row = gap((150, 50), (280, 60))
    assert (row["labelled"], row["decided_reference"]) == (0.3, 0.12)
    assert row["change"] == pytest.approx((0.56 - 0.12) - (0.3 - 0.1))
    variances = []
    for more in (130, 10):  # so many are decided against and were not labelled so
        values = np.append(np.arange(500) < more, (1.0, -1.0))
        variances.append(values.var(ddof=1) / 502)
    half = 1.965 * math.sqrt(sum(variances))
    # The skewness of rare values moves the ends by a little.
    assert row["change_low"] == pytest.approx(row["change"] - half, abs=0.004)
    assert row["change_high"] == pytest.approx(row["change"] + half, abs=0.004)


@pytest.mark.parametrize(
    ("labelled", "decided", "shown"),
    [
        ((140, 45), (320, 55), "more than doubles"),
        ((140, 45), (190, 45), "widens"),
        ((140, 45), (90, 45), "narrows"),
        ((140, 45), (145, 45), "open"),
        ((50, 50), (150, 60), "widens"),  # no gap in the labels that could be doubled
        ((52, 50), (60, 150), "widens"),  # nor one that tells which group fares worse
    ],
)
def test_only_what_the_interval_supports_is_shown(labelled, decided, shown) -> None:
    assert gap(labelled, decided)["shown"] == shown


def test_the_first_group_is_the_one_that_fares_worse() -> None:
    assert gap((45, 140), (55, 280))["level"] == "b"
    assert gap((50, 52), (150, 60))["level"] == "a"


def test_rows_of_one_entity_count_once() -> None:
    few = gap((14, 5), (28, 6), n=50)
    units = np.repeat(np.arange(100), 10)
    many = gap((140, 50), (280, 60), resampling=Resampling(1000, units))
    assert many["change_low"] == pytest.approx(few["change_low"], abs=0.02)


def test_intervals_hold_for_all_pairs_at_once() -> None:
    codes = np.repeat([0, 1, 2], 100)
    rng = np.random.default_rng(1)
    outcomes = Outcomes(rng.random(300) < 0.5, rng.random(300) < 0.5)
    grouping = Grouping("race", "Race", ("a", "b", "c"), codes)
    alone = labelled_gaps([(grouping, "a", "b")], outcomes).iloc[0]
    of_two = labelled_gaps([(grouping, "a", "b"), (grouping, "a", "c")], outcomes).iloc[0]
    assert of_two["change_low"] < alone["change_low"]
    assert of_two["change_high"] > alone["change_high"]
