"""What a person may mark as wrong in the list and on the page of a case."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.seeds import row_digests
from deepseek_report.data_kinds import kind_of
from deepseek_report.extensions.corrections.correction_marks import areas, courses
from deepseek_report.findings.explainer_verdicts import listed_for_cases
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.single_cases.case_marks import CaseMarks, marks_of
from deepseek_report.sections.single_cases.case_pages import codes
from deepseek_report.sections.single_cases.case_sentences import Pages, reason_rows
from deepseek_report.sections.single_cases.explained_cases import explained_cases, waterfall_data
from tests.real_runs import with_report
from tests.tiny_runs import TinyRuns


def marks_in(results: Results, *, in_data: bool = True) -> CaseMarks:
    return marks_of(Draft("cases", results), in_data=in_data)


def test_a_case_is_named_by_the_digest_of_its_row_and_its_label(real_run: Results) -> None:
    marks = marks_in(real_run)
    for case in explained_cases(real_run)[:5]:
        assert marks.of_case(case) == {
            "row": row_digests(real_run.test.inputs[[case.position]])[0],
            "was": real_run.schema.target.classes.index(case.row.label),
        }


def test_reasons_and_bars_say_which_column_they_mark(real_run: Results) -> None:
    explainer = listed_for_cases(real_run)
    assert explainer
    pages = Pages(Draft("cases", real_run), explainer)
    shared = pages.marks.shared()
    assert shared is not None
    labels = shared["labels"]
    assert shared["features"] == real_run.schema.names
    for case in explained_cases(real_run)[:8]:
        listed = codes(pages, case.row) or {"items": [], "players": []}
        assert len(listed["items"]) == len(listed["players"])
        for item, players in zip(listed["items"], listed["players"], strict=True):
            assert players
            assert all(labels[player].lower() in item.lower() for player in players)
        for row, player in zip(
            reason_rows(pages, case.row),
            pages.marks.listed(reason_rows(pages, case.row)),
            strict=True,
        ):
            assert real_run.schema.names[player] == row.feature
        steps = waterfall_data(pages.draft, explainer, case)
        assert steps
        assert [labels[player] for *_, player in steps["bars"]] == [bar[0] for bar in steps["bars"]]


@pytest.mark.parametrize("level", ["cases", "aggregate"])
def test_where_rows_may_not_be_shown_no_row_is_marked(real_run: Results, level: str) -> None:
    marks = marks_in(with_report(real_run, privacy=level))
    for case in explained_cases(real_run)[:5]:
        assert marks.of_case(case) == marks.of_page(case, {}) == {}


def test_a_row_that_a_person_brought_is_marked_by_its_features_alone(
    real_run: Results, tiny_runs: TinyRuns
) -> None:
    marks = marks_in(real_run, in_data=False)
    assert marks.of_case(explained_cases(real_run)[0]) == {}
    assert marks.shared() is not None
    assert marks_in(tiny_runs("text"), in_data=False).shared() is None


def test_the_words_of_a_text_are_the_text_and_only_read_words_are_players(
    tiny_runs: TinyRuns,
) -> None:
    results = tiny_runs("text")
    marks, kind = marks_in(results), kind_of(results.schema)
    for case in explained_cases(results)[:5]:
        assert case.position is not None
        pieces = marks.of_page(case, {})["words"]
        assert results.test.texts is not None
        assert "".join(text for text, _ in pieces) == results.test.texts.text(case.position)
        players = [player for _, player in pieces if player is not None]
        assert players
        assert kind.nameable(results.test.inputs[[case.position]])[0][players].all()
        for text, player in pieces:
            assert player is None or text == results.written(case.position, player)


def test_the_places_of_an_image_are_those_of_its_players(tiny_runs: TinyRuns) -> None:
    schema = tiny_runs("image").schema
    covered = np.zeros(kind_of(schema).shape[:2], dtype=int)
    for player, (top, bottom, left, right) in enumerate(areas(schema)):
        covered[top : bottom + 1, left : right + 1] += 1
        corner = np.ravel_multi_index((top, left, 0), kind_of(schema).shape)
        assert schema.owners[corner] == player
    assert (covered == 1).all()


def test_the_spans_of_a_series_are_those_of_its_players(tiny_runs: TinyRuns) -> None:
    schema = tiny_runs("series").schema
    owners = schema.owners.reshape(kind_of(schema).shape)
    for player, (channel, first, last) in enumerate(areas(schema)):
        assert (owners[first : last + 1, channel] == player).all()
        assert (owners == player).sum() == last + 1 - first


def test_a_long_series_is_drawn_by_few_points_and_gaps_stay_gaps() -> None:
    series = np.column_stack([np.linspace(0, 1, 1000), np.full(1000, 5.0)])
    series[500:, 1] = np.nan
    (first, rising), (second, level) = courses(series)
    assert (first, second) == (0, 1)
    assert len(rising) <= 120
    assert rising == sorted(rising)
    assert (rising[0], rising[-1]) == (0, 99)
    assert set(level) == {0, None}


@pytest.mark.parametrize(
    ("overrides", "last"),
    [
        (["seed=2"], "corrections=[{marks: {file}}]"),
        (["corrections=[]", "seed=2"], "corrections=[{marks: {file}}]"),
        (["corrections=[{marks: a.yaml}]"], "corrections=[{marks: a.yaml}, {marks: {file}}]"),
    ],
)
def test_the_file_joins_the_corrections_that_the_run_had(
    real_run: Results, overrides: list[str], last: str
) -> None:
    command = {"program": ["deepseek-report"], "overrides": overrides}
    shared = marks_in(replace(real_run, provenance={"command": command})).shared()
    assert shared is not None
    (_, shell), (_, python) = shared["use"]
    assert shell.endswith(f"'{last}'")
    assert last in python
