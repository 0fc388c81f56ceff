"""The error budget of a report: how its 5 % of false alarms are shared among families of tests.

A report makes many comparisons, and each family of them (differences between groups, slices,
calibration, …) would cry wolf in 5 of 100 reports if it had 5 % for itself. Here the families share
one budget: the chance of any false alarm among all of them is at most 5 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: The chance of any false alarm that a report may have.
BUDGET = 0.05
#: The part of the budget of each family. Families of comparisons between people have the most: what
#: they tell weighs most. `cues` are searched when the data are read, and `intervals` stands for the
#: findings that rest on a 95 % interval and a least size, not on a p-value: for these two the part
#: is set aside, and how often they are wrong is counted in simulation.
SHARES: Mapping[str, float] = {
    "group_differences": 0.0175,
    "slices": 0.0075,
    "group_calibration": 0.005,
    "parts": 0.005,
    "stated": 0.005,
    "near_copies": 0.0025,
    "explained_groups": 0.0025,
    "causes": 0.005,
    "cues": 0.0025,
    "intervals": 0.0025,
}
SET_ASIDE = frozenset({"cues", "intervals"})
#: Families of what a person declares beyond the data: their weight stands on top of the others', so
#: that it takes from none of them where nothing is declared.
DECLARED = frozenset({"causes"})


@dataclass(frozen=True)
class FamilyOfTests:
    """The comparisons that one family of a report made.

    p_values : those that are known, corrected for all comparisons of the family. made : how many
    comparisons were made; of a search only some p-values are known.
    """

    p_values: tuple[float, ...]
    made: int

    def is_rejected(self, level: float) -> bool:
        """Whether each of its comparisons is beyond chance at the level."""
        return 0 < self.made == len(self.p_values) and max(self.p_values) < level


def levels_of(families: Mapping[str, FamilyOfTests]) -> dict[str, float]:
    """The level at which each family's corrected p-values are judged; their sum is within `BUDGET`.

    The part of a family that made no comparison goes to the others, by their parts. A family all of
    whose comparisons are beyond chance passes its part on in the same way. The chance of any false
    alarm in any family stays below `BUDGET`, whichever hypotheses are true, since a part is passed
    on only where nothing of the family is left that could be rejected falsely.

    families : some keys of `SHARES`, none of those that are set aside.

    Reference: Bretz, Maurer, Brannath, Posch 2009, doi:10.1002/sim.3495; for whole families Burman,
    Sonesson, Guilbaud 2009, doi:10.1002/sim.3513.

    >>> only = levels_of({"stated": FamilyOfTests((0.2,), 1)})
    >>> round(only["stated"], 4)
    0.045
    """
    made = {name for name, family in families.items() if family.made}
    levels = dict.fromkeys(families, 0.0)
    _share_out(levels, BUDGET - sum(SHARES[name] for name in SET_ASIDE), made)
    waiting = set(made)
    while rejected := [n for n in SHARES if n in waiting and families[n].is_rejected(levels[n])]:
        waiting.discard(rejected[0])
        _share_out(levels, levels[rejected[0]], waiting)
    return levels


def _share_out(levels: dict[str, float], amount: float, names: set[str]) -> None:
    """Add an amount to the levels of these families, by their parts."""
    whole = sum(SHARES[name] for name in SHARES if name in names)
    for name in names:
        levels[name] += amount * SHARES[name] / whole
