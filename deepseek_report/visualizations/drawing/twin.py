"""Interactive twins: Plotly figures as plain JSON, made by hand from four kinds of traces."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.visualizations.drawing.read_results import estimate_columns
from deepseek_report.visualizations.style import LIGHT
from deepseek_report.wording.words import Wording

#: One trace of a figure, or keyword arguments for one, as plain JSON.
Trace = dict[str, Any]
Kind = Literal["scatter", "bar", "heatmap", "scatter3d"]


def rounded(values: ArrayLike) -> list[float | None]:
    """Numbers with four significant digits; missing ones become null."""
    return [float(f"{value:.4g}") if math.isfinite(value) else None for value in np.ravel(values)]


def text(value: object) -> str:
    """A label that Plotly cannot take for markup (it reads a few HTML tags in texts)."""
    return str(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def trace(kind: Kind, **fields: object) -> Trace:
    """One trace; hovering shows its `text` alone, or nothing."""
    hover = (
        {"hovertemplate": "%{text}<extra></extra>"} if "text" in fields else {"hoverinfo": "skip"}
    )
    return {"type": kind, **hover, **fields}


def points(
    x: ArrayLike, y: ArrayLike, colour: str, look: Trace | None = None, **fields: object
) -> Trace:
    """Dots of one colour; without a `name` they stay out of the legend."""
    marker = {"color": colour, "size": 9, **(look or {})}
    return _scatter(x, y, fields, mode="markers", marker=marker)


def line(
    x: ArrayLike, y: ArrayLike, colour: str, look: Trace | None = None, **fields: object
) -> Trace:
    """A line of one colour; without a `name` it stays out of the legend."""
    stroke = {"color": colour, "width": 2.5, **(look or {})}
    return _scatter(x, y, fields, mode="lines", line=stroke)


def context(x: ArrayLike, y: ArrayLike, **fields: object) -> Trace:
    """A thin, broken grey line to compare with."""
    return line(x, y, LIGHT.context, {"width": 1, "dash": "dash"}, **fields)


def _scatter(x: ArrayLike, y: ArrayLike, fields: Trace, **drawn: object) -> Trace:
    if "name" in fields:
        fields = {**fields, "name": text(fields["name"])}
    else:
        fields = {"showlegend": False, **fields}
    return trace("scatter", x=rounded(x), y=rounded(y), **drawn, **fields)


def axis(title: str, **fields: object) -> dict[str, object]:
    """An axis of a twin in the report's style."""
    quiet = {"gridcolor": LIGHT.grid, "linecolor": LIGHT.context, "zeroline": False}
    head = {"text": text(title), "font": {"color": LIGHT.muted, "size": 12}}
    return {"title": head, **quiet, "automargin": True, **fields}


def row_axis(labels: Sequence[str]) -> dict[str, object]:
    """The upright axis of a picture with one row a label, the first at the top."""
    names = [text(label).replace("\n", "<br>") for label in labels]
    rows = {"tickvals": list(range(len(labels))), "ticktext": names}
    return axis("", range=[len(labels) - 0.5, -0.5], **rows)


def share_axis(title: str, **fields: object) -> dict[str, object]:
    """An axis of shares of one, written as percentages."""
    return axis(title, tickformat=".0%", **fields)


def twin(
    traces: Iterable[Mapping[str, object]],
    layout: Mapping[str, object],
    words: Wording,
    height: int = 380,
) -> dict[str, object]:
    """A figure with a transparent page, ink-coloured text and no template.

    traces : made by `trace`, at most 1 500 points in all.
    layout : axes and what else differs from the common layout.
    words : the language, whose decimal sign the axes have.
    height : pixels.
    """
    common = {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": LIGHT.ink, "size": 12},
        "margin": {"l": 60, "r": 20, "t": 20, "b": 50},
        "hovermode": "closest",
        "height": height,
        "separators": words.numbers.separators,
        "legend": {"orientation": "h", "y": -0.2, "itemsizing": "constant"},
    }
    return {"data": list(map(dict, traces)), "layout": {**common, **layout}}


def error_bars(estimates: Iterable[Estimate]) -> dict[str, object]:
    """The ends of intervals as Plotly wants them: distances from the value."""
    value, low, high = estimate_columns(estimates)
    ends = {"array": high - value, "arrayminus": value - low}
    lengths = {key: rounded(np.nan_to_num(length)) for key, length in ends.items()}
    return {"type": "data", "symmetric": False, "thickness": 1.4, "width": 0, **lengths}
