"""Which of very many columns do something at all, found with few questions before explaining."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.data_kinds.coalitions import MOST_CELLS
from deepseek_report.explainers.attributions import chunks

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
        first, last = background[_two_rows(random, len(background))]
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


def _two_rows(random: np.random.Generator, rows: int) -> Ints:
    return random.choice(rows, 2, replace=rows < 2)
