"""Images of the user's own: one folder for each class, or a table that names them."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.rounding import count, plural
from deepseek_report.artifacts.split import Dataset
from deepseek_report.artifacts.storage.local_paths import LocalPath
from deepseek_report.artifacts.storage.plain_files import sha256_file
from deepseek_report.datasets.assembly.assemble import Origin, assemble
from deepseek_report.datasets.assembly.column_declarations import (
    config_problems,
    data_error,
    error_text,
    nearest,
)
from deepseek_report.datasets.assembly.data_declarations import DescribedArrays
from deepseek_report.datasets.assembly.layouts import Arrays, image_layout, pixels
from deepseek_report.datasets.readers.file_bytes import read_open
from deepseek_report.datasets.readers.file_form import FileForm, ReadLimits
from deepseek_report.datasets.readers.table_file import file_problem, read_header, read_table
from deepseek_report.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 3
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".webp")
CLASS = "class"


@dataclass(frozen=True)
class ImageFolder(DescribedArrays):
    """Images of your own: a folder with one sub-folder for each class, or a table of paths.

    path : the folder; or a CSV or Parquet file with a column of paths.
    root : folder that these paths are taken from and must stay in; None is that of the table.
    image_column, target : columns of that table; several targets are several labels.
    groups, compare_by : columns of that table, see `DescribedArrays`. entity : column
        that names what several images are of (a patient, a piece); images of one entity never
        fall in different parts and count as one observation.
    masks : folder with black and white images of the same relative paths, whose white pixels are
        known to make the label.
    bounds : how much there may be, see `file_form.ReadLimits`.
    size, colour, patch : side in pixels to which images are scaled, colour or grey, and side of
        the squares that are explained as one.

    All other fields are those of `DescribedArrays`.
    """

    path: LocalPath | None = None
    root: LocalPath | None = None
    image_column: str = "path"
    masks: LocalPath | None = None
    size: Annotated[int, Field(ge=8, le=512)] = 32
    colour: bool = True
    patch: Annotated[int, Field(ge=1, le=512)] = 4

    # --- before loading ---------------------------------------------------------------------------

    @property
    def nature(self) -> DataTraits:
        kinds = frozenset(self.compared.values())
        return DataTraits("image", self.task, truth=self.masks is not None, groups=kinds)

    def problems(self) -> list[str]:
        """What is wrong, as far as the names of folders and columns can tell."""
        problems = [*self.rule.problems(), *self.task_problems(self.targets)]
        if self.path is None:
            case = (True, "`dataset.path` is not set", "a folder or a file", "set `dataset.path=…`")
            return [*problems, *config_problems(case)]
        for field, folder in (("masks", self.masks), ("root", self.root)):
            if folder is not None and not Path(folder).is_dir():
                problem, do = (
                    "there is no such folder",
                    f"correct `dataset.{field}`, or leave it out",
                )
                problems.append(error_text(folder, problem, "a folder of images", do))
        try:
            self._check_path(Path(self.path))
        except DataError as error:
            problems.append(str(error))
        return problems

    def _check_path(self, path: Path) -> None:
        if path.is_dir():
            self._check_folder(path)
            return
        if problem := file_problem(path):
            raise DataError(problem)
        names = read_header(path, FileForm(limits=self.bounds))
        for name in (self.image_column, *self.targets, *self.compared, *self.entities):
            if name not in names:
                raise data_error(
                    str(path), f"there is no column `{name}`", "a column", nearest(name, names)
                )

    def _check_folder(self, path: Path) -> None:
        folders = class_folders(path, self.bounds)
        if len(folders.classes) < 2:
            problem = f"the folder holds {plural(len(folders.classes), 'sub-folder')} with images"
            if folders.links:
                problem += f", and {plural(folders.links, 'link')}, which are not followed"
            raise data_error(
                str(path),
                problem,
                "a sub-folder for each of two classes",
                "put the images of each class in a sub-folder of its name",
            )
        if self.compared or self.entities or len(self.targets) > 1 or self.task != "classification":
            raise data_error(
                str(path),
                "groups, entities, numbers and several labels are asked for of a plain folder",
                "one class for each sub-folder",
                "name the images in a table, and set `dataset.path` to it",
            )

    def source_digest(self) -> str:
        """Hash of all images, their names, and the table.

        Raises DataError: the path cannot be used.
        """
        listed = self._listed()
        files = (file for name in listed.names for file in (self._root / name, self._mask(name)))
        return listed.digest(
            sha256_file(file, links=True) if file is not None and file.is_file() else "-"
            for file in files
        )

    # --- load -------------------------------------------------------------------------------------

    def load(self, seed: int, progress: Progress) -> Dataset:
        """Read and scale the images, split, describe and check them.

        Raises DataError: the path, the table or an image cannot be used.
        """
        listed = self._listed()
        frame, names = listed.frame, listed.names
        channels = 3 if self.colour else 1
        self.bounds.check("cells", len(names) * self.size**2 * channels, str(self.path))
        progress.start("Read the images", len(names))
        images, truths, digest = self._read_all(listed, progress)
        targets = (CLASS,) if self._is_folder else self.targets
        file = Path(str(self.path)).name
        answer = self.answer(frame, targets, file)
        attributes, groups = self.groups_of(frame, file)
        shape = images.shape[1:]
        scaled = message("preparation.scaled", size=self.size, colour=self.colour)
        arrays = Arrays(
            values=images,
            labels=answer.labels,
            all_labels=answer.all_labels,
            target=answer.target,
            features=pixels(shape),
            layout=image_layout(shape, self.patch),
            attributes=attributes,
            groups=groups,
            truth=truths,
            together=self.together(frame, "images"),
            notes=(*listed.notes, scaled, *answer.notes),
        )
        origin = Origin(file, digest, self.described(Path(str(self.path)).stem))
        return assemble(arrays.table(self.rule), origin, self.rule, seed)

    @property
    def _is_folder(self) -> bool:
        return Path(str(self.path)).is_dir()

    @property
    def _root(self) -> Path:
        path = Path(str(self.path))
        if self._is_folder:
            return path
        return path.parent if self.root is None else Path(self.root)

    def _listed(self) -> ListedImages:
        """One row an image: its path below the root, and what is known of it.

        Raises DataError: the path cannot be used, or a table names a file outside of the root.
        """
        if problems := self.problems():
            raise DataError("\n".join(problems))
        path = Path(str(self.path))
        if path.is_dir():
            folders = class_folders(path, self.bounds)
            return ListedImages(folders.frame(), "path", folders.notes())
        read = read_table(path, FileForm(limits=self.bounds))
        listed = ListedImages(read.frame, self.image_column, read.notes)
        self.bounds.check("files", len(listed.names), str(path))
        self._check_places(listed.names)
        return listed

    def _check_places(self, names: list[str]) -> None:
        root = self._root.resolve()
        outside = [
            name
            for name in names
            if (file := self._root / name).exists() and not is_inside(file, root)
        ]
        if outside:
            paths = plural(len(outside), "path leads", "paths lead")
            raise data_error(
                str(self.path),
                f"{paths} out of `{self._root}`, first `{outside[0]}`",
                "paths and links that stay in that folder",
                "name a folder that holds all images by `dataset.root`, or copy them there",
            )

    def _read_all(
        self, listed: ListedImages, progress: Progress
    ) -> tuple[Floats, Bools | None, str]:
        """(image, row, column, channel) of images, (image, row, column) of the masks' white
        pixels, and the digest of the bytes that were read.

        An image without a mask has no truth. Every image that cannot be read is named at once.
        """
        names, mode = listed.names, "RGB" if self.colour else "L"
        images = np.zeros((len(names), self.size, self.size, 3 if self.colour else 1))
        truths = None if self.masks is None else np.zeros(images.shape[:3], dtype=bool)
        broken: list[str] = []
        digests: list[str] = []
        for place, name in enumerate(names):
            image = self._read_one(self._root / name, mode, broken, digests)
            mask = self._read_one(self._mask(name), "L", broken, digests)
            if image is not None:
                images[place] = image.reshape(images.shape[1:])
            if truths is not None and mask is not None:
                truths[place] = mask >= 128
            progress.advance()
        if broken:
            shown = ", ".join(broken[:_SHOWN]) + (", …" if len(broken) > _SHOWN else "")
            raise data_error(
                str(self.path),
                f"{plural(len(broken), 'image')} of {count(len(names))} cannot be read: {shown}",
                ", ".join(SUFFIXES),
                "correct or remove them; paths are taken from the folder of the table",
            )
        return images, truths, listed.digest(digests)

    def _read_one(
        self, file: Path | None, mode: str, broken: list[str], digests: list[str]
    ) -> Floats | None:
        """The pixels; notes the digest of what was read, and why it could not be."""
        if file is None:
            digests.append("-")
            return None
        shown = _below(file, self._root)
        try:
            raw, digest = read_hashed(file, self.bounds)
            digests.append(digest)
            return read_image(raw, self.size, mode, self.bounds, shown)
        except (OSError, ValueError) as error:
            broken.append(f"{shown} ({getattr(error, 'strerror', None) or error})")
            return None

    def _mask(self, name: str) -> Path | None:
        """The mask of an image: the same relative path, whatever the ending."""
        if self.masks is None:
            return None
        whole = Path(self.masks).resolve()
        place = Path(self.masks) / _below(self._root / name, self._root)
        near = [place, *(place.with_suffix(suffix) for suffix in SUFFIXES)]
        return next((path for path in near if path.is_file() and is_inside(path, whole)), None)


def _below(file: Path, root: Path) -> str:
    """The path from the root, as messages name it."""
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name


# Which files there are, and one image file read within bounds and by its own bytes.


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
    return raw, sha256(raw).hexdigest()
