"""Series: readings of one or several channels, step by step, of which a window is a player."""

from __future__ import annotations

from typing import ClassVar

from deepseek_report.artifacts.rounding import plural
from deepseek_report.data_kinds.grid import Grid
from deepseek_report.data_kinds.kind_words import KindWords


class SeriesKind(Grid):
    """Series of at most so many steps; a window that is taken away gets the typical course."""

    name: ClassVar[str] = "series"
    views: ClassVar[tuple[str, ...]] = ("curves",)
    axes: ClassVar[tuple[str, ...]] = ("step",)
    may_end: ClassVar[bool] = True
    most_shift: ClassVar[int] = 5
    words: ClassVar[KindWords] = KindWords(
        plural="series",
        instance=("series", "series"),
        place=("step", "steps"),
        player="window",
        becomes="the typical course",
        removed="made the typical course",
        baseline="median or mode of the training part",
        replaced="Windows are replaced by the typical course, so the series that the model is "
        "asked about are broken ones; a method with the same reference is favoured by this choice.",
        nearest="Nearest training cases are those of least Euclidean distance between steps.",
        noise="noise is in robust standard deviations of the training part (distance between the "
        "quartiles / 1.349, or the standard deviation where that is 0) and stays within the "
        "training range",
    )

    def summary(self) -> str:
        steps, channels = self.shape
        size = f"{plural(steps, 'step')}, {plural(channels, 'channel')}"
        return f"Series of {size}; {self._explained()}"
