"""Words that claim too much are found, in every template and in finished text."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepseek_report.artifacts.shipped import shipped
from deepseek_report.compliance.framework import FrameworkChoice, framework_ids
from deepseek_report.compliance.words import (
    find_forbidden,
    forbidden_words,
    quoted_passages,
    refuse_forbidden,
)
from deepseek_report.errors import RenderError

TEMPLATES = sorted(
    path
    for path in shipped("templates").rglob("*")
    if path.suffix in {".j2", ".yaml", ".html", ".qmd"} and path.parent.name != "frameworks"
)


@pytest.mark.parametrize("word", forbidden_words())
def test_every_forbidden_word_is_found_in_any_case_and_over_line_breaks(word: str) -> None:
    assert [one.word for one in find_forbidden(f"x {word.upper()} y")] == [word.upper()]
    assert find_forbidden(f"a\n{word.replace(' ', chr(10))} b")[0].line == 2


@pytest.mark.parametrize("text", ["noncompliant", "a complaint", "uncertified", "certify", "合规"])
def test_other_words_are_left_alone(text: str) -> None:
    assert find_forbidden(text) == []


@pytest.mark.parametrize("text", ["com\\*pliant", "**compliant**", "fully\\-compliant"])
def test_markdown_does_not_hide_a_word(text: str) -> None:
    assert find_forbidden(text)


def test_a_quoted_passage_may_hold_the_word_and_the_rest_may_not() -> None:
    text = "Title: “Certified\nsystems of 2030”.\nThis model is certified."
    assert [one.line for one in find_forbidden(text, ["Certified systems of 2030"])] == [3]
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
    assert all(row.asks in passages for one in frameworks for row in one.rows)
