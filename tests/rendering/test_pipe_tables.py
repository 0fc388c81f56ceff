from __future__ import annotations

import csv
import io
import math

import pandas as pd
import pytest

from deepseek_report.artifacts.rounding import TEXT
from deepseek_report.rendering import markdown
from deepseek_report.rendering.markdown import Markdown
from deepseek_report.wording.words import wording

ENGLISH = wording()


def test_columns_of_numbers_are_aligned_right_and_words_left() -> None:
    rows = [{"n": "3\u202f564", "share": "88.5\u00a0%", "range": "−0.01 to 0.03", "word": "met"}]
    columns = markdown.choose_columns(rows, None, ENGLISH)
    assert [column.numeric for column in columns] == [True, True, True, False]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"), (math.nan, "–"), (True, "yes"), (30000, "30\u202f000"), (0.12345, "0.123"),
        ("<b>", "<b>"), (-2, "−2"),
    ],
)  # fmt: skip
def test_cells_read_as_people_write(value: object, text: str) -> None:
    assert markdown.cell_text(value, ENGLISH) == text


def test_a_cell_shows_a_page_of_a_text_at_most_and_the_csv_all_of_it() -> None:
    rows = [{"a": "x" * 10_000}]
    table = markdown.pipe_table(rows, markdown.choose_columns(rows, None, ENGLISH), ENGLISH)
    assert max(len(line) for line in table.splitlines()) <= TEXT + 10
    assert "x…" in table
    assert "x" * 10_000 in markdown.csv_text(rows, ["a"])


def test_a_sort_key_travels_with_its_cell_and_is_no_column() -> None:
    rows = [{"n": "many", "n__sort": 7}]
    columns = markdown.choose_columns(rows, None, ENGLISH)
    assert [column.key for column in columns] == ["n"]
    assert '[many]{data-sort="7"}' in markdown.pipe_table(rows, columns, ENGLISH)


def test_markdown_cells_stay_markdown_on_one_line() -> None:
    rows = [{"a": Markdown("*x*\n y"), "b": "*x*"}]
    assert markdown.pipe_table(
        rows, markdown.choose_columns(rows, None, ENGLISH), ENGLISH
    ).splitlines()[-1] == ("| *x* y | \\*x\\* |")


def test_a_data_frame_and_its_rows_give_the_same_table() -> None:
    rows = [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    assert markdown.as_rows(pd.DataFrame(rows)) == rows


@pytest.mark.parametrize("text", ["=1+1", "@SUM(A1)", "+cmd", "-x", "\tx"])
def test_csv_text_is_never_a_formula(text: str) -> None:
    written = markdown.csv_text([{"a": text}], ["a"])
    cell = list(csv.reader(io.StringIO(written)))[1][0]
    assert not cell.startswith(("=", "@", "+", "-", "\t"))


def test_csv_keeps_numbers_and_reads_back() -> None:
    rows = [{"a": -1.5, "b": 'say "x", y'}, {"a": None, "b": "−2"}]
    back = list(csv.DictReader(io.StringIO(markdown.csv_text(rows, ["a", "b"]))))
    assert back == [{"a": "-1.5", "b": 'say "x", y'}, {"a": "", "b": "−2"}]
