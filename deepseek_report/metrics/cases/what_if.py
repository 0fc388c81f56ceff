"""What the model would say of the shown cases if single features, or two, were otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Feature, Schema, Target
from deepseek_report.data_kinds.row_conditions import Relations
from deepseek_report.metrics.cases.case_choice import ShownCases
from deepseek_report.metrics.plugin import ModelMetric
from deepseek_report.statistics.ranking import thin
from deepseek_report.tasks import task_of


@dataclass(frozen=True)
class WhatIfAnswers:
    """Outputs of the model around some cases, at the points where it was asked.

    An output is the probability of the explained class of two, those of all classes of more, or the
    number; it is rounded to four decimals where it is a probability, and to six in `start`.

    columns : (feature,) positions of the features that were set. can_move : (feature,) whether a
        person can change them.
    points : (feature, point) the values that each was set to, ascending; NaN where there are fewer.
    support : (feature, point) training rows that have such a value: this category, or a number
        nearer to this point than to any other; NaN where no point is.
    n_train : training rows.
    grid : (feature, grid point) those of them that pairs were set to; NaN where there are fewer.
    places : (case,) positions of the cases within those explained.
    start : (case, output) as the case is.
    alone : (case, feature, point, output) with one feature set, NaN where no point is, and where
        the row would break a declared relation between columns.
    pairs : (case, pair, 2) positions within `columns`, -1 where there are fewer pairs.
    together : (case, pair, grid point, grid point, output) with both features set; NaN likewise.
    model_rows : rows that the model evaluated.
    adds_up : whether what a feature adds to the log-odds, or to the number, depends on it alone, so
        that changes of several features may be summed.
    """

    columns: Ints
    can_move: Bools
    points: Floats
    support: Floats
    n_train: int
    grid: Floats
    places: Ints
    start: Floats
    alone: Floats
    pairs: Ints
    together: Floats
    model_rows: int
    adds_up: bool

    def arrays(self) -> dict[str, Floats]:
        """As a measurement stores them."""
        return {name: np.asarray(value, dtype=np.float64) for name, value in vars(self).items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> WhatIfAnswers:
        """Of a stored measurement."""
        whole = dict.fromkeys(("columns", "places", "pairs"), np.int64)
        numbers = {"n_train": int, "model_rows": int, "adds_up": bool}
        known = dict(arrays)
        for name, kind in {**whole, "can_move": np.bool_}.items():
            known[name] = np.asarray(known[name], dtype=kind)
        return cls(**known | {name: kind(known[name]) for name, kind in numbers.items()})


#: Columns of a wide table that are tried, and of those that a person can change.
_MOST_TRIED = 24
#: The points of a number lie between these quantiles of the training part.
_ENDS = (0.01, 0.99)
#: Decimals of a stored probability, and of that of the case as it is, which stands elsewhere too.
_DECIMALS, _OWN_DECIMALS = 4, 6


@dataclass(frozen=True)
class WhatIf(ModelMetric):
    """The model's own answers around each shown case, for a page that runs no model.

    Every feature that a person can change, and those that move the output most, are set to values
    along the range of the training part, one at a time; the strongest are set two at a time. Values
    follow the declared steps, and what would break a declared relation between columns is not
    asked. How many training rows have such a value is told with each. Nothing is fitted to the
    answers: a page reads them at these points, and says where it reads between them.

    most : features. points : values of each. strongest : features whose pairs are asked about, by
    the range of the answers to each alone; those that can change go first. grid : values of each in
    a pair.
    """

    reveals = "rows"
    category = "explanation"
    bounds = {}
    modalities = frozenset({"table"})
    reads = frozenset({"dataset", "cases", "classifier"})

    most: Annotated[int, Field(ge=1, le=40)] = 12
    points: Annotated[int, Field(ge=2, le=25)] = 9
    strongest: Annotated[int, Field(ge=0, le=5)] = 3
    grid: Annotated[int, Field(ge=2, le=9)] = 5

    def measure(self, context: MeasureContext) -> Measurement:
        shown = ShownCases.of(context)
        return Measurement(arrays=self._answers(context, shown.inputs, shown.places).arrays())

    def _answers(self, context: MeasureContext, rows: Floats, places: Ints) -> WhatIfAnswers:
        schema, train = context.dataset.schema, context.dataset.train
        questions = _Questions(context.classifier, schema.target)
        movable = np.array([feature.can_move for feature in schema.features])
        everything = np.arange(len(schema.features))
        tried = np.union1d(
            _most_telling(everything[movable], context), _most_telling(everything, context)
        )
        points = _padded(
            [set_points(schema.features[j], train.inputs[:, j], self.points) for j in tried]
        )
        start, alone = questions.about(rows, _OWN_DECIMALS), questions.alone(rows, tried, points)
        ranges = np.nan_to_num(np.abs(alone - start[:, None, None])).max(axis=(2, 3))
        order = np.lexsort((-ranges.mean(axis=0), ~movable[tried]))
        kept = order[np.isfinite(points[order]).any(axis=1)][: self.most]
        columns, points, alone = tried[kept], points[kept], alone[:, kept]
        known = [values[np.isfinite(values)] for values in points]
        grid = _padded([values[thin(len(values), self.grid)] for values in known])
        pairs = _pairs(ranges[:, kept], movable[columns], self.strongest)
        return WhatIfAnswers(
            columns=columns,
            can_move=movable[columns],
            points=points,
            support=_support(schema, train.inputs, columns, points),
            n_train=len(train),
            grid=grid,
            places=places,
            start=start,
            alone=alone,
            pairs=pairs,
            together=questions.together(rows, columns, grid, pairs),
            model_rows=questions.rows,
            adds_up="shape_functions" in context.classifier.capabilities,
        )


def _most_telling(columns: Ints, context: MeasureContext) -> Ints:
    """At most `_MOST_TRIED` of the columns, those that tell most about the target."""
    if len(columns) <= _MOST_TRIED:
        return columns
    train, task = context.dataset.train, task_of(context.dataset.schema.target)
    return columns[task.telling(train.inputs[:, columns], train.labels, _MOST_TRIED)]


class _Questions:
    """Asks the model about changed rows, and counts them."""

    def __init__(self, classifier: Classifier, target: Target) -> None:
        self.classifier, self.target, self.rows = classifier, target, 0
        self.relations = Relations.of(classifier.schema)

    def about(self, rows: Floats, decimals: int = _DECIMALS) -> Floats:
        """(row, output), see `WhatIfAnswers`."""
        self.rows += len(rows)
        outputs = self.classifier.probabilities(rows)
        if not task_of(self.target).decides:
            return outputs
        rounded = np.round(outputs, decimals)
        return rounded[:, [self.target.explained]] if outputs.shape[1] == 2 else rounded

    def alone(self, rows: Floats, columns: Ints, points: Floats) -> Floats:
        """(case, feature, point, output) with one of the columns set to one of its points."""
        at = np.argwhere(np.isfinite(points))
        changed = np.repeat(rows[:, None], len(at), axis=1)
        changed[:, np.arange(len(at)), columns[at[:, 0]]] = points[at[:, 0], at[:, 1]]
        allowed = np.stack(
            [self.relations.allowed(row, own) for row, own in zip(rows, changed, strict=True)]
        )
        answers = self.about(changed[allowed])
        known = np.full((*allowed.shape, answers.shape[1]), np.nan)
        known[allowed] = answers
        filled = np.full((len(rows), *points.shape, answers.shape[1]), np.nan)
        filled[:, at[:, 0], at[:, 1]] = known
        return filled

    def together(self, rows: Floats, columns: Ints, grid: Floats, pairs: Ints) -> Floats:
        """(case, pair, point, point, output) with both columns of a pair set."""
        size = grid.shape[1]
        places, changed = [], []
        for case, pair in np.argwhere(pairs[:, :, 0] >= 0):
            first, second = pairs[case, pair]
            for a, b in np.ndindex(size, size):
                if np.isfinite(grid[first, a]) and np.isfinite(grid[second, b]):
                    row = rows[case].copy()
                    row[columns[[first, second]]] = grid[first, a], grid[second, b]
                    if self.relations.allowed(rows[case], row[None])[0]:
                        places.append((case, pair, a, b))
                        changed.append(row)
        if not changed:
            return np.full((len(rows), pairs.shape[1], size, size, 1), np.nan)
        answers = self.about(np.stack(changed))
        filled = np.full((len(rows), pairs.shape[1], size, size, answers.shape[1]), np.nan)
        filled[tuple(np.array(places).T)] = answers
        return filled


def set_points(feature: Feature, column: Floats, most: int) -> Floats:
    """The values that a feature is set to, ascending.

    A number goes evenly along the middle 98 % of its values by quantiles, rounded to its step; of
    categories the documented ones that occur most often.

    column : (row,) values of the training part. most : at most so many.
    """
    known = column[~np.isnan(column)]
    if not len(known):
        return np.zeros(0)
    if feature.is_numeric:
        marks = np.quantile(known, np.linspace(*_ENDS, most), method="nearest")
        even = np.linspace(marks[0], marks[-1], most)
        step = feature.step or (1.0 if (known == np.round(known)).all() else 0.0)
        both = np.sort(np.concatenate([marks[::2], even[1::2]]))
        return np.unique(np.round(both / step) * step if step else both)
    counts = np.bincount(known.astype(np.int64), minlength=len(feature.categories))
    documented = np.array([category.documented for category in feature.categories])
    order = np.argsort(-counts, kind="stable")
    usual = [code for code in order if documented[code] and counts[code]]
    return np.sort(np.array(usual[:most], dtype=np.float64))


def _support(schema: Schema, train: Floats, columns: Ints, points: Floats) -> Floats:
    """(feature, point) training rows with such a value, see `WhatIfAnswers`."""
    counts = np.full(points.shape, np.nan)
    for place, j in enumerate(columns.tolist()):
        known = points[place][np.isfinite(points[place])]
        own = train[:, j][~np.isnan(train[:, j])]
        if schema.features[j].is_numeric:
            nearest = np.searchsorted((known[1:] + known[:-1]) / 2, own)
            counts[place, : len(known)] = np.bincount(nearest, minlength=len(known))
        else:
            counts[place, : len(known)] = (own[:, None] == known).sum(axis=0)
    return counts


def _padded(parts: list[Floats]) -> Floats:
    """(part, value) of several arrays, NaN behind the end of the shorter ones."""
    width = max((len(part) for part in parts), default=0)
    filled = np.full((len(parts), width), np.nan)
    for row, part in zip(filled, parts, strict=True):
        row[: len(part)] = part
    return filled


def _pairs(ranges: Floats, can_move: Bools, strongest: int) -> Ints:
    """(case, pair, 2) of the strongest features of each case, those that can change first."""
    n_pairs = strongest * (strongest - 1) // 2
    pairs = np.full((len(ranges), n_pairs, 2), -1, dtype=np.int64)
    for case, spans in enumerate(ranges):
        order = np.lexsort((-spans, ~can_move))
        moving = [int(j) for j in order if spans[j] > 0][:strongest]
        for place, pair in enumerate(combinations(sorted(moving), 2)):
            pairs[case, place] = pair
    return pairs
