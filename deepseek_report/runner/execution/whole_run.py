"""How far a run is as a whole, how long the rest should take, and what does not apply."""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.runner.execution.run_events import job_and_stage

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
#: The seconds that were foreseen count as so many seconds of finished stages of each kind.
_FORESEEN = 24.0
#: A stage that takes longer than foreseen is expected to take this share of its time once more.
_OVER = 0.25
#: From this share of a stage on, its own course says how long it will take.
_ENOUGH = 0.1
#: The time that is left is never told longer than so many times the shortest told before.
_RISE = 4 / 3
#: Shorter times are all told as a few seconds.
_SHORT = 6.0
#: The most reasons that are told of what cannot be applied.
_REASONS = 3


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


def _kind(name: str) -> str:
    """The kind of a stage, whose times say most of others of the kind."""
    return ArtifactId(job_and_stage(name)[1]).kind


@dataclass
class NotApplicable:
    """What cannot be done for this model or these data, told once at the end.

    Of a sweep it is not told: its jobs differ, and the report of each says it.
    """

    reasons: Counter[str] = field(default_factory=Counter)

    def take(self, name: str, reason: str) -> None:
        """A stage ended so."""
        if not job_and_stage(name)[0]:
            self.reasons[reason] += 1

    def __str__(self) -> str:
        most = self.reasons.most_common(_REASONS)
        lines = [f"{reason} ({n})" for reason, n in most if reason]
        more = len(self.reasons) - len(most)
        lines += [f"{more} other {'reason' if more == 1 else 'reasons'}"] if more else []
        n = self.reasons.total()
        parts = "1 part is" if n == 1 else f"{n} parts are"
        return f"{parts} not applicable here, as the report lists: {'; '.join(lines)}"


@dataclass
class Whole:
    """How far the run as a whole is, and how long the rest should take.

    The time that is told never rises by more than a third, whatever stages turn out to take: it
    begins with the most that they should take, which finished stages of their kind then correct.

    expected : {stage: the most seconds that it should take} of what is not finished. begun : when
    the running ones started. shares : how much of them is done. foreseen, took : seconds of the
    finished stages of each kind.
    """

    expected: dict[str, float] = field(default_factory=dict)
    begun: dict[str, float] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    parallel: int = 1
    total: int = 0
    finished: int = 0
    foreseen: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    took: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    shortest: float = math.inf

    def plan(self, expected: Mapping[str, float], parallel: int) -> None:
        """Take over what is left to do; what was finished before stays finished."""
        self.expected, self.parallel = dict(expected), max(parallel, 1)
        self.total = self.finished + len(self.expected.keys() - {"report"})

    def start(self, stage: str) -> None:
        self.begun[stage] = time.monotonic()

    def advance(self, stage: str, done: int, total: int | None) -> None:
        """A running stage has done so many of its steps."""
        if total:
            self.shares[stage] = min(done / total, 1.0)

    def finish(self, stage: str, seconds: float, *, done: bool = True) -> None:
        """A stage ended; `done` is False where it came to nothing, which says nothing of others."""
        self.begun.pop(stage, None)
        self.shares.pop(stage, None)
        foreseen = self.expected.pop(stage, None)
        if foreseen is not None:
            self.finished += stage != "report"
            if done:
                self.foreseen[_kind(stage)] += foreseen
                self.took[_kind(stage)] += seconds

    @property
    def left(self) -> float:
        """Seconds that the rest should take, by what is known now."""
        now = time.monotonic()
        rest = {stage: self._rest(stage, now) for stage in self.expected}
        writing = rest.pop("report", 0.0)
        return max(sum(rest.values()) / self.parallel, max(rest.values(), default=0.0)) + writing

    def shown_left(self) -> float:
        """The same as a person is told it: never much longer than once before."""
        seconds = min(self.left, _RISE * self.shortest)
        self.shortest = min(self.shortest, max(seconds, _SHORT))
        return seconds

    def _rest(self, stage: str, now: float) -> float:
        kind = _kind(stage)
        pace = (self.took[kind] + _FORESEEN) / (self.foreseen[kind] + _FORESEEN)
        seconds = self.expected[stage] * pace
        if stage not in self.begun:
            return seconds
        elapsed, share = now - self.begun[stage], self.shares.get(stage, 0.0)
        rest = seconds - elapsed if seconds > elapsed else _OVER * elapsed
        if share <= _ENOUGH:
            return rest
        by_course = elapsed * (1 - share) / share
        return (1 - share) * rest + share * by_course

    def __str__(self) -> str:
        left = duration(self.shown_left())
        about = left if left.startswith("a few") else f"about {left}"
        return f"{self.finished} of {self.total} stages, {about} left"
