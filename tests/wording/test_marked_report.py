"""A whole report in the language of marks: every word of it is a catalog's, or the user's own."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import SmallRun

from .marked_page import own_texts, unmarked

#: Parts of the page whose words are still in code.
PARTS_LEFT: frozenset[str] = frozenset()


def test_no_word_of_a_report_stands_outside_of_the_catalogs(
    small_run: SmallRun, marked_run: Path
) -> None:
    page = (marked_run / "report.html").read_text(encoding="utf-8")
    bare = [
        (shown.part, shown.where, shown.text[:200], words)
        for shown, words in unmarked(page, own_texts(small_run.folder))
        if shown.part not in PARTS_LEFT
    ]
    assert bare == []
