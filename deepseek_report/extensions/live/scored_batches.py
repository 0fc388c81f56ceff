"""Lines of new cases, scored, explained and compared with the run, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from typing import Literal

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.schema import Schema
from deepseek_report.data_kinds import kind_of
from deepseek_report.datasets.checks.new_rows import StrangeValue
from deepseek_report.datasets.readers.file_form import Decimal
from deepseek_report.extensions.live.drift_watch import DriftRow, DriftWatch, outputs
from deepseek_report.extensions.live.incoming_rows import ReadRow, RejectedRow, RowReader
from deepseek_report.runner.execution.given_rows import StoredModel
from deepseek_report.sections.cases import strange_case
from deepseek_report.tasks import task_of
from deepseek_report.wording.words import Wording

#: Which cases of a batch are explained: so many at random, all, or those decided otherwise than for
#: the favourable class.
Explained = int | Literal["all", "refused"]


@dataclass(frozen=True)
class ScoredBatch:
    """A batch of lines.

    number : from 1. rows : the cases. rejected : the lines that are none. predictions : of the
    rows; None where there is none. explained : (case,) positions within the rows, ascending.
    attributions : (case, player) to the explained output, of more than two classes to the class
    that was decided. drift : every watched quantity after this batch. marks : (case,) the values of
    each that no training row has.
    """

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
    def lines(self) -> tuple[int, int]:
        """The first and the last line of the batch."""
        numbers = [row.line for row in self.rows] + [row.line for row in self.rejected]
        return min(numbers), max(numbers)

    @property
    def fresh(self) -> list[DriftRow]:
        """What is found to have drifted with this very batch."""
        return [row for row in self.drift if row.verdict.since == self.number]

    @property
    def drifted(self) -> list[DriftRow]:
        """What has drifted so far, the earliest first."""
        rows = [row for row in self.drift if row.verdict.drifted]
        return sorted(rows, key=lambda row: row.verdict.since or 0)


@dataclass
class Scorer:
    """Scores batches by the stored model of a run.

    schema : in the words of the reader. watching : begins to watch for drift, once there is a case:
    the cases of the run are explained again for it. explain : which cases of a batch are explained;
    of a number each case is as likely as any other. seed : of what is drawn.
    """

    stored: StoredModel
    schema: Schema
    watching: Callable[[], DriftWatch]
    explain: Explained
    seed: int
    n_batches: int = 0

    @cached_property
    def watch(self) -> DriftWatch:
        """Of drift, all batches together."""
        return self.watching()

    def take(self, rows: Sequence[ReadRow], rejected: Sequence[RejectedRow]) -> ScoredBatch:
        """Score, explain and compare the rows of a batch."""
        self.n_batches += 1
        if not rows:
            return ScoredBatch(self.n_batches, rows, rejected)
        inputs = np.array([row.cells for row in rows])
        predictions = self.stored.predictions_of(inputs)
        chosen = self._chosen(predictions)
        attributions = attributions_of(self.stored, self.schema, inputs, predictions, chosen)
        watched = attributions if self.explain else None
        drift = self.watch.take(self.schema, inputs, predictions, self.n_batches, watched)
        marks = self.stored.seen.strange(inputs)
        number = self.n_batches
        return ScoredBatch(number, rows, rejected, predictions, chosen, attributions, drift, marks)

    def _chosen(self, predictions: Predictions) -> Ints:
        """(case,) positions of those to explain, ascending."""
        able = to_explain(predictions, self.schema, self.explain)
        if isinstance(self.explain, str) or self.explain >= len(able):
            return able
        rng = np.random.default_rng([self.seed, self.n_batches])
        return np.sort(rng.choice(able, self.explain, replace=False))


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
    explanation = stored.explanation_of(rows, _of_rows(predictions, chosen))
    return kind_of(schema).by_player(_decided_values(explanation), rows)


def _decided_values(explanation: Explanation) -> Floats:
    """(case, column) to the class that was decided, where there are more than two."""
    if explanation.decided is None:
        return explanation.values
    values = explanation.values.copy()
    values[explanation.decided.places] = explanation.decided.values[:, 0]
    return values


def _of_rows(predictions: Predictions, rows: Ints) -> Predictions:
    """The predictions of some rows, without their groups, which nobody knows."""
    p = predictions
    return Predictions(
        p.logits[rows],
        p.probabilities[rows],
        p.labels[rows],
        p.instance_ids[rows],
        p.decisions[rows],
        p.threshold,
        p.rule,
        p.explained,
    )


@dataclass
class RowStream:
    """Lines as they come; a batch is scored when `size` lines are there.

    where : names the stream in errors. n_scored, n_rejected, n_marked : lines so far.
    """

    scorer: Scorer
    size: int
    where: str
    decimal: Decimal | None = None
    n_scored: int = 0
    n_rejected: int = 0
    n_marked: int = 0
    reader: RowReader | None = None
    _line: int = 0
    _rows: list[ReadRow] = field(default_factory=list, repr=False)
    _rejected: list[RejectedRow] = field(default_factory=list, repr=False)

    def feed(self, line: bytes) -> ScoredBatch | None:
        """Take a line; the batch that it completes. The first line is the header.

        Raises DataError: the header is not that of this model.
        """
        self._line += 1
        if self.reader is None:
            seen = self.scorer.stored.seen
            self.reader = RowReader.of(line, seen, self.where, self.decimal)
        elif line.strip():
            row = self.reader.read(line, self._line)
            if isinstance(row, ReadRow):
                self._rows.append(row)
            else:
                self._rejected.append(row)
        return self.finish() if len(self._rows) + len(self._rejected) >= self.size else None

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
        batch = self.scorer.take(rows, rejected)
        self.n_scored += len(rows)
        self.n_rejected += len(rejected)
        self.n_marked += len(batch.marked)
        return batch


# What is said of a batch of new cases, on the terminal, on the board and in the log of rows.

#: Drifted quantities that a line names.
_NAMED = 3


def batch_line(batch: ScoredBatch, schema: Schema, words: Wording) -> str:
    """A batch in one line: what came, what was decided, what has drifted."""
    first, last = batch.lines
    return words.text(
        "board.stream.line",
        number=batch.number,
        first=first,
        last=last,
        scored=len(batch.rows),
        rejected=len(batch.rejected),
        marked=len(batch.marked),
        decided=[
            words.text("board.stream.decided", n=n, name=name)
            for name, n in decided(batch, schema).items()
        ],
        output=_mean_output(batch, schema, words),
        drift=drift_line(batch, words),
    )


def drift_line(batch: ScoredBatch, words: Wording) -> str:
    """What has drifted so far, the earliest first."""
    if not batch.drift:
        return words.text("board.stream.drift_not_asked")
    drifted = batch.drifted
    if not drifted:
        return words.text("board.stream.drift_none")
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


def mark_lines(batch: ScoredBatch, words: Wording) -> list[str]:
    """A sentence on each line that is marked."""
    return [
        strange_case(words, words.text("board.stream.of_line", n=line), marks)
        for line, marks in batch.marked.items()
    ]


def decided(batch: ScoredBatch, schema: Schema) -> dict[str, int]:
    """{class: how many of the batch are decided for it}; empty where nothing is decided."""
    if batch.predictions is None or not task_of(schema.target).decides:
        return {}
    counts = np.bincount(batch.predictions.decisions, minlength=len(schema.target.classes))
    return dict(zip(schema.target.classes, counts.tolist(), strict=True))


def _mean_output(batch: ScoredBatch, schema: Schema, words: Wording) -> str:
    """Of two classes the mean probability of the explained one, of numbers their mean."""
    if batch.predictions is None:
        return ""
    stated = outputs(batch.predictions, schema.target)
    if len(stated) != 1:
        return ""
    mean = float(stated[0].values.mean())
    number = not task_of(schema.target).decides
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


def importance(batch: ScoredBatch, labels: Sequence[str], most: int) -> list[tuple[str, float]]:
    """The players with the largest mean |attribution| over the explained cases, with it."""
    if not len(batch.explained):
        return []
    sizes = np.nan_to_num(np.abs(batch.attributions)).mean(axis=0)
    order = np.argsort(-sizes, kind="stable")[:most]
    return [(labels[player], float(sizes[player])) for player in order]


def records(batch: ScoredBatch, schema: Schema) -> Iterator[dict[str, object]]:
    """What is kept of every line, in the order of the lines: what was decided, or why not."""
    places = {int(row): place for place, row in enumerate(batch.explained)}
    lines: list[tuple[int, dict[str, object]]] = [
        (row.line, {"batch": batch.number, **dict(_said(batch, schema, at, places.get(at)))})
        for at, row in enumerate(batch.rows)
    ]
    lines += [(row.line, {"rejected": row.problem}) for row in batch.rejected]
    for line, record in sorted(lines, key=itemgetter(0)):
        yield {"line": line, **record}


def _said(
    batch: ScoredBatch, schema: Schema, position: int, explained: int | None
) -> Iterator[tuple[str, object]]:
    p, target = batch.predictions, schema.target
    if p is None:
        return
    if not task_of(target).decides:
        yield "predicted", float(p.values[position])
    else:
        shares = p.probabilities[position].tolist()
        yield "decided", target.classes[int(p.decisions[position])]
        yield "probabilities", dict(zip(target.classes, shares, strict=True))
    if marks := batch.marks[position]:
        yield "marks", {mark.name: mark.kind for mark in marks}
    if explained is not None:
        values = np.nan_to_num(batch.attributions[explained]).tolist()
        yield "attributions", dict(zip(schema.player_labels, values, strict=True))
