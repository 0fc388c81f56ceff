"""Tables in the text, as CSV, and in files beside a report that has no room for them."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import pandas as pd
import pytest

from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.rounding import TEXT
from deepseek_report.rendering import markdown
from deepseek_report.rendering.markdown import Markdown
from deepseek_report.wording.words import wording

from .conftest import HOSTILE, Elements, document_of

ENGLISH = wording()


def test_columns_of_numbers_are_aligned_right_and_words_left() -> None:
    rows = [{"n": "3\u202f564", "share": "88.5\u00a0%", "range": "−0.01 to 0.03", "word": "met"}]
    columns = markdown.choose_columns(rows, None, ENGLISH)
    assert [column.numeric for column in columns] == [True, True, True, False]


def test_a_date_is_no_number() -> None:
    rows = [{"day": "2026-11-29", "month": "2026-11", "time": "2026-11-29 22:10", "year": "2026"}]
    columns = markdown.choose_columns(rows, None, ENGLISH)
    assert [column.numeric for column in columns] == [False, False, False, True]


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


_TEMPLATE = """{{ section_header(section) }}
{{ table(values.rows, "many", "Many rows", {"name": "Name", "n": "n"}, most=3) }}
{{ filed(values.rows, "aside", "Kept aside", {"name": "Name", "n": "n"}) }}
"""


def written(folder: Path, rows: list[dict[str, object]]) -> str:
    content = SectionContent("x", "X", "Q?", "A.", {"rows": rows})
    made = document_of(folder / "run", [content], {"x": _TEMPLATE})
    assert not made.failures
    return made.path.read_text("utf-8")


def rows(n: int) -> list[dict[str, object]]:
    return [{"name": f"row {at} {HOSTILE}", "n": at} for at in range(n)]


def test_a_long_table_shows_its_first_rows_and_links_all_of_them(tmp_path: Path) -> None:
    text = written(tmp_path, rows(9))
    assert "| row 2 " in text
    assert "| row 3 " not in text
    assert "3 of 9 rows; all of them: [`tables/many.html`](tables/many.html){.file}" in text
    with (tmp_path / "run" / "tables" / "many.csv").open(encoding="utf-8", newline="") as stream:
        assert [row["n"] for row in csv.DictReader(stream)] == [str(at) for at in range(9)]


def test_a_table_that_is_barely_too_long_is_shown_whole(tmp_path: Path) -> None:
    text = written(tmp_path, rows(5))
    assert "| row 4 " in text
    assert not (tmp_path / "run" / "tables" / "many.html").exists()


def test_a_table_that_is_a_file_is_named_with_its_length(tmp_path: Path) -> None:
    text = written(tmp_path, rows(9))
    assert "Kept aside: 9 rows, [`tables/aside.html`](tables/aside.html){.file}" in text
    assert "{#tbl-aside}" not in text


def test_hostile_text_stays_text_on_the_page_of_a_table(tmp_path: Path) -> None:
    written(tmp_path, rows(9))
    page = (tmp_path / "run" / "tables" / "many.html").read_text("utf-8")
    seen = Elements(page)
    assert seen.cells[0] == f"row 0 {HOSTILE}"
    assert "script" not in seen.tags
    assert "default-src 'none'" in page


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    pages = []
    for name in ("a", "b"):
        written(tmp_path / name, rows(9))
        pages.append((tmp_path / name / "run" / "tables" / "many.html").read_bytes())
    assert pages[0] == pages[1]
