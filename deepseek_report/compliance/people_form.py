"""`tables/statements.yaml`: a form of every open statement, to be filled and put into `people/`."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage.plain_files import write_text
from deepseek_report.compliance.evaluate import ComplianceReport, OpenField
from deepseek_report.compliance.framework import Row
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

FORM = "tables/statements.yaml"
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_BOOLEAN = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_WIDTH = 98


def write_form(report: ComplianceReport, results: Results, folder: Path) -> Path:
    """Write the form into a run folder; return its path."""
    path = folder / FORM
    lines = _lines(report, results.run_id, words_of(results))
    text = "".join(f"{line}\n" for line in lines)
    write_text(path, text)
    return path


def _lines(report: ComplianceReport, run_id: str, words: Wording) -> Iterator[str]:
    yield from (f"# {line}" for text in _head(words) for line in textwrap.wrap(text, _WIDTH))
    if run_id:
        yield f"run: {json.dumps(run_id)} # {words.text('compliance.form.run')}"
    still_open = [field for field in report.form if not field.filled]
    if still_open:
        yield ""
        yield "statements:"
        for field in still_open:
            yield from _statement(field, words)
    waiting = [
        framework.shown.row(judgement.row.id)
        for framework in report.frameworks
        for judgement in framework.judgements
        if judgement.awaits_judgement
    ]
    if waiting:
        yield ""
        yield f"judgements: # {words.text('compliance.form.judgements')}"
        for row in waiting:
            yield from _judgement(row, words)
    yield ""
    yield f"# not_applicable: # {words.text('compliance.form.not_applicable')}"
    yield from (f"#   {line}" for line in ("ROW-ID:", *_blank("reason")))


def _head(words: Wording) -> tuple[str, ...]:
    command = "deepseek-report render RUN"
    return (
        words.text("compliance.form.copy", file="people/NAME.yaml", command=command),
        words.text("compliance.form.empty"),
        words.text("compliance.form.more", file="docs/statements.md"),
    )


def _statement(field: OpenField, words: Wording) -> Iterator[str]:
    about = {"keys": list(field.rows), "who": list(field.who), "deciding": field.deciding}
    yield _comment(words.text("compliance.form.asked", **about))
    yield f"  {_key(field.name)}:"
    yield from (f"  {line}" for line in _blank("text"))


def _judgement(row: Row, words: Wording) -> Iterator[str]:
    about = {"title": row.title, "cite": row.cite, "who": row.who}
    yield _comment(words.text("compliance.form.judgement", **about))
    yield f"  {_key(row.id)}:"
    yield from (f"  {line}" for line in _blank("text"))


def _blank(says: str) -> Iterable[str]:
    return (f"  {key}:" for key in (says, "name", "role", "date"))


def _comment(text: str) -> str:
    return f"  # {' '.join(text.split())}"


def _key(name: str) -> str:
    plain = _PLAIN.fullmatch(name) and name.lower() not in _BOOLEAN
    return name if plain else json.dumps(name, ensure_ascii=False)
