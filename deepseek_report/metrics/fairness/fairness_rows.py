"""Rows of the tables on groups of people, as rules, sections and pictures read them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

from deepseek_report.artifacts.estimate import Estimate, end_names, finite
from deepseek_report.artifacts.schema import CROSS
from deepseek_report.artifacts.table import SEPARATOR
from deepseek_report.artifacts.table_rows import BARE_ENDS, HIDDEN, OPTIONAL, Cell, Cells
from deepseek_report.tasks import TASKS, of_some_task

#: A gap, then its parts, in the order in which they are told.
GAP_PARTS = ("gap", "direct", "labels", "stand_ins", "rest")
#: What the tasks tell of a group.
_OF_TASKS = of_some_task((task.group_table for task in TASKS.values()), unless="too_few")
#: The verdict on two groups of which one is too small.
TOO_FEW: Final = "too few to judge"


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

    cells : what its task tells of it. pooled : the small groups that it is made of, joined.
    """

    attribute: Annotated[str, "attribute"]
    attribute_label: Annotated[str, HIDDEN]
    level: str
    n: int
    cells: Annotated[Cells, _OF_TASKS]
    too_few: Annotated[bool, HIDDEN]
    crossing: Annotated[bool, HIDDEN]
    pooled: Annotated[str, HIDDEN]

    @property
    def selection_rate(self) -> Estimate | None:
        """The share of favourable decisions; None where nothing is decided."""
        low, high = map(self.cells.get, end_names("selection"))
        rate = Estimate.of(self.cells.get("selection_rate"), low, high, self.n)
        return rate if rate.is_defined else None

    @property
    def base_rate(self) -> float | None:
        """The share of favourable labels; None where nothing is decided."""
        return finite(self.cells.get("base_rate"))

    @property
    def pooled_levels(self) -> list[str]:
        """The names of the small groups that it is made of."""
        return self.pooled.split(SEPARATOR) if self.pooled else []


class OfRatio(OfAttribute):
    """A row on the ratio of the rate of a group to that of another."""

    ratio: Estimate

    @property
    def high(self) -> float:
        """Upper end of the ratio's interval, infinite where it has none."""
        return math.inf if self.ratio.high is None else self.ratio.high


@dataclass(frozen=True, kw_only=True)
class GroupPair(OfRatio):
    """Two groups by how often they are decided favourably: a row of `impact_ratio.pairs`.

    high : upper end of the ratio's interval, which may be infinite, as the ratio may.
    too_few, reference_too_few : which of two that are not judged is too small. ratio_least,
    ratio_most : the least and the greatest ratio over the thresholds from and to which was tried.
    """

    attribute: Annotated[str, "attribute"]
    attribute_label: Annotated[str, HIDDEN]
    level: str
    reference: str
    n: int
    n_reference: Annotated[int, HIDDEN]
    rate: Annotated[float, "share"]
    reference_rate: Annotated[float, "share"]
    ratio: Annotated[Estimate, BARE_ENDS]
    difference: Annotated[Estimate, "points"]
    p_value: Annotated[float, "p_value", HIDDEN]
    p_adjusted: Annotated[float | None, "p_value"]
    verdict: Annotated[str, "impact_verdict"]
    too_few: Annotated[bool, HIDDEN]
    reference_too_few: Annotated[bool, HIDDEN]
    threshold_from: Annotated[float | None, "share", HIDDEN, OPTIONAL] = None
    threshold_to: Annotated[float | None, "share", HIDDEN, OPTIONAL] = None
    ratio_least: Annotated[float | None, HIDDEN, OPTIONAL] = None
    ratio_most: Annotated[float | None, HIDDEN, OPTIONAL] = None

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

    attribute: Annotated[str, "attribute"]
    level: str
    reference: str
    n: int
    n_reference: Annotated[int, HIDDEN]
    labelled: Annotated[float, "share"]
    labelled_reference: Annotated[float, "share"]
    decided: Annotated[float, "share"]
    decided_reference: Annotated[float, "share"]
    labelled_gap: Annotated[Estimate, "points"]
    decided_gap: Annotated[float, "points"]
    change: Annotated[Estimate, "points"]
    shown: Annotated[str, HIDDEN]


@dataclass(frozen=True, kw_only=True)
class GapTest(OfAttribute):
    """A gap between the levels of an attribute and its test: a row of the tables of `GAPS`.

    widest_level, narrowest_level : the levels that lie furthest apart. rates : keys of the rates
    that are compared, joined. surest_rate, surest_highest, surest_lowest, surest_gap : the rate and
    the two levels that speak most clearly for a difference, which is what the test is about: of
    those furthest apart one may be small. Without an estimate where none can be judged.
    """

    metric: Annotated[str, "metric"]
    attribute: Annotated[str, "attribute"]
    attribute_label: Annotated[str, HIDDEN]
    value: Annotated[Estimate, BARE_ENDS]
    null_mean: Annotated[float, HIDDEN]
    null_high: float
    p_value: Annotated[float | None, "p_value", HIDDEN]
    p_adjusted: Annotated[float | None, "p_value"]
    widest_level: Annotated[str, HIDDEN]
    narrowest_level: Annotated[str, HIDDEN]
    n: int
    rates: Annotated[str, HIDDEN]
    surest_rate: Annotated[str, HIDDEN]
    surest_highest: Annotated[str, HIDDEN]
    surest_lowest: Annotated[str, HIDDEN]
    surest_gap: Annotated[Estimate | None, HIDDEN, Cell(prefix="surest")]

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

    threshold: Annotated[float, HIDDEN]
    attribute: Annotated[str, "attribute", HIDDEN]
    level: Annotated[str, HIDDEN]
    too_few: Annotated[bool, HIDDEN]
    selection_rate: Annotated[Estimate, "share", HIDDEN, Cell(prefix="selection")]
    tpr: Annotated[Estimate, "share", HIDDEN]
    fpr: Annotated[Estimate, "share", HIDDEN]


@dataclass(frozen=True)
class RatioStep(OfRatio):
    """The ratio of a group to its reference at another threshold: a row of `impact_ratio.steps`."""

    threshold: Annotated[float, HIDDEN]
    attribute: Annotated[str, "attribute", HIDDEN]
    level: Annotated[str, HIDDEN]
    reference: Annotated[str, HIDDEN]
    ratio: Annotated[Estimate, HIDDEN, BARE_ENDS]

    @property
    def is_judged(self) -> bool:
        """Whether both groups are large enough, and one of the reference is favoured at all."""
        return self.ratio.is_defined


Compared = TypeVar("Compared", GroupPair, RatioStep)


def surest_last(rows: Iterable[Compared]) -> list[Compared]:
    """A group may be set against several others: what it lies surest below comes last of them."""
    return sorted(rows, key=lambda row: (row.is_judged, -row.high))


@dataclass(frozen=True, kw_only=True)
class GapOption(OfAttribute):
    """What could be done about a gap, with its price: a row of `options.options`.

    threshold : as text; empty or one per group. left_out : labels of inputs, joined.
    """

    attribute: Annotated[str, "attribute"]
    attribute_label: Annotated[str, HIDDEN]
    level: Annotated[str, HIDDEN]
    reference: Annotated[str, HIDDEN]
    option: Annotated[str, "policy"]
    threshold: str
    left_out: str
    roc_auc: float
    auc_change: Estimate
    balanced_accuracy: Annotated[float, "share"]
    balanced_accuracy_change: Annotated[Estimate, "points"]
    against: Annotated[Estimate, "share"]
    against_change: Annotated[Estimate, "points"]
    gap: Annotated[Estimate, "points"]
    gap_change: Annotated[Estimate, "points"]
    ratio: Estimate
    cost: float | None
    cost_change: Estimate
    n_changed: int
    rows: int
    n: int
    is_chosen: bool
    is_better: bool
    p_adjusted: Annotated[float, "p_value"]


@dataclass(frozen=True)
class SwappedAttribute(OfAttribute):
    """What swapping an attribute alone turns: a row of `direct_use.swaps`.

    is_input : whether the attribute itself is one. stand_ins : labels of inputs, joined.
    """

    attribute: Annotated[str, "attribute"]
    attribute_label: Annotated[str, HIDDEN]
    is_input: Annotated[bool, Cell(column="given")]
    turned: Annotated[Estimate, "share"]
    direct: Annotated[Estimate, "points"]
    stand_ins: str
    turned_stand_ins: Annotated[Estimate, "share"]
    n: int

    @property
    def stand_in_labels(self) -> list[str]:
        """The features that stand in for the attribute."""
        return [name for name in self.stand_ins.split(SEPARATOR) if name]


@dataclass(frozen=True)
class SplitGap(OfAttribute):
    """The parts of a gap in favourable decisions: a row of `direct_use.split`.

    The parts rest on fewer cases than the gap: those whose attribute was swapped.
    """

    attribute: Annotated[str, "attribute"]
    attribute_label: Annotated[str, HIDDEN]
    level: str
    reference: str
    gap: Annotated[Estimate | None, "points"]
    direct: Annotated[Estimate | None, "points", Cell(n="n_asked")]
    labels: Annotated[Estimate | None, "points", Cell(n="n_asked")]
    stand_ins: Annotated[Estimate | None, "points", Cell(n="n_asked")]
    rest: Annotated[Estimate | None, "points", Cell(n="n_asked")]
    n: int
    n_asked: int

    @property
    def parts(self) -> dict[str, Estimate | None]:
        """{part: its size, None where it is not known}."""
        return {part: getattr(self, part) for part in GAP_PARTS}


@dataclass(frozen=True)
class ProxyFeature(OfAttribute):
    """A feature that gives an attribute away: a row of `proxies.features`."""

    attribute: Annotated[str, "attribute"]
    attribute_label: Annotated[str, HIDDEN]
    feature: Annotated[str, HIDDEN]
    label: str
    importance: Annotated[Estimate, BARE_ENDS]


@dataclass(frozen=True)
class StatedGroup(OfAttribute):
    """What was stated of a group and what happened: a row of `group_calibration.groups`."""

    attribute: Annotated[str, "attribute"]
    attribute_label: Annotated[str, HIDDEN]
    level: str
    n: int
    stated: Annotated[float, "share"]
    observed: Annotated[Estimate, "share"]
    off: Annotated[Estimate, "points"]
    p_adjusted: Annotated[float | None, "p_value"]
    too_few: Annotated[bool, HIDDEN]
