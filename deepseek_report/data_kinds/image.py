"""Images: pixels in rows, columns and channels, of which a square patch is a player."""

from __future__ import annotations

from typing import ClassVar

from deepseek_report.artifacts.rounding import plural
from deepseek_report.data_kinds.grid import Grid
from deepseek_report.data_kinds.kind_words import KindWords


class ImageKind(Grid):
    """Images of one size; a patch that is taken away gets the typical pixels of that place."""

    name: ClassVar[str] = "image"
    views: ClassVar[tuple[str, ...]] = ("raster",)
    axes: ClassVar[tuple[str, ...]] = ("row", "column")
    neighbours: ClassVar[int] = 1
    most_shift: ClassVar[int] = 1
    words: ClassVar[KindWords] = KindWords(
        plural="images",
        instance=("image", "images"),
        place=("pixel", "pixels"),
        player="patch",
        becomes="typical pixels",
        removed="made typical pixels",
        baseline="median or mode of the training part",
        replaced="Patches are replaced by the typical pixels, so the images that the model is "
        "asked about are broken ones; a method with the same reference is favoured by this choice.",
        nearest="Nearest training cases are those of least Euclidean distance between pixels.",
        noise="noise is in robust standard deviations of the training part (distance between the "
        "quartiles / 1.349, or the standard deviation where that is 0) and stays within the "
        "training range",
    )

    def summary(self) -> str:
        rows, columns, channels = self.shape
        size = f"{rows} × {columns} pixels, {plural(channels, 'channel')}"
        return f"Images of {size}; {self._explained()}"
