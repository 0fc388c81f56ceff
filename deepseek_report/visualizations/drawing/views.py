"""The picture of an object that draws itself at a width and says what is to be seen."""

from __future__ import annotations

from typing import Protocol

from deepseek_report.artifacts.message import Text
from deepseek_report.artifacts.picture import Picture
from deepseek_report.visualizations.style import NARROW, WIDTH


class DrawsItself(Protocol):
    """What a picture shows of a run.

    drawn : the SVG for a page of so many inches.
    """

    def drawn(self, page: float) -> str: ...

    def title(self) -> Text: ...

    def alt(self) -> Text: ...


def picture_of(view: DrawsItself, name: str, how_to_read: Text) -> Picture:
    """A view on a wide and on a narrow page, with the texts beside it."""
    return Picture(
        name=name,
        svg=view.drawn(WIDTH),
        narrow=view.drawn(NARROW),
        title=view.title(),
        alt=view.alt(),
        how_to_read=how_to_read,
    )
