"""Shows how far a run is: bars in a terminal, plain lines elsewhere; both on standard error."""

from __future__ import annotations

import math
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.cli.output.quantities import duration
from deepseek_report.cli.output.terminal_text import printable
from deepseek_report.runner.execution.run_events import Reporter, job_and_stage

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
#: Stages of which plain lines tell when they begin, and of which a sweep tells at all.
_TOLD = frozenset({"data", "training", "report", "explanations"})
_OF_SWEEPS = frozenset({"data", "training", "report"})
#: Seconds between two lines on how far the whole run is.
_EVERY = 10.0
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
#: A stage that is shown with its own time took at least so many seconds.
_LONG = 0.5
#: Columns that a bar of a stage needs; a narrower terminal gets the words alone.
_NARROW = 70


def words_of(name: str) -> str:
    """What a stage does, for people: `measures/deletion/shap -> "measure deletion of shap"`.

    In a sweep it begins with the number of the job.
    """
    job, stage = job_and_stage(name)
    artifact = ArtifactId(stage)
    what = " of ".join(part for part in (artifact.name, artifact.subject) if part)
    words = printable(f"{_KINDS.get(artifact.kind, artifact.kind)} {what}".strip())
    return f"job {job}: {words}" if job else words


def _kind(name: str) -> str:
    """The kind of a stage, whose times say most of others of the kind."""
    return ArtifactId(job_and_stage(name)[1]).kind


def _begins_a_line(name: str) -> bool:
    """Whether plain lines say that a stage begins."""
    job, stage = job_and_stage(name)
    return ArtifactId(stage).kind in (_OF_SWEEPS if job else _TOLD)


def _took_long(name: str, seconds: float) -> bool:
    """Whether the time of a stage is told; of the many of a sweep few are."""
    job, stage = job_and_stage(name)
    return seconds >= _LONG and (not job or ArtifactId(stage).kind in _OF_SWEEPS)


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
        reasons = [f"{printable(reason)} ({n})" for reason, n in most if reason]
        more = len(self.reasons) - len(most)
        reasons += [f"{more} other {'reason' if more == 1 else 'reasons'}"] if more else []
        n = self.reasons.total()
        parts = "1 part is" if n == 1 else f"{n} parts are"
        return f"{parts} not applicable here, as the report lists: {'; '.join(reasons)}"


@contextmanager
def reporter() -> Iterator[Reporter]:
    """What shows a run: bars where the terminal can move its cursor, else lines."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal or console.is_dumb_terminal:
        lines = Lines()
        yield lines
        lines.end()
        return
    narrow = console.width < _NARROW
    text = TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis"))
    bar = [] if narrow else [BarColumn(bar_width=24)]
    note = TextColumn("{task.fields[note]}", table_column=Column(no_wrap=True))
    with Progress(text, *bar, note, console=console, transient=True) as progress:
        bars = Bars(progress)
        yield bars
        bars.end()


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


class Lines:
    """Plain lines, for a file, a pipe, or a terminal that cannot move its cursor."""

    def __init__(self) -> None:
        self.whole, self.refused = Whole(), NotApplicable()
        self.printed: dict[str, float] = {}
        self.whole_printed = time.monotonic()

    def _say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def planned(self, expected: Mapping[str, float], parallel: int) -> None:
        self.whole.plan(expected, parallel)

    def started(self, stage: str) -> None:
        self.whole.start(stage)
        self.printed[stage] = time.monotonic()
        if _begins_a_line(stage):
            self._say(f"{words_of(stage)} …")

    def advanced(self, stage: str, done: int, total: int | None, note: str) -> None:
        now = time.monotonic()
        self.whole.advance(stage, done, total)
        if total and now - self.printed.get(stage, now) >= 5:
            self.printed[stage] = now
            self._say(f"  {words_of(stage)}: {done} of {total} {printable(note)}".rstrip())
        self._say_whole()

    def finished(
        self, stage: str, seconds: float, problem: str, *, applicable: bool = True
    ) -> None:
        self.whole.finish(stage, seconds, done=not problem)
        if problem and applicable:
            self._say(f"{words_of(stage)}: not done, {printable(problem)}")
        elif problem:
            self.refused.take(stage, problem)
        elif _took_long(stage, seconds):
            self._say(f"{words_of(stage)}: {seconds:.1f} s")
        self._say_whole()

    def warned(self, text: str) -> None:
        self._say(printable(text))

    def end(self) -> None:
        """The run has ended."""
        if self.refused.reasons:
            self._say(str(self.refused))

    def _say_whole(self) -> None:
        now = time.monotonic()
        if self.whole.expected and now - self.whole_printed >= _EVERY:
            self.whole_printed = now
            self._say(f"  {self.whole}")


class Bars:
    """A bar for the whole run, and one for each stage that runs now."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.whole, self.refused = Whole(), NotApplicable()
        self.overall: TaskID | None = None
        self.tasks: dict[str, TaskID] = {}

    def planned(self, expected: Mapping[str, float], parallel: int) -> None:
        self.whole.plan(expected, parallel)
        if self.overall is None:
            self.overall = self.progress.add_task("", total=self.whole.total, note="")
        self._show_whole()

    def started(self, stage: str) -> None:
        self.whole.start(stage)
        self.tasks[stage] = self.progress.add_task(escape(words_of(stage)), total=None, note="")

    def advanced(self, stage: str, done: int, total: int | None, note: str) -> None:
        self.whole.advance(stage, done, total)
        if stage in self.tasks:
            of = f"{done} of {total} " if total else ""
            text = escape(printable(of + note).strip())
            self.progress.update(self.tasks[stage], completed=done, total=total, note=text)
        self._show_whole()

    def finished(
        self, stage: str, seconds: float, problem: str, *, applicable: bool = True
    ) -> None:
        task = self.tasks.pop(stage, None)
        if task is not None:
            self.progress.remove_task(task)
        self.whole.finish(stage, seconds, done=not problem)
        self._show_whole()
        name = escape(words_of(stage))
        if problem and applicable:
            self._print(f"[red]✗[/] {name}: {escape(printable(problem))}")
        elif problem:
            self.refused.take(stage, problem)
        elif _took_long(stage, seconds):
            self._print(f"[green]✓[/] {name}  {seconds:.1f} s")

    def warned(self, text: str) -> None:
        self._print(f"[yellow]![/] {escape(printable(text))}")

    def end(self) -> None:
        """The run has ended."""
        if self.refused.reasons:
            self._print(f"[dim]–[/] {escape(str(self.refused))}")

    def _print(self, text: str) -> None:
        self.progress.console.print(text, highlight=False)

    def _show_whole(self) -> None:
        if self.overall is not None:
            done, total = self.whole.finished, self.whole.total
            text = str(self.whole)
            self.progress.update(
                self.overall, completed=done, total=total, description=text, refresh=False
            )
