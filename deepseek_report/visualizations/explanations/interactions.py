"""Which pairs of features act together, and how the effect of one depends on the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Target
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import caption, measured, short, spoken, wrapped
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.drawing.sheet import Sheet, on_sheets
from deepseek_report.visualizations.style import LIGHT, MARKERS, SERIES, SMALL
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording, sentence_case

_ROW, _FOOT, _HEAD, _EFFECT = 0.3, 0.55, 0.45, 1.7


@dataclass(frozen=True)
class InteractionsPicture(PicturePart):
    """Draws how strongly pairs of features act together, beside what would not count.

    Where a pair does, also the mean output by the values of one feature for some of the other.
    """

    reveals = "aggregate"
    section = "explanations"
    modalities = frozenset({"table"})
    needs = frozenset({"measures/interactions"})

    def draw(self, results: Results) -> Sequence[Picture]:
        pairs = required(results, "interactions", "pairs")
        effects, words = results.table("interactions", "effects"), words_of(results)
        view = _View(pairs, effects, results.schema.target, words)
        return [
            on_sheets(
                "interactions",
                view.height,
                view.paint,
                title=_title(pairs),
                alt=_alt(pairs, effects),
                how_to_read=caption(
                    "interactions.how_to_read",
                    space=pairs["space"].iloc[0],
                    has_effect=view.has_effect,
                ),
            )
        ]


@dataclass(frozen=True)
class _View:
    """The strongest pairs, and the effect of one feature at values of the other if there is one."""

    pairs: pd.DataFrame
    effects: pd.DataFrame | None
    target: Target
    words: Wording

    @property
    def has_effect(self) -> bool:
        return self.effects is not None and len(self.effects) > 0

    @property
    def _top(self) -> float:
        """Inches of the part with the pairs."""
        return _FOOT + _ROW * len(self.pairs) + 0.15

    @property
    def height(self) -> float:
        return self._top + (_HEAD + _EFFECT + _FOOT if self.has_effect else 0.0)

    def paint(self, sheet: Sheet) -> None:
        self._paint_pairs(sheet, self.height - self._top)
        if self.effects is not None and self.has_effect:
            self._paint_effect(sheet, self.effects)

    def _paint_pairs(self, sheet: Sheet, below: float) -> None:
        pairs = [_name(row, 22) for row in _records(self.pairs)]
        labels, left = sheet.row_labels(pairs, 52, 3.6)
        axes = sheet.axes(left, below + _FOOT, 0.2, 0.15)
        marks.rows(axes, labels)
        places, real = np.arange(len(self.pairs)), self.pairs["interacts"].to_numpy(bool)
        for called in (True, False):
            part = self.pairs[real == called]
            look = marks.MarkStyle(SERIES[0] if called else LIGHT.context, hollow=not called)
            ends = part["share_low"], part["share_high"]
            marks.intervals(axes, places[real == called], part["share"], ends, look)
        control = marks.MarkStyle(SERIES[1], marker="|", size=11)
        nowhere = np.full(len(self.pairs), np.nan)
        marks.intervals(axes, places, self.pairs["control"], (nowhere, nowhere), control)
        furthest = float(np.nanmax(self.pairs[["share_high", "share", "control"]].to_numpy()))
        axes.set_xlim(0, 1.08 * furthest)
        marks.grid(axes, "x")
        marks.percent_ticks(axes, "x", self.words)
        axes.set_xlabel(self.words.text("pictures.interactions.axis"))

    def _paint_effect(self, sheet: Sheet, effects: pd.DataFrame) -> None:
        first = effects.iloc[0]
        numeric = first["kind"] == "numeric"
        axes = sheet.axes(0.75, _FOOT, 1.7, sheet.height - _FOOT - _EFFECT)
        levels, ends = list(dict.fromkeys(effects["by_display"])), []
        for number, level in enumerate(levels):
            line = effects[effects["by_display"] == level]
            places = line["value"] if numeric else np.arange(len(line))
            tone = SERIES[number % len(SERIES)]
            style = "-" if numeric else "none"
            marker = MARKERS[number % len(MARKERS)]
            axes.plot(places, line["output"], color=tone, linestyle=style, marker=marker, ms=3.5)
            text = short(level, 18)
            ends.append(
                marks.EndLabel(float(np.max(places)), float(line["output"].iloc[-1]), text, tone)
            )
            if not numeric:
                names = [short(text, 14) for text in line["display"]]
                axes.set_xticks(places, names, fontsize=SMALL - 1)
        marks.grid(axes, "y")
        marks.value_ticks(axes, "y", self.words, 4)
        if numeric:
            marks.value_ticks(axes, "x", self.words, 5)
        unit, label = short(first["unit"], 20), short(first["label"], 60)
        about = caption("common.in_unit", text=label, unit=unit) if first["unit"] else label
        axes.set_xlabel(sentence_case(self.words.say(about)))
        heading = caption("interactions.by", by=spoken(first["by_label"]), output=self._output())
        title = sentence_case(self.words.say(heading))
        axes.set_title(wrapped(title, 50) if sheet.is_narrow else short(title, 90), fontsize=9)
        marks.end_labels(axes, ends)

    def _output(self) -> Message:
        space = self.pairs["space"].iloc[0]
        return caption(
            "interactions.output",
            space=space,
            class_name=spoken(self.target.explained_class),
            unit=short(self.target.unit, 20) if self.target.unit else "",
        )


def _records(table: pd.DataFrame) -> list[pd.Series]:
    return [row for _, row in table.iterrows()]


def _name(row: pd.Series, most: int = 60) -> str:
    return f"{short(row['label_a'], most)} × {short(row['label_b'], most)}"


def _title(pairs: pd.DataFrame) -> Message:
    """What the metric's verdict on the strongest pair is."""
    called = pairs[pairs["interacts"].astype(bool)]
    row = called.iloc[0] if len(called) else pairs.iloc[0]
    return caption(
        "interactions.title" if len(called) else "interactions.title_none",
        first=spoken(row["label_a"]),
        second=spoken(row["label_b"]),
        share=measured(row, "share", "share_low", "share_high"),
        looked_at=int(row["looked_at"]),
    )


def _alt(pairs: pd.DataFrame, effects: pd.DataFrame | None) -> Message:
    listed = [
        caption(
            "interactions.alt_pair",
            first=spoken(row["label_a"]),
            second=spoken(row["label_b"]),
            share=measured(row, "share", "share_low", "share_high"),
            control=float(row["control"]),
            interacts=bool(row["interacts"]),
        )
        for row in _records(pairs)
    ]
    lines = [] if effects is None else _alt_lines(effects)
    return caption("interactions.alt", n=len(listed), pairs=listed, lines=lines)


def _alt_lines(effects: pd.DataFrame) -> list[Message]:
    """From where to where the output goes along the first feature, for each value of the other."""
    lines = []
    for level in dict.fromkeys(effects["by_display"]):
        line = effects[effects["by_display"] == level]
        lines.append(
            caption(
                "interactions.alt_line",
                by=spoken(line["by_label"].iloc[0]),
                level=spoken(level),
                feature=spoken(line["label"].iloc[0]),
                start=float(line["output"].iloc[0]),
                end=float(line["output"].iloc[-1]),
                start_at=spoken(line["display"].iloc[0]),
                end_at=spoken(line["display"].iloc[-1]),
            )
        )
    return lines
