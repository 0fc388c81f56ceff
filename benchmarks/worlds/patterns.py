"""Combinations and ranges in which a class is frequent, in worlds where they are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.schema import Feature, Schema, Target
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.metrics.failures.risk_patterns import RiskPatterns
from deepseek_report.metrics.failures.risk_windows import RiskWindows
from worlds.failures import NUMBERS, World, context, members, world
from worlds.trials import Plan, Table, repeat, share

#: Rate of the class outside of what is planted.
_BASE = 0.2
_COLOUR, _REGION = NUMBERS, NUMBERS + 1
#: From the cases to the chances that they are of the class.
Chances = Callable[[World], Floats]


def corner(of: World) -> Bools:
    """Two categories and the upper quarter of a number: 1.25 % of the cases."""
    return np.asarray(kinds(of) & (of.inputs[:, 4] > 0.6745))


def kinds(of: World) -> Bools:
    """Two categories: 5 % of the cases."""
    return np.asarray((of.inputs[:, _COLOUR] == 1) & (of.inputs[:, _REGION] == 3))


def level(of: World) -> Bools:
    """One category, a quarter of the cases."""
    return np.asarray(of.inputs[:, _COLOUR] == 1)


@dataclass(frozen=True)
class Planted:
    """Chances that are higher inside, and alike elsewhere. about : features of what is planted."""

    inside: Callable[[World], Bools]
    rate: float
    about: frozenset[str]

    def __call__(self, of: World) -> Floats:
        return np.where(self.inside(of), self.rate, _BASE)


def alike(of: World) -> Floats:
    return np.full(len(of.labels), _BASE)


def graded(of: World) -> Floats:
    """Risk that rises smoothly along many features."""
    return of.chances


@dataclass(frozen=True)
class Outcome:
    """What is listed of one world.

    listed : how many patterns. right : whether the first is about what was planted. held : for
    each pattern whether its interval holds the true rate; first : the same of the riskiest.
    """

    listed: int
    right: bool
    held: tuple[bool, ...]
    first: bool | None


@dataclass(frozen=True)
class PatternTrial:
    """One world after the other, with a model that states the true chances."""

    n: int
    chances: Chances

    def __call__(self, seed: int) -> Outcome:
        rng = np.random.default_rng([seed, self.n, 3])
        learnt, test = (self._drawn(rng) for _ in range(2))
        about = context(test, learnt, seed)
        table = RiskPatterns().measure(about).tables["patterns"]
        true = [float(test.chances[members(text, about)].mean()) for text in table["slice"]]
        held = (table["rate_low"] <= true) & (true <= table["rate_high"])
        if table.empty:
            return Outcome(0, False, (), None)
        riskiest = int(table["rate_low"].to_numpy().argmax())
        about_first = frozenset(str(table["features"].iloc[riskiest]).split(", "))
        planted = self.chances.about if isinstance(self.chances, Planted) else frozenset()
        first = bool(held.iloc[riskiest])
        return Outcome(len(table), about_first == planted, tuple(map(bool, held)), first)

    def _drawn(self, rng: np.random.Generator) -> World:
        of = world(self.n, rng)
        chances = self.chances(of)
        return replace(of.with_chances(chances, rng), stated=chances)


WORLDS: tuple[tuple[str, Chances], ...] = (
    ("nothing tells the class", alike),
    ("one value, 30 %", Planted(level, 0.3, frozenset({"colour"}))),
    ("one value, 50 %", Planted(level, 0.5, frozenset({"colour"}))),
    ("two values, 50 %", Planted(kinds, 0.5, frozenset({"colour", "region"}))),
    ("two values, 80 %", Planted(kinds, 0.8, frozenset({"colour", "region"}))),
    ("three values, 80 %", Planted(corner, 0.8, frozenset({"colour", "region", "x4"}))),
    ("risk rises smoothly", graded),
)


def listed(repeats: int, plan: Plan) -> Table:
    """How often a pattern is listed where there is none, and found where there is one."""
    rows = []
    for name, chances in WORLDS:
        for n in (300, 1000, 6000):
            runs = repeat(PatternTrial(n, chances), repeats, plan)
            held = [holds for run in runs for holds in run.held]
            first = [run.first for run in runs if run.first is not None]
            planted = isinstance(chances, Planted)
            rows.append(
                (
                    name,
                    n,
                    share([run.listed > 0 for run in runs]),
                    share([run.right for run in runs]) if planted else "–",
                    share(held) if held else "–",
                    share(first) if first else "–",
                )
            )
    return Table(
        "Combinations behind the riskiest cases",
        f"{repeats} worlds each; the class has a rate of {_BASE:.0%} elsewhere. Right: the "
        "combination told in a sentence is about the features that were planted, and no others; "
        "three values hold 1.25 % of the cases, fewer than are looked for where there are few. "
        "The interval must hold the true rate of its cases.",
        ("world", "cases", "any listed", "right", "intervals", "interval of the one told"),
        rows,
    )


#: Parts that were made, parameters that were measured of each, and the share that is faulty.
_PARTS, _PARAMETERS, _FAULTY = 3000, 50, 0.03
#: Between which shares of all values the planted range of each parameter lies.
_PLANTED = {7: (0.4, 0.6), 21: (0.76, 1.0)}


@dataclass(frozen=True)
class WindowTrial:
    """Parts of which some are faulty, more of them in a window of two of fifty parameters.

    rate : of faults in the window, which holds about 144 parts; None: labels are shuffled.
    """

    rate: float | None

    def __call__(self, seed: int) -> tuple[bool, bool, bool, bool | None]:
        """Whether any window is listed, whether the surest is the planted one with both borders of
        each range within 10 and within 5 percentiles, and whether its interval holds the true rate.
        """
        rng = np.random.default_rng([seed, 17])
        values = rng.normal(size=(_PARTS, _PARAMETERS))
        bounds = {j: np.quantile(values[:, j], shares) for j, shares in _PLANTED.items()}
        inside = np.all(
            [(values[:, j] > low) & (values[:, j] <= high) for j, (low, high) in bounds.items()],
            axis=0,
        )
        within = 0.31 if self.rate is None else self.rate
        rest = (_FAULTY * _PARTS - within * inside.sum()) / (~inside).sum()
        chances = np.where(inside, within, rest)
        labels = (rng.random(_PARTS) < chances).astype(np.int64)
        if self.rate is None:
            labels, chances = rng.permutation(labels), np.full(_PARTS, labels.mean())
        context: Any = SimpleNamespace(dataset=_made_parts(values, labels), seed=seed)
        listed = RiskWindows().measure(context).tables["windows"]
        if listed.empty:
            return False, False, False, None
        first = listed.iloc[0]
        found = _ranges(first["slice"])
        apart = [
            abs(np.mean(values[:, j] <= end) - share)
            for j, shares in _PLANTED.items()
            for end, share in zip(found.get(j, (np.nan, np.nan)), shares, strict=True)
        ]
        right = found.keys() == _PLANTED.keys()
        members = np.all(
            [(values[:, j] > low) & (values[:, j] < high) for j, (low, high) in found.items()],
            axis=0,
        )
        true = float(chances[members].mean())
        held = bool(first["rate_low"] <= true <= first["rate_high"])
        return True, right and max(apart) <= 0.1, right and max(apart) <= 0.05, held


def _ranges(text: str) -> dict[int, tuple[float, float]]:
    """{parameter: its range} of a window in words."""
    ranges = {}
    for part in text.replace("\u2212", "-").split("parameter ")[1:]:
        words = part.removesuffix(" and ").split()
        numbers = [float(word) for word in words[3:] if word != "and"]
        low = numbers[0] if words[2] in ("between", "above") else -np.inf
        high = numbers[-1] if words[2] in ("between", "below") else np.inf
        ranges[int(words[0])] = (low, high)
    return ranges


def _made_parts(values: Floats, labels: Any) -> Dataset:
    features = tuple(Feature(f"p{j}", f"parameter {j}", "numeric") for j in range(_PARAMETERS))
    schema = Schema(features, Target("fault", "fault", ("sound", "faulty"), explained=1))
    thirds = np.split(np.arange(_PARTS), [1800, 2400])
    train, validation, test = (Split(values[rows], labels[rows], rows) for rows in thirds)
    return Dataset(schema, train, validation, test, {})


def windows(repeats: int, plan: Plan) -> Table:
    """How often ranges are found with their borders, and listed where labels are shuffled."""
    rows = []
    for rate in (0.31, 0.2, None):
        runs = repeat(WindowTrial(rate), repeats, plan)
        held = [run[3] for run in runs if run[3] is not None]
        planted = rate is not None
        rows.append(
            (
                f"{rate:.0%} in the window" if planted else "labels shuffled",
                share([run[0] for run in runs]),
                share([run[1] for run in runs]) if planted else "–",
                share([run[2] for run in runs]) if planted else "–",
                share(held) if held else "–",
            )
        )
    return Table(
        "Ranges of parameters in which faults are frequent",
        f"{repeats} worlds each: {_PARTS:,} parts with {_PARAMETERS} parameters, {_FAULTY:.0%} of "
        "them faulty; in a window of 4.8 % of the parts (one parameter between its 40th and 60th "
        "percentile, another above its 76th) more are. Found: the surest listed part is about the "
        "two parameters and no others, and every border lies within so many percentiles of the "
        "planted one. The interval must hold the true rate of the parts that are listed.",
        ("faults", "any listed", "found within 10", "found within 5", "interval of the surest"),
        rows,
    )


def tables(plan: Plan) -> list[Table]:
    """All tables of this part."""
    return [listed(plan.times(400, 20), plan), windows(plan.times(60, 20), plan)]
