"""Where the model errs more often than elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.numbers import count, number, percent
from deepseek_report.artifacts.picture import Picture
from deepseek_report.findings.limits import SIGNIFICANT
from deepseek_report.visualizations import twin
from deepseek_report.visualizations.labels import percent_with_interval, short, wrapped
from deepseek_report.visualizations.marks import percent_ticks
from deepseek_report.visualizations.part_rows import height_of, paint_parts
from deepseek_report.visualizations.reading import required
from deepseek_report.visualizations.style import LIGHT, SERIES, draw_svg

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from deepseek_report.artifacts.results import Results


@dataclass(frozen=True)
class Slices:
    """Draws the error rate of the worst slices against that of the rest.

    most : slices shown, worst first.
    """

    reveals: ClassVar[Reveals] = "aggregate"
    section: ClassVar[str] = "bottlenecks"
    needs: ClassVar[frozenset[str]] = frozenset({"measures/slices"})

    most: Annotated[int, Field(ge=1, le=20)] = 10

    def draw(self, results: Results) -> Sequence[Picture]:
        table = required(results, "slices", "slices").head(self.most)
        score = results.find("slices_examined")
        examined = int(score[0].value) if score else len(table)
        return [
            Picture(
                name="slices",
                svg=draw_svg("slices", height_of(table), lambda fig: _paint(fig, table)),
                title=_title(table),
                alt=_alt(table, examined),
                how_to_read=(
                    "Coloured points are the share of wrong decisions in a slice with its 95 % "
                    "interval, grey diamonds that among all other cases; hollow points could be "
                    f"chance, after correcting for the {count(examined)} slices looked at."
                ),
                interactive=_twin(table),
            )
        ]


def _paint(figure: Figure, table: pd.DataFrame) -> None:
    columns = ("error_rate", "rest_error_rate")
    paint_parts(figure, table, columns, percent_ticks, "share of wrong decisions")


def _title(table: pd.DataFrame) -> str:
    sure = table[table["p_adjusted"] < SIGNIFICANT]
    if sure.empty:
        return "No slice errs more often than the rest beyond what chance explains"
    worst = sure.iloc[0]
    wrong = f"{percent(worst['error_rate'])} of {count(worst['n'])} decisions are wrong"
    elsewhere = f"against {percent(worst['rest_error_rate'])} elsewhere"
    return f"Where {short(worst['slice'], 130)}, {wrong}, {elsewhere}"


def _alt(table: pd.DataFrame, examined: int) -> str:
    parts = [
        f"{short(row.slice, 130)} {percent_with_interval(row.error_rate, row.low, row.high)} of "
        f"{count(row.n)} against {percent(row.rest_error_rate)}"
        for row in table.head(5).itertuples()
    ]
    head = f"Share of wrong decisions in the worst of {count(examined)} slices: "
    return head + "; ".join(parts) + "."


def _twin(table: pd.DataFrame) -> dict[str, Any]:
    places = range(len(table))
    hover = [
        twin.text(short(row.slice, 130))
        + f"<br>{percent_with_interval(row.error_rate, row.low, row.high)} of {count(row.n)} wrong"
        + f"<br>{percent(row.rest_error_rate)} elsewhere<br>p = {number(row.p_adjusted)}, corrected"
        for row in table.itertuples()
    ]
    filled = ["circle" if p < SIGNIFICANT else "circle-open" for p in table["p_adjusted"]]
    fields = {
        "text": hover,
        "error_x": twin.error_bars(table["error_rate"], table["low"], table["high"]),
        "marker": {"symbol": filled},
        "name": "slice",
    }
    diamond = {"symbol": "diamond", "size": 8}
    rest = twin.points(
        table["rest_error_rate"], places, LIGHT["context"], marker=diamond, name="all other cases"
    )
    layout = {
        "xaxis": twin.share_axis("share of wrong decisions", rangemode="tozero"),
        "yaxis": twin.row_axis([wrapped(one, 38, 3) for one in table["slice"]]),
    }
    traces = [rest, twin.points(table["error_rate"], places, SERIES[1], **fields)]
    return twin.twin(traces, layout, height=120 + 52 * len(table))
