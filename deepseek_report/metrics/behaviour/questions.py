"""What an expert should be asked of the effect of an ordered feature: turns, jumps, bare ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.schema import Feature
from deepseek_report.metrics.behaviour.expected import LevelAnswers
from deepseek_report.statistics.resampling import Resampling

#: A turn is told from this movement on, as a probability or in standard deviations of the labels,
#: from this share of the whole effect of the feature on, and where at most this share of the
#: training rows lies: elsewhere the data have taught it.
_LEAST_TURN, _TURN_SHARE, _RARE = 0.05, 0.25, 0.05
#: An effect below this has no direction that could turn.
_LEAST_EFFECT = 0.1
#: The same of a jump, which must keep this share of its size while its place is halved so often,
#: and this share of the training rows must lie around it.
_LEAST_JUMP, _JUMP_SHARE, _KEPT, _HALVINGS, _AROUND = 0.1, 0.5, 0.8, 5, 0.01
#: A number has a jump only where it has more levels than this.
_FEWEST_LEVELS = 8
#: From fewer training rows or entities on, of whose share, the end of a range has little support;
#: the movement of the answer there that is told.
_FEWEST_ROWS, _FEWEST_SHARE, _LEAST_TAIL = 30, 0.001, 0.05

Kind = Literal["turn", "jump", "tail"]


@dataclass(frozen=True)
class Question:
    """One movement of the mean answer along a feature that an expert should look at.

    start, end : values between which the answer moves. moved : by how much, with its interval over
    the rows. n : training rows that have such values: those beyond a turn, within a gap, or at the
    end of the range. observed : what was observed in them, the share of the explained class
    or the mean number; beside : in those at the turn. borne_out : whether the data turn as well.
    """

    kind: Kind
    column: int
    start: float
    end: float
    moved: Estimate
    n: int
    observed: Estimate
    beside: Estimate
    borne_out: bool


@dataclass(frozen=True)
class FeatureCurve:
    """The answers along one ordered feature, and the training rows that have such values.

    outputs : (row, level) of the explained class, or the number. own : (training row,) values of
    the feature. outcomes : (training row,) whether the explained class happened, or the number.
    scale : what a movement is measured in: 1 of a probability, the standard deviation of a number.
    tested, trained : which of the asked test rows, and of the training rows, are of one entity.
    """

    feature: Feature
    column: int
    levels: Floats
    support: Ints
    outputs: Floats
    own: Floats
    outcomes: Floats
    scale: float
    tested: Resampling
    trained: Resampling

    @property
    def mean(self) -> Floats:
        """(level,)"""
        return np.asarray(self.outputs.mean(axis=0))

    @property
    def spread(self) -> float:
        return float(np.ptp(self.mean))

    @property
    def direction(self) -> float:
        """1 where the answer rises on the whole over the values that rows have, else −1."""
        weights = self.support / max(self.support.sum(), 1)
        places = np.cumsum(weights) - weights / 2
        centred = places - (weights * places).sum()
        return 1.0 if float((weights * centred * self.mean).sum()) >= 0 else -1.0

    def questions(self, answers: LevelAnswers, target: int) -> Iterator[Question]:
        """All of them; the model is asked again where a jump may be."""
        if len(self.levels) < 3 or self.spread == 0:
            return
        if (turn := self._turn()) is not None:
            yield turn
        if (jump := self._jump(answers, target)) is not None:
            yield jump
        yield from self._tails()

    def _moved(self, first: int, last: int) -> Estimate:
        """By how much the answer moves from one level to another, over the rows."""
        return mean_over_rows(self.outputs[:, last] - self.outputs[:, first], self.tested)

    def answer(self, level: int) -> Estimate:
        """The mean answer at a level."""
        return mean_over_rows(self.outputs[:, level], self.tested)

    def _turn(self) -> Question | None:
        signed = self.direction * self.mean
        falls = np.maximum.accumulate(signed) - signed
        low = int(falls.argmax())
        high = int(signed[: low + 1].argmax())
        moved = self._moved(high, low)
        surely = -self.direction * moved.value
        least = max(_LEAST_TURN * self.scale, _TURN_SHARE * self.spread)
        away = moved.high if self.direction > 0 else moved.low
        sure = away is not None and -self.direction * float(away) > 0
        if surely < least or not sure or self.spread < _LEAST_EFFECT * self.scale:
            return None
        above = self.own > self.levels[high]
        below = self.own < self.levels[low]
        rare, place = (above, high) if above.sum() <= below.sum() else (below, low)
        if rare.sum() > _RARE * (~np.isnan(self.own)).sum():
            return None
        edges = (self.levels[1:] + self.levels[:-1]) / 2
        at = np.searchsorted(edges, self.own) == place
        at &= ~np.isnan(self.own) & ~rare
        observed, beside = self._observed(rare), self._observed(at)
        rises = self.direction > 0
        wanted = -1.0 if (rises == (place == high)) else 1.0
        return Question(
            "turn",
            self.column,
            float(self.levels[high]),
            float(self.levels[low]),
            moved,
            int(rare.sum()),
            observed,
            beside,
            _apart(observed, beside, wanted),
        )

    def _jump(self, answers: LevelAnswers, target: int) -> Question | None:
        """The largest step of a number that stays as large where its place is narrowed down."""
        if not self.feature.is_numeric or len(self.levels) <= _FEWEST_LEVELS:
            return None
        steps = np.abs(np.diff(self.mean))
        at = int(steps.argmax())
        if steps[at] < max(_LEAST_JUMP * self.scale, _JUMP_SHARE * self.spread):
            return None
        ends, outputs = (
            [self.levels[at], self.levels[at + 1]],
            [self.outputs[:, at], self.outputs[:, at + 1]],
        )
        for _ in range(_HALVINGS):
            middle = float(np.mean(ends))
            own = answers.at(self.column, np.array([middle]))[:, 0, target]
            left = abs(own.mean() - outputs[0].mean()) >= abs(outputs[1].mean() - own.mean())
            replaced = 1 if left else 0  # the half with the larger step is kept
            ends[replaced], outputs[replaced] = middle, own
        moved = mean_over_rows(outputs[1] - outputs[0], self.tested)
        inside = (self.own >= self.levels[at]) & (self.own <= self.levels[at + 1])
        around = inside.sum() >= _AROUND * (~np.isnan(self.own)).sum()
        if abs(moved.value) < _KEPT * steps[at] or not around:
            return None
        low, high = (
            (self.own >= self.levels[at]) & (self.own <= ends[0]),
            inside & (self.own >= ends[1]),
        )
        observed, beside = self._observed(high), self._observed(low)
        return Question(
            "jump",
            self.column,
            float(ends[0]),
            float(ends[1]),
            moved,
            int(inside.sum()),
            observed,
            beside,
            _apart(observed, beside, float(np.sign(moved.value))),
        )

    def _tails(self) -> Iterator[Question]:
        """Ends of the range where hardly a row or an entity lies and the answer still moves."""
        count = self.trained.occurring
        fewest = max(_FEWEST_ROWS, _FEWEST_SHARE * count(~np.isnan(self.own)))
        beyond = np.array([count(self.own >= level) for level in self.levels])
        below = np.array([count(self.own <= level) for level in self.levels])
        for counts, order in ((beyond, 1), (below, -1)):
            bare = np.flatnonzero(counts < fewest)[::order]
            if not len(bare) or len(bare) == len(self.levels):
                continue
            last = int(bare[0]) - order
            farthest = int(bare[np.abs(self.mean[bare] - self.mean[last]).argmax()])
            moved = self._moved(last, farthest)
            if abs(moved.value) < _LEAST_TAIL * self.scale:
                continue
            outside = self.own > self.levels[last] if order > 0 else self.own < self.levels[last]
            observed = self._observed(outside)
            beside = self._observed(self.own == self.levels[last])
            yield Question(
                "tail",
                self.column,
                float(self.levels[last]),
                float(self.levels[farthest]),
                moved,
                int(outside.sum()),
                observed,
                beside,
                _apart(observed, beside, float(np.sign(moved.value))),
            )

    def _observed(self, rows: Bools) -> Estimate:
        outcomes, drawn = self.outcomes[rows], self.trained.take(rows)
        if self.scale == 1.0 and set(np.unique(outcomes)) <= {0.0, 1.0}:
            return drawn.rate(outcomes > 0)
        return mean_over_rows(outcomes, drawn)


def mean_over_rows(values: Floats, drawn: Resampling) -> Estimate:
    """The mean of (row,) values with its interval."""
    return drawn.mean(values, message("interval_methods.students_of_mean"))


def _apart(first: Estimate, other: Estimate, sign: float) -> bool:
    """Whether what was observed surely lies on this side of the other."""
    ends = (first.low, first.high, other.low, other.high)
    if any(end is None or not np.isfinite(end) for end in ends):
        return False
    low, high, other_low, other_high = (float(end) for end in ends if end is not None)
    return low > other_high if sign > 0 else high < other_low


def row_of(question: Question, feature: Feature) -> dict[str, Any]:
    """The question as a row of the table, without what depends on the task."""
    return {
        "question": question.kind,
        "feature": feature.name,
        "label": feature.label,
        "from_display": feature.display(question.start),
        "to_display": feature.display(question.end),
        "start": question.start,
        "end": question.end,
        "n": question.n,
        "borne_out": question.borne_out,
    }
