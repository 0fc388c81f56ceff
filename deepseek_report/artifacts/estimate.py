"""A number with its interval: what metrics make, tables hold and sentences tell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deepseek_report.artifacts.message import Text, is_message, read_message, with_texts
from deepseek_report.artifacts.score import Category, Direction, Score


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval.

    value : NaN where it is not defined.
    low, high : ends of the interval, or None where there is none.
    n : how many instances were counted; 0 where nobody says.
    method : how the interval was made, see `interval_methods` of the catalogs; empty where nobody
        says.
    """

    value: float
    low: float | None = None
    high: float | None = None
    n: int = 0
    method: Text = ""

    @classmethod
    def of_score(cls, score: Score) -> Estimate:
        """What a score holds; ends that are not finite are none."""
        return cls.of(score.value, score.low, score.high, score.n, score.interval_method)

    @classmethod
    def of(
        cls,
        value: object,
        low: object = None,
        high: object = None,
        n: object = None,
        method: Text = "",
    ) -> Estimate:
        """From anything that may be missing, as the cells of a table are.

        >>> Estimate.of(0.5, float("nan")).ends is None
        True
        """
        known = finite(value)
        size = finite(n)
        return cls(
            math.nan if known is None else known,
            finite(low),
            finite(high),
            0 if size is None else round(size),
            method,
        )

    @property
    def is_defined(self) -> bool:
        return math.isfinite(self.value)

    @property
    def ends(self) -> tuple[float, float] | None:
        """The interval, or None where there is none."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    def cells(self, key: str, prefix: str = "") -> dict[str, float]:
        """As cells of a row, in the columns of `table.estimate`; NaN where there is none.

        >>> Estimate(0.5, 0.4, 0.6).cells("share", "share")
        {'share': 0.5, 'share_low': 0.4, 'share_high': 0.6}
        """
        ends = (math.nan if end is None else float(end) for end in (self.low, self.high))
        return {key: float(self.value), **dict(zip(end_names(prefix), ends, strict=True))}

    def negated(self) -> Estimate:
        """The same difference seen from the other side.

        >>> estimate = Estimate(0.2, 0.1, 0.4).negated()
        >>> estimate.value, estimate.ends
        (-0.2, (-0.4, -0.1))
        """
        low = None if self.high is None else -self.high
        high = None if self.low is None else -self.low
        return Estimate(-self.value, low, high, self.n, self.method)

    def complement(self) -> Estimate:
        """The share of the others: of 0.6 that are accepted, 0.4 are not.

        >>> estimate = Estimate(0.6, 0.5, 0.65).complement()
        >>> round(estimate.value, 9), estimate.ends
        (0.4, (0.35, 0.5))
        """
        low = None if self.high is None else 1 - self.high
        high = None if self.low is None else 1 - self.low
        return Estimate(1 - self.value, low, high, self.n, self.method)

    def score(self, metric: str, category: Category, direction: Direction, **fields: Any) -> Score:
        """The same as a `Score`; `fields` are further fields of it."""
        known = self.low is not None and math.isfinite(self.low)
        return Score(
            metric=metric,
            category=category,
            value=float(self.value),
            n=int(self.n),
            direction=direction,
            low=self.low if known else None,
            high=self.high if known else None,
            interval_method=self.method if known else "",
            **fields,
        )


#: What was not measured.
UNDEFINED = Estimate(math.nan)


def end_names(prefix: str = "") -> tuple[str, str]:
    """The columns in which the ends of an interval stand: `low`, `high`, or `<prefix>_low`, ….

    >>> end_names("gap")
    ('gap_low', 'gap_high')
    """
    return (f"{prefix}_low", f"{prefix}_high") if prefix else ("low", "high")


def finite(value: Any) -> float | None:
    """The number, or None where it is missing or not finite.

    >>> finite(2), finite(float("inf")), finite(None)
    (2.0, None, None)
    """
    if value is None or not math.isfinite(value):
        return None
    return float(value)


_FIELDS = frozenset(Estimate.__dataclass_fields__)


def restored(value: object) -> Any:
    """Plain data in which every estimate and every message that was written is one again."""
    if isinstance(value, list):
        return [restored(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    if is_message(value):
        return read_message(value, restored)
    if set(value) == _FIELDS:
        return Estimate.of(**with_texts(value, ("method",)))
    return {key: restored(item) for key, item in value.items()}
