"""A measurement without what is about few instances, or about single ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

import numpy as np
import pandas as pd

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.disclosure import Releases, TableRelease, reveals_of
from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.traits import MetricPart
from deepseek_report.artifacts.rounding import quantity
from deepseek_report.artifacts.schema import Feature
from deepseek_report.artifacts.score import Category, Score
from deepseek_report.data_kinds import kind_of
from deepseek_report.metrics.cases.case_choice import NAMED
from deepseek_report.privacy.withheld import Relation, RunSource, rounded_to, suppress
from deepseek_report.tasks import task_of
from deepseek_report.wording.words import wording

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
    withheld = {("attribute", name): source.withheld.levels for name in _LEVELS}
    withheld["feature", "display"] = source.withheld.categories
    for columns, names in withheld.items():
        if {*columns} <= {*table.columns}:
            pairs = zip(*(table[name] for name in columns), strict=True)
            hidden |= np.array([pair in names for pair in pairs], bool)
    return hidden


def mentioned(table: pd.DataFrame, source: RunSource) -> Bools:
    """Rows of which a text names what is withheld."""
    hidden = np.zeros(len(table), bool)
    labels, mentions = source.withheld.labels, source.withheld.mentions
    for name in table.columns:
        if not pd.api.types.is_numeric_dtype(table[name]):
            texts = table[name]
            tells = [isinstance(t, str) and (t in labels or mentions(t)) for t in texts]
            hidden |= np.array(tells, bool)
    return hidden


def _nested(table: pd.DataFrame, source: RunSource) -> Bools:
    """Rows whose rest, or whose difference from a row above, is about too few instances.

    Any two rows are taken to be nested: whether they are cannot be seen from the table.
    """
    floor, everyone = source.floor, source.size("all")
    kept, hidden = [everyone], []
    for n in table["n"].to_numpy(float):
        hidden.append(any(0 < abs(n - size) < floor for size in kept))
        if not hidden[-1]:
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
        ends = source.middle(source.outputs)
        for name in how.ends:
            table[name] = _clipped(table[name], ends)
    for name in how.values:
        values = zip(table["feature"], table[name], strict=True)
        inside = [_inside(source, feature, value) for feature, value in values]
        table = table[np.array(inside, bool)]
    return _rounded_values(table, how, source) if how.values else table


def _clipped(values: Iterable[float], ends: tuple[float, float]) -> list[float]:
    """The values between two ends, to three digits each."""
    return [rounded_to(3, float(np.clip(value, *ends))) for value in values]


def _rounded_values(table: pd.DataFrame, how: TableRelease, source: RunSource) -> pd.DataFrame:
    """Values of numeric features to three digits, so that they are those of nobody."""
    schema, n = source.dataset.schema, len(source.dataset.train)
    numeric = {feature.name: feature for feature in schema.features if feature.is_numeric}
    table = table.copy()
    for i, name in table["feature"].items():
        if name not in numeric:
            continue
        for column in how.values:
            table.loc[i, column] = rounded_to(3, float(table.loc[i, column]))
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


#: Families whose scores count instances; the others count layers, batches and the like.
_OF_INSTANCES: frozenset[Category] = frozenset(
    {
        *("performance", "calibration", "fairness", "explanation", "slices", "data"),
        *("robustness", "behaviour", "causes", "language"),
    }
)


Said = TypeVar("Said", bound=Text)

#: How sentences tell the size of a group.
_COUNTED = re.compile(r"\((\d+)\)")


def released_measurement(measured: Measurement, part: MetricPart, source: RunSource) -> Measurement:
    """What may be told of a measurement; a part that declares nothing tells nothing.

    What the metric concludes is told where nothing of its numbers is left out.
    """
    if reveals_of(part) is None:
        return Measurement()
    releases = part.releases()
    tables = _tables(measured.tables, releases, source)
    notes = without_private(measured.notes, source)
    scores = tuple(
        score for score in measured.scores if _may_be_shown(score, measured.tables, tables, source)
    )
    left_out = len(scores) < len(measured.scores) or any(
        len(table) < len(measured.tables[name])
        for name, table in tables.items()
        if not releases[name].coarse and not releases[name].of_cases
    )
    arrays = part.released_arrays
    whole = not left_out and tables.keys() == measured.tables.keys()
    concluded = (finding for finding in measured.findings if not _tells_of(finding, source))
    if left_out:
        floor, rows = source.privacy.floor, source.floor
        notes.append(message("notes.privacy.left_out", floor=floor, rows=rows))
    return Measurement(
        scores=scores,
        tables=tables,
        arrays={name: array for name, array in measured.arrays.items() if name in arrays},
        notes=tuple(notes),
        types={
            name: declared.restricted_to(tables[name].columns)
            for name, declared in part.tables.items()
            if name in tables
        },
        findings=tuple(concluded) if whole else (),
    )


def _tells_of(finding: Finding, source: RunSource) -> bool:
    """Whether a text of a finding, or a value in it, names or counts what is withheld."""
    worded = wording().finding(finding)
    texts = (worded.claim, worded.detail, worded.more, worded.do, finding.values)
    return is_private(" ".join(map(str, texts)), source)


def _tables(
    tables: Mapping[str, pd.DataFrame], releases: Releases, source: RunSource
) -> dict[str, pd.DataFrame]:
    plain: dict[str, pd.DataFrame] = {}
    of_cases: dict[str, pd.DataFrame] = {}
    for name, table in tables.items():
        if name in releases and releases[name].of_cases:
            of_cases[name] = table
        elif name in releases:
            plain[name] = released(table, releases[name], source)
    return plain | released_cases(of_cases, source)


def _may_be_shown(
    score: Score,
    before: Mapping[str, pd.DataFrame],
    after: Mapping[str, pd.DataFrame],
    source: RunSource,
) -> bool:
    """Whether a score is of enough instances, and of nothing that was left out."""
    if score.category in _OF_INSTANCES and source.is_small(score.n):
        return False
    if source.withheld.mentions(" ".join((score.level, score.slice, wording().say(score.note)))):
        return False
    if score.slice and "slices" in after:
        return score.slice in set(after["slices"]["slice"])
    if not score.attribute:
        return True
    if (score.attribute, score.level) in source.withheld.levels:
        return False
    lost = any(
        len(_about(before[name], score)) != len(_about(table, score))
        for name, table in after.items()
    )
    return not lost or _stands(score, after)


def _stands(score: Score, tables: Mapping[str, pd.DataFrame]) -> bool:
    """Whether the number stands in a row that is released, and so tells nothing beyond it."""
    for table in tables.values():
        rows = _about(table, score).select_dtypes("number").to_numpy(float)
        if np.isclose(rows, score.value, rtol=1e-9, atol=1e-12).any():
            return True
    return False


def _about(table: pd.DataFrame, score: Score) -> pd.DataFrame:
    return table[table["attribute"] == score.attribute] if "attribute" in table else table[:0]


def without_private(texts: Iterable[Said], source: RunSource) -> list[Said]:
    """The sentences that name nothing that is withheld, and count no group of few instances."""
    return [text for text in texts if not is_private(text, source)]


def is_private(text: Text, source: RunSource) -> bool:
    """Whether a sentence names a rare group or value, or counts one: `driver (2)`."""
    sentence = wording().say(text)
    counted = (int(digits) for digits in _COUNTED.findall(sentence))
    return source.withheld.mentions(sentence) or any(source.is_small(n) for n in counted)


# Pages of the cases that the config names: numbered from 1, with values as bands.

#: Into so many bands of about equal size a number is put, where there are enough rows.
MOST_BANDS = 10
RARE = "a rare value"


def banded(source: RunSource, column: int, value: float) -> str:
    """The value of a feature as a case page may show it.

    A number becomes a band that holds at least `floor` rows of the training part, with ends of two
    digits; a category stays as it is unless it is rare.
    """
    feature = source.dataset.schema.features[column]
    if np.isnan(value):
        return "missing" if feature.name not in source.withheld.missing else RARE
    if not feature.is_numeric:
        label = feature.display(value)
        return RARE if (feature.name, label) in source.withheld.categories else label
    return _band(edges(source, column), value, feature)


def edges(source: RunSource, column: int) -> Floats:
    """The inner ends of the bands of a numeric feature, ascending; none for too few rows."""
    known = source.dataset.train.inputs[:, column]
    known = known[~np.isnan(known)]
    bands = min(MOST_BANDS, len(known) // source.floor)
    if bands < 2:
        return np.zeros(0)
    marks = np.quantile(known, np.arange(1, bands) / bands)
    kept: list[float] = []
    below = 0
    for mark in np.unique([rounded_to(2, float(mark)) for mark in marks]):
        upto = int((known <= mark).sum())
        if upto - below >= source.floor and len(known) - upto >= source.floor:
            kept.append(float(mark))
            below = upto
    return np.array(kept)


def _band(marks: Floats, value: float, feature: Feature) -> str:
    if not len(marks):
        return "a value"
    place = int(np.searchsorted(marks, value, side="left"))
    if place == 0:
        return f"up to {quantity(float(marks[0]), feature.unit)}"
    low = quantity(float(marks[place - 1]), feature.unit)
    if place == len(marks):
        return f"over {low}"
    return f"over {low}, up to {quantity(float(marks[place]), feature.unit)}"


def released_cases(
    tables: Mapping[str, pd.DataFrame], source: RunSource
) -> dict[str, pd.DataFrame]:
    """The tables of the metric `cases`, of the named cases alone; nothing at other levels."""
    if source.privacy.level != "cases":
        return {}
    numbers = {page: number for number, (_, page) in source.named.items()}
    kept = {}
    for name, table in tables.items():
        cases = table["case"]
        mine = table.assign(case=cases.map(numbers))[cases.isin(numbers)].reset_index(drop=True)
        mine = _in_bands(mine.astype({"case": np.int64}), source)
        kept[name] = _unnamed(mine[~mentioned(mine, source)].reset_index(drop=True), source)
    return kept


def _unnamed(table: pd.DataFrame, source: RunSource) -> pd.DataFrame:
    """Without row numbers: `instance_id` counts the named cases from 1, there is no position."""
    table = table.drop(columns=[column for column in table.columns if column in IDENTIFIERS])
    if "role_label" not in table:
        return table
    numbers = table["case"].to_numpy(np.int64) + 1
    table = table.assign(
        instance_id=numbers,
        position=np.full(len(table), -1, dtype=np.int64),
        role=[f"{NAMED}{number}" for number in numbers],
        role_label=[f"Case {number}" for number in numbers],
    )
    if not task_of(source.dataset.schema.target).decides:
        table = _rounded_numbers(table, source)
    return table


def _rounded_numbers(table: pd.DataFrame, source: RunSource) -> pd.DataFrame:
    """The true and the predicted number to three digits, within the middle of all numbers."""
    target, labels = source.dataset.schema.target, source.dataset.test.labels
    ends = source.middle(labels.astype(np.float64))
    true = _clipped((labels[source.named[int(case)][0]] for case in table["case"]), ends)
    predicted = _clipped(table["prediction"], ends)
    return table.assign(
        label=[quantity(value, target.unit) for value in true],
        decision=[quantity(value, target.unit) for value in predicted],
        prediction=predicted,
        error=np.array(predicted) - np.array(true),
    )


def _in_bands(table: pd.DataFrame, source: RunSource) -> pd.DataFrame:
    """Values of the case as bands; of texts, images and series they are the input itself."""
    schema = source.dataset.schema
    if not kind_of(schema).named_columns or "feature" not in table:
        return _layout_values(table, source)
    places = {feature.name: place for place, feature in enumerate(schema.features)}
    columns = [places.get(name) for name in table["feature"]]
    cases = [source.dataset.test.inputs[source.named[int(case)][0]] for case in table["case"]]

    def bands(values: Iterable[float]) -> list[str]:
        """The value of each row as a band; nothing where the row is about no feature."""
        pairs = zip(columns, values, strict=True)
        return ["" if at is None else banded(source, at, float(value)) for at, value in pairs]

    pairs = zip(cases, columns, strict=True)
    own = bands(np.nan if at is None else case[at] for case, at in pairs)
    table = table.assign(**{name: own for name in ("display", "from_display") if name in table})
    if "to_display" in table:
        table = table.assign(to_display=bands(table["to_value"]))
    return table.assign(to_value=np.nan) if "to_value" in table else table


def _layout_values(table: pd.DataFrame, source: RunSource) -> pd.DataFrame:
    """Means of patches and windows are left out; words stay, since they are what was decided on."""
    if not kind_of(source.dataset.schema).shown_as_mean:
        return table
    return table.assign(**{name: "" for name in ("display", "from_display") if name in table})
