"""Where the model errs more often than elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.visualizations import twin
from deepseek_report.visualizations.captions import caption, measured
from deepseek_report.visualizations.labels import short, wrapped
from deepseek_report.visualizations.marks import percent_ticks
from deepseek_report.visualizations.part_rows import LEVEL, height_of, paint_parts
from deepseek_report.visualizations.reading import required
from deepseek_report.visualizations.style import LIGHT, SERIES, draw_svg
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

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
        words = words_of(results)
        return [
            Picture(
                name="slices",
                svg=draw_svg("slices", height_of(table), lambda fig: _paint(fig, table, words)),
                title=_title(table),
                alt=_alt(table, examined),
                how_to_read=caption("slices.how_to_read", examined=examined),
                interactive=_twin(table, words),
            )
        ]


def _paint(figure: Figure, table: pd.DataFrame, words: Wording) -> None:
    columns = ("error_rate", "rest_error_rate")
    paint_parts(figure, table, columns, percent_ticks, words.text("pictures.slices.axis"), words)


def _title(table: pd.DataFrame) -> Message:
    sure = table[table["p_adjusted"] < LEVEL]
    return caption("slices.title_none") if sure.empty else _part("slices.title", sure.iloc[0])


def _part(name: str, row: pd.Series) -> Message:
    """What is known of one slice."""
    return caption(
        name,
        slice=short(row["slice"], 130),
        n=row["n"],
        wrong=measured(row, "error_rate"),
        elsewhere=row["rest_error_rate"],
    )


def _alt(table: pd.DataFrame, examined: int) -> Message:
    slices = [_part("slices.alt_slice", row) for _, row in table.head(5).iterrows()]
    return caption("slices.alt", examined=examined, slices=slices)


def _twin(table: pd.DataFrame, words: Wording) -> dict[str, Any]:
    places = range(len(table))
    filled = ["circle" if p < LEVEL else "circle-open" for p in table["p_adjusted"]]
    fields = {
        "text": [_hover(row, words) for _, row in table.iterrows()],
        "error_x": twin.error_bars(table["error_rate"], table["low"], table["high"]),
        "marker": {"symbol": filled},
        "name": words.text("pictures.slices.slice"),
    }
    diamond = {"symbol": "diamond", "size": 8}
    others = words.text("pictures.slices.others")
    rest = twin.points(
        table["rest_error_rate"], places, LIGHT["context"], marker=diamond, name=others
    )
    layout = {
        "xaxis": twin.share_axis(words.text("pictures.slices.axis"), rangemode="tozero"),
        "yaxis": twin.row_axis([wrapped(one, 38, 3) for one in table["slice"]]),
    }
    traces = [rest, twin.points(table["error_rate"], places, SERIES[1], **fields)]
    return twin.twin(traces, layout, words, height=120 + 52 * len(table))


def _hover(row: pd.Series, words: Wording) -> str:
    wrong = words.say(_part("slices.hover_wrong", row))
    elsewhere = words.say(_part("slices.hover_elsewhere", row))
    p = words.text("pictures.slices.hover_p", p=float(row["p_adjusted"]))
    return f"{twin.text(short(row['slice'], 130))}<br>{wrong}<br>{elsewhere}<br>{twin.text(p)}"
