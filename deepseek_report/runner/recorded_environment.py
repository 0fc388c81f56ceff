"""A virtual environment with the versions of libraries that a run records."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from deepseek_report import __version__
from deepseek_report.errors import ArtifactError

_OWN = "deepseek-report"
_ABSENT = "not installed"
_PACKAGE = Path(__file__).parents[2]


def requirements(recorded: Mapping[str, str]) -> list[str]:
    """What pip is to install: each recorded library in its version, this package aside.

    A local part of a version, such as `+cpu`, names a build that no index offers by itself.

    >>> requirements({"python": "3.11.7", "numpy": "2.1.0", "torch": "2.6.0+cpu"})
    ['numpy==2.1.0', 'torch==2.6.0']
    """
    return [
        f"{name}=={version.partition('+')[0]}"
        for name, version in recorded.items()
        if name not in {"python", _OWN} and version != _ABSENT
    ]


def build(recorded: Mapping[str, str], place: Path) -> Path:
    """Build the environment in an empty folder and return the path of its Python.

    This package comes from an index where the run records another version of it, and is the
    present one otherwise.

    Raises
    ------
    ArtifactError : there is no such Python here, or pip cannot get the libraries.
    """
    _run([_python(recorded.get("python", "")), "-m", "venv", "--without-pip", str(place)])
    python = place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    wanted = requirements(recorded)
    version = recorded.get(_OWN, __version__)
    if version != __version__:
        wanted.append(f"{_OWN}=={version}")
    _run([sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", *wanted])
    if version == __version__:
        _use_present_package(place)
    return python


def _use_present_package(place: Path) -> None:
    """Put this package behind the libraries of the environment on its path."""
    folders = sysconfig.get_paths(vars={"base": str(place), "platbase": str(place)})
    target = Path(folders["purelib"]) / "deepseek_report_present.pth"
    target.write_text(f"{_PACKAGE}\n", encoding="utf-8")


def _python(version: str) -> str:
    """A Python of the recorded minor version."""
    minor = ".".join(version.split(".")[:2])
    if not minor or platform.python_version().startswith(f"{minor}."):
        return sys.executable
    if (other := shutil.which(f"python{minor}")) is None:
        raise ArtifactError(
            f"the run was made with Python {version}, and there is no python{minor} on this "
            "machine; install it, or leave --env out to compare with what is installed"
        )
    return other


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    reason = "; ".join(dict.fromkeys(lines[-2:])) or f"exit code {done.returncode}"
    raise ArtifactError(
        f"the recorded environment cannot be built: {reason}. It takes a network or an index of "
        "packages that pip can reach; leave --env out to compare with what is installed"
    )
