"""A virtual environment with the versions of libraries that a run records.

The record may be a stranger's, and installing a library runs its code: it decides versions alone,
and of those libraries that this package needs.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepseek_report import __version__
from deepseek_report.errors import ArtifactError
from deepseek_report.provenance.module_files import PACKAGE, find_module
from deepseek_report.provenance.requirements import (
    DISTRIBUTION,
    direct_requirements,
    normalised,
)

_ABSENT = "not installed"
#: Names and versions as pip takes them; whatever else stands in a file of pip's is an option of it.
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*")
#: Variables that put further code before that of an environment.
_OF_PATHS = frozenset({"PYTHONHOME", "PYTHONPATH"})


@dataclass(frozen=True)
class Requirements:
    """What pip is to install. pins : {library: version}, of those that are needed in turn too."""

    python: str
    package: str
    pins: Mapping[str, str]

    @classmethod
    def of(cls, run: Mapping[str, Any]) -> Requirements:
        """Those that a `run.json` records; folders of before have no lock of all libraries.

        A local part of a version, such as `+cpu`, names a build that no index offers by itself.

        Raises
        ------
        ArtifactError : what stands there is no version.
        """
        recorded = {**run["versions"], **run.get("lock", {})}
        known = {name: version for name, version in recorded.items() if version != _ABSENT}
        for name, version in known.items():
            if not (_PLAIN.fullmatch(name) and _PLAIN.fullmatch(version)):
                raise ArtifactError(
                    f"run.json: {name[:40]!r} in version {version[:40]!r} is no library that pip "
                    "could install; leave --env out to compare with what is installed"
                )
        pins = {normalised(name): version.partition("+")[0] for name, version in known.items()}
        python, package = pins.pop("python"), pins.pop(DISTRIBUTION, __version__)
        return cls(python, package, pins)

    def direct(self, needed: Mapping[str, str]) -> list[str]:
        """What pip is told to install; everything else comes because these need it.

        needed : {library that this package names: its extra, or ""}.

        >>> run = {"versions": {"python": "3.11.7", "torch": "2.6.0+cpu"}, "lock": {"six": "1.17"}}
        >>> Requirements.of(run).direct({"torch": "", "rich": "", "xgboost": "boosting"})
        ['torch==2.6.0', 'rich']
        """
        own = [] if self.package == __version__ else [f"{DISTRIBUTION}=={self.package}"]
        return own + [
            f"{name}=={self.pins[name]}" if name in self.pins else name
            for name, extra in needed.items()
            if name in self.pins or not extra
        ]

    @property
    def constraints(self) -> str:
        """The content of a file of constraints: versions, whatever needs the libraries."""
        return "".join(f"{name}=={version}\n" for name, version in self.pins.items())


def build(recorded: Requirements, place: Path, trust: Sequence[str] = ()) -> Path:
    """Build the environment in an empty folder and return the path of its Python.

    This package comes from an index where the run records another version of it, and is the
    present one otherwise. Packages that are trusted are the present ones.

    Raises
    ------
    ArtifactError : there is no such Python here, pip cannot get the libraries, or the package does
        not start with them.
    """
    _run([_python(recorded.python), "-m", "venv", "--without-pip", str(place)])
    python = place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as constraints:
        constraints.write(recorded.constraints)
        constraints.flush()
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
        wanted = recorded.direct(direct_requirements())
        _run([*pip, "--constraint", constraints.name, *wanted])
    own = [PACKAGE] if recorded.package == __version__ else []
    _use_present([*own, *trust], place)
    _run([str(python), "-m", "deepseek_report", "--version"])
    return python


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


def variables() -> dict[str, str]:
    """The variables of this process, but for those that let other code in."""
    return {name: text for name, text in os.environ.items() if name not in _OF_PATHS}


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=variables())
    if done.returncode == 0:
        return
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    reason = "; ".join(dict.fromkeys(lines[-2:])) or f"exit code {done.returncode}"
    raise ArtifactError(
        f"the recorded environment cannot be built: {reason}. It takes a network or an index of "
        "packages that pip can reach; leave --env out to compare with what is installed"
    )
