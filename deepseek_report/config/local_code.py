"""Makes a trusted package importable from the folder of a study, and nothing else of that folder.

An installed script does not have the current folder on its path, and putting it there would let any
file in it (`json.py`, a folder `torch`) stand for a library. So a finder that knows the trusted
names alone is asked last, after the standard library and everything that is installed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType


class _LateModule(ModuleType):
    """Stands for a library until an attribute of it is asked for, and then has all of them.

    `importlib.util.LazyLoader` is no help here: before Python 3.12 the second `import` of a module
    already asks for an attribute.
    """

    def __getattr__(self, name: str) -> object:
        library = sys.modules.get(self.__name__)
        if library is None or isinstance(library, _LateModule):
            sys.modules.pop(self.__name__, None)
            library = import_module(self.__name__)
        vars(self).update(vars(library))
        return getattr(library, name)


@contextmanager
def late_import(name: str) -> Iterator[None]:
    """Let `import NAME` load nothing in here; where no error ends it, the library is loaded after.

    So no thread ever meets one that is half loaded. A library that is there already stays as it is,
    and one that is not installed is still missing.
    """
    spec = None if name in sys.modules else find_spec(name)
    if spec is None:
        yield
        return
    late = sys.modules[name] = _LateModule(name)
    late.__spec__ = spec
    try:
        yield
    except BaseException:
        if sys.modules.get(name) is late:
            del sys.modules[name]
        raise
    late.__getattr__("__path__")


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
