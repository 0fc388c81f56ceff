"""What a person sees in the terminal at the end of a run."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deepseek_report.artifacts.conclusions import WORST_FIRST, Verdict
from deepseek_report.artifacts.message import Text, from_plain
from deepseek_report.artifacts.rounding import interval, number
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.storage.files import load_json
from deepseek_report.findings.first_page import FindingCounts, first_page
from deepseek_report.findings.rules_failures import by_reason
from deepseek_report.runner.run_folders.open_run import MissingPart
from deepseek_report.runner.run_folders.writing import Concluded
from deepseek_report.wording.of_results import words_for
from deepseek_report.wording.words import CaseWords, Wording

if TYPE_CHECKING:
    from deepseek_report.runner.run import Finished

#: The summary of a run fits on one screen; the report lists everything.
_MOST_LINES = 3
_MOST_THRESHOLDS = 8


def say_finished(finished: Finished) -> None:
    """One screen: what was promised and found, what failed, where the report is."""
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    concluded = Concluded.of(finished.record)
    texts = _texts(finished.folder / "artifacts" / "data", concluded.report)
    if finished.from_store:
        console.print(escape(texts.text("terminal.unchanged")))
    page = first_page(concluded.thresholds, concluded.findings, {})
    console.print(escape(" ".join(map(texts.say, page.verdict))) + "\n")
    for rejection in concluded.rejections:
        console.print(f"[red]{escape(texts.say(rejection))}[/]")
    if rest := list(map(texts.say, concluded.rest)):
        console.print(escape(" ".join(filter(None, rest))) + "\n")
    _say_thresholds(console, concluded.thresholds, texts)
    counted = FindingCounts.of(concluded.thresholds, concluded.findings)
    numbers = [
        texts.text(f"sections.summary.counted.{k}", n=n) for k, n in counted.by_severity.items()
    ]
    heading = texts.text("terminal.findings", counts=numbers, on_promises=counted.on_promises)
    console.print("\n" + escape(heading))
    for finding in map(texts.finding, page.gravest):
        console.print(f"  {escape(finding.severity_label)}: {escape(finding.claim)}")
    _say_problems(console, finished.failures, concluded.problems, texts)
    for name in finished.kept:
        console.print(escape(texts.text("terminal.kept", name=name)))
    for notice in finished.notices:
        console.print(escape(notice))
    console.print(escape(texts.text("terminal.digest", digest=f"sha256:{finished.run_digest}")))
    for path in finished.pages:
        print(path)


def _texts(data: Path, report: Mapping[str, Any]) -> Wording:
    """The texts of the report, worded for what these data predict and are made of."""
    language, own = str(report.get("language")), CaseWords.of(report.get("words"))
    if not (data / "schema.json").is_file():
        return words_for(language, None, words=own)
    schema = Schema.load(data)
    return words_for(language, schema, from_plain(load_json(data / "card.json")), words=own)


def _say_thresholds(console: Console, declared: Sequence[Verdict], texts: Wording) -> None:
    if not declared:
        return
    title = escape(texts.text("terminal.thresholds"))
    table = Table(box=None, pad_edge=False, title_justify="left", title=title)
    for column in ("promised", "measured", "interval", "verdict"):
        table.add_column(escape(texts.text(f"terminal.heads.{column}")), overflow="fold")
    for threshold in sorted(declared, key=_urgency)[:_MOST_THRESHOLDS]:
        sign = "≥" if threshold.side == "at_least" else "≤"
        by = texts.label("explainers", threshold.explainer) if threshold.explainer else ""
        over = threshold.predictor and texts.label("predictors", threshold.predictor)
        about = ", ".join(filter(None, [threshold.attribute, threshold.level, by, over]))
        metric = texts.label("metrics", threshold.metric) + (f" ({about})" if about else "")
        promised = f"{metric} {sign} {threshold.bound:g}"
        low, high = threshold.low, threshold.high
        measured = "" if threshold.value is None else number(threshold.value, low, high)
        spread = "" if low is None or high is None else interval(low, high)
        outcome = texts.label("outcomes", threshold.outcome)
        table.add_row(escape(promised), measured, spread, escape(outcome))
    console.print(table)
    if len(declared) > _MOST_THRESHOLDS:
        more = len(declared) - _MOST_THRESHOLDS
        console.print(escape(texts.text("terminal.more_thresholds", n=more)))


def _urgency(threshold: Verdict) -> int:
    """Where all cannot be shown, the first ones are those that are not met."""
    return WORST_FIRST.index(threshold.outcome) if threshold.outcome in WORST_FIRST else 0


def _say_problems(
    console: Console, failures: Mapping[str, Text], problems: Sequence[MissingPart], texts: Wording
) -> None:
    unfit = {part.stage: part.reason for part in problems if part.named}
    if failures:
        console.print("\n" + escape(texts.text("terminal.failed", n=len(failures))))
        _say_some(console, texts, by_reason(texts, failures), "[red]✗[/]")
    if unfit:
        console.print("\n" + escape(texts.text("terminal.unfit", n=len(unfit))))
        _say_some(console, texts, by_reason(texts, unfit), "[yellow]–[/]")
    console.print()


def _say_some(console: Console, texts: Wording, lines: Sequence[str], sign: str) -> None:
    """The first lines, and how many more the report lists."""
    shown = lines[:_MOST_LINES] if len(lines) > _MOST_LINES + 1 else lines
    for line in shown:
        console.print(f"  {sign} {escape(line)}")
    if len(shown) < len(lines):
        more = texts.text("terminal.more", n=len(lines) - len(shown))
        console.print(f"  – {escape(more)}")
