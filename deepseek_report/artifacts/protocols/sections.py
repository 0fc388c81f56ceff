"""What a section promises, and what its template is filled with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deepseek_report.artifacts.message import Message, Text
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage.local_paths import check_name


@dataclass(frozen=True)
class SectionContent:
    """What a section's template is filled with.

    question, answer : two sentences. values : for the template. caveats, actions : whole sentences
    that this run triggers. incomplete : why parts that were asked for are missing. failure : why
    the section as a whole could not be written, or nothing.
    """

    name: str
    title: str
    question: str
    answer: str
    values: Mapping[str, Any] = field(default_factory=dict)
    caveats: Sequence[Text] = ()
    actions: Sequence[Text] = ()
    incomplete: Sequence[str] = ()
    failure: Text = ""

    def __post_init__(self) -> None:
        check_name(self.name, "section")


class SectionPart:
    """Base of what computes one section of the report."""

    @property
    def needs(self) -> frozenset[str]:
        """Ids without which the section says that it is incomplete."""
        return frozenset()

    def content(self, results: Results) -> SectionContent:
        """What it says of a run."""
        raise NotImplementedError

    @property
    def texts(self) -> tuple[str, ...]:
        """Keys of the texts that it asks the catalogs for, as far as it knows them."""
        return ()


# What a regulatory framework says of the use that a run declares, so that one can be chosen.


@dataclass(frozen=True)
class Fit:
    """How a framework stands to a declared use.

    applies : it is made for this use in one of these places. voluntary : the same, and nobody is
    bound by it, so that it is left to a person to take it up. near : one thing alone stands against
    it. why : the reason, for the one or for the other.
    """

    applies: bool
    voluntary: bool
    near: bool
    why: Message


class FrameworkPart:
    """Base of a choice of a framework."""

    def fit(self, sector: str, places: Sequence[str]) -> Fit | None:
        """How it stands to what decisions are about (`dataset.sector`, "" where nobody says it),
        and to the codes of the places where they are made (`report.places`), by which
        `frameworks=auto` chooses; None where it does not say, and is kept.
        """
        return None
