"""Mean errors of groups whose spreads differ: are means called unequal that are equal?

One small group is set against a large one, or five groups against one another. Spreads and tails
differ, means do not; or a group is off by a stated amount.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.findings.severity import SIGNIFICANT
from deepseek_report.statistics.gaps import largest_mean_gap

from .trials import Plan, Table, repeat, share

_DRAWS = 500
Draw = Callable[[int, np.random.Generator], Floats]


def normal(spread: float, mean: float, n: int, rng: np.random.Generator) -> Floats:
    return mean + spread * rng.normal(size=n)


def distance(size: float, n: int, rng: np.random.Generator) -> Floats:
    """Absolute normal errors with this mean."""
    return size * math.sqrt(math.pi / 2) * np.abs(rng.normal(size=n))


def heavy(freedom: int, size: float, n: int, rng: np.random.Generator) -> Floats:
    """Absolute errors that follow Student's t, with this mean."""
    mean = 2 * math.sqrt(freedom) * math.gamma((freedom + 1) / 2)
    mean /= math.sqrt(math.pi) * (freedom - 1) * math.gamma(freedom / 2)
    return size / mean * np.abs(rng.standard_t(freedom, n))


def skewed(spread: float, n: int, rng: np.random.Generator) -> Floats:
    """Lognormal with a mean of 1."""
    return np.asarray(rng.lognormal(-(spread**2) / 2, spread, n))


@dataclass(frozen=True)
class Groups:
    """Sizes of the groups and how the values of each are drawn; `gap` : of their true means."""

    groups: tuple[tuple[int, Draw], ...]
    gap: float = 0.0

    def draw(self, seed: int) -> tuple[Floats, Ints]:
        rng = np.random.default_rng([seed, len(self.groups), self.groups[-1][0]])
        values = np.concatenate([draw(n, rng) for n, draw in self.groups])
        return values, np.repeat(np.arange(len(self.groups)), [n for n, _ in self.groups])


def _two(small: int, large: Draw, other: Draw, gap: float = 0.0) -> Groups:
    return Groups(((1000 - small, large), (small, other)), gap)


#: Sizes and spreads.
_FIVE = ((400, 1.0), (300, 2.0), (150, 3.0), (100, 4.0), (50, 5.0))
_usual, _errors = partial(normal, 1.0, 0.0), partial(distance, 1.0)
EQUAL: Mapping[str, Groups] = {
    "errors alike, 30": _two(30, _usual, _usual),
    "spread 1 against 2, 200": _two(200, _usual, partial(normal, 2.0, 0.0)),
    "spread 1 against 3, 100": _two(100, _usual, partial(normal, 3.0, 0.0)),
    "spread 1 against 3, 30": _two(30, _usual, partial(normal, 3.0, 0.0)),
    "spread 3 against 1, 30": _two(30, partial(normal, 3.0, 0.0), _usual),
    "absolute errors, Student's t, 3, in 30": _two(30, _errors, partial(heavy, 3, 1.0)),
    "absolute errors, Student's t, 3, in 100": _two(100, _errors, partial(heavy, 3, 1.0)),
    "absolute errors, lognormal 1 in 30": _two(30, _errors, partial(skewed, 1.0)),
    "absolute errors, lognormal 1 in 100": _two(100, _errors, partial(skewed, 1.0)),
    "five groups of 400 to 50, spreads 1 to 5": Groups(
        tuple((n, partial(normal, spread, 0.0)) for n, spread in _FIVE)
    ),
}
APART: Mapping[str, Groups] = {
    "quiet group of 30, spread 0.2, off by 0.5; spread 2 elsewhere": _two(
        30, partial(normal, 2.0, 0.0), partial(normal, 0.2, 0.5), 0.5
    ),
    "group of 100 off by half a spread": _two(100, _usual, partial(normal, 1.0, 0.5), 0.5),
    "absolute errors half as large again, 100": _two(100, _errors, partial(distance, 1.5), 0.5),
}


@dataclass(frozen=True)
class Outcome:
    """told : p below 0.05. agrees : the interval leaves 0 out just then. holds : holds the gap."""

    told: bool
    agrees: bool
    holds: bool


def trial(groups: Groups, seed: int) -> Outcome:
    """One sample of these groups."""
    values, codes = groups.draw(seed)
    gap = largest_mean_gap(values, codes, _DRAWS, np.random.default_rng(seed))
    low, high = gap.estimate.ends or (math.nan, math.nan)
    told = gap.p_value < SIGNIFICANT
    return Outcome(told, told == (low > 0), low <= groups.gap <= high)


def tables(plan: Plan) -> list[Table]:
    """How often a difference is told, 2 000 samples each at a share of 1."""
    repeats = plan.times(2000, 100)
    rows = []
    for kind, worlds in (("equal", EQUAL), ("apart", APART)):
        for name, groups in worlds.items():
            outcomes = repeat(partial(trial, groups), repeats, plan)
            rows.append(
                (
                    kind,
                    name,
                    share([outcome.told for outcome in outcomes]),
                    share([outcome.holds for outcome in outcomes]),
                    sum(not outcome.agrees for outcome in outcomes),
                )
            )
    return [
        Table(
            "Mean errors of groups whose spreads differ",
            f"{repeats} samples of 1 000 people each; the small group has the stated size. Told: "
            "some two means differ with p < 0.05. Target where they are equal: at most 6 %. The "
            "interval is that of the largest gap; it contradicts the test where it leaves 0 out "
            "and p is not below 0.05, or the other way round.",
            ("means", "groups", "told", "interval holds the gap", "contradicted"),
            rows,
        )
    ]
