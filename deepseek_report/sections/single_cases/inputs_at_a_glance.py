"""Small pictures of whole inputs, as a list of cases shows them."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.results import Results
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.base import Glance
from deepseek_report.wording.words import Wording

#: Levels of a course that is stored, and letters of a text in a list.
_LEVELS, _LETTERS = 99, 70


@dataclass(frozen=True)
class Glances:
    """Makes them on one scale.

    scale : the least and the greatest value of all that are shown.
    """

    results: Results
    words: Wording
    scale: tuple[float, float]

    @classmethod
    def over(cls, results: Results, words: Wording, rows: Floats) -> Glances:
        """Those of inputs (row, column), on the scale of these."""
        known = rows[np.isfinite(rows)]
        ends = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
        return cls(results, words, ends)

    def of(self, rows: Floats) -> list[dict[str, Any]]:
        """As the page's script reads them: `text`, or pixels as bytes in base64, or levels."""
        kind = kind_of(self.results.schema)
        return [self._stored(kind.glance(row)) for row in rows]

    def of_case(self, position: int) -> dict[str, Any]:
        """Of a tested case; a text as it was written."""
        written = self._written(position)
        if written:
            return self._stored(Glance(" ".join(written.split())))
        (glance,) = self.of(self.results.test.inputs[[position]])
        return glance

    def whole_text(self, position: int) -> str:
        """A text that a list shows only the beginning of; empty for all other inputs."""
        row = self.results.test.inputs[position]
        words = self._written(position) or kind_of(self.results.schema).glance(row).words
        return self.words.name(words) if len(words) > _LETTERS else ""

    def _written(self, position: int) -> str:
        texts = self.results.test.texts
        return texts.text(position) if texts else ""

    def _stored(self, glance: Glance) -> dict[str, Any]:
        if glance.pixels is not None:
            return self._picture(glance.pixels)
        if glance.course is not None:
            levels = np.round(self._scaled(glance.course) * _LEVELS)
            return {"course": [None if np.isnan(x) else int(x) for x in levels]}
        words = self.words.name(glance.words)
        return {"text": words if len(words) <= _LETTERS else f"{words[:_LETTERS].rstrip()}…"}

    def _picture(self, pixels: Floats) -> dict[str, Any]:
        """Grey where there are not three channels."""
        shares = self._scaled(np.nan_to_num(pixels, nan=self.scale[0]))
        colours = shares if shares.shape[2] == 3 else shares.mean(axis=2, keepdims=True)
        levels = np.round(255 * colours).astype(np.uint8)
        packed = base64.b64encode(levels.tobytes()).decode()
        return {"pixels": packed, "width": levels.shape[1], "grey": levels.shape[2] == 1}

    def _scaled(self, values: Floats) -> Floats:
        low, high = self.scale
        return np.clip((values - low) / (high - low or 1.0), 0.0, 1.0)
