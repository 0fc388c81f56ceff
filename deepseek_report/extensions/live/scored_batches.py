"""Lines of new cases, scored, explained and compared with the run, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.schema import Schema
from deepseek_report.data_kinds import kind_of
from deepseek_report.datasets.checks.new_rows import StrangeValue
from deepseek_report.datasets.readers.file_form import Decimal
from deepseek_report.extensions.live.drift_watch import DriftRow, DriftWatch, outputs
from deepseek_report.extensions.live.incoming_rows import ReadRow, RejectedRow, RowReader
from deepseek_report.runner.execution.given_rows import ModelRequest, StoredModel
from deepseek_report.tasks import task_of
from deepseek_report.wording.words import Wording

#: Which cases of a batch are explained: so many at random, all, or those decided otherwise than for
#: the favourable class.
Explained = int | Literal["all", "refused"]


@dataclass(frozen=True, kw_only=True)
class StreamRequest(ModelRequest):
    """What is asked of a stream.

    explain : which cases of a batch; of a number each case is as likely as any other. replays :
    whether the cases are the run's own test part, so that their scores and reasons are compared
    with those of the validation part alone. size : lines of a batch. where : names the stream in
    errors. decimal : the sign before decimals, where it is declared.
    """

    explain: Explained
    replays: bool
    size: int
    where: str
    decimal: Decimal | None


@dataclass(frozen=True)
class ScoredBatch:
    """A batch of lines.

    schema : of the stream. number : from 1. rows : the cases. rejected : the lines that are none.
    predictions : of the rows; None where there is none. explained : (case,) positions within the
    rows, ascending.
    attributions : (case, player) to the explained output, of more than two classes to the class
    that was decided. drift : every watched quantity after this batch. marks : (case,) the values of
    each that no training row has.
    """

    schema: Schema
    number: int
    rows: Sequence[ReadRow]
    rejected: Sequence[RejectedRow]
    predictions: Predictions | None = None
    explained: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    attributions: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    drift: Sequence[DriftRow] = ()
    marks: Sequence[Sequence[StrangeValue]] = ()

    @property
    def marked(self) -> dict[int, Sequence[StrangeValue]]:
        """{line: its marks} of the cases that have some."""
        pairs = zip(self.rows, self.marks, strict=True)
        return {row.line: marks for row, marks in pairs if marks}

    @property
    def fresh(self) -> list[DriftRow]:
        """What is found to have drifted with this very batch."""
        return [row for row in self.drift if row.verdict.since == self.number]


@dataclass
class CaseStream:
    """Lines as they come, scored by the stored model of a run, a batch at a time.

    schema : in the words of the reader. watching : begins to watch for drift, once there is a case:
    the cases of the run are explained again for it. seed : of what is drawn. n_batches : so far;
    n_scored, n_rejected, n_marked : their lines.
    """

    request: StreamRequest
    stored: StoredModel
    schema: Schema
    words: Wording
    watching: Callable[[], DriftWatch]
    seed: int
    n_batches: int = 0
    n_scored: int = 0
    n_rejected: int = 0
    n_marked: int = 0
    reader: RowReader | None = None
    _line: int = 0
    _rows: list[ReadRow] = field(default_factory=list, repr=False)
    _rejected: list[RejectedRow] = field(default_factory=list, repr=False)

    @cached_property
    def watch(self) -> DriftWatch:
        """Of drift, all batches together."""
        return self.watching()

    def feed(self, line: bytes) -> ScoredBatch | None:
        """Take a line; the batch that it completes. The first line is the header.

        Raises DataError: the header is not that of this model.
        """
        self._line += 1
        if self.reader is None:
            where, decimal = self.request.where, self.request.decimal
            self.reader = RowReader.of(line, self.stored.seen, where, decimal)
        elif line.strip():
            row = self.reader.read(line, self._line)
            if isinstance(row, ReadRow):
                self._rows.append(row)
            else:
                self._rejected.append(row)
        return self.finish() if len(self._rows) + len(self._rejected) >= self.request.size else None

    def restart(self) -> ScoredBatch | None:
        """The stream begins anew, with a header; what was there before is scored."""
        batch = self.finish()
        self.reader, self._line = None, 0
        return batch

    def finish(self) -> ScoredBatch | None:
        """Score what is there, also if it is less than a batch."""
        if not self._rows and not self._rejected:
            return None
        rows, rejected = self._rows, self._rejected
        self._rows, self._rejected = [], []
        self.n_batches += 1
        batch = self._scored(rows, rejected)
        self.n_scored += len(rows)
        self.n_rejected += len(rejected)
        self.n_marked += len(batch.marked)
        return batch

    def _scored(self, rows: list[ReadRow], rejected: list[RejectedRow]) -> ScoredBatch:
        number, schema, explain = self.n_batches, self.schema, self.request.explain
        if not rows:
            return ScoredBatch(schema, number, rows, rejected)
        inputs = np.array([row.cells for row in rows])
        predictions = self.stored.predictions_of(inputs)
        chosen = to_explain(predictions, schema, explain)
        if not isinstance(explain, str) and explain < len(chosen):
            rng = np.random.default_rng([self.seed, number])
            chosen = np.sort(rng.choice(chosen, explain, replace=False))
        attributions = attributions_of(self.stored, schema, inputs, predictions, chosen)
        watched = attributions if explain else None
        drift = self.watch.take(schema, inputs, predictions, number, watched)
        marks = self.stored.seen.strange(inputs)
        found = predictions, chosen, attributions, drift, marks
        return ScoredBatch(schema, number, rows, rejected, *found)


def to_explain(predictions: Predictions, schema: Schema, explain: Explained) -> Ints:
    """(case,) positions of those of which some or all are explained, ascending."""
    if explain == "refused":
        refused = predictions.decisions != schema.target.declared_favourable
        return np.flatnonzero(refused).astype(np.int64)
    return np.arange(len(predictions.decisions), dtype=np.int64)


def attributions_of(
    stored: StoredModel, schema: Schema, inputs: Floats, predictions: Predictions, chosen: Ints
) -> Floats:
    """(chosen case, player) attributions, of more than two classes to the one that was decided."""
    if not len(chosen):
        return np.zeros((0, len(schema.player_labels)))
    rows = inputs[chosen]
    explanation = stored.explanation_of(rows, predictions.take(chosen))
    values = explanation.values.copy()
    if explanation.decided is not None:
        values[explanation.decided.places] = explanation.decided.values[:, 0]
    return kind_of(schema).by_player(values, rows)


# What is said of a batch of new cases, on the terminal, on the board and in the log of rows.

#: Drifted quantities that a line names.
_NAMED = 3


def batch_line(batch: ScoredBatch, words: Wording) -> str:
    """A batch in one line: what came, what was decided, what has drifted."""
    lines = [row.line for row in batch.rows] + [row.line for row in batch.rejected]
    return words.text(
        "board.stream.line",
        number=batch.number,
        first=min(lines),
        last=max(lines),
        scored=len(batch.rows),
        rejected=len(batch.rejected),
        marked=len(batch.marked),
        decided=[
            words.text("board.stream.decided", n=n, name=name) for name, n in decided(batch).items()
        ],
        output=_mean_output(batch, words),
        drift=drift_line(batch, words),
    )


def drift_line(batch: ScoredBatch, words: Wording) -> str:
    """What has drifted so far, the earliest first."""
    if not batch.drift:
        return words.text("board.stream.drift_not_asked")
    drifted = [row for row in batch.drift if row.verdict.drifted]
    if not drifted:
        return words.text("board.stream.drift_none")
    drifted.sort(key=lambda row: row.verdict.since or 0)
    rows = [{"label": words.say(row.label), "since": row.verdict.since} for row in drifted[:_NAMED]]
    return words.text("board.stream.drift", rows=rows, more=max(len(drifted) - _NAMED, 0))


def fresh_lines(batch: ScoredBatch, words: Wording) -> list[str]:
    """A sentence on each quantity that is found to have drifted with this batch.

    Of attributions it says where no drift is shown in the values of their feature.
    """
    inputs = {row.key: row.verdict.drifted for row in batch.drift if row.role == "input"}
    return [
        words.text(
            "board.stream.fresh",
            label=words.say(row.label),
            change=words.say(row.change),
            p=row.verdict.p_adjusted,
            tests=len(batch.drift),
            alone=row.role == "reason" and inputs.get(row.key) is False,
        )
        for row in batch.fresh
    ]


def decided(batch: ScoredBatch) -> dict[str, int]:
    """{class: how many of the batch are decided for it}; empty where nothing is decided."""
    target = batch.schema.target
    if batch.predictions is None or not task_of(target).decides:
        return {}
    counts = np.bincount(batch.predictions.decisions, minlength=len(target.classes))
    return dict(zip(target.classes, counts.tolist(), strict=True))


def _mean_output(batch: ScoredBatch, words: Wording) -> str:
    """Of two classes the mean probability of the explained one, of numbers their mean."""
    if batch.predictions is None:
        return ""
    stated = outputs(batch.predictions, batch.schema.target)
    if len(stated) != 1:
        return ""
    mean = float(stated[0].values.mean())
    number = not task_of(batch.schema.target).decides
    value = words.numbers.number(mean) if number else words.numbers.percent(mean)
    return words.text("board.stream.mean", label=words.say(stated[0].label), value=value)


def drift_cells(row: DriftRow, words: Wording) -> list[str]:
    """The cells of a quantity in the table of drift."""
    verdict = row.verdict
    worded = (
        words.text("board.stream.verdict_drift", since=verdict.since)
        if verdict.drifted
        else words.text("board.stream.verdict_none")
    )
    return [
        words.say(row.label),
        worded,
        words.numbers.p_value(verdict.p_adjusted),
        words.say(row.change),
        words.numbers.number(row.index),
        words.numbers.number(row.chance),
        words.numbers.count(row.outside),
        words.numbers.count(row.missing),
    ]


def records(batch: ScoredBatch) -> Iterator[dict[str, object]]:
    """What is kept of every line, in the order of the lines: what was decided, or why not."""
    schema, target, p = batch.schema, batch.schema.target, batch.predictions
    explained = dict(zip(batch.explained.tolist(), batch.attributions, strict=True))
    lines: dict[int, dict[str, object]] = {
        row.line: {"rejected": row.problem} for row in batch.rejected
    }
    for at, row in enumerate(batch.rows):
        if p is None:  # of no row
            break
        record = lines[row.line] = {"batch": batch.number}
        if task_of(target).decides:
            record["decided"] = target.classes[int(p.decisions[at])]
            shares = p.probabilities[at].tolist()
            record["probabilities"] = dict(zip(target.classes, shares, strict=True))
        else:
            record["predicted"] = float(p.values[at])
        if marks := batch.marks[at]:
            record["marks"] = {mark.name: mark.kind for mark in marks}
        if at in explained:
            values = np.nan_to_num(explained[at]).tolist()
            record["attributions"] = dict(zip(schema.player_labels, values, strict=True))
    for line in sorted(lines):
        yield {"line": line, **lines[line]}
