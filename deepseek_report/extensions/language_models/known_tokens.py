"""The encoder of texts that come as tokens already, drawn from a task or cut by a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.written_texts import WrittenTexts, tokens_of
from deepseek_report.datasets.data_card import Copies, TextFacts


@dataclass
class KnownTokens:
    """The encoder of rows that are tokens already, in the columns of a schema.

    cut_by : what the card says of how the texts became tokens. texts : {row of the source: its text
    and the span of each column}; without it the tokens are written with blanks between them.
    noun : what a person calls a token.
    """

    schema: Schema
    cut_by: Message
    texts: Mapping[int, tuple[str, NDArray[np.int32]]] | None = None
    noun: str = "word"

    def encode(self, rows: Split) -> Split:
        """The same rows, with their texts."""
        known = self.texts
        written = (
            [self._written(row) for row in rows.inputs]
            if known is None
            else [known[int(row)] for row in rows.instance_ids]
        )
        spans = np.stack([places for _, places in written])
        return replace(rows, texts=WrittenTexts.of([text for text, _ in written], spans))

    def _written(self, row: Floats) -> tuple[str, NDArray[np.int32]]:
        """The tokens of a row with blanks between them, and where each stands."""
        tokens = tokens_of(row, self.schema)
        spans = np.full((len(row), 2), -1, dtype=np.int32)
        ends = np.cumsum([len(token) + 1 for token in tokens]) - 1
        for place, (token, end) in enumerate(zip(tokens, ends, strict=True)):
            spans[place] = end - len(token), end
        return " ".join(tokens), spans

    def facts(self, whole: Split, parts: Mapping[str, Split]) -> TextFacts:
        """What the card and the checks say of the texts, of which none was cut or repaired."""
        return TextFacts(
            tokenizer=self.cut_by,
            noun=self.noun,
            words=tuple(frozenset(tokens_of(row, self.schema)) for row in whole.inputs),
            lengths=np.isfinite(whole.inputs).sum(axis=1),
            unknown=-1,
            unknown_share=dict.fromkeys(parts, 0.0),
            copies=Copies(len(whole)),
        )
