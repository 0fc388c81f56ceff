"""What the person running it trusts: packages, and types in a model's file.

Both come from the command line or the environment, packages also from the person's own sealed file
beside a study (`FILE`). A configuration can name neither, and neither is written into a run
folder.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deepseek_report.artifacts.storage import plain_files
from deepseek_report.config.problems import Problem
from deepseek_report.errors import ArtifactError, ConfigError

FILE = ".deepseek-report-trust"
_KEY = "trust.key"
_MOST_BYTES = 64_000


def kept(folder: Path) -> tuple[str, ...]:
    """The packages that this person trusts in this folder, as far as a file of theirs says it."""
    if not plain_files.is_file(folder / FILE):
        return ()
    try:
        seal, *packages = plain_files.read_text(folder / FILE, _MOST_BYTES).splitlines()
        key = plain_files.read_bytes(_key_file(), _MOST_BYTES)
        right = hmac.compare_digest(seal.encode(), _seal(key, folder, packages).encode())
    except (OSError, ArtifactError, ValueError, RuntimeError):
        return ()
    return tuple(packages) if right else ()


def keep(folder: Path, packages: Sequence[str]) -> Path:
    """Write that the packages are trusted in this folder, beside those that are already.

    Raises ConfigError: the file or the key cannot be written.
    """
    names = list(dict.fromkeys([*kept(folder), *packages]))
    try:
        seal = _seal(_own_key(), folder, names)
        plain_files.write_bytes(folder / FILE, "\n".join([seal, *names, ""]).encode(), links=True)
    except (OSError, ArtifactError, RuntimeError) as error:
        raise ConfigError(
            f"{folder / FILE}: it cannot be written that a package is trusted ({error}); name it "
            "by --trust PACKAGE whenever it is needed"
        ) from None
    return folder / FILE


def _seal(key: bytes, folder: Path, packages: Sequence[str]) -> str:
    text = "\0".join([os.fspath(folder.resolve()), *packages])
    return hmac.new(key, text.encode("utf-8", "surrogateescape"), "sha256").hexdigest()


def _key_file() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "deepseek-report" / _KEY


def _own_key() -> bytes:
    path = _key_file()
    with suppress(FileNotFoundError):
        return plain_files.read_bytes(path, _MOST_BYTES)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        key = secrets.token_hex(32).encode()
        stream.write(key)
    return key


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
            top, fault = package.partition(".")[0], f'"{package}" is not the name of a package'
            todo = f"write --trust {top}" if _PACKAGE.fullmatch(top) else ""
            yield Problem("--trust", fault, "a top-level package, such as lab", todo)
    for name in trusted.types:
        if not _TYPE.fullmatch(name):
            fault = f'"{name}" is not the dotted path of a class or function'
            yield Problem("--trust-type", fault, "a dotted path, such as lab.steps.Clip")
