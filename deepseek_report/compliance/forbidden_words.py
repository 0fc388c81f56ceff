"""Words that no report may use: they would claim what evidence cannot show."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from deepseek_report.artifacts.message import plain
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage.plain_files import files_in, read_text
from deepseek_report.compliance.evaluate import ComplianceReport
from deepseek_report.compliance.framework import Framework, frameworks_folder, read_yaml
from deepseek_report.compliance.people import HumanInput
from deepseek_report.errors import RenderError

#: What a person wrote beside the report, see `rendering.notes`: no words of the report.
_PERSONS_NOTE = re.compile(r"^::: \{[^}\n]*\.persons-note\}$.*?^:::$", re.DOTALL | re.MULTILINE)
_TABLES = ("tables", "compliance-", ".csv")
_MARKUP = re.compile(r"\\(?=[^\w\s])|[*`~]")


@dataclass(frozen=True)
class ForbiddenUse:
    """A forbidden word in a text, with its line (counted from 1) and the words around it."""

    word: str
    line: int
    context: str


@cache
def forbidden_words() -> tuple[str, ...]:
    """The list of `_status_rules.yaml`."""
    return tuple(read_yaml(frameworks_folder() / "_status_rules.yaml")["forbidden_words"])


@cache
def _pattern() -> re.Pattern[str]:
    words = sorted(forbidden_words(), key=len, reverse=True)
    patterns = [re.escape(word).replace(r"\ ", r"\s+") for word in words]
    apart = "|".join(p for p, word in zip(patterns, words, strict=True) if word.isascii())
    inside = [p for p, word in zip(patterns, words, strict=True) if not word.isascii()]
    return re.compile("|".join([rf"(?<!\w)(?:{apart})(?!\w)", *inside]), re.IGNORECASE)


def find_forbidden(text: str, quoted: Iterable[str] = ()) -> list[ForbiddenUse]:
    """Every forbidden word in a text.

    text : markdown or plain text; Markdown's escapes and emphasis marks are taken off first.
    quoted : passages that may hold such words since others wrote them (titles, quoted law);
        they are taken out before the search.
    Returns one entry per use, in the order of the text; empty means there is none.
    """
    plain = _blank_out(_MARKUP.sub("", text), quoted)
    return [
        ForbiddenUse(
            word=match.group(),
            line=plain.count("\n", 0, match.start()) + 1,
            context=" ".join(plain[max(0, match.start() - 40) : match.end() + 40].split()),
        )
        for match in _pattern().finditer(plain)
    ]


def _blank_out(text: str, quoted: Iterable[str]) -> str:
    """The text without the quoted passages; their line breaks stay, so lines keep their number."""
    for passage in sorted({_MARKUP.sub("", quote) for quote in quoted}, key=len, reverse=True):
        if not _pattern().search(passage):
            continue
        first, *rest = passage.split()
        # A label may begin a sentence, and is then written with a capital letter.
        begin = f"(?i:{re.escape(first[0])}){re.escape(first[1:])}"
        loose = r"\s+".join([begin, *(re.escape(word) for word in rest)])
        text = re.sub(loose, lambda match: "\n" * match.group().count("\n"), text)
    return text


def quoted_passages(frameworks: Iterable[Framework]) -> list[str]:
    """What a report quotes from framework files: names, notes, sources and rows."""
    passages: list[str] = []
    for framework in frameworks:
        passages += [framework.name, framework.legal_force, framework.text_version]
        passages += [framework.disclaimer, *framework.notes]
        passages += [source.ref for source in framework.sources]
        for row in framework.rows:
            passages += [row.title, row.cite, row.asks, row.verify_note, row.who]
    return passages


def check_document(path: Path, report: ComplianceReport, results: Results) -> None:
    """Refuse a finished document that claims, in its own words, what a run cannot show.

    The tables beside it that hold rows of frameworks are held to the same.

    Words of others are let through: framework files, what people
    stated and decided, texts of the data set, what single cases say, and notes of a person.

    Raises RenderError : names every use, its line and its context.
    """
    human = report.options.human
    quoted = quoted_passages(part.shown for part in report.frameworks)
    quoted += [statement.text for statement in human.statements.values()]
    quoted += _of_people(human)
    quoted += report.options.policy.own_words
    quoted += _texts(plain([problem.values for problem in human.problems]))
    if results.has("data"):
        card = plain(results.card)
        quoted += [*_texts(results.schema.to_json()), *_texts(card), *_cases(results)]
    text = read_text(path)
    own = _PERSONS_NOTE.sub(lambda note: "\n" * note[0].count("\n"), text)
    refuse_forbidden(own, quoted, path.name)
    folder, start, ending = _TABLES
    for table in files_in(path.parent / folder, ending):
        if not table.name.startswith(start):
            continue
        rows = read_text(table).replace('""', '"')
        refuse_forbidden(rows, quoted, table.name)


def _of_people(human: HumanInput) -> Iterator[str]:
    """The words of those who signed: names, offices, reasons, conditions, names of documents."""
    for statement in human.statements.values():
        yield from (statement.name, statement.role)
    for decision in human.decisions:
        yield from (decision.name, decision.title, decision.reason, decision.conditions)
        yield from (attachment.path for attachment in decision.attachments)


def _cases(results: Results) -> Iterator[str]:
    """What single cases say: the columns `text` of all measured tables, which quote the data."""
    for measurement in results.measurements:
        types, tables = measurement.types, measurement.tables
        for name in tables:
            if (name not in types or "text" in types[name].keys) and "text" in tables[name]:
                yield from tables[name]["text"].dropna().astype(str)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _texts(part)


def refuse_forbidden(text: str, quoted: Iterable[str] = (), where: str = "report.qmd") -> None:
    """Raise RenderError if a finished text claims what a run cannot show.

    Raises RenderError : names every use, its line and its context.
    """
    forbidden = find_forbidden(text, quoted)
    if forbidden:
        uses = "; ".join(
            f"line {use.line}: “{use.word}” in “… {use.context} …”" for use in forbidden
        )
        raise RenderError(
            f"{where}: words that a report must not use ({uses}). Say what evidence exists "
            "instead; the list is in templates/frameworks/_status_rules.yaml"
        )
