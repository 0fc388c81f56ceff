"""Whether a predicted probability of 20 % happens in 20 % of cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from deepseek_report.artifacts.numbers import count, percent, points
from deepseek_report.artifacts.picture import Picture
from deepseek_report.visualizations import twin
from deepseek_report.visualizations.labels import known, percent_with_interval, short
from deepseek_report.visualizations.marks import (
    Look,
    grid,
    percent_ticks,
    upright_intervals,
    value_ticks,
)
from deepseek_report.visualizations.reading import required
from deepseek_report.visualizations.style import LIGHT, SERIES, SMALL, draw_svg, panel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from deepseek_report.artifacts.results import Results
    from deepseek_report.artifacts.score import Score

_METRIC = "expected_calibration_error"


@dataclass(frozen=True)
class Reliability:
    """Draws observed frequencies against predicted probabilities, with intervals."""

    needs: ClassVar[frozenset[str]] = frozenset({f"measures/{_METRIC}"})

    def draw(self, results: Results) -> Sequence[Picture]:
        bins = required(results, _METRIC, "bins")
        bins = bins[bins["n"] > 0].reset_index(drop=True)
        class_name = short(results.schema.target.explained_class, 30)
        score = results.score(_METRIC)
        return [
            Picture(
                name="reliability",
                svg=draw_svg("reliability", 4.0, lambda figure: _paint(figure, bins, class_name)),
                title=_title(bins, score),
                alt=_alt(bins, score),
                how_to_read=(
                    "Points on the grey diagonal are right on average; below it the model "
                    "promises more than happens, above it less. Bars below count the cases."
                ),
                interactive=_twin(bins, class_name),
            )
        ]


def _paint(figure: Figure, bins: pd.DataFrame, class_name: str) -> None:
    axes = panel(figure, 0.85, 1.55, 6.9, 3.85)
    most = _most(bins)
    axes.plot([0, 1], [0, 1], color=LIGHT["context"], linewidth=1, linestyle=(0, (3, 3)))
    axes.annotate(
        "right on average",
        (0.86 * most, 0.86 * most),
        xytext=(6, -5),
        textcoords="offset points",
        fontsize=SMALL,
        color=LIGHT["muted"],
        va="top",
    )
    ends = (bins["low"], bins["high"])
    upright_intervals(axes, bins["predicted"], bins["observed"], ends, Look(SERIES[0]))
    grid(axes, "both")
    axes.set(xlim=(-0.02 * most, most), ylim=(-0.02 * most, most))
    axes.set_ylabel(f"how often “{short(class_name, 18)}” happened")
    axes.tick_params(labelbottom=False)
    percent_ticks(axes, "x")
    percent_ticks(axes, "y")
    _counts(panel(figure, 0.85, 0.6, 6.9, 1.4), bins, class_name, most)


def _counts(axes: Axes, bins: pd.DataFrame, class_name: str, most: float) -> None:
    width = (bins["to"] - bins["from"]).to_numpy()
    axes.bar(bins["from"], bins["n"], width=width * 0.94, align="edge", color=LIGHT["context"])
    grid(axes, "y")
    axes.set(xlim=(-0.02 * most, most))
    axes.set_ylabel("cases")
    axes.set_xlabel(f"predicted probability of “{class_name}”")
    percent_ticks(axes, "x")
    value_ticks(axes, "y", 2)


def _most(bins: pd.DataFrame) -> float:
    """The end of both axes: a little over the greatest value, at most 1.02."""
    greatest = bins[["predicted", "observed", "high", "to"]].max(skipna=True).max()
    return float(min(1.02, greatest * 1.04))


def _title(bins: pd.DataFrame, score: Score | None) -> str:
    gap = (bins["predicted"] - bins["observed"]) * bins["n"] / bins["n"].sum()
    lean = float(gap.sum())
    words = "too high" if lean > 0 else "too low"
    wide = f", and {words} by {points(abs(lean)).lstrip('+')} over all" if abs(lean) >= 0.01 else ""
    if score is None or not known(score.value):
        return f"Predicted and observed frequencies in {len(bins)} bins"
    return f"Predicted probabilities are off by {points(score.value).lstrip('+')} on average{wide}"


def _alt(bins: pd.DataFrame, score: Score | None) -> str:
    worst = bins.loc[(bins["predicted"] - bins["observed"]).abs().idxmax()]
    said = ""
    if score is not None and known(score.value):
        value = percent_with_interval(score.value, score.low, score.high)
        said = f" The expected calibration error is {value}."
    return (
        f"Observed against predicted frequency in {len(bins)} bins of {count(bins['n'].sum())} "
        f"cases.{said} Widest apart: predicted {percent(worst['predicted'])}, observed "
        f"{percent_with_interval(worst['observed'], worst['low'], worst['high'])} "
        f"in {count(worst['n'])} cases."
    )


def _twin(bins: pd.DataFrame, class_name: str) -> dict[str, Any]:
    most = _most(bins)
    hover = [
        f"predicted {percent(row.predicted)}<br>observed "
        f"{percent_with_interval(row.observed, row.low, row.high)}<br>{count(row.n)} cases"
        for row in bins.itertuples()
    ]
    line = {"color": LIGHT["context"], "dash": "dash"}
    return twin.twin(
        [
            twin.trace("scatter", x=[0, 1], y=[0, 1], mode="lines", line=line, showlegend=False),
            twin.trace(
                "scatter",
                x=twin.rounded(bins["predicted"]),
                y=twin.rounded(bins["observed"]),
                error_y=twin.error_bars(bins["observed"], bins["low"], bins["high"]),
                text=hover,
                mode="markers",
                marker={"color": SERIES[0], "size": 9},
                showlegend=False,
            ),
        ],
        {
            "xaxis": twin.axis(
                f"predicted probability of “{class_name}”", range=[0, most], tickformat=".0%"
            ),
            "yaxis": twin.axis("observed frequency", range=[0, most], tickformat=".0%"),
        },
    )
