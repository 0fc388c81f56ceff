"""Texts as they were written, and where in them each token stands that the model reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    ends: NDArray[np.int64]
    spans: NDArray[np.int32]

    @classmethod
    def of(cls, texts: Sequence[str], spans: NDArray[np.int32]) -> WrittenTexts:
        """From the texts of the instances and the spans of their tokens."""
        encoded = [text.encode("utf-8", "replace") for text in texts]
        ends = np.cumsum([len(content) for content in encoded], dtype=np.int64)
        return cls(np.frombuffer(b"".join(encoded), np.uint8), ends, spans)

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> WrittenTexts:
        """From what `arrays` gave.

        Raises
        ------
        ArtifactError : an array is missing, or its shape or type is another.
        """
        nothing = np.zeros(0)
        utf8, ends, spans = (arrays.get(name, nothing) for name in ("utf8", "ends", "spans"))
        whole = all(field.dtype.kind in "iu" for field in (utf8, ends, spans))
        if not (whole and utf8.ndim == ends.ndim == 1 and spans.shape[::2] == (len(ends), 2)):
            raise ArtifactError("the texts of a part are damaged; make the run again")
        return cls(utf8, ends, spans)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What `from_arrays` reads."""
        return {"utf8": self.utf8, "ends": self.ends, "spans": self.spans}

    def take(self, positions: NDArray[np.int64]) -> WrittenTexts:
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

    def span(self, at: int, columns: NDArray[np.int64]) -> Span:
        """From the first to the last of these tokens of one instance; `NOWHERE` if none stands."""
        places = self.spans[at][columns]
        places = places[places[:, 0] >= 0]
        return (int(places[:, 0].min()), int(places[:, 1].max())) if len(places) else NOWHERE

    def words(self, at: int, columns: NDArray[np.int64]) -> str:
        """These tokens of one instance as they are written; empty where nobody knows."""
        start, end = self.span(at, columns)
        return "" if start < 0 else self.text(at)[start:end]
