"""How the values of a measure are written and drawn: as percentages, or in the target's unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.results import Results
from deepseek_report.visualizations.drawing import twin
from deepseek_report.visualizations.drawing.labels import caption, in_unit
from deepseek_report.visualizations.drawing.marks import percent_ticks, value_ticks
from deepseek_report.visualizations.style import Axes
from deepseek_report.wording.estimates import estimate
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording


class Scaled(Protocol):
    """Something that a task measures: a `Loss`, a `Measure` or a `Drawn`."""

    @property
    def is_share(self) -> bool: ...


@dataclass(frozen=True)
class Scale:
    """How values of one measure are written.

    is_share : whether as percentages. unit : of the target, or nothing. words : the language.
    """

    is_share: bool
    unit: str | None
    words: Wording

    @classmethod
    def of(cls, measure: Scaled, results: Results) -> Scale:
        """Of a measure in these results; a share has no unit."""
        unit = None if measure.is_share else results.schema.target.unit
        return cls(measure.is_share, unit, words_of(results))

    def plain(self, value: float, low: float | None = None, high: float | None = None) -> Message:
        """The value without its unit, as precise as its interval allows."""
        name = "percent" if self.is_share else "number"
        return caption(f"common.measured.{name}", value=value, low=low, high=high)

    def full(self, value: float, low: float | None = None, high: float | None = None) -> Message:
        """The value with its unit."""
        if self.is_share:
            return self.plain(value, low, high)
        return caption("common.measured.quantity", value=value, low=low, high=high, unit=self.unit)

    def with_interval(self, value: float, low: float | None, high: float | None) -> Message:
        """The value with the ends of its interval in brackets."""
        name = "share" if self.is_share else "value"
        return caption(f"common.measured.{name}", estimate=estimate(value, low, high))

    def distance(self, value: float) -> Message:
        """How far two values are apart."""
        if self.is_share:
            return caption("common.measured.gap", estimate=estimate(value))
        return self.full(value)

    def ticks(self, axes: Axes, along: Literal["x", "y"], most: int = 5) -> None:
        """At most so many ticks of an axis, as such values are written."""
        (percent_ticks if self.is_share else value_ticks)(axes, along, self.words, most)

    def label(self, text: str) -> str:
        """An axis label, with the unit."""
        return in_unit(text, self.unit, self.words)

    def axis(self, text: str, **fields: Any) -> dict[str, Any]:
        """The axis of a twin."""
        make = twin.share_axis if self.is_share else twin.axis
        return make(self.label(text), **fields)
