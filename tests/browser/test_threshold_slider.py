"""The slider over thresholds in a real report: what it shows agrees with the tables of the run."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from deepseek_report.rendering import page_parts
from tests.real_runs import small_results

TEXTS = (
    "return [...document.querySelectorAll(arguments[0])]"
    ".filter((part) => !part.hidden).map((part) => part.textContent.trim())"
)
OPEN = "document.querySelector('.threshold-slider details').open = true"
MATRIX = ".threshold-columns > :first-child td"
RATES = ".threshold-columns > :last-child td"
GROUPS = ".thresholds > .table-scroll tbody tr"
MOVE = (
    "const slider = document.getElementById('threshold-at'); slider.value = String(arguments[0]);"
    "slider.dispatchEvent(new Event('input'));"
)
CHOOSE = (
    "const select = document.querySelectorAll('.thresholds select')[arguments[0]];"
    "select.selectedIndex = arguments[1]; select.dispatchEvent(new Event('change'));"
)
PRICE = (
    "const box = document.querySelectorAll('.threshold-costs input')[arguments[0]];"
    "box.value = arguments[1]; box.dispatchEvent(new Event('input'));"
)


def opened(page: Any, width: int = 1280, scheme: str = "light") -> Any:
    page.open(width, scheme)
    page.run(OPEN)
    page.wait_for("return document.querySelector('.thresholds') !== null")
    return page


def plain(text: str) -> str:
    return "".join(text.split())


@pytest.fixture
def stored(real_page: Any, small_run: Any) -> Any:
    return json.loads((small_run.folder / "tables" / "thresholds.json").read_text("utf-8"))


def cells_of(page: Any, table: str) -> list[list[str]]:
    """The texts of a table that the report itself shows, row by row."""
    rows = page.run(
        "return [...document.querySelectorAll(`#tbl-${arguments[0]} tbody tr`)]"
        ".map((row) => [...row.cells].map((cell) => cell.textContent.trim()))",
        table,
    )
    assert rows, table
    return [[str(cell) for cell in row] for row in rows]


def test_at_the_threshold_in_use_every_number_is_that_of_the_reports_tables(real_page: Any) -> None:
    opened(real_page)
    counts = [row[2] for row in cells_of(real_page, "performance-confusion-matrix-matrix")]
    assert real_page.run(TEXTS, MATRIX) == counts
    scores = {row[0]: row[1] for row in cells_of(real_page, "performance-scores")}
    names = ("True positive rate", "False positive rate", "Precision", "Accuracy")
    assert real_page.run(TEXTS, RATES) == [scores[name] for name in names]
    groups, errors = (
        {f"{row[0]}: {row[1]}": row for row in cells_of(real_page, f"bias-{name}")}
        for name in ("groups", "errors")
    )
    compared = 0
    for line in real_page.run(
        "return [...document.querySelectorAll(arguments[0])]"
        ".map((row) => [...row.cells].map((cell) => cell.textContent.trim()))",
        GROUPS,
    ):
        name, n, favoured, *rates, ratio = line
        if name in groups:
            assert [n, favoured, ratio] == groups[name][2:5], name
            compared += 1
        if name in errors and favoured != "too few to judge":
            assert rates == errors[name][4:6], name
    assert compared >= 6


def test_at_every_threshold_the_counts_are_those_of_the_predictions(
    real_page: Any, small_run: Any, stored: Any
) -> None:
    opened(real_page)
    p = small_results(small_run).predictions
    steps = small_results(small_run).table("threshold_sweep", "steps")
    assert steps is not None
    assert len(steps) == len(stored["thresholds"]) >= 60
    for at, threshold in enumerate(steps["threshold"]):
        real_page.run(MOVE, at)
        decided = p.scores >= threshold
        counts = [np.sum((p.truths == a) & (decided == b)) for a in (0, 1) for b in (0, 1)]
        shown = [int(plain(text)) for text in real_page.run(TEXTS, MATRIX)]
        assert shown == counts, at


def test_a_subset_is_counted_by_its_rows_and_has_no_interval(
    real_page: Any, small_run: Any, stored: Any
) -> None:
    opened(real_page)
    results = small_results(small_run)
    p, schema = results.predictions, results.schema
    names = [attribute["label"] for attribute in stored["attributes"]]
    attribute = schema.attributes[0]
    assert names[0] == attribute.label
    real_page.run(CHOOSE, 0, 1)
    level = real_page.run(
        "return document.querySelector('.thresholds select').selectedOptions[0].textContent"
    )
    inside = p.groups[attribute.name] == attribute.levels.index(level)
    decided = p.decisions == p.explained
    counts = [np.sum(inside & (p.truths == a) & (decided == b)) for a in (0, 1) for b in (0, 1)]
    assert [int(plain(text)) for text in real_page.run(TEXTS, MATRIX)] == counts
    assert not any("(" in text for text in real_page.run(TEXTS, RATES))
    basis = real_page.run("return document.querySelector('.thresholds').innerText")
    assert "Of a subset shares are counted, without interval" in basis


def test_the_bands_of_the_probability_divide_all_cases(real_page: Any, stored: Any) -> None:
    opened(real_page)
    band = len(stored["attributes"])
    sizes = []
    for choice in range(1, 6):
        real_page.run(CHOOSE, band, choice)
        sizes.append(sum(int(plain(text)) for text in real_page.run(TEXTS, MATRIX)))
    assert sum(sizes) == sum(counts[0] for counts in stored["counts"])
    assert min(sizes) > 0


def test_expected_cost_is_what_the_declared_costs_make_of_the_counts(
    real_page: Any, stored: Any
) -> None:
    opened(real_page)
    real_page.run(PRICE, 0, "2")
    real_page.run(PRICE, 1, "7")
    hits, alarms, missed, rejected = (np.array(counts) for counts in stored["counts"])
    cost = (2 * alarms + 7 * missed) / (hits + alarms + missed + rejected)[0]
    used, least = stored["in_use"], int(np.argmin(cost))
    words = real_page.run("return document.querySelector('.threshold-cost').textContent")
    assert f"at the threshold in use {cost[used]:.{2 if cost[used] >= 1 else 3}f}" in words
    assert f"least at {stored['thresholds'][least]}" in words
    real_page.run("document.querySelectorAll('.threshold-tools button')[1].click()")
    assert real_page.run("return Number(document.getElementById('threshold-at').value)") == least
    real_page.run(PRICE, 0, "")
    words = real_page.run("return document.querySelector('.threshold-cost').textContent")
    assert words.startswith("Set both costs")


def test_costs_that_were_typed_come_back_when_the_page_is_loaded_again(real_page: Any) -> None:
    opened(real_page)
    shown = "return document.querySelector('.threshold-cost').textContent"
    before = real_page.run(shown)
    real_page.run(PRICE, 0, "2")
    real_page.run(PRICE, 1, "7")
    words = real_page.run(shown)
    assert words != before
    opened(real_page)
    assert real_page.run(shown) == words


def test_the_keyboard_moves_it_and_a_button_goes_back(real_page: Any, stored: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    opened(real_page)
    slider = real_page.driver.find_element("id", "threshold-at")
    used = stored["in_use"]
    assert slider.get_attribute("aria-valuetext").endswith("in use")
    slider.send_keys(Keys.ARROW_LEFT)
    assert slider.get_attribute("value") == str(used - 1)
    assert slider.get_attribute("aria-valuetext") == stored["thresholds"][used - 1]
    text = real_page.run("return document.querySelector('.thresholds').innerText")
    assert "Between two thresholds at which the run made intervals" in text
    real_page.driver.find_element("css selector", ".threshold-tools button").send_keys(Keys.ENTER)
    assert slider.get_attribute("value") == str(used)


def test_it_says_that_the_findings_are_about_the_threshold_in_use(
    real_page: Any, stored: Any
) -> None:
    opened(real_page)
    used = stored["thresholds"][stored["in_use"]]
    text = real_page.run("return document.querySelector('.threshold-note').textContent")
    assert f"The findings of this report are about the threshold in use, {used}." in text


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (375, "light")])
def test_axe_finds_nothing_in_the_slider_and_nothing_is_too_wide(
    real_page: Any, width: int, scheme: str
) -> None:
    opened(real_page, width, scheme)
    assert real_page.violations(".threshold-slider") == []
    assert real_page.run("return document.documentElement.scrollWidth") <= width
    assert real_page.complaints() == []


def test_it_adds_less_than_150_kilobytes_to_the_page(small_run: Any) -> None:
    page = (small_run.folder / "report.html").read_text("utf-8")
    packed = page.split('id="thresholds">', 1)[1].split("<", 1)[0]
    assert 1_000 < len(packed) + len(page_parts.part("thresholds.js")) < 150_000


def test_paper_and_readers_without_scripts_have_the_table(driver: Any, real_page: Any) -> None:
    opened(real_page)
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    style = "return getComputedStyle(document.querySelector(arguments[0])).display"
    assert real_page.run(style, ".threshold-slider") == "none"
    with real_page.without_scripts():
        height = "return document.querySelector(arguments[0]).getBoundingClientRect().height"
        assert real_page.run(height, ".threshold-slider") == 0
        assert real_page.run(height, "#tbl-performance-threshold-sweep-sweep") > 100
