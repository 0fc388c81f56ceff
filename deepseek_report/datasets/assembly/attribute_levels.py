"""Groups to compare: the levels of a column that is declared so, or bands of a numeric one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.rounding import DASH, quantity
from deepseek_report.artifacts.schema import Attribute, Feature
from deepseek_report.datasets.assembly.column_declarations import (
    ColumnDeclaration,
    code_text,
    data_error,
    match_code,
)
from deepseek_report.errors import DataError

#: More groups than these cannot be compared.
MOST_GROUPS = 2000


def group_by(feature: Feature, values: Floats, column: ColumnDeclaration) -> tuple[Attribute, Ints]:
    """The attribute, and for each row its level; -1 is unknown.

    Every level is kept, however small: which of them can be judged, a measurement decides.

    Raises DataError: more levels than groups can be compared.
    """
    levels, codes = (_bands if feature.is_numeric else _levels)(feature, values, column)
    name = column.attribute or (f"{feature.name}_band" if feature.is_numeric else feature.name)
    label = column.attribute_label or feature.label
    kind = column.groups or "other"
    return Attribute(name, label, tuple(levels), feature.name, kind), codes


def _levels(feature: Feature, values: Floats, column: ColumnDeclaration) -> tuple[list[str], Ints]:
    """Missing values, and codes that the code book does not know, are unknown."""
    names = [category.label if category.documented else None for category in feature.categories]
    if column.levels is not None:
        known = [category.code for category in feature.categories]
        declared = {match_code(code_text(c), known): name for c, name in column.levels.items()}
        names = [declared.get(category.code) for category in feature.categories]
    levels = list(dict.fromkeys(name for name in names if name is not None))
    if len(levels) > MOST_GROUPS:
        raise too_many_groups(f"column `{feature.name}`", feature.name, len(levels))
    places = {name: place for place, name in enumerate(levels)}
    place = np.array([places[name] if name is not None else -1 for name in names] + [-1])
    return levels, place[np.where(np.isnan(values), -1, values).astype(np.int64)]


def too_many_groups(where: str, column: str, n: int) -> DataError:
    """The error on a column whose values are too many to be groups."""
    return data_error(
        where,
        f"column `{column}` has {n} different values",
        f"at most {MOST_GROUPS} groups",
        "leave it out of `dataset.groups`, `dataset.sensitive` and `dataset.compare_by`, or merge "
        "its values in the file",
    )


def _bands(feature: Feature, values: Floats, column: ColumnDeclaration) -> tuple[list[str], Ints]:
    known = values[~np.isnan(values)]
    edges = np.unique(column.bands) if column.bands else _quartiles(known)
    whole = bool(np.all(known == np.round(known)) and np.all(edges == np.round(edges)))
    codes = np.searchsorted(edges, values, side="right").astype(np.int64)
    codes[np.isnan(values)] = -1
    return band_labels(edges, whole, feature.unit), codes


def _quartiles(known: Floats) -> Floats:
    """Lower ends of the second to fourth quarter; fewer where values are tied."""
    quarters = np.quantile(known, [0.25, 0.5, 0.75], method="higher")
    return np.asarray(np.unique(quarters[quarters > known.min()]))


def band_labels(edges: Floats, whole: bool, unit: str | None) -> list[str]:
    """`under 25`, `25–34`, …, `55 or more`; the unit only where it is money."""
    shown = unit if unit and unit.endswith(("$", "€", "£", "¥")) else None
    texts = [quantity(edge, shown) for edge in edges]
    if not texts:
        return ["all"]
    between = [
        _between(low, high, texts[i : i + 2], whole)
        for i, (low, high) in enumerate(pairwise(edges))
    ]
    return [f"under {texts[0]}", *between, f"{texts[-1]} or more"]


def _between(low: float, high: float, texts: list[str], whole: bool) -> str:
    if not whole:
        return f"{texts[0]} to under {texts[1]}"
    last = quantity(high - 1, None)
    return texts[0] if high - low == 1 else f"{texts[0]}{DASH}{last}"
