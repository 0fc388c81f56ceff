"""Tasks of sequences of tokens whose answers, and the tokens that decide them, are known.

A language model learns them from sequences that are drawn as it goes, and is judged on rows: a text
up to the place of one answer, which is the token that follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.written_texts import MASK
from deepseek_report.statistics.games.coalition_design import random_orders

#: Where the card of a data set says which task its rows are of.
CARD = "token_task"
LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
COLOURS = (
    *("red", "blue", "green", "yellow", "orange", "purple", "pink", "brown"),
    *("black", "white", "grey", "gold", "silver", "violet", "olive", "navy"),
)
SEPARATOR = "|"
BRACKETS = ("()", "[]", "{}", "<>", "«»", "‹›", "⟦⟧", "⟨⟩")


@dataclass(frozen=True)
class Sequences:
    """Whole sequences of one length.

    ids : (sequence, place) positions in the task's tokens. answers : (sequence, place) whether the
    token there is an answer, which what stands before it decides.
    """

    ids: Ints
    answers: Bools


@dataclass(frozen=True)
class AnswerRows:
    """Texts up to an answer.

    values : (row, place) positions in the task's tokens, NaN behind the end. labels : (row,)
    position of the answer among the task's answers. truth : (row, place) the tokens that decide it.
    """

    values: Floats
    labels: Ints
    truth: Bools


class TokenTask(Protocol):
    """A task of sequences; `level` counts how hard a sequence is, from `easiest` to `hardest`."""

    name: ClassVar[str]
    easiest: ClassVar[int]

    @property
    def hardest(self) -> int:
        """The level of the rows."""

    @property
    def tokens(self) -> tuple[str, ...]:
        """All tokens; the first is the mask, which stands in no sequence."""

    @property
    def answers(self) -> tuple[str, ...]:
        """The tokens that may be an answer."""

    def sequences(self, n: int, level: int, random: np.random.Generator) -> Sequences:
        """`n` sequences of a level, to learn from."""

    def rows(self, n: int, random: np.random.Generator) -> AnswerRows:
        """`n` texts of the hardest level, each up to one answer."""


@dataclass(frozen=True)
class _OfPairs:
    """What tasks share whose level is how many pairs a sequence is made of.

    pairs : of a row.
    """

    easiest: ClassVar[int] = 2

    pairs: int

    @property
    def hardest(self) -> int:
        return self.pairs


@dataclass(frozen=True)
class Recall(_OfPairs):
    """Associative recall: pairs of a key and a value, a separator, then keys that are asked for.

    After an asked key comes the value that it was paired with, so the two tokens of that pair and
    the asked key decide the answer. No key and no value stands in two pairs. While learning, keys
    are drawn to be asked for again and again, so that no value can be ruled out as given already.

    pairs : of a row. keys, values : how many there are to draw from.
    """

    name: ClassVar[str] = "recall"

    pairs: int = 6
    keys: int = 16
    values: int = 16

    @property
    def tokens(self) -> tuple[str, ...]:
        return (MASK, *LETTERS[: self.keys], *self.answers, SEPARATOR)

    @property
    def answers(self) -> tuple[str, ...]:
        return COLOURS[: self.values]

    def sequences(self, n: int, level: int, random: np.random.Generator) -> Sequences:
        known = self._pairs(n, level, random)
        queried = random.integers(0, level, (n, self.pairs))
        asking = np.take_along_axis(known, queried[..., None], axis=1)
        ids = np.concatenate([*self._before(known), asking.reshape(n, -1)], axis=1)
        answers = np.zeros(ids.shape, dtype=bool)
        answers[:, 2 * level + 2 :: 2] = True
        return Sequences(ids, answers)

    def rows(self, n: int, random: np.random.Generator) -> AnswerRows:
        known = self._pairs(n, self.pairs, random)
        queried = random.integers(0, self.pairs, n)
        key, value = known[np.arange(n), queried].T
        values = np.concatenate([*self._before(known), key[:, None]], axis=1).astype(np.float64)
        truth = np.zeros(values.shape, dtype=bool)
        truth[np.arange(n), 2 * queried] = truth[np.arange(n), 2 * queried + 1] = True
        truth[:, -1] = True
        return AnswerRows(values, value - 1 - self.keys, truth)

    def _pairs(self, n: int, pairs: int, random: np.random.Generator) -> Ints:
        """(n, pairs, 2) a key and its value, as tokens."""
        keys = 1 + random_orders(self.keys, n, random)[:, :pairs]
        values = 1 + self.keys + random_orders(self.values, n, random)[:, :pairs]
        return np.stack([keys, values], axis=2)

    def _before(self, known: Ints) -> tuple[Ints, Ints]:
        """The pairs in a row, and the separator behind them."""
        n = len(known)
        return known.reshape(n, -1), np.full((n, 1), len(self.tokens) - 1)


@dataclass(frozen=True)
class Brackets(_OfPairs):
    """Nested brackets of several kinds, of which the next one that closes is asked for.

    It is of the kind of the innermost bracket that is still open, which decides the answer. Rows
    are cut where something stands between the two, so that repeating the last token is no answer.

    pairs : brackets that a row would hold if it were closed. kinds : how many there are.
    """

    name: ClassVar[str] = "brackets"

    pairs: int = 8
    kinds: int = 6

    @property
    def tokens(self) -> tuple[str, ...]:
        return (MASK, *(pair[0] for pair in BRACKETS[: self.kinds]), *self.answers)

    @property
    def answers(self) -> tuple[str, ...]:
        return tuple(pair[1] for pair in BRACKETS[: self.kinds])

    def sequences(self, n: int, level: int, random: np.random.Generator) -> Sequences:
        ids, _ = self._nested(n, level, random)
        return Sequences(ids, ids > self.kinds)

    def rows(self, n: int, random: np.random.Generator) -> AnswerRows:
        ids, opened = self._nested(n, self.pairs, random)
        places = np.arange(ids.shape[1])
        far = (ids > self.kinds) & (places - opened > 1)
        drawn = np.where(far, random.random(ids.shape), -1.0).argmax(axis=1)
        here = np.arange(n)
        values = np.where(places < drawn[:, None], ids, np.nan)[:, : ids.shape[1] - 1]
        truth = np.zeros(values.shape, dtype=bool)
        truth[here, opened[here, drawn]] = True
        return AnswerRows(values, ids[here, drawn] - 1 - self.kinds, truth)

    def _nested(self, n: int, pairs: int, random: np.random.Generator) -> tuple[Ints, Ints]:
        """Whole rows (n, place), and for each bracket that closes the place of its other half.

        A row holds one bracket around others at least, so that one of them closes late.
        """
        ids = np.zeros((n, 2 * pairs), dtype=np.int64)
        opened = np.full(ids.shape, -1)
        for row in range(n):
            stack: list[int] = []
            left = pairs
            for place in range(2 * pairs):
                closes = stack and (left == 0 or (place > 1 and random.random() < 0.5))
                if closes:
                    opened[row, place] = start = stack.pop()
                    ids[row, place] = ids[row, start] + self.kinds
                else:
                    stack.append(place)
                    left -= 1
                    ids[row, place] = 1 + random.integers(self.kinds)
        return ids, opened


_TASKS = {task.name: task for task in (Recall, Brackets)}


def to_card(task: TokenTask) -> dict[str, object]:
    """What a data set's card says of the task that its rows are of."""
    return {"name": task.name, **asdict(task)}  # type: ignore[call-overload]


def task_of_card(card: Mapping[str, Any]) -> TokenTask | None:
    """The task that the rows of a data set are of, or None where they are of none."""
    fields = dict(card.get(CARD) or {})
    made = _TASKS.get(str(fields.pop("name", "")))
    return made(**fields) if made else None
