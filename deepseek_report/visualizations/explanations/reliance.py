"""What the model's skill rests on, beside what its cases are explained by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.estimate import UNDEFINED, Estimate
from deepseek_report.artifacts.message import Message, Text
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Schema
from deepseek_report.data_kinds import kind_of
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.explanations.explanation_rows import (
    FeatureImportance,
    LossRise,
    SkillShare,
)
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import caption, player, spoken, wrapped
from deepseek_report.visualizations.drawing.read_results import leading, required
from deepseek_report.visualizations.drawing.sheet import Sheet, on_sheets
from deepseek_report.visualizations.style import LIGHT, SERIES, SMALL
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

_ROW, _ROW_NARROW, _HEAD, _FOOT, _GAP = 0.26, 0.4, 0.45, 0.55, 0.25


@dataclass(frozen=True)
class ReliancePicture(PicturePart):
    """Draws how much of the skill each feature earns beside its share in the attributions.

    On the left SAGE, and where it was measured permutation importance, as shares of the skill; on
    the right the mean absolute attribution by the leading explainer, as a share of all.

    most : features shown, those with the largest share in either.
    """

    reveals = "aggregate"
    section = "explanations"
    needs = frozenset({"measures/sage", "measures/importance", "conclusions"})
    also = frozenset({"measures/permutation_importance"})

    most: Annotated[int, Field(ge=2, le=30)] = 12

    def draw(self, results: Results) -> Sequence[Picture]:
        view = _View.of(results, self.most)
        rows = len(view.features)
        return [
            on_sheets(
                "reliance",
                (_HEAD + rows * _ROW + _FOOT, 2 * (_HEAD + rows * _ROW_NARROW + _FOOT)),
                view.paint,
                title=view.title(),
                alt=view.alt(),
                how_to_read=caption(
                    "reliance.how_to_read", exchanged=view.has_exchange, explainer=view.explainer
                ),
            )
        ]


@dataclass(frozen=True)
class _Relied:
    """A feature: shares of the skill that it earns, and the share of what is attributed.

    share : by SAGE. rise : by the loss when its values are exchanged.
    """

    label: str
    share: Estimate
    attributed: Estimate
    rise: Estimate

    @property
    def largest(self) -> float:
        """The larger of its shares of the skill and of the attributions."""
        return float(np.nanmax([self.share.value, self.attributed.value], initial=-np.inf))


@dataclass(frozen=True)
class _View:
    """One row a feature."""

    features: list[_Relied]
    explainer: str
    schema: Schema
    words: Wording

    @classmethod
    def of(cls, results: Results, most: int) -> _View:
        sage = required(results, "sage", "features", SkillShare)
        importance = required(results, "importance", "importance", FeatureImportance)
        explainer = leading(results)
        attributed = {row.feature: row for row in importance if row.explainer == explainer}
        exchange = results.rows("permutation_importance", "features", LossRise)
        skill = np.median([row.value.value / row.share.value for row in sage if row.share.value])
        rises = {row.feature: _scaled(row.loss_rise, float(skill)) for row in exchange}
        features = [
            _Relied(
                row.label,
                row.share,
                _share(attributed.get(row.feature)),
                rises.get(row.feature, UNDEFINED) if skill > 0 else UNDEFINED,
            )
            for row in sage
        ]
        largest = sorted(features, key=lambda row: -row.largest)[:most]
        kept = [row for row in features if row in largest]
        if not any(row.attributed.is_defined for row in kept):
            raise NotApplicableError(caption("reliance.nothing_shared"))
        return cls(kept, explainer, results.schema, words_of(results))

    @property
    def has_exchange(self) -> bool:
        return any(row.rise.is_defined for row in self.features)

    def paint(self, sheet: Sheet) -> None:
        names = [spoken(row.label) for row in self.features]
        labels, left = sheet.row_labels(names, 40, 2.8)
        if sheet.is_narrow:
            half = sheet.height / 2
            skill = sheet.axes(left, half + _FOOT, 0.15, _HEAD)
            attributed = sheet.axes(left, _FOOT, 0.15, half + _HEAD)
            marks.rows(attributed, labels)
        else:
            width = (sheet.width - left - _GAP - 0.15) / 2
            skill = sheet.axes(left, _FOOT, width + _GAP + 0.15, _HEAD)
            attributed = sheet.axes(left + width + _GAP, _FOOT, 0.15, _HEAD)
            marks.rows(attributed, [""] * len(labels))
        marks.rows(skill, labels)
        if self.has_exchange:
            look = marks.MarkStyle(LIGHT.context, marker="D", size=4, hollow=True)
            rises = [(at + 0.2, row.rise) for at, row in enumerate(self.features)]
            marks.intervals(skill, rises, look)
        shares = enumerate(row.share for row in self.features)
        marks.intervals(skill, shares, marks.MarkStyle(SERIES[0], size=4.5))
        skill.axvline(0, color=LIGHT.muted, linewidth=0.8)
        amounts = enumerate(row.attributed for row in self.features)
        marks.intervals(attributed, amounts, marks.MarkStyle(SERIES[1], marker="s", size=4.5))
        attributed.set_xlim(left=0)
        for axes, name in ((skill, "skill"), (attributed, "attributed")):
            marks.grid(axes, "x")
            marks.percent_ticks(axes, "x", self.words, 4)
            explainer = self.words.explainer(self.explainer)
            heading = self.words.text(f"pictures.reliance.{name}", explainer=explainer)
            axes.set_title(wrapped(heading, 34), fontsize=SMALL)

    def _name(self, row: _Relied) -> Text:
        return player(row.label, self.schema)

    def title(self) -> Message:
        first = max(self.features, key=lambda row: row.share.value)
        known = [row for row in self.features if row.attributed.is_defined]
        attributed = max(known, key=lambda row: row.attributed.value)
        return caption(
            "reliance.title",
            first=self._name(first),
            share=first.share,
            same=first.label == attributed.label,
            attributed=self._name(attributed),
            named=kind_of(self.schema).named_columns,
            attributed_share=attributed.attributed,
        )

    def alt(self) -> Message:
        listed = [
            caption(
                "reliance.alt_feature",
                feature=spoken(row.label),
                share=row.share,
                attributed=row.attributed,
                is_attributed=row.attributed.is_defined,
            )
            for row in self.features[:6]
        ]
        n = len(self.features)
        return caption("reliance.alt", n=n, features=listed, explainer=self.explainer)


def _share(row: FeatureImportance | None) -> Estimate:
    return UNDEFINED if row is None else row.drawn_share


def _scaled(rise: Estimate, whole: float) -> Estimate:
    low, high = (None if end is None else end / whole for end in (rise.low, rise.high))
    return Estimate(rise.value / whole, low, high)
