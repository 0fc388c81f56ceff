"""Groups and values of so few instances that a run folder must not tell them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations, compress
from pathlib import Path

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.disclosure import Among, Privacy
from deepseek_report.artifacts.predictions import Cases, Predictions
from deepseek_report.artifacts.schema import CROSS, UNKNOWN, Attribute, Schema
from deepseek_report.artifacts.split import PARTS, Dataset, Split
from deepseek_report.data_kinds import kind_of
from deepseek_report.metrics.cases.case_choice import NAMED
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import task_of

#: Labels shorter than this are only looked for in quotation marks: "1" stands in many sentences.
_SHORT = 4


@dataclass(frozen=True)
class Withheld:
    """What is too rare to be told, and what would tell it by subtraction.

    levels : (attribute, level); crossings are named as tables name them, `sex × age_band` and
        `women × 25–34`. categories : (feature, label of the category). missing : features whose
        count of missing cells is withheld. tokens : positions in the vocabulary.
    """

    levels: frozenset[tuple[str, str]] = frozenset()
    categories: frozenset[tuple[str, str]] = frozenset()
    missing: frozenset[str] = frozenset()
    tokens: frozenset[int] = frozenset()
    labels: frozenset[str] = frozenset()

    @classmethod
    def of(cls, dataset: Dataset, predictions: Predictions | None, floor: int) -> Withheld:
        """From the data and the decisions, so that every table leaves out the same groups."""
        levels = frozenset(_levels(dataset, predictions, floor))
        categories, missing = _categories(dataset, floor)
        return cls(
            levels=levels,
            categories=frozenset(categories),
            missing=frozenset(missing),
            tokens=_tokens(dataset, floor),
            labels=frozenset(_rare_labels(dataset.schema, levels, categories)),
        )

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        if not self.labels:
            return None
        long = [re.escape(label) for label in self.labels if len(label) >= _SHORT]
        longest = "|".join(sorted(long, key=len, reverse=True))
        ways = [rf"(?<!\w)(?:{longest})(?!\w)"] if long else []
        quoted = "|".join(re.escape(label) for label in self.labels)
        return re.compile("|".join([*ways, f"[“\"'](?:{quoted})[”\"']"]))

    def mentions(self, text: str) -> bool:
        """Whether a sentence names a group or value that is withheld."""
        return bool(self._pattern and self._pattern.search(text))


# --- groups ---------------------------------------------------------------------------------------


def _levels(
    dataset: Dataset, predictions: Predictions | None, floor: int
) -> Iterable[tuple[str, str]]:
    if not dataset.schema.attributes:
        return []
    cells = _Cells(dataset.schema.attributes)
    measures = [
        *_of_part(cells, [getattr(dataset, part) for part in PARTS], dataset.schema),
        *_of_part(cells, [dataset.test], dataset.schema),
        *(_of_decisions(cells, dataset, predictions) if predictions is not None else []),
    ]
    hidden = suppress(np.stack(measures, axis=1), cells.relations, floor)
    return [name for name, is_hidden in zip(cells.names, hidden, strict=True) if is_hidden]


def _of_part(cells: _Cells, parts: Sequence[Split], schema: Schema) -> list[Ints]:
    """How many instances each cell has, and how many of them with and without the class."""
    codes = {
        attribute.name: np.concatenate([part.groups[attribute.name] for part in parts])
        for attribute in schema.attributes
    }
    labels = np.concatenate([part.labels for part in parts])
    everyone = np.ones(len(labels), bool)
    if not task_of(schema.target).decides:
        return [cells.count(codes, everyone)]
    marked = [labels == label for label in {schema.target.explained, schema.target.favourable}]
    return [cells.count(codes, counted) for counted in (everyone, *_both(marked))]


def _of_decisions(cells: _Cells, dataset: Dataset, predictions: Predictions) -> list[Ints]:
    """How many of each cell were decided for the favourable class, and how many not."""
    target = dataset.schema.target
    if not task_of(target).decides:
        return []
    favoured = predictions.decisions == target.favourable
    return [cells.count(dataset.test.groups, chosen) for chosen in _both([favoured])]


def _both(flags: Iterable[Bools]) -> list[Bools]:
    return [chosen for flag in flags for chosen in (flag, ~flag)]


class _Cells:
    """Every level of every attribute, and of every two attributes crossed.

    names : (cell,) attribute and level, as tables name them. relations : which sums are known.
    """

    def __init__(self, attributes: Sequence[Attribute]) -> None:
        self.names: list[tuple[str, str]] = []
        self.relations: list[Relation] = []
        self._single: dict[str, list[int]] = {}
        self._levels = {attribute.name: (*attribute.levels, UNKNOWN) for attribute in attributes}
        for name, levels in self._levels.items():
            self._single[name] = self._add(name, levels)
            self.relations.append(Relation(tuple(self._single[name])))
        self._crossed = list(combinations(self._levels, 2))
        for a, b in self._crossed:
            self._cross(a, b)

    def _add(self, name: str, levels: Iterable[str]) -> list[int]:
        start = len(self.names)
        self.names += [(name, level) for level in levels]
        return list(range(start, len(self.names)))

    def _cross(self, a: str, b: str) -> None:
        mine, other = self._levels[a], self._levels[b]
        places = self._add(f"{a}{CROSS}{b}", [f"{x}{CROSS}{y}" for x in mine for y in other])
        table = np.array(places).reshape(len(mine), len(other))
        for name, rows in ((a, table), (b, table.T)):
            self.relations += [
                Relation(tuple(row.tolist()), whole)
                for row, whole in zip(rows, self._single[name], strict=True)
            ]

    def count(self, codes: Mapping[str, Ints], counted: Bools) -> Ints:
        """(cell,) how many of the counted instances are in it."""
        known = {
            name: np.where(codes[name] < 0, len(levels) - 1, codes[name])[counted]
            for name, levels in self._levels.items()
        }
        sizes = {name: len(levels) for name, levels in self._levels.items()}
        single = [np.bincount(known[name], minlength=sizes[name]) for name in known]
        crossed = [
            np.bincount(known[a] * sizes[b] + known[b], minlength=sizes[a] * sizes[b])
            for a, b in self._crossed
        ]
        return np.concatenate([*single, *crossed]).astype(np.int64)


# --- values ---------------------------------------------------------------------------------------


def _categories(dataset: Dataset, floor: int) -> tuple[set[tuple[str, str]], set[str]]:
    """Categories, and features whose missing cells, are too few in all parts or in training."""
    rare: set[tuple[str, str]] = set()
    missing: set[str] = set()
    if not kind_of(dataset.schema).named_columns:
        return rare, missing
    whole = np.concatenate([getattr(dataset, part).inputs for part in PARTS])
    for place, feature in enumerate(dataset.schema.features):
        names = [] if feature.is_numeric else [category.label for category in feature.categories]
        columns: list[Floats] = [whole[:, place], dataset.train.inputs[:, place]]
        if feature.is_numeric:  # the values are not counted one by one
            columns = [np.where(np.isnan(column), np.nan, 0.0) for column in columns]
        *hidden, gaps = suppress_parts(_counted(columns, max(len(names), 1)), floor)
        rare |= {(feature.name, name) for name in compress(names, hidden)}
        missing |= {feature.name} if gaps else set()
    return rare, missing


def _counted(columns: Iterable[Floats], n: int) -> Ints:
    """(category, column) how many rows have each of n categories; last how many have none."""
    known = [column[~np.isnan(column)].astype(np.int64) for column in columns]
    counts = [np.bincount(codes, minlength=n) for codes in known]
    gaps = [int(np.isnan(column).sum()) for column in columns]
    return np.vstack([np.stack(counts, axis=1), gaps]).astype(np.int64)


def _tokens(dataset: Dataset, floor: int) -> frozenset[int]:
    schema = dataset.schema
    if not schema.vocabulary:
        return frozenset()
    texts = np.zeros(len(schema.vocabulary), np.int64)
    for part in PARTS:
        for row in getattr(dataset, part).inputs:
            texts[np.unique(row[~np.isnan(row)]).astype(np.int64)] += 1
    return frozenset(np.flatnonzero(texts < floor).tolist())


def _rare_labels(
    schema: Schema, levels: Iterable[tuple[str, str]], categories: Iterable[tuple[str, str]]
) -> Iterable[str]:
    """What sentences must not name: not what another feature or attribute tells anyway."""
    crossed = {name for name, _ in levels if CROSS in name}
    withheld = {(name, level) for name, level in levels if name not in crossed} | set(categories)
    named = {
        (attribute.name, level) for attribute in schema.attributes for level in attribute.levels
    }
    if kind_of(schema).named_columns:
        named |= {
            (feature.name, category.label)
            for feature in schema.features
            for category in feature.categories
        }
    open_labels = {label for _, label in named - withheld}
    hidden = {label for _, label in withheld} - open_labels - {UNKNOWN}
    return hidden | {level for name, level in levels if name in crossed}


#: Outside of these shares a quantile is too near to the values of single instances.
TAIL = 0.01


@dataclass(frozen=True)
class RunSource:
    """The data, the decisions and the cases of a run, as the store holds them.

    floor : so many rows may be told of: they are surely of `privacy.floor` entities, where such are
        declared.
    named : {number on the case pages, from 0: (position in the test part, place in the pages of the
        metric `cases`)} of the cases that the config names.
    """

    privacy: Privacy
    dataset: Dataset
    predictions: Predictions | None
    floor: int
    withheld: Withheld
    named: Mapping[int, tuple[int, int]]

    @classmethod
    def of(cls, stages: Mapping[str, Path], privacy: Privacy) -> RunSource:
        """From the stages as the store holds them; `data` must be among them."""
        return _source(stages["data"], stages.get("predictions"), privacy)

    @cached_property
    def whole(self) -> Floats:
        """(instance, feature) the inputs of all parts."""
        return np.concatenate([getattr(self.dataset, part).inputs for part in PARTS])

    @cached_property
    def outputs(self) -> Floats:
        """(instance,) what the model said of the test part: a number or a probability."""
        p = self.predictions
        if p is None or not len(p):
            return np.zeros(0)
        return task_of(self.dataset.schema.target).stated(p)

    def middle(self, values: Floats) -> tuple[float, float]:
        """The ends of the middle 98 % of the values, or less where fewer than `floor` lie outside.

        Both are rounded to three digits, so that they are the values of nobody; NaN for no values.
        """
        known = values[~np.isnan(values)]
        if not len(known):
            return float("nan"), float("nan")
        tail = min(max(TAIL, self.floor / len(known)), 0.5)
        low, high = np.quantile(known, [tail, 1 - tail])
        return rounded_to(3, float(low)), rounded_to(3, float(high))

    def size(self, among: Among) -> int:
        """How many instances of the test part there are, with or without the explained class."""
        labels, explained = self.dataset.test.labels, self.dataset.schema.target.explained
        if among == "all":
            return len(labels)
        inside = labels == explained if among == "explained" else labels != explained
        return int(inside.sum())

    def is_small(self, n: float | None) -> bool:
        """Whether so few instances must not be told."""
        return n is not None and not isinstance(n, bool) and 0 < float(n) < self.floor


def rounded_to(digits: int, value: float) -> float:
    """The value rounded to so many significant digits."""
    return float(f"{value:.{digits}g}")


@lru_cache(maxsize=2)
def _source(data: Path, predictions: Path | None, privacy: Privacy) -> RunSource:
    dataset = Dataset.load(data)
    predicted = Predictions.load(predictions / "test") if predictions else None
    cases = Cases.load(predictions / "cases") if predictions else None
    named = _named(cases) if cases and privacy.level == "cases" else {}
    parts = [getattr(dataset, part) for part in PARTS]
    floor = Resampling.across(parts).rows_surely_of(privacy.floor)
    withheld = Withheld.of(dataset, predicted, floor)
    return RunSource(privacy, dataset, predicted, floor, withheld, named)


def _named(cases: Cases) -> dict[int, tuple[int, int]]:
    pages = [
        (int(cases.explained[place]), page)
        for page, (role, place) in enumerate(cases.roles.items())
        if role.startswith(NAMED)
    ]
    return dict(enumerate(pages))


# Which cells of tables are left out so that no small count can be read or worked out.
#
# Cell suppression as offices of statistics do it (Hundepool et al. 2012, Statistical Disclosure
# Control, doi:10.1002/9781118348239, chapter 4): cells under the floor are left out (primary), then
# further ones until the totals that are known do not give them back (secondary).

Counts = Ints


@dataclass(frozen=True)
class Relation:
    """Cells that sum to something known: to a public total, or to another cell.

    parts : positions of the cells. whole : position of the cell that is their sum, or None where
    their sum is public.
    """

    parts: tuple[int, ...]
    whole: int | None = None

    @property
    def cells(self) -> tuple[int, ...]:
        return self.parts if self.whole is None else (*self.parts, self.whole)


def suppress(counts: Counts, relations: Sequence[Relation], floor: int) -> Bools:
    """(cell,) whether a cell must be left out.

    counts : (cell,) or (cell, measure) not negative. All measures of a cell are published or left
        out together (the size of a group, how many of it were favoured, how many were not).
    relations : what a reader may know of sums. Where the cells of a table do not add up to the
        total, the rest is taken as known, which only helps the reader.
    floor : a count from 1 to `floor` - 1 is small. 0 is published: it is about nobody.

    Returns
    -------
    A mask such that, for every small count, the published cells and the relations leave open that
    it is `floor` or more, wherever leaving out cells can bring that about.
    """
    table = np.asarray(counts).reshape(len(counts), -1)
    hidden: Bools = np.asarray(((table > 0) & (table < floor)).any(axis=1))
    while (further := _next(table, hidden, relations, floor)) is not None:
        hidden[further] = True
    return hidden


def suppress_parts(counts: Counts, floor: int) -> Bools:
    """Likewise of cells that together are a whole whose size is known."""
    if not len(counts):
        return np.zeros(0, bool)
    return suppress(counts, [Relation(tuple(range(len(counts))))], floor)


def upper_bound(counts: Ints, hidden: Bools, relations: Sequence[Relation], cell: int) -> float:
    """The most that a hidden cell can be, by what is published and not below 0."""
    places = np.flatnonzero(hidden)
    column = {int(place): k for k, place in enumerate(places)}
    rows, totals = [], []
    for relation in relations:
        row = np.zeros(len(places))
        for member in relation.cells:
            if member in column:
                row[column[member]] += -1.0 if member == relation.whole else 1.0
        if row.any():
            rows.append(row)
            totals.append(float(row @ counts[places]))
    if not rows:
        return np.inf
    aim = np.zeros(len(places))
    aim[column[cell]] = -1.0
    from scipy.optimize import linprog

    optimum = linprog(aim, A_eq=np.array(rows), b_eq=np.array(totals), method="highs")
    return -float(optimum.fun) if optimum.status == 0 else np.inf


def _next(table: Counts, hidden: Bools, relations: Sequence[Relation], floor: int) -> int | None:
    """A cell that must be left out too, or None: first by single sums, then by all together."""
    for relation in relations:
        if _tells(table, hidden, relation, floor):
            further = _smallest(table, hidden, [relation])
            if further is not None:
                return further
    for measure in table.T:
        for cell in np.flatnonzero(hidden & (measure > 0) & (measure < floor)):
            near = [other for other in relations if cell in other.cells]
            if near and upper_bound(measure, hidden, relations, int(cell)) < floor - 1e-6:
                further = _smallest(table, hidden, near)
                if further is None:
                    further = _smallest(table, hidden, relations)
                if further is not None:
                    return further
    return None


def _tells(table: Counts, hidden: Bools, relation: Relation, floor: int) -> bool:
    """Whether one sum alone gives a hidden cell, or that hidden cells are few together."""
    parts = [part for part in relation.parts if hidden[part]]
    whole = relation.whole is not None and bool(hidden[relation.whole])
    if not parts or whole:
        return whole and not parts
    together = table[parts].sum(axis=0)
    return len(parts) == 1 or bool(((together > 0) & (together < floor)).any())


def _smallest(table: Counts, hidden: Bools, relations: Iterable[Relation]) -> int | None:
    """The smallest cell that is still published: a part, else a sum; empty ones come last."""
    relations = list(relations)
    parts = {part for relation in relations for part in relation.parts if not hidden[part]}
    wholes = {
        relation.whole
        for relation in relations
        if relation.whole is not None and not hidden[relation.whole]
    }
    for cells in (parts - wholes, parts | wholes):
        if cells:
            return min(cells, key=lambda cell: (table[cell, 0] == 0, table[cell, 0], cell))
    return None
