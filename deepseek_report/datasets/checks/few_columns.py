"""How far single columns, pairs of them and the order of the rows tell the label by themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.split import Split
from deepseek_report.datasets import data_card
from deepseek_report.statistics import scorecards
from deepseek_report.statistics.graphical_procedure import SHARES
from deepseek_report.statistics.ranking import thin
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.statistics.scorecards import BinnedPart

#: `decimals`: how many a cell has. `last_digit`: the digit at the last decimal of the column, of
#: whole numbers the units. `units`, `tenths`: those digits of a column with more decimals. `zeros`:
#: how many zeros a whole number ends in.
Kind = Literal["decimals", "last_digit", "units", "tenths", "zeros"]

#: More decimals than these are those of a computed number; with them come 0 to 6, and missing.
_MOST_DECIMALS = 6
_MANY = _MOST_DECIMALS + 1
_MOST_ZEROS = 4
#: Codes of a trait are 0 to 9; the last bin is that of missing cells.
WIDTH = 11
#: Digits are looked at where so large a share of the cells has few decimals.
_WRITTEN = 0.9
#: Relative error of a number that was read as single or double precision.
_SINGLE, _DOUBLE = 2.0**-22, 2.0**-44


@dataclass(frozen=True)
class Trait:
    """How the numbers of a column are written; column : its position."""

    column: int
    kind: Kind


def traits_of(values: Floats, columns: Ints) -> dict[Trait, Ints]:
    """{trait: (row,) codes, 0 to 9, and 10 of a missing cell} of those that differ between rows.

    A cell of 0 counts as the most frequent way of writing: an amount of 0 says that there is none,
    which is no matter of how it is written.

    values : (row, column), NaN is missing. columns : positions of those that hold numbers.
    """
    traits = {}
    for column in columns.tolist():
        cells = values[:, column]
        known = ~np.isnan(cells)
        counted = known & (cells != 0)
        if not counted.any():
            continue
        for kind, codes in _kinds(np.abs(np.where(known, cells, 0.0)), counted):
            usual = np.bincount(codes[counted]).argmax()
            if (codes[counted] != usual).any():
                told = np.where(counted, codes, usual)
                traits[Trait(column, kind)] = np.where(known, told, WIDTH - 1)
    return traits


def _kinds(sizes: Floats, counted: Bools) -> Iterator[tuple[Kind, Ints]]:
    decimals = _decimals(sizes)
    yield "decimals", decimals
    few = decimals < _MANY
    if few[counted].mean() < _WRITTEN:
        return
    most = int(decimals[counted & few].max())
    scaled = np.rint(sizes * 10.0**most)
    yield "last_digit", (scaled % 10).astype(np.int64)
    if most >= 1:
        yield "units", (scaled // 10**most % 10).astype(np.int64)
    if most >= 2:
        yield "tenths", (scaled // 10 ** (most - 1) % 10).astype(np.int64)
    if most == 0:
        ends = [scaled % 10**k == 0 for k in range(1, _MOST_ZEROS + 1)]
        yield "zeros", np.sum(ends, axis=0, dtype=np.int64)


def _decimals(sizes: Floats) -> Ints:
    """(row,) how many decimals each number needs, at most `_MANY`."""
    single = bool((sizes == sizes.astype(np.float32)).all())
    error = _SINGLE if single else _DOUBLE
    decimals = np.full(len(sizes), _MANY, dtype=np.int64)
    for places in range(_MOST_DECIMALS, -1, -1):
        scaled = sizes * 10.0**places
        slack = np.minimum(error * scaled + 1e-9, 0.05)
        decimals[np.abs(scaled - np.rint(scaled)) <= slack] = places
    return decimals


#: By so much the columns in question must do better than a scorecard of all others, or than the
#: strongest of the others alone.
APART, APART_ALONE = 0.05, 0.10
#: A pair counts where it does better by this than either column, and a scorecard of both; from the
#: second on it stands apart, since honest columns seldom tell next to nothing but together.
TOGETHER, ONLY_TOGETHER = 0.10, 0.25
#: A way of writing numbers counts from this area on, since nothing honest lies in it, where the
#: numbers themselves do worse by `TOGETHER`. A tree on all of them asks so many questions.
_WRITING_ASKED, _QUESTIONS, _FEWEST_IN_LEAF = 0.70, 3, 20
#: Ways of writing are tested against labels that are dealt out anew, so often.
_RESAMPLES = 999
#: Triples that are judged, of all that are searched.
_MOST_TRIPLES = 3
#: Columns of the scorecard of all others, the strongest; columns among which pairs are searched.
_STRONGEST, MOST_PAIRED = 40, 64
_ROWS_OF_PAIRS = 4_000
#: No more classes than these are looked at, the largest.
_MOST_CLASSES = 10


@dataclass(frozen=True)
class Telling:
    """Columns that tell a class together, or one alone.

    columns : positions. auc : area under the ROC curve on rows that were not learnt from.
    missing : area of whether the cell is missing alone, of a single column. writing : how the
    numbers of the columns are written, where that tells it, and not what they are.
    """

    columns: tuple[int, ...]
    class_index: int
    auc: float
    missing: float = 0.5
    writing: Kind | Literal["tree", ""] = ""

    @property
    def by_missing(self) -> bool:
        """Whether nearly all that it tells lies in the cell being there or not."""
        return self.missing - 0.5 >= 0.8 * (self.auc - 0.5)


@dataclass(frozen=True)
class ColumnSearch:
    """The columns of data with classes, each judged on the rows outside of the training part.

    least_area : the area from which a column counts, if it is surely not lower by more than 0.05.
    """

    facts: data_card.DataFacts
    least_area: float = data_card.ASKED

    @cached_property
    def _values(self) -> tuple[tuple[Floats, Ints], tuple[Floats, Ints]]:
        judged, most = self.facts.judged, data_card.rows_searched(len(self._categories))
        inputs, labels = (
            np.concatenate(arrays)
            for arrays in ([part.inputs for part in judged], [part.labels for part in judged])
        )
        train = self.facts.train
        return _thinned(train.inputs, train.labels, most), _thinned(inputs, labels, most)

    @cached_property
    def _drawn(self) -> Resampling:
        """Which of the judged rows are of one entity; bounds and tests count entities."""
        rest = Resampling.across(self.facts.judged)
        return rest.take(thin(rest.n, data_card.rows_searched(len(self._categories))))

    @cached_property
    def _categories(self) -> Ints:
        features = self.facts.schema.features
        return np.array([0 if f.is_numeric else len(f.categories) for f in features], np.int64)

    @cached_property
    def _parts(self) -> tuple[BinnedPart, BinnedPart]:
        learnt, judged = self._values
        return scorecards.cut(learnt, judged, self._categories)

    @cached_property
    def _classes(self) -> Ints:
        """The classes that are told from the rest: of two the second, of many the largest."""
        n_classes, judged = len(self.facts.schema.target.classes), self.facts.judged
        labels, drawn = np.concatenate([part.labels for part in judged]), Resampling.across(judged)
        sizes = np.bincount(labels, minlength=n_classes)
        enough = np.array([data_card.is_enough(drawn, labels == k) for k in range(n_classes)])
        if n_classes == 2:
            return np.flatnonzero(enough & (np.arange(2) == 1))
        largest = np.argsort(-sizes, kind="stable")[:_MOST_CLASSES]
        return np.sort(largest[enough[largest]])

    @cached_property
    def _areas(self) -> Floats:
        """(class, column) of `_classes`."""
        learnt, judged = self._parts
        return np.array([scorecards.areas_alone(learnt, judged, k) for k in self._classes.tolist()])

    def _areas_of(self, class_index: int) -> Floats:
        """(column,) of one of `_classes`."""
        return np.asarray(self._areas[self._classes == class_index][0])

    def _surely(self, areas: Floats, class_index: int, searched: int) -> Bools:
        """Whether areas, of so many that are searched, are high, and not by chance."""
        sizes = data_card.sizes_of(self._drawn, self._parts[1].labels == class_index)
        return data_card.surely_high(areas, sizes, self.least_area, searched)

    @cached_property
    def alone(self) -> list[Telling]:
        """Columns that tell a class by themselves, the strongest first; at most one class each."""
        if not len(self._classes):
            return []
        best = self._areas.argmax(axis=0)
        strongest = self._areas[best, np.arange(len(best))]
        sure = np.zeros(len(best), dtype=bool)
        missing = np.full(len(best), 0.5)
        for row, class_index in enumerate(self._classes.tolist()):
            here = best == row
            sure |= here & self._surely(strongest, class_index, len(best))
            missing = np.where(here, scorecards.missing_areas(self._parts[1], class_index), missing)
        order = np.argsort(-strongest, kind="stable")
        return [
            Telling((j,), int(self._classes[best[j]]), float(strongest[j]), float(missing[j]))
            for j in order.tolist()
            if sure[j]
        ]

    def without(self, columns: Sequence[int], class_index: int) -> float:
        """Area of a scorecard of the strongest other columns, for the class."""
        areas = self._areas_of(class_index)
        areas[list(columns)] = -1.0
        kept = np.argsort(-areas, kind="stable")[:_STRONGEST]
        return self._scorecard(np.sort(kept[areas[kept] >= 0]), class_index)

    def area_of_label(self, telling: Telling) -> float:
        """The area that weighs: of the class, or of more than two classes their mean, by size.

        Of many classes one is often told by a single honest column; hardly ever all of them are.
        What lies in how numbers are written, or in columns together, is honest in neither case.
        """
        if len(self._classes) < 2 or telling.writing or len(telling.columns) > 1:
            return telling.auc
        sizes = np.bincount(self._parts[1].labels)[self._classes]
        return float(np.average(self._areas[:, telling.columns[0]], weights=sizes))

    def stands_apart(
        self, columns: Sequence[int], best: Telling, doubted: float = data_card.DOUBTED
    ) -> bool:
        """Whether all but these columns do far worse than the best of them, in the same class.

        From the area `doubted` on, it is enough that each other column does far worse alone.
        """
        areas = self._areas_of(best.class_index)
        if best.auc - float(areas[list(best.columns)].max()) >= ONLY_TOGETHER:
            return True
        others = np.delete(areas, list(columns))
        if best.auc >= doubted and best.auc - float(others.max(initial=0.5)) >= APART_ALONE:
            return True
        return best.auc - self.without(columns, best.class_index) >= APART

    def _scorecard(self, columns: Ints, class_index: int) -> float:
        learnt, judged = (part.take(columns) for part in self._parts)
        return scorecards.scorecard_area(learnt, judged, class_index)

    @cached_property
    def paired(self) -> Ints:
        """The columns among which pairs are searched: all, or those that tell most alone."""
        n_columns = len(self._categories)
        if n_columns <= MOST_PAIRED or not len(self._classes):
            return np.arange(min(n_columns, MOST_PAIRED))
        return np.sort(np.argsort(-self._areas.max(axis=0), kind="stable")[:MOST_PAIRED])

    @cached_property
    def _paired_parts(self) -> tuple[BinnedPart, BinnedPart]:
        """Fewer rows, of `paired`."""
        learnt, judged = (part.take(self.paired) for part in self._parts)
        return learnt.thinned(_ROWS_OF_PAIRS), judged.thinned(_ROWS_OF_PAIRS)

    @cached_property
    def pairs(self) -> list[Telling]:
        """The pair that tells a class far better than both columns do for themselves, if any."""
        return self._best_together(self._pair_of) if len(self.paired) >= 2 else []

    @cached_property
    def triples(self) -> list[Telling]:
        """The three columns that tell a class far better than any two of them do, if any."""
        return self._best_together(self._triples_of) if len(self.paired) >= 3 else []

    def _best_together(self, find: Callable[[int], Iterator[tuple[Ints, float]]]) -> list[Telling]:
        """Of each class the first columns that a scorecard of them does far worse than, and of all
        classes the best.
        """
        tellings = []
        for k in self._classes.tolist():
            for columns, area in find(k):
                if area - self._scorecard(columns, k) >= TOGETHER:
                    tellings.append(Telling(tuple(columns.tolist()), k, area))
                    break
        return sorted(tellings, key=lambda telling: -telling.auc)[:1]

    def _areas_together(self, tables: Ints, class_index: int) -> Floats:
        """(table,) of columns among `paired`."""
        categories = self._categories[self.paired]
        return scorecards.areas_together(*self._paired_parts, categories, class_index, tables)

    def _pair_of(self, class_index: int) -> Iterator[tuple[Ints, float]]:
        tables = np.column_stack(np.triu_indices(len(self.paired), k=1))
        areas = self._areas_together(tables, class_index)
        gain = areas - self._areas_of(class_index)[self.paired][tables].max(axis=1)
        hits = np.flatnonzero((gain >= TOGETHER) & self._surely(areas, class_index, len(gain)))
        if len(hits):
            best = hits[np.argmax(areas[hits])]
            yield self.paired[tables[best]], float(areas[best])

    def _triples_of(self, class_index: int) -> Iterator[tuple[Ints, float]]:
        """The likeliest are found among the rows that are learnt from, so that only these few are
        tried on the judged rows.
        """
        learnt, categories = self._paired_parts[0], self._categories[self.paired]
        triples = scorecards.likeliest_triples(learnt, categories, class_index, _MOST_TRIPLES)
        for triple in triples:
            areas = self._areas_together(triple[None], class_index)
            twos = self._areas_together(triple[[[0, 1], [0, 2], [1, 2]]], class_index)
            gain = areas[0] - twos.max()
            if gain >= TOGETHER and self._surely(areas, class_index, _MOST_TRIPLES)[0]:
                yield self.paired[triple], float(areas[0])

    @cached_property
    def writings(self) -> list[Telling]:
        """Columns whose way of writing numbers tells a class, the strongest first; else a tree's.

        Cross-fitted as all else: what is learnt on the training part is judged on the others, of
        each entity on one row, so that labels can be dealt out anew.
        """
        numbers = self.paired[self._categories[self.paired] == 0]
        if not len(numbers) or not len(self._classes):
            return []
        learnt, whole = (_thinned(*part, _ROWS_OF_PAIRS) for part in self._values)
        drawn = self._drawn.take(thin(self._drawn.n, _ROWS_OF_PAIRS))
        rows = drawn.one_each(np.arange(len(whole[1])))
        judged, n = (whole[0][rows], whole[1][rows]), len(learnt[1])
        traits = traits_of(np.concatenate([learnt[0], judged[0]]), numbers)
        if not traits:
            return []
        codes = np.column_stack([*traits.values()])
        parts = BinnedPart(codes[:n], learnt[1], WIDTH), BinnedPart(codes[n:], judged[1], WIDTH)
        tellings = [t for k in self._classes.tolist() for t in self._written([*traits], *parts, k)]
        return sorted(tellings, key=lambda telling: -telling.auc)

    def _written(
        self, traits: Sequence[Trait], learnt: BinnedPart, judged: BinnedPart, class_index: int
    ) -> Iterator[Telling]:
        """Single traits that tell the class beyond chance, the best of a column; without any what a
        tree of three questions about all of them tells together.
        """
        of_columns = self._areas_of(class_index)
        areas = scorecards.areas_alone(learnt, judged, class_index)
        own = of_columns[[trait.column for trait in traits]]
        hits = np.flatnonzero((areas >= _WRITING_ASKED) & (areas - own >= TOGETHER))
        told = set[int]()
        for j in hits[np.argsort(-areas[hits], kind="stable")].tolist():
            trait, area = traits[j], float(areas[j])
            chance = scorecards.chance_of_highest(learnt, judged, class_index, area, _RESAMPLES)
            if chance > SHARES["cues"]:
                break
            if trait.column not in told:
                told.add(trait.column)
                yield Telling((trait.column,), class_index, area, writing=trait.kind)
        if told:
            return
        *leaves, asked = scorecards.asked_in_turn(
            learnt, judged, class_index, _QUESTIONS, _FEWEST_IN_LEAF
        )
        if not asked:
            return
        together = scorecards.areas_alone(*leaves, class_index)
        columns = tuple(sorted({traits[j].column for j in asked}))
        area, alone = float(together[0]), max(areas.max(), of_columns[list(columns)].max())
        sizes = data_card.sizes_of(Resampling(len(judged.labels)), judged.labels == class_index)
        if (
            area - alone >= TOGETHER
            and area - self._scorecard(np.array(columns), class_index) >= TOGETHER
            and data_card.surely_high(together, sizes, self.least_area, 1)[0]
        ):
            yield Telling(columns, class_index, area, writing="tree")

    @cached_property
    def by_order(self) -> Telling | None:
        """The class that the row numbers tell, if they do."""
        train, rest = _numbered([self.facts.train]), _numbered(self.facts.judged)
        learnt, judged = scorecards.cut(train, rest, np.zeros(1, dtype=np.int64))
        tellings = [
            Telling((), k, float(area[0]))
            for k in self._classes.tolist()
            if self._surely(area := scorecards.areas_alone(learnt, judged, k), k, 1)[0]
        ]
        return max(tellings, key=lambda each: each.auc, default=None)

    def follows_rows(self, column: int) -> bool:
        """Whether a column rises or falls with the row numbers."""
        whole = self.facts.whole
        values = whole.inputs[:, column]
        known = ~np.isnan(values)
        if known.sum() < data_card.FEWEST_OF_CLASS or np.ptp(values[known]) == 0:
            return False
        ranks = np.argsort(np.argsort(values[known], kind="stable"), kind="stable")
        numbers = np.argsort(np.argsort(whole.instance_ids[known], kind="stable"), kind="stable")
        return bool(abs(np.corrcoef(ranks, numbers)[0, 1]) >= 0.95)


def _thinned(values: Floats, labels: Ints, most: int) -> tuple[Floats, Ints]:
    rows = thin(len(labels), most)
    return values[rows], labels[rows]


def _numbered(parts: Sequence[Split]) -> tuple[Floats, Ints]:
    numbers = np.concatenate([part.instance_ids for part in parts]).astype(np.float64)
    return numbers[:, None], np.concatenate([part.labels for part in parts])
