"""Studies of two models or two methods whose truth is known, from stored predictions.

Two models: each row's two predictions are swapped at random, so that neither is better. Two
methods: both arms of five seeds are drawn from one method. A planted difference is of the size
that five seeds and these rows tell in 80 % of studies. Several data sets: one difference of two
methods on each, from three distributions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.comparisons.comparison import FEWEST_TO_CONCLUDE
from deepseek_report.statistics.paired import MethodGap, SeedRuns, method_gap, signed_rank, tellable
from deepseek_report.tasks import TASKS
from deepseek_report.tasks.comparisons import RowMeasure
from worlds.trials import Plan, Share, Table, repeat, share, stated_predictions

ROWS, SEEDS = 600, 5
MEASURES = TASKS["classification"].by_rows
#: How a run of one method scatters: noise of each row's log-odds, and of all of them together.
ROW_NOISE, SEED_NOISE = 0.5, 0.05
STUDIES = 2000
#: Posterior probability from which on an advantage over data sets is told of two methods.
SURE = 0.99
#: Differences of two methods on so many data sets, around 0.
DIFFERENCES: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "Student's t, 2": lambda rng, n: rng.standard_t(2, size=n),
    "of another spread on each": lambda rng, n: rng.normal(size=n) * np.exp(rng.normal(size=n)),
}


@dataclass(frozen=True)
class Gap:
    """What a study says of a difference."""

    value: float
    low: float
    high: float
    p: float

    @property
    def differs(self) -> bool:
        return self.p < 0.05

    def holds(self, truth: float) -> bool:
        return self.low <= truth <= self.high


def tables(plan: Plan) -> list[Table]:
    """False alarms, coverage and power of paired differences, and of methods over data sets."""
    studies = plan.times(STUDIES, 20)
    return [
        Table(
            "Two fitted models, neither of which is better",
            f"{studies} studies of {ROWS} rows; each row's two predictions are swapped at random.",
            ("measure", "said to differ", "interval holds 0"),
            [_null_models(place, studies, plan) for place in range(len(MEASURES))],
        ),
        Table(
            "Two arms of one method, and two methods",
            f"{studies} studies of {ROWS} rows and {SEEDS} seeds each. The planted difference is "
            "one that such a study tells in 80 % by Student's distribution; what it truly is, is "
            "the mean over all studies.",
            (
                *("measure", "one method: said to differ", "interval holds 0"),
                *("two methods: told", "interval holds the difference"),
            ),
            [_methods(place, studies, plan) for place in range(len(MEASURES))],
        ),
        Table(
            "Two methods over several data sets",
            f"{studies} studies each. An advantage by the Bayesian signed-rank test with a "
            f"probability of {SURE}, with no region of practical equivalence, which is where it is "
            f"told most often. It is concluded from {FEWEST_TO_CONCLUDE} data sets on. An "
            "advantage is planted by adding 1 to each difference.",
            (
                *("data sets", "differences", "equal: an advantage is told"),
                *("planted: told of the better one", "of the other one"),
            ),
            [
                [n, name, *_over_data_sets(n, name, studies, plan)]
                for n in (5, 8, 10, 15, 20)
                for name in DIFFERENCES
            ],
        ),
    ]


def _null_models(place: int, studies: int, plan: Plan) -> list[object]:
    gaps = repeat(partial(_swapped, place), studies, plan)
    return [MEASURES[place].key, *_shares(gaps, 0.0)]


def _shares(gaps: Sequence[Gap], truth: float) -> tuple[Share, Share]:
    """How often a difference is told, and how often its interval holds the truth."""
    return share([gap.differs for gap in gaps]), share([gap.holds(truth) for gap in gaps])


def _swapped(place: int, seed: int) -> Gap:
    rng = np.random.default_rng([seed, place, 1])
    labels, margin = _world(rng)
    both = margin + rng.normal(0, 0.7, (2, ROWS))
    swap = rng.random(ROWS) < 0.5
    first, other = np.where(swap, both[0], both[1]), np.where(swap, both[1], both[0])
    gap, p = MEASURES[place].difference(_predicted(labels, first), _predicted(labels, other))
    low, high = gap.ends or (0.0, 0.0)
    return Gap(gap.value, low, high, p)


def _methods(place: int, studies: int, plan: Plan) -> list[object]:
    measure = MEASURES[place]
    alike = repeat(partial(_arms, place, 0.0), studies, plan)
    apart = repeat(partial(_arms, place, _tellable(measure)), studies, plan)
    truth = float(np.mean([gap.value for gap in apart]))
    return [measure.key, *_shares(alike, 0.0), *_shares(apart, truth)]


def _arms(place: int, shift: float, seed: int) -> Gap:
    rng = np.random.default_rng([seed, place, 2])
    labels, margin = _world(rng)
    first, other = (
        _seeds(MEASURES[place], labels, margin + by * (2 * labels - 1), rng) for by in (shift, 0.0)
    )
    gap = method_gap(first, other)
    low, high = gap.difference.ends or (0.0, 0.0)
    return Gap(gap.difference.value, low, high, gap.p_value)


def _over_data_sets(n: int, name: str, studies: int, plan: Plan) -> list[Share]:
    equal, planted = (
        repeat(partial(_told_better, n, name, by), studies, plan) for by in (0.0, 1.0)
    )
    return [
        share([side != 0 for side in equal]),
        share([side > 0 for side in planted]),
        share([side < 0 for side in planted]),
    ]


def _told_better(n: int, name: str, shift: float, seed: int) -> int:
    """1 or -1 where the first or the other of two methods is told to be better, else 0."""
    rng = np.random.default_rng([seed, n, list(DIFFERENCES).index(name)])
    posterior = signed_rank(DIFFERENCES[name](rng, n) + shift, 0.0)
    return int(posterior.more >= SURE) - int(posterior.less >= SURE)


def _seeds(
    measure: RowMeasure, labels: Floats, margin: Floats, rng: np.random.Generator
) -> SeedRuns:
    noise = rng.normal(0, ROW_NOISE, (SEEDS, ROWS)) + rng.normal(0, SEED_NOISE, (SEEDS, 1))
    return SeedRuns.of([measure.of(_predicted(labels, margin + each)) for each in noise])


def _tellable(measure: RowMeasure) -> float:
    """The shift towards the truth that is told in 80 % of studies, found by halving."""

    def power(shift: float) -> float:
        gaps = [_gap(measure, shift, seed) for seed in range(60)]
        seen = abs(np.mean([gap.difference.value for gap in gaps]))
        return float(seen - np.mean([tellable(gap.error, gap.freedom) for gap in gaps]))

    low, high = 0.0, 2.0
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if power(middle) < 0 else (low, middle)
    return high


def _gap(measure: RowMeasure, shift: float, seed: int) -> MethodGap:
    rng = np.random.default_rng([seed, 3])
    labels, margin = _world(rng)
    arms: list[SeedRuns] = [
        _seeds(measure, labels, margin + by * (2 * labels - 1), rng) for by in (shift, 0.0)
    ]
    return method_gap(*arms)


def _world(rng: np.random.Generator) -> tuple[Floats, Floats]:
    margin = rng.normal(-0.5, 1.5, ROWS)
    labels = (rng.random(ROWS) < 1 / (1 + np.exp(-margin))).astype(np.int64)
    return labels, margin


def _predicted(labels: Floats, margin: Floats) -> Predictions:
    scores = 1 / (1 + np.exp(-margin))
    both = np.stack([1 - scores, scores], axis=1)
    return stated_predictions(both, labels, (scores >= 0.5).astype(np.int64))
