"""From what a result was made: code, libraries, machine, revision."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_report import __version__
from deepseek_report.artifacts.advice import DISTRIBUTION
from deepseek_report.provenance.code import code_of
from deepseek_report.provenance.module_files import PACKAGE, version_of

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet


__all__ = ["PACKAGE", "code_of", "environment", "lock", "version_of", "versions"]

_REPORTED = (
    *("torch", "numpy", "pandas", "scipy", "scikit-learn", "shap", "lime"),
    *("matplotlib", "hydra-core", "omegaconf", "pydantic", "jinja2", "pyarrow"),
    *("safetensors", "transformers", "tokenizers", "pypandoc_binary", "typst", "plotly"),
)
#: Told where they are installed.
_EXTRAS = ("peft", "xgboost", "lightgbm", "skops")


def versions() -> dict[str, str]:
    """Versions of Python, this package and the libraries that decide results."""
    installed = {n: version_of(n) for n in (*_REPORTED, *_EXTRAS)}
    known = {n: v for n, v in installed.items() if n in _REPORTED or v != "not installed"}
    return {"python": platform.python_version(), DISTRIBUTION: __version__} | known


def environment(device: str) -> dict[str, object]:
    """The machine as far as it matters to a result; no host name, no user, no path."""
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(_memory() / 2**30, 1),
        "device": device,
    }


def _memory() -> int:
    import psutil

    return int(psutil.virtual_memory().total)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


#: Extras of this package whose libraries decide no result.
_ASIDE = ("dev", "docs", "mlflow", "quarto", "ray", "remote", "submitit", "test")
_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:.*extra\s*==\s*[\"']([^\"']+)[\"'])?")


@cache
def lock() -> dict[str, str]:
    """{distribution: version} of what this package needs, and what that needs in turn.

    Of its extras those count that are installed and may decide a result. Code that a person
    trusts beside this package brings its own libraries, which are not told.
    """
    versions: dict[str, str] = {}
    waiting = list(direct_requirements())
    while waiting:
        name = waiting.pop()
        if name in versions or name == DISTRIBUTION:
            continue
        try:
            metadata = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        header = (metadata.read_text("METADATA") or "").partition("\n\n")[0]
        fields = [line.partition(": ") for line in header.splitlines()]
        versions[name] = next(text for field, _, text in fields if field == "Version")
        waiting += _names(text for field, _, text in fields if field == "Requires-Dist")
    return dict(sorted(versions.items()))


def direct_requirements() -> dict[str, str]:
    """{distribution that this package names: its extra, or ""}, where it may decide a result."""
    return {name: extra for name, extra in _parsed(_required()) if extra not in _ASIDE}


def bounds() -> dict[str, SpecifierSet]:
    """{distribution that this package names: the versions that it may have}."""
    from packaging.requirements import Requirement

    parsed = map(Requirement, _required())
    return {normalised(requirement.name): requirement.specifier for requirement in parsed}


def _required() -> list[str]:
    """What this package requires, as its metadata write it; nothing where it is not installed."""
    try:
        return importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return []


def _names(requirements: Iterable[str]) -> list[str]:
    return [name for name, extra in _parsed(requirements) if not extra]


def _parsed(requirements: Iterable[str]) -> Iterator[tuple[str, str]]:
    for requirement in requirements:
        if match := _REQUIREMENT.match(requirement):
            yield normalised(match[1]), match[2] or ""


def normalised(distribution: str) -> str:
    """The name by which a distribution is compared, however it is written.

    >>> normalised("Zope.Interface_x")
    'zope-interface-x'
    """
    return re.sub(r"[-_.]+", "-", distribution).lower()
