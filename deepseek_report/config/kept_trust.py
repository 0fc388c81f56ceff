"""Trust that a person keeps beside a study, in a file of their own that is of no use elsewhere.

The file holds a seal, and the packages a line each. The seal is a keyed hash of the folder and the
names, by a key that lies in the person's own configuration folder and nowhere else. A file that
came with a study, was copied to another folder or was written by anybody else has no such seal and
is not heeded. No configuration and no run folder can hold or extend this trust.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from deepseek_report.artifacts.storage import plain_files
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

    Raises
    ------
    ConfigError : the file or the key cannot be written.
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
    """The person's key, made where there is none."""
    path = _key_file()
    with suppress(FileNotFoundError):
        return plain_files.read_bytes(path, _MOST_BYTES)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        key = secrets.token_hex(32).encode()
        stream.write(key)
    return key
