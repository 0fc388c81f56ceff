"""What a picture promises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.results import Results


class VisualizationPlugin(Protocol):
    """Draws one or several pictures from stored results."""

    section: ClassVar[str]
    """The section that shows its pictures, after those that the section places by name."""
    needs: ClassVar[frozenset[str]]
    """Ids of what it draws from: `training`, `predictions`, `explanations`, `measures/<metric>`,
    `conclusions` (then it is drawn again whenever anything that was measured changes).
    What else a picture may declare stands with its default in `traits.PicturePart`."""

    def draw(self, results: Results) -> Sequence[Picture]: ...
