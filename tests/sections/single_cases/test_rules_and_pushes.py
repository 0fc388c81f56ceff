"""What a case page says of a rule that is enough, of training rows, and of several changes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from deepseek_report.artifacts.table_rows import read_rows
from deepseek_report.metrics.cases.single_case_rows import CaseRow, OfCase
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.single_cases import case_sentences

CASE = CaseRow(0, 1, "default", "default", threshold=0.5)


def pages(run: Any, **tables: list[dict[str, Any]]) -> Any:
    """A case whose tables are these and no others."""

    def rows(of: type[OfCase], number: int) -> list[Any]:
        cells = [{"case": number, "feature": "", **row} for row in tables.get(of.source[1], [])]
        return read_rows(pd.DataFrame(cells), of) if cells else []

    return SimpleNamespace(draft=Draft("cases", run.results()), rows=rows)


def rule(run: Any, conditions: list[tuple[str, str, str]], **cells: Any) -> str:
    measured = {"decision": "default", "enough": True, "everywhere": 0.4, "n": 80, "coverage": 0.1}
    measured |= {"precision": 0.97, "precision_low": 0.94, "precision_high": 0.99, **cells}
    listed = [
        {"label": label, "relation": relation, "display": display}
        for label, relation, display in conditions
    ]
    return case_sentences.enough(pages(run, rules=[measured], conditions=listed), CASE)


def test_a_rule_is_told_with_what_it_holds_in_the_test_part(run: Any) -> None:
    sentence = rule(run, [("Age", "over", "40 years"), ("Colour", "is", "red")])
    assert sentence.startswith(
        "Whenever age is over 40 years and colour is “red”, the model decides"
    )
    assert "97.0\u00a0% (94.0–99.0\u00a0%) of 80 test cases" in sentence
    assert "that holds for 10.0\u00a0% of all" in sentence


def test_words_and_missing_values_are_conditions_of_their_own(run: Any) -> None:
    sentence = rule(run, [("late", "word", "late"), ("Age", "missing", ""), ("Sum", "up_to", "5")])
    assert "Whenever the text has “late”, age is missing and sum is at most 5," in sentence


def test_a_rule_that_is_not_enough_is_not_called_so(run: Any) -> None:
    sentence = rule(run, [("Age", "over", "40 years")], enough=False, precision=0.7)
    assert sentence.startswith("In the training part no rule of a few conditions is enough")


@pytest.mark.parametrize(
    ("cells", "part"),
    [
        ({"everywhere": 0.97}, "in 97.0\u00a0% of all cases: no rule adds to that"),
        ({"enough": False}, "No rule of a few conditions holds of enough training cases"),
    ],
)
def test_no_rule_is_made_up(run: Any, cells: dict[str, Any], part: str) -> None:
    assert part in rule(run, [], n=0, **cells)
    assert case_sentences.enough(pages(run), CASE) == ""


def test_training_rows_are_listed_on_two_sides(run: Any) -> None:
    pushes = [
        {"toward": toward, "instance_id": number, "label": "default", "share": 0.02}
        for toward, number in ((True, 1234), (False, 7))
    ]
    totals = [{"decision": "default", "rows": 900, "covered": 0.04}]
    page = case_sentences.pushed(pages(run, pushes=pushes, pushed=totals), CASE)
    assert page is not None
    assert [side for side, _ in page["sides"]] == ["Toward “default”:", "Against “default”:"]
    assert "1\u202f234, “default” (2.0\u00a0% of all pushes)" in page["sides"][0][1][0]
    assert case_sentences.pushed(pages(run), CASE) is None


def test_each_further_way_is_a_sentence(run: Any) -> None:
    ways = [
        {
            "way": way,
            "label": label,
            "from_display": "1",
            "to_display": "2",
            "probability_after": 0.3,
        }
        for way, label in ((2, "Sum"), (3, "Age"), (3, "Late"))
    ]
    sentences = case_sentences.other_ways(pages(run, other_ways=ways), CASE)
    assert len(sentences) == 2
    assert sentences[0].startswith("Or if sum were")
    assert " and late were " in sentences[1]
