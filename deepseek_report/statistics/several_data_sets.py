"""Two or more methods over several data sets: how sure an advantage is, and their mean ranks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Floats

#: Weight of the pseudo-observation of no difference, and draws from the posterior.
_PRIOR, _DRAWS = 0.5, 20_000


@dataclass(frozen=True)
class SignedRank:
    """Posterior probabilities that add up to one: of which of the three is the likeliest.

    less, more : that the differences of another data set lie below or above the region of no
    practical size. alike : that they lie within it.
    """

    less: float
    alike: float
    more: float


def signed_rank(differences: Floats, region: float, seed: int = 0) -> SignedRank:
    """The Bayesian signed-rank test of one difference a data set.

    The weights of the data sets have a Dirichlet posterior, with a pseudo-observation of no
    difference of weight 0.5; of the means of all pairs of differences, three shares lie below,
    within and above the region. Counted is which share is the largest.

    differences : (data set,), first − other. region : half width, in their unit.

    Reference: Benavoli, Corani, Demšar & Zaffalon 2017, jmlr.org/papers/v18/16-305.html, section 4.

    >>> signed_rank(np.full(8, 0.1), 0.01).more > 0.99
    True
    >>> signed_rank(np.zeros(8), 0.01).alike
    1.0
    """
    values = np.concatenate([[0.0], np.asarray(differences, dtype=float)])
    prior = np.ones(len(values))
    prior[0] = _PRIOR
    weights = np.random.default_rng(seed).dirichlet(prior, _DRAWS)
    sums = values[:, None] + values[None, :]
    more = ((weights @ (sums > 2 * region)) * weights).sum(axis=1)
    less = ((weights @ (sums < -2 * region)) * weights).sum(axis=1)
    largest = np.argmax(np.stack([less, 1 - less - more, more]), axis=0)
    shares = np.bincount(largest, minlength=3) / _DRAWS
    return SignedRank(*map(float, shares))


def mean_ranks(values: Floats, *, higher_is_better: bool) -> Floats:
    """(method,) the mean rank over data sets; 1 is the best, ties share their ranks.

    values : (data set, method).

    >>> mean_ranks(np.array([[0.9, 0.8, 0.8], [0.7, 0.6, 0.5]]), higher_is_better=True)
    array([1.  , 2.25, 2.75])
    """
    from scipy.stats import rankdata

    signed = -np.asarray(values) if higher_is_better else np.asarray(values)
    return np.asarray(rankdata(signed, axis=1).mean(axis=0))


def critical_difference(methods: int, data_sets: int) -> float:
    """The distance of two mean ranks that chance exceeds in 5 % of studies of equal methods.

    Nemenyi's test, corrected for all pairs.

    Reference: Demšar 2006, jmlr.org/papers/v7/demsar06a.html, equation 6 and table 5.

    >>> round(critical_difference(5, 14), 2)  # q of 2.728, sqrt(5 * 6 / (6 * 14))
    1.63
    """
    from scipy.stats import studentized_range

    quantile = float(studentized_range.ppf(0.95, methods, np.inf)) / math.sqrt(2)
    return quantile * math.sqrt(methods * (methods + 1) / (6 * data_sets))
