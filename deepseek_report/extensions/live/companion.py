"""A finished run that answers: what the live page of `deepseek-report serve` asks for.

Nothing is computed here in another way than elsewhere: the stored model answers, the run's own
metrics measure, the template of `explain-case` explains, and notes are those of the report.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deepseek_report.artifacts.array_types import Ints
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.storage import plain_files
from deepseek_report.config.experiment import Experiment
from deepseek_report.datasets.checks.new_rows import SeenValues
from deepseek_report.errors import ArtifactError, DataError, RenderError
from deepseek_report.extensions.live.incoming_rows import typed_row
from deepseek_report.extensions.live.live_page import page_beside_server
from deepseek_report.extensions.live.threshold_answers import LiveSlider
from deepseek_report.metrics.cases.what_if import WhatIfAnswers
from deepseek_report.rendering import pandoc
from deepseek_report.rendering.notes import FOLDER, LIMIT, text_of_note, to_markdown
from deepseek_report.runner.execution.given_rows import (
    ModelRequest,
    StoredModel,
    recorded_parts,
    refuse_private,
    stored_model,
)
from deepseek_report.runner.given_case_page import case_page
from deepseek_report.runner.run_folders.open_run import OpenRun, open_run
from deepseek_report.runner.run_folders.writing import WriteOptions, write_report
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.wording.of_results import in_words

if TYPE_CHECKING:
    from deepseek_report.artifacts.protocols.traits import MetricPart


#: What the page asks: an object of JSON that nobody has checked.
Question = Mapping[str, Any]
#: Characters of a note that is sent at once, and seconds that the whole note may take to be read.
MOST_OF_NOTE, _SECONDS_OF_NOTE = 4000, 4
_PAGE = "report.html"
#: Folders of a run whose files the page links to, and what they may be.
_LINKED = ("figures", "tables")
_KINDS = (".csv", ".html", ".svg")
#: Questions whose answer is a page on a case, and typed cases whose pages are kept.
_EXPLAINED, _MOST_TYPED = ("case", "new-case"), 50


@dataclass
class Companion:
    """A run that is served; one question is answered at a time, but for pages on cases beside it.

    model : the stored model, or why there is none to ask. trust : packages that the person trusts.
    """

    opened: OpenRun
    model: StoredModel | ArtifactError
    metrics: Mapping[str, MetricPart]
    trust: tuple[str, ...] = ()
    work: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="deepseek-report-")))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _case_lock: threading.Lock = field(default_factory=threading.Lock)
    _is_stale: bool = True
    _n_typed: int = 0

    @classmethod
    def of(cls, request: ModelRequest, experiment: Experiment | None = None) -> Companion:
        """Open a run folder, and its model in the store where there is one.

        experiment : that of a run that this process made of a model in memory.

        Raises ArtifactError, ConfigProblems: the folder is not as the run wrote it or is for
            readers who see no rows, or its config names what is not trusted.
        """
        opened = open_run(request.run)
        refuse_private(opened)
        try:
            if experiment is None:
                stored = stored_model(opened, request)
            else:
                stored = StoredModel.of(opened, experiment, request.store, in_memory=True)
        except ArtifactError as error:
            return cls(opened, error, recorded_parts(opened, request).metrics, request.trust)
        return cls(opened, stored, stored.experiment.metrics, request.trust)

    def close(self) -> None:
        """Drop what was made on the way."""
        plain_files.remove(self.work)

    @property
    def stored(self) -> StoredModel:
        """Raise ArtifactError where there is no model to ask."""
        if isinstance(self.model, ArtifactError):
            raise self.model
        return self.model

    @cached_property
    def _draft(self) -> Draft:
        return Draft("performance", in_words(self.opened.results))

    @cached_property
    def _slider(self) -> LiveSlider:
        return LiveSlider(self._draft, self.metrics)

    @cached_property
    def _columns(self) -> Ints:
        """Features that can be set in what-if."""
        arrays = self._draft.results.arrays("what_if")
        return WhatIfAnswers.from_arrays(arrays).columns if arrays else np.zeros(0, np.int64)

    def warm(self) -> None:
        """Load what answers, so that the first question waits no longer than others."""
        with self._lock:
            if not isinstance(self.model, ArtifactError):
                self.model.predictions_of(self.model.dataset.test.inputs[:1])
            self._slider  # noqa: B018 - read once, kept

    def page(self) -> str:
        """The report, written again where a note was added, with the script that asks."""
        with self._lock:
            folder = self.opened.folder
            if self._is_stale:
                write_report(folder, WriteOptions(("html",), "embedded", self.trust))
                self._is_stale = False
            return page_beside_server(plain_files.read_text(folder / _PAGE), self._draft.words)

    def file(self, name: str) -> bytes | None:
        """A file that the page links to, or a page on a case; None where there is none."""
        path = Path(name)
        if path.name == name and path.suffix == ".html":
            made = self.work / name
            return plain_files.read_bytes(made) if plain_files.is_file(made) else None
        folder = self.opened.folder
        is_linked = path.parts[0] in _LINKED and path.suffix in _KINDS and ".." not in path.parts
        if not is_linked or not plain_files.is_file(folder / path):
            return None
        return plain_files.read_bytes(folder / path, below=folder)

    def answer(self, name: str, question: Question) -> dict[str, object]:
        """The answer to one question of the page.

        Raises DataError, ArtifactError: it asks for what is not there; says what is.
        """
        answers: Mapping[str, Callable[[Question], dict[str, object]]] = {
            "threshold": self._threshold,
            "what-if": self._what_if,
            "case": self._case,
            "cells": self._cells,
            "new-case": self._new_case,
            "note": self._note,
        }
        if name not in answers:
            raise DataError(f"{name[:40]}: the page can ask for {', '.join(answers)}")
        with self._case_lock if name in _EXPLAINED else self._lock:
            return answers[name](question)

    def _threshold(self, question: Question) -> dict[str, object]:
        levels, band = question.get("levels") or [], question.get("band")
        pairs = [(_whole(pair, 0), _whole(pair, 1)) for pair in _list(levels)]
        ends = None if band is None else (_whole(band, 0), _whole(band, 1))
        return self._slider.answer(_whole(question, "step"), pairs, ends)

    def _what_if(self, question: Question) -> dict[str, object]:
        """The model's answer to a case of the test part with other values."""
        columns = self._columns
        if not len(columns):
            raise DataError("what-if: this run measured none, which needs rows of named columns")
        row = self._row(_whole(question, "row")).inputs[0].copy()
        for pair in _list(question.get("set")):
            at = _whole(pair, 0)
            if not 0 <= at < len(columns) or len(pair) != 2:
                raise DataError(f"set: {len(columns)} features can be set, from 0, each to a value")
            row[columns[at]] = self._known(int(columns[at]), _number(pair[1]))
        predicted = self.stored.predictions_of(row[None])
        if not predicted.probabilities.shape[1]:
            return {"output": predicted.values.tolist()}
        if predicted.probabilities.shape[1] == 2:
            return {"output": predicted.scores.tolist()}
        return {"output": predicted.probabilities[0].tolist()}

    def _known(self, column: int, value: float) -> float:
        """The value, where the feature can have it: a position, where it has categories."""
        feature = self.opened.results.schema.features[column]
        n = len(feature.categories)
        if not feature.is_numeric and not np.isnan(value) and value not in range(n):
            raise DataError(f"set: {feature.label} has {n} values, from 0, but got {value:g}")
        return value

    def _case(self, question: Question) -> dict[str, object]:
        """A page on any row of the data, as `explain-case` makes it."""
        number = _whole(question, "row")
        row = self._row(number)
        name = f"row-{number}.html"
        if not plain_files.is_file(self.work / name):
            self._explain(row, name)
        return {"page": name}

    def _cells(self, _: Question) -> dict[str, object]:
        """What a person fills in of a new case: each cell, and what the training rows have there.

        choices : [code, label] of categories. ends : the least and the greatest number.
        """
        cells = [
            {
                "name": column.feature.name,
                "label": column.feature.label,
                "unit": column.feature.unit or "",
                "choices": [[each.code, each.label] for each in column.feature.categories],
                "ends": column.ends,
            }
            for column in self._seen_columns().columns
        ]
        return {"cells": cells}

    def _seen_columns(self) -> SeenValues:
        """What a new case is read beside; raises DataError: its columns mean nothing alone."""
        kind = self.stored.seen.kind
        if not kind.named_columns:
            raise DataError(f"a new case is typed cell by cell, and here each is one {kind.name}")
        return self.stored.seen

    def _new_case(self, question: Question) -> dict[str, object]:
        """A page on a case that a person typed, read and explained as `explain-case` does a file's.

        Raises FaultyRowsError: cells cannot be read; all are told.
        """
        cells = question.get("cells")
        if not isinstance(cells, dict) or not all(isinstance(cell, str) for cell in cells.values()):
            raise DataError("cells: expected a mapping from columns to texts")
        row = typed_row(cells, self._seen_columns())
        self._n_typed += 1
        number, name = self._n_typed, f"new-{self._n_typed}.html"
        content = self._explain(self.stored.new_rows(row.inputs, number), name)
        plain_files.remove(self.work / f"new-{number - _MOST_TYPED}.html")
        (page,) = content["cases"]
        return {
            "page": name,
            "called": page["called"],
            "summary": page["summary"],
            "notes": content["strange"],
        }

    def _explain(self, rows: Split, name: str) -> dict[str, Any]:
        """Write the page of this name; what it says."""
        with tempfile.TemporaryDirectory(prefix="deepseek-report-") as folder:
            return case_page(self.stored, rows, Path(folder), self.work / name)

    def _row(self, number: int) -> Split:
        """The row of this number in the source, alone."""
        data = self.stored.dataset
        for part in (data.test, data.validation, data.train):
            places = np.flatnonzero(part.instance_ids == number)
            if len(places):
                return part.take(places[:1])
        raise DataError(f"row {number}: the data of this run have no such row")

    def _note(self, question: Question) -> dict[str, object]:
        """Add to a person's note on a section, which the report shows."""
        section, text = question.get("section"), question.get("text")
        sections = list(self.opened.run.config.get("sections") or {})
        if not isinstance(section, str) or section not in sections:
            raise DataError(f"section: the report has {', '.join(sections)}")
        if not isinstance(text, str) or not text.strip() or len(text) > MOST_OF_NOTE:
            raise DataError(f"text: write 1 to {MOST_OF_NOTE} characters")
        path = _add_to_note(self.opened.folder, section, text.strip())
        self._is_stale = True
        return {"file": f"{FOLDER}/{path.name}"}


def _add_to_note(folder: Path, section: str, text: str) -> Path:
    """Add words to the note on a section of a run folder; its file.

    Raises RenderError: the note could not be shown then; nothing was written.
    """
    path = folder / FOLDER / f"{section}.qmd"
    before = text_of_note(path) if os.path.lexists(path) else ""
    whole = f"{before}{text}\n\n"
    if (size := len(whole.encode("utf-8", "replace"))) > LIMIT:
        raise RenderError(
            f"{FOLDER}/{path.name}: not added, since the note would have {size} bytes and may have "
            f"{LIMIT}; write less, or take out of the file what is not needed"
        )
    try:
        shown = to_markdown(whole, _SECONDS_OF_NOTE)
        pandoc.convert_text(shown, folder, "html5", [], _SECONDS_OF_NOTE)
        added = whole[len(before) :].encode()
    except (RenderError, UnicodeEncodeError) as error:
        raise RenderError(
            f"{FOLDER}/{path.name}: not added, since the note could not be shown ({error}); write "
            "it in plain sentences, with fewer brackets, quotes and lists in each other"
        ) from None
    plain_files.make_folder(path.parent)
    plain_files.append(path, added)
    return path


def _whole(values: Any, key: str | int) -> int:
    """A whole number of a question."""
    try:
        value = values[key]
    except (LookupError, TypeError):
        value = None
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 2**53:
        raise DataError(f"{key}: expected a whole number, but got {str(value)[:40]!r}")
    return value


def _list(values: object) -> list[Any]:
    if not isinstance(values, list):
        raise DataError(f"expected a list, but got {str(values)[:40]!r}")
    return values


def _number(value: object) -> float:
    """A number of a question; None is a missing value."""
    if value is None:
        return float("nan")
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise DataError(f"values: expected numbers, but got {str(value)[:40]!r}")
    return float(value)
