"""JSON within bounds: how deep it is and what it takes in memory is counted before it is parsed."""

from __future__ import annotations

import json
import operator
import re
from itertools import accumulate, count
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.storage.memory_bound import refuse_beyond
from deepseek_report.errors import ArtifactError

#: The most lists and mappings in each other. A configuration has 50 at the most, and a record of a
#: run holds it a few levels down.
MOST_LEVELS = 100
#: JSON holds what is told and not what is computed, so it may take this share of an artifact.
_SHARE = 4
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

    Raises
    ------
    ArtifactError : it is. ValueError : it is no JSON.
    """
    refuse_beyond(path, _size(content), share=_SHARE)
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
