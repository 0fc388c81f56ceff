"""The page, or letters, on rows that a person brings to a finished run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.message import plain
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.storage import plain_files
from deepseek_report.datasets.readers.case_rows import CaseRows, read_case_rows
from deepseek_report.exports import letters
from deepseek_report.rendering.document import write_qmd
from deepseek_report.rendering.page_words import ReportOptions
from deepseek_report.rendering.render import render
from deepseek_report.runner.execution.given_rows import (
    ModelRequest,
    StoredModel,
    run_to_ask,
    stored_model,
)
from deepseek_report.runner.run_folders.open_run import OpenRun
from deepseek_report.sections.cases import given_cases, strange_cases
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.wording.of_results import words_of


@dataclass(frozen=True)
class CaseAnswer:
    """What is said of the rows.

    answer : plain data. notes : sentences on values that no training row has, and on columns of the
    file that the model does not read. decided : {number of a row, from 1: which protected attribute
    decides about it, as a sentence}.
    """

    answer: Mapping[str, Any]
    notes: tuple[str, ...]
    decided: Mapping[int, str]


def write_case_page(request: ModelRequest, rows: Path, work: Path, page: Path | None) -> CaseAnswer:
    """Explain the rows of a file; write the page where one is wanted.

    work : an empty folder for what is made on the way.

    Raises ArtifactError, DataError, ConfigProblems: what is missing, not as the run wrote it, not
        trusted, or wrong with the rows.
    """
    opened = _opened(request)
    stored = stored_model(opened, request)
    cases = read_case_rows(rows, stored.seen)
    content = case_page(stored, stored.new_rows(cases.inputs), work, page)
    browser = content["browser"]
    worded = [
        {**case, **shown} for case, shown in zip(browser["cases"], browser["pages"], strict=True)
    ]
    about = {
        "run": opened.run.run_id,
        "threshold": browser["threshold"],
        "notes": content["strange"],
        "cases": worded,
    }
    decided = {abs(case["id"]): case["decides"] for case in worded if case["decides"]}
    return CaseAnswer(plain(about), (*content["strange"], *_unread(cases)), decided)


def write_letters(
    request: ModelRequest, rows: Path, kind: letters.LetterKind, work: Path, language: str = ""
) -> tuple[list[letters.Letter], tuple[str, ...]]:
    """A letter on each of the rows, and notes as in `CaseAnswer`.

    language : one of `letter_languages`; empty: that of the report, where there are words in it.

    work : an empty folder for what is made on the way.

    Raises ArtifactError, DataError, ConfigProblems: see `write_case_page`; also where no method of
        the run may give reasons to anybody, or where there are no words in the language.
    """
    opened = _opened(request)
    written_in = letters.letter_language(opened.results, kind, language)
    letters.refuse_without_reasons(opened.results)
    stored = stored_model(opened, request)
    cases = read_case_rows(rows, stored.seen)
    plain_files.make_folder(work / "measured")
    new = stored.new_rows(cases.inputs)
    results = stored.results_of(new, work / "measured")
    written = letters.letters_of(results, stored.explainer, kind, written_in)
    strange = strange_cases(Draft("cases", results), stored.seen.strange_of_new(new))
    return written, (*strange, *_unread(cases))


def _opened(request: ModelRequest) -> OpenRun:
    reads = "; explain-case reads rows of named columns"
    return run_to_ask(request, lambda kind: kind.named_columns, reads)


def _unread(cases: CaseRows) -> list[str]:
    return [f"the model does not read the column {name}" for name in cases.ignored]


def case_page(stored: StoredModel, rows: Split, work: Path, page: Path | None) -> dict[str, Any]:
    """Explain rows and write the page where one is wanted; see `given_cases` for what it says.

    rows : see `StoredModel.results_of`. work : an empty folder for what is made on the way.
    """
    opened = stored.opened
    plain_files.make_folder(work / "measured")
    results = stored.results_of(rows, work / "measured")
    content = given_cases(results, stored.explainer, stored.seen.strange_of_new(rows))
    if page is not None:
        plain_files.make_folder(work / "page")
        title = words_of(results).text("sections.cases.given_title", run=opened.run.run_id)
        options = ReportOptions(title=title, language=opened.language)
        write_qmd(results, [content], options, work / "page", run_digest=opened.run_digest)
        (html,) = render(work / "page", ("html",), "embedded")
        plain_files.write_bytes(page, plain_files.read_bytes(html), links=True)
    return dict(content.values)
