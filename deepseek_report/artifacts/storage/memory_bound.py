"""How much one artifact may hold, by what the person allows and by what the process may have."""

from __future__ import annotations

import json
import operator
import os
import re
import resource
from functools import cache
from itertools import accumulate, count
from pathlib import Path
from typing import Any

from deepseek_report.errors import ArtifactError

#: The environment variable that raises the bound on what one artifact may hold in memory.
BOUND = "DEEPSEEK_REPORT_ARTIFACT_MIB"
_MOST_MIB = 2048
_MIB = 2**20
#: The share of the memory that a limited process may still take which one artifact may hold: it is
#: read, converted and copied.
_SHARE = 4
_STATE = Path("/proc/self/statm")


def most_bytes() -> int:
    """Bytes that one artifact may hold in memory.

    That is what `DEEPSEEK_REPORT_ARTIFACT_MIB` says, else 2 GiB; and where the process has a limit
    (`ulimit -v`, `ulimit -d`), no more than a quarter of what is left of it.
    """
    declared = int(os.environ.get(BOUND, "") or _MOST_MIB) * _MIB
    left = _left()
    return declared if left is None else min(declared, left // _SHARE)


def refuse_beyond(path: Path, size: int, share: int = 1) -> None:
    """Raise ArtifactError where a size in bytes is beyond what an artifact may hold.

    share : only this part of it may be taken, such as a quarter for 4.
    """
    if size <= (most := most_bytes() // share):
        return
    limited = "" if _left() is None else ", and raise the limit of memory of this process"
    raise ArtifactError(
        f"{path}: holds {size / _MIB:,.0f} MiB, and such an artifact may hold {most / _MIB:,.0f}. "
        f"If you trust it, set {BOUND} to more than {size * share // _MIB}{limited}"
    )


def refuse_longer(path: Path, size: int, most: int) -> None:
    """Raise ArtifactError where a file has more bytes than are ever read of such a one."""
    if size > most:
        raise ArtifactError(f"{path}: has more than {most / _MIB:.3g} MiB, the most that is read")


def _left() -> int | None:
    """Bytes that this process may still take by its limits; None where it has none."""
    limits = _limits()
    if limits == (None, None):
        return None
    try:
        pages = [int(number) for number in _STATE.read_text(encoding="ascii").split()]
    except (OSError, ValueError):  # not Linux
        pages = [0] * 6
    unit = os.sysconf("SC_PAGE_SIZE")
    taken = pages[0] * unit, pages[5] * unit  # all addresses; data and stack
    left = [limit - used for limit, used in zip(limits, taken, strict=True) if limit is not None]
    return max(0, min(left))


@cache
def _limits() -> tuple[int | None, int | None]:
    """The limits on addresses and on data, in bytes; None where there is none."""
    soft = (resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA))
    address, data = (None if limit == resource.RLIM_INFINITY else limit for limit in soft)
    return address, data


#: The most lists and mappings in each other. A configuration has 50 at the most, and a record of a
#: run holds it a few levels down.
MOST_LEVELS = 100
#: JSON holds what is told and not what is computed, so it may take this share of an artifact.
_JSON_SHARE = 4
#: Bytes in memory of a list and of a mapping with their first entry, and of a further entry, such
#: as CPython 3.11 takes: 88 for `[0]`, 232 for `{"a": 0}`, 64 for a short text and its place.
_LIST, _MAPPING, _ENTRY = 104, 248, 64
#: Bytes of a character: of texts, and once more of what is read, which is kept meanwhile.
_WIDEST = 4
_TEXTS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
#: Twice the brackets that open, less all brackets, is the level: it is counted without a loop.
_STEPS = bytes.maketrans(b"[]{}", b"\2\0\2\0")


def parse(path: Path, content: bytes) -> Any:
    """The value of a JSON text in UTF-8 that is neither too deep nor too large once it is parsed.

    Raises ArtifactError: it is. ValueError : it is no JSON.
    """
    refuse_beyond(path, _size(content), share=_JSON_SHARE)
    refuse_deep(path, content)
    return json.loads(content.decode("utf-8"))


def refuse_deep(path: Path, content: bytes) -> None:
    """Raise ArtifactError where lists and mappings are more than `MOST_LEVELS` deep."""
    if content.count(b"[") + content.count(b"{") <= MOST_LEVELS:
        return
    brackets = _TEXTS.sub(b"", content).translate(_STEPS, _NOT_BRACKETS)
    levels = map(operator.sub, accumulate(brackets), count(1))
    if max(levels, default=0) > MOST_LEVELS:
        raise ArtifactError(f"{path}: nested too deeply: more than {MOST_LEVELS} levels")


def _size(content: bytes) -> int:
    """Bytes that a JSON text takes while it is read and parsed, at the most."""
    wide = 1 if content.isascii() and b"\\u" not in content else _WIDEST
    return (
        len(content) * (1 + 2 * wide)
        + _LIST * content.count(b"[")
        + _MAPPING * content.count(b"{")
        + _ENTRY * content.count(b",")
    )
