"""What a call prints while it runs, and how a finished run shows itself in a notebook."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from deepseek_report.artifacts.results import Results
from deepseek_report.runner.execution.run_events import NoReporter


class PrintReporter(NoReporter):
    """One line a stage on the error stream, when it has ended."""

    def finished(
        self, stage: str, seconds: float, problem: str, *, applicable: bool = True
    ) -> None:
        """Say how long a stage took, or why it came to nothing."""
        if problem:
            text = f"{'failed' if applicable else 'not applicable'}: {problem}"
        else:
            text = f"{seconds:.1f} s"
        sys.stderr.write(f"{stage}  {text}\n")

    def warned(self, text: str) -> None:
        """Say what concerns no stage."""
        sys.stderr.write(f"{text}\n")


_FRAME = "font-family:system-ui,sans-serif;max-width:60rem;line-height:1.45"
_CELL = "text-align:left;vertical-align:top;padding:.2rem .9rem .2rem 0"


def first_screen(results: Results, path: str) -> str:
    """The summary of a report as HTML that holds no script, no style sheet and no address.

    Whatever comes from the data or the folder is escaped.
    """
    from deepseek_report.sections.summary import SummarySection

    content = SummarySection().content(results)
    values = content.values
    title = str((results.config.get("report") or {}).get("title") or content.title)
    parts = [
        f"<h3>{escape(title)}</h3>",
        f"<p>{escape(content.answer)}</p>",
        f"<p><b>{_text(' '.join(values['verdict']))}</b></p>",
        *_table("Promises", values["promises"], _PROMISE),
        *_findings(values["shown"], values["more"]),
        *_failed(values["failed"]),
        f"<p><small>{_text(values['run'])}</small></p>",
        f"<p>Report: <code>{escape(path)}</code></p>",
    ]
    return f'<div style="{_FRAME}">{"".join(parts)}</div>'


_PROMISE = {
    "metric": "Promised",
    "promised": "",
    "measured": "Measured",
    "interval": "95 % interval",
    "outcome": "Verdict",
}


def _findings(shown: Sequence[Any], more: Sequence[str]) -> Iterator[str]:
    if not shown:
        return
    yield "<h4>Findings</h4><ul>"
    for finding in (card.finding for card in shown):
        yield f"<li><b>{_text(finding.severity_label)}</b>: {_text(finding.claim)}"
        yield f"<br><small>{_text(finding.detail)} {_text(finding.do)}</small></li>"
    yield "</ul>"
    if more:
        yield f"<p>{_text(more)} more in the report.</p>"


def _failed(lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield "<h4>Failed</h4><ul>"
        yield from (f"<li>{_text(line)}</li>" for line in lines)
        yield "</ul>"


def _table(
    title: str, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]
) -> Iterator[str]:
    if not rows:
        return
    heads = "".join(f'<th style="{_CELL}">{escape(head)}</th>' for head in columns.values())
    yield f"<h4>{escape(title)}</h4><table><tr>{heads}</tr>"
    for row in rows:
        cells = "".join(f'<td style="{_CELL}">{_text(row.get(name))}</td>' for name in columns)
        yield f"<tr>{cells}</tr>"
    yield "</table>"


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        value = ", ".join(map(str, value))
    return escape("" if value is None else str(value))
