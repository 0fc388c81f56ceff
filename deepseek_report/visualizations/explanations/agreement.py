"""How far the explainers give the same ranking."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import caption, measured
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.drawing.sheet import Sheet, on_sheets
from deepseek_report.visualizations.style import CONTROL, LIGHT, SERIES
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording, sentence_case

_ROW, _ROW_NARROW = 0.25, 0.34


@dataclass(frozen=True)
class AgreementPicture(PicturePart):
    """Draws the rank correlation of every pair of explainers, with intervals."""

    reveals = "aggregate"
    section = "trust"
    needs = frozenset({"measures/explainer_agreement"})

    def draw(self, results: Results) -> Sequence[Picture]:
        table = required(results, "explainer_agreement", "pairs")
        control = (table["explainer_a"] == CONTROL) | (table["explainer_b"] == CONTROL)
        ordered = table.assign(control=control).sort_values(
            ["control", "spearman"], ascending=[True, False], kind="stable"
        )
        undefined = ordered[ordered["spearman"].isna()]
        ordered = ordered[ordered["spearman"].notna()]
        words, n = words_of(results), len(ordered)
        return [
            on_sheets(
                "agreement",
                (0.85 + _ROW * n, 0.85 + _ROW_NARROW * n),
                lambda sheet: _paint(sheet, ordered, words),
                title=_title(ordered, undefined),
                alt=_alt(ordered),
                how_to_read=caption(
                    "agreement.how_to_read", undefined=[_pair(row) for row in _rows(undefined)]
                ),
            )
        ]


def _rows(table: pd.DataFrame) -> Iterator[pd.Series]:
    return (row for _, row in table.iterrows())


def _pair(row: pd.Series) -> Message:
    return caption("agreement.pair", a=row["explainer_a"], b=row["explainer_b"])


def _paint(sheet: Sheet, table: pd.DataFrame, words: Wording) -> None:
    pairs = [sentence_case(words.say(_pair(row))) for row in _rows(table)]
    labels, left = sheet.row_labels(pairs, 48, 3.6)
    across, foot = sheet.below(words.text("pictures.agreement.axis"), left)
    axes = sheet.axes(left, foot, 0.45 if sheet.is_narrow else 0.25, 0.15)
    marks.rows(axes, labels)
    places = np.arange(len(table))
    for control in (False, True):
        part, own = table[table["control"] == control], places[table["control"] == control]
        look = marks.MarkStyle(LIGHT.context if control else SERIES[0])
        marks.intervals(axes, own, part["spearman"], (part["low"], part["high"]), look)
        for place, row in zip(own, part.itertuples(), strict=True):
            marks.note(
                axes,
                words.numbers.number(row.spearman, row.low, row.high),
                (np.nanmax([row.spearman, row.high]), place),
                (6, 0),
                va="center",
            )
    marks.grid(axes, "x")
    axes.axvline(0, color=LIGHT.context, linewidth=1)
    axes.set_xlim(min(-0.1, float(table[["spearman", "low"]].min().min()) - 0.05), 1.1)
    axes.set_xticks([at for at in (-1, -0.5, 0, 0.25, 0.5, 0.75, 1) if at >= axes.get_xlim()[0]])
    marks.plain_ticks(axes, "x", words)
    axes.set_xlabel(across)


def _title(table: pd.DataFrame, undefined: pd.DataFrame) -> Message:
    pairs = table[~table["control"]]
    if pairs.empty and not undefined.empty:
        return caption("agreement.title_none_ranks")
    if pairs.empty:
        return caption("agreement.title_alone")
    best, worst = (pairs.iloc[place] for place in (0, -1))
    if len(pairs) == 1:
        return caption("agreement.title_one_pair", **_judged(best, "best"))
    return caption("agreement.title", **_judged(best, "best"), **_judged(worst, "worst"))


def _judged(row: pd.Series, name: str) -> dict[str, Any]:
    """The pair and its correlation, under the name that a title has for them."""
    pair = caption("agreement.two", a=row["explainer_a"], b=row["explainer_b"])
    return {name: pair, f"{name}_correlation": measured(row, "spearman")}


def _alt(table: pd.DataFrame) -> Message:
    pairs = [
        caption("agreement.alt_pair", pair=_pair(row), correlation=measured(row, "spearman"))
        for row in _rows(table)
    ]
    return caption("agreement.alt", n=len(pairs), pairs=pairs)
