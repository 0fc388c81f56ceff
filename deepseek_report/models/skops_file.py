"""Fitted estimators in skops files: looked at before they are loaded, and never a pickle."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from deepseek_report.errors import ConfigError

#: Packages whose types an estimator's own library needs.
_NUMERIC = frozenset({"numpy", "scipy", "builtins"})


@dataclass(frozen=True)
class Described:
    """What a file says of its estimator without being loaded."""

    class_name: str
    has_names: bool


def describe_file(path: Path) -> Described:
    """Class of the estimator, and whether it was fitted on a table with column names."""
    try:
        return _read(path, path.stat().st_mtime_ns)
    except (OSError, KeyError, zipfile.BadZipFile, json.JSONDecodeError):
        return Described("", has_names=False)


@lru_cache(maxsize=4)
def _read(path: Path, changed: int) -> Described:
    del changed
    with zipfile.ZipFile(path) as archive:
        text = archive.read("schema.json").decode()
    return Described(str(json.loads(text)["__class__"]), '"feature_names_in_"' in text)


def file_problems(path: Path, trusted_types: Sequence[str], allowed: Collection[str]) -> list[str]:
    """Why a file cannot be loaded: it is not there, no skops, or types that nobody has trusted."""
    if not path.is_file():
        return [f"model.file {path} does not exist"]
    if not describe_file(path).class_name:
        return [f"model.file {path} is not a skops file; write one with skops.io.dump"]
    outside = sorted({one for one in trusted_types if one.partition(".")[0] not in allowed})
    outside = [one for one in outside if one.partition(".")[0] not in _NUMERIC]
    if outside:
        return [f"model.trusted_types names types outside the trusted packages: {_listed(outside)}"]
    unknown = sorted(set(_skops().get_untrusted_types(file=path)) - set(trusted_types))
    if unknown:
        return [
            f"model.file {path} holds types that skops does not trust: {_listed(unknown)}. If you "
            "know where the file comes from, name them in model.trusted_types"
        ]
    return []


def load_file(path: Path, trusted_types: Sequence[str]) -> Any:
    """The estimator of a file; types beyond skops' own list must be named."""
    return _skops().load(path, trusted=list(trusted_types))


def _skops() -> Any:
    try:
        import skops.io
    except ImportError:
        raise ConfigError(
            "model.file needs skops; install it with: pip install 'deepseek-report[skops]'"
        ) from None
    return skops.io


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
