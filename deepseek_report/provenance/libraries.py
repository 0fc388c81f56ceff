"""Versions of installed libraries, and whether a module belongs to one."""

from __future__ import annotations

import importlib.metadata
import sysconfig
from functools import cache
from pathlib import Path

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
