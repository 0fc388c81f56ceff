"""Words that claim too much are found, in every template and in finished text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deepseek_report.artifacts.storage.files import save_json
from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.compliance.evaluate import evaluate_results
from deepseek_report.compliance.forbidden_words import (
    check_document,
    find_forbidden,
    forbidden_words,
    quoted_passages,
    refuse_forbidden,
)
from deepseek_report.compliance.framework import FrameworkChoice, framework_ids
from deepseek_report.errors import RenderError
from deepseek_report.extension import installed

from .conftest import Run, measure

TEMPLATES = sorted(
    path
    for folder in (shipped("templates"), *(each.folder for each in installed()))
    for path in folder.rglob("*")
    if path.suffix in {".j2", ".yaml", ".html", ".qmd"} and path.parent.name != "frameworks"
)


@pytest.mark.parametrize("word", forbidden_words())
def test_every_forbidden_word_is_found_in_any_case_and_over_line_breaks(word: str) -> None:
    assert [use.word for use in find_forbidden(f"x {word.upper()} y")] == [word.upper()]
    assert find_forbidden(f"a\n{word.replace(' ', chr(10))} b")[0].line == 2


@pytest.mark.parametrize("text", ["noncompliant", "a complaint", "uncertified", "certify", "合规"])
def test_other_words_are_left_alone(text: str) -> None:
    assert find_forbidden(text) == []


@pytest.mark.parametrize("text", ["com\\*pliant", "**compliant**", "fully\\-compliant"])
def test_markdown_does_not_hide_a_word(text: str) -> None:
    assert find_forbidden(text)


def test_a_quoted_passage_may_hold_the_word_and_the_rest_may_not() -> None:
    text = "Title: “Certified\nsystems of 2030”.\nThis model is certified."
    assert [use.line for use in find_forbidden(text, ["Certified systems of 2030"])] == [3]
    assert len(find_forbidden(text)) == 2


def test_a_finished_text_with_such_a_word_is_refused_with_its_place() -> None:
    with pytest.raises(RenderError, match=r"report\.qmd.*line 2: “compliant”"):
        refuse_forbidden("fine\nthe model is compliant with it")
    refuse_forbidden("it records evidence")


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_uses_a_forbidden_word(path: Path) -> None:
    assert find_forbidden(path.read_text(encoding="utf-8")) == []


def test_what_is_quoted_covers_each_row_of_each_framework() -> None:
    frameworks = [FrameworkChoice(name).load() for name in framework_ids()]
    passages = set(quoted_passages(frameworks))
    assert all(row.asks in passages for framework in frameworks for row in framework.rows)


def test_a_signed_statement_may_use_its_own_words_and_the_report_may_not(run: Run) -> None:
    signed = "name: Ada, role: Head of B, date: 2026-01-01"
    run.people("statements: {roles: {text: Our vendor is certified., " + signed + "}}")
    results = run.results()
    report = evaluate_results(results)
    path = run.folder / "report.qmd"
    path.write_text("Our vendor is\ncertified.", encoding="utf-8")
    results = replace(results, paths={k: v for k, v in results.paths.items() if k != "data"})
    check_document(path, report, results)
    path.write_text("This report is certified.", encoding="utf-8")
    with pytest.raises(RenderError, match=r"report\.qmd"):
        check_document(path, report, results)


def with_category(run: Run, label: str) -> None:
    """Data of one feature that has this category."""
    category = {"code": "1", "label": label, "documented": True}
    feature = {"name": "income", "label": "Income", "kind": "categorical", "categories": [category]}
    target = {"name": "y", "label": "Y", "classes": ["a", "b"], "favourable": 0}
    schema = {"features": [feature], "target": target, "attributes": []}
    save_json(run.path("data") / "schema.json", schema)


def test_a_category_of_the_data_may_hold_the_word(run: Run) -> None:
    with_category(run, "certified income")
    results = run.results()
    path = run.folder / "report.qmd"
    path.write_text("Income: certified income", encoding="utf-8")
    check_document(path, evaluate_results(results), results)


def test_the_words_of_a_single_case_are_let_through_and_the_same_words_of_ours_are_not(
    run: Run,
) -> None:
    sentence = "self - driving cars approved by california"
    with_category(run, "low")
    measure(run.path("measures/cases"), neighbours=[{"case": 0, "text": sentence}])
    results = run.results()
    report = evaluate_results(results)
    path = run.folder / "report.qmd"
    path.write_text("| Row 7 | self \\- driving cars approved\nby california |", encoding="utf-8")
    check_document(path, report, results)
    path.write_text(f"{sentence}. The model is approved by us.", encoding="utf-8")
    with pytest.raises(RenderError, match="approved by"):
        check_document(path, report, results)


def test_a_quoted_label_may_begin_a_sentence() -> None:
    text = "- Approved by (north\\_east) raises it.\n- The model is Approved by us."
    assert not find_forbidden(text, ["approved by"])
    assert len(find_forbidden("APPROVED BY all", ["approved by"])) == 1
