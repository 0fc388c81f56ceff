"""Reading one image file, within bounds and by its own bytes."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.datasets.readers.file_bytes import read_open
from deepseek_report.datasets.readers.limits import ReadLimits
from deepseek_report.errors import DataError

#: Whatever an image file is called, it is read as one of these; others can run programs.
_FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "GIF", "WEBP")


def read_image(raw: bytes, size: int, mode: str, limits: ReadLimits, where: str) -> Floats:
    """An image, upright, scaled to a square; the first picture of several in a file.

    Raises
    ------
    DataError : more pixels than are allowed, by the file's own head. ValueError : no image.
    """
    from PIL import Image, ImageOps

    try:
        with _bounded(limits.pixels), Image.open(io.BytesIO(raw), formats=_FORMATS) as image:
            limits.check("pixels", image.width * image.height, where)
            upright = ImageOps.exif_transpose(image).convert(mode)
            scaled = upright.resize((size, size), Image.Resampling.BILINEAR, reducing_gap=3.0)
    except DataError:
        raise
    except Image.DecompressionBombError:  # twice as many, which Pillow does not even open
        raise limits.exceeded("pixels", 2 * limits.pixels, where, at_least=True) from None
    except Exception as error:  # the decoders raise whatever they meet
        raise ValueError(str(error).partition("\n")[0][:80] or type(error).__name__) from None
    return np.asarray(scaled, dtype=np.float64)


@contextmanager
def _bounded(pixels: int) -> Iterator[None]:
    """Pillow refuses frames of more pixels, and leaves the first look at the size to us."""
    from PIL import Image

    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = pixels
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def read_hashed(file: Path, limits: ReadLimits) -> tuple[bytes, str]:
    """The bytes of an image file and their SHA-256.

    Raises
    ------
    DataError : more bytes than are allowed. OSError : it cannot be read.
    """
    with file.open("rb") as stream:
        raw = read_open(stream, str(file), limits)
    return raw, hashlib.sha256(raw).hexdigest()
