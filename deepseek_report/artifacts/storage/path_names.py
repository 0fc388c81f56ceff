"""Names that become part of a path: of experiments, parts of a configuration, pictures, tables."""

from __future__ import annotations

import re
from collections.abc import Iterable

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
