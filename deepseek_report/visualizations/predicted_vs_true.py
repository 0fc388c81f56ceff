"""Every predicted number against the true one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.numbers import count, declared, number
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.schema import NUMBER_TASKS, TaskName
from deepseek_report.visualizations.labels import known, spoken, with_interval
from deepseek_report.visualizations.marks import dots, grid, note, value_ticks
from deepseek_report.visualizations.numbers import evenly, in_unit, with_unit
from deepseek_report.visualizations.style import LIGHT, SERIES, draw_svg, panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from deepseek_report.artifacts.results import Results

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PredictedVsTrue(PicturePart):
    """Draws every predicted number against the true one, with the line where both are equal.

    most : dots that are drawn, evenly over the true numbers.
    """

    reveals: ClassVar[Reveals] = "rows"
    section: ClassVar[str] = "performance"
    needs: ClassVar[frozenset[str]] = frozenset({"predictions"})
    also: ClassVar[frozenset[str]] = frozenset(
        {"measures/r2", "measures/mae", "measures/prediction_intervals"}
    )
    tasks: ClassVar[frozenset[TaskName]] = NUMBER_TASKS

    most: Annotated[int, Field(ge=100, le=5000)] = 1000

    def draw(self, results: Results) -> Sequence[Picture]:
        view = _View.of(results, self.most)
        band = " The shaded band is the interval around a prediction." if view.half else ""
        return [
            Picture(
                name="predicted_vs_true",
                svg=draw_svg("predicted_vs_true", 4.4, lambda figure: _paint(figure, view)),
                title=_title(view),
                alt=_alt(view),
                how_to_read=(
                    "Each dot is one test case. On the dashed line the prediction is exact; above "
                    f"it the prediction is too high, below it too low.{band}"
                ),
            )
        ]


@dataclass(frozen=True)
class _View:
    """What is drawn: the numbers, their name and unit, and what was measured of them."""

    true: Floats
    predicted: Floats
    n: int
    label: str
    unit: str | None
    r2: str
    mae: str
    off: str
    half: float | None
    level: float | None

    @classmethod
    def of(cls, results: Results, most: int) -> _View:
        p, target = results.predictions, results.schema.target
        shown = evenly(p.labels, most)
        r2, mae = results.score("r2"), results.score("mae")
        half, level = _interval(results)
        return cls(
            true=np.asarray(p.labels[shown], dtype=np.float64),
            predicted=p.values[shown],
            n=len(p),
            label=spoken(target.label),
            unit=target.unit,
            r2=with_interval(r2.value, r2.low, r2.high) if r2 and known(r2.value) else "",
            mae=with_interval(mae.value, mae.low, mae.high) if mae and known(mae.value) else "",
            off=with_unit(mae.value, target.unit, mae.low, mae.high) if mae else "",
            half=half,
            level=level,
        )


def _interval(results: Results) -> tuple[float | None, float | None]:
    """Half the width of the interval around a prediction, and the share that it is to hold."""
    table = results.table("prediction_intervals", "coverage")
    width = results.score("prediction_interval_width")
    if table is None or width is None or not known(width.value):
        return None, None
    nearest = table.loc[(table["half_width"] - width.value / 2).abs().idxmin()]
    return width.value / 2, float(nearest["level"])


def _paint(figure: Figure, view: _View) -> None:
    axes = panel(figure, 0.95, 0.6, 6.9, 4.1)
    low = float(min(view.true.min(), view.predicted.min()))
    high = float(max(view.true.max(), view.predicted.max()))
    pad = 0.04 * (high - low or 1.0)
    ends = np.array([low - pad, high + pad])
    if view.half is not None:
        axes.fill_between(
            ends, ends - view.half, ends + view.half, color=LIGHT["grid"], linewidth=0, alpha=0.6
        )
    axes.plot(ends, ends, color=LIGHT["context"], linewidth=1, linestyle=(0, (3, 3)))
    dots(axes, view.true, view.predicted, SERIES[0])
    axes.set(xlim=tuple(ends), ylim=tuple(ends))
    grid(axes, "both")
    value_ticks(axes, "x")
    value_ticks(axes, "y")
    axes.set_xlabel(in_unit(f"true: {view.label}", view.unit))
    axes.set_ylabel(in_unit("predicted", view.unit))
    _said(axes, view)


def _said(axes: Axes, view: _View) -> None:
    lines = [f"R² {view.r2}" if view.r2 else "", f"MAE {view.mae}" if view.mae else ""]
    text = "\n".join(line for line in lines if line)
    note(axes, text, (0, 1), (8, -6), xycoords="axes fraction", ha="left", va="top")


def _title(view: _View) -> str:
    if not view.mae:
        return f"Predicted and true numbers of {count(view.n)} test cases: {view.label}"
    explained = f", R² {view.r2}" if view.r2 else ""
    return f"Predictions of “{view.label}” are off by {view.off} on average{explained}"


def _alt(view: _View) -> str:
    band = ""
    if view.half is not None and view.level is not None:
        band = (
            f" A band of ± {number(view.half)} around the line is the interval that is made to "
            f"hold {declared(view.level, as_percent=True)}."
        )
    spread = (
        f"true numbers from {number(view.true.min())} to {number(view.true.max())}, predicted from "
        f"{number(view.predicted.min())} to {number(view.predicted.max())}"
    )
    told = (f"MAE {view.mae}" if view.mae else "", f"R² {view.r2}" if view.r2 else "")
    measured = "; ".join(part for part in told if part)
    return f"Scatter of {count(view.n)} test cases: {spread}. {measured}.{band}"
