"""The report of a real run, not only the sample: what the sections write is accessible too."""

from __future__ import annotations

from typing import Any

import pytest

WIDTHS = [1280, 360]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_axe_finds_no_violation_in_a_real_report(real_page: Any, width: int, scheme: str) -> None:
    assert real_page.open(width, scheme).violations() == []


@pytest.mark.parametrize("width", WIDTHS)
def test_a_real_report_never_scrolls_sideways(real_page: Any, width: int) -> None:
    real_page.open(width)
    assert real_page.run("return document.documentElement.scrollWidth") <= width


def test_a_real_report_opens_whole_with_the_network_off(real_page: Any) -> None:
    real_page.open()
    assert real_page.requests() == []
    assert real_page.complaints() == []
    assert real_page.run("return document.querySelectorAll('figure svg').length") >= 20
    sections = real_page.run("return document.querySelectorAll('section.level2').length")
    assert sections == 12


def test_a_real_report_is_small(small_run: Any) -> None:
    assert (small_run.folder / "report.html").stat().st_size < 3_000_000
