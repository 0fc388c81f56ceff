"""How the router weighs the heads, and how the work is shared among the experts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.numbers import number, percent
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.visualizations.labels import percent_with_interval, spoken
from deepseek_report.visualizations.marks import Look, grid, note, percent_ticks, upright_intervals
from deepseek_report.visualizations.reading import required
from deepseek_report.visualizations.style import (
    LIGHT,
    SERIES,
    WIDTH,
    colours,
    draw_svg,
    markers,
    panel,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from deepseek_report.artifacts.results import Results

_ABREAST = 4


@dataclass(frozen=True)
class Routing(PicturePart):
    """Draws the weight of each head and the load of each expert, layer by layer."""

    reveals: ClassVar[Reveals] = "aggregate"
    section: ClassVar[str] = "explanations"
    needs: ClassVar[frozenset[str]] = frozenset({"measures/route_entropy"})
    also: ClassVar[frozenset[str]] = frozenset({"measures/expert_load"})

    def draw(self, results: Results) -> Sequence[Picture]:
        routes = required(results, "route_entropy", "routes")
        load = results.table("expert_load", "load")
        layers = sorted(set(routes["layer"]))
        groups = [layers[start : start + _ABREAST] for start in range(0, len(layers), _ABREAST)]
        return [
            _picture(_View.of(routes, load, group), "routing" if not at else f"routing_{at + 1}")
            for at, group in enumerate(groups)
        ]


@dataclass(frozen=True)
class _View:
    """The layers of one picture."""

    layers: list[int]
    routes: pd.DataFrame
    load: pd.DataFrame | None
    branches: list[str]

    @classmethod
    def of(cls, routes: pd.DataFrame, load: pd.DataFrame | None, layers: list[int]) -> _View:
        own = routes[routes["layer"].isin(layers)]
        experts = None if load is None else load[load["layer"].isin(layers)]
        branches = list(dict.fromkeys(own["branch"]))
        return cls(layers, own, experts if experts is not None and len(experts) else None, branches)


def _picture(view: _View, name: str) -> Picture:
    height = 4.5 if view.load is not None else 2.5
    return Picture(
        name=name,
        svg=draw_svg(name, height, lambda figure: _paint(figure, view, height)),
        title=_title(view),
        alt=_alt(view),
        how_to_read=(
            "Grey lines are the even share: what lies far above is used more than the others, "
            "what lies near zero could be spared; vertical lines are 95 % intervals."
        ),
    )


def _paint(figure: Figure, view: _View, height: float) -> None:
    width = (WIDTH - 0.65) / len(view.layers)
    for column, layer in enumerate(view.layers):
        left = 0.65 + column * width
        right = left + min(width - 0.15, 4.4)
        heads = panel(figure, left, height - 2.0, right, height - 0.5)
        _heads(heads, view, layer, first=column == 0)
        if view.load is not None:
            experts = panel(figure, left, 0.5, right, 2.0)
            _experts(
                experts,
                view.load[view.load["layer"] == layer],
                float(view.load[["share", "high"]].max().max()),
                first=column == 0,
            )


def _heads(axes: Axes, view: _View, layer: int, *, first: bool) -> None:
    own = view.routes[view.routes["layer"] == layer].reset_index(drop=True)
    tone, shape = colours(view.branches), markers(view.branches)
    for branch in view.branches:
        part = own[own["branch"] == branch]
        look = Look(tone[branch], shape[branch])
        upright_intervals(axes, part.index, part["weight"], (part["low"], part["high"]), look)
        if len(part):
            note(
                axes,
                spoken(branch),
                (float(part.index.to_numpy().mean()), 1),
                (0, 0),
                xycoords=("data", "axes fraction"),
                ha="center",
                va="bottom",
                color=tone[branch],
            )
    _frame(axes, [str(head + 1) for head in own["head"]], 1 / max(len(own), 1), first=first)
    axes.set_title(f"Layer {layer + 1}", pad=20)
    axes.set_xlabel("head")
    axes.set_ylim(0, float(view.routes[["weight", "high"]].max().max()) * 1.12)
    if first:
        axes.set_ylabel("weight by the router")


def _experts(axes: Axes, own: pd.DataFrame, most: float, *, first: bool) -> None:
    own = own.reset_index(drop=True)
    axes.vlines(own.index, 0, own["share"].fillna(0), colors=LIGHT["grid"], linewidth=5)
    ends = (own["low"], own["high"])
    upright_intervals(axes, own.index, own["share"], ends, Look(SERIES[2], "D"))
    _frame(axes, [str(one + 1) for one in own["expert"]], 1 / max(len(own), 1), first=first)
    axes.set_ylim(0, most * 1.12)
    axes.set_xlabel("expert")
    if first:
        axes.set_ylabel("share of the tokens")


def _frame(axes: Axes, ticks: list[str], even: float, *, first: bool) -> None:
    grid(axes, "y")
    axes.axhline(even, color=LIGHT["context"], linewidth=1.2, linestyle=(0, (3, 2)))
    axes.set_xticks(range(len(ticks)), ticks)
    axes.set_xlim(-0.7, len(ticks) - 0.3)
    percent_ticks(axes, "y", 4)
    axes.tick_params(labelleft=first)


def _title(view: _View) -> str:
    top = view.routes.loc[view.routes["weight"].idxmax()]
    times = number(float(top["weight"]) * len(view.routes) / len(view.layers))
    head = f"head {top['head'] + 1} ({spoken(top['branch'])}, layer {top['layer'] + 1})"
    return f"The router gives {head} {times} times an even weight{_busiest(view)}"


def _busiest(view: _View) -> str:
    if view.load is None:
        return ""
    busiest = view.load.loc[view.load["share"].idxmax()]
    experts = len(view.load) / len(view.layers)
    idle = int((view.load["share"] < 0.1 / experts).sum())
    unused = f"; {idle} of {len(view.load)} experts are hardly used" if idle else ""
    times = number(float(busiest["share"]) * experts)
    return f"; the busiest expert does {times} times an even share{unused}"


def _alt(view: _View) -> str:
    parts = []
    for layer in view.layers:
        own = view.routes[view.routes["layer"] == layer]
        sums = own.groupby("branch", sort=False)["weight"].sum()
        said = f"Layer {layer + 1}: " + ", ".join(
            f"{spoken(branch)} branch {percent(share)}" for branch, share in sums.items()
        )
        if view.load is not None:
            load = view.load[view.load["layer"] == layer]
            ends = [load.loc[load["share"].idxmin()], load.loc[load["share"].idxmax()]]
            said += "; experts from " + " to ".join(
                percent_with_interval(one["share"], one["low"], one["high"]) for one in ends
            )
        parts.append(said)
    return "Weights of the heads and loads of the experts. " + ". ".join(parts) + "."
