"""The code that decides a result: every local module that is reached, and library versions."""

from __future__ import annotations

import hashlib
import importlib
import os
import platform
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from deepseek_report.provenance.module_code import ModuleCode, read_code
from deepseek_report.provenance.module_files import (
    PACKAGE,
    Module,
    find_module,
    is_local,
    is_pythons_own,
    version_at,
)

#: Files of a package that are code, and count only where they are imported.
_CODE = frozenset({".py", ".pyc", ".pyo"})


@cache
def code_of(module: str) -> dict[str, str]:
    """Hashes of a module and of all local code that it reaches, and versions of the libraries.

    Local is this package, and whatever is neither Python's own nor of an installed distribution:
    modules beside the plug-in, packages with and without `__init__.py`, single files, editable
    installs. The hash of a Python file is of its syntax tree without docstrings and comments, so
    that a reworded comment does not throw away a result and a changed line does. Files of a local
    package that are no Python count too, and so does a file beside a single-file module that the
    module names in a string. Modules are found by their import statements and by
    `import_module("…")`; a name that is computed while running cannot be seen.

    Returns
    -------
    {module, library or package's data: SHA-256 or version}, sorted by name.
    """
    return {"python": platform.python_version(), **dict(sorted(_ModuleWalk(module).run().items()))}


def forget() -> None:
    """Read every file anew on the next call."""
    importlib.invalidate_caches()
    for cached in (code_of, _read, _data_of, find_module, is_local, version_at, is_pythons_own):
        cached.cache_clear()


class _ModuleWalk:
    """From one module to all that it reaches."""

    def __init__(self, start: str) -> None:
        self.start, self.root = start, start.partition(".")[0]
        self.hashes: dict[str, str] = {}
        self.waiting = [start]
        self.seen: set[str] = set()

    def run(self) -> dict[str, str]:
        while self.waiting:
            name = self.waiting.pop()
            if name not in self.seen:
                self.seen.add(name)
                self._visit(name)
        return self.hashes

    def _visit(self, name: str) -> None:
        top = name.partition(".")[0]
        if top == PACKAGE:
            self._follow(name)
        elif is_local(top):
            for module in _with_parents(name):  # importing a.b.c runs a and a.b too
                self._follow(module)
        elif not is_pythons_own(top):
            self.hashes[top] = version_at(top)
            if top == self.root:  # a plug-in that was installed: a rebuild may keep its version
                self._follow(name)

    def _follow(self, name: str) -> None:
        module = find_module(name)
        if name in self.hashes or module is None or module.origin is None:
            return
        read = _read(name)
        self.hashes[name] = read.sha256
        self.waiting.extend(read.imports)
        self.hashes.update(_beside(module, read))


def _with_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[: end + 1]) for end in range(len(parts)))


@cache
def _read(name: str) -> ModuleCode:
    module = find_module(name)
    if module is None or module.origin is None:
        return ModuleCode("")
    try:
        return read_code(module)
    except OSError as error:
        return ModuleCode(f"cannot be read: {error.strerror}")


def _beside(module: Module, read: ModuleCode) -> dict[str, str]:
    """Files that are no Python and belong to a local module."""
    top = module.name.partition(".")[0]
    if top == PACKAGE or not is_local(top):
        return {}
    if (package := find_module(top)) is not None and package.is_package:
        return {f"{top}: data files": data} if (data := _data_of(top)) else {}
    folder = Path(str(module.origin)).parent
    named = {text: folder / text for text in sorted(read.texts) if not Path(text).is_absolute()}
    return {
        f"{top}: {text}": _hash(file)
        for text, file in named.items()
        if ".." not in file.parts and _is_data(file)
    }


@cache
def _data_of(top: str) -> str:
    """One hash of all files of a local package that are no Python; "" if there are none."""
    package = find_module(top)
    folders = sorted(package.folders) if package is not None else []
    listed = [
        f"{file.relative_to(folder).as_posix()} {_hash(file)}"
        for folder in folders
        for file in _files_below(Path(folder))
    ]
    return hashlib.sha256("\n".join(listed).encode()).hexdigest() if listed else ""


def _files_below(folder: Path) -> Iterator[Path]:
    """Files in sorted order; not hidden ones, not what Python and its installers leave there."""
    for place, below, names in os.walk(folder):
        below[:] = sorted(inner for inner in below if not _is_left_over(inner))
        for name in sorted(names):
            if not _is_left_over(name) and _is_data(Path(place, name)):
                yield Path(place, name)


def _is_left_over(name: str) -> bool:
    return name.startswith(".") or name == "__pycache__" or name.endswith(("~", ".egg-info"))


def _is_data(file: Path) -> bool:
    try:
        return file.suffix not in _CODE and file.is_file()
    except (OSError, ValueError):  # a text that no file can be called
        return False


def _hash(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
