"""What a reader must know of a framework's text before reading the table: age, force, gaps."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from deepseek_report.artifacts.rounding import count, plural
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
    """One warning above a framework's table."""

    kind: BannerKind
    text: str


@dataclass(frozen=True)
class Milestone:
    """A dated change of the law, as it was known when the frameworks were checked."""

    when: str
    what: str
    source: str


@dataclass(frozen=True)
class AsOf:
    """The day for which a report speaks, and what that day is; without one, why there is none."""

    day: date | None
    because: str


def banners(
    framework: Framework, choice: FrameworkChoice, as_of: AsOf, stale_after_days: int
) -> tuple[Banner, ...]:
    """All warnings that this framework triggers on the as-of date, gravest first.

    Parameters
    ----------
    as_of : the day that the config sets or that the run was made on. No clock is read.
    stale_after_days : age of `checked`, in days, above which the text is called stale.
    """
    found = [
        _superseded(framework),
        _version(framework, choice),
        _age(framework, as_of, stale_after_days),
        _later(framework, as_of.day),
        _unverified(framework),
    ]
    return tuple(banner for banner in found if banner)


def _superseded(framework: Framework) -> Banner | None:
    if not re.search(r"superseded|rescinded|repealed", framework.legal_force, re.IGNORECASE):
        return None
    return Banner(
        "superseded",
        f"A text that this file cites is no longer in force. Legal force: {framework.legal_force}.",
    )


def _version(framework: Framework, choice: FrameworkChoice) -> Banner | None:
    if choice.reviewed_version in {"", framework.text_version}:
        return None
    return Banner(
        "version_changed",
        f"The text has changed since it was reviewed: the config names version "
        f"“{choice.reviewed_version}”, the file holds “{framework.text_version}”.",
    )


def _age(framework: Framework, as_of: AsOf, stale_after_days: int) -> Banner | None:
    checked = framework.checked
    if as_of.day is None:
        return Banner(
            "undated",
            f"{as_of.because}, so it is not judged whether the text checked on {checked} is still "
            "current. Set report.as_of to have it judged for a day.",
        )
    age = (as_of.day - checked).days
    if age <= stale_after_days:
        return None
    return Banner(
        "stale",
        f"Stale: the text was last checked on {checked}, {plural(age, 'day')} before "
        f"{as_of.day}, {as_of.because}; the limit is {plural(stale_after_days, 'day')}. "
        "Read the current text first.",
    )


def _later(framework: Framework, as_of: date | None) -> Banner | None:
    if as_of is None:
        return None
    later = [
        f"{readable_key(name)}: {text}"
        for name, text in framework.applies_from.items()
        if (start := leading_date(text)) and start > as_of
    ]
    if not later:
        return None
    return Banner(
        "applies_later", f"Not yet in application on {as_of}. It applies later: {'; '.join(later)}."
    )


def _unverified(framework: Framework) -> Banner | None:
    n = len(framework.unverified)
    if not n:
        return None
    return Banner(
        "unverified",
        f"{count(n)} of {plural(len(framework.rows), 'row')} not checked against the text "
        "(marked †); they cannot show that evidence is present or "
        "complete.",
    )


def readable_key(name: str) -> str:
    """`annex_iii_high_risk -> "annex III high risk"`."""
    return " ".join(
        word.upper() if re.fullmatch(r"[ivx]+", word) else word for word in name.split("_")
    )


def leading_date(text: str) -> date | None:
    """The date that a text begins with, the first of the month where no day is given, or None."""
    found = _ISO.match(text.strip())
    if not found:
        return None
    year, month, day = found.groups()
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
    found = [
        (leading_date(str(one["date"])) or date.max, one)
        for one in data["dates"]
        if shown & set(one["frameworks"])
    ]
    return tuple(
        Milestone(str(one["date"]), one["what"], one["source"])
        for when, one in sorted(found, key=lambda pair: pair[0])
        if as_of is None or when >= as_of
    )
