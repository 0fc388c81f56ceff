"""The browser of cases in a real report: list, filters, keyboard, what if, and without scripts."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

LISTED = "return [...document.querySelectorAll('.case-items li')].map((item) => item.innerText)"
SELECTED = "return document.querySelector('.case-items [aria-selected=true]')?.innerText"
CHOOSE = (
    "const select = [...document.querySelectorAll('.case-filters select')][arguments[0]];"
    "select.value = String(arguments[1]); select.dispatchEvent(new Event('change'));"
)
SET = (
    "const control = document.querySelectorAll('.what-if-row input, .what-if-row select')"
    "[arguments[0]]; control.value = String(arguments[1]);"
    "control.dispatchEvent(new Event(control.tagName === 'INPUT' ? 'input' : 'change'));"
    "return document.querySelector('.what-if-answer').innerText"
)
OPEN_FOLDS = (
    "document.querySelectorAll('.case-page details').forEach((part) => { part.open = true; })"
)


@pytest.fixture
def cases(real_page: Any, small_run: Any) -> Any:
    """The stored cases of the run whose report is opened."""
    return json.loads((small_run.folder / "tables" / "cases.json").read_text("utf-8"))


def opened(page: Any, width: int = 1280, scheme: str = "light") -> Any:
    page.open(width, scheme)
    page.wait_for("return document.documentElement.classList.contains('with-cases')")
    return page


def with_what_if(page: Any) -> Any:
    """The page with the fold of the first case open."""
    opened(page)
    page.run("document.querySelector('.what-if').open = true")
    page.wait_for("return document.querySelector('.what-if-answer') !== null")
    return page


def place_of_shown(page: Any, cases: Any) -> int:
    """The place among the stored cases of the case whose page is open."""
    shown = page.run("return document.querySelector('.case-page').id")
    return next(n for n, case in enumerate(cases["cases"]) if f"case-{case['id']}" == shown)


def test_pages_hold_words_and_no_objects_of_the_script(real_page: Any, cases: Any) -> None:
    opened(real_page)
    for filter_at in (0, 1):
        real_page.run(CHOOSE, filter_at, 0)
    fails = "return document.querySelector('.case-page').innerText.includes('wrong more often')"
    n_told = 0
    for at, _ in enumerate(cases["pages"]):
        real_page.run("document.querySelectorAll('.case-items li')[arguments[0]].click()", at)
        real_page.run(OPEN_FOLDS)
        text = real_page.run("return document.querySelector('.case-page').innerText")
        assert "[object" not in text
        n_told += real_page.run(fails)
    assert n_told == sum(bool(page["errors"]) for page in cases["pages"]) > 0


def test_the_answer_comes_first_on_the_page_of_a_case(real_page: Any) -> None:
    opened(real_page)
    heads = real_page.run(
        "return [...document.querySelectorAll('.case-page > section > h4')].map((h) => h.innerText)"
    )
    assert heads[1] == "What would change it"
    assert "easons" in heads[0]


def test_it_opens_on_what_was_wrongly_decided_against_people(real_page: Any, cases: Any) -> None:
    opened(real_page)
    wrong = [c for c in cases["cases"] if not c["right"] and c["decided"] != cases["favourable"]]
    assert len(real_page.run(LISTED)) == len(wrong) > 0
    summary = real_page.run("return document.querySelector('.case-page').innerText")
    assert "the decision is wrong" in summary


def test_filters_choose_among_all_explained_cases(real_page: Any, cases: Any) -> None:
    opened(real_page)
    for filter_at in (0, 1):
        real_page.run(CHOOSE, filter_at, 0)
    assert len(real_page.run(LISTED)) == len(cases["cases"])
    real_page.run(CHOOSE, 0, 2)
    assert len(real_page.run(LISTED)) == sum(case["right"] for case in cases["cases"])
    real_page.run(CHOOSE, 2, 1)
    right = [case for case in cases["cases"] if case["right"] and case["groups"][0] == 0]
    assert len(real_page.run(LISTED)) == len(right)
    answer = real_page.run("return document.querySelector('.case-count').innerText")
    assert answer == f"{len(right)} of {len(cases['cases'])} explained cases"


def test_a_case_is_found_by_its_row_whatever_the_filters_say(real_page: Any, cases: Any) -> None:
    opened(real_page)
    case = next(c for c in cases["cases"] if c["right"])
    real_page.run(
        "const find = document.querySelector('.case-filters input');"
        "find.value = arguments[0]; find.dispatchEvent(new Event('input'));",
        str(case["id"]),
    )
    assert real_page.run("return document.querySelector('.case-page').id") == f"case-{case['id']}"
    rows = [str(c["id"]) for c in cases["cases"]]
    alike = [row for row in rows if row.startswith(str(case["id"]))]
    assert len(real_page.run(LISTED)) == len(alike)


def test_where_no_case_fits_the_page_says_so(real_page: Any, cases: Any) -> None:
    opened(real_page)
    bands = [case["probability"] for case in cases["cases"]]
    real_page.run(CHOOSE, 0, 2)
    real_page.run(CHOOSE, 1, 2)
    real_page.run(CHOOSE, 3, 2)
    kept = [
        c for c in cases["cases"] if c["right"] and c["decided"] == 1 and c["probability"] < 0.2
    ]
    assert len(real_page.run(LISTED)) == len(kept) < len(bands)
    if not kept:
        page = real_page.run("return document.querySelector('.case-page').innerText")
        assert page.startswith("No case fits these choices.")
        assert "find a row by its number" in page


def test_arrow_keys_go_through_the_list_and_the_page_follows(driver: Any, real_page: Any) -> None:
    keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
    by = pytest.importorskip("selenium.webdriver.common.by").By
    opened(real_page)
    box = driver.find_element(by.CSS_SELECTOR, ".case-items")
    first = real_page.run(SELECTED)
    box.send_keys(keys.ARROW_DOWN)
    second = real_page.run(SELECTED)
    assert second != first
    assert real_page.run("return document.querySelector('#case-title').innerText") in second
    box.send_keys(keys.END)
    assert real_page.run(SELECTED) == real_page.run(LISTED)[-1]
    box.send_keys(keys.HOME)
    assert real_page.run(SELECTED) == first
    active = "return document.activeElement.getAttribute('aria-activedescendant')"
    assert real_page.run(f"{active}") == real_page.run(
        "return document.querySelector('.case-items [aria-selected=true]').id"
    )


def test_an_address_names_a_case(driver: Any, real_page: Any, cases: Any) -> None:
    wanted = cases["cases"][-1]
    opened(real_page)
    real_page.run("location.hash = arguments[0]", f"#case-{wanted['id']}")
    real_page.wait_for(f"return document.querySelector('.case-page').id === 'case-{wanted['id']}'")


def test_the_waterfall_holds_the_stored_numbers(real_page: Any, cases: Any) -> None:
    opened(real_page)
    rows = real_page.run(
        "return [...document.querySelectorAll('.waterfall:not(.way) tbody tr')]"
        ".map((row) => row.innerText)"
    )
    steps = cases["cases"][place_of_shown(real_page, cases)]["waterfall"]
    in_points = cases["method"]["space"] == "probability"
    assert steps["base_text"] in rows[0]
    assert steps["end_text"] in rows[-1]
    for (name, beside, value, _), row in zip(steps["bars"], rows[1:], strict=False):
        assert name in row
        assert beside in row
        assert (f"{abs(100 * value):.1f}" if in_points else f"{abs(value):.2f}") in row


def test_what_if_gives_the_stored_answer_at_a_stored_point(real_page: Any, cases: Any) -> None:
    with_what_if(real_page)
    at = place_of_shown(real_page, cases)
    answers, features = cases["pages"][at]["what_if"], cases["what_if"]["features"]
    place = next(n for n, feature in enumerate(features) if not feature["numeric"])
    point = next(n for n, v in enumerate(features[place]["points"]) if v != answers["own"][place])
    order = [n for n, f in enumerate(features) if f["moves"]]
    order += [n for n, f in enumerate(features) if not f["moves"]]
    own_listed = answers["own"][place] in features[place]["points"]
    choices = len(features[place]["points"]) + (not own_listed)
    answer = ""
    for choice in range(choices):
        answer = real_page.run(SET, order.index(place), choice)
        text = real_page.run(
            "return document.querySelectorAll('.what-if-row select, .what-if-row input')"
            "[arguments[0]].selectedOptions[0].innerText",
            order.index(place),
        )
        if text == features[place]["texts"][point]:
            break
    output = answers["alone"][place][point][0]
    assert f"{100 * output:.1f}" in answer
    assert "asked about exactly this" in answer


def test_what_if_says_where_it_reads_between_two_answers(real_page: Any, cases: Any) -> None:
    with_what_if(real_page)
    at = real_page.run(
        "return [...document.querySelectorAll('.what-if-row input, .what-if-row select')]"
        ".findIndex((control) => control.type === 'range')"
    )
    assert at >= 0
    assert "along a straight line" in real_page.run(SET, at, 1)
    assert "asked about exactly this" in real_page.run(SET, at, 2) or "As it is" in real_page.run(
        SET, at, 2
    )


def test_what_if_answers_nothing_that_the_model_was_not_asked(real_page: Any) -> None:
    with_what_if(real_page)
    n = real_page.run(
        "return document.querySelectorAll('.what-if-row input, .what-if-row select').length"
    )
    answer = ""
    for at in range(n):
        answer = real_page.run(
            "const all = document.querySelectorAll('.what-if-row input, .what-if-row select');"
            "const control = all[arguments[0]], range = control.type === 'range';"
            "const last = range ? Number(control.max) : control.options.length - 1;"
            "control.value = String(Number(control.value) === last ? 0 : last);"
            "control.dispatchEvent(new Event(range ? 'input' : 'change'));"
            "return document.querySelector('.what-if-answer').innerText",
            at,
        )
    assert "The model was not asked about this combination" in answer
    back = "[...document.querySelectorAll('.what-if-tools button')].at(-1).click();"
    answer = real_page.run(f"{back} return document.querySelector('.what-if-answer').innerText")
    assert answer.startswith("As it is:")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (375, "light")])
def test_axe_finds_nothing_with_every_part_of_a_case_open(
    real_page: Any, width: int, scheme: str
) -> None:
    opened(real_page, width, scheme)
    real_page.run(
        "document.querySelectorAll('.case-page details').forEach((fold) => fold.open = true)"
    )
    real_page.wait_for("return document.querySelector('.what-if-answer') !== null")
    assert real_page.violations(".case-browser") == []
    assert real_page.run("return document.documentElement.scrollWidth") <= width


def test_the_way_through_the_network_is_told_and_ends_at_the_log_odds(
    real_page: Any, cases: Any
) -> None:
    opened(real_page)
    at = place_of_shown(real_page, cases)
    real_page.run(
        "document.querySelectorAll('.case-page details').forEach((fold) => fold.open = true)"
    )
    rows = real_page.run(
        "return [...document.querySelectorAll('.way tbody tr')].map((row) => row.innerText)"
    )
    steps, entry = cases["pages"][at]["way"]["steps"], cases["cases"][at]
    assert len(rows) == len(steps) + 1
    share = entry["probability"] if entry["decided"] == 1 else 1 - entry["probability"]
    log_odds = math.log(share / (1 - share))
    assert sum(value for _, _, value in steps) == pytest.approx(log_odds, abs=2e-3)
    assert f"{abs(log_odds):.2f}" in rows[-1]


def test_the_gauge_marks_the_stated_probability_and_the_threshold(
    real_page: Any, cases: Any
) -> None:
    opened(real_page)
    entry = cases["cases"][place_of_shown(real_page, cases)]
    places = real_page.run(
        "return ['.stated', '.threshold'].map((mark) =>"
        " Number(document.querySelector(`.case-gauge ${mark}`).getAttribute('x1')))"
    )
    marks = [1000 * entry["probability"], 1000 * cases["threshold"]]
    assert places == pytest.approx(marks, abs=1)


def test_paper_has_the_list_and_not_the_browser(real_page: Any) -> None:
    opened(real_page)
    real_page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    style = "return getComputedStyle(document.querySelector(arguments[0])).display"
    assert real_page.run(style, ".case-browser") == "none"
    assert real_page.run(style, ".case-list") != "none"
    assert real_page.run(style, ".case-marks") == "none"  # nobody marked anything


def test_without_scripts_a_short_list_of_the_cases_is_readable(real_page: Any, cases: Any) -> None:
    style = "return getComputedStyle(document.querySelector(arguments[0])).display"
    height = "return document.querySelector('.case-browser').getBoundingClientRect().height"
    with real_page.without_scripts():
        rows = real_page.run("return document.querySelectorAll('.case-list tbody tr').length")
        assert rows == len(cases["pages"])
        assert real_page.run(style, ".case-list") != "none"
        assert real_page.run(height) == 0


def test_the_bars_can_be_about_the_other_class_whose_bars_are_turned(real_page: Any) -> None:
    opened(real_page)
    amounts = (
        "return [...document.querySelectorAll('.case-page .waterfall:not(.way) tbody tr')]"
        ".map((row) => row.lastElementChild.textContent)"
    )
    options = (
        "return [...document.querySelectorAll('.case-toward option')].map((o) => o.textContent)"
    )
    turn = (
        "const select = document.querySelector('.case-toward select');"
        "select.selectedIndex = arguments[0]; select.dispatchEvent(new Event('change'))"
    )
    first, *_ = real_page.run(options)
    assert first.endswith("(decided)")
    own = real_page.run(amounts)
    real_page.run(turn, 1)
    turned = real_page.run(amounts)

    def number(text: str) -> float:
        return float(text.replace("\u2212", "-").replace("%", "").replace("\u00a0", ""))

    signed = [(a, b) for a, b in zip(own, turned, strict=True) if a[0] in "+\u2212"]
    assert len(signed) >= 2
    assert all(number(a) == -number(b) for a, b in signed)
    ends = [(a, b) for a, b in zip(own, turned, strict=True) if "%" in a]
    assert all(abs(number(a) + number(b) - 100) < 0.11 for a, b in ends)
    real_page.run(turn, 0)
    assert real_page.run(amounts) == own
