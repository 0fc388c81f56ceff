"""Images of the user's own: one folder for each class, or a table that names them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from deepseek_report.artifacts.files import sha256_file
from deepseek_report.artifacts.numbers import count, plural
from deepseek_report.artifacts.protocols.datasets import Nature
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.arrays import Arrays, Origin, as_dataset
from deepseek_report.datasets.columns import message, nearest
from deepseek_report.datasets.described import DescribedArrays, attribute_of
from deepseek_report.datasets.layouts import CHANNELS, image_layout, pixels
from deepseek_report.datasets.reading import TextFormat, file_problem, read_header, read_table
from deepseek_report.datasets.splitting import Together
from deepseek_report.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".webp")
_SHOWN = 3
_CLASS = "class"


@dataclass(frozen=True)
class ImageFolder(DescribedArrays):
    """Images of your own: a folder with one sub-folder for each class, or a table of paths.

    path : the folder; or a CSV or Parquet file with a column of paths, taken from its own folder.
    image_column, target : columns of that table; several targets are several labels.
    groups, compare_by : columns of that table, see `described.DescribedArrays`. entity : column
        that names what several images are of (a patient, a piece); images of one entity never
        fall in different parts.
    masks : folder with black and white images of the same relative paths, whose white pixels are
        known to make the label.
    size, colour, patch : side in pixels to which images are scaled, colour or grey, and side of
        the squares that are explained as one.
    All other fields are those of `described.DescribedArrays`.
    """

    path: str | None = None
    image_column: str = "path"
    target: str | tuple[str, ...] = "label"
    entity: str | None = None
    masks: str | None = None
    size: Annotated[int, Field(ge=8, le=512)] = 32
    colour: bool = True
    patch: Annotated[int, Field(ge=1, le=512)] = 4

    # --- before loading ---------------------------------------------------------------------------

    @property
    def targets(self) -> tuple[str, ...]:
        return (self.target,) if isinstance(self.target, str) else self.target

    @property
    def nature(self) -> Nature:
        kinds = frozenset(self.compared.values())
        return Nature("image", self.task, truth=self.masks is not None, groups=kinds)

    def problems(self) -> list[str]:
        """What is wrong, as far as the names of folders and columns can tell."""
        found = [*self.rule.problems(), *self.task_problems(self.targets)]
        if self.path is None:
            do = "set `dataset.path=…`"
            return [
                *found,
                message("dataset", "`dataset.path` is not set", "a folder or a file", do),
            ]
        if self.masks is not None and not Path(self.masks).is_dir():
            do = "correct `dataset.masks`, or leave it out"
            found.append(message(self.masks, "there is no such folder", "a folder of images", do))
        try:
            self._check_path(Path(self.path))
        except DataError as error:
            found.append(str(error))
        return found

    def _check_path(self, path: Path) -> None:
        if path.is_dir():
            self._check_folder(path)
            return
        if problem := file_problem(path):
            raise DataError(problem)
        names = read_header(path, TextFormat())
        for name in (self.image_column, *self.targets, *self.compared, *self._entities):
            if name not in names:
                has = f"there is no column `{name}`"
                raise DataError(message(str(path), has, "a column", nearest(name, names)))

    def _check_folder(self, path: Path) -> None:
        classes = [one.name for one in _class_folders(path)]
        if len(classes) < 2:
            found = f"the folder holds {plural(len(classes), 'sub-folder')} with images"
            do = "put the images of each class in a sub-folder of its name"
            raise DataError(message(str(path), found, "a sub-folder for each of two classes", do))
        if (
            self.compared
            or self._entities
            or len(self.targets) > 1
            or self.task != "classification"
        ):
            found = "groups, entities, numbers and several labels are asked for of a plain folder"
            do = "name the images in a table, and set `dataset.path` to it"
            raise DataError(message(str(path), found, "one class for each sub-folder", do))

    @property
    def _entities(self) -> tuple[str, ...]:
        return () if self.entity is None else (self.entity,)

    def source_digest(self) -> str:
        """Hash of all images, their names, and the table.

        Raises
        ------
        DataError : the path cannot be used.
        """
        frame = self._table()
        root = self._root
        whole = sha256(frame.to_csv(index=False).encode())
        for name in frame[self._image_column]:
            for file in (root / str(name), self._mask(str(name))):
                whole.update(sha256_file(file).encode() if file and file.is_file() else b"-")
        return whole.hexdigest()

    # --- load -------------------------------------------------------------------------------------

    def load(self, seed: int, progress: Progress) -> Dataset:
        """Read and scale the images, split, describe and check them.

        Raises
        ------
        DataError : the path, the table or an image cannot be used.
        """
        frame = self._table()
        names = [str(one) for one in frame[self._image_column]]
        progress.start("Read the images", len(names))
        images = self._images(names, progress)
        targets = (_CLASS,) if self._is_folder else self.targets
        file = Path(str(self.path)).name
        answer = self.answer(frame, targets, file)
        found = [attribute_of(frame[name], kind, file) for name, kind in self.compared.items()]
        shape = images.shape[1:]
        arrays = Arrays(
            values=images,
            labels=answer.labels,
            all_labels=answer.all_labels,
            target=answer.target,
            features=pixels(shape, CHANNELS[shape[2]], None),
            layout=image_layout(shape, CHANNELS[shape[2]], self.patch),
            attributes=tuple(one for one, _ in found),
            groups={one.name: codes for one, codes in found},
            truth=self._truths(names),
            together=self._together(frame),
            notes=(self._scaled(), *answer.notes),
        )
        origin = Origin(file, self.source_digest(), self.described(Path(str(self.path)).stem))
        return as_dataset(arrays, origin, self.rule, seed)

    @property
    def _is_folder(self) -> bool:
        return Path(str(self.path)).is_dir()

    @property
    def _root(self) -> Path:
        path = Path(str(self.path))
        return path if path.is_dir() else path.parent

    @property
    def _image_column(self) -> str:
        return "path" if self._is_folder else self.image_column

    def _table(self) -> pd.DataFrame:
        """One row an image: its path below the root, and what is known of it."""
        if problems := self.problems():
            raise DataError("\n".join(problems))
        path = Path(str(self.path))
        return _folder_table(path) if path.is_dir() else read_table(path, TextFormat())

    def _images(self, names: list[str], progress: Progress) -> NDArray[np.float64]:
        """(image, row, column, channel); every image that cannot be read is named at once."""
        channels = 3 if self.colour else 1
        images = np.zeros((len(names), self.size, self.size, channels))
        broken = []
        for one, name in enumerate(names):
            try:
                mode = "RGB" if self.colour else "L"
                images[one] = _read(self._root / name, self.size, mode).reshape(images.shape[1:])
            except (OSError, ValueError, SyntaxError, Warning) as error:
                broken.append(f"{name} ({str(error).splitlines()[0][:80] or type(error).__name__})")
            progress.advance()
        if broken:
            shown = ", ".join(broken[:_SHOWN]) + (", …" if len(broken) > _SHOWN else "")
            found = f"{plural(len(broken), 'image')} of {count(len(names))} cannot be read: {shown}"
            do = "correct or remove them; paths are taken from the folder of the table"
            raise DataError(message(str(self.path), found, ", ".join(SUFFIXES), do))
        return images

    def _mask(self, name: str) -> Path | None:
        """The mask of an image: the same relative path, whatever the ending."""
        if self.masks is None:
            return None
        place = Path(self.masks) / name
        near = [place, *(place.with_suffix(suffix) for suffix in SUFFIXES)]
        return next((one for one in near if one.is_file()), None)

    def _truths(self, names: list[str]) -> NDArray[np.bool_] | None:
        """(image, row, column) white pixels of the masks; an image without a mask has no truth."""
        if self.masks is None:
            return None
        truth = np.zeros((len(names), self.size, self.size), dtype=bool)
        for one, name in enumerate(names):
            if (mask := self._mask(name)) is not None:
                truth[one] = _read(mask, self.size, "L") >= 128
        return truth

    def _together(self, frame: pd.DataFrame) -> Together:
        if self.entity is None:
            return Together()
        units = np.unique(frame[self.entity].astype(str), return_inverse=True)[1]
        method = f"Images with the same “{self.entity}” stay in the same part."
        return Together(units=units.astype(np.int64), method=method)

    def _scaled(self) -> str:
        kind = "colour" if self.colour else "grey"
        return (
            f"Images are scaled to {self.size} × {self.size} pixels, {kind} levels from 0 to 255."
        )


def _class_folders(path: Path) -> list[Path]:
    folders = sorted(one for one in path.iterdir() if one.is_dir() and one.name[0] != ".")
    return [one for one in folders if _files(one)]


def _files(folder: Path) -> list[Path]:
    return sorted(
        one for one in folder.rglob("*") if one.suffix.lower() in SUFFIXES and one.name[0] != "."
    )


def _folder_table(path: Path) -> pd.DataFrame:
    import pandas as pd

    found = [
        (file.relative_to(path).as_posix(), folder.name)
        for folder in _class_folders(path)
        for file in _files(folder)
    ]
    return pd.DataFrame(found, columns=["path", _CLASS])


def _read(file: Path, size: int, mode: str) -> NDArray[np.float64]:
    """An image, upright, scaled to a square; the first picture of several in a file."""
    from PIL import Image, ImageOps

    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(file) as found:
            upright = ImageOps.exif_transpose(found).convert(mode)
            scaled = upright.resize((size, size), Image.Resampling.BILINEAR, reducing_gap=3.0)
    return np.asarray(scaled, dtype=np.float64)
