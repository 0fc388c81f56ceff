"""The page on rows that a person brings to a finished run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.message import plain
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.storage import plain_files
from deepseek_report.datasets.readers.case_rows import CaseRows, read_case_rows
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
from deepseek_report.sections.cases import given_cases
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
    opened = opened_to_explain(request)
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
    return CaseAnswer(plain(about), (*content["strange"], *unread(cases)), decided)


def opened_to_explain(request: ModelRequest) -> OpenRun:
    """The run whose stored model is asked, of data with named columns; see `run_to_ask`."""
    reads = "; explain-case reads rows of named columns"
    return run_to_ask(request, lambda kind: kind.named_columns, reads)


def unread(cases: CaseRows) -> list[str]:
    """Sentences on the columns of a person's file that the model does not read."""
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
