"""Images: pixels in rows, columns and channels, of which a square patch is a player."""

from __future__ import annotations

from typing import ClassVar

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.message import Text, message
from deepseek_report.data_kinds.glance import SIDE, Glance, shrunk
from deepseek_report.data_kinds.grid import Grid
from deepseek_report.data_kinds.players import n_players


class ImageKind(Grid):
    """Images of one size; a patch that is taken away gets the typical pixels of that place."""

    name: ClassVar[str] = "image"
    views: ClassVar[tuple[str, ...]] = ("raster",)
    changes: ClassVar[tuple[str, ...]] = ("rotate", "flip", "shift", "add", "times")
    axes: ClassVar[tuple[str, ...]] = ("row", "column")
    neighbours: ClassVar[int] = 1
    most_shift: ClassVar[int] = 1
    player: ClassVar[str] = "patch"
    becomes: ClassVar[str] = "typical pixels"
    cells: ClassVar[str] = "pixels"

    def glance(self, row: Floats) -> Glance:
        """A smaller image, each of whose pixels is the mean of a block."""
        image = row.reshape(self.shape)
        across = max(1, -(-max(image.shape[:2]) // SIDE))
        rows, columns = (-(-side // across) for side in image.shape[:2])
        return Glance(pixels=shrunk(shrunk(image, rows).swapaxes(0, 1), columns).swapaxes(0, 1))

    def summary(self) -> Text:
        rows, columns, channels = self.shape
        size = {"rows": rows, "columns": columns, "channels": channels}
        return message("kinds.image.summary", players=n_players(self.schema), **size)
