"""What a person sees in the terminal at the end of a run."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.message import text_of

if TYPE_CHECKING:
    from deepseek_report.runner.run import Finished
    from deepseek_report.wording.words import Wording

#: The summary of a run fits on one screen; the report lists everything.
_MOST_FINDINGS = 5
_MOST_LINES = 3
_MOST_THRESHOLDS = 8
#: Which thresholds a person must see, where not all are shown.
_URGENT = ("not met", "not measured", "too uncertain to say", "met")


def say_finished(finished: Finished) -> None:
    """One screen: what was promised and found, what failed, where the report is."""
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    texts = _texts(finished)
    if finished.from_store:
        console.print(escape(texts.text("terminal.unchanged")))
    _say_verdict(console, finished, texts)
    _say_decisions(console, finished, texts)
    _say_thresholds(console, finished, texts)
    _say_findings(console, finished, texts)
    _say_problems(console, finished, texts)
    for name in finished.kept:
        console.print(escape(texts.text("terminal.kept", name=name)))
    for notice in finished.notices:
        console.print(escape(notice))
    console.print(escape(texts.text("terminal.digest", digest=f"sha256:{finished.run_digest}")))
    for page in finished.pages:
        print(page)


def _texts(finished: Finished) -> Wording:
    """The texts of the report, worded for what these data predict and are made of."""
    from deepseek_report.artifacts.message import from_plain
    from deepseek_report.artifacts.schema import Schema
    from deepseek_report.artifacts.storage.files import load_json
    from deepseek_report.wording.of_results import words_for
    from deepseek_report.wording.words import CaseWords

    report = finished.record["config"]["report"]
    language, own = str(report["language"]), CaseWords.of(report.get("words"))
    data = finished.folder / "artifacts" / "data"
    if not (data / "schema.json").is_file():
        return words_for(language, None, words=own)
    schema = Schema.from_json(load_json(data / "schema.json"))
    return words_for(language, schema, from_plain(load_json(data / "card.json")), words=own)


def _say_verdict(console: Console, finished: Finished, texts: Wording) -> None:
    """What the first screen of the report says above all else."""
    from deepseek_report.artifacts.conclusions import Verdict
    from deepseek_report.findings.first_page import verdict_sentences

    promises = [Verdict.from_json(record) for record in finished.record["thresholds"]]
    findings = [Finding.from_json(record) for record in finished.record["findings"]]
    sentences = verdict_sentences(promises, findings)
    console.print(escape(" ".join(texts.say(sentence) for sentence in sentences)) + "\n")


def _say_decisions(console: Console, finished: Finished, texts: Wording) -> None:
    """Rejections in red, then which required decisions are missing."""
    from deepseek_report.artifacts.message import from_plain

    decisions = finished.record.get("decisions") or {}
    for rejection in decisions.get("rejections") or ():
        console.print(f"[red]{escape(texts.say(from_plain(rejection)))}[/]")
    rest = [texts.say(from_plain(text)) for text in decisions.get("rest") or ()]
    if rest:
        console.print(escape(" ".join(filter(None, rest))) + "\n")


def _say_thresholds(console: Console, finished: Finished, texts: Wording) -> None:
    from deepseek_report.artifacts.rounding import interval, number

    declared = finished.record["thresholds"]
    if not declared:
        return
    title = escape(texts.text("terminal.thresholds"))
    table = Table(box=None, pad_edge=False, title_justify="left", title=title)
    for column in ("promised", "measured", "interval", "verdict"):
        table.add_column(escape(texts.text(f"terminal.heads.{column}")), overflow="fold")
    for threshold in sorted(declared, key=_urgency)[:_MOST_THRESHOLDS]:
        sign = "≥" if threshold["side"] == "at_least" else "≤"
        by = texts.label("explainers", threshold["explainer"]) if threshold["explainer"] else ""
        over = threshold.get("predictor") and texts.label("predictors", threshold["predictor"])
        about = ", ".join(filter(None, [threshold["attribute"], threshold["level"], by, over]))
        metric = texts.label("metrics", threshold["metric"]) + (f" ({about})" if about else "")
        promised = f"{metric} {sign} {threshold['bound']:g}"
        low, high = threshold["low"], threshold["high"]
        measured = "" if threshold["value"] is None else number(threshold["value"], low, high)
        spread = "" if low is None or high is None else interval(low, high)
        outcome = texts.label("outcomes", threshold["outcome"])
        table.add_row(escape(promised), measured, spread, escape(outcome))
    console.print(table)
    if len(declared) > _MOST_THRESHOLDS:
        more = len(declared) - _MOST_THRESHOLDS
        console.print(escape(texts.text("terminal.more_thresholds", n=more)))


def _urgency(threshold: Mapping[str, object]) -> int:
    """Where all cannot be shown, the first ones are those that are not met."""
    outcome = threshold["outcome"]
    return _URGENT.index(outcome) if outcome in _URGENT else 0


def _say_findings(console: Console, finished: Finished, texts: Wording) -> None:
    findings = [Finding.from_json(record) for record in finished.record["findings"]]
    grave = [entry for entry in findings if entry.severity != "info"] or findings
    console.print("\n" + escape(texts.text("terminal.findings", n=len(findings))))
    for finding in grave[:_MOST_FINDINGS]:
        worded = texts.finding(finding)
        console.print(f"  {escape(worded.severity_label)}: {escape(worded.claim)}")


def _say_problems(console: Console, finished: Finished, texts: Wording) -> None:
    from deepseek_report.findings.rules_failures import by_reason

    failures = finished.failures
    unfit = {
        entry["stage"]: text_of(entry["reason"])
        for entry in finished.record["problems"]
        if entry.get("named")
    }
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
