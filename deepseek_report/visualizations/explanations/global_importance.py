"""Which features matter over all explained cases, to each explainer."""

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
from deepseek_report.metrics.explanations.explanation_rows import ClassImportance, FeatureImportance
from deepseek_report.visualizations import style
from deepseek_report.visualizations.drawing import marks, twin
from deepseek_report.visualizations.drawing.labels import (
    caption,
    extent,
    player,
    short,
    spoken,
    wrapped,
)
from deepseek_report.visualizations.drawing.read_results import estimate_columns, grouped, required
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
        table = required(results, "importance", "importance", FeatureImportance)
        pictures = [self._picture(results, table, "global_importance")]
        further = results.rows("importance", "by_class", ClassImportance)
        names = results.schema.target.classes
        for name, own in grouped(further, lambda row: row.of_class).items():
            picture = f"global_importance_class_{names.index(name)}"
            pictures.append(self._picture(results, own, picture))
        return pictures

    def _picture(self, results: Results, table: Sequence[FeatureImportance], name: str) -> Picture:
        """The picture of the importance for one class."""
        view = _View.of(table, self.most, results.schema, words_of(results))
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

    table : {explainer: {feature: its importance}}, of all features. features : those that are
    drawn. mean : {feature: mean share over the judged explainers}. labels : of the rows. inline :
    the same features inside a sentence.
    """

    table: dict[str, dict[str, FeatureImportance]]
    features: list[str]
    mean: dict[str, float]
    labels: dict[str, str]
    inline: dict[str, Text]
    words: Wording

    @classmethod
    def of(
        cls, rows: Sequence[FeatureImportance], most: int, schema: Schema, words: Wording
    ) -> _View:
        by_explainer = grouped(rows, lambda row: row.explainer)
        table = {
            name: {row.feature: row for row in by_explainer[name]}
            for name in sorted(by_explainer, key=lambda name: name == style.CONTROL)
        }
        labels = {row.feature: spoken(row.label) for row in rows}
        judged = [own for name, own in table.items() if name != style.CONTROL] or [*table.values()]
        mean = {
            name: float(np.mean([own[name].share for own in judged if name in own] or [0.0]))
            for name in labels
        }
        return cls(
            table,
            sorted(labels, key=lambda name: -mean[name])[:most],
            mean,
            labels,
            {name: player(label, schema) for name, label in labels.items()},
            words,
        )

    @property
    def explainers(self) -> list[str]:
        return list(self.table)

    @property
    def judged(self) -> list[str]:
        return [name for name in self.table if name != style.CONTROL] or self.explainers

    def shares(self, explainer: str) -> list[Estimate]:
        """The shares of the features that are drawn."""
        return [self.share(explainer, name) for name in self.features]

    def share(self, explainer: str, feature: str) -> Estimate:
        row = self.table[explainer].get(feature)
        return UNDEFINED if row is None else row.drawn_share


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
    shares, places = view.shares(explainer), range(len(view.features))
    colour = style.colours(view.explainers)[explainer]
    lengths = np.nan_to_num([share.value for share in shares])
    axes.hlines(places, 0, lengths, colors=style.LIGHT.grid, linewidth=4)
    look = marks.MarkStyle(colour, style.markers(view.explainers)[explainer], size=4.5)
    marks.intervals(axes, enumerate(shares), look)
    marks.grid(axes, "x")
    axes.set_xlim(-0.06 * most, most)
    marks.percent_ticks(axes, "x", view.words)
    axes.set_xticks([0, _round_share(0.85 * most)])


def _round_share(most: float) -> float:
    """The largest share of one digit that is not above `most`; two ticks leave room for both."""
    power = 10.0 ** np.floor(np.log10(most))
    return float(np.floor(most / power + 1e-9) * power)


def _most(view: _View) -> float:
    shares = [share for explainer in view.explainers for share in view.shares(explainer)]
    return float(np.nanmax(estimate_columns(shares)[[0, 2]]) * 1.08) or 1.0


def _title(view: _View) -> Message:
    judged, first, second = view.judged, view.features[0], view.features[1:2]
    if not view.mean[first] > 0:
        return caption("global_importance.title_none")
    tops = (max(view.table[name].values(), key=lambda row: row.share) for name in judged)
    top = sum(row.feature == first for row in tops)
    if 2 * top <= len(judged):
        return caption("global_importance.title_differ", first=view.inline[first])
    return caption(
        "global_importance.title",
        first=view.inline[first],
        top=top,
        explainers=len(judged),
        second=view.inline[second[0]] if second else None,
        ratio=view.mean[second[0]] / view.mean[first] if second else None,
    )


def _alt(view: _View) -> Message:
    explainers = []
    for explainer in view.judged:
        own = [name for name in view.features if name in view.table[explainer]]
        own.sort(key=lambda name: -view.table[explainer][name].share)
        features = [
            caption(
                "global_importance.alt_feature",
                feature=view.labels[name],
                share=view.share(explainer, name),
            )
            for name in own[:3]
        ]
        values = {"explainer": explainer, "features": features}
        explainers.append(caption("global_importance.alt_explainer", **values))
    return caption("global_importance.alt", n=len(view.features), explainers=explainers)


def _twin(view: _View) -> dict[str, object]:
    looks, words = style.colours(view.explainers), view.words
    rows_of = range(len(view.features))
    traces = []
    for explainer in view.explainers:
        shares = view.shares(explainer)
        hover = [_hover(view, explainer, name) for name in view.features]
        ends = twin.error_bars(shares)
        fields: twin.Trace = {"text": hover, "error_x": ends, "name": words.explainer(explainer)}
        values = [share.value for share in shares]
        traces.append(twin.points(values, rows_of, looks[explainer], **fields))
    title = words.text("pictures.global_importance.axis")
    layout = {
        "xaxis": twin.share_axis(title, rangemode="tozero"),
        "yaxis": twin.row_axis([short(view.labels[name], 34) for name in view.features]),
    }
    return twin.twin(traces, layout, words, height=120 + 28 * len(view.features))


def _hover(view: _View, explainer: str, name: str) -> str:
    text, share = view.words.text, view.share(explainer, name)
    head = twin.text(f"{view.words.explainer(explainer)}: {view.labels[name]}")
    lines = [head, text("pictures.global_importance.hover_share", share=share)]
    if name in view.table[explainer]:
        rank = float(view.table[explainer][name].rank)
        lines.append(text("pictures.global_importance.hover_rank", rank=rank))
    return "<br>".join(lines)
