"""The page, or letters, on rows that a person brings to a finished run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.message import plain
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.storage import plain_files
from deepseek_report.datasets.readers.case_rows import read_case_rows
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
from deepseek_report.sections.cases import given_cases
from deepseek_report.wording.of_results import in_words, words_of


@dataclass(frozen=True)
class CaseAnswer:
    """What is said of the rows.

    answer : plain data. ignored : columns of the file that the model does not read.
    """

    answer: Mapping[str, Any]
    ignored: tuple[str, ...]


def write_case_page(request: ModelRequest, rows: Path, work: Path, page: Path | None) -> CaseAnswer:
    """Explain the rows of a file; write the page where one is wanted.

    work : an empty folder for what is made on the way.

    Raises ArtifactError, DataError, ConfigProblems: what is missing, not as the run wrote it, not
        trusted, or wrong with the rows.
    """
    opened = _opened(request)
    cases = read_case_rows(rows, opened.results.schema)
    browser = case_page(stored_model(opened, request), cases.inputs, work, page)
    worded = [
        {**case, **shown} for case, shown in zip(browser["cases"], browser["pages"], strict=True)
    ]
    about = {"run": opened.run.run_id, "threshold": browser["threshold"], "cases": worded}
    return CaseAnswer(plain(about), cases.ignored)


def write_letters(
    request: ModelRequest, rows: Path, kind: letters.LetterKind, work: Path, language: str = ""
) -> tuple[list[letters.Letter], tuple[str, ...]]:
    """A letter on each of the rows, and the columns of their file that the model does not read.

    language : one of `letter_languages`; empty: that of the report, where there are words in it.

    work : an empty folder for what is made on the way.

    Raises ArtifactError, DataError, ConfigProblems: see `write_case_page`; also where no method of
        the run may give reasons to anybody, or where there are no words in the language.
    """
    opened = _opened(request)
    written_in = letters.letter_language(opened.results, kind, language)
    letters.refuse_without_reasons(opened.results)
    cases = read_case_rows(rows, opened.results.schema)
    stored = stored_model(opened, request)
    plain_files.make_folder(work / "measured")
    results = stored.results_of(cases.inputs, work / "measured")
    return letters.letters_of(results, stored.explainer, kind, written_in), cases.ignored


def _opened(request: ModelRequest) -> OpenRun:
    reads = "; explain-case reads rows of named columns"
    return run_to_ask(request, lambda kind: kind.named_columns, reads)


def case_page(
    stored: StoredModel, inputs: Floats, work: Path, page: Path | None, known: Split | None = None
) -> dict[str, Any]:
    """Explain rows (row, feature) and write the page where one is wanted; what its script reads.

    work : an empty folder for what is made on the way. known : the row, where the data have it.
    """
    opened = stored.opened
    plain_files.make_folder(work / "measured")
    texts = None if known is None else known.texts
    results = in_words(stored.results_of(inputs, work / "measured", texts))
    number = None if known is None else int(known.instance_ids[0])
    content = given_cases(results, stored.explainer, number)
    if page is not None:
        plain_files.make_folder(work / "page")
        title = words_of(results).text("sections.cases.given_title", run=opened.run.run_id)
        options = ReportOptions(title=title, language=opened.language)
        write_qmd(results, [content], options, work / "page")
        (html,) = render(work / "page", ("html",), "embedded")
        plain_files.write_bytes(page, plain_files.read_bytes(html), links=True)
    return dict(content.values["browser"])
