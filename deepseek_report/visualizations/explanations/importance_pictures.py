"""Which features count over all cases, and which the skill of the model rests on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.estimate import UNDEFINED, Estimate
from deepseek_report.artifacts.explanation import CONTROL
from deepseek_report.artifacts.message import Message, Text
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Schema
from deepseek_report.data_kinds import kind_of
from deepseek_report.errors import NotApplicableError
from deepseek_report.findings.explainer_verdicts import CONDEMNED
from deepseek_report.metrics.explanations.explanation_rows import (
    ClassImportance,
    FeatureImportance,
    LossRise,
    OfImportance,
    SkillShare,
)
from deepseek_report.visualizations import style
from deepseek_report.visualizations.drawing import marks, read_results, twin
from deepseek_report.visualizations.drawing.labels import (
    caption,
    extent,
    player,
    short,
    spoken,
    wrapped,
)
from deepseek_report.visualizations.drawing.sheet import OnePicture, Sheet, on_pages, sheets_of
from deepseek_report.visualizations.style import LIGHT, SERIES, SMALL
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

# --- Which features matter over all explained cases, to each explainer ----------------------------

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
    also = frozenset({"conclusions"})

    most: Annotated[int, Field(ge=2, le=30)] = 12

    def draw(self, results: Results) -> Sequence[Picture]:
        table = read_results.required(results, "importance", "importance", FeatureImportance)
        pictures = [self._picture(results, table, "global_importance")]
        further = results.rows("importance", "by_class", ClassImportance)
        names = results.schema.target.classes
        for name, own in read_results.grouped(further, lambda row: row.of_class).items():
            picture = f"global_importance_class_{names.index(name)}"
            pictures.append(self._picture(results, own, picture))
        return pictures

    def _picture(self, results: Results, table: Sequence[OfImportance], name: str) -> Picture:
        """The picture of the importance for one class."""
        judged = results.conclusions.explainers if results.has("conclusions") else ()
        left_out = [
            verdict.explainer
            for verdict in judged
            if verdict.use in CONDEMNED or verdict.other_game is not None
        ]
        view = _View.of(table, self.most, results.schema, words_of(results), left_out)
        return on_pages(
            name,
            lambda page: _drawn(name, view, page),
            title=_title(view),
            alt=_alt(view),
            how_to_read=caption("global_importance.how_to_read"),
            interactive=_twin(view),
        )


@dataclass(frozen=True)
class _View:
    """Shares by explainer, features in the order of their mean share; the control comes last.

    table : {explainer: {feature: its importance}}, of all features. features : those that are
    drawn. mean : {feature: mean share over the ranked explainers}. labels : of the rows. inline :
    the same features inside a sentence. ranked : the explainers that the order rests on; those that
    are condemned, or answer another question, only where there is no other. counts_places : whether
    a share is the larger the more often the feature occurs, as that of a word is.
    """

    table: dict[str, dict[str, OfImportance]]
    features: list[str]
    mean: dict[str, float]
    labels: dict[str, str]
    inline: dict[str, Text]
    ranked: list[str]
    counts_places: bool
    words: Wording

    @classmethod
    def of(
        cls,
        rows: Sequence[OfImportance],
        most: int,
        schema: Schema,
        words: Wording,
        left_out: Collection[str] = (),
    ) -> _View:
        by_explainer = read_results.grouped(rows, lambda row: row.explainer)
        table = {
            name: {row.feature: row for row in by_explainer[name]}
            for name in sorted(by_explainer, key=lambda name: name == CONTROL)
        }
        labels = {row.feature: spoken(row.label) for row in rows}
        judged = [name for name in table if name != CONTROL] or [*table]
        ranked = [name for name in judged if name not in left_out] or judged
        shares = [table[name] for name in ranked]
        mean = {
            name: float(np.mean([own[name].share for own in shares if name in own] or [0.0]))
            for name in labels
        }
        return cls(
            table,
            sorted(labels, key=lambda name: -mean[name])[:most],
            mean,
            labels,
            {name: player(label, schema) for name, label in labels.items()},
            ranked,
            kind_of(schema).quotes,
            words,
        )

    @property
    def explainers(self) -> list[str]:
        return list(self.table)

    @property
    def judged(self) -> list[str]:
        return [name for name in self.table if name != CONTROL] or self.explainers

    def shares(self, explainer: str) -> list[Estimate]:
        """The shares of the features that are drawn."""
        return [self.share(explainer, name) for name in self.features]

    def share(self, explainer: str, feature: str) -> Estimate:
        row = self.table[explainer].get(feature)
        return UNDEFINED if row is None else row.drawn_share


def _drawn(name: str, view: _View, page: float) -> str:
    abreast = _ABREAST if page == style.WIDTH else _ABREAST_NARROW
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
    shares = [share for explainer in view.explainers for share in view.shares(explainer)]
    most = float(np.nanmax(read_results.estimate_columns(shares)[[0, 2]]) * 1.08) or 1.0
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
    power = 10.0 ** np.floor(np.log10(0.85 * most))
    # the largest share of one digit below: two ticks leave room for both
    axes.set_xticks([0, float(np.floor(0.85 * most / power + 1e-9) * power)])


def _title(view: _View) -> Message:
    ranked, first, second = view.ranked, view.features[0], view.features[1:2]
    if not view.mean[first] > 0:
        return caption("global_importance.title_none")
    if view.counts_places:
        return caption("global_importance.title_summed", first=view.inline[first])
    tops = (max(view.table[name].values(), key=lambda row: row.share) for name in ranked)
    top = sum(row.feature == first for row in tops)
    if 2 * top <= len(ranked):
        return caption("global_importance.title_differ", first=view.inline[first])
    return caption(
        "global_importance.title",
        first=view.inline[first],
        top=top,
        explainers=len(ranked),
        only=ranked[0] if len(ranked) == 1 else None,
        some_left_out=len(ranked) < len(view.judged),
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


# --- What the model's skill rests on, beside what its cases are explained by ----------------------

_ROW_RELIANCE, _ROW_NARROW_RELIANCE, _HEAD_RELIANCE, _FOOT_RELIANCE, _GAP = (
    0.26,
    0.4,
    0.45,
    0.55,
    0.25,
)


@dataclass(frozen=True)
class ReliancePicture(OnePicture):
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

    def picture(self, results: Results) -> Picture:
        view = _RelianceView.of(results, self.most)
        rows = len(view.features)
        return sheets_of(
            view,
            "reliance",
            (
                _HEAD_RELIANCE + rows * _ROW_RELIANCE + _FOOT_RELIANCE,
                2 * (_HEAD_RELIANCE + rows * _ROW_NARROW_RELIANCE + _FOOT_RELIANCE),
            ),
            how_to_read=caption(
                "reliance.how_to_read", exchanged=view.has_exchange, explainer=view.explainer
            ),
        )


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
class _RelianceView:
    """One row a feature."""

    features: list[_Relied]
    explainer: str
    schema: Schema
    words: Wording

    @classmethod
    def of(cls, results: Results, most: int) -> _RelianceView:
        sage = read_results.required(results, "sage", "features", SkillShare)
        importance = read_results.required(results, "importance", "importance", FeatureImportance)
        explainer = read_results.leading(results)
        own = [row for row in importance if row.explainer == explainer]
        attributed = {row.feature: row.drawn_share for row in own}
        exchange = results.rows("permutation_importance", "features", LossRise)
        skill = np.median([row.value.value / row.share.value for row in sage if row.share.value])
        rises = {row.feature: _scaled(row.loss_rise, float(skill)) for row in exchange}
        features = [
            _Relied(
                row.label,
                row.share,
                attributed.get(row.feature, UNDEFINED),
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
            skill = sheet.axes(left, half + _FOOT_RELIANCE, 0.15, _HEAD_RELIANCE)
            attributed = sheet.axes(left, _FOOT_RELIANCE, 0.15, half + _HEAD_RELIANCE)
            marks.rows(attributed, labels)
        else:
            width = (sheet.width - left - _GAP - 0.15) / 2
            skill = sheet.axes(left, _FOOT_RELIANCE, width + _GAP + 0.15, _HEAD_RELIANCE)
            attributed = sheet.axes(left + width + _GAP, _FOOT_RELIANCE, 0.15, _HEAD_RELIANCE)
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
        sure = [row for row in self.features if (row.share.low or 0.0) > 0]
        first = max(sure or self.features, key=lambda row: row.share.value)
        known = [row for row in self.features if row.attributed.is_defined]
        attributed = max(known, key=lambda row: row.attributed.value)
        return caption(
            "reliance.title",
            first=self._name(first),
            share=first.share,
            is_shown=bool(sure),
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


def _scaled(rise: Estimate, whole: float) -> Estimate:
    low, high = (None if end is None else end / whole for end in (rise.low, rise.high))
    return Estimate(rise.value / whole, low, high)
