"""Which stages of a plan are finished, read from the store alone: the run itself is not asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage.plain_files import files_in
from deepseek_report.runner.execution.computing import kept_outcome
from deepseek_report.runner.execution.outcomes import StageOutcome
from deepseek_report.runner.execution.stages import artifact_paths
from deepseek_report.runner.planning.plan import CONCLUSIONS, Stage
from deepseek_report.store import Store
from deepseek_report.store.run_folder import EVENTS


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
