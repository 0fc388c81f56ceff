"""How far a run is as a whole, and how long the rest of it should take, for whoever shows it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.runner.execution.run_events import REPORT, job_and_stage

_KINDS = {
    "data": "read the data",
    "training": "train the model",
    "predictions": "predict",
    "explanations": "explain",
    "measures": "measure",
    "conclusions": "conclude",
    "pictures": "draw",
    "report": "write the report",
}
#: Seconds of finished stages from which on their true times correct what was expected, and the
#: time that is left is told.
_ENOUGH = 3.0
#: Share of a stage from which on its own pace says how long it still takes.
_WELL_BEGUN = 0.1
#: What is told never lies further above the least that was told before.
_MOST_RISE = 4 / 3
#: Names that the line on parts that do not apply lists.
_MOST_NAMES = 6


def duration(seconds: float) -> str:
    """`a few seconds`, `40 s`, `3 min`, `2 h`: never more precise than an estimate is."""
    if seconds < 8:
        return "a few seconds"
    if seconds < 55:
        return f"{max(round(seconds / 10), 1) * 10} s"
    minutes = seconds / 60
    if minutes < 100:
        step = 1 if minutes < 10 else 5
        return f"{max(round(minutes / step), 1) * step} min"
    return f"{minutes / 60:.2g} h"


def stage_words(name: str) -> str:
    """What a stage does, for people; in a sweep it begins with the number of the job.

    >>> stage_words("measures/deletion/shap")
    'measure deletion of shap'
    """
    job, stage = job_and_stage(name)
    artifact = ArtifactId(stage)
    what = " of ".join(part for part in (artifact.name, artifact.subject) if part)
    words = f"{_KINDS.get(artifact.kind, artifact.kind)} {what}".strip()
    return f"job {job}: {words}" if job else words


@dataclass
class Whole:
    """How far the run as a whole is, and how long the rest should take.

    expected : {stage: seconds} of what is not finished. begun : when the running ones started.
    shares : {stage: share done} of those that say it. unfit : stages that do not apply to this
    model or these data. least_left : seconds, the least that was told.
    """

    expected: dict[str, float] = field(default_factory=dict)
    begun: dict[str, float] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    unfit: list[str] = field(default_factory=list)
    parallel: int = 1
    total: int = 0
    finished: int = 0
    foreseen: float = 0.0
    took: float = 0.0
    least_left: float = float("inf")

    def plan(self, expected: Mapping[str, float], parallel: int) -> None:
        """Take over what is left to do; what was finished before stays finished."""
        self.expected, self.parallel = dict(expected), max(parallel, 1)
        self.total = self.finished + len(self.expected.keys() - {REPORT})
        self.foreseen = self.took = 0.0

    def start(self, stage: str) -> None:
        self.begun[stage] = time.monotonic()

    def advance(self, stage: str, done: int, total: int | None) -> None:
        """Take over how far a stage is."""
        if total:
            self.shares[stage] = min(done / total, 1.0)

    def finish(self, stage: str, seconds: float, *, applicable: bool = True) -> None:
        if not applicable and not job_and_stage(stage)[0]:
            self.unfit.append(stage)
        self.begun.pop(stage, None)
        self.shares.pop(stage, None)
        foreseen = self.expected.pop(stage, None)
        if foreseen is not None:
            self.finished += stage != REPORT
            self.foreseen += foreseen
            self.took += seconds

    @property
    def left(self) -> float:
        """Seconds that the rest should take, corrected by how the finished stages went."""
        pace = 1.0
        if self.took >= _ENOUGH and self.foreseen > 0:
            pace = min(max(self.took / self.foreseen, 0.2), 5.0)
        rest = {stage: self._left_of(stage, pace) for stage in self.expected}
        writing = rest.pop(REPORT, 0.0)
        return max(sum(rest.values()) / self.parallel, max(rest.values(), default=0.0)) + writing

    def _left_of(self, stage: str, pace: float) -> float:
        """Seconds of one stage: by its own pace once it is well begun, else as expected."""
        now = time.monotonic()
        since, share = now - self.begun.get(stage, now), self.shares.get(stage, 0.0)
        if share >= _WELL_BEGUN and since > 0:
            return since * (1 - share) / share
        return max(self.expected[stage] * pace - since, 0.0)

    @property
    def share(self) -> float:
        """Share of the stages that are finished, 0 to 1."""
        return self.finished / self.total if self.total else 0.0

    @property
    def unfit_line(self) -> str:
        """One line on all parts that do not apply here; empty where there is none."""
        if not self.unfit:
            return ""
        names = ", ".join(stage_words(stage) for stage in self.unfit[:_MOST_NAMES])
        more = f" and {len(self.unfit) - _MOST_NAMES} more" if len(self.unfit) > _MOST_NAMES else ""
        return f"{len(self.unfit)} not applicable here (the report says why): {names}{more}"

    def __str__(self) -> str:
        stages = f"{self.finished} of {self.total} stages"
        if self.took < _ENOUGH:
            return stages  # until then nothing but past runs on other data says how long it takes
        left = self.left
        self.least_left = min(left, self.least_left)
        most = self.least_left * _MOST_RISE
        text = duration(min(left, most))
        if text.startswith("a few"):
            return f"{stages}, {'some time' if left > most else text} left"
        return f"{stages}, {'more than' if left > most else 'about'} {text} left"
