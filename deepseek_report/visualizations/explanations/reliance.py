"""What the model's skill rests on, beside what its cases are explained by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Message, Text
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Schema
from deepseek_report.data_kinds import kind_of
from deepseek_report.errors import NotApplicableError
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import caption, measured, player, spoken, wrapped
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
        rows = len(view.table)
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
class _View:
    """One row a feature: shares of the skill (`share`, `rise`), and of what is `attributed`."""

    table: pd.DataFrame
    explainer: str
    schema: Schema
    words: Wording

    @classmethod
    def of(cls, results: Results, most: int) -> _View:
        sage = required(results, "sage", "features").set_index("feature")
        importance = required(results, "importance", "importance")
        explainer = leading(results)
        own = importance[importance["explainer"] == explainer].set_index("feature")
        scale = own["share"] / own["mean_absolute"].where(own["mean_absolute"] > 0)
        table = sage[["label", "share", "share_low", "share_high", "value"]].assign(
            attributed=own["share"],
            attributed_low=own["low"] * scale,
            attributed_high=own["high"] * scale,
        )
        skill = (table["value"] / table["share"].where(table["share"] != 0)).median()
        exchange = results.table("permutation_importance", "features")
        rises = {"rise": np.nan, "rise_low": np.nan, "rise_high": np.nan}
        if exchange is not None and skill > 0:
            of_exchange = exchange.set_index("feature")
            keys = ("loss_rise", "low", "high")
            rises = {name: of_exchange[key] / skill for name, key in zip(rises, keys, strict=True)}
        table = table.assign(**rises)
        largest = (
            table[["share", "attributed"]].max(axis=1).sort_values(ascending=False, kind="stable")
        )
        kept = table.loc[table.index.isin(largest.index[:most])]
        if not kept["attributed"].notna().any():
            raise NotApplicableError(caption("reliance.nothing_shared"))
        return cls(kept, explainer, results.schema, words_of(results))

    @property
    def has_exchange(self) -> bool:
        return bool(self.table["rise"].notna().any())

    def paint(self, sheet: Sheet) -> None:
        names = [spoken(label) for label in self.table["label"]]
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
        places = np.arange(len(labels))
        if self.has_exchange:
            look = marks.MarkStyle(LIGHT.context, marker="D", size=4, hollow=True)
            marks.intervals(skill, places + 0.2, self.table["rise"], self._ends("rise"), look)
        look = marks.MarkStyle(SERIES[0], size=4.5)
        marks.intervals(skill, places, self.table["share"], self._ends("share"), look)
        skill.axvline(0, color=LIGHT.muted, linewidth=0.8)
        look = marks.MarkStyle(SERIES[1], marker="s", size=4.5)
        marks.intervals(
            attributed, places, self.table["attributed"], self._ends("attributed"), look
        )
        attributed.set_xlim(left=0)
        for axes, name in ((skill, "skill"), (attributed, "attributed")):
            marks.grid(axes, "x")
            marks.percent_ticks(axes, "x", self.words, 4)
            explainer = self.words.explainer(self.explainer)
            heading = self.words.text(f"pictures.reliance.{name}", explainer=explainer)
            axes.set_title(wrapped(heading, 34), fontsize=SMALL)

    def _ends(self, key: str) -> tuple[pd.Series, pd.Series]:
        return self.table[f"{key}_low"], self.table[f"{key}_high"]

    def _name(self, row: pd.Series) -> Text:
        return player(row["label"], self.schema)

    def title(self) -> Message:
        first = self.table.iloc[int(np.argmax(self.table["share"].to_numpy()))]
        attributed = self.table.loc[self.table["attributed"].idxmax()]
        return caption(
            "reliance.title",
            first=self._name(first),
            share=measured(first, "share", "share_low", "share_high"),
            same=bool(first["label"] == attributed["label"]),
            attributed=self._name(attributed),
            named=kind_of(self.schema).named_columns,
            attributed_share=measured(
                attributed, "attributed", "attributed_low", "attributed_high"
            ),
        )

    def alt(self) -> Message:
        listed = [
            caption(
                "reliance.alt_feature",
                feature=spoken(row["label"]),
                share=measured(row, "share", "share_low", "share_high"),
                attributed=_attributed(row),
                is_attributed=bool(np.isfinite(row["attributed"])),
            )
            for _, row in self.table.head(6).iterrows()
        ]
        return caption("reliance.alt", n=len(self.table), features=listed, explainer=self.explainer)


def _attributed(row: pd.Series) -> Estimate:
    return measured(row, "attributed", "attributed_low", "attributed_high")
