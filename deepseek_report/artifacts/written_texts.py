"""Tokens as a person reads them: which belong together, and where a space stands between."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.array_types import Array, Floats, Ints
from deepseek_report.artifacts.schema import Schema
from deepseek_report.errors import ArtifactError

#: From the first character of a token to the one behind its last; a token without a place has −1.
Span = tuple[int, int]
NOWHERE: Span = (-1, -1)


@dataclass(frozen=True)
class WrittenTexts:
    """The texts of the instances of a part, and the spans of their tokens.

    utf8 : (byte,) uint8, all texts one behind another. ends : (instance,) int64, how many bytes
    come before the end of each. spans : (instance, column, 2) int32 in characters, −1 where the
    text has no such token, or the tokenizer does not tell where it stands.
    """

    utf8: NDArray[np.uint8]
    ends: Ints
    spans: NDArray[np.int32]

    @classmethod
    def of(cls, texts: Sequence[str], spans: NDArray[np.int32]) -> WrittenTexts:
        """From the texts of the instances and the spans of their tokens."""
        encoded = [text.encode("utf-8", "replace") for text in texts]
        ends = np.cumsum([len(content) for content in encoded], dtype=np.int64)
        return cls(np.frombuffer(b"".join(encoded), np.uint8), ends, spans)

    @classmethod
    def from_arrays(cls, arrays: dict[str, Array]) -> WrittenTexts:
        """From what `arrays` gave.

        Raises ArtifactError: an array is missing, or its shape or type is another.
        """
        nothing = np.zeros(0)
        utf8, ends, spans = (arrays.get(name, nothing) for name in ("utf8", "ends", "spans"))
        whole = all(field.dtype.kind in "iu" for field in (utf8, ends, spans))
        if not (whole and utf8.ndim == ends.ndim == 1 and spans.shape[::2] == (len(ends), 2)):
            raise ArtifactError("the texts of a part are damaged; make the run again")
        return cls(utf8, ends, spans)

    def arrays(self) -> dict[str, Array]:
        """What `from_arrays` reads."""
        return {"utf8": self.utf8, "ends": self.ends, "spans": self.spans}

    def take(self, positions: Ints) -> WrittenTexts:
        """The texts of the instances at these positions, in this order."""
        return WrittenTexts.of([self.text(at) for at in positions.tolist()], self.spans[positions])

    @classmethod
    def joined(cls, parts: Sequence[WrittenTexts]) -> WrittenTexts:
        """The texts of several parts, part after part."""
        texts = [part.text(at) for part in parts for at in range(len(part.ends))]
        return cls.of(texts, np.concatenate([part.spans for part in parts]))

    def text(self, at: int) -> str:
        """The whole text of one instance."""
        start = int(self.ends[at - 1]) if at else 0
        return self.utf8[start : int(self.ends[at])].tobytes().decode("utf-8", "replace")

    def span(self, at: int, columns: Ints) -> Span:
        """From the first to the last of these tokens of one instance; `NOWHERE` if none stands."""
        places = self.spans[at][columns]
        places = places[places[:, 0] >= 0]
        return (int(places[:, 0].min()), int(places[:, 1].max())) if len(places) else NOWHERE

    def words(self, at: int, columns: Ints) -> str:
        """These tokens of one instance as they are written; empty where nobody knows."""
        start, end = self.span(at, columns)
        return "" if start < 0 else self.text(at)[start:end]


#: Signs by which tokenizers say "a new word begins" (SentencePiece, byte-level BPE).
_BEGINS = ("▁", "Ġ")
#: Sign by which WordPiece says "the word goes on".
GOES_ON = "##"
#: The token that stands for every word outside of a vocabulary: ours, and those of checkpoints.
UNKNOWN = "[unknown]"
#: The token of our own vocabularies that stands for a word that is taken away.
MASK = "[mask]"
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
    return token.removeprefix(GOES_ON) or token


def gaps(tokens: Sequence[str]) -> list[bool]:
    """For each token whether a space stands before it.

    Where any token bears a sign of a new word only those have a space; else all have one but parts
    of words, closing marks, what follows an opening mark, and Chinese or Japanese characters.
    """
    if any(token.startswith(_BEGINS) for token in tokens):
        return [place > 0 and token.startswith(_BEGINS) for place, token in enumerate(tokens)]
    return [place > 0 and _apart(tokens[place - 1], token) for place, token in enumerate(tokens)]


def _apart(before: str, token: str) -> bool:
    if token.startswith(GOES_ON) or token in _CLOSING or before in _OPENING:
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


def tokens_of(row: Floats, schema: Schema) -> list[str]:
    """The tokens of a text, place by place, without the places behind its end."""
    words = schema.vocabulary
    return [words[int(value)] for value in row if not np.isnan(value)]
