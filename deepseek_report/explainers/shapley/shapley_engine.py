"""Shapley values of many instances at once: what can be set, and the coalitions in few calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.artifacts.schema import Schema
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.coalitions import MOST_CELLS, differing, each_once, spread_evenly
from deepseek_report.explainers.attributions import chunks, seed_of
from deepseek_report.statistics.games.coalition_design import (
    PairDesign,
    PairedRegression,
    all_pairs,
    draw_design,
)
from deepseek_report.statistics.games.tree_surrogate import TreeSurrogate
from deepseek_report.statistics.ranking import systematic
from deepseek_report.statistics.resampling import batches_of, error_by_batches

Algorithm = Literal["auto", "tree", "pairs", "surrogate", "owen", "exact", "permutation"]


@dataclass(frozen=True)
class ShapSettings:
    """How Shapley values are estimated; `Shap` says what each field means."""

    algorithm: Algorithm = "auto"
    reference: Literal["auto", "background", "baseline"] = "auto"
    rounds: Annotated[int, Field(ge=1, le=1000)] = 4
    background_rows: Annotated[int, Field(ge=1, le=1000)] = 2
    surrogate_rows: Annotated[int, Field(ge=0, le=1_000_000)] = 2000
    exact_up_to: Annotated[int, Field(ge=1, le=14)] = 8
    permutation_up_to: Annotated[int, Field(ge=1)] = 64
    max_evaluations: Annotated[int, Field(ge=2)] = 1000
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    screening: Annotated[int, Field(ge=0, le=1000)] = 4
    chunk: Annotated[int, Field(ge=1)] = 16

    def levels(self, n_players: int, n_background: int) -> tuple[int, ...]:
        """How many pairs of coalitions "pairs" compares an instance on; more only where the
        tolerance is not reached: twice as many each time, up to `max_evaluations`.

        The first level is that of `rounds` walks over all players, against `background_rows` each;
        of few players it is all coalitions as often.
        """
        if self.algorithm == "surrogate":
            return (0,)
        complete = n_background * all_pairs(n_players)
        walks = self.rounds * (1 if self.reference == "baseline" else self.background_rows)
        alone = all_pairs(n_players) if n_players <= self.exact_up_to else n_players - 1
        levels = [min(walks * max(alone, 0), complete)]
        most = min(self.max_evaluations // 2, complete) if self.tolerance else 0
        while levels[-1] < most:
            levels.append(min(2 * levels[-1], most))
        return tuple(levels)

    def has_surrogate(self, n_players: int, n_background: int) -> bool:
        """Whether a surrogate stands for most of the model: where those of a table are sampled."""
        complete = n_background * all_pairs(n_players)
        sampled = (
            self.exact_up_to < n_players and self.levels(n_players, n_background)[-1] < complete
        )
        return self.reference != "baseline" and sampled and self.surrogate_rows > 0

    def cuts(self, n_players: int, rounds: int) -> int:
        """How often players are told apart in one round of Owen values."""
        return max(min(n_players - 1, self.max_evaluations // (2 * rounds)), 0)

    def resolved(self, n_players: int) -> Algorithm:
        """The algorithm, chosen by the number of players where it is "auto"."""
        if self.algorithm != "auto":
            return self.algorithm
        return "pairs" if n_players <= self.permutation_up_to else "owen"

    def sizes(self, n_background: int) -> tuple[int, int]:
        """Rounds, and background rows of each, that so many background rows allow."""
        rounds = min(self.rounds, n_background)
        return rounds, min(self.background_rows, n_background // rounds)

    def chosen_rows(self, scores: Floats, rows: int | None = None) -> Ints:
        """(row,) positions of background rows at even distances in the order of these outputs."""
        rounds, most = self.sizes(len(scores))
        return np.asarray(systematic(scores, 1, rounds * (rows or most))[0])


# Which of very many columns do something at all, found with few questions before explaining.

#: Rows that one walk asks about at the most, so that its cost is linear in the columns.
MOST_STEPS = 512
#: Share of these rows that go to even steps; the others halve the steps that change the most.
_EVEN = 0.5
#: Share of the rows that are left which are asked at a time, each in the middle of a step.
_AT_A_TIME = 0.25


def elementary_effects(context: ExplainContext, walks: int) -> Floats:
    """How much each column does: (column,) mean size of what a step along it changes.

    Each walk goes from one background row to another one, column by column in a random order; a
    step's effect is the change of the target's log-odds, or of the number. Up to `MOST_STEPS` rows
    are asked about in a walk. With more columns it takes several of them in one step, and the
    steps that change the most are halved again and again; what a step changes is shared by its
    columns. The effects only say which columns to tell apart; what a column is worth is estimated
    afterwards.

    Reference: Morris 1991, doi 10.1080/00401706.1991.10484804 (the design); Campolongo, Cariboni &
    Saltelli 2007, doi 10.1016/j.envsoft.2006.10.004 (the mean of absolute effects); Bettonvil &
    Kleijnen 1997, doi 10.1016/S0377-2217(96)00156-7 (halving groups that matter).
    """
    random = np.random.default_rng([context.seed, 1991])
    background = context.background
    columns = background.shape[1]
    effects = np.zeros(columns)
    for _ in range(walks):
        first, last = background[random.choice(len(background), 2, replace=len(background) < 2)]
        walk = _Walk(context, first, last, random.permutation(columns))
        effects[walk.order] += walk.changes()
    return effects / walks


class _Walk:
    """From one row to another by its columns in an order; place k has the first k of them changed.

    places : (step + 1,) where the model was asked, in ascending order. outputs : what it answered.
    """

    def __init__(self, context: ExplainContext, first: Floats, last: Floats, order: Ints) -> None:
        self.context, self.first, self.last, self.order = context, first, last, order
        self.rank = np.argsort(order)
        columns = len(order)
        self.most = _rows_of_walk(columns)
        even = columns if self.most > columns else int(_EVEN * self.most)
        self.places = np.unique(np.linspace(0, columns, even + 1).round().astype(np.int64))
        self.outputs = self._outputs(self.places)

    def changes(self) -> Floats:
        """(column,) in the order of the walk: the change of each step, shared by its columns."""
        while (left := self.most - len(self.places)) > 0:
            self._halve(max(1, int(_AT_A_TIME * left)))
        sizes = np.diff(self.places)
        return np.repeat(np.abs(np.diff(self.outputs)) / sizes, sizes)

    def _halve(self, count: int) -> None:
        """Ask in the middle of the steps of several columns that change the most."""
        divisible = np.diff(self.places) > 1
        change = np.where(divisible, np.abs(np.diff(self.outputs)), -1.0)
        chosen = np.argsort(-change, kind="stable")[: min(count, int(divisible.sum()))]
        middles = (self.places[chosen] + self.places[chosen + 1]) // 2
        places = np.concatenate([self.places, middles])
        order = np.argsort(places)
        self.places = places[order]
        self.outputs = np.concatenate([self.outputs, self._outputs(middles)])[order]

    def _outputs(self, places: Ints) -> Floats:
        """(place,) log-odds or number, asked in parts that fit the memory."""
        parts = chunks(len(places), max(1, MOST_CELLS // len(self.order)))
        rows = (np.where(self.rank < places[part, None], self.last, self.first) for part in parts)
        return np.concatenate([self.context.margin(part_rows) for part_rows in rows])


def planned_questions(walks: int, columns: int) -> int:
    """How many rows `elementary_effects` asks the model about."""
    return walks * _rows_of_walk(columns)


def _rows_of_walk(columns: int) -> int:
    return min(columns + 1, MOST_STEPS)


def about_screening(walks: int, columns: int) -> Message:
    """The sentence that says what was done before explaining."""
    return message("explainer_notes.screening", columns=columns, walks=walks)


#: Different designs: instances of one design share its sampling error, which means over many
#: instances would keep; each design costs one regression.
_DESIGNS = 8

#: (design, number of players, pairs at the most, number of pairs).
_Key = tuple[int, int, int, int]


@dataclass
class _Case:
    """One instance, and the answers to the pairs that it was compared on so far.

    index : its position among the instances. players : (player,) those that it has and that are
    not as in every reference, those first that vary between the references.
    """

    index: int
    players: Ints
    design: int
    levels: Sequence[int]
    halves: Floats = field(default_factory=lambda: np.zeros(0))

    @property
    def key(self) -> _Key:
        return self.design, len(self.players), self.levels[-1], len(self.halves)

    @property
    def next_level(self) -> int:
        return next(pairs for pairs in self.levels if pairs > len(self.halves))

    @property
    def is_done(self) -> bool:
        return len(self.halves) == self.levels[-1]


class ShapleyEngine:
    """Estimates instances against a background, or against a baseline of each instance.

    owners : (column,) player of each; present : (instance, player) which of them it has.
    base : (instance,) mean output at the reference. predictions : (instance,).
    present : those alone that differ from a reference; the others are dummies, and get exactly 0.
    values, pair_error : (instance, column), filled by `explain`; the error is that of the pairs
    alone. pairs : (instance,) how many pairs of coalitions each was compared on.

    surrogate : what stands for most of the model, None where nothing does. The coalitions are asked
    about the rest, the model's output less the surrogate's; `_known` are the latter's values.

    Where the background is a sample of training rows, the values are those against all of these,
    estimated in two stages: rows are drawn, and of each row pairs of coalitions. The variance is
    that of the pairs, given the rows, and that of the mean over the rows of what each of them
    foretells as its own values; the latter by batches of rows, see `error_of_mean`. It is 0 where
    the background is the whole training part, or the baseline. Intervals of 95 % then hold the
    value against all training rows (docs/performance.md).

    Reference: Cochran 1977, Sampling Techniques, ISBN 978-0-471-16240-7 (10.3: two stages).

    An instance's design depends on its content and the seed alone, so that it is explained alike
    whatever else is explained beside it.
    """

    def __init__(self, settings: ShapSettings, context: ExplainContext) -> None:
        self.settings, self.context = settings, context
        schema = context.classifier.schema
        self.kind, self.owners = kind_of(schema), schema.owners
        self.predictions = context.output(context.inputs)
        self._refer()
        self.base = self._at_reference.mean(axis=1)
        whole, is_drawn = self.kind.present(context.inputs), settings.reference == "background"
        references = context.background if is_drawn else self._references
        self.present = whole & differing(context.inputs, references, self.owners)
        self._whole = whole.sum(axis=1).tolist()
        self._traits = np.zeros((self.background_rows, whole.shape[1]))
        if self.kind.named_columns and is_drawn:
            self._traits = standardised(context.background)  # by which a share may go
        self._rest, shape = self.predictions, context.inputs.shape
        self._unseen = context.unseen(self.background_rows) if is_drawn else 0.0
        batches = batches_of(self.background_rows) if self._unseen else []
        self._batches, self._known = batches, np.zeros(shape)
        self._known_of, self._rest_of = np.zeros((2, len(batches), *shape))
        self.surrogate = self._stand_in()
        self.values, self.pair_error = np.zeros(shape), np.zeros(shape)
        self.pairs = np.zeros(len(context.inputs), dtype=np.int64)
        self._designs: dict[tuple[int, int, int], PairDesign] = {}
        self._regressions: dict[_Key, PairedRegression] = {}

    def _refer(self) -> None:
        """What stands for players that are left out, and the output at it."""
        context, n = self.context, len(self.context.inputs)
        if self.settings.reference == "baseline":
            rows = self.kind.baseline(context.inputs, context.known_rows)
            self._references = rows[:, None]
            self._at_reference = context.output(rows)[:, None]
        else:
            rows = context.background
            self._references = np.broadcast_to(rows, (n, *rows.shape))
            self._at_reference = np.tile(context.output(rows), (n, 1))

    def _stand_in(self) -> TreeSurrogate | None:
        """Fit the surrogate, and leave the rest of the model to the coalitions."""
        context, rows = self.context, self.settings.surrogate_rows
        if not self.settings.has_surrogate(self.present.shape[1], self.background_rows):
            return None
        surrogate = TreeSurrogate.fitted(context.output, context.background, rows, context.seed)
        known = surrogate.values(context.inputs, context.background)
        self._known = np.where(self.present[:, self.owners], known, 0.0)
        if self.is_drawn:
            batches = context.inputs, context.background, self._batches
            self._known_of = surrogate.of_batches(*batches)
        self._rest = self._rest - surrogate.outputs(context.inputs)
        self._at_reference = self._at_reference - surrogate.outputs(context.background)
        return surrogate

    def _output(self, rows: Floats) -> Floats:
        """(row,) what the coalitions are asked for."""
        answers = self.context.output(rows)
        return answers if self.surrogate is None else answers - self.surrogate.outputs(rows)

    @property
    def background_rows(self) -> int:
        """How many rows each instance is compared with."""
        return int(self._at_reference.shape[1])

    @property
    def is_complete(self) -> bool:
        """Whether every coalition was asked about against every row: nothing is estimated."""
        pairs = [all_pairs(players) for players in self.present.sum(axis=1).tolist()]
        return bool((self.pairs == self.background_rows * np.array(pairs)).all())

    @property
    def samples(self) -> bool:
        """Whether the values are estimates whose error is known."""
        return self.settings.algorithm != "surrogate" and (self.is_drawn or not self.is_complete)

    @property
    def is_drawn(self) -> bool:
        """Whether other training rows could have stood for what is left out."""
        return bool(self._batches)

    @property
    def standard_error(self) -> Floats:
        """(instance, column) of the pairs, and of the rows that were drawn; ± 1.96 hold 95 %."""
        if not self.is_drawn:
            return self.pair_error
        of_batches = self._known_of + self._rest_of
        drawn = error_by_batches(of_batches, self.background_rows, self._unseen)
        return np.hypot(self.pair_error, np.where(self.present[:, self.owners], drawn, 0.0))

    def explain(self, part: slice) -> None:
        """Estimate the instances of the slice, together."""
        waiting = []
        for index in range(part.start, part.stop):  # with no answer the whole gain is shared alike
            players = self._players(index)
            design = seed_of(self.context.seed, self.context.draws[index]) % _DESIGNS
            case = _Case(index, players, design, self._levels(index, len(players)))
            self._set(case, *np.zeros((2, len(players))))
            self._foretell(case, np.zeros((self.background_rows, len(players))))
            waiting.append(case)
        while waiting := [case for case in waiting if not case.is_done]:
            self._ask(waiting)
            self._estimate(waiting)
            largest = self.pair_error.max(axis=1)
            waiting = [c for c in waiting if not largest[c.index] <= self.settings.tolerance]

    def _players(self, index: int) -> Ints:
        """(player,) those of an instance, the ones first whose traits vary between the rows."""
        varies = self._traits.any(axis=0)
        sides = (self.present[index] & varies, self.present[index] & ~varies)
        return np.concatenate([np.flatnonzero(side) for side in sides])

    def _levels(self, index: int, players: int) -> tuple[int, ...]:
        """As many pairs as with the dummies, or all that there are without them."""
        complete = self.background_rows * all_pairs(players)
        levels = self.settings.levels(self._whole[index], self.background_rows)
        return tuple(dict.fromkeys(min(pairs, complete) for pairs in levels))

    def _design(self, number: int, players: int, most: int) -> PairDesign:
        key = number, players, most
        if key not in self._designs:
            rng = np.random.default_rng([self.context.seed, number, players])
            self._designs[key] = draw_design(players, self.background_rows, most, rng)
        return self._designs[key]

    def _ask(self, cases: Sequence[_Case]) -> None:
        """Answer each case's pairs up to its next level."""
        outputs: dict[int, list[Floats]] = {case.index: [] for case in cases}
        for batch in self._together(cases):
            rows = [self._questions(case, pairs) for case, pairs in batch]
            answers = each_once(self._output, np.concatenate(rows))
            for (case, _), part in zip(
                batch, np.split(answers, np.cumsum([len(part) for part in rows])[:-1]), strict=True
            ):
                outputs[case.index].append(part.reshape(2, -1))
        for case in cases:
            kept, lost = np.concatenate(outputs[case.index], axis=1)
            fresh = slice(len(case.halves), case.next_level)
            halves = (kept - lost) / 2 - self._follows(case, fresh)
            case.halves = np.concatenate([case.halves, halves])

    def _together(self, cases: Sequence[_Case]) -> Iterator[list[tuple[_Case, slice]]]:
        """Pairs of cases, as many together as fit the memory."""
        size = max(1, MOST_CELLS // (2 * self.context.inputs.shape[1]))
        batch: list[tuple[_Case, slice]] = []
        room = size
        for case in cases:
            for start in range(len(case.halves), case.next_level, size):
                pairs = slice(start, min(start + size, case.next_level))
                if pairs.stop - pairs.start > room:
                    yield batch
                    batch, room = [], size
                batch.append((case, pairs))
                room -= pairs.stop - pairs.start
        yield batch

    def _questions(self, case: _Case, pairs: slice) -> Floats:
        """(2 · pair, column) rows in which each coalition is kept, and then those without it."""
        design = self._design(*case.key[:3])
        keeps = np.ones((2, pairs.stop - pairs.start, self.present.shape[1]), dtype=bool)
        keeps[0][:, case.players] = design.kept[pairs]
        keeps[1][:, case.players] = ~design.kept[pairs]
        row, references = self.context.inputs[case.index], self._references[case.index]
        mixed = np.where(keeps[:, :, self.owners], row, references[design.rows[pairs]])
        return np.asarray(mixed.reshape(-1, len(row)))

    def _follows(self, case: _Case, pairs: slice) -> Floats:
        """(pair,) the part of the half differences that follows from the two ends alone."""
        design = self._design(*case.key[:3])
        gains = self._rest[case.index] - self._at_reference[case.index]
        shares = design.kept[pairs].mean(axis=1) - 0.5
        return np.asarray(shares * gains[design.rows[pairs]])

    def _estimate(self, cases: Sequence[_Case]) -> None:
        by_key = sorted(cases, key=lambda case: case.key)
        for key, alike in groupby(by_key, key=lambda case: case.key):
            group = list(alike)
            regression = self._regression(key)
            halves = np.stack([case.halves for case in group])
            values, errors = regression.values(halves), regression.standard_errors(halves)
            shares = regression.row_shares(halves) if self.is_drawn else None
            for place, case in enumerate(group):
                self._set(case, values[place], errors[place])
                self.pairs[case.index] = len(case.halves)
                if shares is not None:
                    self._foretell(case, shares[place])

    def _foretell(self, case: _Case, shares: Floats) -> None:
        """Keep what each batch of rows foretells of the rest, up to a constant.

        shares : (row, player) see `PairedRegression.row_shares`.
        """
        own = shares - self._at_reference[case.index][:, None] / max(len(case.players), 1)
        wide = np.zeros((len(self._batches), self.present.shape[1]))
        for batch, rows in zip(wide, self._batches, strict=True):
            batch[case.players] = own[rows].mean(axis=0)
        self._rest_of[:, case.index] = spread_evenly(wide, self.owners)

    def _regression(self, key: _Key) -> PairedRegression:
        if key not in self._regressions:
            _, players, _, pairs = key
            design, varies = self._design(*key[:3]).first(pairs), self._traits.any(axis=0)
            traits = np.zeros((self.background_rows, players))
            traits[:, : varies.sum()] = self._traits[:, varies]
            self._regressions[key] = PairedRegression(design, traits)
        return self._regressions[key]

    def _set(self, case: _Case, values: Floats, errors: Floats) -> None:
        """Keep values and errors of players; what the values lack of the whole is shared alike."""
        index, players = case.index, case.players
        gain = self._rest[index] - self._at_reference[index].mean()
        wide = np.zeros((2, self.present.shape[1]))
        if len(players):
            wide[:, players] = values + gain / len(players), errors
        self.values[index], self.pair_error[index] = spread_evenly(wide, self.owners)
        self.values[index] += self._known[index]


# How players are halved again and again, so that many of them can be explained with few calls.
#
# A partition is an order of all players and the places where it is cut: every part is an interval
# of that order, and is cut in two at its middle. Players that belong together stand close together.

#: Sorts the players of one part; the first half and the second half become its two parts.
Sorter = Callable[[Ints], Ints]


def partition_order(
    schema: Schema, background: Floats, effects: Floats | None = None, together: int = 64
) -> Ints:
    """(player,) an order in which halving gives parts that belong together.

    Texts, images and series: along the longest side of a part, so that neighbours stay together.
    Tables: by correlation among the background rows. Where `effects` says how much each column
    does (see `screening`), parts of more than `together` columns are halved by that instead, so
    that the few columns that matter are reached by few cuts.
    """
    places = kind_of(schema).places()
    if places is not None:

        def along_longest(part: Ints) -> Ints:
            axis = int(np.ptp(places[part], axis=0).argmax())
            return part[np.argsort(places[part][:, axis], kind="stable")]

        return halved(len(places), along_longest)
    columns = standardised(background)

    def sort(part: Ints) -> Ints:
        if effects is not None and len(part) > together:
            return part[np.argsort(-effects[part], kind="stable")]
        return _by_correlation(part, columns)

    return halved(columns.shape[1], sort)


def halved(count: int, sort: Sorter) -> Ints:
    """The order that results when every part is sorted and cut in two until single players."""
    waiting, done = [np.arange(count)], []
    while waiting:
        part = waiting.pop()
        if len(part) < 3:
            done.append(part)
            continue
        part = sort(part)
        middle = middle_of(0, len(part))
        waiting += [part[middle:], part[:middle]]
    return np.concatenate(done)


def middle_of(start: Any, stop: Any) -> Any:
    """Where the interval from `start` to `stop` is cut; integers, or arrays of them."""
    return (start + stop + 1) // 2


def groups_of(order: Ints, most: int, effects: Floats | None = None) -> Ints:
    """(player,) which of at most `most` parts each player is in, after halving again and again.

    The part with the greatest sum of `effects` is halved first, without them the largest one; ties
    are cut from the beginning of the order on.
    """
    weights = np.ones(len(order)) if effects is None else effects[order]
    sums = np.concatenate([[0.0], np.cumsum(weights)])

    def weight(part: tuple[int, int]) -> float:  # a single player cannot be halved and comes last
        start, stop = part
        return float(sums[stop] - sums[start]) if stop - start > 1 else -1.0

    bounds = [(0, len(order))]
    while len(bounds) < min(most, len(order)):
        at = max(range(len(bounds)), key=lambda k: weight(bounds[k]))
        start, stop = bounds[at]
        middle = middle_of(start, stop)
        bounds[at : at + 1] = [(start, middle), (middle, stop)]
    groups = np.empty(len(order), dtype=np.int64)
    for group, (start, stop) in enumerate(bounds):
        groups[order[start:stop]] = group
    return groups


def _by_correlation(part: Ints, columns: Floats) -> Ints:
    """Columns that go with the column nearest to the first principal component come first.

    A divisive clustering by principal directions, whatever the sign of a correlation; linear in
    the number of columns.

    Reference: Boley 1998, doi:10.1023/A:1009740529316.
    """
    inside = columns[:, part]
    if len(part) < len(inside):  # the loadings of the columns are in proportion to their products
        loadings = np.linalg.eigh(inside.T @ inside)[1][:, -1]
    else:
        loadings = np.linalg.eigh(inside @ inside.T)[1][:, -1] @ inside
    pivot = int(np.abs(loadings).argmax())
    correlation = np.abs(inside[:, pivot] @ inside)
    return part[np.argsort(-np.round(correlation, 9), kind="stable")]


def standardised(rows: Floats) -> Floats:
    """(row, column) with mean 0 and variance 1; missing values and constant columns become 0."""
    known = ~np.isnan(rows)
    count = np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, rows, 0.0)
    centred = np.where(known, rows - filled.sum(axis=0) / count, 0.0)
    spread = np.sqrt((centred**2).mean(axis=0))
    return np.asarray(np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0))
