"""Rows of the tables on explanations and their tests, as rules, sections and pictures read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.explanation import Game
from deepseek_report.artifacts.table_rows import BARE_ENDS, HIDDEN, Cell


class OfImportance:
    """A row on how much is attributed to a feature."""

    explainer: str
    feature: str
    label: str
    mean_absolute: Estimate
    share: float
    rank: int

    @property
    def share_estimate(self) -> Estimate:
        """The share with an interval: that of the mean, on the scale of shares."""
        mean = self.mean_absolute
        scale = self.share / mean.value if mean.value > 0 else 0.0
        low, high = (None if end is None else end * scale for end in (mean.low, mean.high))
        return Estimate(self.share, low, high)

    @property
    def drawn_share(self) -> Estimate:
        """The same; without an interval where nothing at all is attributed to the feature."""
        return self.share_estimate if self.mean_absolute.value > 0 else Estimate(self.share)


@dataclass(frozen=True)
class FeatureImportance(OfImportance):
    """How much a method attributes to a feature over all cases: a row of `importance.importance`.

    share : of the attributions of all features. rank : from 1.
    """

    explainer: Annotated[str, "explainer"]
    feature: str
    label: str
    mean_absolute: Annotated[Estimate, BARE_ENDS]
    mean_signed: float
    share: Annotated[float, "share"]
    n: int
    rank: int


@dataclass(frozen=True)
class ClassImportance(OfImportance):
    """The same for another class than the explained one: a row of `importance.by_class`."""

    of_class: Annotated[str, Cell(column="class")]
    explainer: Annotated[str, "explainer"]
    feature: str
    label: str
    mean_absolute: Annotated[Estimate, BARE_ENDS]
    mean_signed: float
    share: Annotated[float, "share"]
    n: int
    rank: int


@dataclass(frozen=True)
class GroupImportance:
    """How much is attributed to a feature in a group: a row of `importance.by_group`."""

    explainer: Annotated[str, "explainer", HIDDEN]
    attribute: Annotated[str, "attribute"]
    attribute_label: Annotated[str, HIDDEN]
    level: str
    feature: Annotated[str, HIDDEN]
    label: str
    mean_absolute: Annotated[Estimate, BARE_ENDS]
    n: int


@dataclass(frozen=True)
class ExplainedGroup:
    """How well a group is explained: a row of `explanation_by_group.groups`.

    reached : the share of the reachable gain in deletion; None where that was not measured.
    """

    explainer: Annotated[str, "explainer"]
    attribute: Annotated[str, "attribute"]
    attribute_label: Annotated[str, HIDDEN]
    level: str
    n: int
    deletion: Annotated[Estimate, BARE_ENDS]
    reached: Annotated[Estimate | None, "share"]
    too_few: Annotated[bool, HIDDEN]


@dataclass(frozen=True)
class SelfCheckOutcome:
    """A check of a method on cases with a known answer: a row of `self_check.checks`."""

    explainer: Annotated[str, "explainer"]
    check: Annotated[str, "code"]
    n: int
    difference: float
    allowed: float
    passed: bool


@dataclass(frozen=True)
class SkillShare:
    """The share of the skill that a feature or group earns: a row of the tables of `sage`.

    value : what it earns, as a loss.
    """

    feature: Annotated[str, HIDDEN]
    label: str
    share: Annotated[Estimate, "share"]
    value: Annotated[Estimate, BARE_ENDS]
    p_adjusted: Annotated[float | None, "p_value", HIDDEN]
    n: int
    rank: int


@dataclass(frozen=True)
class LossRise:
    """The loss with the values of a feature exchanged: `permutation_importance.features`."""

    feature: str
    loss_rise: Annotated[Estimate, BARE_ENDS]


@dataclass(frozen=True)
class JudgedGame:
    """The game whose true values a method was held against: a row of `true_error.true_errors`."""

    explainer: Annotated[str, "explainer"]
    game: Annotated[Game, "code"]
    error: Estimate
    gain: Estimate
    order: Estimate
    amounts: Estimate
    formula: Estimate
    n: int
