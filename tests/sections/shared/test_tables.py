"""Cells, heads and captions of tables, and a metric of one's own whose table the report shows."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.table import OF_TARGET, Column, TableType, estimate
from deepseek_report.rendering.document import write_qmd
from deepseek_report.rendering.page_words import ReportOptions
from deepseek_report.sections.bias import BiasSection
from deepseek_report.sections.bottlenecks import BottlenecksSection
from deepseek_report.sections.performance import PerformanceSection
from deepseek_report.sections.robustness import RobustnessSection
from deepseek_report.sections.shared.tables import View, own_table
from deepseek_report.wording.words import wording
from docs.reference_pages import declared_tables
from tests.real_runs import with_measurement, with_table

ROOT = Path(__file__).parents[3]


def cell(run, column: Column, **row):
    """What stands in the one cell of a table with this column."""
    table = own_table(run.data().results(), "t", "none.none", TableType((column,)), [row])
    return table.rows[0][column.key]


@pytest.mark.parametrize(
    ("column", "row", "text"),
    [
        (Column("x", "count"), {"x": 30000}, "30\u202f000"),
        (Column("x", "share"), {"x": 0.221}, "22.1\u00a0%"),
        (estimate("x", "share"), {"x": 0.2, "low": 0.1, "high": 0.3}, "20\u00a0% (10–30\u00a0%)"),
        (Column("x", "number"), {"x": Estimate(0.78, 0.76, 0.79)}, "0.780 (0.760–0.790)"),
        (Column("x", "number"), {"x": math.nan}, "–"),
        (Column("x", "number"), {}, "–"),
        (Column("x", "p_value"), {"x": 0.0001}, "< 0.001"),
        (Column("x", "declared_share"), {"x": 0.9}, "90\u00a0%"),
        (Column("x", "quantity", unit="ms"), {"x": 12.0}, "12\u00a0ms"),
        (Column("x", "half_width", unit=OF_TARGET), {"x": 12.0}, "±\u00a012"),
        (Column("x", "of_five"), {"x": 0.84}, "4.2 of 5"),
        (Column("x", "place"), {"x": 0}, "1"),
        (Column("x", "row"), {"x": 1234567}, "Row 1\u202f234\u202f567"),
        (Column("x", "yes_no"), {"x": True}, "yes"),
        (Column("x", "explainer"), {"x": "shap"}, "SHAP"),
        (Column("x", "attribute"), {"x": "age_band"}, "Age band"),
        (Column("x", "layer"), {"x": "net.blocks.0"}, "block 1"),
        (Column("x", mark="reported"), {"x": "a", "reported": True}, "a (reported)"),
        (Column("x", "share", unless="few"), {"x": 0.5, "few": True}, "too few to judge"),
        (Column("x", "gap"), {"x": 0.03}, "3.0\u00a0points"),
        (estimate("x", "points"), {"x": -0.02, "low": -0.05, "high": 0.01}, "−2.0 (−5.0 to 1.0)"),
        (Column("x", "metric"), {"x": "roc_auc"}, "ROC AUC"),
        (Column("x", "impact_verdict"), {"x": "clear above"}, "clearly above"),
    ],
)  # fmt: skip
def test_a_cell_is_written_by_what_its_column_means(run, column, row, text):
    assert cell(run, column, **row) == text


def test_rows_without_a_required_value_and_those_beyond_the_limit_are_not_shown(run):
    kind = TableType((Column("x", "count", required=True),), most=2)
    rows = [{"x": 1}, {"x": math.nan}, {"x": 2}, {"x": 3}]
    table = own_table(run.data().results(), "t", "none.none", kind, rows)
    assert [row["x"] for row in table.rows] == ["1", "2"]


def test_a_very_long_table_is_cut_and_says_so(run):
    kind = TableType((Column("x", "count"),))
    table = own_table(run.data().results(), "t", "none.none", kind, [{"x": k} for k in range(400)])
    assert len(table.rows) == 300
    assert table.before.startswith("This table holds the first 300 of 400 rows")


def test_a_row_says_once_that_there_are_too_few(run):
    kind = TableType(tuple(Column(key, "share", unless="few") for key in "xy"))
    rows = [{"x": 0.5, "y": 0.5, "few": True}]
    table = own_table(run.data().results(), "t", "none.none", kind, rows)
    assert table.rows == ({"x": "too few to judge", "y": "–"},)


def test_a_view_shows_its_columns_in_its_order_and_those_that_the_section_adds():
    kind = TableType((Column("a"), Column("b", "count"), Column("c", shown=False)))
    view = View("id", "words", ("b", Column("new"), "a", "lost"), folded=True)
    assert [column.key for column in view.of(kind).columns] == ["b", "new", "a"]
    assert view.of(kind).folded


def test_a_mark_that_nobody_words_is_written_as_it_is(run):
    assert cell(run, Column("x", mark="no_such_mark"), x="a", no_such_mark=1) == "a (no such mark)"


def test_words_of_ones_own_are_text_and_no_template(run):
    kind = TableType((Column("x", label="{{ 1 + 1 }}"),), caption="{% raw %}")
    table = own_table(run.data().results(), "t", "none.none", kind, [{"x": "{{ 2 }}"}])
    assert (table.columns, table.caption) == ({"x": "{{ 1 + 1 }}"}, "{% raw %}")
    assert table.rows[0]["x"] == "{{ 2 }}"


def shown_types():
    return [
        pytest.param(metric, name, declared, id=f"{metric}-{name}")
        for metric, types in declared_tables().items()
        for name, declared in types.items()
        if declared.section
    ]


@pytest.mark.parametrize(("metric", "name", "declared"), shown_types())
def test_a_shipped_table_that_the_report_shows_has_its_words_in_the_locale(metric, name, declared):
    words = wording()
    assert words.has(f"tables.{metric}.{name}.caption")
    assert words.has(f"tables.{metric}.{name}.heading") == declared.folded
    assert not any(column.label for column in declared.columns)
    assert (ROOT / "conf" / "sections" / f"{declared.section}.yaml").is_file()


OWN = TableType(
    (
        Column("batch", "count", label="Rows at once"),
        estimate("found", "share", label="Found"),
        Column("inner", "number", shown=False),
    ),
    section="performance",
    caption="What my metric found | <b>",
)


def test_a_table_of_ones_own_metric_stands_in_the_section_that_it_names(run, tmp_path):
    rows = {"batch": [30000], "found": [0.2], "low": [0.1], "high": [0.3], "inner": [1.0]}
    measured = Measurement(tables={"mine": pd.DataFrame(rows)}).typed({"mine": OWN})
    measured.save(run.data().predictions().place("measures/own_metric"))
    results = run.results()
    content = PerformanceSection().content(results)
    options = ReportOptions(title="A title")
    text = write_qmd(results, [content], options, tmp_path / "report").path.read_text("utf-8")
    assert "## Further tables" in text
    assert "30\u202f000" in text
    assert "20\u00a0% (10–30\u00a0%)" in text
    assert "Rows at once" in text
    assert "What my metric found" in text
    assert "<b>" not in text
    assert "Inner" not in text
    csv = (tmp_path / "report" / "tables" / "performance-own-metric-mine.csv").read_text("utf-8")
    assert csv.startswith("batch,found\n")


def test_a_table_that_its_template_places_is_not_shown_twice(run, tmp_path):
    from deepseek_report.sections.bottlenecks import BottlenecksSection

    rows = [{"batch_size": 8, "ms": 2.0, "low": 1.0, "high": 3.0, "rows_per_second": 4000.0}]
    run.data().training().predictions().measure("latency", latency=rows)
    results = run.results()
    content = BottlenecksSection().content(results)
    text = write_qmd(results, [content], ReportOptions(), tmp_path).path.read_text("utf-8")
    assert text.count("{#tbl-bottlenecks-latency}") == 1
    assert "Further tables" not in text


def text_of(results, section, folder):
    """The document of one section."""
    document = write_qmd(results, [section.content(results)], ReportOptions(), folder)
    assert not document.failures
    return document.path.read_text("utf-8")


def test_tables_of_groups_baselines_and_disturbances_have_their_words(real_run, tmp_path):
    ratio = {"verdict": "clear above", "difference": -0.02}
    ratio |= {"difference_low": -0.05, "difference_high": 0.01}
    rate, flips = {"value": 0.78, "low": 0.77, "high": 0.79}, {"flipped": 0.03}
    flips |= {"flipped_low": 0.02, "flipped_high": 0.05}
    for metric, name, values in (
        ("impact_ratio", "pairs", ratio),
        ("baselines", "comparison", rate),
        ("robustness", "perturbations", flips),
    ):
        real_run = with_table(
            real_run, metric, name, lambda rows, values=values: rows.assign(**values)
        )
    bias = text_of(real_run, BiasSection(), tmp_path / "bias")
    assert "Decisions and errors by group: favourable decisions, their ratio" in bias
    assert "| Favourable decisions |" in bias
    assert "clearly above" in bias
    beside = tmp_path / "bias" / "tables"
    assert "mean_score" in (beside / "bias-errors.csv").read_text("utf-8").splitlines()[0]
    assert "−2.0 (−5.0 to 1.0)" in (beside / "bias-groups.csv").read_text("utf-8")
    performance = text_of(real_run, PerformanceSection(), tmp_path / "performance")
    assert "The model and simpler ones on the same test cases" in performance
    assert "78.0\u00a0% (77.0–79.0\u00a0%)" in performance  # accuracy of the model, a share
    robustness = text_of(real_run, RobustnessSection(), tmp_path / "robustness")
    assert "Decisions flipped" in robustness
    assert "3.0\u00a0% (2.0–5.0\u00a0%)" in robustness


def test_a_slice_is_listed_with_what_it_is_listed_for(run, tmp_path):
    row = {"slice": "age is over 60", "features": "age", "n": 300, "share": 0.1, "p_value": 0.01}
    row |= {"error_rate": 0.4, "low": 0.3, "high": 0.5, "rest_error_rate": 0.2, "errors": 120}
    row |= {"expected_error_rate": 0.4, "p_adjusted": 0.02, "whole": False, "missed_rate": 0.5}
    row |= {"surplus": 0.0, "surplus_low": -0.1, "surplus_high": 0.1, "rest_missed_rate": 0.4}
    kinds = ("unexpected", "errors")
    run.training().predictions().measure("slices", slices=[row | {"kind": kind} for kind in kinds])
    bottlenecks = text_of(run.results(), BottlenecksSection(), tmp_path)
    assert "| age is over 60 | an unexpected loss |" in bottlenecks
    assert "| age is over 60 | more errors than elsewhere |" in bottlenecks


def test_columns_on_one_class_of_several_name_it(real_run, tmp_path):
    bottlenecks = text_of(real_run, BottlenecksSection(), tmp_path)
    assert "| ROC AUC of “default” | Stated of “default” |" in bottlenecks


def test_tables_of_a_run_that_declares_none_are_shown_as_they_are(real_run, tmp_path):
    undeclared = real_run
    for known in real_run.ids:
        if known.kind == "measures":
            measured = replace(real_run.measurement(known.name, known.subject), types={})
            undeclared = with_measurement(undeclared, known.name, measured, known.subject)
    bias = text_of(undeclared, BiasSection(), tmp_path / "bias")
    assert "Decisions and errors by group" in bias
    rate = real_run.table("group_rates", "groups")["selection_rate"].iloc[0]
    assert f"{rate:.3f}" in bias  # nobody says that it is a share
    assert "What random changes of the input do" in text_of(
        undeclared, RobustnessSection(), tmp_path / "rest"
    )
