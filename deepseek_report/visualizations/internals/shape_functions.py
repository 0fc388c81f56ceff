"""The curves of an additive model, with where its training part lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.message import Message, Text
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Target
from deepseek_report.tasks import task_of
from deepseek_report.visualizations.drawing.labels import (
    attribution,
    caption,
    short,
    spoken,
    unit_label,
)
from deepseek_report.visualizations.drawing.marks import grid, value_ticks
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.drawing.sheet import Sheet, on_sheets, quantity_ticks
from deepseek_report.visualizations.style import LIGHT, SMALL, Axes
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

_ABREAST, _ROW, _HEAD, _FOOT = 2, 1.25, 0.42, 0.42
#: Pairs that are drawn, and inches of each, of its foot and of the space for its labels.
_PAIRS, _PAIR, _PAIR_FOOT, _PAIR_LEFT = 4, 3.35, 1.3, 1.25
#: Categories shown of one feature, those that occur most often.
_CATEGORIES = 8


@dataclass(frozen=True)
class ShapeFunctionsPicture(PicturePart):
    """Draws what each value of the most important features adds to an additive model's output.

    most : features drawn, those whose contributions vary most.
    """

    reveals = "aggregate"
    section = "explanations"
    needs = frozenset({"measures/shape_functions"})
    requires = frozenset({"shape_functions"})

    most: Annotated[int, Field(ge=1, le=12)] = 8

    def draw(self, results: Results) -> Sequence[Picture]:
        curves = required(results, "shape_functions", "curves")
        density = results.table("shape_functions", "density")
        names = list(dict.fromkeys(curves.sort_values("rank", kind="stable")["feature"]))
        parts = [
            _Part(curves[curves["feature"] == name], _own(density, name))
            for name in names[: self.most]
        ]
        target, words = results.schema.target, words_of(results)
        unit = _unit(target)
        drawn = [
            on_sheets(
                "shape_functions",
                (_height(parts, _ABREAST), _height(parts, 1)),
                lambda sheet: _paint(sheet, parts, words.say(unit), words),
                title=_title(parts),
                alt=_alt(parts, target),
                how_to_read=caption("shape_functions.how_to_read", unit=unit),
            )
        ]
        pairs = results.table("shape_functions", "pairs")
        return [
            *drawn,
            *([_pairs_picture(pairs, unit)] if pairs is not None and len(pairs) else []),
        ]


def _pairs_picture(table: pd.DataFrame, unit: Text) -> Picture:
    """The strongest pairs: at each pair of values a square, as large as what it adds."""
    pairs = [table[table["rank"] == rank] for rank in sorted(set(table["rank"]))[:_PAIRS]]

    def paint(sheet: Sheet) -> None:
        abreast = 1 if sheet.is_narrow else _ABREAST
        width = sheet.width / abreast
        largest = max(float(pair["contribution"].abs().max()) for pair in pairs) or 1.0
        for place, pair in enumerate(pairs):
            block, column = divmod(place, abreast)
            top, begin = _HEAD + block * _PAIR, column * width
            below = sheet.height - top - _PAIR + _PAIR_FOOT
            right = sheet.width - begin - width + 0.15
            _squares(sheet.axes(begin + _PAIR_LEFT, below, right, top), pair, largest)

    heights = tuple(-(-len(pairs) // abreast) * _PAIR + _HEAD for abreast in (_ABREAST, 1))
    first = _extremes(pairs[0])
    return on_sheets(
        "shape_functions_pairs",
        (heights[0], heights[1]),
        paint,
        title=caption("shape_functions.pairs_title", **first),
        alt=caption(
            "shape_functions.pairs_alt",
            n=len(pairs),
            pairs=[caption("shape_functions.pairs_alt_pair", **_extremes(pair)) for pair in pairs],
        ),
        how_to_read=caption("shape_functions.pairs_how_to_read", unit=unit),
    )


def _squares(axes: Axes, pair: pd.DataFrame, largest: float) -> None:
    added = pair["contribution"].to_numpy(float)
    tones = [LIGHT.raises if amount > 0 else LIGHT.lowers for amount in added]
    sizes = 150 * np.abs(added) / largest
    axes.scatter(pair["at_a"], pair["at_b"], s=sizes, c=tones, marker="s", linewidths=0)
    for name, side, most in (("x", "a", 12), ("y", "b", 16)):
        shown = pair.drop_duplicates(f"at_{side}").sort_values(f"at_{side}", kind="stable")
        places = shown[f"at_{side}"].to_numpy(float)
        labels = [short(text, most) for text in shown[f"display_{side}"]]
        some = slice(None, None, 2 if name == "x" and len(places) > 6 else 1)
        axis = axes.xaxis if name == "x" else axes.yaxis
        axis.set_ticks(places[some], labels[some], fontsize=SMALL - 1.5)
    axes.tick_params(axis="x", rotation=30)
    axes.set_xlim(-0.7, float(pair["at_a"].max()) + 0.7)
    axes.set_ylim(-0.7, float(pair["at_b"].max()) + 0.7)
    axes.set_xlabel(short(spoken(pair["label_a"].iloc[0]), 44), fontsize=SMALL - 1)
    axes.set_title(short(spoken(pair["label_b"].iloc[0]), 40), fontsize=9, loc="left")


def _extremes(pair: pd.DataFrame) -> dict[str, object]:
    """Where a pair adds most and least, and how much."""
    values: dict[str, object] = {}
    for side in "ab":
        values[f"label_{side}"] = spoken(pair[f"label_{side}"].iloc[0])
    for name, place in (("most", "idxmax"), ("least", "idxmin")):
        row = pair.loc[getattr(pair["contribution"], place)()]
        values[name] = attribution(row["contribution"], "value")
        values |= {f"{name}_{side}": spoken(row[f"display_{side}"]) for side in "ab"}
    return values


def _unit(target: Target) -> Text:
    """What the values add to."""
    if task_of(target).decides:
        return caption("shape_functions.log_odds")
    return unit_label(target.unit) or caption("shape_functions.predicted_number")


@dataclass(frozen=True)
class _Part:
    """One feature: its curve and, for a number, the density of the training rows."""

    curve: pd.DataFrame
    density: pd.DataFrame | None

    @property
    def label(self) -> str:
        return spoken(self.curve["label"].iloc[0])

    @property
    def is_numeric(self) -> bool:
        return bool(self.curve["kind"].iloc[0] == "numeric")

    @property
    def known(self) -> pd.DataFrame:
        return self.curve[self.curve["value"].notna()]

    @property
    def shown(self) -> pd.DataFrame:
        """The values of a number, or the categories that occur most often and missing values."""
        if self.is_numeric:
            return self.known
        common = self.curve.nlargest(_CATEGORIES, "share", keep="first")
        return common.sort_index()


def _own(density: pd.DataFrame | None, name: str) -> pd.DataFrame | None:
    return None if density is None else density[density["feature"] == name]


def _height(parts: Sequence[_Part], abreast: int) -> float:
    blocks = -(-len(parts) // abreast)
    return float(blocks * (_HEAD + _ROW + _FOOT))


def _paint(sheet: Sheet, parts: Sequence[_Part], unit: str, words: Wording) -> None:
    abreast = 1 if sheet.is_narrow else _ABREAST
    width = sheet.width / abreast
    low, high = _span(parts)
    for place, part in enumerate(parts):
        block, column = divmod(place, abreast)
        top = _HEAD + block * (_HEAD + _ROW + _FOOT)
        begin = column * width
        inner = 0.76 if part.is_numeric else 1.35
        right = sheet.width - begin - width + 0.15
        axes = sheet.axes(begin + inner, sheet.height - top - _ROW, right, top)
        axes.set_title(short(part.label, 44), fontsize=9)
        if part.is_numeric:
            _curve(axes, part, (low, high), words)
            upright = words.text("pictures.shape_functions.upright", unit=unit)
            axes.set_ylabel(upright if column == 0 else "", fontsize=SMALL - 1)
        else:
            _bars(axes, part, (low, high), words)


def _span(parts: Sequence[_Part]) -> tuple[float, float]:
    values = np.concatenate([part.shown["contribution"].to_numpy(float) for part in parts])
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    margin = 0.08 * ((high - low) or 1.0)
    return low - margin, high + margin


def _curve(axes: Axes, part: _Part, span: tuple[float, float], words: Wording) -> None:
    shown = part.shown
    if part.density is not None and len(part.density):
        tall = 0.3 * (span[1] - span[0]) / max(float(part.density["share"].max()), 1e-9)
        axes.bar(
            part.density["from"],
            part.density["share"] * tall,
            width=(part.density["to"] - part.density["from"]) * 0.96,
            bottom=span[0],
            align="edge",
            color=LIGHT.grid,
        )
    axes.axhline(0, color=LIGHT.context, linewidth=0.8)
    axes.plot(shown["value"], shown["contribution"], color=LIGHT.series[0])
    axes.set_ylim(*span)
    grid(axes, "y")
    value_ticks(axes, "y", words, 4)
    quantity_ticks(axes, str(part.curve["unit"].iloc[0]) or None, words)


def _bars(axes: Axes, part: _Part, span: tuple[float, float], words: Wording) -> None:
    shown = part.shown
    places = np.arange(len(shown))
    added = shown["contribution"].to_numpy(float)
    tones = [LIGHT.raises if amount > 0 else LIGHT.lowers for amount in added]
    axes.barh(places, added, height=0.3 + 0.5 * np.sqrt(shown["share"]), color=tones)
    axes.axvline(0, color=LIGHT.context, linewidth=0.8)
    labels = [short(text, 20) for text in shown["display"]]
    axes.set_yticks(places, labels, color=LIGHT.ink, fontsize=SMALL - 1.5)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlim(*span)
    grid(axes, "x")
    value_ticks(axes, "x", words, 4)


def _title(parts: Sequence[_Part]) -> Message:
    first = parts[0]
    return caption("shape_functions.title", feature=first.label, **_ends(first))


def _ends(part: _Part) -> dict[str, Any]:
    """What the least and the most adding values are, and what they add."""
    most, least = _end(part, "max"), _end(part, "min")
    return {
        "least": attribution(least["contribution"], "value"),
        "least_at": spoken(least["display"]),
        "most": attribution(most["contribution"], "value"),
        "most_at": spoken(most["display"]),
    }


def _end(part: _Part, which: str) -> pd.Series:
    shown = part.shown.reset_index(drop=True)
    added = shown["contribution"]
    return shown.iloc[int(added.argmax() if which == "max" else added.argmin())]


def _alt(parts: Sequence[_Part], target: Target) -> Message:
    features = [
        caption("shape_functions.alt_feature", feature=part.label, **_ends(part)) for part in parts
    ]
    return caption(
        "shape_functions.alt",
        n=len(parts),
        target=spoken(target.explained_class),
        features=features,
    )
