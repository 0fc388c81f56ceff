"""The page of a run beside its server, in a browser: the model and the package itself answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepseek_report.metrics.fairness.group_rates import GroupRates
from deepseek_report.runner.companion import Companion
from deepseek_report.wording.of_results import words_of
from tests.browser.conftest import Page, fresh_page
from tests.browser.test_threshold_slider import CHOOSE, MOVE, OPEN, RATES, TEXTS

pytest.importorskip("uvicorn", reason="needs the extra `serve`")
BASIS = "return [...document.querySelectorAll('.threshold-basis')].map((p) => p.textContent)"
ANSWER = "return document.querySelector('.what-if-answer').textContent"
STATE = "return document.querySelector(arguments[0] + ' .live-state').textContent"


@pytest.fixture
def live_page(local_driver: Any, companion: Companion) -> Iterator[Page]:
    from deepseek_report.runner.live_server import serve

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


def test_the_stored_page_asks_nobody(companion: Companion) -> None:
    page = Path(companion.opened.folder / "report.html").read_text("utf-8")
    assert "connect-src" not in page
    assert "reportLive = " not in page
    assert np.count_nonzero([text in companion.page() for text in ("connect-src 'self'",)]) == 1
