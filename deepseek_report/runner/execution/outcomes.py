"""How the stages of a plan ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from deepseek_report.artifacts.message import Text
from deepseek_report.config.experiment import Experiment
from deepseek_report.runner.planning.plan import Stage
from deepseek_report.runner.run_folders.open_run import MissingPart


@dataclass(frozen=True)
class StageOutcome:
    """How one stage ended: its folder, or the reason why there is none.

    roots : the stages that broke and so took this one with them.
    bad_data : the data cannot be used as they are, so there is nothing to report on.
    """

    stage: str
    folder: Path | None = None
    seconds: float = 0.0
    reason: Text = ""
    applicable: bool = True
    details: str = ""
    cached: bool = False
    roots: tuple[str, ...] = ()
    bad_data: bool = False


@dataclass
class Execution:
    """What came of a plan. made : stages that ran without some inputs, under keys of their own."""

    outcomes: dict[str, StageOutcome] = field(default_factory=dict)
    made: dict[str, Stage] = field(default_factory=dict)

    @property
    def folders(self) -> dict[str, Path]:
        return {o.stage: o.folder for o in self.outcomes.values() if o.folder is not None}

    @property
    def failures(self) -> list[StageOutcome]:
        """What was asked for and broke; not what was refused with a reason."""
        return [o for o in self.outcomes.values() if o.folder is None and o.applicable]

    @property
    def refused(self) -> list[StageOutcome]:
        return [o for o in self.outcomes.values() if o.folder is None and not o.applicable]

    def problems(self, experiment: Experiment) -> list[MissingPart]:
        """Why parts are missing: left out by the config, refused by a part, failed."""
        refused = [
            *((refusal.artifact, refusal.reason) for refusal in experiment.refused),
            *((outcome.stage, outcome.reason) for outcome in self.refused),
        ]
        return [
            *(
                MissingPart.of(part, reason, "not applicable", named=experiment.is_named(part))
                for part, reason in refused
            ),
            *(MissingPart.of(each.stage, each.reason, "failed") for each in self.failures),
        ]
