"""Versions of all libraries that a run could load, from which its environment can be built."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING

from deepseek_report.artifacts.advice import DISTRIBUTION

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

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
    try:
        required = importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return {}
    return {name: extra for name, extra in _parsed(required) if extra not in _ASIDE}


def bounds() -> dict[str, SpecifierSet]:
    """{distribution that this package names: the versions that it may have}."""
    from packaging.requirements import Requirement

    try:
        required = importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return {}
    parsed = map(Requirement, required)
    return {normalised(requirement.name): requirement.specifier for requirement in parsed}


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
