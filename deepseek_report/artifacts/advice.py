"""Overrides as advice prints them: a shell and the command line take them verbatim."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

#: What the command line reads as a text without quotes; numbers and these words are no texts.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS = {"null", "true", "false", "nan", "inf"}
_INTERPOLATION = re.compile(r"(\\*)\$\{")
_QUOTE = re.compile(r'(\\*)("|$)')


def override(key: str, value: str | int | float | Sequence[str]) -> str:
    r"""`key=value` as it can be pasted behind the command in a shell.

    Parameters
    ----------
    value : a text, a number, or a list of texts. Texts may hold anything: blanks, quotes, commas,
        brackets, equals signs, letters of any script.

    >>> override("dataset.drop", ["age"])
    "'dataset.drop=[age]'"
    >>> override("dataset.drop", ["Größe (m²)"])
    '\'dataset.drop=["Größe (m²)"]\''
    >>> override("dataset.bounds.cells", 5)
    'dataset.bounds.cells=5'
    """
    if isinstance(value, str):
        written = _text(value)
    elif isinstance(value, int | float):
        written = str(value)
    else:
        written = f"[{','.join(map(_text, value))}]"
    return shlex.quote(f"{key}={written}")


def column_override(column: str, field: str, value: str) -> str:
    """What to declare of a column: an override where its name can be a key, else lines of YAML."""
    if _PLAIN.fullmatch(column):
        return override(f"+dataset.columns.{column}.{field}", value)
    name = column.replace("\\", "\\\\").replace('"', '\\"')
    return f'columns: {{"{name}": {{{field}: {value}}}}} under `dataset:` in a YAML file'


def _text(text: str) -> str:
    """A text in the grammar of the command line, in quotes where it needs them."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    literal = _INTERPOLATION.sub(lambda match: 2 * match[1] + "\\${", text)
    return '"' + _QUOTE.sub(lambda match: 2 * match[1] + ('\\"' if match[2] else ""), literal) + '"'
