"""Tables whose columns the task decides: groups, parts, slices, and the gaps between levels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.records import Row, attribute_label, is_crossing, unit_of
from deepseek_report.sections.cells import (
    DASH,
    count_cell,
    number_cell,
    p_cell,
    percent_cell,
    share_cell,
    value_cell,
)
from deepseek_report.sections.draft import Draft
from deepseek_report.tasks.task import Column
from deepseek_report.wording import estimates
from deepseek_report.wording.estimates import in_sentence
from deepseek_report.wording.words import sentence_case


def headings(columns: Iterable[Column], results: Results) -> dict[str, str]:
    """{key: heading} of these columns."""
    explained = results.schema.target.explained_class
    return {one.key: one.label.format(explained=explained) for one in columns}


def cells_of(columns: Iterable[Column], row: Row) -> dict[str, Any]:
    """The cells of these columns in a row."""
    return {key: cell for column in columns for key, cell in _cell(column, row).items()}


def _cell(column: Column, row: Row) -> dict[str, Any]:
    if column.form == "percent":
        return percent_cell(column.key, row.get(column.key))
    if column.form == "number":
        return number_cell(column.key, row.get(column.key))
    cell = share_cell if column.form == "share" else value_cell
    return cell(column.key, estimates.of_row(row, column.key, column.ends))


def level_tables(
    draft: Draft, table: Sequence[Row], columns: Sequence[Column], texts: str, tests: Sequence[Row]
) -> list[dict[str, Any]]:
    """For each attribute its levels, one row each, and a sentence on the farthest two.

    texts : key of the texts `one_level`, `spread` and `too_few`, with a dot at the end, or nothing.
    """
    names = dict.fromkeys(row["attribute"] for row in table if not is_crossing(row))
    tables = []
    for name in names:
        mine = [row for row in table if row["attribute"] == name]
        label = attribute_label(draft.results, name)
        own = [row for row in tests if row["attribute"] == name]
        tables.append(
            {
                "name": name,
                "label": sentence_case(label),
                "inline": in_sentence(label),
                "rows": [level_cells(draft, row, columns, texts) for row in mine],
                "sentence": _spread(draft, mine, columns[0], texts, own),
            }
        )
    return tables


def level_cells(draft: Draft, row: Row, columns: Sequence[Column], texts: str) -> dict[str, Any]:
    """The cells of one level; dashes where it is too small to be judged."""
    cells: dict[str, Any] = {
        "attribute": attribute_label(draft.results, row["attribute"]),
        "level": row["level"],
        **count_cell("n", row["n"]),
    }
    if row["too_few"]:
        few = dict.fromkeys((column.key for column in columns), DASH)
        return cells | few | {columns[0].key: draft.text(f"{texts}too_few")}
    return cells | cells_of(columns, row)


def _spread(
    draft: Draft, levels: Sequence[Row], column: Column, texts: str, tests: Sequence[Row]
) -> str:
    """The levels with the largest and the smallest value of a column."""
    judged = [r for r in levels if not r["too_few"] and finite(r[column.key]) is not None]
    if len(judged) < 2:
        return draft.text(f"{texts}one_level")
    ends = [choose(judged, key=lambda row: float(row[column.key])) for choose in (max, min)]
    target = draft.results.schema.target
    told: dict[str, Any] = {}
    for name, row in zip(("most", "least"), ends, strict=True):
        told[name] = row["level"]
        told[f"{name}_value"] = estimates.of_row(row, column.key, column.ends)
        told[f"{name}_base"] = estimates.of_row(row, "base_rate", "base")
    return draft.text(
        f"{texts}spread",
        **told,
        decision=target.favourable_class if target.is_judged else "",
        p=finite(tests[0]["p_adjusted"]) if tests else None,
        unit=unit_of(draft.results),
    )


def gap_cells(draft: Draft, row: Row) -> dict[str, Any]:
    """The gap between two levels of an attribute, beside what chance alone would give."""
    return (
        {
            "metric": draft.words.label("metrics", row["metric"]),
            "attribute": attribute_label(draft.results, row["attribute"]),
            "levels": f"{row['narrowest_level']} to {row['widest_level']}",
        }
        | value_cell("value", estimates.of_row(row, "value"))
        | number_cell("chance", row["null_high"])
        | p_cell("p", row["p_adjusted"])
        | count_cell("n", row["n"])
    )
