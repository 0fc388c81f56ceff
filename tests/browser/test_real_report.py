"""The report of a real run, not only the sample: what the sections write is accessible too."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

WIDTHS = [1280, 360]
#: What an auditor reads, and the most words that may stand in it: in view, and with all parts open.
#: At 260 words a minute what is in view takes half an hour.
AUDIT = (
    *("sec-data", "sec-model", "sec-performance", "sec-behaviour", "sec-explanations", "sec-trust"),
    *("sec-bias", "sec-bottlenecks", "sec-robustness", "sec-compliance", "sec-reproducibility"),
)
MOST_IN_VIEW, MOST_WORDS = 8_160, 18_700
_OPEN = """
document.querySelectorAll('main [hidden]:not(button)')
  .forEach((part) => part.removeAttribute('hidden'));
"""
_TOO_WIDE = """
return [...document.querySelectorAll('.table > .table-scroll')]
  .filter((box) => box.clientWidth > 0)
  .filter((box) => [box, box.querySelector('table')]
    .some((part) => part.scrollWidth > box.clientWidth + 1))
  .map((box) => box.closest('.table').id);
"""
_OUTSIDE = """
const outside = (frame, text) => text.width > 0 && (text.left < frame.left - 4
  || text.right > frame.right + 4 || text.top < frame.top - 4 || text.bottom > frame.bottom + 4);
return [...document.querySelectorAll('figure svg')].flatMap((picture) => {
  const frame = picture.getBoundingClientRect();
  return frame.width ? [...picture.querySelectorAll('text')]
    .filter((text) => outside(frame, text.getBoundingClientRect()))
    .map((text) => `${picture.closest('[id]').id}: ${text.textContent}`) : [];
});
"""
_OVERLAPPING = r"""
const slanted = (text) => Math.abs(parseFloat(/rotate\((-?[\d.]+)/.exec(
  text.getAttribute('transform') || '')?.[1] || 0)) > 0;
return [...document.querySelectorAll('figure svg')].flatMap((picture) => {
  const texts = [...picture.querySelectorAll('text')]
    .filter((text) => text.textContent.trim() && !slanted(text))
    .map((text) => [text.textContent, text.getBoundingClientRect()]);
  const across = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const upright = (a, b) => Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return texts.flatMap(([name, a], at) => texts.slice(at + 1)
    .filter(([, b]) => across(a, b) > 1.5 && upright(a, b) > 0.45 * Math.min(a.height, b.height))
    .map(([other]) => `${picture.closest('[id]').id}: ${name} | ${other}`));
});
"""
_WORDS = r"""
const words = (text) => text.split(/\s+/).filter(Boolean).length;
const parts = arguments[0].map((id) => document.getElementById(id)).filter(Boolean);
const sum = (read) => parts.reduce((total, part) => total + words(read(part)), 0);
return [sum((part) => part.innerText), sum((part) => part.textContent)];
"""
_SENTENCES = r"""
return arguments[0].map((id) => document.getElementById(id)).filter(Boolean)
  .flatMap((part) => [...part.querySelectorAll('p, li')])
  .filter((block) => block.offsetParent !== null && !block.querySelector('p, li'))
  .flatMap((block) => block.innerText.split(/(?<=[.!?])\s+/))
  .filter((sentence) => /[.!?]$/.test(sentence) && sentence.split(/\s+/).length >= 8);
"""


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
    assert sections == 13


def test_a_real_report_is_small(small_run: Any) -> None:
    assert (small_run.folder / "report.html").stat().st_size < 3_000_000


@pytest.mark.parametrize("width", [1280, 375])
def test_no_table_of_a_real_report_is_wider_than_the_page(real_page: Any, width: int) -> None:
    real_page.open(width)
    real_page.run(_OPEN)
    assert real_page.run(_TOO_WIDE) == []


@pytest.mark.parametrize("faults", [_OUTSIDE, _OVERLAPPING], ids=["outside", "overlapping"])
@pytest.mark.parametrize("width", [1280, 375])
def test_every_label_of_a_picture_is_inside_of_it_and_apart(
    real_page: Any, width: int, faults: str
) -> None:
    real_page.open(width)
    real_page.run(_OPEN)
    real_page.run("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    assert real_page.run(faults) == []


def test_a_row_is_a_card_on_a_phone_and_every_verdict_is_in_view(real_page: Any) -> None:
    real_page.open(375)
    right_ends = real_page.run(
        "return [...document.querySelectorAll('.verdict, .tag')]"
        ".filter((word) => word.offsetParent !== null)"
        ".map((word) => word.getBoundingClientRect().right)"
    )
    assert right_ends
    assert max(right_ends) <= 375
    label = "return getComputedStyle(document.querySelector('.stacks td[data-label]'), '::before')"
    assert real_page.run(f"{label}.content") != "none"


def test_paper_shows_what_stands_behind_a_finding_and_no_title_of_a_fold(real_page: Any) -> None:
    real_page.open(media="print")
    heights = real_page.run(
        "return ['callout-title', 'callout-body'].map((part) =>"
        " [...document.querySelectorAll(`.finding .details > .${part}`)]"
        ".map((shown) => shown.offsetHeight))"
    )
    titles, bodies = heights
    assert set(titles) == {0}
    assert min(bodies) > 0


def test_the_audit_reads_in_half_an_hour(real_page: Any) -> None:
    real_page.open()
    in_view, whole = real_page.run(_WORDS, AUDIT)
    assert 1_000 < in_view <= MOST_IN_VIEW
    assert in_view < whole <= MOST_WORDS


def test_no_sentence_of_the_audit_is_in_view_twice(real_page: Any) -> None:
    real_page.open()
    sentences = Counter(real_page.run(_SENTENCES, AUDIT))
    assert len(sentences) > 50
    assert [sentence for sentence, times in sentences.items() if times > 1] == []


_SHOWN = """
return arguments[0].filter((selector) => [...document.querySelectorAll(selector)]
  .some((part) => part.offsetParent !== null && part.getBoundingClientRect().height > 0
    && !part.closest('[hidden]')));
"""
_IN_SHORT = [
    "#sec-summary .overall",
    "#sec-summary .promises",
    "#sec-cases .case-browser",
    "#sec-performance .answer",
    "#sec-bias .answer",
    "#fig-group-rates",
]
_FOLDED = ["#fig-roc-curve", "#sec-data .answer", "#sec-reproducibility .answer", "#fig-beeswarm"]


def _press(page: Any, selector: str, key: str) -> None:
    """Press a key on an element that the keyboard has reached."""
    from selenium.webdriver.common.by import By

    page.driver.find_element(By.CSS_SELECTOR, selector).send_keys(key)


@pytest.fixture
def short_page(real_page: Any) -> Any:
    """The report at `#short`, as a link to its short view opens it."""
    real_page.driver.get("about:blank")
    real_page.url = f"{real_page.url.partition('#')[0]}#short"
    yield real_page
    real_page.url = real_page.url.partition("#")[0]
    real_page.driver.get("about:blank")


def test_the_short_view_folds_all_but_what_a_person_in_a_hurry_needs(short_page: Any) -> None:
    short_page.open()
    assert short_page.run(_SHOWN, _IN_SHORT) == _IN_SHORT
    assert short_page.run(_SHOWN, _FOLDED) == []
    critical = "return [...document.querySelectorAll('.finding:not(.severity-info)')]"
    kept = ".every((card) => !card.closest('.beyond') || card.closest('#sec-summary'))"
    assert short_page.run(critical + kept)
    assert short_page.requests() == []


def test_the_keyboard_shortens_the_page_and_makes_it_whole_again(real_page: Any) -> None:
    real_page.open()
    tall = real_page.run("return document.documentElement.scrollHeight")
    _press(real_page, ".short-view", " ")
    assert real_page.run("return location.hash") == "#short"
    assert real_page.run("return document.documentElement.scrollHeight") < tall / 2
    _press(real_page, ".short-view", " ")
    assert real_page.run("return location.hash") == ""
    assert real_page.run("return document.documentElement.scrollHeight") == tall
    assert real_page.run("return document.querySelectorAll('.beyond').length") == 0
    assert real_page.run(_SHOWN, [".unfold", ".short-note"]) == []


def test_one_click_shows_a_section_of_the_short_view_whole(short_page: Any) -> None:
    short_page.open()
    _press(short_page, "#sec-data > .unfold", "\n")
    assert short_page.run(_SHOWN, _FOLDED) == ["#sec-data .answer"]
    short_page.run("location.hash = '#sec-reproducibility'")
    assert (
        short_page.run("return new Promise((done) => setTimeout(() => done(location.hash), 200))")
        == "#short:sec-reproducibility"
    )
    assert "#sec-reproducibility .answer" in short_page.run(_SHOWN, _FOLDED)


def test_an_address_opens_the_short_view_at_a_folded_picture(short_page: Any) -> None:
    short_page.url += ":fig-roc-curve"
    short_page.open()
    assert short_page.run(_SHOWN, _FOLDED) == ["#fig-roc-curve"]


def test_paper_holds_what_the_short_view_shows_and_says_so(short_page: Any) -> None:
    short_page.open(media="print")
    assert short_page.run(_SHOWN, [".short-note", "#sec-performance .answer"]) == [
        ".short-note",
        "#sec-performance .answer",
    ]
    assert short_page.run(_SHOWN, [*_FOLDED, ".short-view", ".unfold"]) == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light")])
def test_axe_finds_no_violation_in_the_short_view(short_page: Any, width: int, scheme: str) -> None:
    assert short_page.open(width, scheme).violations() == []
    assert short_page.run("return document.documentElement.scrollWidth") <= width


def test_without_scripts_the_whole_report_is_there(short_page: Any) -> None:
    driver = short_page.driver
    with short_page.without_scripts():
        parts = driver.find_elements("css selector", ", ".join(_FOLDED))
        assert [part.size["height"] > 0 for part in parts] == [True] * len(_FOLDED)
        assert not driver.find_element("css selector", ".short-view").is_displayed()
