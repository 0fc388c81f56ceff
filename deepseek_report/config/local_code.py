"""Makes a trusted package importable from the folder of a study, and nothing else of that folder.

An installed script does not have the current folder on its path, and putting it there would let any
file in it (`json.py`, a folder `torch`) stand for a library. So a finder that knows the trusted
names alone is asked last, after the standard library and everything that is installed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType


class _TrustedFolders:
    """Finds top-level packages by name in one folder each; asked after every other finder."""

    def __init__(self) -> None:
        self.folders: dict[str, str] = {}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del target
        folder = self.folders.get(name) if path is None else None
        return None if folder is None else PathFinder.find_spec(name, [folder])


_FINDER = _TrustedFolders()


def find(names: Iterable[str], folders: Sequence[Path]) -> dict[str, str]:
    """{package: the first of the folders that holds it}, for those that one of them holds."""
    packages = {}
    for name in names:
        if (folder := next((place for place in folders if _holds(place, name)), None)) is not None:
            packages[name] = str(folder.absolute())
    return packages


def _holds(folder: Path, name: str) -> bool:
    package = folder / name
    code = package.is_dir() and any(package.rglob("*.py"))
    return name.isidentifier() and (code or package.with_name(f"{name}.py").is_file())


def install(packages: Mapping[str, str]) -> None:
    """Make these packages importable in this process, where nothing installed has their name."""
    _FINDER.folders.update(packages)
    if packages and _FINDER not in sys.meta_path:
        sys.meta_path.append(_FINDER)


def installed() -> dict[str, str]:
    """What `install` was given so far, so that a worker can be given the same."""
    return dict(_FINDER.folders)
