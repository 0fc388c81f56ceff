"""What people write beside a run: answers to what rows ask, and what is wrong in their files."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
