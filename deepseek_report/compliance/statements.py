"""What only a person can say: signed statements, and reasons why a requirement does not apply."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from deepseek_report.compliance.framework import HUMAN
from deepseek_report.errors import ConfigError

#: Texts that only hold a place; a field that holds one is still empty.
_PLACEHOLDER = re.compile(
    r"[\W_]*|(to ?do|tb[ad]|fix ?me|xxx+|n ?/? ?a|none|null|name|role|date|lorem ipsum.*)[\W_]*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Statement:
    """A statement of a named person, for one field that a requirement asks for.

    generated : True where a language model wrote the text; it is then shown as such and fills
    nothing, whoever is named.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    text: str = ""
    name: str = ""
    role: str = ""
    date: dt.date | str = ""
    generated: bool = False
    field: str = ""

    @property
    def lacks(self) -> tuple[str, ...]:
        """Which parts are empty, or hold only a place."""
        parts = {"text": self.text, "name": self.name, "role": self.role}
        empty = [part for part, value in parts.items() if is_placeholder(value)]
        if not is_date(self.date):
            empty.append("date")
        return tuple(empty)

    @property
    def complete(self) -> bool:
        """Whether a person signed it with text, name, role and date."""
        return not self.lacks and not self.generated


@dataclass(frozen=True)
class Exemption:
    """Why a requirement does not apply, with the name of the person who says so."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    reason: str = ""
    name: str = ""
    role: str = ""
    date: dt.date | str = ""

    @property
    def valid(self) -> bool:
        """A written reason and a name are there (`_status_rules.yaml`, not_applicable)."""
        return not is_placeholder(self.reason) and not is_placeholder(self.name)


@dataclass(frozen=True)
class HumanInput:
    """All that people supplied in the config: {field: statement}, {row id: exemption}."""

    statements: Mapping[str, Statement] = field(default_factory=dict)
    not_applicable: Mapping[str, Exemption] = field(default_factory=dict)

    @property
    def signed(self) -> frozenset[str]:
        """Fields that a person filled and signed."""
        return frozenset(name for name, one in self.statements.items() if one.complete)


def is_placeholder(text: str) -> bool:
    """Whether a text says nothing: empty, marks only, or "TODO" and its like."""
    return _PLACEHOLDER.fullmatch(text.strip()) is not None


def is_date(value: dt.date | str) -> bool:
    """Whether this is a calendar date, as such or as YYYY-MM-DD."""
    if isinstance(value, dt.date):
        return True
    try:
        dt.date.fromisoformat(value.strip())
    except ValueError:
        return False
    return True


def read_human_input(report: Mapping[str, Any]) -> HumanInput:
    """What `report.statements` and `report.not_applicable` of a resolved config hold.

    Raises
    ------
    ConfigError : an unknown key or a wrong type, all of them at once.
    """
    problems: list[str] = []
    statements = _parse(Statement, report, "statements", problems)
    exemptions = _parse(Exemption, report, "not_applicable", problems)
    if problems:
        raise ConfigError("; ".join(problems))
    return HumanInput(
        statements={
            name: Statement(**{**vars(one), "field": name}) for name, one in statements.items()
        },
        not_applicable=exemptions,
    )


def _parse(kind: Any, report: Mapping[str, Any], key: str, problems: list[str]) -> dict[str, Any]:
    adapter: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, kind])
    try:
        found = adapter.validate_python(dict(report.get(key) or {}))
    except ValidationError as error:
        allowed = ", ".join(one.name for one in fields(kind) if one.name != "field")
        problems += [
            f"report.{key}.{'.'.join(map(str, one['loc']))}: {one['msg']}; allowed keys: {allowed}"
            for one in error.errors()
        ]
        return {}
    return {name.removeprefix(HUMAN): one for name, one in found.items()}
