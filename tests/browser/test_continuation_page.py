"""Prompts and their answers on a page: a token of the answer marks what it came from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deepseek_report.rendering.embedded import render_html
from tests.browser.conftest import Page, fresh_page

#: Two answer tokens; the second comes from the first as well, and the prompt speaks against it.
PROMPT = {
    "tokens": [["the", 0, 0], ["cat", 1, 1], ["s", 0, 1], ["sat", 1, 2], ["down", 1, 3]],
    "start": 3,
    "answers": [["sat", 0.9, "ran", 2.5], ["down", 0.5, "up", 0.25]],
    "truth": [[1], []],
    "players": ["the", "cats", "sat"],
    "values": {
        "contrast": {"shap": [[0.1, 2.0], [-1.0, 0.25, 1.5]]},
        "logit": {"occlusion": [[3.0, 1.0], [0.0, 0.0, 0.0]]},
    },
}
DATA = {
    "group": ",",
    "questions": {"contrast": [["shap", "SHAP"]], "logit": [["occlusion", "Occlusion"]]},
    "prompts": [PROMPT, {**PROMPT, "truth": [[], []]}],
}
MARKED = (
    "return [...document.querySelectorAll('.continuation-text > *')]"
    ".map((token) => `${token.textContent}:${token.className}`)"
)
SAYS = "return document.querySelector('.continuation [role=status]').textContent"
ASK = (
    "const select = document.querySelectorAll('.continuation select')[arguments[0]];"
    "select.selectedIndex = arguments[1]; select.dispatchEvent(new Event('change'));"
)
PRESS = (
    "const token = document.querySelector('.continuation button[aria-pressed=true]');"
    "token.focus();"
    "token.dispatchEvent(new KeyboardEvent('keydown', {key: arguments[0], bubbles: true}));"
    "return document.activeElement.textContent"
)


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("continuation")
    (folder / "tables").mkdir()
    (folder / "tables" / "continuation.json").write_text(json.dumps(DATA), "utf-8")
    text = "---\ntitle: Answers\nlang: en\n---\n\n## Language model\n\n::: {.continuation}\n:::\n"
    (folder / "report.qmd").write_text(text, "utf-8")
    return render_html(folder / "report.qmd").resolve()


def opened(driver: Any, document: Path, width: int = 1280, scheme: str = "light") -> Page:
    page = fresh_page(driver, document).open(width, scheme)
    page.wait_for("return document.querySelector('.continuation-text') !== null")
    return page


def test_a_token_of_the_answer_marks_what_it_came_from_with_sign_and_strength(
    driver, document
) -> None:
    page = opened(driver, document)
    assert page.run(MARKED) == [
        "the:",
        "cat:level-4 raises is-known",
        "s:level-4 raises is-known",
        "sat:",
        "down:",
    ]
    assert page.run(SAYS) == (
        "“sat”, probability 90.0 %; its rival is “ran”. "
        "Comes most from “cats” (+2.00), “the” (+0.10)."
    )
    page.run("document.querySelectorAll('.continuation-text button')[1].click()")
    marked = page.run(MARKED)
    assert marked[0] == "the:level-3 lowers"
    assert marked[3] == "sat:level-4 raises"
    assert marked[4] == "down:"
    assert page.run(
        "return [...document.querySelectorAll('.continuation-text button')]"
        ".map((token) => token.getAttribute('aria-pressed'))"
    ) == ["false", "true"]


def test_the_keyboard_goes_from_token_to_token_and_stops_at_the_ends(driver, document) -> None:
    page = opened(driver, document)
    assert page.run(PRESS, "ArrowRight") == "down"
    assert page.run(PRESS, "ArrowRight") == "down"
    assert "“down”" in page.run(SAYS)
    assert page.run(PRESS, "Home") == "sat"
    assert "“sat”" in page.run(SAYS)


def test_questions_have_the_methods_that_may_be_quoted_on_them(driver, document) -> None:
    page = opened(driver, document)
    methods = (
        "return [...document.querySelectorAll('.continuation select')[2].options]"
        ".map((option) => option.text)"
    )
    assert page.run(methods) == ["SHAP"]
    page.run(ASK, 1, 1)
    assert page.run(methods) == ["Occlusion"]
    assert page.run(MARKED)[0] == "the:level-4 raises"
    page.run(PRESS, "End")
    assert page.run(SAYS).endswith("Nothing before it counts.")
    page.run(ASK, 0, 1)
    assert "is-known" not in "".join(page.run(MARKED))


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_page_is_accessible_stays_in_its_width_and_asks_for_nothing(
    driver, document, width, scheme
) -> None:
    page = opened(driver, document, width, scheme)
    assert page.violations() == []
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")
    assert page.requests() == []
    assert page.complaints() == []


def test_paper_has_no_buttons(driver, document) -> None:
    page = fresh_page(driver, document).open(media="print")
    assert page.run("return getComputedStyle(document.querySelector('.continuation')).display") == (
        "none"
    )
