"""`decide.html` in Chromium with the network off: filled in, saved, and taken by `render`."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from deepseek_report.compliance.evaluate import evaluate_results
from deepseek_report.compliance.people import prepare_people
from deepseek_report.compliance.statements import DECIDE
from deepseek_report.runner.run_folders.open_run import open_run
from tests.shared_runs import SmallRun

from .conftest import Page, saved_file

#: The file that would be saved.
FILE = "return document.getElementById('text').textContent"


@pytest.fixture
def received(short_run: SmallRun, tmp_path: Path) -> Path:
    """A copy of the run that the page lies beside."""
    return short_run.copied(tmp_path / "received" / "run")


@pytest.fixture
def page(driver: Any, short_run: SmallRun, tmp_path: Path) -> Page:
    return Page(driver, short_run.folder / DECIDE).saving_to(tmp_path).open()


def set_value(page: Page, selector: str, value: str) -> None:
    """Fill a field as a person does: the page hears of it."""
    page.run(
        "const field = document.querySelector(arguments[0]); field.value = arguments[1];"
        "field.dispatchEvent(new Event('input', {bubbles: true}));"
        "field.dispatchEvent(new Event('change', {bubbles: true}));",
        selector,
        value,
    )


def state(page: Page) -> str:
    return str(page.run("return document.getElementById('state').textContent"))


def fill(page: Page, verdict: str, reason: str) -> None:
    for field, value in (("name", "Grace “G” Hopper: #1"), ("date", "2026-11-25")):
        set_value(page, f"#by-{field}", value)
    set_value(page, "#by-role", "independent_validator")
    set_value(page, "[data-kind=model] .verdict", verdict)
    set_value(page, "[data-kind=model] .reason", reason)


def saved(page: Page, folder: Path) -> Path:
    page.run("document.getElementById('save').click()")
    return saved_file(folder)


def attached(page: Page, document: Path) -> None:
    page.driver.find_element("css selector", "[data-kind=model] .documents").send_keys(
        str(document)
    )
    page.wait_for("return document.querySelectorAll('[data-kind=model] .attached li').length")


def test_what_the_page_saves_is_taken_as_it_was_filled_in(
    page: Page, short_run: SmallRun, received: Path, tmp_path: Path
) -> None:
    document = tmp_path / "minutes.pdf"
    document.write_bytes(b"%PDF minutes")
    reason = 'Rejected: "in-sample" only.\n- not: a list\n# nor a comment \u2028 \\ {{ x }}'
    fill(page, "rejected", reason)
    attached(page, document)
    file = saved(page, tmp_path)
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    entry = content["decisions"][0]
    assert (entry["verdict"], entry["reason"]) == ("rejected", reason)
    assert entry["attachments"] == [
        {"path": "minutes.pdf", "sha256": hashlib.sha256(b"%PDF minutes").hexdigest()}
    ]
    started = json.loads((received / "provenance.json").read_text())["started"]
    content["by"]["date"] = str(started or "2026-11-29")[:10]
    file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    prepare_people(open_run(received).results, [file])
    decisions = evaluate_results(open_run(received).results).decisions
    assert [(each.standing, each.decision.verdict) for each in decisions] == [
        ("stands", "rejected")
    ]
    assert (received / "people/attachments/minutes.pdf").is_file()


def test_the_page_says_what_is_lacking_and_saves_nothing_before(page: Page, tmp_path: Path) -> None:
    assert "Nothing is filled in yet" in state(page)
    set_value(page, "[data-kind=model] .verdict", "accepted_with_conditions")
    page.run("document.getElementById('save').click()")
    assert "Fill in name, role and date" in state(page)
    fill(page, "accepted_with_conditions", "I read it.")
    page.run("document.getElementById('save').click()")
    assert "lacks its conditions: model" in state(page)
    time.sleep(0.3)
    assert not list(tmp_path.glob("*.yaml"))


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_asks_nobody_and_everybody_can_use_it(page: Page, width: int, scheme: str) -> None:
    page.requests()
    page.complaints()
    page.open(width, scheme)
    page.run("for (const one of document.querySelectorAll('details')) one.open = true")
    fill(page, "accepted_with_conditions", "I read it.")
    assert page.violations() == []
    assert page.requests() == []
    assert page.complaints() == []
    assert page.run("return document.documentElement.scrollWidth") <= width


def test_each_question_names_its_evidence_and_carries_its_digest(page: Page) -> None:
    questions = page.run(
        "return [...document.querySelectorAll('.question')].map(q => [q.dataset.kind,"
        " q.dataset.key, q.dataset.evidence, q.querySelector('.ask').textContent])"
    )
    assert len(questions) > 3
    assert {kind for kind, *_ in questions} >= {"model", "row"}
    assert all(len(evidence) == 64 for _, _, evidence, _ in questions)
    assert all("?" in text or ":" in text for *_, text in questions)


def changed(short_run: SmallRun, path: Path, before: str, after: str) -> Path:
    """The page of a run in which one text is another."""
    text = (short_run.folder / DECIDE).read_text("utf-8")
    assert before in text
    path.write_text(text.replace(before, after), "utf-8")
    return path


def test_what_was_filled_in_comes_back_when_the_page_is_loaded_again(
    page: Page, tmp_path: Path
) -> None:
    document = tmp_path / "minutes.pdf"
    document.write_bytes(b"%PDF minutes")
    fill(page, "accepted_with_conditions", 'I read it: "all" <b>\nof it.')
    set_value(page, "[data-kind=model] .conditions", "Look at it again in May.")
    set_value(page, "[data-kind=model] .until", "2027-05-01")
    set_value(page, "[data-kind=row] .verdict", "rejected")
    set_value(page, ".statement textarea", "Nobody was asked.")
    page.run("document.getElementById('only-required').click()")
    attached(page, document)
    before = page.run(FILE)
    assert "minutes.pdf" in before
    page.open()
    assert page.run(FILE) == before
    assert page.run("return document.getElementById('only-required').checked")
    assert page.run(
        "return document.querySelector('[data-verdict=rejected]').closest('details').open"
    )
    assert "This browser keeps what you fill in" in page.run("return document.body.innerText")
    page.driver.find_element("id", "clear").click()
    page.confirm()
    assert "Nothing is filled in yet" in state(page)
    page.open()
    assert "Nothing is filled in yet" in state(page)
    assert page.run("return localStorage.length") == 0


def test_what_was_filled_in_stays_with_its_run_and_with_what_it_was_about(
    page: Page, short_run: SmallRun, tmp_path: Path
) -> None:
    fill(page, "rejected", "In-sample only.")
    subject = json.loads(page.run("return document.querySelector('main').dataset.subject"))
    evidence = page.run("return document.querySelector('[data-kind=model]').dataset.evidence")
    for name, before in (("results", subject["results"]), ("evidence", evidence)):
        path = changed(short_run, tmp_path / f"{name}.html", before, "0" * 64)
        other = Page(page.driver, path).open()
        assert "rejected" not in other.run(FILE), name
    assert "In-sample only." in page.open().run(FILE)


@pytest.mark.parametrize("kept", ["{", "7", '{"x": 1}', '[["model", [{"path": 1}]], 3]'])
def test_what_another_page_left_in_the_browser_breaks_nothing(page: Page, kept: str) -> None:
    fill(page, "rejected", "In-sample only.")
    page.run(
        "Object.keys(localStorage).forEach((key) => {"
        " localStorage.setItem(key, arguments[0]);"
        " localStorage.setItem(key.replace(/form$/, 'documents'), arguments[0]); })",
        kept,
    )
    page.open()
    assert "Nothing is filled in yet" in state(page)
    fill(page, "rejected", "In-sample only.")
    assert "In-sample only." in page.run(FILE)


def test_a_browser_that_keeps_nothing_says_so(page: Page, tmp_path: Path) -> None:
    with page.without_storage():
        assert "This browser keeps nothing for this page" in page.run(
            "return document.body.innerText"
        )
        fill(page, "rejected", "In-sample only.")
        assert "In-sample only." in saved(page, tmp_path).read_text("utf-8")
        set_value(page, "[data-kind=model] .verdict", "")
    assert "Nothing is filled in yet" in state(page)
