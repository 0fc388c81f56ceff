"""Where the model does worse than elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.error_budget import level_of
from deepseek_report.findings.rules_bottlenecks import unexpected_slice
from deepseek_report.metrics.failures.failure_rows import Slice
from deepseek_report.tasks import task_of
from deepseek_report.tasks.loss import Loss
from deepseek_report.visualizations.drawing import twin
from deepseek_report.visualizations.drawing.labels import caption, short, wrapped
from deepseek_report.visualizations.drawing.marks import Scale
from deepseek_report.visualizations.drawing.part_rows import heights_of, paint_parts
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.drawing.sheet import Sheet, on_sheets
from deepseek_report.visualizations.style import LIGHT, SERIES


@dataclass(frozen=True)
class SlicesPicture(PicturePart):
    """Draws the error of the worst slices against that of the rest.

    most : slices shown, worst first.
    """

    reveals = "aggregate"
    section = "bottlenecks"
    needs = frozenset({"measures/slices"})

    most: Annotated[int, Field(ge=1, le=20)] = 10

    def draw(self, results: Results) -> Sequence[Picture]:
        table = _drawn(required(results, "slices", "slices")).head(self.most)
        score = results.find("slices_examined")
        loss = task_of(results.schema.target).loss
        view = _View(
            table.assign(
                value=table[loss.key],
                rest=_should(table, loss),
                is_sure=table["p_adjusted"] < level_of(results, "slices"),
            ),
            Scale.of(loss, results),
            int(score[0].value) if score else len(table),
            unexpected_slice(results),
        )
        return [
            on_sheets(
                "slices",
                heights_of(table),
                lambda sheet: _paint(sheet, view),
                title=_title(view),
                alt=_alt(view),
                how_to_read=caption("slices.how_to_read", examined=view.examined),
                interactive=_twin(view),
            )
        ]


@dataclass(frozen=True)
class _View:
    """The slices of the picture, worst first, with `value`, `rest` and `is_sure` (whether they are
    beyond chance), and how they are written.

    worst : the one that the report concludes on.
    """

    table: pd.DataFrame
    scale: Scale
    examined: int
    worst: Slice | None


def _drawn(table: pd.DataFrame) -> pd.DataFrame:
    """Each slice once; one that has many errors, as expected, is not shown as beyond chance."""
    if "kind" not in table:
        return table
    once = table.drop_duplicates("slice", ignore_index=True)
    return once.assign(p_adjusted=once["p_adjusted"].where(once["kind"] == "unexpected", 1.0))


def _should(table: pd.DataFrame, loss: Loss) -> pd.Series:
    """What a slice should have: the expected loss, and that elsewhere where nothing is stated."""
    expected = f"expected_{loss.key}"
    return table[expected if expected in table else f"rest_{loss.key}"]


def _paint(sheet: Sheet, view: _View) -> None:
    label = view.scale.words.text("pictures.slices.axis")
    paint_parts(sheet, view.table, ("value", "rest"), view.scale, label)


def _title(view: _View) -> Message:
    if view.worst is None:
        return caption("slices.title_none")
    named = view.table[view.table["slice"] == view.worst.slice]
    worst, scale = named.iloc[0], view.scale
    ends = (None, None) if scale.is_share else (worst["low"], worst["high"])
    return caption(
        "slices.title",
        slice=short(worst["slice"], 130),
        error=scale.full(worst["value"], *ends),
        n=worst["n"],
        elsewhere=scale.plain(worst["rest"], *ends),
    )


def _part(name: str, row: pd.Series, scale: Scale) -> Message:
    return caption(
        name,
        slice=short(row["slice"], 130),
        error=scale.with_interval(row["value"], row["low"], row["high"]),
        n=row["n"],
        elsewhere=scale.plain(row["rest"]),
    )


def _alt(view: _View) -> Message:
    worst = [row for _, row in view.table.head(5).iterrows()]
    slices = [_part("slices.alt_slice", row, view.scale) for row in worst]
    return caption("slices.alt", examined=view.examined, slices=slices)


def _twin(view: _View) -> dict[str, object]:
    table, scale, words = view.table, view.scale, view.scale.words
    places = range(len(table))
    filled = ["circle" if sure else "circle-open" for sure in table["is_sure"]]
    fields = {
        "text": [_hover(row, scale) for _, row in table.iterrows()],
        "error_x": twin.error_bars(table["value"], table["low"], table["high"]),
        "name": words.text("pictures.slices.slice"),
    }
    diamond = {"symbol": "diamond", "size": 8}
    others = words.text("pictures.slices.others")
    rest = twin.points(table["rest"], places, LIGHT.context, diamond, name=others)
    layout = {
        "xaxis": scale.axis(words.text("pictures.slices.axis"), rangemode="tozero"),
        "yaxis": twin.row_axis([wrapped(label, 38, 3) for label in table["slice"]]),
    }
    traces = [rest, twin.points(table["value"], places, SERIES[1], {"symbol": filled}, **fields)]
    return twin.twin(traces, layout, words, height=120 + 52 * len(table))


def _hover(row: pd.Series, scale: Scale) -> str:
    words = scale.words
    error = words.say(_part("slices.hover_error", row, scale))
    elsewhere = words.say(_part("slices.hover_elsewhere", row, scale))
    p = words.text("pictures.slices.hover_p", p=float(row["p_adjusted"]))
    return f"{twin.text(short(row['slice'], 130))}<br>{error}<br>{elsewhere}<br>{twin.text(p)}"
