"""Largest gaps between groups: demographic parity, equal opportunity, equalized odds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Category, Measurement, Score
from deepseek_report.metrics.groups import (
    Bools,
    Grouping,
    MinCell,
    MinEvents,
    Outcomes,
    groupings,
)
from deepseek_report.metrics.intervals import Estimate, enough_events, holm, newcombe
from deepseek_report.metrics.performance import SHARE
from deepseek_report.metrics.plugin import ClassMetric, Resamples
from deepseek_report.metrics.resampling import (
    bootstrap_rates,
    permutation_p_value,
    permuted_counts,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class RateTable:
    """Counts of one rate per level: `hits` of `trials`, each (level,)."""

    hits: Ints
    trials: Ints

    @property
    def rates(self) -> Floats:
        return np.asarray(self.hits / np.maximum(self.trials, 1))

    def enough(self, min_cell: int, min_events: int) -> Bools:
        """(level,) whether there are people enough, and events enough if all rates were equal."""
        overall = self.hits.sum() / max(self.trials.sum(), 1)
        return (self.trials >= min_cell) & enough_events(self.trials, overall, min_events)


def rate_table(grouping: Grouping, hits: Bools, among: Bools) -> RateTable:
    """Count a rate in each level of an attribute."""
    return RateTable(grouping.count(hits & among), grouping.count(among))


@dataclass(frozen=True)
class Gap:
    """The largest gap between two levels, and what chance alone would give."""

    estimate: Estimate
    null_mean: float
    null_high: float
    p_value: float
    highest: int
    lowest: int


def largest_gap(tables: Sequence[RateTable], n_resamples: int, seed: int) -> Gap:
    """Greatest difference of any of these rates between two levels.

    max over tables of (max over levels − min over levels). Noise alone raises it, so the null
    distribution is given too: levels are dealt out by chance among the people of each table.

    Parameters
    ----------
    tables : one for a plain gap; true and false positive rates for equalized odds.

    Returns
    -------
    Gap; its interval is Newcombe's, folded at zero, for one rate and two levels; otherwise a BCa
    bootstrap within the cells, which begins at 0 where the permutation test explains the gap, and
    is joined with Newcombe's for the two levels where one of them is never or always favoured:
    resamples of such a level do not vary. `null_high` is the null's 95 % quantile.
    """
    rng = np.random.default_rng(seed)
    k = len(tables[0].trials)

    def statistic(rates: Floats) -> Floats:
        parts = np.split(rates, len(tables), axis=1)
        return np.max([np.ptp(part, axis=1) for part in parts], axis=0)

    rates = np.concatenate([one.rates for one in tables])
    value = float(statistic(rates[None])[0])
    null = statistic(_null_rates(tables, n_resamples, rng))
    p_value = permutation_p_value(null, value)
    widest = max(tables, key=lambda one: np.ptp(one.rates))
    ends = [int(np.argmax(widest.rates)), int(np.argmin(widest.rates))]
    if len(tables) == 1 and k == 2:
        estimate = _folded(tables[0], value)
    else:
        estimate = _resampled(tables, statistic, n_resamples, seed)
        estimate = _widened(estimate, widest, ends, by_chance=p_value > 0.05)
    return Gap(
        estimate=estimate,
        null_mean=float(null.mean()),
        null_high=float(np.quantile(null, 0.95)),
        p_value=p_value,
        highest=ends[0],
        lowest=ends[1],
    )


def _widened(found: Estimate, table: RateTable, ends: list[int], *, by_chance: bool) -> Estimate:
    """The interval with what resamples cannot show; see `largest_gap`."""
    low, high, method = found.low, found.high, found.method
    if set(table.rates[ends]) & {0.0, 1.0}:
        pair = newcombe(*(x for end in ends for x in (table.hits[end], table.trials[end])))
        low, high = min(low or 0.0, float(pair[0])), max(high or 0.0, float(pair[1]))
        method += "; joined with Newcombe's of the two levels"
    if by_chance and low:
        low, method = 0.0, f"{method}; from 0, as chance explains it"
    return replace(found, low=max(low or 0.0, 0.0), high=high, method=method)


def _null_rates(tables: Sequence[RateTable], n: int, rng: np.random.Generator) -> Floats:
    dealt = [
        permuted_counts(one.trials, int(one.hits.sum()), n, rng) / one.trials for one in tables
    ]
    return np.concatenate(dealt, axis=1)


def _folded(table: RateTable, value: float) -> Estimate:
    (x, other), (n, other_n) = table.hits, table.trials
    low, high = (float(end) for end in newcombe(x, n, other, other_n))
    ends = (min(abs(low), abs(high)), max(abs(low), abs(high)))
    least = 0.0 if low <= 0 <= high else ends[0]
    return Estimate(value, least, ends[1], int(n + other_n), "Newcombe, folded at zero")


def _resampled(
    tables: Sequence[RateTable],
    statistic: Callable[[Floats], Floats],
    n_resamples: int,
    seed: int,
) -> Estimate:
    hits = np.concatenate([one.hits for one in tables])
    trials = np.concatenate([one.trials for one in tables])
    rng = np.random.default_rng(seed)
    replicates = bootstrap_rates(hits, trials, statistic, n_resamples, rng)
    low, high = replicates.interval(*SHARE)
    method = (
        f"{replicates.method} bootstrap of people within groups, {n_resamples} resamples, "
        f"seed {seed}"
    )
    return Estimate(float(replicates.value), float(low), float(high), int(trials.sum()), method)


@dataclass(frozen=True)
class GapMetric(ClassMetric):
    """What the three gaps share: groups, floor, test and table."""

    category: ClassVar[Category] = "fairness"
    reads: ClassVar[frozenset[str]] = frozenset({"predictions", "dataset", "seed"})
    name: ClassVar[str] = ""
    crossings: bool = True
    min_cell: MinCell = 30
    min_events: MinEvents = 5
    n_resamples: Resamples = 2000

    def cells(self, outcomes: Outcomes) -> list[tuple[Bools, Bools]]:
        """(hits, among) of each rate whose gaps count."""
        raise NotImplementedError

    def fairlearn(self, labels: Bools, decisions: Bools, levels: Ints) -> float:
        """Fairlearn's value for these people."""
        raise NotImplementedError

    def measure(self, context: MeasureContext) -> Measurement:
        schema = context.dataset.schema
        outcomes = Outcomes.of(context.predictions, schema.target.favourable)
        groups = dict(context.predictions.groups)
        found = groupings(schema, groups, crossings=self.crossings, min_cell=self.min_cell)
        judged = [self._kept(one, outcomes) for one in found]
        gaps = [self._gap(one, outcomes, context.seed) for one in judged]
        table = self._table(judged, gaps)
        scores = tuple(
            self._score(one, gap, p_adjusted)
            for one, gap, p_adjusted in zip(judged, gaps, table["p_adjusted"], strict=True)
            if not one.crossing
        )
        notes = self._notes(found, judged, sum(gap is not None for gap in gaps))
        return Measurement(scores, {"tests": table}, notes=notes)

    def _kept(self, grouping: Grouping, outcomes: Outcomes) -> Grouping:
        """The grouping with the levels alone that can be judged in every rate."""
        enough = np.all(
            [
                rate_table(grouping, *cell).enough(self.min_cell, self.min_events)
                for cell in self.cells(outcomes)
            ],
            axis=0,
        )
        place = np.where(enough, np.cumsum(enough) - 1, -1)
        levels = tuple(one for one, kept in zip(grouping.levels, enough, strict=True) if kept)
        codes = np.where(grouping.codes < 0, -1, place[grouping.codes])
        return Grouping(grouping.name, grouping.label, levels, codes, grouping.crossing)

    def _gap(self, grouping: Grouping, outcomes: Outcomes, seed: int) -> Gap | None:
        if len(grouping.levels) < 2:
            return None
        tables = [rate_table(grouping, *cell) for cell in self.cells(outcomes)]
        gap = largest_gap(tables, self.n_resamples, seed)
        inside = grouping.codes >= 0
        value = self.fairlearn(
            outcomes.deserving[inside], outcomes.favoured[inside], grouping.codes[inside]
        )
        return replace(gap, estimate=replace(gap.estimate, value=value))

    def _table(self, judged: Sequence[Grouping], gaps: Sequence[Gap | None]) -> pd.DataFrame:
        rows = [self._row(one, gap) for one, gap in zip(judged, gaps, strict=True)]
        table = pd.DataFrame(rows)
        table.insert(
            table.columns.get_loc("p_value") + 1, "p_adjusted", holm(table["p_value"].to_numpy())
        )
        numbers = ["value", "low", "high", "null_mean", "null_high", "p_value"]
        return table.astype(dict.fromkeys(numbers, np.float64))

    def _row(self, grouping: Grouping, gap: Gap | None) -> dict[str, object]:
        found = gap.estimate if gap else None
        return {
            "metric": self.name,
            "attribute": grouping.name,
            "attribute_label": grouping.label,
            "value": found.value if found else math.nan,
            "low": found.low if found else math.nan,
            "high": found.high if found else math.nan,
            "null_mean": gap.null_mean if gap else math.nan,
            "null_high": gap.null_high if gap else math.nan,
            "p_value": gap.p_value if gap else math.nan,
            "n": found.n if found else int((grouping.codes >= 0).sum()),
            "widest_level": grouping.levels[gap.highest] if gap else "",
            "narrowest_level": grouping.levels[gap.lowest] if gap else "",
        }

    def _score(self, grouping: Grouping, gap: Gap | None, p_adjusted: float) -> Score:
        if gap is None:
            n = int((grouping.codes >= 0).sum())
            nothing = Estimate(math.nan, None, None, n, "")
            return nothing.score(
                self.name, "fairness", "zero", attribute=grouping.name, note="Too few to judge."
            )
        highest, lowest = grouping.levels[gap.highest], grouping.levels[gap.lowest]
        return gap.estimate.score(
            self.name,
            "fairness",
            "zero",
            attribute=grouping.name,
            bounds=SHARE,
            p_value=float(p_adjusted),
            reference="doi:10.48550/arXiv.1610.02413",
            note=f"From {lowest} (lowest) to {highest} (highest); chance alone would give "
            f"{gap.null_mean:.3f} on average. Permutation p-value, Holm-corrected.",
        )

    def _notes(
        self, found: Sequence[Grouping], judged: Sequence[Grouping], n_tests: int
    ) -> tuple[str, ...]:
        tests = f"The p-values are corrected (Holm) for the {n_tests} gaps of this table."
        dropped = [
            f"{one.label} ({', '.join(sorted(set(one.levels) - set(kept.levels)))})"
            for one, kept in zip(found, judged, strict=True)
            if not one.crossing and len(kept.levels) < len(one.levels)
        ]
        if not dropped:
            return (tests,)
        return (
            tests,
            f"Levels with under {self.min_cell} people in a cell, or where equal rates would give "
            f"under {self.min_events} favourable decisions, are not compared: "
            f"{'; '.join(dropped)}.",
        )


@dataclass(frozen=True)
class DemographicParityDifference(GapMetric):
    """Greatest difference in the rate of favourable decisions between two groups."""

    name: ClassVar[str] = "demographic_parity_difference"

    def cells(self, outcomes: Outcomes) -> list[tuple[Bools, Bools]]:
        return [(outcomes.favoured, np.ones(len(outcomes.favoured), bool))]

    def fairlearn(self, labels: Bools, decisions: Bools, levels: Ints) -> float:
        from fairlearn.metrics import demographic_parity_difference

        return float(
            demographic_parity_difference(
                labels, decisions, sensitive_features=levels, method="between_groups"
            )
        )


@dataclass(frozen=True)
class EqualOpportunityDifference(GapMetric):
    """Greatest difference between two groups in how often those with a favourable label get it."""

    name: ClassVar[str] = "equal_opportunity_difference"

    def cells(self, outcomes: Outcomes) -> list[tuple[Bools, Bools]]:
        return [(outcomes.favoured, outcomes.deserving)]

    def fairlearn(self, labels: Bools, decisions: Bools, levels: Ints) -> float:
        from fairlearn.metrics import equal_opportunity_difference

        return float(
            equal_opportunity_difference(
                labels, decisions, sensitive_features=levels, method="between_groups"
            )
        )


@dataclass(frozen=True)
class EqualizedOddsDifference(GapMetric):
    """The greater of the largest gaps in true and in false positive rate between two groups."""

    name: ClassVar[str] = "equalized_odds_difference"

    def cells(self, outcomes: Outcomes) -> list[tuple[Bools, Bools]]:
        favoured, deserving = outcomes.favoured, outcomes.deserving
        return [(favoured, deserving), (favoured, ~deserving)]

    def fairlearn(self, labels: Bools, decisions: Bools, levels: Ints) -> float:
        from fairlearn.metrics import equalized_odds_difference

        return float(
            equalized_odds_difference(
                labels,
                decisions,
                sensitive_features=levels,
                method="between_groups",
                agg="worst_case",
            )
        )
