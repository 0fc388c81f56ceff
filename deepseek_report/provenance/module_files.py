"""Where a module's code lies, found without importing anything."""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import importlib.util
import pkgutil
import sys
import sysconfig
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

#: Distributions whose import name is another one.
_DISTRIBUTIONS = {
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
    "pypandoc": "pypandoc_binary",
    "hydra": "hydra-core",
    "PIL": "pillow",
    "skimage": "scikit-image",
}
#: Folders that hold nothing but installed distributions, under their usual names.
_SITE_NAMES = frozenset({"site-packages", "dist-packages"})


@cache
def version_of(name: str) -> str:
    """Version of an installed library by its import name, or "not installed"."""
    try:
        return importlib.metadata.version(_DISTRIBUTIONS.get(name, name))
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def installed_version(top: str, folder: Path) -> str | None:
    """Version of the distribution that put the top-level module `top` into `folder`.

    None if none did: a file copied there by hand, a project on the path, an editable install.
    """
    if is_site(folder):
        version = version_of(top)
        return version if version != "not installed" else _tops_of(folder).get(top)
    return _tops_of(folder).get(top)


@cache
def is_site(folder: Path) -> bool:
    """Whether installers put distributions into this folder."""
    known = {Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib")}
    return folder.name in _SITE_NAMES or folder.resolve() in known


@cache
def is_standard(folder: Path) -> bool:
    """Whether this folder belongs to Python's own library."""
    own = {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")}
    real = folder.resolve()
    return any(root == real or root in real.parents for root in own)


@cache
def _tops_of(folder: Path) -> dict[str, str]:
    """{top-level module: version} of the distributions whose record of files lies in a folder.

    Metadata without such a record, as a build leaves them in a project's folder, does not count.
    """
    tops: dict[str, str] = {}
    for distribution in importlib.metadata.distributions(path=[str(folder)]):
        if distribution.read_text("RECORD") is None:
            continue
        files = distribution.files or ()
        names = {file.parts[0] for file in files if len(file.parts) > 1 or file.suffix == ".py"}
        version = distribution.version  # parses the metadata anew each time
        tops |= {name.partition(".")[0]: version for name in names}
    return tops


#: This package: its own code counts line by line, installed or not.
PACKAGE = "deepseek_report"


@dataclass(frozen=True)
class Module:
    """A module that exists.

    origin : its file, or None for a package without `__init__.py` and for what Python brings.
    folders : where its submodules are looked for; empty if it is no package.
    """

    name: str
    origin: str | None
    folders: tuple[str, ...]
    loader: object = None

    @property
    def is_package(self) -> bool:
        return bool(self.folders)

    @property
    def home(self) -> Path | None:
        """The folder on Python's path in which a top-level module lies."""
        place = self.folders[0] if self.folders else self.origin
        return None if place is None else Path(place).parent

    def read(self) -> bytes:
        """The bytes of its file; raises OSError if it can't be read."""
        if self.loader is not None and hasattr(self.loader, "get_data"):
            data: bytes = self.loader.get_data(self.origin)  # from a zip file too
            return data
        return Path(str(self.origin)).read_bytes()


@cache
def find_module(name: str) -> Module | None:
    """The module of this dotted name, or None if there is none."""
    parent, _, _ = name.rpartition(".")
    if not parent:
        return _module(name, _top_spec(name))
    package = find_module(parent)
    return None if package is None else _module(name, _spec_in(package, name))


def _top_spec(name: str) -> importlib.machinery.ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError):  # it was put into sys.modules by hand
        return importlib.machinery.PathFinder.find_spec(name)


def _spec_in(package: Module, name: str) -> importlib.machinery.ModuleSpec | None:
    """What the import of `name` would find in the folders of its package."""
    portions: list[str] = []
    for folder in package.folders:
        finder: Any = pkgutil.get_importer(folder)
        spec = None if finder is None else finder.find_spec(name)
        if spec is None:
            continue
        if spec.loader is not None:
            regular: importlib.machinery.ModuleSpec = spec
            return regular
        portions += spec.submodule_search_locations or ()
    if not portions:
        return None
    spaced = importlib.machinery.ModuleSpec(name, None, is_package=True)
    spaced.submodule_search_locations = portions
    return spaced


def _module(name: str, spec: importlib.machinery.ModuleSpec | None) -> Module | None:
    if spec is None:
        return None
    origin = spec.origin if spec.has_location else None
    return Module(name, origin, tuple(spec.submodule_search_locations or ()), spec.loader)


@cache
def is_local(top: str) -> bool:
    """Whether a top-level module is code of this package or of a person's own.

    That is all but Python's own library and installed distributions; a project on the path and
    an editable install are somebody's own.
    """
    if top == PACKAGE:
        return True
    module = find_module(top)
    if module is None or module.home is None:
        return False
    if is_standard(module.home) and not is_site(module.home):
        return False
    return installed_version(top, module.home) is None


@cache
def version_at(top: str) -> str:
    """Version of the distribution that holds a top-level module, or "not installed"."""
    module = find_module(top)
    if module is None or module.home is None:
        return "not installed"
    return installed_version(top, module.home) or version_of(top)


@cache
def is_pythons_own(top: str) -> bool:
    """Whether a top-level module belongs to Python's own library."""
    if top not in sys.stdlib_module_names and top != "__future__":
        return False
    return not is_local(top)
