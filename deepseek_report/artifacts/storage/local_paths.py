"""Paths of this machine in sentences that leave it, such as the reason of a failure."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

from deepseek_report.artifacts.message import Message
from deepseek_report.errors import ArtifactError

#: What a plain name is, in words.
PLAIN_NAME = (
    "a name of at most 64 letters, digits, `.`, `_` and `-` that begins with a letter or digit and "
    "does not end with a dot; no device of Windows (con, nul, com1, …)"
)
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
#: Windows takes these for devices, whatever follows after a dot.
_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))]
)


def unfit_name(name: object) -> str:
    """Why something cannot be a file's name on every system; empty where it can.

    >>> unfit_name("credit-risk"), unfit_name("a/b"), unfit_name("con.txt")
    ('', 'is not a plain name', 'is a name that Windows keeps for a device')
    """
    if not isinstance(name, str) or not _PLAIN.fullmatch(name) or name.endswith("."):
        return "is not a plain name"
    if name.partition(".")[0].lower() in _DEVICES:
        return "is a name that Windows keeps for a device"
    return ""


def check_name(name: str, what: str) -> None:
    """Raise ArtifactError unless a name can become a file's, such as one that a plug-in gives.

    what : what bears the name, for the message: "picture".
    """
    if reason := unfit_name(name):
        raise ArtifactError(f"the {what} {name!r} {reason}; allowed is {PLAIN_NAME}")


def twins(names: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of names that differ in capitals alone, so that some systems take them for one.

    >>> twins(["Age", "sex", "age"])
    [('Age', 'age')]
    """
    first: dict[str, str] = {}
    return [
        (first[name.casefold()], name)
        for name in names
        if first.setdefault(name.casefold(), name) != name
    ]


T = TypeVar("T")

#: A quotation mark and the absolute path behind it, which may hold blanks, up to the same mark.
_QUOTED = re.compile(r"""(['"`])((?:~?/|~?\\|[A-Za-z]:[\\/])[^'"`\n]+)\1""")
#: An absolute path of at least two parts: not a share of something, an address or a closing tag.
_BARE = re.compile(
    r"""(?<![\w.:/\\<~$})\]-])(?:~(?=/)|[A-Za-z]:(?=[\\/]))?(?:[\\/][^\s\\/:'"`<>|,;()\[\]{}]+){2,}/?"""
)
_END = r"""(?=[/\\\s'"`:,;)\]]|$)"""
_ELSEWHERE = "…"


def without_known_folders(text: str) -> str:
    """The text with paths below the current folder made relative, and no home or temporary folder.

    Returns
    -------
    `/home/anna/study/data/loans.csv` as `data/loans.csv` where the command runs in
    `/home/anna/study`, else as `~/study/data/loans.csv`.
    """
    if "/" not in text and "\\" not in text:
        return text
    for folder, replacement in _spelled(Path.cwd(), Path(tempfile.gettempdir()), _home()):
        if folder in text:
            text = re.sub(re.escape(folder) + r"[/\\]+(?=[^\s'\"`])", replacement, text)
            text = re.sub(re.escape(folder) + _END, replacement.rstrip("/") or ".", text)
    return text


def without_local_paths(text: T) -> T:
    """The text in which no absolute path stands: of those elsewhere, only the last name is left.

    Of a message, and in lists and mappings, each text is changed.
    """
    if isinstance(text, str):
        shortened = without_known_folders(text)
        shortened = _QUOTED.sub(lambda match: f"{match[1]}{_last(match[2])}{match[1]}", shortened)
        return _BARE.sub(lambda match: _last(match[0]), shortened)  # type: ignore[return-value]
    if isinstance(text, Message):
        return replace(text, values=without_local_paths(text.values))
    if isinstance(text, Mapping):
        return {key: without_local_paths(value) for key, value in text.items()}  # type: ignore[return-value]
    if isinstance(text, list | tuple):
        return [without_local_paths(value) for value in text]  # type: ignore[return-value]
    return text


@lru_cache(maxsize=16)
def _spelled(here: Path, temporary: Path, home: Path) -> tuple[tuple[str, str], ...]:
    """Each folder as it is named and as links lead to it, the longest name first."""
    known: dict[Path, str] = {}
    for folder, replacement in ((here, ""), (temporary, f"{_ELSEWHERE}/"), (home, "~/")):
        for spelled in (folder, folder.resolve()):
            if spelled != Path(spelled.anchor):
                known.setdefault(spelled, replacement)
    longest_first = sorted(known, key=lambda path: -len(str(path)))
    return tuple((str(folder), known[folder]) for folder in longest_first)


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # a user without a home
        return Path("/")


def _last(path: str) -> str:
    parts = [part for part in re.split(r"[\\/]+", path) if part]
    return f"{_ELSEWHERE}/{parts[-1]}" if parts else path


# Paths as people write them, in a configuration, on the command line or in a call.

#: An address in the net, also as `Path` shortens it (`https:/x`); a drive has one letter.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
P = TypeVar("P", str, Path)


def local_path(written: P) -> P:
    """A path of this machine, with the person's own folder in the place of `~`.

    Raises ValueError: it is an address in the net, or holds a character of zero; says what is
    allowed.
    """
    if "\0" in str(written):
        raise ValueError("a path without the character NUL (U+0000)")
    if _ADDRESS.match(str(written)):
        raise ValueError(
            "a path of this machine, as nothing is fetched by an address: download it, and name "
            "what you saved"
        )
    return type(written)(os.path.expanduser(written))  # noqa: PTH111 - leaves an unknown user


class _Local:
    """Marks a text or a path of a configuration as one that `local_path` reads."""

    def __get_pydantic_core_schema__(self, source: object, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(local_path, handler(source))


LocalPath = Annotated[str, _Local()]
LocalFile = Annotated[Path, _Local()]


# Where the folders `conf` and `templates` are: in the checkout, or inside an installed wheel.

_PACKAGE = Path(__file__).resolve().parents[2]


def shipped(folder: str) -> Path:
    """The folder `conf` or `templates`, wherever the package runs from."""
    installed = _PACKAGE / "_shipped" / folder
    return installed if installed.is_dir() else _PACKAGE.parent / folder
