"""Fitted estimators in skops files: looked at before they are loaded, and never a pickle."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.installation import pip_install
from deepseek_report.errors import ConfigError
from deepseek_report.models.estimators.skops_types import untrusted

#: The most bytes that a file may hold once its members are unpacked, and its description alone.
_LARGEST = 4 * 2**30
_LARGEST_DESCRIPTION = 256 * 2**20
#: What skops and zipfile raise at a file that is damaged or was made to harm.
_UNREADABLE = (
    *(OSError, KeyError, ValueError, TypeError, AttributeError, RecursionError),
    *(NotImplementedError, RuntimeError, zipfile.BadZipFile),
)


@dataclass(frozen=True)
class FileSummary:
    """What a file says of its estimator without being loaded."""

    class_name: str
    has_names: bool


def describe_file(path: Path) -> FileSummary:
    """Class of the estimator, and whether it was fitted on a table with column names."""
    try:
        return _read(path, path.stat().st_mtime_ns)
    except _UNREADABLE:
        return FileSummary("", has_names=False)


@lru_cache(maxsize=4)
def _read(path: Path, changed: int) -> FileSummary:
    del changed
    with zipfile.ZipFile(path) as archive:
        if archive.getinfo("schema.json").file_size > _LARGEST_DESCRIPTION:
            raise ValueError("its description is too long")
        text = archive.read("schema.json").decode()
    return FileSummary(str(json.loads(text)["__class__"]), '"feature_names_in_"' in text)


def file_problems(path: Path, trusted: Sequence[str]) -> list[str]:
    """Why a file cannot be loaded: it is not there, no skops, or types that nobody has trusted.

    Parameters
    ----------
    trusted : types that the person running it trusts beyond the fixed rule of `skops_types`.
    """
    if not path.is_file():
        return [f"model.file {path} does not exist"]
    if not describe_file(path).class_name:
        return [f"model.file {path} is not a skops file; write one with skops.io.dump"]
    if (size := _unpacked(path)) > _LARGEST:
        return [
            f"model.file {path} holds {size / 2**30:.1f} GiB once it is unpacked, and at most "
            f"{_LARGEST / 2**30:.0f} GiB are read; store a smaller estimator"
        ]
    try:
        unknown = untrusted(types_beyond_skops(path), trusted)
    except _UNREADABLE as error:
        return [f"model.file {path} cannot be read as a skops file: {_said(error)}"]
    if not unknown:
        return []
    options = " ".join(f"--trust-type {name}" for name in unknown)
    return [
        f"model.file {path} holds types that are not known to be safe: {', '.join(unknown)}. "
        f"If you know where the file comes from and trust them, add {options}"
    ]


def types_beyond_skops(path: Path) -> list[str]:
    """Types and functions that a file is built from and that skops itself does not trust."""
    return list(_types(path, path.stat().st_mtime_ns))


@lru_cache(maxsize=4)
def _types(path: Path, changed: int) -> tuple[str, ...]:
    del changed
    return tuple(str(name) for name in _skops().get_untrusted_types(file=path))


def load_file(path: Path, trusted: Sequence[str]) -> Any:
    """The estimator of a file, if every type is allowed and every position in it exists.

    Raises
    ------
    ConfigError : a type is neither allowed nor trusted, or the file points outside of itself.
    """
    from deepseek_report.models.estimators.skops_checks import check_positions

    if problems := file_problems(path, trusted):
        raise ConfigError("; ".join(problems))
    try:
        estimator = _skops().load(path, trusted=types_beyond_skops(path))
    except ImportError as error:
        raise ConfigError(f"model.file {path} needs a package that is not there: {error}") from None
    except _UNREADABLE as error:
        raise ConfigError(f"model.file {path} cannot be loaded: {_said(error)}") from None
    check_positions(estimator)
    return estimator


def _unpacked(path: Path) -> int:
    with zipfile.ZipFile(path) as archive:
        return sum(member.file_size for member in archive.infolist())


def _said(error: BaseException) -> str:
    """The first line of an error, short enough for a message."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _skops() -> Any:
    try:
        import skops.io
    except ImportError:
        raise ConfigError(
            f"model.file needs skops; install it with: {pip_install('skops')}"
        ) from None
    return skops.io
