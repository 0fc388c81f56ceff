"""Reading one image file, within bounds and by its own bytes."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.datasets.assembly.column_declarations import data_error
from deepseek_report.datasets.readers.file_bytes import read_open
from deepseek_report.datasets.readers.file_form import ReadLimits
from deepseek_report.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".webp")
CLASS = "class"


@dataclass(frozen=True)
class ListedImages:
    """The images that are to be read. column : of the frame, holds their paths from the root."""

    frame: pd.DataFrame
    column: str
    notes: tuple[Text, ...]

    @property
    def names(self) -> list[str]:
        return [str(path) for path in self.frame[self.column]]

    def digest(self, files: Iterable[str]) -> str:
        """SHA-256 over the list and the SHA-256 of each image and mask, "-" where there is none."""
        whole = sha256(self.frame.to_csv(index=False).encode())
        for file_digest in files:
            whole.update(file_digest.encode())
        return whole.hexdigest()


@dataclass(frozen=True)
class ClassFolders:
    """The images of a folder with one sub-folder for each class.

    files : (path from the folder, class), in order. links : how many links were left out.
    """

    files: tuple[tuple[str, str], ...]
    links: int

    @property
    def classes(self) -> list[str]:
        return list(dict.fromkeys(name for _, name in self.files))

    def frame(self) -> pd.DataFrame:
        """One row an image."""
        import pandas as pd

        return pd.DataFrame(list(self.files), columns=["path", CLASS])

    def notes(self) -> tuple[Message, ...]:
        """What the card says of links, if there were any."""
        return (message("preparation.links", n=self.links),) if self.links else ()


def class_folders(root: Path, limits: ReadLimits) -> ClassFolders:
    """The images below the sub-folders; no link to a folder and none out of `root` is followed.

    Raises DataError: more images than are allowed, or a name that is no text.
    """
    whole = root.resolve()
    files: list[tuple[str, str]] = []
    links = 0
    for folder in sorted(root.iterdir()):
        if folder.name.startswith(".") or not (folder.is_symlink() or folder.is_dir()):
            continue
        if folder.is_symlink():
            links += _is_folder_or_nothing(folder)
            continue
        for file, to_folder in _walk(folder):
            if to_folder or (file.is_symlink() and not is_inside(file, whole)):
                links += 1
            elif file.is_file():
                files.append((file.relative_to(root).as_posix(), folder.name))
                limits.check("files", len(files), str(root), at_least=True)
    _check_names(root, files)
    return ClassFolders(tuple(files), links)


def _walk(folder: Path) -> Iterator[tuple[Path, bool]]:
    for place, folders, names in os.walk(folder, followlinks=False):
        folders.sort()
        inner = [Path(place, name) for name in folders]
        yield from ((link, True) for link in inner if link.is_symlink())
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield Path(place, name), False


def _is_folder_or_nothing(link: Path) -> bool:
    """Whether a link beside the sub-folders would be a class, or leads nowhere or in a circle."""
    try:
        return not link.is_file()
    except OSError:
        return True


def is_inside(path: Path, root: Path) -> bool:
    """Whether a path, all links followed, lies below `root`, itself without links."""
    try:
        return path.resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):  # leads nowhere, or in a circle
        return False


def _check_names(root: Path, files: list[tuple[str, str]]) -> None:
    for name, _ in files:
        try:
            name.encode()
        except UnicodeEncodeError:
            shown = name.encode("utf-8", "replace").decode()
            raise data_error(
                str(root),
                f"the name `{shown}` is not written in UTF-8",
                "names in UTF-8",
                "rename it",
            ) from None


#: Whatever an image file is called, it is read as one of these; others can run programs.
_FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "GIF", "WEBP")


def read_image(raw: bytes, size: int, mode: str, limits: ReadLimits, where: str) -> Floats:
    """An image, upright, scaled to a square; the first picture of several in a file.

    Raises DataError: more pixels than are allowed, by the file's own head; ValueError: no image.
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

    Raises DataError: more bytes than are allowed; OSError: it cannot be read.
    """
    with file.open("rb") as stream:
        raw = read_open(stream, str(file), limits)
    return raw, hashlib.sha256(raw).hexdigest()
