"""The page of a run beside its server, in a browser: the model and the package itself answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepseek_report.extensions.live import EXTENSION
from deepseek_report.extensions.live.companion import Companion
from deepseek_report.extensions.live.incoming_rows import line_of
from deepseek_report.extensions.live.live_page import page_beside_server
from deepseek_report.metrics.fairness.group_rates import GroupRates
from deepseek_report.rendering import page_parts
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording, wording
from tests.browser.conftest import Page, fresh_page
from tests.browser.test_threshold_slider import CHOOSE, MOVE, OPEN, RATES, TEXTS

pytest.importorskip("uvicorn", reason="needs the extra `serve`")
BASIS = "return [...document.querySelectorAll('.threshold-basis')].map((p) => p.textContent)"
ANSWER = "return document.querySelector('.what-if-answer').textContent"
STATE = "return document.querySelector(arguments[0] + ' .live-state').textContent"


@pytest.fixture
def live_page(local_driver: Any, companion: Companion) -> Iterator[Page]:
    from deepseek_report.extensions.live.live_server import serve

    companion.warm()
    server = serve(companion)
    page = fresh_page(local_driver, server.address).open()
    page.run(OPEN)
    page.wait_for("return document.querySelector('.thresholds') !== null")
    page.wait_for("return document.documentElement.classList.contains('with-cases')")
    yield page
    server.server.should_exit = True
    server.thread.join(10)


def test_what_the_reader_asks_is_answered_by_the_model_and_by_the_package(
    live_page: Page, companion: Companion
) -> None:
    results = companion.opened.results
    stored = json.loads((companion.opened.folder / "tables" / "thresholds.json").read_text("utf-8"))
    attribute = results.schema.attributes[0]

    # a subset has intervals, which are those of the metric itself
    step = stored["in_use"] + 1
    live_page.run(CHOOSE, 0, 1)
    live_page.run(MOVE, step)
    live_page.wait_for(f"{BASIS}.some((text) => text.startsWith('Computed for this threshold'))")
    level = live_page.run(
        "return document.querySelector('.thresholds select').selectedOptions[0].textContent"
    )
    inside = results.predictions.groups[attribute.name] == attribute.levels.index(level)
    steps = results.table("threshold_sweep", "steps")
    assert steps is not None
    threshold = float(steps["threshold"][step])
    taken = results.predictions.take(inside)
    from deepseek_report.statistics.resampling import Resampling

    recall = Resampling.of(taken).rate(taken.scores >= threshold, taken.truths)
    shown = live_page.run(TEXTS, RATES)
    assert shown[0] == words_of(results).numbers.share(recall)
    assert isinstance(companion.metrics["group_rates"], GroupRates)

    # what-if of values that are not stored
    live_page.run("document.querySelector('.what-if').open = true")
    live_page.wait_for("return document.querySelector('.what-if-answer') !== null")
    live_page.run(
        "const sliders = [...document.querySelectorAll('.what-if-row input')].slice(0, 3);"
        "sliders.forEach((slider) => { slider.value = String(Number(slider.max) - 1);"
        " slider.dispatchEvent(new Event('input')); });"
    )
    live_page.wait_for(f"{ANSWER}.includes('The model was asked about exactly this')")

    # any row, explained
    training = int(companion.stored.dataset.train.instance_ids[5])
    fill = (
        "const form = document.querySelector(arguments[0]), field = form.querySelector("
        "'input, textarea'); field.value = arguments[1]; form.requestSubmit();"
    )
    live_page.run(fill, ".live-case form", str(training))
    live_page.wait_for("return document.querySelector('.live-case a') !== null", 120)
    page = live_page.run("return document.querySelector('.live-case a').href")
    assert page.endswith(f"/row-{training}.html")

    # a note is kept and stands in the report
    note = "#sec-bias .live-note"
    live_page.run(fill, f"{note} form", "Seen by <b>A. Reader</b>, **twice**.")
    live_page.wait_for(f"{STATE.replace('arguments[0]', repr(note))}.startsWith('Saved')")
    kept = (companion.opened.folder / "notes" / "bias.qmd").read_text("utf-8")
    assert kept == "Seen by <b>A. Reader</b>, **twice**.\n\n"
    live_page.open()
    text = live_page.run("return document.querySelector('#sec-bias .persons-note').innerText")
    assert "A. Reader" in text
    assert live_page.run("return document.querySelector('#sec-bias .persons-note b') === null")

    assert live_page.complaints() == []
    assert {url.split("/")[2] for url in live_page.requests()} == {live_page.url.split("/")[2]}
    assert live_page.violations("#sec-bias .live-note") == []


TYPE = (
    "const cells = [...document.querySelectorAll('.live-cell :is(input, select)')];"
    "arguments[0].forEach((text, at) => { cells[at].value = text;"
    " cells[at].dispatchEvent(new Event('input')); });"
    "if (arguments[1]) cells[0].form.requestSubmit();"
)
TYPED = (
    "return [...document.querySelectorAll('.live-cell :is(input, select)')]"
    ".map((cell) => cell.value)"
)
FAULTS = (
    "return [...document.querySelectorAll('.live-cell')].flatMap((cell) => {"
    " const fault = cell.querySelector('.live-fault').textContent;"
    " return fault ? [[cell.querySelector('label span').textContent, fault,"
    " cell.querySelector('[aria-invalid=true]') !== null]] : []; })"
)


def cells_of(page: Page) -> None:
    """Open the form of a new case."""
    page.run("document.querySelector('.live-case .live-note').open = true")
    page.wait_for("return document.querySelectorAll('.live-cell').length")


def test_a_new_case_is_typed_corrected_kept_and_explained_as_new(
    live_page: Page, companion: Companion
) -> None:
    schema = companion.opened.results.schema
    row = companion.stored.dataset.train.inputs[7]
    cells = line_of(row, schema).split(",")
    age = schema.names.index("AGE")
    cells_of(live_page)
    hints = live_page.run("return document.querySelector('.live-case').innerText")
    assert "training rows: 21" in hints
    wrong = [*cells]
    wrong[0], wrong[age] = "<b>much</b>", "forty"
    live_page.run(TYPE, wrong, True)
    live_page.wait_for("return document.querySelector('.live-fault:not(:empty)')")
    faults = live_page.run(FAULTS)
    assert [label for label, _, _ in faults] == ["Credit limit (NT$)", "Age (years)"]
    assert all(
        "Allowed: " in text and "What to do" in text and marked for _, text, marked in faults
    )
    assert live_page.run("return document.querySelector('.live-fault b')") is None
    assert live_page.run("return document.activeElement.value") == "<b>much</b>"
    assert live_page.violations(".live-case") == []
    (refused,) = live_page.complaints()
    assert "ask/new-case" in refused

    cells_of(live_page.open())
    assert live_page.run(TYPED) == wrong
    cells[age] = "-4"
    live_page.run(TYPE, cells, True)
    live_page.wait_for(
        "return document.querySelector('.live-case .live-note .live-state a') !== null", 120
    )
    assert live_page.run(FAULTS) == []
    state = live_page.run(
        "return document.querySelector('.live-case .live-note .live-state').textContent"
    )
    assert state.startswith("new client ")
    assert "Decided “" in state
    assert "age is −4" in state
    made = live_page.run(
        "return document.querySelector('.live-case .live-note .live-state a').href"
    )
    page = Page(live_page.driver, made).open()
    page.wait_for("return document.querySelector('.case-page h3') !== null")
    assert page.run("return document.querySelector('.case-page h3').textContent").startswith(
        "New client "
    )
    assert "age is −4" in page.run("return document.body.innerText")
    cells_of(live_page.open())
    live_page.run("document.querySelector('.live-case .live-note [type=button]').click()")
    assert set(live_page.run(TYPED)) == {""}
    cells_of(live_page.open())
    assert set(live_page.run(TYPED)) == {""}
    assert live_page.complaints() == []


def test_a_note_that_is_not_saved_yet_comes_back(live_page: Page) -> None:
    write = (
        "const text = document.querySelector('#sec-bias .live-note textarea');"
        "text.value = arguments[0]; text.dispatchEvent(new Event('input'));"
    )
    live_page.run(write, "Half a thou")
    live_page.open()
    written = "return document.querySelector('#sec-bias .live-note[open] textarea').value"
    assert live_page.run(written) == "Half a thou"


def test_the_stored_page_asks_nobody(companion: Companion) -> None:
    page = Path(companion.opened.folder / "report.html").read_text("utf-8")
    assert "connect-src" not in page
    assert "reportLive = " not in page
    assert np.count_nonzero([text in companion.page() for text in ("connect-src 'self'",)]) == 1


def test_every_word_that_its_script_asks_for_is_given_and_no_other() -> None:
    script = (EXTENSION.folder / "live.js").read_text("utf-8")
    assert set(re.findall(r'\bsay\("(\w+)"', script)) == set(wording().table("live"))


def test_texts_of_the_catalog_cannot_leave_their_place_beside_the_script() -> None:
    page = page_parts.part("page.html").replace("@@policy@@", "default-src 'none'; script-src x")
    served = page_beside_server(page, Wording({"live": {"save": "</script><b>"}}))
    assert "</script><b>" not in served
    assert served.count("</script>") == page.count("</script>") + 2
