"""Shows how far a run is: bars in a terminal, plain lines elsewhere; both on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.cli.output.console import printable
from deepseek_report.runner.execution.run_events import Reporter, job_and_stage
from deepseek_report.runner.execution.whole_run import NotApplicable, Whole, stage_words

#: Stages of which plain lines tell when they begin, and of which a sweep tells at all.
_TOLD = frozenset({"data", "training", "report", "explanations"})
_OF_SWEEPS = frozenset({"data", "training", "report"})
#: Seconds between two lines on how far the whole run is.
_EVERY = 10.0
#: A stage that is shown with its own time took at least so many seconds.
_LONG = 0.5
#: Columns that a bar of a stage needs; a narrower terminal gets the words alone.
_NARROW = 70


def words_of(name: str) -> str:
    """What a stage does, for people, on one line of a terminal."""
    return printable(stage_words(name))


def _took_long(name: str, seconds: float) -> bool:
    """Whether the time of a stage is told; of the many of a sweep few are."""
    job, stage = job_and_stage(name)
    return seconds >= _LONG and (not job or ArtifactId(stage).kind in _OF_SWEEPS)


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


class _Shown:
    """What is said of stages that have ended, in lines or beside bars."""

    not_done: str
    took: str

    def __init__(self) -> None:
        self.whole, self.refused = Whole(), NotApplicable()

    def _say(self, text: str, sign: str) -> None:
        raise NotImplementedError

    def _say_end_of(self, stage: str, seconds: float, problem: str, *, applicable: bool) -> None:
        name = words_of(stage)
        if problem and applicable:
            self._say(f"{name}: {self.not_done}{printable(problem)}", "[red]✗[/]")
        elif problem:
            self.refused.take(stage, problem)
        elif _took_long(stage, seconds):
            self._say(f"{name}{self.took}{seconds:.1f} s", "[green]✓[/]")

    def end(self) -> None:
        """The run has ended."""
        if self.refused.reasons:
            self._say(printable(self.refused), "[dim]–[/]")


class Lines(_Shown):
    """Plain lines, for a file, a pipe, or a terminal that cannot move its cursor."""

    not_done, took = "not done, ", ": "

    def __init__(self) -> None:
        super().__init__()
        self.printed: dict[str, float] = {}
        self.whole_printed = time.monotonic()

    def _say(self, text: str, sign: str = "") -> None:
        print(text, file=sys.stderr, flush=True)

    def planned(self, expected: Mapping[str, float], parallel: int) -> None:
        self.whole.plan(expected, parallel)

    def started(self, stage: str) -> None:
        self.whole.start(stage)
        self.printed[stage] = time.monotonic()
        job, name = job_and_stage(stage)
        if ArtifactId(name).kind in (_OF_SWEEPS if job else _TOLD):
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
        self._say_end_of(stage, seconds, problem, applicable=applicable)
        self._say_whole()

    def warned(self, text: str) -> None:
        self._say(printable(text))

    def _say_whole(self) -> None:
        now = time.monotonic()
        if self.whole.expected and now - self.whole_printed >= _EVERY:
            self.whole_printed = now
            self._say(f"  {self.whole}")


class Bars(_Shown):
    """A bar for the whole run, and one for each stage that runs now."""

    not_done, took = "", "  "

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self.progress = progress
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
        self._say_end_of(stage, seconds, problem, applicable=applicable)

    def warned(self, text: str) -> None:
        self._say(printable(text), "[yellow]![/]")

    def _say(self, text: str, sign: str) -> None:
        self.progress.console.print(f"{sign} {escape(text)}", highlight=False)

    def _show_whole(self) -> None:
        if self.overall is not None:
            done, total = self.whole.finished, self.whole.total
            text = str(self.whole)
            self.progress.update(
                self.overall, completed=done, total=total, description=text, refresh=False
            )
