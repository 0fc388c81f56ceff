"""What a section promises, and what its template is filled with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from deepseek_report.artifacts.message import Text
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
