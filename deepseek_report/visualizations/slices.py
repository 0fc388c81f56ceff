"""Where the model does worse than elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.numbers import count, number
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.findings.limits import SIGNIFICANT
from deepseek_report.tasks import task_of
from deepseek_report.tasks.loss import Loss
from deepseek_report.visualizations import twin
from deepseek_report.visualizations.labels import capital, short, wrapped
from deepseek_report.visualizations.part_rows import height_of, paint_parts
from deepseek_report.visualizations.reading import required
from deepseek_report.visualizations.scales import Scale
from deepseek_report.visualizations.style import LIGHT, SERIES, draw_svg

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from deepseek_report.artifacts.results import Results


@dataclass(frozen=True)
class Slices(PicturePart):
    """Draws the error of the worst slices against that of the rest.

    most : slices shown, worst first.
    """

    reveals: ClassVar[Reveals] = "aggregate"
    section: ClassVar[str] = "bottlenecks"
    needs: ClassVar[frozenset[str]] = frozenset({"measures/slices"})

    most: Annotated[int, Field(ge=1, le=20)] = 10

    def draw(self, results: Results) -> Sequence[Picture]:
        table = required(results, "slices", "slices").head(self.most)
        score = results.find("slices_examined")
        loss = task_of(results.schema.target).loss
        view = _View(
            table.assign(value=table[loss.key], rest=table[f"rest_{loss.key}"]),
            loss,
            Scale.of(loss, results),
            int(score[0].value) if score else len(table),
        )
        return [
            Picture(
                name="slices",
                svg=draw_svg("slices", height_of(table), lambda figure: _paint(figure, view)),
                title=_title(view),
                alt=_alt(view),
                how_to_read=(
                    f"Coloured points are the {loss.label} in a slice with its 95 % interval, grey "
                    "diamonds that among all other cases; hollow points could be chance, after "
                    f"correcting for the {count(view.examined)} slices looked at."
                ),
                interactive=_twin(view),
            )
        ]


@dataclass(frozen=True)
class _View:
    """The slices of the picture, worst first, with `value` and `rest`, and how they are written."""

    table: pd.DataFrame
    loss: Loss
    scale: Scale
    examined: int


def _paint(figure: Figure, view: _View) -> None:
    label = view.scale.label(view.loss.label)
    paint_parts(figure, view.table, ("value", "rest"), view.scale.ticks, label)


def _title(view: _View) -> str:
    sure = view.table[view.table["p_adjusted"] < SIGNIFICANT]
    if sure.empty:
        return f"No slice has {view.loss.excess} than the rest beyond what chance explains"
    worst, scale = sure.iloc[0], view.scale
    ends = (None, None) if scale.is_share else (worst["low"], worst["high"])
    value = scale.full(float(worst["value"]), *ends)
    wrong = view.loss.wrong.format(value=value, n=count(worst["n"]))
    elsewhere = f"against {scale.plain(worst['rest'], *ends)} elsewhere"
    return f"Where {short(worst['slice'], 130)}, {wrong}, {elsewhere}"


def _alt(view: _View) -> str:
    scale = view.scale
    parts = [
        f"{short(row.slice, 130)} {scale.with_interval(row.value, row.low, row.high)} of "
        f"{count(row.n)} against {scale.plain(row.rest)}"
        for row in view.table.head(5).itertuples()
    ]
    head = f"{capital(view.loss.label)} in the worst of {count(view.examined)} slices: "
    return head + "; ".join(parts) + "."


def _twin(view: _View) -> dict[str, Any]:
    table, scale = view.table, view.scale
    places = range(len(table))
    hover = [
        twin.text(short(row.slice, 130))
        + f"<br>{scale.with_interval(row.value, row.low, row.high)}: {view.loss.label} of "
        + f"{count(row.n)}<br>{scale.plain(row.rest)} elsewhere"
        + f"<br>p = {number(row.p_adjusted)}, corrected"
        for row in table.itertuples()
    ]
    filled = ["circle" if p < SIGNIFICANT else "circle-open" for p in table["p_adjusted"]]
    fields = {
        "text": hover,
        "error_x": twin.error_bars(table["value"], table["low"], table["high"]),
        "marker": {"symbol": filled},
        "name": "slice",
    }
    diamond = {"symbol": "diamond", "size": 8}
    rest = twin.points(
        table["rest"], places, LIGHT["context"], marker=diamond, name="all other cases"
    )
    layout = {
        "xaxis": scale.axis(view.loss.label, rangemode="tozero"),
        "yaxis": twin.row_axis([wrapped(one, 38, 3) for one in table["slice"]]),
    }
    traces = [rest, twin.points(table["value"], places, SERIES[1], **fields)]
    return twin.twin(traces, layout, height=120 + 52 * len(table))
