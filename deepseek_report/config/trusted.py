"""What the person running it trusts: packages, and types in a model's file.

Both come from the command line or the environment, packages also from the person's own sealed file
beside a study (`kept_trust`). A configuration can name neither, and neither is written into a run
folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepseek_report.config.kept_trust import kept
from deepseek_report.config.problems import Problem

OWN = "deepseek_report"
PACKAGES_VARIABLE = "DEEPSEEK_REPORT_TRUST"
TYPES_VARIABLE = "DEEPSEEK_REPORT_TRUST_TYPE"

_PACKAGE = re.compile(r"[A-Za-z_]\w*")
_TYPE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


@dataclass(frozen=True)
class Trusted:
    """packages : top-level packages whose classes a configuration may name, this one first.

    types : dotted names of classes and functions that a skops file may hold beyond the fixed rule.
    """

    packages: tuple[str, ...] = (OWN,)
    types: tuple[str, ...] = ()

    @property
    def roots(self) -> tuple[str, ...]:
        """Every top-level package that may have to be imported, but this one."""
        named = [*self.packages, *(name.partition(".")[0] for name in self.types)]
        return tuple(package for package in dict.fromkeys(named) if package != OWN)


def trusted_packages(extra: Sequence[str] = (), beside: Sequence[Path] = ()) -> tuple[str, ...]:
    """Packages that the person trusts, this one first.

    Parameters
    ----------
    extra : those of the command line. beside : folders that may hold the person's own file, beside
        the one in which the command runs.
    """
    own = [package for folder in (Path(), *beside) for package in kept(folder)]
    return tuple(dict.fromkeys([OWN, *_environment(PACKAGES_VARIABLE), *own, *extra]))


def trusted_types(extra: Sequence[str] = ()) -> tuple[str, ...]:
    """Types that the environment and the command line (`extra`) trust in a model's file."""
    return tuple(dict.fromkeys([*_environment(TYPES_VARIABLE), *extra]))


def _environment(variable: str) -> list[str]:
    return os.environ.get(variable, "").replace(",", " ").split()


def misnamed(trusted: Trusted) -> Iterator[Problem]:
    """Names that are no top-level package, or no type by its dotted path."""
    for package in trusted.packages:
        if not _PACKAGE.fullmatch(package):
            top = package.partition(".")[0]
            yield Problem(
                "--trust",
                f'"{package}" is not the name of a package',
                "a top-level package, such as lab",
                f"write --trust {top}" if _PACKAGE.fullmatch(top) else "",
            )
    for name in trusted.types:
        if not _TYPE.fullmatch(name):
            yield Problem(
                "--trust-type",
                f'"{name}" is not the dotted path of a class or function',
                "a dotted path, such as lab.steps.Clip",
            )
