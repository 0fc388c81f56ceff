"""What is said of a batch of new cases, on the terminal, on the board and in the log of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from deepseek_report.artifacts.schema import Schema
from deepseek_report.runner.streaming.drift_watch import DriftRow, outputs
from deepseek_report.runner.streaming.scored_batches import ScoredBatch
from deepseek_report.tasks import task_of
from deepseek_report.wording.words import Wording

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


def records(batch: ScoredBatch, schema: Schema) -> Iterator[dict[str, Any]]:
    """What is kept of every line, in the order of the lines: what was decided, or why not."""
    places = {int(row): place for place, row in enumerate(batch.explained)}
    scored = [
        _record(batch, schema, position, places.get(position))
        for position in range(len(batch.rows))
    ]
    rejected = [{"line": row.line, "rejected": row.problem} for row in batch.rejected]
    yield from sorted([*scored, *rejected], key=lambda record: record["line"])


def _record(
    batch: ScoredBatch, schema: Schema, position: int, explained: int | None
) -> dict[str, Any]:
    p, target = batch.predictions, schema.target
    record: dict[str, Any] = {"line": batch.rows[position].line, "batch": batch.number}
    if p is None:
        return record
    if not task_of(target).decides:
        record["predicted"] = float(p.values[position])
    else:
        shares = p.probabilities[position].tolist()
        record["decided"] = target.classes[int(p.decisions[position])]
        record["probabilities"] = dict(zip(target.classes, shares, strict=True))
    if explained is not None:
        values = np.nan_to_num(batch.attributions[explained]).tolist()
        record["attributions"] = dict(zip(schema.player_labels, values, strict=True))
    return record
