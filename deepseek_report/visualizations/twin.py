"""Interactive twins: Plotly figures as plain JSON, made by hand from four kinds of traces."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from deepseek_report.visualizations.style import LIGHT

Kind = Literal["scatter", "bar", "heatmap", "scatter3d"]


def rounded(values: ArrayLike) -> list[float | None]:
    """Numbers with four significant digits; missing ones become null."""
    return [float(f"{one:.4g}") if math.isfinite(one) else None for one in np.ravel(values)]


def text(value: object) -> str:
    """A label that Plotly cannot take for markup (it reads a few HTML tags in texts)."""
    return str(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def trace(kind: Kind, **fields: Any) -> dict[str, Any]:
    """One trace; hovering shows its `text` alone."""
    hover = (
        {"hoverinfo": "skip"}
        if "text" not in fields
        else {"hovertemplate": "%{text}<extra></extra>"}
    )
    return {"type": kind, **hover, **fields}


def axis(title: str, **fields: Any) -> dict[str, Any]:
    """An axis of a twin in the report's style."""
    quiet = {"gridcolor": LIGHT["grid"], "linecolor": LIGHT["context"], "zeroline": False}
    head = {"text": text(title), "font": {"color": LIGHT["muted"], "size": 12}}
    return {"title": head, **quiet, "automargin": True, **fields}


def twin(
    traces: Iterable[Mapping[str, Any]], layout: Mapping[str, Any], height: int = 380
) -> dict[str, Any]:
    """A figure with a transparent page, ink-coloured text and no template.

    Parameters
    ----------
    traces : made by `trace`, at most 1 500 points in all.
    layout : axes and what else differs from the common layout.
    height : pixels.
    """
    common = {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": LIGHT["ink"], "size": 12},
        "margin": {"l": 60, "r": 20, "t": 20, "b": 50},
        "hovermode": "closest",
        "height": height,
        "legend": {"orientation": "h", "y": -0.2},
    }
    return {"data": [dict(one) for one in traces], "layout": {**common, **layout}}


def error_bars(values: ArrayLike, low: ArrayLike, high: ArrayLike) -> dict[str, Any]:
    """The ends of intervals as Plotly wants them: distances from the value."""
    value = np.asarray(values, float)
    up, down = np.asarray(high, float) - value, value - np.asarray(low, float)
    ends = {"array": rounded(np.nan_to_num(up)), "arrayminus": rounded(np.nan_to_num(down))}
    return {"type": "data", "symmetric": False, "thickness": 1.4, "width": 0, **ends}
