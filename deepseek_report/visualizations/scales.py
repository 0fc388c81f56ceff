"""How the values of a measure are written and drawn: as percentages, or in the target's unit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from deepseek_report.artifacts.numbers import number, percent
from deepseek_report.visualizations import twin
from deepseek_report.visualizations.labels import percent_with_interval, with_interval
from deepseek_report.visualizations.marks import percent_ticks, value_ticks
from deepseek_report.visualizations.numbers import in_unit, with_unit

if TYPE_CHECKING:
    from deepseek_report.artifacts.results import Results


class Scaled(Protocol):
    """Something that a task measures: a `Loss`, a `Measure` or a `Drawn`."""

    @property
    def is_share(self) -> bool: ...


@dataclass(frozen=True)
class Scale:
    """How values of one measure are written.

    is_share : whether as percentages. unit : of the target, or nothing.
    """

    is_share: bool
    unit: str | None

    @classmethod
    def of(cls, measure: Scaled, results: Results) -> Scale:
        """Of a measure in these results; a share has no unit."""
        unit = None if measure.is_share else results.schema.target.unit
        return cls(measure.is_share, unit)

    def plain(self, value: float, low: float | None = None, high: float | None = None) -> str:
        """The value without its unit, as precise as its interval allows."""
        write = percent if self.is_share else number
        return write(value, low, high)

    def full(self, value: float, low: float | None = None, high: float | None = None) -> str:
        """The value with its unit."""
        if self.is_share:
            return percent(value, low, high)
        return with_unit(value, self.unit, low, high)

    def with_interval(self, value: float, low: float | None, high: float | None) -> str:
        """The value with the ends of its interval in brackets."""
        write = percent_with_interval if self.is_share else with_interval
        return write(value, low, high)

    @property
    def ticks(self) -> Callable[..., None]:
        """What writes the ticks of an axis."""
        return percent_ticks if self.is_share else value_ticks

    def label(self, text: str) -> str:
        """An axis label, with the unit."""
        return text if self.is_share else in_unit(text, self.unit)

    def axis(self, text: str, **fields: Any) -> dict[str, Any]:
        """The axis of a twin."""
        make = twin.share_axis if self.is_share else twin.axis
        return make(self.label(text), **fields)
