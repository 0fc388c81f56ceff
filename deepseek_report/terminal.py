"""What a person sees in the terminal: progress, the plan, the summary at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.progress import TimeElapsedColumn as Elapsed
from rich.table import Table

from deepseek_report.artifacts.finding import Finding
from deepseek_report.runner.progress import Reporter

if TYPE_CHECKING:
    from deepseek_report.doctor import Examined
    from deepseek_report.runner.forecast import Expected, Forecast
    from deepseek_report.runner.run import Finished

_KINDS = {
    "data": "read the data",
    "training": "train the model",
    "predictions": "predict",
    "explanations": "explain",
    "measures": "measure",
    "pictures": "draw",
    "report": "write the report",
}
_MOST_FINDINGS = 7
_MOST_LINES = 7


@contextmanager
def reporter() -> Iterator[Reporter]:
    """Bars in a terminal, plain lines elsewhere; both on standard error."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines()
        return
    columns = (
        TextColumn("{task.description:<34}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        Elapsed(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console, transient=False) as progress:
        yield _Bars(progress)


def _words(stage: str) -> str:
    kind, _, rest = stage.partition("/")
    return f"{_KINDS.get(kind, kind)} {rest.replace('/', ' of ')}".strip()


class _Lines:
    def __init__(self) -> None:
        self.told: dict[str, float] = {}

    def _say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def started(self, stage: str) -> None:
        self.told[stage] = time.monotonic()
        if stage in {"data", "training", "report"} or stage.startswith("explanations/"):
            self._say(f"{_words(stage)} …")

    def advanced(self, stage: str, done: int, total: int | None, note: str) -> None:
        now = time.monotonic()
        if total and now - self.told.get(stage, now) >= 5:
            self.told[stage] = now
            self._say(f"  {_words(stage)}: {done} of {total} {note}".rstrip())

    def finished(self, stage: str, seconds: float, problem: str) -> None:
        if problem:
            self._say(f"{_words(stage)}: not done, {problem}")
        elif seconds >= 0.5:
            self._say(f"{_words(stage)}: {seconds:.1f} s")


class _Bars:
    """One bar for every kind of stage, and one for the stage that is long."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.tasks: dict[str, TaskID] = {}

    def started(self, stage: str) -> None:
        self.tasks[stage] = self.progress.add_task(escape(_words(stage)), total=None, note="")

    def advanced(self, stage: str, done: int, total: int | None, note: str) -> None:
        if stage in self.tasks:
            task = self.tasks[stage]
            self.progress.update(task, completed=done, total=total, note=escape(note))

    def finished(self, stage: str, seconds: float, problem: str) -> None:
        task = self.tasks.pop(stage, None)
        if task is not None:
            self.progress.remove_task(task)
        if problem:
            text = f"[red]✗[/] {escape(_words(stage))}: {escape(problem)}"
            self.progress.console.print(text, highlight=False)
        elif seconds >= 0.5:
            text = f"[green]✓[/] {escape(_words(stage))}  {seconds:.1f} s"
            self.progress.console.print(text, highlight=False)


def say_finished(finished: Finished) -> None:
    """One screen: what was promised and found, what failed, where the report is."""
    console = Console(highlight=False, soft_wrap=True)
    if finished.from_store:
        console.print("Nothing has changed since this run was made.")
    _say_thresholds(console, finished)
    _say_findings(console, finished)
    _say_problems(console, finished)
    for name in finished.kept:
        console.print(f"{escape(name)}: your edited copy, kept beside what was written anew")
    console.print(f"run digest sha256:{finished.run_digest}")
    for page in finished.pages:
        print(page)


def _say_thresholds(console: Console, finished: Finished) -> None:
    from deepseek_report.artifacts.numbers import interval, number
    from deepseek_report.findings.wording import wording

    declared = finished.record["thresholds"]
    if not declared:
        return
    texts = wording(finished.record["config"]["report"]["language"])
    table = Table(box=None, pad_edge=False, title_justify="left", title="Thresholds")
    for heading in ("promised", "measured", "95 % interval", "verdict"):
        table.add_column(heading, overflow="fold")
    for one in declared:
        sign = "≥" if one["side"] == "at_least" else "≤"
        by = texts.label("explainers", one["explainer"]) if one["explainer"] else ""
        about = ", ".join(filter(None, [one["attribute"], one["level"], by]))
        metric = texts.label("metrics", one["metric"]) + (f" ({about})" if about else "")
        promised = f"{metric} {sign} {one['bound']:g}"
        low, high = one["low"], one["high"]
        measured = "" if one["value"] is None else number(one["value"], low, high)
        spread = "" if low is None or high is None else interval(low, high)
        table.add_row(escape(promised), measured, spread, one["outcome"])
    console.print(table)


def _say_findings(console: Console, finished: Finished) -> None:
    from deepseek_report.findings.wording import wording

    texts = wording(finished.record["config"]["report"]["language"])
    found = [Finding(**one) for one in finished.record["findings"]]
    grave = [one for one in found if one.severity != "info"] or found
    console.print(f"\nFindings ({len(found)} in the report)")
    for one in grave[:_MOST_FINDINGS]:
        said = texts.finding(one)
        console.print(f"  {escape(said.severity_label)}: {escape(said.claim)}")


def _say_problems(console: Console, finished: Finished) -> None:
    from deepseek_report.findings.rules_failures import applicable, by_reason
    from deepseek_report.findings.wording import wording

    texts = wording(finished.record["config"]["report"]["language"])
    failures = {one["stage"]: one["reason"] for one in finished.failures}
    refused = applicable(
        {
            one["stage"]: one["reason"]
            for one in finished.record["problems"]
            if one["kind"] == "not applicable"
        }
    )
    if failures:
        console.print(f"\nFailed ({len(failures)}); the report says so where they are missing")
        for said in by_reason(texts, failures):
            console.print(f"  [red]✗[/] {escape(said)}")
    if refused:
        console.print(f"\nNot applicable here ({len(refused)})")
        _say_some(console, by_reason(texts, refused))
    for stage, details in finished.details.items():
        print(f"\n{stage}\n{details}", file=sys.stderr)
    console.print()


def _say_some(console: Console, lines: Sequence[str]) -> None:
    """The first lines, and how many more the report lists."""
    shown = lines[:_MOST_LINES] if len(lines) > _MOST_LINES + 1 else lines
    for line in shown:
        console.print(f"  – {escape(line)}")
    if len(shown) < len(lines):
        console.print(f"  – and {len(lines) - len(shown)} more, listed in the report")


def say_forecast(plan: Forecast) -> None:
    """The plan: stages, what is cached, how many rows each explainer evaluates, what is refused."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{escape(plan.experiment)}: the configuration is valid. Run id {plan.run_id}")
    for line in plan.data:
        console.print(f"  {escape(line)}")
    table = Table(box=None, pad_edge=False)
    for heading in ("stage", "from the store", "model evaluations (rows)"):
        right = heading.startswith("model")
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    for name, stages in _families(plan.stages).items():
        calls = [one.calls for one in stages if one.calls is not None]
        evaluated = f"{sum(calls):,}".replace(",", " ") if calls else ""
        table.add_row(escape(name), _cached(stages), evaluated)
    console.print(table)
    cached = sum(stage.cached for stage in plan.stages)
    console.print(f"{len(plan.stages)} stages, {cached} of them in the store")
    if plan.refused:
        console.print(f"\nLeft out ({len(plan.refused)})")
        for reason, artifacts in _by_reason(plan.refused).items():
            console.print(f"  – {escape(_some_of(artifacts))}: {escape(reason)}")


def _families(stages: Sequence[Expected]) -> dict[str, list[Expected]]:
    """Stages by what they do: one measure of several explainers is one line."""
    families: dict[str, list[Expected]] = {}
    for stage in stages:
        families.setdefault("/".join(stage.id.split("/")[:2]), []).append(stage)
    return {
        name if len(them) == 1 else f"{name} × {len(them)}": them for name, them in families.items()
    }


def _cached(stages: Sequence[Expected]) -> str:
    there = sum(stage.cached for stage in stages)
    if 0 < there < len(stages):
        return f"{there} of {len(stages)}"
    return "yes" if there else "no"


def _by_reason(refused: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = {}
    for artifact, reason in refused:
        reasons.setdefault(reason, []).append(artifact)
    return reasons


def _some_of(artifacts: Sequence[str]) -> str:
    """A few artifacts by name, many by number."""
    if len(artifacts) <= _MOST_LINES:
        return ", ".join(artifacts)
    return f"{len(artifacts)} parts ({', '.join(artifacts[:3])}, …)"


def say_doctor(findings: Sequence[Examined]) -> None:
    """What is installed, what is missing, what that costs."""
    console = Console(highlight=False, soft_wrap=True)
    signs = {"ok": "[green]✓[/]", "optional": "[yellow]–[/]", "missing": "[red]✗[/]"}
    for one in findings:
        console.print(f"{signs[one.state]} {escape(one.name)}: {escape(one.found)}")
        if one.cost:
            console.print(f"    {escape(one.cost)}")
