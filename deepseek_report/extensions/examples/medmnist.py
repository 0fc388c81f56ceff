"""Small medical images of MedMNIST, fetched once and then read from the cache."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache as remembered
from hashlib import md5
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter

from deepseek_report.artifacts.array_types import Array, Ints
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.schema import Target
from deepseek_report.artifacts.split import Dataset
from deepseek_report.artifacts.storage.local_paths import LocalPath
from deepseek_report.datasets.assembly.assemble import Origin, assemble
from deepseek_report.datasets.assembly.column_declarations import data_error, error_text, nearest
from deepseek_report.datasets.assembly.layouts import Arrays, image_layout, pixels
from deepseek_report.datasets.data_card import Description, Sector
from deepseek_report.datasets.readers.file_bytes import FileBytes, open_archive, read_bytes
from deepseek_report.datasets.readers.file_form import Bounds, ReadLimits
from deepseek_report.datasets.sources.fetched import FetchRequest, fetching
from deepseek_report.datasets.splitting import Duplicates, GroupConstraint, SplitRule, draw_rows
from deepseek_report.errors import DataError


def read_npz(file: FileBytes, names: Sequence[str], limits: ReadLimits) -> dict[str, Array]:
    """The named arrays; no object is ever unpickled.

    Raises DataError: more members or bytes than are allowed; KeyError: an array is missing;
    ValueError, zipfile.BadZipFile: it is no npz file, or an array is not as long as it says.
    """
    with open_archive(file.content, str(file.path), limits) as archive:
        for name in names:
            _check_member(archive, f"{name}.npy")
    with np.load(io.BytesIO(file.content), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in names}


def _check_member(archive: zipfile.ZipFile, name: str) -> None:
    """The array's own head must fit its length in the archive, which bounds what is read."""
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    with archive.open(name) as stream:
        version = npy.read_magic(stream)
        if version not in read:
            raise ValueError(f"{name} is written in an unknown version")
        shape, _, dtype = read[version](stream)
    if math.prod(shape) * dtype.itemsize > archive.getinfo(name).file_size:
        raise ValueError(f"{name} claims to be larger than it is")


_ADDRESS = "https://zenodo.org/records/10519652/files"
_PARTS = ("train", "val", "test")
_PIECE = 1 << 20
_TIMEOUT = 30


@dataclass(frozen=True)
class PublishedImages:
    """What is known of a set; labels : of which an image may have several, in place of classes."""

    md5: str
    shows: str
    licence: str
    classes: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Of the labels or the classes."""
        return self.labels or self.classes


@remembered
def catalogue() -> dict[str, PublishedImages]:
    """{name: what is known of the set}."""
    path = Path(__file__).parent / "data" / "medmnist.json"
    return TypeAdapter(dict[str, PublishedImages]).validate_json(path.read_bytes())


@dataclass(frozen=True)
class MedMNIST(Bounds):
    """A MedMNIST set of 28 × 28 pixels by its name; needs a network the first time.

    name : such as pathmnist, bloodmnist, pneumoniamnist, chestmnist (several labels).
    cache : folder of what was fetched; None is that of the medmnist package, ~/.medmnist.
    mirror : address of a folder that holds the files, where the official one cannot be reached.
    favourable : class that is good for the person concerned. positive : class, or label of
        several, whose probability is explained; None takes the second.
    patch : side in pixels of the squares that are explained as one.
    rows : keep only so many images, drawn at random; None keeps all.
    duplicates : what happens to equal images within the parts, which MedMNIST gives.
    bounds : how much the file may hold, see `file_form.ReadLimits`.
    """

    name: str = "pneumoniamnist"
    cache: LocalPath | None = None
    mirror: str | None = None
    favourable: str | None = None
    positive: str | None = None
    patch: Annotated[int, Field(ge=1, le=28)] = 4
    rows: Annotated[int, Field(ge=100)] | None = 6000
    duplicates: Duplicates = "together"

    # --- before loading ---------------------------------------------------------------------------

    @property
    def rule(self) -> SplitRule:
        return SplitRule(duplicates=self.duplicates)

    @property
    def sector(self) -> Sector:
        return "health"

    @property
    def nature(self) -> DataTraits:
        facts = catalogue().get(self.name)
        if facts and facts.labels:
            return DataTraits("image", "multi_label", groups=frozenset())
        many = len(facts.classes) if facts else None
        return DataTraits("image", "classification", groups=frozenset(), classes=many)

    def problems(self) -> list[str]:
        """What is wrong, as far as the config can tell: nothing is fetched."""
        known = catalogue()
        if self.name not in known:
            problem = f"`{self.name}` is not a set of MedMNIST that is read here"
            do = nearest(self.name, list(known))
            return [error_text("dataset", problem, ", ".join(known), do)]
        names = self._facts.names
        return [
            error_text(
                "dataset",
                f"`dataset.{field}` is {wanted!r}, which is not a class of {self.name}",
                ", ".join(names),
                nearest(wanted, names),
            )
            for field, wanted in (("favourable", self.favourable), ("positive", self.positive))
            if wanted is not None and wanted not in names
        ]

    @property
    def _facts(self) -> PublishedImages:
        return catalogue()[self.name]

    def source_digest(self) -> str:
        """SHA-256 of the file, which is fetched unless it is in the cache.

        Raises DataError: the file can neither be found in the cache nor be fetched whole.
        """
        return self._contents().sha256

    # --- fetch ------------------------------------------------------------------------------------

    def _contents(self) -> FileBytes:
        """The published file, which is fetched unless it is in the cache.

        Raises DataError: it cannot be fetched, is another one, or holds more than is allowed.
        """
        if problems := self.problems():
            raise DataError("\n".join(problems))
        folder = Path.home() / ".medmnist" if self.cache is None else Path(self.cache)
        path = folder / f"{self.name}.npz"
        if not path.is_file():
            self._fetch(path)
        file = read_bytes(path, self.bounds)
        # MedMNIST names its files by MD5, against damage; it does not guard against forgery
        if md5(file.content, usedforsecurity=False).hexdigest() != self._facts.md5:
            raise data_error(
                str(path),
                "the file is not the one that MedMNIST published (another MD5)",
                f"MD5 {self._facts.md5}",
                "delete it, and it is fetched again",
            )
        return file

    def _fetch(self, file: Path) -> None:
        """The whole file under its name, or an error and no file."""
        from urllib.request import urlopen

        address = f"{(self.mirror or _ADDRESS).rstrip('/')}/{self.name}.npz"
        partial = file.with_suffix(".partial")
        file.parent.mkdir(parents=True, exist_ok=True)
        request = FetchRequest(
            where=address,
            wanted="an address that answers with the file",
            look_up="try again later, or set `dataset.mirror`",
            copy=f"the file to {file}",
            otherwise="set `dataset.mirror`",
        )
        with fetching(request):
            try:
                with urlopen(address, timeout=_TIMEOUT) as answer, partial.open("wb") as kept:  # noqa: S310 - the user's own mirror or zenodo
                    while piece := answer.read(_PIECE):
                        kept.write(piece)
                        self.bounds.check("bytes", kept.tell(), address, at_least=True)
            except (OSError, ValueError, DataError):
                partial.unlink(missing_ok=True)
                raise
        partial.replace(file)

    # --- load -------------------------------------------------------------------------------------

    def load(self, seed: int, progress: Progress) -> Dataset:
        """Fetch or read from the cache, describe and check the images; the parts are MedMNIST's.

        Raises DataError: the file cannot be fetched, or is not the published one.
        """
        progress.start("Load the data", 2)
        file = self._contents()
        images, labels, parts = _read(file, self.bounds)
        progress.advance()
        kept = draw_rows(len(labels), self.rows, seed)
        self.bounds.check("cells", len(kept) * math.prod(images.shape[1:]), str(file.path))
        arrays = self._arrays(images[kept], labels[kept], parts[kept], len(images))
        origin = Origin(file.path.name, file.sha256, self._description())
        dataset = assemble(arrays.table(self.rule), origin, self.rule, seed)
        progress.advance()
        return dataset

    @property
    def _explained(self) -> int:
        if self.positive is not None:
            return self._facts.names.index(self.positive)
        return 0 if self._facts.labels else 1

    def _reported(self, labels: Ints) -> Ints:
        """(instance,) the label that the report is about."""
        return labels[:, self._explained if self._facts.labels else 0]

    def _arrays(self, images: NDArray[np.uint8], labels: Ints, parts: Ints, n_all: int) -> Arrays:
        n, shape = len(images), (*images.shape[1:3], 3 if images.ndim == 4 else 1)
        notes = [message("data_sets.medmnist.preparation.levels")]
        if n < n_all:
            notes.append(message("data_sets.medmnist.preparation.drawn", n=n, of=n_all))
        return Arrays(
            values=images.reshape(n, *shape).astype(np.float64),
            labels=self._reported(labels),
            all_labels=labels if self._facts.labels else None,
            target=self._target(),
            features=pixels(shape),
            layout=image_layout(shape, self.patch),
            together=GroupConstraint(parts=parts, method=message("data_sets.medmnist.split")),
            notes=tuple(notes),
        )

    def _target(self) -> Target:
        names, explained = self._facts.names, self._explained
        if self._facts.labels:
            label = names[explained]
            return Target(
                name=label,
                label=label.capitalize(),
                classes=(f"without {label}", f"with {label}"),
                task="multi_label",
                labels=names,
                label_index=explained,
            )
        good = None if self.favourable is None else names.index(self.favourable)
        return Target("finding", "Finding", names, good, explained, favourable_by="config")

    def _description(self) -> Description:
        shows = message(f"data_sets.medmnist.shows.{self.name}")
        where = message("data_sets.medmnist.see_sources")
        return Description(
            name=self.name,
            title=message("data_sets.medmnist.title", shows=shows),
            description=message("data_sets.medmnist.description", shows=shows),
            source=f"MedMNIST v2, {self.name} (zenodo.org/records/10519652)",
            licence=self._facts.licence,
            citation="Yang, J. et al. (2023). MedMNIST v2: a large-scale lightweight benchmark for "
            "2D and 3D biomedical image classification. Scientific Data 10, 41.",
            doi="10.1038/s41597-022-01721-8",
            period=where,
            population=where,
            decision=message("data_sets.medmnist.decision", shows=shows),
            sector=self.sector,
            limits=(
                message("data_sets.medmnist.limits.benchmark"),
                message("data_sets.medmnist.limits.no_groups"),
            ),
        )


def _read(file: FileBytes, limits: ReadLimits) -> tuple[NDArray[np.uint8], Ints, Ints]:
    """Images, labels (instance, label), and the part of each."""
    try:
        names = [f"{part}_{what}" for what in ("images", "labels") for part in _PARTS]
        arrays = read_npz(file, names, limits)
        images = [arrays[f"{part}_images"] for part in _PARTS]
        labels = [arrays[f"{part}_labels"] for part in _PARTS]
    except (KeyError, ValueError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise data_error(
            str(file.path),
            f"it does not hold the images and labels of MedMNIST ({error})",
            "a file of MedMNIST",
            "delete it, and it is fetched again",
        ) from None
    parts = np.repeat(range(3), [len(part_images) for part_images in images]).astype(np.int64)
    whole = np.concatenate(labels).astype(np.int64)
    return np.concatenate(images), whole.reshape(len(whole), -1), parts
