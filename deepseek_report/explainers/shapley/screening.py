"""Which of very many columns do something at all, found with few questions before explaining."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.explainers.shared.coalitions import MOST_CELLS


def elementary_effects(context: ExplainContext, walks: int) -> Floats:
    """How much each column does: (column,) mean size of what a step along it changes.

    Each walk goes from one background row to another one, column by column in a random order, and
    asks the model at every step; a step's effect is the change of the target's log-odds, or of
    the number. `walks` · (columns + 1) rows are asked, however many instances there are. The
    effects only say which columns to tell apart; what a column is worth is estimated afterwards.

    Reference: Morris 1991, doi 10.1080/00401706.1991.10484804 (the design); Campolongo, Cariboni &
    Saltelli 2007, doi 10.1016/j.envsoft.2006.10.004 (the mean of absolute effects).
    """
    random = np.random.default_rng([context.seed, 1991])
    background = context.background
    columns = background.shape[1]
    effects = np.zeros(columns)
    for _ in range(walks):
        first, last = background[_two_rows(random, len(background))]
        order = random.permutation(columns)
        outputs = [context.margin(rows) for rows in _steps(first, last, order)]
        effects[order] += np.abs(np.diff(np.concatenate(outputs)))
    return effects / walks


def planned_questions(walks: int, columns: int) -> int:
    """How many rows `elementary_effects` asks the model about."""
    return walks * (columns + 1)


def about_screening(walks: int, columns: int) -> Message:
    """The sentence that says what was done before explaining."""
    return message("explainer_notes.screening", columns=columns, walks=walks)


def _two_rows(random: np.random.Generator, rows: int) -> Ints:
    return random.choice(rows, 2, replace=rows < 2)


def _steps(first: Floats, last: Floats, order: Ints) -> Iterator[Floats]:
    """(step, column) rows from `first` to `last`, in parts that fit the memory."""
    rank = np.argsort(order)
    size = max(1, MOST_CELLS // len(order))
    for start in range(0, len(order) + 1, size):
        done = np.arange(start, min(start + size, len(order) + 1))
        yield np.where(rank < done[:, None], last, first)
