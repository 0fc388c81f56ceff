from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.protocols.traits import MetricPart
from deepseek_report.artifacts.table import Column, TableType, estimate
from deepseek_report.artifacts.table_rows import (
    BARE_ENDS,
    HIDDEN,
    OPTIONAL,
    Cell,
    Cells,
    read_rows,
    records_of,
)
from deepseek_report.errors import ArtifactError


@dataclass(frozen=True)
class Timed:
    layer: Annotated[str, "layer"]
    ms: Annotated[Estimate, BARE_ENDS, Cell(unit="ms")]
    quick: Annotated[bool | None, OPTIONAL]


TYPE = TableType.of(Timed, "bottlenecks", folded=True, release=WHOLE)
ROWS: Mapping[str, Any] = {"layer": ["a", "b"], "ms": [1.0, 2.0], "low": [0.5, 1.5]}


@dataclass(frozen=True)
class Gap:
    """One column of each kind that a type stands for, and those of a task."""

    name: Annotated[str, "attribute", HIDDEN, Cell(column="label")]
    gap: Annotated[Estimate | None, "points", Cell(unless="few")]
    of_task: Annotated[Cells, (estimate("rate", "share", "own"), Column("least", "number"))]
    ratio: float
    n: int
    few: bool
    shift: Annotated[Estimate | None, OPTIONAL, BARE_ENDS]


def frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({**ROWS, "high": [1.5, np.nan], **columns})


def test_a_table_and_what_it_means_come_back_as_they_were_stored(tmp_path):
    Measurement(tables={"layers": frame()}).typed({"layers": TYPE}).save(tmp_path)
    again = Measurement.load(tmp_path)
    assert again.types == {"layers": TYPE}
    assert again.tables["layers"].equals(frame())


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (frame().drop(columns="ms"), "has no column `ms`"),
        (frame().drop(columns="high"), "has no column `high`"),
        (frame(more=1), "a column `more` that is not declared"),
        (frame(ms="fast"), "cells in `ms` that are no number"),
        (frame(layer=3), "cells in `layer` that are no layer"),
        (frame(quick="very"), "cells in `quick` that are no yes_no"),
    ],
)
def test_a_table_that_is_not_what_was_promised_is_refused(table, reason):
    with pytest.raises(ArtifactError, match=reason):
        Measurement(tables={"layers": table}).typed({"layers": TYPE})


def test_a_column_without_any_value_and_a_table_without_rows_fit():
    TYPE.validate("layers", frame(quick=None, ms=None))
    TYPE.validate("layers", frame().head(0).astype(object))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ({"columns": "layer"}, "no list"),
        ({"columns": [{"key": "layer", "kind": "script"}]}, "unknown kind 'script'"),
        ({"columns": [{"kind": "text"}]}, "has no `key`"),
        ({"columns": [{"key": 3}]}, "`key` of a table is 3"),
        ({"columns": [], "section": ["x"]}, "`section` of a table"),
        ({"columns": [], "release": {}}, "unknown field 'release'"),
        ({}, "has no `columns`"),
    ],
)
def test_a_damaged_declaration_in_a_received_folder_is_named(tmp_path, damage, reason):
    Measurement(tables={"layers": frame()}).typed({"layers": TYPE}).save(tmp_path)
    (tmp_path / "tables.json").write_text(json.dumps({"layers": damage}))
    with pytest.raises(ArtifactError, match=reason):
        Measurement.load(tmp_path)


def test_a_table_swapped_in_a_received_folder_is_refused(tmp_path):
    Measurement(tables={"layers": frame()}).typed({"layers": TYPE}).save(tmp_path)
    frame().drop(columns="ms").to_parquet(tmp_path / "layers.parquet")
    with pytest.raises(ArtifactError, match="has no column `ms`"):
        Measurement.load(tmp_path).tables["layers"]


def test_a_copy_without_some_columns_has_a_type_that_fits_it():
    copy = frame().drop(columns=["layer", "high"])
    TYPE.restricted_to(copy.columns).validate("layers", copy)


def test_a_table_says_in_one_place_how_it_is_passed_on():
    tables = {"layers": TYPE, "secret": TableType((Column("layer"),))}
    assert type("Layers", (MetricPart,), {"tables": tables}).releases() == {"layers": WHOLE}


def test_records_are_those_of_pandas_to_the_type_of_each_cell():
    frame = pd.DataFrame(
        {
            "text": ["a", None, "c"],
            "count": [1, 2, 3],
            "share": [0.5, np.nan, 1.0],
            "is": [True, False, True],
            "mixed": [np.float64(1.5), None, "x"],
            "maybe": pd.array([1, None, 3], dtype="Int64"),
            "day": pd.to_datetime(["2026-01-01", None, "2026-03-01"]),
            "kind": pd.Categorical(["u", "v", "u"]),
        }
    )
    for part in (frame, frame[:0]):
        expected, rows = part.to_dict("records"), records_of(part)
        assert list(map(repr, rows)) == list(map(repr, expected))
        assert [list(map(type, row.values())) for row in rows] == [
            list(map(type, row.values())) for row in expected
        ]


@dataclass(frozen=True)
class LayerTime:
    layer: str
    ms: Annotated[Estimate, BARE_ENDS]
    cells: Cells
    n: int | None = None
    quick: bool = False
    speed: Annotated[Literal["slow", "fast"], Cell(column="pace")] = "slow"


def test_rows_are_instances_whose_fields_are_the_cells_of_their_columns():
    table = frame(n=[3.0, np.nan], quick=[1, None], pace=["fast", None])
    first, second = read_rows(table, LayerTime)
    assert first == LayerTime("a", Estimate(1.0, 0.5, 1.5, 3), first.cells, 3, True, "fast")
    assert second == LayerTime("b", Estimate(2.0, 1.5, None), second.cells, None, False, "slow")
    assert first.cells["pace"] == "fast"
    assert read_rows(frame().head(0), LayerTime) == []


def test_a_row_class_is_the_table():
    columns = (
        Column("label", "attribute", shown=False),
        estimate("gap", "points", "gap", unless="few"),
        estimate("rate", "share", "own"),
        Column("least", "number"),
        Column("ratio", "number"),
        Column("n", "count"),
        Column("few", "yes_no"),
        estimate("shift", optional=True),
    )
    assert TableType.of(Gap, most=3) == TableType(columns, most=3)


def test_what_instances_hold_is_written_and_read_back():
    kind, gap = TableType.of(Gap), Estimate(1, 0, 2)
    of_task = {"rate": 0.5, "own_low": 0.4, "own_high": 0.6, "least": 7.0, "other": 1}
    rows = [Gap("a", gap, of_task, 0.5, 3, few=False, shift=None)]
    rows += [replace(rows[0], gap=None, of_task={"rate": Estimate(0.5, 0.4, 0.6)}, few=True)]
    expected = {
        "label": ["a", "a"],
        "gap": [1, None],
        "gap_low": [0, None],
        "gap_high": [2, None],
        "rate": 0.5,
        "own_low": 0.4,
        "own_high": 0.6,
        "least": [7.0, None],
        "ratio": 0.5,
        "n": 3,
        "few": [False, True],
    }
    frame = kind.frame(rows)
    pd.testing.assert_frame_equal(frame, pd.DataFrame(expected), check_dtype=False)
    assert frame.dtypes.astype(str)[["gap", "ratio", "n", "few"]].tolist() == [
        *("float64", "float64", "int64", "bool")
    ]
    again = read_rows(frame, Gap)
    assert replace(again[0], of_task=of_task) == replace(rows[0], gap=Estimate(1, 0, 2, 3))
    assert again[1].gap is again[1].shift is None
    assert again[0].of_task["own_low"] == 0.4
    known = kind.frame([replace(rows[0], shift=gap), rows[1]])
    assert list(known)[-3:] == ["shift", "low", "high"]
    assert list(kind.frame([])) == kind.keys


def test_a_field_with_a_default_has_it_where_an_older_table_lacks_its_column():
    assert read_rows(frame(), LayerTime)[0].speed == "slow"
    with pytest.raises(ArtifactError, match="the table 'layers' has no column `layer`"):
        read_rows(frame().drop(columns="layer"), LayerTime, "layers")


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"layer": ["a", None]}, "is empty in column `layer`, row 2, where a text should be"),
        ({"n": [1.5, 2]}, "holds 1.5 in column `n`, row 1, where a whole number should be"),
        ({"quick": [True, 2]}, "holds 2 in column `quick`, row 2, where yes or no should be"),
        ({"pace": ["fast", "so"]}, "holds 'so' in column `pace`, row 2, where 'slow' or 'fast'"),
    ],
)
def test_a_cell_that_does_not_fit_its_field_is_named_with_its_table_column_and_row(cells, reason):
    with pytest.raises(ArtifactError, match=f"the table 'layers' {reason}"):
        read_rows(frame(**cells), LayerTime, "layers")


def test_numbers_that_may_lack_are_none_and_others_not_a_number():
    @dataclass(frozen=True)
    class Numbers:
        ms: float
        high: float | None
        whole: Annotated[Estimate | None, Cell(column="ms", prefix="none")]

    known, empty = read_rows(frame(ms=[np.inf, None]), Numbers)
    assert (known.ms, known.high, known.whole) == (np.inf, 1.5, None)
    assert np.isnan(empty.ms)
    assert empty.high is None


def test_a_row_class_that_is_no_table_is_refused_where_it_is_declared():
    @dataclass(frozen=True)
    class Nothing:
        layer: Annotated[str, OPTIONAL]

    @dataclass(frozen=True)
    class Strange:
        layer: Annotated[str, "layers"]

    with pytest.raises(TypeError, match="layer of a row has nothing to be where it is optional"):
        TableType.of(Nothing)
    with pytest.raises(ValueError, match="the column layer has the unknown kind 'layers'"):
        TableType.of(Strange)
