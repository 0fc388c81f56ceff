"""How the router weighs the heads, and how the work is shared among the experts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import caption, measured, spoken
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.drawing.sheet import Sheet, on_sheets
from deepseek_report.visualizations.style import LIGHT, SERIES, Axes, colours, markers
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

_ABREAST = 4


@dataclass(frozen=True)
class RoutingPicture(PicturePart):
    """Draws the weight of each head and the load of each expert, layer by layer."""

    reveals = "aggregate"
    section = "explanations"
    needs = frozenset({"measures/route_entropy"})
    also = frozenset({"measures/expert_load"})

    def draw(self, results: Results) -> Sequence[Picture]:
        routes = required(results, "route_entropy", "routes")
        load = results.table("expert_load", "load")
        layers = sorted(set(routes["layer"]))
        groups = [layers[start : start + _ABREAST] for start in range(0, len(layers), _ABREAST)]
        views = [_View.of(routes, load, group, words_of(results)) for group in groups]
        return [
            _picture(view, "routing" if not at else f"routing_{at + 1}")
            for at, view in enumerate(views)
        ]


@dataclass(frozen=True)
class _View:
    layers: list[int]
    routes: pd.DataFrame
    load: pd.DataFrame | None
    branches: list[str]
    words: Wording

    @classmethod
    def of(
        cls, routes: pd.DataFrame, load: pd.DataFrame | None, layers: list[int], words: Wording
    ) -> _View:
        own = routes[routes["layer"].isin(layers)]
        experts = None if load is None else load[load["layer"].isin(layers)]
        branches = list(dict.fromkeys(own["branch"]))
        some = experts if experts is not None and len(experts) else None
        return cls(layers, own, some, branches, words)


def _picture(view: _View, name: str) -> Picture:
    height = 4.5 if view.load is not None else 2.5
    return on_sheets(
        name,
        height,
        lambda sheet: _paint(sheet, view),
        title=_title(view),
        alt=caption("routing.alt", layers=[_alt_layer(view, layer) for layer in view.layers]),
        how_to_read=caption("routing.how_to_read"),
    )


def _paint(sheet: Sheet, view: _View) -> None:
    width, height = (sheet.width - 0.65) / len(view.layers), sheet.height
    for column, layer in enumerate(view.layers):
        left = 0.65 + column * width
        right = sheet.width - left - min(width - 0.15, 4.4)
        heads = sheet.axes(left, height - 2.0, right, 0.5)
        _heads(heads, view, layer, first=column == 0)
        if view.load is not None:
            experts = sheet.axes(left, 0.5, right, height - 2.0)
            _experts(
                experts,
                view.words,
                view.load[view.load["layer"] == layer],
                float(view.load[["share", "high"]].max().max()),
                first=column == 0,
            )


def _heads(axes: Axes, view: _View, layer: int, *, first: bool) -> None:
    own = view.routes[view.routes["layer"] == layer].reset_index(drop=True)
    tone, shape = colours(view.branches), markers(view.branches)
    for branch in view.branches:
        part = own[own["branch"] == branch]
        look = marks.MarkStyle(tone[branch], shape[branch])
        marks.upright_intervals(axes, part.index, part["weight"], (part["low"], part["high"]), look)
        if len(part):
            marks.note(
                axes,
                spoken(branch),
                (float(part.index.to_numpy().mean()), 1),
                (0, 0),
                xycoords=("data", "axes fraction"),
                ha="center",
                va="bottom",
                color=tone[branch],
            )
    ticks = [view.words.numbers.count(head + 1) for head in own["head"]]
    _frame(axes, ticks, 1 / max(len(own), 1), view.words, first=first)
    axes.set_title(view.words.text("pictures.routing.layer", layer=layer + 1), pad=20)
    axes.set_xlabel(view.words.text("pictures.routing.head"))
    axes.set_ylim(0, float(view.routes[["weight", "high"]].max().max()) * 1.12)
    if first:
        axes.set_ylabel(view.words.text("pictures.routing.weight"))


def _experts(axes: Axes, words: Wording, own: pd.DataFrame, most: float, *, first: bool) -> None:
    own = own.reset_index(drop=True)
    axes.vlines(own.index, 0, own["share"].fillna(0), colors=LIGHT.grid, linewidth=5)
    ends = (own["low"], own["high"])
    marks.upright_intervals(axes, own.index, own["share"], ends, marks.MarkStyle(SERIES[2], "D"))
    ticks = [words.numbers.count(expert + 1) for expert in own["expert"]]
    _frame(axes, ticks, 1 / max(len(own), 1), words, first=first)
    axes.set_ylim(0, most * 1.12)
    axes.set_xlabel(words.text("pictures.routing.expert"))
    if first:
        axes.set_ylabel(words.text("pictures.routing.share"))


def _frame(axes: Axes, ticks: list[str], even: float, words: Wording, *, first: bool) -> None:
    marks.grid(axes, "y")
    axes.axhline(even, color=LIGHT.context, linewidth=1.2, linestyle=(0, (3, 2)))
    axes.set_xticks(range(len(ticks)), ticks)
    axes.set_xlim(-0.7, len(ticks) - 0.3)
    marks.percent_ticks(axes, "y", words, 4)
    axes.tick_params(labelleft=first)


def _title(view: _View) -> Message:
    top = view.routes.loc[view.routes["weight"].idxmax()]
    return caption(
        "routing.title",
        head=int(top["head"]) + 1,
        branch=spoken(top["branch"]),
        layer=int(top["layer"]) + 1,
        times=float(top["weight"]) * len(view.routes) / len(view.layers),
        **_busiest(view),
    )


def _busiest(view: _View) -> dict[str, object]:
    """How busy the busiest expert is, and how many are hardly used; None without experts."""
    if view.load is None:
        return {"busiest": None, "idle": 0, "experts": 0}
    experts = len(view.load) / len(view.layers)
    return {
        "busiest": float(view.load["share"].max()) * experts,
        "idle": int((view.load["share"] < 0.1 / experts).sum()),
        "experts": len(view.load),
    }


def _alt_layer(view: _View, layer: int) -> Message:
    own = view.routes[view.routes["layer"] == layer]
    sums = own.groupby("branch", sort=False)["weight"].sum()
    branches = [
        caption("routing.alt_branch", branch=spoken(branch), share=share)
        for branch, share in sums.items()
    ]
    least, most = None, None
    if view.load is not None:
        load = view.load[view.load["layer"] == layer]
        least, most = (
            measured(load.loc[place], "share")
            for place in (load["share"].idxmin(), load["share"].idxmax())
        )
    values = {"layer": layer + 1, "branches": branches, "least": least, "most": most}
    return caption("routing.alt_layer", **values)
