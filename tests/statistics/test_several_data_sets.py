"""Methods over several data sets, against slow sums, a foreign library and a known truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import friedmanchisquare

from deepseek_report.comparisons.comparison import FEWEST_TO_CONCLUDE
from deepseek_report.statistics import paired
from deepseek_report.statistics.paired import critical_difference, mean_ranks, signed_rank


def slow_signed_rank(differences: list[float], region: float, draws: int) -> list[float]:
    """Gao's way to draw Dirichlet weights, and every pair looked at by itself."""
    rng = np.random.default_rng(9)
    values, counts = [0.0, *differences], [0, 0, 0]
    for _ in range(draws):
        gammas = [rng.gamma(0.5 if k == 0 else 1.0) for k in range(len(values))]
        shares = [0.0, 0.0, 0.0]
        for a, first in zip(gammas, values, strict=True):
            for b, other in zip(gammas, values, strict=True):
                mean = (first + other) / 2
                shares[0 if mean < -region else 2 if mean > region else 1] += a * b
        counts[shares.index(max(shares))] += 1
    return [count / draws for count in counts]


def test_probabilities_are_those_of_a_slow_sum() -> None:
    differences = [0.02, -0.01, 0.03, 0.004, 0.05, -0.02]
    fast = signed_rank(np.array(differences), 0.01)
    slow = slow_signed_rank(differences, 0.01, 1500)
    assert [fast.less, fast.alike, fast.more] == pytest.approx(slow, abs=0.045)
    assert fast.less + fast.alike + fast.more == pytest.approx(1)
    turned = signed_rank(-np.array(differences), 0.01)
    assert (turned.less, turned.more) == pytest.approx((fast.more, fast.less), abs=0.02)


def test_mean_ranks_give_the_statistic_of_friedman() -> None:
    values = np.random.default_rng(0).normal(size=(9, 4))
    ranks = mean_ranks(values, higher_is_better=True)
    statistic = 12 * 9 / (4 * 5) * ((ranks - 2.5) ** 2).sum()
    assert statistic == pytest.approx(friedmanchisquare(*values.T).statistic)
    assert mean_ranks(values, higher_is_better=False) == pytest.approx(5 - ranks)


@pytest.mark.parametrize(("methods", "quantile"), [(2, 1.960), (3, 2.343), (5, 2.728), (10, 3.164)])
def test_the_critical_difference_has_the_quantiles_of_demsar(methods: int, quantile: float) -> None:
    plain = quantile * np.sqrt(methods * (methods + 1) / (6 * 20))
    assert critical_difference(methods, 20) == pytest.approx(plain, rel=1e-3)


def test_two_equal_methods_are_seldom_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """In at most 6 % of studies, of 300 with two standard errors; with no region at all."""
    monkeypatch.setattr(paired, "_DRAWS", 2000)
    rng = np.random.default_rng(5)
    apart = [
        max(posterior.less, posterior.more) >= 0.99
        for _ in range(300)
        for posterior in [signed_rank(rng.normal(size=FEWEST_TO_CONCLUDE), 0.0)]
    ]
    assert np.mean(apart) <= 0.06 + 2 * np.sqrt(0.06 * 0.94 / 300)
