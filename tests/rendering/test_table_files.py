"""Tables that the report has no room for stand beside it, whole, escaped and linked."""

from __future__ import annotations

import csv
from pathlib import Path

from deepseek_report.artifacts.protocols.sections import SectionContent

from .conftest import HOSTILE, Elements, document_of

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
