"""Images as small PNG inside an SVG: pixels stay squares, marks are drawn into the pixels.

Their colours are their own and do not change with the page, so marks that must be seen on them
are drawn here in black and white.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.visualizations.style import LIGHT

Image = NDArray[np.uint8]
#: Left, top, width and height in inches.
Box = tuple[float, ...]
#: Pixels along the longer side of an image that is enlarged in a picture of its own.
_SIDE = 192
#: Colours of a PNG; more cannot be told apart in a heat map.
_COLOURS = 96
#: How light the image becomes under the attributions.
_PALE = 0.45


def value_range(inputs: Floats) -> tuple[float, float]:
    """Values that are drawn black and white: 0, or the least where it is negative, and the most."""
    low, high = min(0.0, float(np.nanmin(inputs))), float(np.nanmax(inputs))
    return (low, high) if high > low else (low, low + 1)


def colours(image: Floats, scale: tuple[float, float]) -> Image:
    """(row, column, channel) -> (row, column, 3); three channels are red, green and blue."""
    share = np.clip((np.nan_to_num(image) - scale[0]) / (scale[1] - scale[0]), 0, 1)
    three = share if share.shape[2] == 3 else np.repeat(share.mean(axis=2, keepdims=True), 3, 2)
    return (255 * three).round().astype(np.uint8)


def shaded(image: Image, values: Floats, *, signed: bool = True) -> Image:
    """The image, pale and grey, with red where values raise and blue where they lower.

    Amounts without a sign are green.

    image : (row, column, 3). values : (row, column); the largest size gets the full colour.
    """
    most = float(np.abs(values).max()) or 1.0
    grey = image.mean(axis=2, keepdims=True) / 255
    base = 255 * (1 - _PALE * (1 - grey)) * np.ones(3)
    raising = _rgb(LIGHT.raises if signed else LIGHT.series[2])
    tone = np.where(values[..., None] > 0, raising, _rgb(LIGHT.lowers))
    weight = (np.abs(values) / most)[..., None] ** 0.7
    return np.asarray((1 - weight) * base + weight * tone).round().astype(np.uint8)


def _rgb(tone: str) -> Floats:
    return np.array([int(tone[at : at + 2], 16) for at in (1, 3, 5)], dtype=np.float64)


def enlarged(image: Image, side: int = _SIDE) -> Image:
    """Every pixel as a square of pixels, so that nobody's viewer blurs a small image.

    side : pixels along the longer side that it aims at.
    """
    times = max(1, round(side / max(image.shape[:2])))
    return image.repeat(times, axis=0).repeat(times, axis=1)


def outlined(image: Image, mask: Bools | None) -> Image:
    """A black and white line around the pixels of a mask, which may be smaller than the image."""
    return image if mask is None else _edged(image, mask, 4)


def framed(image: Image, mask: Bools) -> Image:
    """A black line with a white one inside around the pixels of a mask."""
    return _edged(image, mask, 0)


def _edged(image: Image, mask: Bools, dash: int) -> Image:
    """`dash` : length of the black and of the white pieces; 0 for a plain black line."""
    times = image.shape[0] // mask.shape[0]
    whole = mask.repeat(times, axis=0).repeat(times, axis=1)
    inner = whole & ~_shrunk(whole)
    marked = image.copy()
    if dash:
        rows, columns = np.ogrid[: whole.shape[0], : whole.shape[1]]
        marked[inner] = np.where(np.asarray((rows + columns) // dash % 2)[inner, None], 255, 0)
        return marked
    second = _shrunk(whole) & ~_shrunk(_shrunk(whole))
    marked[second & (times > 2)] = 255
    marked[inner] = 0
    return marked


def _shrunk(mask: Bools) -> Bools:
    """The mask without its outermost pixels; the image's edge counts as outside."""
    wide = np.pad(mask, 1)
    return wide[1:-1, 1:-1] & wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:]


def scale_bar(steps: int = 64) -> Image:
    """The colours from the most that lowers to the most that raises, on white."""
    values = np.linspace(-1, 1, steps)[None]
    return shaded(np.full((1, steps, 3), 255, dtype=np.uint8), values)


def with_images(svg: str, images: Sequence[tuple[Image, Box]]) -> str:
    """The SVG with images under everything that it draws."""
    start = svg.index(">") + 1
    return svg[:start] + "".join(_element(*image) for image in images) + svg[start:]


def _element(image: Image, box: Box) -> str:
    left, top, width, height = (f"{72 * side:.2f}".rstrip("0").rstrip(".") for side in box)
    data = base64.b64encode(_png(image)).decode("ascii")
    return (
        f'<image x="{left}" y="{top}" width="{width}" height="{height}" '
        'preserveAspectRatio="none" style="image-rendering:pixelated" '
        f'xlink:href="data:image/png;base64,{data}"/>'
    )


def _png(image: Image) -> bytes:
    """A PNG with a palette of its own: a tenth of the bytes of full colour."""
    from PIL import Image as Pillow

    made: Any = Pillow.fromarray(image).quantize(_COLOURS, dither=Pillow.Dither.NONE)
    buffer = io.BytesIO()
    made.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
