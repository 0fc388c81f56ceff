"""A stream of new cases on TensorBoard: scores, decisions, importance and drift of each batch."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.extensions.live.board import Board, markdown_table, plain_text
from deepseek_report.extensions.live.drift_watch import outputs
from deepseek_report.extensions.live.scored_batches import (
    CaseStream,
    ScoredBatch,
    batch_line,
    decided,
    drift_cells,
    fresh_lines,
)
from deepseek_report.findings.severity import SIGNIFICANT

#: Folder of the events below that of the board.
STREAM = "stream"
#: Quantities of drift that a picture shows, and rejected lines that are told in full.
_MOST_DRIFT, _MOST_REJECTED = 16, 10
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

    def __init__(self, folder: Path, stream: CaseStream) -> None:
        super().__init__(folder, STREAM)
        self.stream, self.words = stream, stream.words
        self.writer.add_custom_scalars(_LAYOUT)
        self._passed_over: ScoredBatch | None = None

    def show(self, batch: ScoredBatch) -> None:
        """Put the last batch of the stream on the board, if it is one of those shown."""
        doublings = max((batch.number - 1) // _EACH, 0).bit_length()
        if batch.fresh or batch.number % (1 << doublings) == 0:
            self._passed_over = None
            self._show(batch)
        else:
            self._passed_over = batch

    def _show(self, batch: ScoredBatch) -> None:
        step, words, stream = batch.number, self.words, self.stream
        status = words.text(
            "board.stream.status",
            scored=stream.n_scored,
            rejected=stream.n_rejected,
            lines=stream.n_scored + stream.n_rejected,
            line=batch_line(batch, words),
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
            self._show(self._passed_over)
        super().close()

    def _show_scores(self, batch: ScoredBatch, predictions: Predictions) -> None:
        step = batch.number
        for quantity in outputs(predictions, batch.schema.target):
            label = self.words.say(quantity.label)
            self.writer.add_histogram(f"scores/{label}", quantity.values, step)
            self.writer.add_scalar(f"mean/{label}", quantity.values.mean(), step)
        for name, n in decided(batch).items():
            self.writer.add_scalar(f"decided/{name}", n / len(batch.rows), step)

    def _show_drift(self, batch: ScoredBatch) -> None:
        step = batch.number
        self.writer.add_scalar("drift_evidence/found from here on", -math.log10(SIGNIFICANT), step)
        for row in batch.drift:
            label = self.words.say(row.label)
            evidence = abs(math.log10(max(row.verdict.p_adjusted, _LEAST_P)))
            self.writer.add_scalar(f"drift_evidence/{label}", evidence, step)
            self.writer.add_scalar(f"drift_size/{label}", row.index, step)
        # what drifted first, then by how sure and how large it is
        ordered = sorted(batch.drift, key=lambda row: row.verdict.p_adjusted - row.index / 1e6)
        ordered.sort(key=lambda row: row.verdict.since or math.inf)
        heads = list(self.words.table("board.stream.drift_heads").values())
        table = markdown_table(heads, [drift_cells(row, self.words) for row in ordered])
        note = self.words.text("board.stream.drift_note", tests=len(batch.drift))
        fresh = [plain_text(line) for line in fresh_lines(batch, self.words)]
        self.writer.add_text("drift/table", "\n\n".join([*fresh, table, plain_text(note)]), step)
        bars = [(self.words.say(row.label), row.index) for row in ordered[:_MOST_DRIFT]]
        self.add_bars("drift/size of the change, PSI", bars, self.words, step)

    def _show_importance(self, batch: ScoredBatch) -> None:
        if not len(batch.explained):
            return
        caption = self.words.text(
            "board.stream.explained",
            n=len(batch.explained),
            refused=self.stream.request.explain == "refused",
            sampled=len(batch.explained) < len(batch.rows),
            explainer=self.words.explainer(self.stream.stored.explainer),
        )
        sizes = np.nan_to_num(np.abs(batch.attributions)).mean(axis=0).tolist()
        labels = map(self.words.name, batch.schema.player_labels)
        found = list(zip(labels, sizes, strict=True))
        name, step = "explanations/strongest", batch.number
        for label, size in self.add_strongest(name, found, caption, self.words, step):
            self.writer.add_scalar(f"importance/{label}", size, step)

    def _show_rejected(self, batch: ScoredBatch) -> None:
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
        problems = [row.problem for row in batch.rejected[:_MOST_REJECTED]]
        if more := len(batch.rejected) - len(problems):
            problems.append(self.words.text("board.stream.rejected_more", more=more))
        told = "\n".join(f"- {plain_text(line)}" for line in problems)
        none = plain_text(self.words.text("board.stream.rejected_none"))
        self.writer.add_text("stream/rejected lines", told or none, step)
