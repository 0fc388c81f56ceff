"""What a section promises, and what its template is filled with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

from deepseek_report.artifacts.message import Message, Text
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage.local_paths import check_name


class VisualizationPlugin(Protocol):
    """Draws one or several pictures from stored results."""

    section: ClassVar[str]
    """The section that shows its pictures, after those that the section places by name."""
    needs: ClassVar[frozenset[str]]
    """Ids of what it draws from: `training`, `predictions`, `explanations`, `measures/<metric>`,
    `conclusions` (then it is drawn again whenever anything that was measured changes).
    What else a picture may declare stands with its default in `traits.PicturePart`."""

    def draw(self, results: Results) -> Sequence[Picture]: ...


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


class SectionPlugin(Protocol):
    """Computes what one section of the report says."""

    needs: ClassVar[frozenset[str]]
    """Ids without which the section says that it is incomplete."""

    def content(self, results: Results) -> SectionContent: ...


@runtime_checkable
class SaysTexts(Protocol):
    """A part that knows which texts it asks the catalogs for."""

    @property
    def texts(self) -> tuple[str, ...]:
        """Their keys."""


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


@runtime_checkable
class MadeForUse(Protocol):
    """The part of a choice that `frameworks=auto` asks."""

    def fit(self, sector: str, places: Sequence[str]) -> Fit:
        """How it stands to what decisions are about (`dataset.sector`, "" where nobody says it),
        and to the codes of the places where they are made (`report.places`).
        """


@runtime_checkable
class TellsSector(Protocol):
    """The optional part of a DatasetPlugin that knows what decisions on such data are about."""

    @property
    def sector(self) -> str:
        """One of `data_card.Sector`; "" where nobody says it."""
