"""What a run has so far, written for TensorBoard: training, explanations, promises, findings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage.plain_files import append, files_in, read_from
from deepseek_report.data_kinds import kind_of
from deepseek_report.extensions.live.board import Board, markdown_table, plain_text
from deepseek_report.findings.conclude import conclusions_of
from deepseek_report.findings.records import is_share, promise_name
from deepseek_report.findings.thresholds import judge
from deepseek_report.runner.execution.computing import StageOutcome, kept_outcome
from deepseek_report.runner.execution.stages import artifact_paths
from deepseek_report.runner.planning.plan import CONCLUSIONS, Stage
from deepseek_report.store import Store
from deepseek_report.store.run_folder import EVENTS
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

#: Bytes of a file of events that are copied at one look; the next look goes on from there.
_MOST_AT_ONCE = 2**26
#: The board's folders: what the training writes itself, and what is made of finished stages.
TRAINING, RUN = "training", "run"


class LiveBoard(Board):
    """Writes event files below `folder`, those of the training beside those of the run.

    What was there before is taken away: a board shows one run.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, RUN, TRAINING)
        self._copied: dict[str, int] = {}
        self._promises = ""

    def mirror(self, events: Iterable[Path]) -> None:
        """Append what the training has written since the last look.

        The files are copied, since a finished stage is moved while TensorBoard reads.
        """
        for path in events:
            start = self._copied.get(path.name, 0)
            try:
                fresh = read_from(path, start, _MOST_AT_ONCE)
            except FileNotFoundError:  # the stage was moved into place just now
                continue
            append(self.folder / TRAINING / path.name, fresh)
            self._copied[path.name] = start + len(fresh)

    def show(self, run: FollowedRun, fresh: Sequence[str]) -> None:
        """Put on the board what the stages that were finished just now have to show."""
        if not fresh or "data" not in run.finished:
            return
        results, step = run.results, len(run.outcomes)
        words = words_of(results)
        self.writer.add_scalar("run/finished stages", step, step)
        done = words.text("board.progress", done=step, all=len(run.stages))
        self.writer.add_text("run/progress", plain_text(done), step)
        if (promised := promises(results, words)) != self._promises:
            self.writer.add_text("run/promises", promised, step)
            self._promises = promised
        for stage in map(ArtifactId, fresh):
            if stage not in run.finished:
                continue
            if stage.kind == "explanations":
                self._show_explanation(results, words, stage.name, step)
            elif stage.kind == "conclusions":
                self._show_findings(results, words, step)
        self.writer.flush()

    def _show_explanation(self, results: Results, words: Wording, name: str, step: int) -> None:
        """The largest attributions over all cases, where columns have names; else of the first one,
        which only `full` privacy shows.
        """
        kind = kind_of(results.schema)
        if not (results.privacy.is_full or kind.named_columns):
            return
        explanation = Explanation.load(results.paths[ArtifactId.explanation(name)])
        explainer, n = words.explainer(name), len(explanation)
        by_player = kind.by_player(explanation.values, explanation.inputs)
        if kind.named_columns:
            sizes = np.abs(by_player).mean(0)
            caption = words.text("board.explanation.mean", n=n, explainer=explainer)
            labels = list(map(words.name, kind.player_names))
        else:
            row, sizes = explanation.inputs[0], by_player[0]
            shown = plain_text(kind.display_row(row))
            caption = words.text("board.explanation.case", text=shown, explainer=explainer)
            labels = [f"{part}: {kind.display(row, k)}" for k, part in enumerate(kind.player_names)]
        attributions = list(zip(labels, np.nan_to_num(sizes).tolist(), strict=True))
        label = words.label("explainers", name)
        self.add_strongest(f"explanations/{label}", attributions, caption, words, step)

    def _show_findings(self, results: Results, words: Wording, step: int) -> None:
        for place, finding in enumerate(conclusions_of(results).findings, start=1):
            worded = words.finding(finding)
            text = words.text(
                "board.finding",
                severity=worded.severity_label,
                claim=plain_text(worded.claim),
                detail=plain_text(worded.detail),
            )
            self.writer.add_text(f"findings/{place:02d}", text, step)


def promises(results: Results, words: Wording) -> str:
    """The thresholds of the config as a Markdown table, each with its verdict so far."""
    verdicts = judge(results)
    if not verdicts:
        return plain_text(words.text("board.promises.none"))
    rows = []
    for verdict in verdicts:
        share = is_share(verdict)
        write = words.numbers.share if share else words.numbers.value
        bound = words.numbers.declared(verdict.bound, as_percent=share)
        side = "board.promises.at_least" if verdict.side == "at_least" else "board.promises.at_most"
        rows.append(
            [
                promise_name(results, verdict),
                words.text(side, bound=bound),
                write(verdict.measured) if verdict.value is not None else "–",
                words.label("outcomes", verdict.outcome),
            ]
        )
    return markdown_table(list(words.table("board.promises.heads").values()), rows)


# Which stages of a plan are finished, read from the store alone: the run itself is not asked.


@dataclass
class FollowedRun:
    """A planned run, seen from outside.

    stages : the whole plan. config : the resolved config, for what is judged by it.
    outcomes : {stage: what became of it} as of the last look, in the order in which they were seen.
    """

    stages: Sequence[Stage]
    store: Store
    config: Mapping[str, Any]
    outcomes: dict[str, StageOutcome] = field(default_factory=dict)

    def look(self) -> list[str]:
        """The stages that were finished since the last look, in the order of the plan."""
        fresh = []
        for stage in self.stages:
            folder = None if stage.id in self.outcomes else stage.folder(self.store)
            if folder is not None:
                self.outcomes[stage.id] = kept_outcome(self.store, stage, folder)
                fresh.append(stage.id)
        return fresh

    @property
    def finished(self) -> dict[str, Path]:
        """{stage: its folder} of those that have a result; the others are not applicable here."""
        folders = {stage: outcome.folder for stage, outcome in self.outcomes.items()}
        return {stage: folder for stage, folder in folders.items() if folder is not None}

    @property
    def over(self) -> bool:
        """Whether nothing more will come but pictures: all has been concluded."""
        return CONCLUSIONS in self.outcomes

    @property
    def results(self) -> Results:
        """What is there so far, as everything reads it that concludes or draws."""
        return Results(artifact_paths(self.finished), self.config)

    def training_events(self) -> list[Path]:
        """TensorBoard's files of the training, finished or still going on."""
        for stage in self.stages:
            if stage.id == "training":
                folders = [stage.folder(self.store), self.store.being_made(stage.id, stage.key)]
                places = [folder / EVENTS for folder in folders if folder is not None]
                return [path for place in places[:1] for path in files_in(place)]
        return []
