"""Tables of measurements without what is about few instances."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.privacy.withheld import Relation, RunSource, suppress, three_digits

#: Columns that say which row of the data something is about; left out of every table.
IDENTIFIERS = frozenset({"instance_id", "prototype_id", "position", "row_id"})
#: What rounding leaves of a whole count at most.
_HALF = 0.5
#: Columns that name a level of the attribute in the column `attribute`.
_LEVELS = ("level", "reference", "widest_level", "narrowest_level")


def released(table: pd.DataFrame, how: TableRelease, source: RunSource) -> pd.DataFrame:
    """The table as `how` says; rows keep their order."""
    table = table.drop(columns=[column for column in table.columns if column in IDENTIFIERS])
    if table.empty:
        return table
    table = table[~_hidden(table, how, source)].reset_index(drop=True)
    table = _thinned(table, how, source)
    table = _cut(table, how, source)
    for name in how.rounded:
        table[name] = table[name].round(2)
    return table.reset_index(drop=True)


def _hidden(table: pd.DataFrame, how: TableRelease, source: RunSource) -> Bools:
    """(row,) whether a row is left out: its count, its group, its value, or what it gives away."""
    hidden = _small(table, how, source.floor)
    hidden |= _named(table, source) | mentioned(table, source)
    if how.overlapping:
        hidden |= _nested(table, source)
    return hidden


def _small(table: pd.DataFrame, how: TableRelease, floor: int) -> Bools:
    measures = [table[name].fillna(0).to_numpy(float) for name in how.counts if name in table]
    for share, whole in how.shares:
        part = table[share].fillna(0).to_numpy(float) * table[whole].fillna(0).to_numpy(float)
        measures += [part, table[whole].fillna(0).to_numpy(float) - part]
    if not measures:
        return np.zeros(len(table), bool)
    counts = np.rint(np.stack(measures, axis=1)).astype(np.int64)
    return suppress(counts, list(_relations(table, how)), floor)


def _relations(table: pd.DataFrame, how: TableRelease) -> Iterable[Relation]:
    for line in how.lines:
        if not line:
            yield Relation(tuple(range(len(table))))
            continue
        for places in table.groupby(list(line), sort=False, dropna=False).indices.values():
            yield Relation(tuple(int(place) for place in places))


def _named(table: pd.DataFrame, source: RunSource) -> Bools:
    """Rows about a group, or a value of a feature, that is withheld."""
    hidden = np.zeros(len(table), bool)
    if "attribute" in table:
        for name in _LEVELS:
            if name in table:
                pairs = zip(table["attribute"], table[name], strict=True)
                hidden |= np.array([pair in source.withheld.levels for pair in pairs], bool)
    if {"feature", "display"} <= set(table.columns):
        pairs = zip(table["feature"], table["display"], strict=True)
        hidden |= np.array([pair in source.withheld.categories for pair in pairs], bool)
    return hidden


def mentioned(table: pd.DataFrame, source: RunSource) -> Bools:
    """Rows of which a text names what is withheld."""
    hidden = np.zeros(len(table), bool)
    for name in table.columns:
        if not pd.api.types.is_numeric_dtype(table[name]):
            texts = table[name]
            tells = [isinstance(text, str) and _tells(text, source) for text in texts]
            hidden |= np.array(tells, bool)
    return hidden


def _tells(text: str, source: RunSource) -> bool:
    return text in source.withheld.labels or source.withheld.mentions(text)


def _nested(table: pd.DataFrame, source: RunSource) -> Bools:
    """Rows whose rest, or whose difference from a row above, is about too few instances.

    Any two rows are taken to be nested: whether they are cannot be seen from the table.
    """
    floor, everyone = source.floor, source.size("all")
    kept: list[int] = []
    hidden = []
    for n in table["n"].to_numpy(float):
        others = [everyone, *kept]
        close = any(0 < abs(n - size) < floor for size in others)
        hidden.append(close)
        if not close:
            kept.append(int(n))
    return np.array(hidden, bool)


def _thinned(table: pd.DataFrame, how: TableRelease, source: RunSource) -> pd.DataFrame:
    """Rows of a curve with at least `floor` instances between two of them, and beyond each.

    Of each kind that is counted none lie between two rows, or no fewer than the floor.
    """
    if not how.coarse or len(table) < 3:
        return table
    sizes = np.array([source.size(among) for among in how.coarse.values()], np.float64)
    counts = table[list(how.coarse)].ffill().bfill().to_numpy(float) * sizes
    ends = (np.zeros(len(sizes)), sizes)
    whole = np.array([any(np.abs(row - end).max() < _HALF for end in ends) for row in counts])
    apart = np.array([all(_is_apart(row - end, source.floor) for end in ends) for row in counts])
    free = np.flatnonzero(whole | apart).tolist()
    kept = free[:1]
    for place in free[1:-1]:
        near = (counts[kept[-1]], counts[free[-1]])
        if all(_is_apart(counts[place] - other, source.floor) for other in near):
            kept.append(place)
    if len(free) > 1 and _is_apart(counts[free[-1]] - counts[kept[-1]], source.floor):
        kept.append(free[-1])
    return table.iloc[kept].reset_index(drop=True)


def _is_apart(difference: Floats, floor: int) -> bool:
    """Whether two rows are told apart by the floor of some kind, and by 1 to one below it of none.

    difference : (kind,) of their counts.
    """
    between = np.abs(difference)
    few = (between > _HALF) & (between < floor - _HALF)
    return bool(between.max() >= floor - _HALF and not few.any())


def _cut(table: pd.DataFrame, how: TableRelease, source: RunSource) -> pd.DataFrame:
    """Without values beyond the middle of what was predicted, or of what the feature takes."""
    if how.ends and len(source.outputs):
        low, high = source.middle(source.outputs)
        for name in how.ends:
            table[name] = [three_digits(float(np.clip(value, low, high))) for value in table[name]]
    for name in how.values:
        table = table[
            [_inside(source, feature, table[name][i]) for i, feature in table["feature"].items()]
        ]
    if how.values:
        table = _rounded_values(table, how, source)
    return table


def _rounded_values(table: pd.DataFrame, how: TableRelease, source: RunSource) -> pd.DataFrame:
    """Values of numeric features to three digits, so that they are those of nobody."""
    schema, n = source.dataset.schema, len(source.dataset.train)
    numeric = {feature.name: feature for feature in schema.features if feature.is_numeric}
    table = table.copy()
    for i, name in table["feature"].items():
        if name not in numeric:
            continue
        for column in how.values:
            table.loc[i, column] = three_digits(float(table.loc[i, column]))
        if "display" in table:
            table.loc[i, "display"] = numeric[name].display(float(table.loc[i, how.values[0]]))
        if "share" in table and source.is_small(round(float(table.loc[i, "share"]) * n)):
            table.loc[i, "share"] = 0.0
    return table


def _inside(source: RunSource, feature: str, value: float) -> bool:
    """Whether a value of a feature lies in the middle of what it takes; gaps and categories do."""
    names = source.dataset.schema.names
    if feature not in names or not source.dataset.schema.feature(feature).is_numeric:
        return True
    low, high = source.middle(source.whole[:, names.index(feature)])
    return bool(np.isnan(value) or low <= value <= high)
