"""What people write beside a run: answers to what rows ask, and what is wrong in their files."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from deepseek_report.artifacts.message import Text, message
from deepseek_report.config.problems import Problem
from deepseek_report.wording.words import wording

#: Texts that only hold a place; a field that holds one is still empty.
_PLACEHOLDER = re.compile(
    r"[\W_]*("
    r"to ?do|tb[adc]|fix ?me|x{2,}|n ?/? ?a|none|null|nil|unknown|pending|draft|lorem ipsum.*"
    r"|(your |the |a |full |first |last )*(name|role|reason|text|date|statement)( (goes )?here)?"
    r"|(some|any|no) ?(one|body)|(john|jane) doe|max mustermann|(see|as) above|ditto|same"
    r"|example( text)?|place ?holder|fill (me )?in|to be (done|filled|decided|confirmed)"
    r")?[\W_]*",
    re.IGNORECASE,
)
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")

#: The folder of a run that holds what people wrote, and where the documents lie that it rests on.
PEOPLE = "people"
ATTACHMENTS = f"{PEOPLE}/attachments"
#: The short form of the open decisions, beside the report; `decide.html` is the same as a page.
FORM = "decisions.yaml"
DECIDE = "decide.html"
#: Most files of people in a run, and most documents of one decision.
MOST_FILES = 100


@dataclass(frozen=True)
class StatementSource:
    """The file in the run folder that somebody wrote it in, its SHA-256, and the line."""

    file: str = ""
    sha256: str = ""
    line: int = 0

    @property
    def place(self) -> str:
        """`people/a.yaml:3`."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Statement:
    """A statement of a named person, for one field that a requirement asks for.

    generated : True where a language model wrote the text; it is then shown as such and fills
    nothing, whoever is named.
    """

    field: str
    text: str
    name: str = ""
    role: str = ""
    date: str = ""
    generated: bool = False
    source: StatementSource = StatementSource()


@dataclass(frozen=True)
class PeopleProblem:
    """What is wrong in a file of a person: where, and which of `compliance.people` it is."""

    where: str
    kind: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def as_messages(self) -> dict[str, Text]:
        """Where it stands, what was found, what is allowed, what to do."""
        texts = {
            part: message(f"compliance.people.{self.kind}.{part}", **self.values)
            for part in ("found", "allowed", "todo")
        }
        return {"where": self.where, **texts}

    def in_english(self) -> Problem:
        """The problem as the command line tells it."""
        return Problem(*map(wording().say, self.as_messages().values()))


def wrong(where: str, kind: str, /, **values: object) -> PeopleProblem:
    """A problem of this kind: `wrong("people/a.yaml:3", "twice", key="roles")`."""
    return PeopleProblem(where, kind, values)


def is_placeholder(text: str) -> bool:
    """Whether a text says nothing: empty, marks only, or "TODO" and its like."""
    return _PLACEHOLDER.fullmatch(text.strip()) is not None


def parse_date(value: str) -> dt.date | None:
    """A calendar date written as YYYY-MM-DD, or None."""
    if not _ISO_DATE.fullmatch(value):
        return None
    try:
        return dt.date.fromisoformat(value)
    except ValueError:
        return None


def latest_day() -> dt.date:
    """Today where the day is latest on Earth: whoever signs today, anywhere, is not ahead of it."""
    return dt.datetime.now(dt.timezone(dt.timedelta(hours=14))).date()


# A YAML file that a person wrote, bounded, as texts with their lines.

#: Most bytes, and most nested levels, of a file.
MOST_BYTES = 262_144
_MOST_DEPTH = 8
_GROUPS = ["subject", "by", "decisions", "statements"]


@dataclass(frozen=True)
class Entry:
    """A value of a file: a text, the entries below it, or its items. line : of its key or dash."""

    line: int
    text: str = ""
    below: dict[str, Entry] = field(default_factory=dict)
    is_mapping: bool = False
    items: tuple[Entry, ...] = ()


def parse(shown: str, content: bytes) -> tuple[Entry, list[PeopleProblem]]:
    """The content of a file and what is wrong with its form.

    Aliases and anchors are refused, so that a small file cannot stand for a large one; every scalar
    is taken as the text that is written, so that `no` is a word and a date is a date.
    """
    nothing = Entry(1, is_mapping=True)
    if len(content) > MOST_BYTES:
        return nothing, [wrong(shown, "bytes", n=len(content), most=MOST_BYTES)]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return nothing, [wrong(f"{shown}:{line}", "not_utf8")]
    try:
        if problem := _refused(shown, text):
            return nothing, [problem]
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        return nothing, [_no_yaml(shown, error)]
    if not isinstance(node, yaml.MappingNode):
        return nothing, [wrong(shown, "empty" if node is None else "no_keys", keys=_GROUPS)]
    problems: list[PeopleProblem] = []
    return _entry(node, 1, shown, problems), problems


def _refused(shown: str, text: str) -> PeopleProblem | None:
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        where = f"{shown}:{event.start_mark.line + 1}" if event.start_mark else shown
        documents += isinstance(event, yaml.DocumentStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            return wrong(where, "alias")
        if depth > _MOST_DEPTH:
            return wrong(where, "depth", most=_MOST_DEPTH, file="docs/decisions-of-people.md")
        if documents > 1:
            return wrong(where, "document")
    return None


def _no_yaml(shown: str, error: yaml.YAMLError) -> PeopleProblem:
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or ""
    where = f"{shown}:{mark.line + 1}:{mark.column + 1}" if mark else shown
    return wrong(where, "not_yaml", reason=reason)


def _entry(node: yaml.Node, line: int, shown: str, problems: list[PeopleProblem]) -> Entry:
    if isinstance(node, yaml.ScalarNode):
        return Entry(line, "" if node.tag.endswith(":null") else node.value.strip())
    if isinstance(node, yaml.MappingNode):
        return Entry(line, below=dict(_pairs(node, shown, problems)), is_mapping=True)
    items = (_entry(item, item.start_mark.line + 1, shown, problems) for item in node.value)
    return Entry(line, items=tuple(items))


def _pairs(
    node: yaml.MappingNode, shown: str, problems: list[PeopleProblem]
) -> Iterator[tuple[str, Entry]]:
    seen: set[str] = set()
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            problems.append(wrong(f"{shown}:{line}", "odd_key"))
            continue
        if key.value in seen:
            problems.append(wrong(f"{shown}:{line}", "twice", key=key.value))
            continue
        seen.add(key.value)
        yield key.value, _entry(value, line, shown, problems)
