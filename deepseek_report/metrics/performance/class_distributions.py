"""How the values of the features that tell the classes apart are spread in each class."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.rounding import from_to
from deepseek_report.artifacts.schema import Feature, Target
from deepseek_report.artifacts.split import Dataset
from deepseek_report.artifacts.table import TableType
from deepseek_report.artifacts.table_rows import BARE_ENDS, HIDDEN, Cell
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.plugin import EntityMetric
from deepseek_report.statistics.ranking import auc_estimate
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.statistics.scorecards import areas_alone, bin_rates, cut
from deepseek_report.tasks import task_of

#: Numbers are drawn between these quantiles of the training part, in bins of equal width: the root
#: of the size of the smallest class, within these limits.
_TAIL, _FEWEST_BINS, _MOST_BINS = 0.01, 6, 16
#: Categories of a feature that are told of, with at least this share of some class; classes that
#: are; rows of a class that it needs.
_CATEGORIES, _LEAST_SHARE, _CLASSES, _FEWEST = 8, 0.01, 4, 10
#: A predicted number is cut into so many bands of like size.
_BANDS = 3


@dataclass(frozen=True)
class FeatureSeparation:
    """How well a feature tells the class by itself: a row of `class_distributions.separation`."""

    feature: Annotated[str, HIDDEN]
    label: str
    roc_auc: Annotated[Estimate, BARE_ENDS]
    n: int


@dataclass(frozen=True)
class ClassShare:
    """The share of a class in a bin or a category: a row of `class_distributions.distributions`.

    class_name : empty for all classes but the one that is told. start, end : of a bin of a number.
    display : of a category.
    """

    feature: str
    label: str
    kind: str
    unit: str
    class_name: Annotated[str, Cell(column="class")]
    start: Annotated[float, Cell(column="from")]
    end: Annotated[float, Cell(column="to")]
    display: str
    share: Annotated[Estimate, "share", BARE_ENDS]
    n: int


@dataclass(frozen=True)
class ClassDistributions(EntityMetric):
    """Distribution of the features that tell the explained class from the others, by class.

    Each feature is taken by itself: the rate of the class in its bins is learnt from the training
    part, and the area under the ROC curve says how well these rates order the test part (DeLong's
    interval). The features are chosen on the training part, so that the areas are not those of the
    best of many. Distributions are those of the training part. A predicted number is cut into three
    bands of like size, of which the highest is told from the others.

    most : features, those with the largest areas on the training part.
    """

    reveals = "aggregate"
    modalities = frozenset({"table"})
    tables = {
        "separation": TableType.of(
            FeatureSeparation, "data", folded=True, release=TableRelease(counts=("n",))
        ),
        "distributions": TableType.of(
            ClassShare, release=TableRelease(counts=("n",), values=("from", "to"))
        ),
    }
    bounds = {}
    category = "data"
    reads = frozenset({"dataset"})

    most: Annotated[int, Field(ge=1, le=12)] = 6

    def measure(self, context: MeasureContext) -> Measurement:
        classes = _Classes.of(context.dataset)
        if min(classes.sizes) < _FEWEST:
            raise NotApplicableError(message("refusals.small_classes", least=_FEWEST))
        schema, train = context.dataset.schema, context.dataset.train.inputs
        drawn = Resampling.of(context.dataset.train)
        chosen, areas = _separating(context.dataset, classes, self.most)
        features = [schema.features[column] for column in chosen]
        separation = [
            (feature.name, feature.label, area, area.n)
            for feature, area in zip(features, areas, strict=True)
        ]
        rows = [
            row
            for column, feature in zip(chosen, features, strict=True)
            for row in _distribution(feature, train[:, column], classes, drawn)
        ]
        return Measurement(
            tables=self.frames(separation=separation, distributions=rows),
            notes=(message("notes.class_distributions.method", told=classes.separated_name),),
        )


@dataclass(frozen=True)
class _Classes:
    """The classes whose distributions are compared, or the bands of a predicted number.

    train, test : (row,) class of each row. separated : the class that is told from the others.
    names : of the classes.
    """

    train: Ints
    test: Ints
    separated: int
    names: tuple[str, ...]

    @classmethod
    def of(cls, dataset: Dataset) -> _Classes:
        target, labels = dataset.schema.target, (dataset.train.labels, dataset.test.labels)
        joined = np.concatenate(labels)
        strata = task_of(target).strata(joined, _BANDS)
        names = target.classes if task_of(target).decides else _band_names(target, joined, strata)
        train, test = np.split(strata, [len(labels[0])])
        return cls(
            train, test, target.explained if task_of(target).decides else len(names) - 1, names
        )

    @property
    def separated_name(self) -> str:
        return self.names[self.separated]

    @property
    def sizes(self) -> list[int]:
        """How many rows of either part are of the class that is told, and how many are not."""
        inside = [part == self.separated for part in (self.train, self.test)]
        return [int(count) for part in inside for count in (part.sum(), (~part).sum())]

    def shown(self) -> list[tuple[str, Bools]]:
        """Name and training rows of each class; of many the one that is told, and "" for others."""
        if len(self.names) <= _CLASSES:
            return [(name, self.train == k) for k, name in enumerate(self.names)]
        inside = np.asarray(self.train == self.separated)
        return [(self.separated_name, inside), ("", ~inside)]


def _band_names(target: Target, labels: Floats, bands: Ints) -> tuple[str, ...]:
    """From where to where the number goes in each band."""
    show = task_of(target).display
    ends = [(labels[bands == k].min(), labels[bands == k].max()) for k in np.unique(bands)]
    return tuple(from_to(show(target, low), show(target, high)) for low, high in ends)


def _separating(dataset: Dataset, classes: _Classes, most: int) -> tuple[list[int], list[Estimate]]:
    """The features with the largest areas on the training part, and those on the test part."""
    features = dataset.schema.features
    categories = np.array([0 if f.is_numeric else len(f.categories) for f in features], np.int64)
    learnt, judged = cut(
        (dataset.train.inputs, classes.train), (dataset.test.inputs, classes.test), categories
    )
    chosen = np.argsort(-areas_alone(learnt, learnt, classes.separated), kind="stable")[:most]
    rates = bin_rates(learnt, classes.separated)
    truths = classes.test == classes.separated
    drawn = Resampling.of(dataset.test)
    areas = [
        auc_estimate(truths, rates[column, judged.codes[:, column]], drawn) for column in chosen
    ]
    return [int(column) for column in chosen], areas


def _distribution(
    feature: Feature, train: Floats, classes: _Classes, resampling: Resampling
) -> Iterator[tuple[object, ...]]:
    """Share of each bin or category within each class, among the rows where it is known."""
    known = ~np.isnan(train)
    inside = {name: rows[known] for name, rows in classes.shown()}
    drawn = resampling.take(known)
    cells = _ValueCells.of(feature, train[known], list(inside.values()))
    for class_name, rows in inside.items():
        counts = cells.counts(rows)
        shares = [drawn.rate(cells.places == place, rows) for place in range(len(counts))]
        for place, count in enumerate(counts):
            begins, ends = cells.ends[place]
            display = "" if feature.is_numeric else feature.display(begins)
            about = (feature.name, feature.label, feature.kind, feature.unit or "", class_name)
            yield *about, begins, ends, display, shares[place], int(count)


@dataclass(frozen=True)
class _ValueCells:
    """Bins of a number or categories.

    places : (row,) which cell each known value is in; the number of cells where it is in none.
    ends : from where to where each goes; of a category its position, twice.
    """

    places: Ints
    ends: list[tuple[float, float]]

    def counts(self, rows: Bools) -> Ints:
        """(cell,) how many of these rows."""
        return np.bincount(self.places[rows], minlength=len(self.ends) + 1)[:-1]

    @classmethod
    def of(cls, feature: Feature, known: Floats, classes: Sequence[Bools]) -> _ValueCells:
        return (cls._bins if feature.is_numeric else cls._categories)(known, classes)

    @classmethod
    def _bins(cls, known: Floats, classes: Sequence[Bools]) -> _ValueCells:
        smallest = math.sqrt(min(rows.sum() for rows in classes))
        n = round(min(max(smallest, _FEWEST_BINS), _MOST_BINS))
        low, high = np.quantile(known, (_TAIL, 1 - _TAIL))
        edges = np.linspace(low, high if high > low else low + 1, n + 1)
        places = np.searchsorted(edges, known, side="right") - 1
        places[known == edges[-1]] = n - 1
        return cls(np.where(places < 0, n, places), list(pairwise(edges.tolist())))

    @classmethod
    def _categories(cls, known: Floats, classes: Sequence[Bools]) -> _ValueCells:
        values = np.unique(known)
        shares = [[(known[rows] == value).mean() for value in values] for rows in classes]
        most = np.max(shares, axis=0)
        order = np.argsort(-most, kind="stable")[:_CATEGORIES]
        kept = np.sort(values[order[most[order] >= _LEAST_SHARE]])
        places = np.searchsorted(kept, known)
        places[~np.isin(known, kept)] = len(kept)
        return cls(places, [(value, value) for value in kept.tolist()])
