"""A virtual environment with the versions of libraries that a run records.

The record may be a stranger's, and installing a library runs its code: it decides versions alone,
of those libraries that this package needs, and within the bounds that this package sets. The
package itself comes from the place that a person names, never by its name alone.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_report import __version__, children
from deepseek_report.artifacts.advice import DISTRIBUTION
from deepseek_report.errors import ArtifactError
from deepseek_report.provenance import bounds, direct_requirements, normalised
from deepseek_report.provenance.module_files import PACKAGE, find_module

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

_ABSENT = "not installed"
#: Names and versions as pip takes them; whatever else stands in a file of pip's is an option of it.
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*")
#: Variables that put further code before that of an environment.
_OF_PATHS = frozenset({"PYTHONHOME", "PYTHONPATH"})


@dataclass(frozen=True)
class Requirements:
    """What pip is to install. pins : {library: version}, of those that are needed in turn too.

    excluded : {library: why its recorded version is not installed}; pip takes one that is allowed.
    """

    python: str
    package: str
    pins: Mapping[str, str]
    excluded: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, versions: Mapping[str, str], lock: Mapping[str, str]) -> Requirements:
        """Those that an `environment.json` records.

        A local part of a version, such as `+cpu`, names a build that no index offers by itself.

        Raises ArtifactError: what stands there is no version.
        """
        recorded = {**versions, **lock}
        known = {name: version for name, version in recorded.items() if version != _ABSENT}
        for name, version in known.items():
            if not (_PLAIN.fullmatch(name) and _PLAIN.fullmatch(version)):
                raise ArtifactError(
                    f"environment.json: {name[:40]!r} in version {version[:40]!r} is no library "
                    "that pip could install; leave --env out to compare with what is installed"
                )
        pins = {normalised(name): version.partition("+")[0] for name, version in known.items()}
        python, package = pins.pop("python"), pins.pop(DISTRIBUTION, __version__)
        excluded = {
            name: f"{pins.pop(name)} is not of {allowed}"
            for name, allowed in bounds().items()
            if name in pins and not _is_within(pins[name], allowed)
        }
        return cls(python, package, pins, excluded)

    def direct(self, needed: Mapping[str, str]) -> list[str]:
        """What pip is told to install; everything else comes because these need it.

        needed : {library that this package names: its extra, or ""}.

        >>> recorded = Requirements.of({"python": "3.11.7", "torch": "2.6.0+cpu"}, {"six": "1.17"})
        >>> recorded.direct({"torch": "", "other": "", "xgboost": "boosting"})
        ['torch==2.6.0', 'other']
        """
        allowed = bounds()
        return [
            f"{name}=={self.pins[name]}" if name in self.pins else f"{name}{allowed.get(name, '')}"
            for name, extra in needed.items()
            if name in {*self.pins, *self.excluded} or not extra
        ]

    @property
    def constraints(self) -> str:
        """The content of a file of constraints: versions, whatever needs the libraries."""
        return "".join(f"{name}=={version}\n" for name, version in self.pins.items())


def _is_within(version: str, allowed: SpecifierSet) -> bool:
    from packaging.version import InvalidVersion

    try:
        return allowed.contains(version, prereleases=True)
    except InvalidVersion:
        return False


def build(
    recorded: Requirements, place: Path, trust: Sequence[str] = (), package: str = ""
) -> Path:
    """Build the environment in an empty folder and return the path of its Python.

    package : where this package comes from: a wheel, a folder, or the URL of an index. Without it
    it is the present one. Packages that are trusted are the present ones.

    Raises ArtifactError: there is no such Python here, pip cannot get the libraries, the run
        records another version of this package than the one that is named, or it does not start.
    """
    if not package and recorded.package != __version__:
        raise ArtifactError(
            f"the run was made by version {recorded.package} of this package, and this is "
            f"{__version__}; say where that version comes from: --package WHEEL, FOLDER or the URL "
            "of an index. Nobody's index is asked for it by name alone. Or leave --env out"
        )
    _run([_python(recorded.python), "-m", "venv", "--without-pip", str(place)])
    python = place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as constraints:
        constraints.write(recorded.constraints)
        constraints.flush()
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
        named = [_named_package(package, recorded.package, place)] if package else []
        wanted = [*named, *recorded.direct(direct_requirements())]
        _run([*pip, "--constraint", constraints.name, *wanted])
    _use_present([*([] if package else [PACKAGE]), *trust], place)
    version = _run([str(python), "-m", PACKAGE, "--version"]).split()
    if recorded.package not in version:
        raise ArtifactError(
            f"--package {package}: this is version {' '.join(version)}, and the run was made by "
            f"version {recorded.package}; name a place that has that one"
        )
    return python


def _named_package(package: str, version: str, place: Path) -> str:
    """A path from which pip installs this package; from an index its wheel is fetched first.

    That index alone is asked, whatever pip is told elsewhere.

    Raises ArtifactError: nothing lies there, or the index does not have it.
    """
    if not package.startswith(("https://", "http://")):
        path = Path(package).absolute()
        if path.is_dir() or (path.is_file() and path.suffix == ".whl"):
            return str(path)
        raise ArtifactError(
            f"--package {package}: neither a wheel (.whl) nor a folder. Name where this package "
            "comes from: a wheel, the folder of a checkout, or the URL of an index (https://…)"
        )
    fetched = place / "fetched"
    wheel = ["--no-deps", "--only-binary", ":all:", "--dest", str(fetched)]
    command = [sys.executable, "-m", "pip", "--isolated", "download", "--quiet", *wheel]
    _run([*command, "--index-url", package, f"{DISTRIBUTION}=={version}"], alone=True)
    return str(next(fetched.glob("*.whl")))


def _use_present(packages: Sequence[str], place: Path) -> None:
    """Put packages on the path of the environment, and nothing that lies beside them."""
    folders = sysconfig.get_paths(vars={"base": str(place), "platbase": str(place)})
    present = place / "present"
    present.mkdir()
    for name in packages:
        module = find_module(name)
        if module is not None and (source := next(iter(module.folders), module.origin)):
            (present / Path(source).name).symlink_to(Path(source).resolve())
    if PACKAGE in packages:
        _describe(present)
    target = Path(folders["purelib"]) / "deepseek_report_present.pth"
    target.write_text(f"{present}\n", encoding="utf-8")


def _describe(present: Path) -> None:
    """Let the package know there, too, which libraries it needs, if it was installed here."""
    try:
        about = importlib.metadata.distribution(DISTRIBUTION).read_text("METADATA")
    except importlib.metadata.PackageNotFoundError:
        return
    folder = present / f"{PACKAGE}-{__version__}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(about or "", encoding="utf-8")


def _python(version: str) -> str:
    """A Python of the recorded minor version."""
    minor = ".".join(version.split(".")[:2])
    if platform.python_version().startswith(f"{minor}."):
        return sys.executable
    if (other := shutil.which(f"python{minor}")) is None:
        raise ArtifactError(
            f"the run was made with Python {version}, and there is no python{minor} on this "
            "machine; install it, or leave --env out to compare with what is installed"
        )
    return other


def no_other_code() -> dict[str, str]:
    """Takes from a process the variables that let other code in."""
    return dict.fromkeys(_OF_PATHS, "")


def _run(command: list[str], *, alone: bool = False) -> str:
    """What a command printed. alone : without pip's own variables and files of settings."""
    known = no_other_code()
    if alone:
        known |= dict.fromkeys((name for name in os.environ if name.startswith("PIP_")), "")
        known["PIP_CONFIG_FILE"] = os.devnull
    done = children.run(command, seconds=None, variables=known)
    if done.returncode == 0:
        return done.stdout.decode("utf-8", "replace")
    lines = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    reason = "; ".join(dict.fromkeys(lines[-2:])) or f"exit code {done.returncode}"
    raise ArtifactError(
        f"the recorded environment cannot be built: {reason}. It takes a network or an index of "
        "packages that pip can reach; leave --env out to compare with what is installed"
    )
