"""Rows of the tables on groups of people, as rules, sections and pictures read them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.schema import CROSS
from deepseek_report.artifacts.table import SEPARATOR
from deepseek_report.artifacts.table_rows import Cells, From

#: The verdict on two groups of which one is too small.
TOO_FEW: Final = "too few to judge"


@dataclass(frozen=True)
class OfAttribute:
    """A row on an attribute of people, or on a crossing of two."""

    attribute: str

    @property
    def is_crossing(self) -> bool:
        """Whether it is about levels of two attributes at once."""
        return CROSS in self.attribute


@dataclass(frozen=True)
class GroupLevel(OfAttribute):
    """One group of people and what it gets: a row of `group_rates.groups`.

    pooled : the small groups that it is made of, joined. base_rate : share of favourable labels.
    """

    level: str
    n: int
    cells: Cells
    attribute_label: str
    too_few: bool
    pooled: str
    base_rate: float | None = None
    selection_rate: Annotated[Estimate | None, From(prefix="selection")] = None

    @property
    def pooled_levels(self) -> list[str]:
        """The names of the small groups that it is made of."""
        return self.pooled.split(SEPARATOR) if self.pooled else []


@dataclass(frozen=True)
class GroupPair(OfAttribute):
    """Two groups by how often they are decided favourably: a row of `impact_ratio.pairs`.

    high : upper end of the ratio's interval, which may be infinite, as the ratio may.
    too_few, reference_too_few : which of two that are not judged is too small.
    """

    attribute_label: str
    level: str
    reference: str
    n: int
    n_reference: int
    rate: float
    reference_rate: float
    ratio: float
    high: float
    estimate: Annotated[Estimate, From("ratio")]
    verdict: str
    cells: Cells
    difference: float | None
    p_adjusted: float | None
    too_few: bool
    reference_too_few: bool
    threshold_from: float | None = None
    threshold_to: float | None = None
    ratio_least: float | None = None
    ratio_most: float | None = None

    @property
    def is_judged(self) -> bool:
        """Whether both groups are large enough."""
        return self.verdict != TOO_FEW

    @property
    def is_clear(self) -> bool:
        """Whether the ratio is below the declared one with all of its interval."""
        return self.verdict == "clear below"

    @property
    def is_doubtful(self) -> bool:
        """Whether the ratio may be below the declared one, or surely is."""
        return self.is_judged and self.verdict != "clear above"


@dataclass(frozen=True)
class LabelledGap(OfAttribute):
    """A gap of two groups in labels that are decisions, and in the model's: `labelled`."""

    level: str
    reference: str
    n: int
    n_reference: int
    labelled: float
    labelled_reference: float
    decided: float
    decided_reference: float
    labelled_gap: Annotated[Estimate, From(prefix="labelled_gap")]
    change: Annotated[Estimate, From(prefix="change")]
    shown: str


@dataclass(frozen=True)
class GapTest(OfAttribute):
    """A gap between the levels of an attribute and its test: a row of the tables of `GAPS`.

    widest_level, narrowest_level : the levels that lie furthest apart. rates : keys of the rates
    that are compared, joined. surest_rate, surest_highest, surest_lowest, surest_gap : the rate and
    the two levels that speak most clearly for a difference, which is what the test is about: of
    those furthest apart one may be small. Without an estimate where none can be judged.
    """

    metric: str
    value: Estimate
    cells: Cells
    attribute_label: str
    p_value: float | None
    p_adjusted: float | None
    widest_level: str
    narrowest_level: str
    rates: str
    surest_rate: str
    surest_highest: str
    surest_lowest: str
    surest_gap: Annotated[Estimate | None, From(prefix="surest")]

    @property
    def gap(self) -> Estimate:
        """How far the two levels lie apart that the test is about."""
        return self.surest_gap or self.value

    @property
    def highest(self) -> str:
        """The one of these two with the higher value."""
        return self.surest_highest if self.surest_gap else self.widest_level

    @property
    def lowest(self) -> str:
        """The one of these two with the lower value."""
        return self.surest_lowest if self.surest_gap else self.narrowest_level


@dataclass(frozen=True)
class GroupStep(OfAttribute):
    """The rates of a group at another threshold: a row of `group_rates.steps`."""

    threshold: float
    level: str
    too_few: bool
    selection_rate: Annotated[Estimate, From(prefix="selection")]
    tpr: Annotated[Estimate, From(prefix="tpr")]
    fpr: Annotated[Estimate, From(prefix="fpr")]


@dataclass(frozen=True)
class RatioStep(OfAttribute):
    """The ratio of a group to its reference at another threshold: a row of `impact_ratio.steps`."""

    threshold: float
    level: str
    reference: str
    ratio: Estimate
    high: float

    @property
    def is_judged(self) -> bool:
        """Whether both groups are large enough, and one of the reference is favoured at all."""
        return self.ratio.is_defined


Compared = TypeVar("Compared", GroupPair, RatioStep)


def surest_last(rows: Iterable[Compared]) -> list[Compared]:
    """A group may be set against several others: what it lies surest below comes last of them."""
    return sorted(rows, key=lambda row: (row.is_judged, -row.high))


@dataclass(frozen=True)
class GapOption(OfAttribute):
    """What could be done about a gap, with its price: a row of `options.options`.

    threshold : as text; empty or one per group. left_out : labels of inputs, joined.
    """

    level: str
    reference: str
    option: str
    threshold: str
    left_out: str
    is_chosen: bool
    is_better: bool
    cost: float | None
    cells: Cells
    ratio: Annotated[Estimate, From(prefix="ratio")]
    gap: Annotated[Estimate, From(prefix="gap")]
    gap_change: Annotated[Estimate, From(prefix="gap_change")]
    balanced_accuracy_change: Annotated[Estimate, From(prefix="balanced_accuracy_change")]
    auc_change: Annotated[Estimate, From(prefix="auc_change")]
    cost_change: Annotated[Estimate, From(prefix="cost_change")]


@dataclass(frozen=True)
class SwappedAttribute(OfAttribute):
    """What swapping an attribute alone turns: a row of `direct_use.swaps`.

    is_input : whether the attribute itself is one. stand_ins : labels of inputs, joined.
    """

    cells: Cells
    is_input: Annotated[bool, From("given")]
    stand_ins: str

    @property
    def stand_in_labels(self) -> list[str]:
        """The features that stand in for the attribute."""
        return [name for name in self.stand_ins.split(SEPARATOR) if name]


@dataclass(frozen=True)
class SplitGap(OfAttribute):
    """The parts of a gap in favourable decisions: a row of `direct_use.split`.

    The parts rest on fewer cases than the gap: those whose attribute was swapped.
    """

    level: str
    reference: str
    gap: Annotated[Estimate | None, From(prefix="gap")]
    direct: Annotated[Estimate | None, From(prefix="direct", n="n_asked")]
    labels: Annotated[Estimate | None, From(prefix="labels", n="n_asked")]
    stand_ins: Annotated[Estimate | None, From(prefix="stand_ins", n="n_asked")]
    rest: Annotated[Estimate | None, From(prefix="rest", n="n_asked")]

    @property
    def parts(self) -> dict[str, Estimate | None]:
        """{part, see `direct_use.PARTS`: its size, None where it is not known}."""
        return {
            "gap": self.gap,
            "direct": self.direct,
            "labels": self.labels,
            "stand_ins": self.stand_ins,
            "rest": self.rest,
        }


@dataclass(frozen=True)
class ProxyFeature(OfAttribute):
    """A feature that gives an attribute away: a row of `proxies.features`."""

    label: str
    importance: Estimate


@dataclass(frozen=True)
class StatedGroup(OfAttribute):
    """What was stated of a group and what happened: a row of `group_calibration.groups`."""

    level: str
    n: int
    stated: float
    observed: Annotated[Estimate, From(prefix="observed")]
    off: Annotated[Estimate, From(prefix="off")]
    p_adjusted: float | None
    attribute_label: str
    too_few: bool
