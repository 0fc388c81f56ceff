"""Tokens as a person reads them: which belong together, and where a space stands between."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.schema import Schema

#: Signs by which tokenizers say "a new word begins" (SentencePiece, byte-level BPE).
_BEGINS = ("▁", "Ġ")
#: Sign by which WordPiece says "the word goes on".
_GOES_ON = "##"
#: The token that stands for every word outside of a vocabulary: ours, and those of checkpoints.
UNKNOWN = "[unknown]"
_UNKNOWN = frozenset({UNKNOWN, "[UNK]", "<unk>", "[unk]"})
_CLOSING = frozenset(".,;:!?)]}%…’'”»")
_OPENING = frozenset("([{«“")


def is_unknown(token: str) -> bool:
    """Whether a token stands for a word that the model does not know.

    >>> is_unknown("[UNK]"), is_unknown("late")
    (True, False)
    """
    return token in _UNKNOWN


def legible(token: str) -> str:
    """The token without its tokenizer's signs; a token that is nothing else stays as it is."""
    if token.startswith(_BEGINS):
        return token[1:] or token
    return token.removeprefix(_GOES_ON) or token


def gaps(tokens: Sequence[str]) -> list[bool]:
    """For each token whether a space stands before it.

    Where any token bears a sign of a new word only those have a space; else all have one but parts
    of words, closing marks, what follows an opening mark, and Chinese or Japanese characters.
    """
    if any(token.startswith(_BEGINS) for token in tokens):
        return [place > 0 and token.startswith(_BEGINS) for place, token in enumerate(tokens)]
    return [place > 0 and _apart(tokens[place - 1], token) for place, token in enumerate(tokens)]


def _apart(before: str, token: str) -> bool:
    if token.startswith(_GOES_ON) or token in _CLOSING or before in _OPENING:
        return False
    return not (_wide(before[-1:]) or _wide(token[:1]))


def _wide(character: str) -> bool:
    """Whether it is a letter of a script that has no spaces between words, or its punctuation."""
    if not character or unicodedata.east_asian_width(character) not in "WF":
        return False
    return unicodedata.category(character) in {"Lo", "Lm", "Po", "Ps", "Pe"}


def joined(tokens: Sequence[str]) -> str:
    """The tokens as one text."""
    parts = zip(tokens, gaps(tokens), strict=True)
    return "".join((" " if gap else "") + legible(token) for token, gap in parts)


def tokens_of(row: NDArray[np.float64], schema: Schema) -> list[str]:
    """The tokens of a text, place by place, without the places behind its end."""
    words = schema.vocabulary
    return [words[int(value)] for value in row if not np.isnan(value)]
