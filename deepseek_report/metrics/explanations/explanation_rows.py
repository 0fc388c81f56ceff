"""Rows of the tables on explanations and their tests, as rules, sections and pictures read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.explanation import Game
from deepseek_report.artifacts.table_rows import Cells, From


@dataclass(frozen=True)
class FeatureImportance:
    """How much a method attributes to a feature over all cases: a row of `importance.importance`.

    share : of the attributions of all features. rank : from 1.
    """

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
class ClassImportance(FeatureImportance):
    """The same for another class than the explained one: a row of `importance.by_class`."""

    of_class: Annotated[str, From("class")]


@dataclass(frozen=True)
class GroupImportance:
    """How much is attributed to a feature in a group: a row of `importance.by_group`."""

    explainer: str
    attribute: str
    feature: str
    n: int
    cells: Cells


@dataclass(frozen=True)
class ExplainedGroup:
    """How well a group is explained: a row of `explanation_by_group.groups`.

    reached : the share of the reachable gain in deletion; None where that was not measured.
    """

    explainer: str
    attribute: str
    level: str
    n: int
    cells: Cells
    reached: Annotated[Estimate | None, From(prefix="reached")]


@dataclass(frozen=True)
class SelfCheckOutcome:
    """A check of a method on cases with a known answer: a row of `self_check.checks`."""

    explainer: str
    passed: bool
    cells: Cells


@dataclass(frozen=True)
class SkillShare:
    """The share of the skill that a feature or group earns: a row of the tables of `sage`.

    value : what it earns, as a loss.
    """

    feature: str
    label: str
    share: Annotated[Estimate, From(prefix="share")]
    value: Estimate
    n: int
    p_adjusted: float | None


@dataclass(frozen=True)
class LossRise:
    """The loss with the values of a feature exchanged: `permutation_importance.features`."""

    feature: str
    loss_rise: Estimate


@dataclass(frozen=True)
class JudgedGame:
    """The game whose true values a method was held against: a row of `true_error.true_errors`."""

    explainer: str
    game: Game
