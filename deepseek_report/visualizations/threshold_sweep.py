"""What another threshold would change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.numbers import percent
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.visualizations import twin
from deepseek_report.visualizations.labels import known, setting, short
from deepseek_report.visualizations.marks import EndLabel, end_labels, grid, note, percent_ticks
from deepseek_report.visualizations.reading import operating_point, required
from deepseek_report.visualizations.style import LIGHT, SERIES, draw_svg, panel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from deepseek_report.artifacts.results import Results

_HEIGHT = 3.5
_HANDFUL = 20


@dataclass(frozen=True)
class ThresholdSweep(PicturePart):
    """Draws the main rates at every threshold, with the threshold in use marked."""

    reveals: ClassVar[Reveals] = "aggregate"
    section: ClassVar[str] = "performance"
    needs_two_classes: ClassVar[bool] = True
    needs: ClassVar[frozenset[str]] = frozenset({"measures/threshold_sweep", "predictions"})

    def draw(self, results: Results) -> Sequence[Picture]:
        target = results.schema.target
        view = _View(
            table=_with_enough_flagged(results),
            class_name=short(target.explained_class, 22),
            favourable=short(target.classes[target.counted_class], 22),
            threshold=results.predicted.threshold,
            point=operating_point(results.predicted),
            most=results.predicted.highest,
        )
        return [
            Picture(
                name="threshold_sweep",
                svg=draw_svg("threshold_sweep", _HEIGHT, lambda figure: _paint(figure, view)),
                title=_title(view),
                alt=_alt(view),
                how_to_read=(
                    "Move along the lower axis to see what a stricter or a laxer threshold would "
                    "bring; the upright line is the threshold in use."
                ),
                interactive=_twin(view),
            )
        ]


@dataclass(frozen=True)
class _View:
    """The rates by threshold, and how each is called."""

    table: pd.DataFrame
    class_name: str
    favourable: str
    threshold: float | None
    point: dict[str, float]
    most: float

    @property
    def lines(self) -> list[tuple[str, str, str]]:
        """(column, words, colour)."""
        return [
            ("true_positive_rate", f"“{self.class_name}” found", SERIES[0]),
            ("precision", "flagged rightly", SERIES[1]),
            ("selection_rate", f"decided “{self.favourable}”", SERIES[2]),
            ("balanced_accuracy", "balanced accuracy", LIGHT["muted"]),
        ]

    def at(self, threshold: float) -> pd.Series:
        """The row of the nearest threshold that was swept."""
        return self.table.loc[(self.table["threshold"] - threshold).abs().idxmin()]


def _with_enough_flagged(results: Results) -> pd.DataFrame:
    """The sweep, without the precision of thresholds that flag only a handful of cases."""
    table = required(results, "threshold_sweep", "sweep").sort_values("threshold")
    share, target = table["selection_rate"], results.schema.target
    flagged = share if target.favourable == target.explained else 1 - share
    enough = (flagged * results.predicted.n).round() >= _HANDFUL
    return table.assign(precision=table["precision"].where(enough))


def _paint(figure: Figure, view: _View) -> None:
    axes = panel(figure, 0.65, 0.6, 5.2, 3.2)
    labels = []
    for column, words, colour in view.lines:
        there = view.table[view.table["threshold"] <= view.most].dropna(subset=[column])
        if there.empty:
            continue
        axes.plot(there["threshold"], there[column], color=colour)
        labels.append(EndLabel(view.most, float(there[column].iloc[-1]), short(words, 26), colour))
    axes.set(xlim=(0, view.most), ylim=(0, 1.02))
    grid(axes, "y")
    percent_ticks(axes, "x")
    percent_ticks(axes, "y")
    axes.set_xlabel(f"threshold on the probability of “{view.class_name}”")
    _mark(axes, view.threshold)
    end_labels(axes, labels)


def _mark(axes: Axes, threshold: float | None) -> None:
    if threshold is None:
        return
    axes.axvline(threshold, color=LIGHT["ink"], linewidth=1.2)
    note(
        axes,
        f"in use: {setting(threshold)}",
        (threshold, 1),
        (0, 3),
        xycoords=("data", "axes fraction"),
        ha="center",
    )


def _title(view: _View) -> str:
    if view.threshold is None:
        return "Another threshold trades cases found against cases flagged wrongly"
    precision = view.point["precision"]
    right = f"; {percent(precision)} of those it flags are right" if known(precision) else ""
    return (
        f"At the threshold {setting(view.threshold)} the model finds "
        f"{percent(view.point['tpr'])} of “{view.class_name}”{right}"
    )


def _alt(view: _View) -> str:
    parts = []
    for threshold in sorted({0.25, 0.5, 0.75} | ({view.threshold} if view.threshold else set())):
        row = view.at(threshold)
        rates = ", ".join(f"{words} {percent(row[column])}" for column, words, _ in view.lines)
        parts.append(f"at {setting(row['threshold'])}: {rates}")
    return "Rates by threshold; " + "; ".join(parts) + "."


def _twin(view: _View) -> dict[str, Any]:
    thresholds = view.table["threshold"]
    traces = []
    for column, words, colour in view.lines:
        hover = [
            twin.text(f"threshold {setting(one)}: {words}") + f" {percent(rate)}"
            for one, rate in zip(thresholds, view.table[column], strict=True)
        ]
        traces.append(twin.line(thresholds, view.table[column], colour, text=hover, name=words))
    across = f"threshold on the probability of “{view.class_name}”"
    layout: dict[str, Any] = {
        "xaxis": twin.share_axis(across, range=[0, view.most]),
        "yaxis": twin.share_axis("", range=[0, 1.02]),
        "hovermode": "x",
    }
    if view.threshold is not None:
        line = {"color": LIGHT["ink"], "width": 1.5}
        ends = {"x0": view.threshold, "x1": view.threshold, "y0": 0, "y1": 1, "yref": "paper"}
        layout["shapes"] = [{"type": "line", "line": line, **ends}]
    return twin.twin(traces, layout)
