"""Which features matter over all explained cases, to each explainer."""

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
from deepseek_report.visualizations import style
from deepseek_report.visualizations.drawing import marks, twin
from deepseek_report.visualizations.drawing.labels import (
    caption,
    extent,
    measured,
    player,
    short,
    spoken,
    wrapped,
)
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

_ROW, _ROW_NARROW, _HEAD, _FOOT = 0.25, 0.38, 0.5, 0.5
#: Panels side by side, and on a narrow page.
_ABREAST, _ABREAST_NARROW = 6, 3


@dataclass(frozen=True)
class GlobalImportancePicture(PicturePart):
    """Draws the mean absolute attribution of the top features, one small panel an explainer.

    most : features shown, those with the greatest share over the explainers.
    """

    reveals = "aggregate"
    section = "explanations"
    needs = frozenset({"measures/importance"})

    most: Annotated[int, Field(ge=2, le=30)] = 12

    def draw(self, results: Results) -> Sequence[Picture]:
        table = required(results, "importance", "importance")
        pictures = [self._picture(results, table, "global_importance")]
        further = results.table("importance", "by_class")
        if further is not None:
            names = results.schema.target.classes
            for name in dict.fromkeys(further["class"]):
                own = further[further["class"] == name]
                picture = f"global_importance_class_{names.index(name)}"
                pictures.append(self._picture(results, own, picture))
        return pictures

    def _picture(self, results: Results, table: pd.DataFrame, name: str) -> Picture:
        """The picture of the importance for one class."""
        view = _view(table, self.most, results.schema, words_of(results))
        return Picture(
            name=name,
            svg=_drawn(name, view, style.WIDTH, _ABREAST),
            narrow=_drawn(name, view, style.NARROW, _ABREAST_NARROW),
            title=_title(view),
            alt=_alt(view),
            how_to_read=caption("global_importance.how_to_read"),
            interactive=_twin(view),
        )


@dataclass(frozen=True)
class _View:
    """Shares by explainer, features in the order of their mean share; the control comes last.

    labels : of the rows. inline : the same features inside a sentence.
    """

    table: pd.DataFrame
    features: list[str]
    labels: dict[str, str]
    inline: dict[str, Text]
    explainers: list[str]
    all_shares: pd.DataFrame
    words: Wording

    def part(self, explainer: str) -> pd.DataFrame:
        own = self.table[self.table["explainer"] == explainer].set_index("feature")
        return own.reindex(self.features)

    @property
    def judged(self) -> list[str]:
        return [name for name in self.explainers if name != style.CONTROL] or self.explainers


def _view(table: pd.DataFrame, most: int, schema: Schema, words: Wording) -> _View:
    names = list(dict.fromkeys(table["explainer"]))
    ordered = [n for n in names if n != style.CONTROL] + [n for n in names if n == style.CONTROL]
    shares = table.pivot_table(index="feature", columns="explainer", values="share", sort=False)
    judged = [n for n in ordered if n != style.CONTROL] or ordered
    mean = shares[judged].mean(axis=1).sort_values(ascending=False, kind="stable")
    scale = table["share"] / table["mean_absolute"].where(table["mean_absolute"] > 0)
    scaled = table.assign(share_low=table["low"] * scale, share_high=table["high"] * scale)
    labels = {row.feature: spoken(row.label) for row in table.itertuples()}
    inline = {name: player(label, schema) for name, label in labels.items()}
    features = list(mean.index[:most])
    return _View(scaled, features, labels, inline, ordered, shares, words)


def _drawn(name: str, view: _View, page: float, abreast: int) -> str:
    """The picture on a page of so many inches, with so many panels side by side."""
    blocks = -(-len(view.explainers) // abreast)
    tall = len(view.features) * (_ROW if page == style.WIDTH else _ROW_NARROW)
    height = blocks * (_HEAD + tall) + (blocks - 1) * 0.35 + _FOOT
    return style.draw_svg(name, height, lambda fig: _paint(fig, view, abreast, tall), page)


def _paint(figure: style.Figure, view: _View, abreast: int, tall: float) -> None:
    page, top = (float(inches) for inches in figure.get_size_inches())
    names = [view.labels[feature] for feature in view.features]
    labels = [short(name, 34) if page == style.WIDTH else wrapped(name, 22) for name in names]
    left = min(extent(labels) + 0.12, 0.4 * page)
    width = (page - left - 0.1) / min(len(view.explainers), abreast)
    most = _most(view)
    for place, explainer in enumerate(view.explainers):
        block, column = divmod(place, abreast)
        upper = top - _HEAD - block * (tall + _HEAD + 0.35)
        begin = left + column * width
        axes = style.panel(figure, begin, upper - tall, begin + width - 0.16, upper)
        marks.rows(axes, labels if column == 0 else [""] * len(labels))
        _points(axes, view, explainer, most)
        axes.set_title(
            wrapped(view.words.explainer(explainer), max(int(width * 13), 11)),
            fontsize=style.SMALL - 1,
        )
    figure.text(
        1 - 0.02,
        0.1 / top,
        view.words.text("pictures.global_importance.axis"),
        ha="right",
        fontsize=9,
        color=style.LIGHT.muted,
    )


def _points(axes: style.Axes, view: _View, explainer: str, most: float) -> None:
    part, places = view.part(explainer), np.arange(len(view.features))
    colour = style.colours(view.explainers)[explainer]
    axes.hlines(places, 0, part["share"].fillna(0), colors=style.LIGHT.grid, linewidth=4)
    look = marks.MarkStyle(colour, style.markers(view.explainers)[explainer], size=4.5)
    marks.intervals(axes, places, part["share"], (part["share_low"], part["share_high"]), look)
    marks.grid(axes, "x")
    axes.set_xlim(-0.06 * most, most)
    marks.percent_ticks(axes, "x", view.words)
    axes.set_xticks([0, _round_share(0.85 * most)])


def _round_share(most: float) -> float:
    """The largest share of one digit that is not above `most`; two ticks leave room for both."""
    power = 10.0 ** np.floor(np.log10(most))
    return float(np.floor(most / power + 1e-9) * power)


def _most(view: _View) -> float:
    shown = view.table[view.table["feature"].isin(view.features)]
    return float(np.nanmax(shown[["share", "share_high"]].to_numpy()) * 1.08) or 1.0


def _title(view: _View) -> Message:
    judged, first, second = view.judged, view.features[0], view.features[1:2]
    mean = view.all_shares[judged].mean(axis=1)
    if not mean[first] > 0:
        return caption("global_importance.title_none")
    top = sum(view.all_shares[name].idxmax() == first for name in judged)
    if 2 * top <= len(judged):
        return caption("global_importance.title_differ", first=view.inline[first])
    return caption(
        "global_importance.title",
        first=view.inline[first],
        top=top,
        explainers=len(judged),
        second=view.inline[second[0]] if second else None,
        ratio=float(mean[second[0]] / mean[first]) if second else None,
    )


def _share(row: pd.Series) -> Estimate:
    return measured(row, "share", "share_low", "share_high")


def _alt(view: _View) -> Message:
    explainers = []
    for explainer in view.judged:
        part = view.part(explainer).sort_values("share", ascending=False, kind="stable")
        features = [
            caption("global_importance.alt_feature", feature=view.labels[name], share=_share(row))
            for name, row in part.head(3).iterrows()
        ]
        values = {"explainer": explainer, "features": features}
        explainers.append(caption("global_importance.alt_explainer", **values))
    return caption("global_importance.alt", n=len(view.features), explainers=explainers)


def _twin(view: _View) -> dict[str, object]:
    looks, words = style.colours(view.explainers), view.words
    rows_of = range(len(view.features))
    traces = []
    for explainer in view.explainers:
        part = view.part(explainer)
        hover = [_hover(view, explainer, name, row) for name, row in part.iterrows()]
        ends = twin.error_bars(part["share"], part["share_low"], part["share_high"])
        fields = {"text": hover, "error_x": ends, "name": words.explainer(explainer)}
        traces.append(twin.points(part["share"], rows_of, looks[explainer], **fields))
    title = words.text("pictures.global_importance.axis")
    layout = {
        "xaxis": twin.share_axis(title, rangemode="tozero"),
        "yaxis": twin.row_axis([short(view.labels[name], 34) for name in view.features]),
    }
    return twin.twin(traces, layout, words, height=120 + 28 * len(view.features))


def _hover(view: _View, explainer: str, name: str, row: pd.Series) -> str:
    head = twin.text(f"{view.words.explainer(explainer)}: {view.labels[name]}")
    share = view.words.text("pictures.global_importance.hover_share", share=_share(row))
    if not np.isfinite(row["rank"]):
        return f"{head}<br>{share}"
    rank = view.words.text("pictures.global_importance.hover_rank", rank=float(row["rank"]))
    return f"{head}<br>{share}<br>{rank}"
