"""What a reader must know of a framework's text before reading the table: age, force, gaps."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.compliance.framework import (
    Framework,
    FrameworkChoice,
    frameworks_folder,
    read_yaml,
)

BannerKind = Literal[
    "superseded", "version_changed", "stale", "undated", "applies_later", "unverified"
]
_ISO = re.compile(r"(\d{4})-(\d{2})(?:-(\d{2}))?")


@dataclass(frozen=True)
class Banner:
    """One warning above a framework's table.

    values : what its sentence says, but for the framework's own texts.
    """

    kind: BannerKind
    values: Mapping[str, Any] = field(default_factory=dict)

    def as_message(self, shown: Framework) -> Message:
        """The warning, with the texts of the framework in the language of the report."""
        own = {"force": shown.legal_force, "dates": dict(shown.applies_from)}
        return message(f"compliance.banners.{self.kind}", **self.values, **own)


@dataclass(frozen=True)
class Milestone:
    """A dated change of the law, as it was known when the frameworks were checked."""

    when: str
    id: str
    source: str


@dataclass(frozen=True)
class AsOf:
    """The day for which a report speaks, and what that day is; without one, why there is none."""

    day: date | None
    because: Text


def banners(
    framework: Framework, choice: FrameworkChoice, as_of: AsOf, stale_after_days: int
) -> tuple[Banner, ...]:
    """All warnings that this framework triggers on the as-of date, gravest first.

    Parameters
    ----------
    as_of : the day that the config sets or that the run was made on. No clock is read.
    stale_after_days : age of `checked`, in days, above which the text is called stale.
    """
    triggered = [
        _superseded(framework),
        _version(framework, choice),
        _age(framework, as_of, stale_after_days),
        _later(framework, as_of.day),
        _unverified(framework),
    ]
    return tuple(banner for banner in triggered if banner)


def _superseded(framework: Framework) -> Banner | None:
    return Banner("superseded") if framework.superseded else None


def _version(framework: Framework, choice: FrameworkChoice) -> Banner | None:
    if choice.reviewed_version in {"", framework.text_version}:
        return None
    versions = {"reviewed": choice.reviewed_version, "version": framework.text_version}
    return Banner("version_changed", versions)


def _age(framework: Framework, as_of: AsOf, stale_after_days: int) -> Banner | None:
    values = {"checked": framework.checked.isoformat(), "because": as_of.because}
    if as_of.day is None:
        return Banner("undated", {**values, "key": "report.as_of"})
    age = (as_of.day - framework.checked).days
    if age <= stale_after_days:
        return None
    day = as_of.day.isoformat()
    return Banner("stale", {**values, "age": age, "day": day, "limit": stale_after_days})


def _later(framework: Framework, as_of: date | None) -> Banner | None:
    if as_of is None:
        return None
    later = [
        name
        for name, text in framework.applies_from.items()
        if (start := leading_date(text)) and start > as_of
    ]
    if not later:
        return None
    return Banner("applies_later", {"day": as_of.isoformat(), "parts": later})


def _unverified(framework: Framework) -> Banner | None:
    n = len(framework.unverified)
    if not n:
        return None
    return Banner("unverified", {"n": n, "rows": len(framework.rows)})


def leading_date(text: str) -> date | None:
    """The date that a text begins with, the first of the month where no day is given, or None."""
    match = _ISO.match(text.strip())
    if not match:
        return None
    year, month, day = match.groups()
    try:
        return date(int(year), int(month), int(day or 1))
    except ValueError:
        return None


def milestones(as_of: date | None, shown: Set[str]) -> tuple[Milestone, ...]:
    """Dated changes that concern the frameworks shown, in order; those before `as_of` are left out.

    Parameters
    ----------
    as_of : the day for which the report speaks; None leaves nothing out.
    shown : ids of the frameworks that the report shows.
    """
    data: Mapping[str, list[Mapping[str, Any]]] = read_yaml(frameworks_folder() / "_dates.yaml")
    concerning = [
        (leading_date(str(change["date"])) or date.max, change)
        for change in data["dates"]
        if shown & set(change["frameworks"])
    ]
    return tuple(
        Milestone(str(change["date"]), change["id"], change["source"])
        for when, change in sorted(concerning, key=lambda pair: pair[0])
        if as_of is None or when >= as_of
    )
