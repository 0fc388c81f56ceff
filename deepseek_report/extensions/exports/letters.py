"""Letters to persons who were decided against, in the form that their law gives.

The reasons are the reason codes of the report: adverse, none about a protected attribute, at most
four, and of these only the set that is certainly the largest. A letter that could not say them
truly is refused, with what stands against it.

The texts of languages that have no report stand in `letters_in/`; what one lacks stands in
English.

Forms: 12 CFR 1002, Appendix C, Form C-1 (`regb`). The law of the Union gives none: `gdpr` says what
Regulation (EU) 2016/679, Art. 15(1)(h) and 22(3), and `ccd` what Directive (EU) 2023/2225, Art.
18(8) and (9), let a person know.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage import bounded_yaml
from deepseek_report.errors import ArtifactError
from deepseek_report.extensions.exports.exported_run import ExportedRun, one_line
from deepseek_report.findings.explainer_verdicts import leading_for_cases, verdict_of
from deepseek_report.findings.records import explainer_inline
from deepseek_report.metrics.cases.single_case_rows import CaseRow, ReasonCode
from deepseek_report.sections.single_cases.case_pages import equals
from deepseek_report.sections.single_cases.case_sentences import decides
from deepseek_report.tasks import task_of
from deepseek_report.visualizations.drawing.labels import columns
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import DEFAULT_LANGUAGE, Wording, languages

LetterKind = Literal["regb", "gdpr", "ccd"]
LETTERS: tuple[LetterKind, ...] = get_args(LetterKind)

#: The form that its regulator words in English.
IN_ENGLISH: LetterKind = "regb"
_WIDTH = 78
#: Signs of Chinese texts that begin no line.
_NEVER_FIRST = frozenset("，。；：、！？）》”")


def letter_languages() -> list[str]:
    """The languages that a letter can be written in, sorted."""
    return sorted({*languages(), *(path.stem for path in _folder().glob("*.yaml"))})


def _folder() -> Path:
    return Path(__file__).parent / "letters_in"


def letter_language(results: Results, kind: LetterKind, chosen: str = "") -> str:
    """The language of a letter: the chosen one, else that of the report where there is one.

    Raises
    ------
    ArtifactError : there are no words in the chosen language.
    """
    known = letter_languages()
    if chosen and chosen not in known:
        allowed = ", ".join(known)
        raise ArtifactError(f"--language {chosen}: no letter has words in it; allowed: {allowed}")
    of_report = str(results.report.get("language") or "")
    usual = (name for name in (of_report, of_report.partition("-")[0]) if name in known)
    return DEFAULT_LANGUAGE if kind == IN_ENGLISH else chosen or next(usual, DEFAULT_LANGUAGE)


def letter_words(results: Results, language: str) -> Wording:
    """The texts of letters in a language, worded for a run."""
    file = _folder() / f"{language}.yaml"
    if not file.is_file():
        return words_of(results, language)
    return words_of(results, DEFAULT_LANGUAGE).over(bounded_yaml.load(file))


@dataclass(frozen=True)
class Letter:
    """A letter on one row, or why there is none.

    row : its number, which counts from 1 among rows that a person brought. text : empty where it is
    refused. refusal : a sentence on what stands against it, else empty. decided_by_attribute :
    whether that is a protected attribute with another value of which the person would be accepted.
    """

    row: int
    text: str = ""
    refusal: str = ""
    decided_by_attribute: bool = False


def refuse_without_reasons(results: Results) -> None:
    """Refuse runs whose reasons may be told to nobody.

    Raises
    ------
    ArtifactError : nothing is decided or nobody declares which class is favourable, or no method of
        the run is shown to give the reasons of single cases.
    """
    run, target = ExportedRun(results, ""), results.schema.target
    if not task_of(target).decides or target.favourable is None:
        raise ArtifactError(run.text("letters.refused.not_judged"))
    name = leading_for_cases(results)
    if name is None or not verdict_of(results, name).is_trusted:
        raise ArtifactError(run.text("letters.refused.no_method"))


def letters_of(
    results: Results, explainer: str, kind: LetterKind, language: str = DEFAULT_LANGUAGE
) -> list[Letter]:
    """A letter on each row that a person brought to a run, in their order.

    results : of the rows, as `StoredModel.results_of` gives them. explainer : whose reasons they
    are; it has passed, see `refuse_without_reasons`. language : one of `letter_languages`.
    """
    writer = _Writer(ExportedRun(results, ""), explainer, kind, letter_words(results, language))
    cases = results.rows(*CaseRow.source, CaseRow)
    letters = [writer.letter(abs(case.instance_id), case) for case in cases]
    return sorted(letters, key=lambda letter: letter.row)


def stated_reasons(codes: Sequence[ReasonCode]) -> list[ReasonCode]:
    """Of the reasons of a case, largest first, those that are certainly the largest ones.

    Behind the last rank that is certain another feature may count as much, so nothing is stated.
    """
    groups = equals(codes)
    certain = [group for group in groups if group[-1].order_certain]
    return [row for group in certain for row in group]


@dataclass(frozen=True)
class _Writer:
    run: ExportedRun
    explainer: str
    kind: LetterKind
    words: Wording

    def letter(self, number: int, case: CaseRow) -> Letter:
        target = self.run.results.schema.target
        if case.decision == target.favourable_class:
            return self._refused(number, "favourable", decision=case.decision)
        if told := decides(self.run.results, case.case, self.run.words):
            refused = self._refused(number, "decides", decides=told)
            return replace(refused, decided_by_attribute=True)
        codes = [
            row
            for row in self.run.results.rows(*ReasonCode.source, ReasonCode)
            if row.explainer == self.explainer and row.case == case.case
        ]
        chosen = sorted((r for r in codes if r.role == "reason"), key=lambda r: r.rank)
        stated = stated_reasons(chosen)
        if not stated:
            return self._refused(number, "not_stable", found=len(chosen))
        least = min(row.shortfall for row in stated)
        above = [r for r in codes if r.role == "protected" and r.shortfall >= least]
        if above:
            names = [self.run.words.name(row.label) for row in above]
            return self._refused(number, "protected", names=names)
        return Letter(number, text="\n".join(self._lines(case, stated)) + "\n")

    def _refused(self, number: int, why: str, **values: object) -> Letter:
        return Letter(number, refusal=self.run.text(f"letters.refused.{why}", **values))

    def _lines(self, case: CaseRow, stated: Sequence[ReasonCode]) -> Iterator[str]:
        """The parts of the form in their order; `reasons` is a list."""
        values = self._values(case)
        for part in self.words.table(f"exports.letters.{self.kind}"):
            if part == "reasons":
                for row in stated:
                    yield from self._wrapped(self._reason(row), "  ", "      ")
                yield ""
            elif text := self.words.text(f"exports.letters.{self.kind}.{part}", **values):
                yield from (*self._wrapped(text), "")

    def _reason(self, row: ReasonCode) -> str:
        about = {"label": self.words.name(row.label), "display": self.words.name(row.display)}
        return self.words.text(f"exports.letters.{self.kind}.reasons", **about)

    def _values(self, case: CaseRow) -> dict[str, object]:
        """What the law of the Union lets a person know of how the decision came about."""
        results = self.run.results
        target, threshold = results.schema.target, results.predicted.threshold
        return {
            "n": len(results.schema.features),
            "target": target.label,
            "explained": target.explained_class,
            "probability": case.probability if threshold is not None else None,
            "threshold": threshold,
            "is_good": target.explained == target.favourable,
            "method": self._method(),
        }

    def _method(self) -> str:
        """What the method is called: in another language as its texts say, where they do."""
        english = words_of(self.run.results, DEFAULT_LANGUAGE).explainer(self.explainer)
        here = self.words.explainer(self.explainer)
        return explainer_inline(self.run.results, self.explainer) if here == english else here

    def _wrapped(self, text: str, first: str = "", others: str = "") -> list[str]:
        if columns(text) > len(text):
            return _wrapped_anywhere(one_line(text), first, others)
        return textwrap.wrap(
            one_line(text),
            _WIDTH,
            initial_indent=first,
            subsequent_indent=others,
            break_long_words=False,
            break_on_hyphens=False,
        )


def _wrapped_anywhere(text: str, first: str, others: str) -> list[str]:
    """Lines of a text whose script has no spaces: Latin words and numbers are kept whole."""
    lines, line = list[str](), first
    for piece in re.findall(r"[!-~]+ ?|[^!-~]", text):
        if columns(line + piece.rstrip()) > _WIDTH and piece not in _NEVER_FIRST:
            lines.append(line.rstrip())
            line = others
        line += piece
    return [*lines, line.rstrip()]
