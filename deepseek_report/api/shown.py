"""What a call prints while it runs, and how a finished run shows itself in a notebook."""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any, ClassVar, Self

import pandas as pd

from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Target
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.table_rows import read_rows
from deepseek_report.metrics.cases.single_case_rows import CaseRow, ReasonCode
from deepseek_report.runner.execution.run_events import NoReporter
from deepseek_report.runner.execution.whole_run import NotApplicable, Whole, stage_words
from deepseek_report.wording.of_results import score_table
from deepseek_report.wording.words import WordedFinding, Wording


class Notices(NoReporter):
    """Prints on the error stream what a person must know, and nothing else."""

    def warned(self, text: str) -> None:
        """Say what concerns no stage."""
        sys.stderr.write(f"{text}\n")


class PrintReporter(Notices):
    """One line a stage on the error stream, when it has ended."""

    def __init__(self) -> None:
        self.refused = NotApplicable()

    def finished(
        self, stage: str, seconds: float, problem: str, *, applicable: bool = True
    ) -> None:
        """Say how long a stage took, or why it came to nothing."""
        if not applicable:
            self.refused.take(stage, problem)
            return
        outcome = f"failed: {problem}" if problem else f"{seconds:.1f} s"
        sys.stderr.write(f"{stage}  {outcome}\n")

    def close(self) -> None:
        """Say once what does not apply."""
        if self.refused.reasons:
            sys.stderr.write(f"{self.refused}\n")


class NotebookBar(NoReporter):
    """A bar in the output of a notebook's cell, which leaves one line behind when it closes."""

    def __init__(self, display: Callable[..., Any]) -> None:
        self.whole, self.refused = Whole(), NotApplicable()
        self.lines: list[str] = []
        self.stage = ""
        self.shown_at = self.begun = time.monotonic()
        self.handle = display(Markup(self._bar()), display_id=True)

    def planned(self, expected: Mapping[str, float], parallel: int) -> None:
        """Take over what is left to do."""
        self.whole.plan(expected, parallel)
        self._show()

    def started(self, stage: str) -> None:
        """Name the stage that begins."""
        self.whole.start(stage)
        self.stage = stage_words(stage)
        self._show()

    def advanced(self, stage: str, done: int, total: int | None, note: str) -> None:
        """Move on within a stage."""
        self.whole.advance(stage, done, total)
        self._show()

    def finished(
        self, stage: str, seconds: float, problem: str, *, applicable: bool = True
    ) -> None:
        """Move on by a stage; what broke is kept in view."""
        self.whole.finish(stage, seconds, done=not problem)
        if not applicable:
            self.refused.take(stage, problem)
        elif problem:
            self.lines.append(f"{stage_words(stage)}: not done, {problem}")
        self._show()

    def warned(self, text: str) -> None:
        """Keep in view what concerns no stage."""
        self.lines.append(text)
        self._show()

    def close(self) -> None:
        """Take the bar away: what a person must know stays, what does not apply is folded."""
        seconds = time.monotonic() - self.begun
        if self.whole.total:
            self.lines.append(f"{self.whole.finished} stages in {seconds:.0f} s")
        folded = ""
        if self.refused.reasons:
            head, _, reasons = str(self.refused).partition(": ")
            folded = f"<details><summary>{escape(head)}</summary>{escape(reasons)}</details>"
        self.handle.update(Markup(f"<small>{self._said()}{folded}</small>"))

    def _show(self) -> None:
        now = time.monotonic()
        if now - self.shown_at >= _BETWEEN:
            self.shown_at = now
            self.handle.update(Markup(self._bar()))

    def _bar(self) -> str:
        total = self.whole.total
        known = f'value="{self.whole.finished / total:.3f}" ' if total else ""
        text = f"{self.whole}: {self.stage}" if total else "reading what was given"
        return f'<progress {known}max="1"></progress> {escape(text)}{self._said()}'

    def _said(self) -> str:
        return "".join(f"<div>{escape(line)}</div>" for line in self.lines)


class Markup:
    """HTML of our own making, as a notebook shows it."""

    def __init__(self, html: str) -> None:
        self.html = html

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return ""


@contextmanager
def reporter_for(progress: bool | None) -> Iterator[Notices | NotebookBar]:
    """What shows a run: a bar in a notebook, else lines where they are asked for.

    progress : None: where a notebook shows it. False: nothing but notices.
    """
    display = _notebook_display()
    if progress is False or (progress is None and display is None):
        yield Notices()
        return
    shown = PrintReporter() if display is None else NotebookBar(display)
    try:
        yield shown
    finally:
        shown.close()


def _notebook_display() -> Callable[..., Any] | None:
    """How a running notebook shows something; None outside of one."""
    if "IPython" not in sys.modules:
        return None
    import IPython

    shell: object = IPython.get_ipython()
    if not hasattr(shell, "kernel"):
        return None
    from IPython.display import display

    return display  # type: ignore[no-any-return]  # untyped library


@contextmanager
def no_foreign_warnings() -> Iterator[None]:
    """Libraries warn nobody of what they do for a report, but where warnings are errors."""
    if any(action == "error" for action, *_ in warnings.filters):
        yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


#: Seconds between two pictures of a bar.
_BETWEEN = 0.2
_FRAME = "font-family:system-ui,sans-serif;max-width:60rem;line-height:1.45"
_CELL = "text-align:left;vertical-align:top;padding:.2rem .9rem .2rem 0"


def first_screen(results: Results, page: Path) -> str:
    """The summary of a report as HTML that holds no script, no style sheet and no address.

    The one link leads to the report on this machine.

    Whatever comes from the data or the folder is escaped.
    """
    from deepseek_report.sections.summary import SummarySection

    content = SummarySection().content(results)
    values = content.values
    title = str(results.report.get("title") or content.title)
    findings = [
        f"<b>{_text(card.finding.severity_label)}</b>: {_text(card.finding.claim)}"
        f"<br><small>{_text(card.finding.detail)} {_text(card.finding.do)}</small>"
        for card in values["shown"]
    ]
    more = values["more"] if findings else ()
    parts = [
        f"<h3>{escape(title)}</h3>",
        f"<p>{escape(content.answer)}</p>",
        f"<p><b>{_text(' '.join(values['verdict']))}</b></p>",
        f"<p>{_text(' '.join([*values['causes'], *values['effect']]))}</p>",
        *_table("Promises", values["promises"], _PROMISE),
        *_listed("Findings", findings),
        *([f"<p>{_text(more)} more in the report.</p>"] if more else []),
        *_listed("Failed", map(_text, values["failed"])),
        f"<p><small>{_text(values['run'])}</small></p>",
        f"<p>Report: {page_link(page)}</p>",
    ]
    return f'<div style="{_FRAME}">{"".join(parts)}</div>'


def verdict_of(results: Results) -> str:
    """The verdict on a run in a sentence or two."""
    from deepseek_report.sections.summary import first_page_of
    from deepseek_report.wording.of_results import words_of

    words = words_of(results)
    return " ".join(words.say(sentence) for sentence in first_page_of(results).verdict)


def page_link(page: Path) -> str:
    """A link to a file: from the folder where the notebook runs, or else its whole address."""
    near = os.path.relpath(page) if page.is_relative_to(Path.cwd()) else page.as_uri()
    return f'<a href="{escape(near)}" target="_blank">{escape(str(page))}</a>'


_PROMISE = {
    "metric": "Promised",
    "promised": "",
    "measured": "Measured",
    "interval": "95 % interval",
    "outcome": "Verdict",
}


def _listed(heading: str, items: Iterable[str]) -> Iterator[str]:
    """A list under a heading; nothing where it is empty. items : HTML."""
    if inside := "".join(f"<li>{item}</li>" for item in items):
        yield f"<h4>{heading}</h4><ul>{inside}</ul>"


def _table(
    title: str, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]
) -> Iterator[str]:
    if not rows:
        return
    heads = "".join(f'<th style="{_CELL}">{escape(head)}</th>' for head in columns.values())
    yield f"<h4>{escape(title)}</h4><table><tr>{heads}</tr>"
    for row in rows:
        cells = "".join(f'<td style="{_CELL}">{_text(row.get(name))}</td>' for name in columns)
        yield f"<tr>{cells}</tr>"
    yield "</table>"


def _text(value: object) -> str:
    if isinstance(value, (list, tuple)):
        value = ", ".join(map(str, value))
    return escape("" if value is None else str(value))


# --- tables of a run ------------------------------------------------------------------------------


class Findings(list[WordedFinding]):
    """The findings of a run, gravest first; prints as a numbered list of sentences."""

    def __getitem__(self, place: Any) -> Any:
        """A finding, or several, which print alike."""
        some = super().__getitem__(place)
        return Findings(some) if isinstance(place, slice) else some

    def __repr__(self) -> str:
        if not self:
            return "No findings."
        return "\n".join(
            f"{place}. {each.severity_label}: {each.claim}\n   {each.detail}\n   {each.do}"
            for place, each in enumerate(self, 1)
        )

    def _repr_html_(self) -> str:
        columns = {
            "severity_label": "",
            "claim": "Finding",
            "detail": "What was seen",
            "do": "To do",
        }
        table = "".join(_table("", [vars(each) for each in self], columns))
        return f'<div style="{_FRAME}">{table or "<p>No findings.</p>"}</div>'


class SpokenTable(pd.DataFrame):  # type: ignore[misc]  # untyped library
    """A pandas frame that prints with a sentence on top, and words in place of keys.

    Whatever is taken from it (rows, columns, groups) is a plain frame.

    sentence : what is in it. in_words : the rows as a person reads them.
    """

    _internal_names: ClassVar[list[str]] = [*pd.DataFrame._internal_names, "sentence", "in_words"]
    _internal_names_set: ClassVar[frozenset[str]] = frozenset(_internal_names)

    @classmethod
    def of(cls, frame: pd.DataFrame, sentence: str, in_words: Sequence[Mapping[str, str]]) -> Self:
        """The frame, which prints as the rows in words below the sentence."""
        table = cls(frame)
        table.sentence, table.in_words = sentence, in_words
        return table

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame  # type: ignore[no-any-return]  # untyped library

    def __repr__(self) -> str:
        table = [list(row) for row in self.in_words[:1]]
        table += [list(row.values()) for row in self.in_words]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        padded = ("  ".join(map(str.ljust, cells, widths)).rstrip() for cells in table)
        return "\n".join([self.sentence, *padded])

    def _repr_html_(self) -> str:
        columns = {name: name for name in (self.in_words[0] if self.in_words else ())}
        table = "".join(_table("", self.in_words, columns))
        return f'<div style="{_FRAME}"><p>{escape(self.sentence)}</p>{table}</div>'


def spoken_scores(scores: Sequence[Score], words: Wording) -> SpokenTable:
    """Every score with what it is about, its interval and which way is better."""
    rows = [_score(score, words) for score in scores]
    return SpokenTable.of(score_table(scores), words.text("notebook.scores", n=len(rows)), rows)


def _score(score: Score, words: Wording) -> dict[str, str]:
    numbers, in_percent = words.numbers, score.unit == "share"
    about = [
        "" if score.predictor == "model" else words.label("predictors", score.predictor),
        words.label("explainers", score.explainer) if score.explainer else "",
        f"{words.name(score.attribute)}: {words.name(score.level)}".removesuffix(": "),
        words.name(score.slice),
    ]
    cells = {
        "score": words.label("metrics", score.metric),
        "about": ", ".join(filter(None, about)),
        "value": numbers.percent(score.value) if in_percent else numbers.number(score.value),
        "interval": numbers.interval(score.low, score.high, as_percent=in_percent),
        "n": numbers.count(score.n),
        "better": words.label("directions", score.direction),
    }
    return _headed(cells, words)


def _headed(cells: Mapping[str, str], words: Wording) -> dict[str, str]:
    """The cells under the heads that a person reads."""
    heads = words.table("notebook.heads")
    return {heads[name]: cell for name, cell in cells.items()}


def spoken_cases(
    cases: pd.DataFrame,
    reasons: pd.DataFrame | None,
    words: Wording,
    target: Target,
    decides: Callable[[int], str],
) -> SpokenTable:
    """The cases that have a page, a sentence each.

    Parameters
    ----------
    cases : the table `cases` of the metric `cases`. reasons : its `reason_codes` by the method that
        the report takes them from; None without one. target : what is predicted. decides : gives
        the sentence on protected attributes that decide about a case, in whose place no reasons are
        told; empty where none does.
    """
    codes = [] if reasons is None else read_rows(reasons, ReasonCode, "cases/reason_codes")
    ranked = sorted(codes, key=lambda code: code.rank)
    rows: list[dict[str, str]] = []
    sentences: list[str] = []
    for row in read_rows(cases, CaseRow, "cases/cases"):
        decisive = decides(row.case)
        of_case = [code for code in ranked if code.case == row.case and not decisive]
        counted = dict.fromkeys(code.label for code in of_case)
        sentence = words.text(
            "notebook.case",
            label=row.label,
            decision=row.decision,
            probability=row.probability,
            correct=row.correct,
            prediction=row.prediction,
            error=row.error,
            unit=target.unit,
            explained=target.explained_class if target.classes else "",
            reasons=list(counted)[:3],
        )
        sentence = f"{sentence} {decisive}".rstrip()
        cells = {"row": str(row.instance_id), "role": words.name(row.role_label), "case": sentence}
        sentences.append(sentence)
        rows.append(_headed(cells, words))
    frame = cases.assign(sentence=sentences)
    return SpokenTable.of(frame, words.text("notebook.cases", n=len(rows)), rows)
