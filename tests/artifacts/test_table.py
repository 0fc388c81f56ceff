from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.protocols.traits import MetricPart
from deepseek_report.artifacts.table import Column, TableType, estimate
from deepseek_report.artifacts.table_rows import Cells, From, problems_of, read_rows, records_of
from deepseek_report.errors import ArtifactError

#: Modules of comparisons whose tables have rows.
COMPARED = ("comparison", "paired_decisions", "paired_explanations", "paired_performance")
TYPE = TableType(
    (Column("layer", "layer"), estimate("ms", unit="ms"), Column("quick", "yes_no", optional=True)),
    section="bottlenecks",
    folded=True,
    release=WHOLE,
)
ROWS: Mapping[str, Any] = {"layer": ["a", "b"], "ms": [1.0, 2.0], "low": [0.5, 1.5]}


GAP = estimate("gap", "points", prefix="gap")


@dataclass(frozen=True)
class Gap:
    label: str
    gap: Annotated[Estimate | None, From(prefix="gap")]
    n: int
    cells: Cells


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
    ms: Estimate
    cells: Cells
    n: int | None = None
    quick: bool = False
    speed: Annotated[Literal["slow", "fast"], From("pace")] = "slow"


def test_rows_are_instances_whose_fields_are_the_cells_of_their_columns():
    table = frame(n=[3.0, np.nan], quick=[1, None], pace=["fast", None])
    first, second = read_rows(table, LayerTime)
    assert first == LayerTime("a", Estimate(1.0, 0.5, 1.5, 3), first.cells, 3, True, "fast")
    assert second == LayerTime("b", Estimate(2.0, 1.5, None), second.cells, None, False, "slow")
    assert first.cells["pace"] == "fast"
    assert read_rows(frame().head(0), LayerTime) == []


def test_a_frame_takes_mappings_cells_in_order_and_instances_of_its_row_class_alike():
    kind, size = TableType((Column("label"), GAP, Column("n", "count")), row=Gap), Estimate(1, 0, 2)
    rows = [{"label": "a", "gap": size, "n": 3}, ("a", size, 3), Gap("a", size, 3, {})]
    expected = pd.DataFrame({"label": ["a"], "gap": 1.0, "gap_low": 0.0, "gap_high": 2.0, "n": 3})
    for row in rows:
        pd.testing.assert_frame_equal(kind.frame([row]), expected)
    unknown = kind.frame([Gap("a", None, 3, {})])
    assert np.isnan(unknown[["gap", "gap_low", "gap_high"]].astype(float)).all(axis=None)


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
        whole: Annotated[Estimate | None, From("ms", "none")]

    known, empty = read_rows(frame(ms=[np.inf, None]), Numbers)
    assert (known.ms, known.high, known.whole) == (np.inf, 1.5, None)
    assert np.isnan(empty.ms)
    assert empty.high is None


def test_a_row_class_that_does_not_fit_its_table_is_refused_where_a_metric_declares_it():
    columns = (*TYPE.columns, Column("n", "count"), Column("pace"))
    may_lack = (Column("layer", optional=True), *columns[1:])

    def declared(*columns):
        tables = {"times": TableType(columns, row=LayerTime)}
        return type("Timed", (MetricPart,), {"tables": tables})

    assert declared(*columns).tables["times"].row is LayerTime
    with pytest.raises(TypeError, match="times of Timed has no column `n`; has no column `pace`"):
        declared(*TYPE.columns)
    with pytest.raises(TypeError, match="may lack the column `layer`"):
        declared(*may_lack)


def test_the_rows_of_comparisons_fit_their_tables():
    modules = [import_module(f"deepseek_report.comparisons.{name}") for name in COMPARED]
    values = [value for module in modules for value in vars(module).values()]
    tables = [value for value in values if isinstance(value, TableType) and value.row]
    assert len(tables) >= len(COMPARED)
    for each in tables:
        assert problems_of(each.row, each.keys, each.optional) == []
