"""A stream of new cases on TensorBoard: scores, decisions, importance and drift of each batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.extensions.live import scored_batches
from deepseek_report.extensions.live.board import Board, markdown_table, plain_text
from deepseek_report.extensions.live.drift_watch import DriftRow, outputs
from deepseek_report.findings.severity import SIGNIFICANT
from deepseek_report.wording.words import Wording

if TYPE_CHECKING:
    from deepseek_report.extensions.live.incoming_rows import RejectedRow


#: Folder of the events below that of the board.
STREAM = "stream"
#: Players that a picture shows, quantities of drift, and rejected lines that are told in full.
_MOST, _MOST_DRIFT, _MOST_REJECTED = 12, 16, 10
#: So many batches are shown each on their own, and of later ones half as many with each doubling.
_EACH = 64
#: P-values below this are drawn as this.
_LEAST_P = 1e-6
#: What the tab of custom scalars draws in one chart each.
_LAYOUT: dict[str, dict[str, list[object]]] = {
    "Stream": {
        "evidence of drift, and from where on it is found": ["Multiline", ["drift_evidence/.*"]],
        "share decided for each class": ["Multiline", ["decided/.*"]],
        "mean output": ["Multiline", ["mean/.*"]],
        "lines that are unlike": ["Multiline", ["lines/.*"]],
    }
}


class StreamBoard(Board):
    """Writes event files below `folder`; steps are batches, counted from 1.

    What an earlier stream wrote there is taken away: a board shows one stream. Of a long stream
    the first `_EACH` batches are shown, of later ones every second, then every fourth and so on,
    and besides each in which drift is found and the last one: a board grows ever more slowly.
    """

    def __init__(self, folder: Path, scorer: scored_batches.Scorer, words: Wording) -> None:
        super().__init__(folder, STREAM)
        self.schema, self.words = scorer.schema, words
        self.explainer, self._explain = scorer.stored.explainer, scorer.explain
        self.writer.add_custom_scalars(_LAYOUT)
        self._passed_over: tuple[scored_batches.ScoredBatch, scored_batches.RowStream] | None = None

    def show(self, batch: scored_batches.ScoredBatch, stream: scored_batches.RowStream) -> None:
        """Put a batch on the board, if it is one of those shown; stream : as it is after it."""
        if batch.fresh or is_shown(batch.number):
            self._passed_over = None
            self._show(batch, stream)
        else:
            self._passed_over = batch, stream

    def _show(self, batch: scored_batches.ScoredBatch, stream: scored_batches.RowStream) -> None:
        step, words = batch.number, self.words
        status = words.text(
            "board.stream.status",
            scored=stream.n_scored,
            rejected=stream.n_rejected,
            lines=stream.n_scored + stream.n_rejected,
            line=scored_batches.batch_line(batch, self.schema, words),
        )
        self.writer.add_text("stream/status", plain_text(status), step)
        self._show_rejected(batch)
        if batch.predictions is not None:
            self._show_scores(batch, batch.predictions)
            self._show_drift(batch)
            self._show_importance(batch)
        self.writer.flush()

    def close(self) -> None:
        """Show the last batch, and end."""
        if self._passed_over is not None:
            self._show(*self._passed_over)
        super().close()

    def _show_scores(self, batch: scored_batches.ScoredBatch, predictions: Predictions) -> None:
        step = batch.number
        for quantity in outputs(predictions, self.schema.target):
            label = self.words.say(quantity.label)
            self.writer.add_histogram(f"scores/{label}", quantity.values, step)
            self.writer.add_scalar(f"mean/{label}", quantity.values.mean(), step)
        for name, n in scored_batches.decided(batch, self.schema).items():
            self.writer.add_scalar(f"decided/{name}", n / len(batch.rows), step)

    def _show_drift(self, batch: scored_batches.ScoredBatch) -> None:
        step = batch.number
        self.writer.add_scalar("drift_evidence/found from here on", -math.log10(SIGNIFICANT), step)
        for row in batch.drift:
            label = self.words.say(row.label)
            evidence = abs(math.log10(max(row.verdict.p_adjusted, _LEAST_P)))
            self.writer.add_scalar(f"drift_evidence/{label}", evidence, step)
            self.writer.add_scalar(f"drift_size/{label}", row.index, step)
        ordered = sorted(batch.drift, key=_by_verdict)
        heads = list(self.words.table("board.stream.drift_heads").values())
        table = markdown_table(
            heads, [scored_batches.drift_cells(row, self.words) for row in ordered]
        )
        note = self.words.text("board.stream.drift_note", tests=len(batch.drift))
        fresh = [plain_text(line) for line in scored_batches.fresh_lines(batch, self.words)]
        self.writer.add_text("drift/table", "\n\n".join([*fresh, table, plain_text(note)]), step)
        bars = [(self.words.say(row.label), row.index) for row in ordered[:_MOST_DRIFT]]
        self.add_bars("drift/size of the change, PSI", bars, self.words, step)

    def _show_importance(self, batch: scored_batches.ScoredBatch) -> None:
        labels = [self.words.name(label) for label in self.schema.player_labels]
        strongest = scored_batches.importance(batch, labels, _MOST)
        if not strongest:
            return
        for label, size in strongest:
            self.writer.add_scalar(f"importance/{label}", size, batch.number)
        caption = self.words.text(
            "board.stream.explained",
            n=len(batch.explained),
            refused=self._explain == "refused",
            sampled=len(batch.explained) < len(batch.rows),
            explainer=self.words.explainer(self.explainer),
        )
        self.add_bars("explanations/strongest", strongest, self.words, batch.number)
        self.writer.add_text("explanations/strongest", plain_text(caption), batch.number)

    def _show_rejected(self, batch: scored_batches.ScoredBatch) -> None:
        step, cases = batch.number, max(len(batch.rows), 1)
        unknown = sum(row.unknown_category for row in batch.rejected)
        self.writer.add_scalar("lines/rejected", len(batch.rejected), step)
        self.writer.add_scalar("lines/rejected for an unknown category", unknown, step)
        self.writer.add_scalar("lines/marked", len(batch.marked), step)
        inputs = [row for row in batch.drift if row.role == "input"]
        for name, counts in (
            ("values outside of the training part, a case", [row.outside for row in inputs]),
            ("missing values, a case", [row.missing for row in inputs]),
        ):
            self.writer.add_scalar(f"lines/{name}", sum(counts) / cases, step)
        self.writer.add_text("stream/rejected lines", self._rejected(batch.rejected), step)

    def _rejected(self, rejected: Sequence[RejectedRow]) -> str:
        if not rejected:
            return plain_text(self.words.text("board.stream.rejected_none"))
        lines = [plain_text(row.problem) for row in rejected[:_MOST_REJECTED]]
        if more := len(rejected) - len(lines):
            lines.append(plain_text(self.words.text("board.stream.rejected_more", more=more)))
        return "\n".join(f"- {line}" for line in lines)


def is_shown(number: int) -> bool:
    """Whether the batch of that number, from 1, is one that every board shows."""
    doublings = max((number - 1) // _EACH, 0).bit_length()
    return number % (1 << doublings) == 0


def _by_verdict(row: DriftRow) -> tuple[float, float]:
    """What drifted first, then by how sure and how large it is."""
    return row.verdict.since or math.inf, row.verdict.p_adjusted - row.index / 1e6
