"""What can be set of the estimation of Shapley values, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.data_kinds.coalitions import MOST_CELLS
from deepseek_report.explainers.attributions import chunks
from deepseek_report.statistics.games.coalition_design import all_pairs
from deepseek_report.statistics.ranking import systematic

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
        """(round, row) positions of background rows with these outputs."""
        rounds, most = self.sizes(len(scores))
        return systematic(scores, rounds, rows or most)


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
