"""Combinations behind the riskiest cases, in worlds where they are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.metrics.failures.risk_patterns import RiskPatterns
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


def tables(plan: Plan) -> list[Table]:
    """All tables of this part."""
    return [listed(plan.times(400, 20), plan)]
