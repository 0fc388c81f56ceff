"""From when on a column that tells the label is asked about, and what this could not have found."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.statistics.scorecards import area_error

#: From this area alone a column is asked about; from the next it is a matter of doubt, from the
#: last nearly the label. Less is asked of a place in an image or a series, which tells less than a
#: column of a table. docs/conclusions.md has the measured rates.
ASKED, DOUBTED, NEARLY = 0.80, 0.85, 0.95
PLACE_ASKED = 0.75
#: Classes with fewer judged rows, or entities, are not looked at.
FEWEST_OF_CLASS = 10
#: How far below what is asked the one-sided lower bound of an area may lie.
_SLACK = 0.05
#: The chance that any of the columns that are searched passes that bound while it should not.
_CHANCE = 0.05
#: What would be found in fewer than 9 of 10 data sets counts as missed.
_FOUND = 0.9
_AREAS = np.linspace(0.5, 0.999, 500)


def sizes_of(drawn: Resampling, inside: Bools) -> tuple[float, float]:
    """How many independent rows tell as much as the rows (row,) of a class, and as the others."""
    return drawn.surely_independent(inside), drawn.surely_independent(~inside)


def is_enough(drawn: Resampling, inside: Bools) -> bool:
    """Whether a class, and the others, have the rows or entities that are looked at."""
    return min(sizes_of(drawn, inside)) >= FEWEST_OF_CLASS


def surely_high(areas: Floats, sizes: tuple[float, float], least: float, searched: int) -> Bools:
    """Whether areas under the ROC curve are high, and not by the chance of few rows.

    areas : (column,) measured. sizes : judged rows of the class, and of the others, see `sizes_of`.
    least : the area from which on a column counts. searched : how many columns, or pairs of them,
        the highest is taken of; the bound holds for all of them (Bonferroni).
    """
    z = NormalDist().inv_cdf(1 - _CHANCE / max(searched, 1))
    bounds = areas - z * area_error(areas, *sizes)
    return np.asarray((areas >= least) & (bounds >= least - _SLACK))


def least_found(sizes: tuple[float, float], least: float, searched: int) -> float:
    """The least true area under the ROC curve that `surely_high` finds in 9 of 10 data sets.

    Measured areas are taken as normal around the true one. 1 where not even 0.999 is found so
    often. Parameters as there.

    >>> least_found((500, 500), 0.8, 10), least_found((10, 990), 0.8, 10)
    (0.817, 0.975)
    """
    passing = _AREAS[surely_high(_AREAS, sizes, least, searched)]
    if not len(passing):
        return 1.0
    far = (_AREAS - passing[0]) / area_error(_AREAS, *sizes)
    reached = _AREAS[far >= NormalDist().inv_cdf(_FOUND)]
    return round(float(reached[0]), 3) if len(reached) else 1.0
