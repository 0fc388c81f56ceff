"""`tables/statements.yaml`: a form of every open statement, to be filled and put into `people/`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from deepseek_report.artifacts.results import Results
from deepseek_report.compliance.evaluate import ComplianceReport, OpenField
from deepseek_report.compliance.status import Judgement

FORM = "tables/statements.yaml"
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_BOOLEAN = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_HEAD = """\
# What only people can say of this run. Copy this file to people/NAME.yaml in the run folder, fill
# what is yours, delete the rest, and render the report again: deepseek-report render RUN
# An entry that is left empty stays open. Each needs a name, a role and a date (YYYY-MM-DD).
# How it works, and who signs what: docs/statements.md
"""


def write_form(report: ComplianceReport, results: Results, folder: Path) -> Path:
    """Write the form into a run folder; return its path."""
    path = folder / FORM
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{line}\n" for line in _lines(report, results.run_id))
    path.write_text(_HEAD + text, encoding="utf-8", newline="\n")
    return path


def _lines(report: ComplianceReport, run_id: str) -> Iterator[str]:
    if run_id:
        yield f"run: {json.dumps(run_id)} # what is signed for one run is not used for another"
    still_open = [one for one in report.form if not one.filled]
    if still_open:
        yield ""
        yield "statements:"
        for one in still_open:
            yield from _statement(one)
    waiting = [one for part in report.frameworks for one in part.judgements if one.awaits_judgement]
    if waiting:
        yield ""
        yield "judgements: # of rows whose evidence is complete; read it before you sign"
        for judgement in waiting:
            yield from _judgement(judgement)
    yield ""
    yield "# not_applicable: # a row that does not concern this system"
    yield from (f"#   {line}" for line in ("ROW-ID:", *_blank("reason")))


def _statement(one: OpenField) -> Iterator[str]:
    rows = ", ".join(row for ids in one.asked_by.values() for row in ids)
    waits = "" if one.deciding else "; no status waits for it"
    yield _comment(f"Asked by {rows}; from: {', '.join(one.who)}{waits}")
    yield f"  {_key(one.name)}:"
    yield from (f"  {line}" for line in _blank("text"))


def _judgement(one: Judgement) -> Iterator[str]:
    yield _comment(f"{one.row.title} ({one.row.cite}); from: {one.row.who}")
    yield f"  {_key(one.row.id)}:"
    yield from (f"  {line}" for line in _blank("text"))


def _blank(says: str) -> Iterable[str]:
    return (f"  {key}:" for key in (says, "name", "role", "date"))


def _comment(text: str) -> str:
    return f"  # {' '.join(text.split())}"


def _key(name: str) -> str:
    plain = _PLAIN.fullmatch(name) and name.lower() not in _BOOLEAN
    return name if plain else json.dumps(name, ensure_ascii=False)
