"""Codes of categories: how a value is written as one, and what a code says by itself."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

#: A value as it stands in a file or in YAML.
Code = str | bool | int | float

_YES, _NO = {"1", "true", "yes"}, {"0", "false", "no"}


def code_text(value: object) -> str:
    """A value of a file or of YAML as the text of its code: `1.0 -> "1"`, `True -> "True"`."""
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (float, np.floating)):
        return str(int(value)) if float(value).is_integer() else repr(float(value))
    return str(value).strip()


def truth_of(code: str) -> bool | None:
    """Whether a code says yes or no, in one of the usual ways; None where it says neither."""
    text = code.lower()
    return True if text in _YES else False if text in _NO else None


def reads_as_number(text: str) -> bool:
    """Whether the text is a finite number."""
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def sorted_codes(codes: Iterable[str]) -> list[str]:
    """By value if all are numbers, else by text."""
    texts = list(codes)
    return sorted(texts, key=float) if all(map(reads_as_number, texts)) else sorted(texts)
