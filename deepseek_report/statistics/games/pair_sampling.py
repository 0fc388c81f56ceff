"""Shapley interaction values of a few pairs of features of any model, by sampling.

The index of a pair is a mean: of Δ = f(S ∪ ij) − f(S ∪ i) − f(S ∪ j) + f(S) over background rows
and over coalitions S of the other features, whose size is uniform. Each draw asks the model for
four rows. What a surrogate gives for the same draws, less its exact value, has mean 0 and is taken
off (a control variate), times the slope of the model's Δ on the surrogate's. The slope of every
second case is that of the other cases, so that the estimate keeps its mean.

Reference: Grabisch & Roubens 1999, doi 10.1007/s001820050125 (the index); Fumagalli et al. 2023,
arXiv:2303.01179 (sampling); Goldwasser & Hooker 2023, arXiv:2310.07672 (control variates).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.statistics.intervals import Z95

#: (row, column) -> (row,).
Output = Callable[[Floats], Floats]


@dataclass(frozen=True)
class PairValues:
    """Interaction values of pairs of features in single cases, and what is known of their error.

    values : (pair, case). standard_errors : (pair, case) such that the value ± 1.96 of them is an
    interval of 95 %; 0 where the values are exact. magnitudes : (pair, case) estimates of the
    values' magnitudes that sampling does not make larger, as it does those of `values`: their mean
    is 0 where there is no interaction, and at most the magnitude. Single ones may be negative.
    """

    values: Floats
    standard_errors: Floats
    magnitudes: Floats

    @classmethod
    def exact(cls, values: Floats) -> PairValues:
        """Of values without an error."""
        return cls(values, np.zeros_like(values), np.abs(values))

    @classmethod
    def of_draws(cls, draws: Floats) -> PairValues:
        """Of (pair, case, draw) independent draws whose mean is the value; at least two a case.

        The magnitude is the mean over draws of each with the sign of the sum of the others. The
        interval is Student's, for an error estimated from few draws.
        """
        from scipy.stats import t

        n = draws.shape[2]
        errors = draws.std(axis=2, ddof=1) / np.sqrt(n)
        others = draws.sum(axis=2, keepdims=True) - draws
        return cls(
            values=draws.mean(axis=2),
            standard_errors=float(t.ppf(0.975, n - 1)) / Z95 * errors,
            magnitudes=(np.sign(others) * draws).mean(axis=2),
        )

    def take(self, pairs: Ints) -> PairValues:
        """Some of the pairs."""
        return PairValues(self.values[pairs], self.standard_errors[pairs], self.magnitudes[pairs])


@dataclass(frozen=True)
class PairQuestions:
    """What a model is asked about pairs of features of some cases.

    inputs : (case, column). background : (row, column). pairs : (pair, 2) columns. draws : of each
    pair and case, at least two; the model is asked for four rows each.
    """

    inputs: Floats
    background: Floats
    pairs: Ints
    draws: int

    @property
    def rows(self) -> int:
        """How many rows the model is asked for."""
        return 4 * len(self.pairs) * len(self.inputs) * self.draws

    def answered(
        self, output: Output, surrogate: Output, of_surrogate: Floats, seed: int
    ) -> PairValues:
        """Ask the model and its surrogate about the same rows.

        output, surrogate : (row, column) -> (row,) in one unit, each up to a constant.
        of_surrogate : (pair, case) the exact interaction values of the surrogate.
        seed : of the draws, which are independent between pairs and cases.
        """
        estimates = []
        for number, pair in enumerate(self.pairs):
            rows = self._rows(pair, np.random.default_rng([seed, number]))
            own, known = self._differences(output, rows), self._differences(surrogate, rows)
            missed = known - of_surrogate[number][:, None]
            estimates.append(own - _slopes(own, known)[:, None] * missed)
        shape = (0, len(self.inputs), self.draws)
        return PairValues.of_draws(np.stack(estimates) if estimates else np.zeros(shape))

    def _rows(self, pair: Ints, random: np.random.Generator) -> Floats:
        """(corner, case, draw, column): with both features of the case, with either, with none."""
        n, columns = self.inputs.shape
        shape = (n, self.draws)
        sizes = random.integers(0, columns - 1, size=shape)
        order = random.random((*shape, columns))
        order[:, :, pair] = 2.0
        kept = order.argsort(axis=2).argsort(axis=2) < sizes[:, :, None]
        references = self.background[random.integers(len(self.background), size=shape)]
        without = np.where(kept, self.inputs[:, None], references)
        corners = np.stack([without] * 4)
        for corner, own in ((0, [0, 1]), (1, [0]), (2, [1])):
            corners[corner][:, :, pair[own]] = self.inputs[:, None, pair[own]]
        return corners

    def _differences(self, output: Output, rows: Floats) -> Floats:
        """(case, draw)"""
        both, first, second, none = output(rows.reshape(-1, rows.shape[-1])).reshape(rows.shape[:3])
        return np.asarray(both - first - second + none)


def _slopes(own: Floats, known: Floats) -> Floats:
    """(case,) slope of own differences on known ones, over the draws of every second case."""
    deviations = [part - part.mean(axis=1, keepdims=True) for part in (own, known)]
    together, alone = (deviations[1] * part for part in deviations)
    slopes = np.zeros(len(own))
    for start in (0, 1):
        others = slice(1 - start, None, 2)
        spread = float(alone[others].sum())
        slopes[start::2] = together[others].sum() / spread if spread > 0 else 0.0
    return slopes
