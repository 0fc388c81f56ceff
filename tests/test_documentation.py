"""The pages on the API are complete, and docstrings reach them in a form they can show."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from runpy import run_path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "api"
NAMED = re.compile(r"^\.\. automodule:: (\S+)$", re.MULTILINE)


def modules_of_pages() -> set[str]:
    return {name for page in PAGES.glob("*.md") for name in NAMED.findall(page.read_text())}


@pytest.mark.parametrize("folder", ["statistics", "artifacts/protocols"])
def test_every_module_of_a_public_folder_has_its_place(folder: str) -> None:
    package = "deepseek_report." + folder.replace("/", ".")
    files = (ROOT / "deepseek_report" / folder).glob("[!_]*.py")
    assert {f"{package}.{file.stem}" for file in files} <= modules_of_pages()


def test_every_module_that_a_page_names_exists() -> None:
    assert len(modules_of_pages()) > 20
    assert [name for name in sorted(modules_of_pages()) if find_spec(name) is None] == []


def test_numbers_of_decisions_are_unique_and_head_their_records() -> None:
    records = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
    numbers = [int(record.name[:4]) for record in records]
    assert len(numbers) == len(set(numbers))  # a record that goes leaves its number
    for number, record in zip(numbers, records, strict=True):
        assert record.read_text().startswith(f"# {number}. ")


def test_a_docstring_of_ours_becomes_what_sphinx_reads() -> None:
    rewritten = run_path(str(ROOT / "docs" / "conf.py"))["as_restructured_text"](
        [
            "Mean of |e|.",
            "",
            "Parameters",
            "----------",
            "e, y : (row,) one,",
            "    or two.",
            "n : 3.",
        ]
    )
    assert rewritten == [
        r"Mean of \|e\|.",
        "",
        "**Parameters**",
        "",
        "",
        "``e``, ``y``",
        "   (row,) one,",
        "   or two.",
        "",
        "``n``",
        "   3.",
    ]


def test_every_test_that_the_page_on_conclusions_names_exists() -> None:
    page = (ROOT / "docs" / "conclusions.md").read_text("utf-8")
    tests = re.findall(r"`(tests/\S+\.py)::(test_\w+)`", page)
    assert len(tests) > 40
    assert [
        f"{file}::{name}"
        for file, name in tests
        if f"def {name}(" not in (ROOT / file).read_text("utf-8")
    ] == []


def test_every_share_on_the_page_on_conclusions_was_measured_by_the_part_that_its_row_names() -> (
    None
):
    page = (ROOT / "docs" / "conclusions.md").read_text("utf-8")
    measured = (ROOT / "benchmarks" / "measured" / "conclusions.md").read_text("utf-8")
    share = re.compile(r"\d+\.\d % \(\d+\.\d–\d+\.\d\)")
    rows = re.findall(r"^(\|.+\| `(\w+)` \|)$", page, re.MULTILINE)
    assert len(rows) > 60
    for row, part in rows:
        block = measured.partition(f"<!-- {part} -->")[2].partition(f"<!-- end of {part} -->")[0]
        assert [each for each in share.findall(row) if each not in block] == [], row
    assert [each for each in share.findall(page) if each not in measured] == []
