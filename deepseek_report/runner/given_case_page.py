"""The page, or letters, on rows that a person brings to a finished run."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.message import plain
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.storage import plain_files
from deepseek_report.datasets.readers.case_rows import CaseRows, read_case_rows
from deepseek_report.datasets.readers.seen_values import CellMark
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
from deepseek_report.wording.words import Wording


@dataclass(frozen=True)
class CaseAnswer:
    """What is said of the rows.

    answer : plain data. notes : what is told beside it, in sentences: columns that are not read,
    and what of the rows no training row has.
    """

    answer: Mapping[str, Any]
    notes: tuple[str, ...]


def write_case_page(request: ModelRequest, rows: Path, work: Path, page: Path | None) -> CaseAnswer:
    """Explain the rows of a file; write the page where one is wanted.

    work : an empty folder for what is made on the way.

    Raises ArtifactError, DataError, ConfigProblems: what is missing, not as the run wrote it, not
        trusted, or wrong with the rows.
    """
    opened = _opened(request)
    cases = read_case_rows(rows, opened.results.schema)
    stored = stored_model(opened, request)
    notes = _notes(stored, cases, rows)
    browser = case_page(stored, cases.inputs, work, page, unclear=cases.unclear)
    parts = zip(browser["cases"], browser["pages"], browser["marks"], strict=True)
    worded = [{**case, **shown, "marks": marks} for case, shown, marks in parts]
    about = {"run": opened.run.run_id, "threshold": browser["threshold"], "cases": worded}
    return CaseAnswer(plain(about), notes)


def _notes(stored: StoredModel, cases: CaseRows, path: Path) -> tuple[str, ...]:
    """What is told beside the answer to rows.

    Raises DataError: a row cannot be.
    """
    places = [f"row {row}" for row in range(1, len(cases.inputs) + 1)]
    for fault in filter(None, stored.seen.faults(cases.inputs, str(path), places)):
        raise fault
    ignored = (f"the model does not read the column {name}" for name in cases.ignored)
    marks = stored.seen.marks(cases.inputs, cases.unclear)
    return (*ignored, *_told(marks, words_of(stored.opened.results)))


def _told(marks: Sequence[Sequence[CellMark]], words: Wording) -> list[str]:
    """A sentence on each mark of the rows, with its row where there are several."""
    return [
        words.text("case_marks.of_row", row=row if len(marks) > 1 else None, mark=mark.text)
        for row, own in enumerate(marks, 1)
        for mark in own
    ]


def write_letters(
    request: ModelRequest, rows: Path, kind: letters.LetterKind, work: Path, language: str = ""
) -> tuple[list[letters.Letter], tuple[str, ...]]:
    """A letter on each of the rows, and the notes on them, see `CaseAnswer`.

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
    notes = _notes(stored, cases, rows)
    plain_files.make_folder(work / "measured")
    results = stored.results_of(cases.inputs, work / "measured")
    return letters.letters_of(results, stored.explainer, kind, written_in), notes


def _opened(request: ModelRequest) -> OpenRun:
    reads = "; explain-case reads rows of named columns"
    return run_to_ask(request, lambda kind: kind.named_columns, reads)


def case_page(
    stored: StoredModel,
    inputs: Floats,
    work: Path,
    page: Path | None,
    known: Split | None = None,
    unclear: Sequence[Collection[int]] = (),
) -> dict[str, Any]:
    """Explain rows (row, feature) and write the page where one is wanted; what its script reads.

    Beside it {column: mark} of each row, of what no training row has.

    work : an empty folder for what is made on the way. known : the row, where the data have it.
    unclear : as in `CaseRows`.
    """
    opened = stored.opened
    plain_files.make_folder(work / "measured")
    texts = None if known is None else known.texts
    results = in_words(stored.results_of(inputs, work / "measured", texts))
    number = None if known is None else int(known.instance_ids[0])
    content = given_cases(results, stored.explainer, number)
    marks = stored.seen.marks(inputs, unclear) if known is None else [()] * len(inputs)
    told = _told(marks, words_of(results))
    content = replace(content, answer=" ".join([content.answer, *told]))
    if page is not None:
        plain_files.make_folder(work / "page")
        title = words_of(results).text("sections.cases.given_title", run=opened.run.run_id)
        options = ReportOptions(title=title, language=opened.language)
        write_qmd(results, [content], options, work / "page")
        (html,) = render(work / "page", ("html",), "embedded")
        plain_files.write_bytes(page, plain_files.read_bytes(html), links=True)
    kinds = [{mark.column: mark.kind for mark in own} for own in marks]
    return {**content.values["browser"], "marks": kinds}
