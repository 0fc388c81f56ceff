"""What a person marks as wrong in the cases, in Chromium with the network off: collected, undone,
saved, and read again by what a new run reads it with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deepseek_report.artifacts.seeds import row_digests
from deepseek_report.extensions.corrections.declared_corrections import Marks, read_marks
from tests.browser.conftest import Page, saved_file
from tests.browser.test_case_browser import opened
from tests.real_runs import small_results

HOSTILE = [
    *('a "quoted" name', "it's: {a} [b]", "# no comment", "- no list", "two\nlines\r\n\tand a tab"),
    *(
        "不良贷款",
        "🙂 \u00e9 e\u0301",
        "</script><b>",
        "\\ \u2028 \x85 \x7f \ufeff",
        "yes",
        "1e3",
        "~",
    ),
    *("&anchor *alias !tag %d @at `tick`", "{file} {{ x }} $& $1", " padded ", "null", "true"),
]
#: A browser of marks beside the real one, over these data; its marks are those of `FILL`.
BESIDE = (
    "const data = arguments[0], at = document.querySelector('.case-browser');"
    "document.querySelectorAll('.case-marks, .trial').forEach((old) => old.remove());"
    "localStorage.clear();"
    "const marks = reportMarks(data, at), place = document.createElement('div');"
    "place.className = 'trial'; at.before(place);"
    "data.cases.forEach((one) => place.append(...[marks.part(one, data.pages[one.at], () => null),"
    "marks.text(one, data.pages[one.at])].filter(Boolean)));"
    "(data.rules ?? []).forEach(([number, text]) => place.append(marks.rule(number, text)));"
    "data.marks.features.forEach((_, player) => place.append(marks.flag(data.cases[0], player)));"
)
FILL = (
    "const set = (field, value) => {"
    " field.value = value; field.dispatchEvent(new Event('input')); };"
    "document.querySelectorAll('.mark-row input').forEach((why, at) => set(why, arguments[1][at]));"
    "set(document.querySelector('.mark-by input'), arguments[0]);"
)
CLICK = "document.querySelectorAll(arguments[0])[arguments[1]].click()"
COUNT = "const bar = document.querySelector('.marks-bar'); return bar.hidden ? '' : bar.innerText"
PRESSED = (
    "return [...document.querySelectorAll('.mark-flag[aria-pressed=true]')]"
    ".map((flag) => flag.getAttribute('aria-label'))"
)
#: What stands in the fields of the list of marks, and the file; the day of saving is not compared.
WRITTEN = (
    "return [...document.querySelectorAll('.case-marks input')].map((field) => field.value)"
    ".concat(document.querySelector('.case-marks pre').textContent)"
)
KEPT = "return Object.keys(localStorage).filter((key) => key.startsWith('deepseek-report '))"


@pytest.fixture
def page(real_page: Page, tmp_path: Path) -> Iterator[Page]:
    yield opened(real_page.saving_to(tmp_path))
    assert real_page.requests() == []
    assert real_page.complaints() == []


def saved(page: Page, folder: Path, by: str, why: list[str]) -> Marks:
    """What was marked, as a new run reads the file that the page saves."""
    page.run(FILL, by, why)
    page.run(CLICK, ".mark-save", 0)
    file = saved_file(folder)
    marks = read_marks(file)
    assert file.name in page.run("return document.querySelector('.case-marks').innerText")
    file.unlink()
    return marks


def synthetic(kind: str, **shared: Any) -> dict[str, Any]:
    """The data of two cases of some kind, as the browser of cases gets them."""
    common = {"run": "0123456789ab", "features": [], "labels": [], "areas": [], "channels": []}
    means = {"must_not": "m", "label": "l", "rule": "r"}
    return {
        "classes": HOSTILE[:3],
        "cases": [
            {"at": at, "name": f"case {at}", "truth": "t", "mark": {"row": f"{at:016x}", "was": 0}}
            for at in range(2)
        ],
        "pages": [{"marks": {}, "players": []} for _ in range(2)],
        "marks": {**common, "classes": HOSTILE[:3], "choose": kind, "means": means, "use": []}
        | shared,
    }


def test_marks_are_collected_undone_and_saved_by_keyboard(
    page: Page, small_run: Any, tmp_path: Path
) -> None:
    from selenium.webdriver.common.keys import Keys

    results = small_results(small_run)
    flags = page.driver.find_elements("css selector", ".waterfall .mark-flag")
    for flag in flags[:3]:
        flag.send_keys(Keys.ENTER)
    assert "3 marks" in page.run(COUNT)
    marked = [flag.get_attribute("aria-label").partition(": ")[2] for flag in flags[:3]]
    page.driver.find_elements("css selector", ".mark-row button")[1].send_keys(Keys.SPACE)
    assert "2 marks" in page.run(COUNT)
    assert page.run("return document.activeElement.textContent") == "Undo"
    assert [flag.get_attribute("aria-pressed") for flag in flags[:3]] == ["true", "false", "true"]
    page.driver.find_elements("css selector", ".mark-field select")[1].send_keys(Keys.ARROW_DOWN)
    page.run(CLICK, ".mark-save", 0)
    assert page.run("return document.querySelector('.is-lacking').textContent")
    assert page.violations(".case-marks") == []
    row = int(page.run("return document.querySelector('.case-page').id").removeprefix("case-"))

    marks = saved(page, tmp_path, "credit risk", ["stands in for origin", "too old", "misread"])
    labels = {feature.name: feature.label for feature in results.schema.features}
    assert [labels[mark.feature] for mark in marks.marks[:2]] == [marked[0], marked[2]]
    (position,) = (results.predictions.instance_ids == row).nonzero()[0]
    assert marks.marks[2].row == row_digests(results.test.inputs[[position]])[0]
    truth = results.schema.target.classes[results.predictions.labels[position]]
    assert marks.marks[2].was == truth != marks.marks[2].label
    assert [mark.why for mark in marks.marks] == ["stands in for origin", "too old", "misread"]
    assert (marks.by, marks.run) == ("credit risk", results.run_id)
    assert marks.on


def test_names_of_any_letters_come_back_as_they_are(page: Page, tmp_path: Path) -> None:
    data = synthetic("", features=HOSTILE, labels=HOSTILE)
    page.run(BESIDE, data | {"rules": [[17, HOSTILE[0]]]})
    for at in range(len(HOSTILE) + 1):
        page.run(CLICK, ".trial > .mark-flag", at)
    why = [f"{at}: {name.splitlines()[0].strip()}" for at, name in enumerate([*HOSTILE, "last"])]
    marks = saved(page, tmp_path, HOSTILE[5], why)
    rules = [mark for mark in marks.marks if mark.kind == "rule"]
    assert [(mark.rule, mark.text, mark.remove) for mark in rules] == [(17, HOSTILE[0], True)]
    assert [mark.feature for mark in marks.marks if mark.kind == "feature"] == HOSTILE
    assert [mark.why for mark in marks.marks] == why
    assert marks.by == HOSTILE[5]


def test_words_spans_and_labels_are_chosen_by_keyboard(page: Page, tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    pieces = [["Dr", 0], [" ", None], ["“#1”: good", 2], [" unread ", None], ["bad", 5]]
    data = synthetic("Mark words")
    data["pages"][1]["marks"] = {"words": pieces}
    page.run(BESIDE, data)
    page.run(CLICK, ".trial .mark-turn", 0)
    box = page.driver.find_element("css selector", ".mark-words")
    box.send_keys(Keys.SPACE, Keys.END, Keys.ENTER, Keys.LEFT, Keys.SPACE, Keys.HOME, Keys.SPACE)
    page.run(
        "const select = document.querySelector('.trial select'); select.value = '2';"
        "select.dispatchEvent(new Event('change'))"
    )
    region, label = saved(page, tmp_path, "Dr B", ["a name", "misread"]).marks
    assert (region.row, region.region) == (f"{1:016x}", (3, 6))
    assert region.text == "“" + pieces[2][0] + "”, “bad”"
    assert (label.row, label.label, label.was) == (f"{0:016x}", HOSTILE[2], HOSTILE[0])

    areas = [[channel, at, at + 4] for channel in (0, 1) for at in range(0, 20, 5)]
    data = synthetic("Mark spans", areas=areas, labels=[f"span {at}" for at in range(8)])
    data["marks"] |= {"channels": ["speed", "heat"], "classes": []}
    for case in data["cases"]:
        case["mark"]["was"] = 1.5
    data["pages"][0]["marks"] = {
        "courses": [[0, [0, None, 9]], [1, [1, 2, 3]]],
        "numbers": {"5": 1},
    }
    page.run(BESIDE, data)
    page.run(CLICK, ".trial .mark-turn", 0)
    assert page.run("return document.getElementById('mark-0-5').textContent") == "1"
    box = page.driver.find_element("css selector", ".mark-windows")
    box.send_keys(Keys.RIGHT, Keys.DOWN, Keys.SPACE, Keys.UP, Keys.UP, Keys.SPACE)
    assert page.violations(".trial") == []
    page.run(
        "const field = document.querySelector('.trial input'); field.value = '0.1';"
        "field.dispatchEvent(new Event('change'))"
    )
    region, label = saved(page, tmp_path, "Dr B", ["noise", "0.1 is right"]).marks
    assert (region.region, region.text) == ((2, 6), "span 1, span 5")
    assert (label.label, label.was) == (0.1, 1.5)


def marked(page: Page, *flags: int) -> list[str]:
    """Press some of the buttons; the names of all that are pressed then."""
    for at in flags:
        page.run(CLICK, ".waterfall .mark-flag", at)
    return sorted(page.run(PRESSED))


def test_marks_come_back_when_the_page_is_loaded_again_and_are_saved_as_they_were(
    page: Page, tmp_path: Path
) -> None:
    pressed = marked(page, 0, 2)
    page.run(
        "const select = document.querySelectorAll('.mark-field select')[1];"
        "select.selectedIndex = 1; select.dispatchEvent(new Event('change'))"
    )
    page.run(FILL, "Dr “B” <b>", ["stands in for origin", HOSTILE[1], "misread"])
    before, shown = page.run(WRITTEN), page.run("return location.hash")
    opened(page)
    assert "3 marks" in page.run(COUNT)
    assert page.run(WRITTEN) == before
    assert page.run("return location.hash") == shown
    assert sorted(page.run(PRESSED)) == pressed
    assert "This browser keeps your marks" in page.run(
        "return document.querySelector('.case-marks').innerText"
    )
    page.run(CLICK, ".mark-save", 0)
    marks = read_marks(saved_file(tmp_path))
    assert [mark.why for mark in marks.marks] == ["stands in for origin", HOSTILE[1], "misread"]
    assert marks.by == "Dr “B” <b>"
    assert page.violations(".case-marks") == []


def test_marks_of_one_run_are_not_seen_on_the_page_of_another(
    page: Page, small_run: Any, tmp_path: Path
) -> None:
    marked(page, 0)
    (digest,) = {
        part.split("sha256:")[1][:64] for part in page.run(KEPT)
    }  # the digest of the run, and not its number alone
    text = (small_run.folder / "report.html").read_text("utf-8")
    other = tmp_path / "other.html"
    other.write_text(text.replace(digest, f"{int(digest, 16) ^ 1:064x}"), "utf-8")
    another = opened(Page(page.driver, other))
    assert another.run(COUNT) == ""
    assert another.run(PRESSED) == []
    opened(page)
    assert "1 mark" in page.run(COUNT)


def test_all_marks_are_removed_at_once_for_good(page: Page) -> None:
    marked(page, 0, 1)
    page.run(FILL, "A", ["why", "why not"])
    page.driver.find_element("css selector", ".mark-clear").click()
    page.confirm()
    assert (page.run(COUNT), page.run(PRESSED)) == ("", [])
    assert page.run(KEPT) == []
    opened(page)
    assert page.run(COUNT) == ""


def test_two_pages_of_a_run_lose_none_of_their_marks(page: Page) -> None:
    first = page.driver.current_window_handle
    marked(page, 0)
    page.driver.switch_to.new_window("tab")
    second = opened(Page(page.driver, page.url))
    both = marked(second, 1)
    second.driver.close()
    page.driver.switch_to.window(first)
    page.wait_for(f"return (() => {{ {COUNT} }})().includes('2 marks')")
    assert sorted(page.run(PRESSED)) == both


@pytest.mark.parametrize(
    "kept",
    ["{", "7", "null", '{"made": 1}', '{"made": [["feature 0", {"what": 1}]]}',
     '{"made": [["x", {"what": "a", "means": "b", "why": "", "fields": {"by: x\\nmarks": "c"}}]]}'],
)  # fmt: skip
def test_what_another_page_left_in_the_browser_is_no_mark(page: Page, kept: str) -> None:
    marked(page, 0)
    (key,) = page.run(KEPT)
    page.run("localStorage.setItem(arguments[0], arguments[1])", key, kept)
    opened(page)
    assert page.run(COUNT) == ""
    assert len(marked(page, 0)) >= 1
    assert "1 mark" in page.run(COUNT)


def test_a_browser_that_keeps_nothing_says_so_and_the_marks_are_saved_all_the_same(
    page: Page, tmp_path: Path
) -> None:
    with page.without_storage():
        page.wait_for("return document.documentElement.classList.contains('with-cases')")
        marked(page, 0)
        text = page.run("return document.querySelector('.case-marks').innerText")
        assert "This browser keeps nothing: save your marks" in text
        assert len(saved(page, tmp_path, "A", ["stands in for origin"]).marks) == 1
    opened(page)
    assert page.run(COUNT) == ""
