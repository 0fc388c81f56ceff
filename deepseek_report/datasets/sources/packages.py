"""Files that travel inside an optional package: found without importing the package."""

from __future__ import annotations

from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from deepseek_report.datasets.assembly.column_declarations import data_error, error_text
from deepseek_report.errors import DataError

_DO = "install it: `pip install 'deepseek-report[examples]'`"


def package_problem(module: str, distribution: str) -> list[str]:
    """That a package is not installed, or nothing."""
    if find_spec(module) is not None:
        return []
    return [
        error_text(
            "dataset",
            f"the data come inside of the package `{distribution}`, which is not installed",
            "an installed package",
            _DO,
        )
    ]


def packaged_bytes(module: str, distribution: str, path: str) -> tuple[bytes, str]:
    """What a file of a package holds, and its SHA-256.

    Raises
    ------
    DataError : the package is not installed, or its version does not hold the file.
    """
    raw = packaged_file(module, distribution, path).read_bytes()
    return raw, sha256(raw).hexdigest()


def packaged_file(module: str, distribution: str, path: str) -> Path:
    """Where a file of a package lies.

    Raises
    ------
    DataError : the package is not installed, or its version does not hold the file.
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
        _DO,
    )
