"""Whether more rows would help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.numbers import count, number
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.findings.limits import more_rows_help
from deepseek_report.visualizations.labels import (
    capital,
    known,
    spoken,
    with_interval,
)
from deepseek_report.visualizations.marks import (
    EndLabel,
    Look,
    end_labels,
    grid,
    upright_intervals,
    value_ticks,
)
from deepseek_report.visualizations.reading import required
from deepseek_report.visualizations.style import colours, draw_svg, markers, panel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from deepseek_report.artifacts.results import Results
    from deepseek_report.artifacts.score import Score


_PROMISES = {
    True: "more rows would probably help",
    None: "whether more rows would help is uncertain",
    False: "more of the same rows would help little",
}


@dataclass(frozen=True)
class LearningCurve(PicturePart):
    """Draws the ROC AUC reached with growing parts of the training rows."""

    reveals: ClassVar[Reveals] = "aggregate"
    section: ClassVar[str] = "bottlenecks"
    needs: ClassVar[frozenset[str]] = frozenset({"measures/learning_curve"})

    def draw(self, results: Results) -> Sequence[Picture]:
        table = required(results, "learning_curve", "curve")
        found = results.find("learning_curve_gain")
        gain = found[0] if found else None
        return [
            Picture(
                name="learning_curve",
                svg=draw_svg("learning_curve", 3.1, lambda figure: _paint(figure, table)),
                title=_title(table, gain),
                alt=_alt(table, gain),
                how_to_read=(
                    "The lower axis doubles from mark to mark: if the line still rises at its "
                    "right end, more rows of the same kind may help. Lines are 95 % intervals."
                ),
            )
        ]


def _paint(figure: Figure, table: pd.DataFrame) -> None:
    axes = panel(figure, 0.75, 0.6, 5.4, 2.9)
    names = list(dict.fromkeys(table["predictor"]))
    tone, shape = colours(names), markers(names)
    labels = []
    for name in names:
        own = table[table["predictor"] == name].sort_values("rows")
        axes.plot(own["rows"], own["roc_auc"], color=tone[name])
        look = Look(tone[name], shape[name])
        upright_intervals(axes, own["rows"], own["roc_auc"], (own["low"], own["high"]), look)
        last = own.iloc[-1]
        labels.append(
            EndLabel(float(last["rows"]), float(last["roc_auc"]), _spoken(name), tone[name])
        )
    _rows_axis(axes, sorted(set(table["rows"])))
    grid(axes, "y")
    value_ticks(axes, "y")
    axes.set_ylabel("ROC AUC")
    end_labels(axes, labels)


def _rows_axis(axes: Axes, sizes: list[int]) -> None:
    from matplotlib.ticker import NullLocator

    axes.set_xscale("log", base=2)
    step = -(-len(sizes) // 7)
    shown = sizes[::-1][::step][::-1]
    axes.set_xticks(shown, [count(one) for one in shown])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("training rows")


def _spoken(name: str) -> str:
    return spoken(name.replace("_", " "))


def _title(table: pd.DataFrame, gain: Score | None) -> str:
    ends = table.sort_values("rows")
    if gain is None or not known(gain.value):
        first, last = ends.iloc[0], ends.iloc[-1]
        sizes = f"From {count(first['rows'])} to {count(last['rows'])} rows"
        return f"{sizes} the AUC goes from {number(first['roc_auc'])} to {number(last['roc_auc'])}"
    value = number(gain.value, gain.low, gain.high)
    changed = f"The last doubling of the rows changed the AUC by {value}"
    return f"{changed}: {_PROMISES[more_rows_help(gain)]}"


def _alt(table: pd.DataFrame, gain: Score | None) -> str:
    parts = []
    for name, own in table.groupby("predictor", sort=False):
        said = [
            f"{number(row.roc_auc, row.low, row.high)} with {count(row.rows)} rows"
            for row in own.sort_values("rows").itertuples()
        ]
        parts.append(f"{capital(_spoken(str(name)))}: " + ", ".join(said))
    last = ""
    if gain is not None and known(gain.value):
        last = f" Gain of the last doubling: {with_interval(gain.value, gain.low, gain.high)}."
    return "ROC AUC by number of training rows. " + "; ".join(parts) + "." + last
