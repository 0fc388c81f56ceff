"""Letters to persons who were decided against, in the form that their law gives.

The reasons are the reason codes of the report: adverse, none about a protected attribute, at most
four, and of these only the set that is certainly the largest. A letter that could not say them
truly is refused, with what stands against it.

Forms: 12 CFR 1002, Appendix C, Form C-1 (`regb`). The law of the Union gives none: `gdpr` says what
Regulation (EU) 2016/679, Art. 15(1)(h) and 22(3), and `ccd` what Directive (EU) 2023/2225, Art.
18(8) and (9), let a person know.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from deepseek_report.artifacts.results import Results
from deepseek_report.errors import ArtifactError
from deepseek_report.exports.exported_run import ExportedRun, one_line
from deepseek_report.findings.explainer_verdicts import leading_for_cases, verdict_of
from deepseek_report.findings.records import Row, explainer_inline, rows
from deepseek_report.sections.single_cases.case_pages import equals
from deepseek_report.tasks import task_of
from deepseek_report.wording.of_results import words_of

LetterKind = Literal["regb", "gdpr", "ccd"]
LETTERS: tuple[LetterKind, ...] = get_args(LetterKind)

_WIDTH = 78


@dataclass(frozen=True)
class Letter:
    """A letter on one row, or why there is none.

    row : its number, which counts from 1 among rows that a person brought. text : empty where it is
    refused. refusal : a sentence on what stands against it, else empty.
    """

    row: int
    text: str = ""
    refusal: str = ""


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


def letters_of(results: Results, explainer: str, kind: LetterKind) -> list[Letter]:
    """A letter on each row that a person brought to a run, in their order.

    results : of the rows, as `StoredModel.results_of` gives them. explainer : whose reasons they
    are; it has passed, see `refuse_without_reasons`.
    """
    writer = _Writer(ExportedRun(results, ""), explainer, kind)
    letters = [
        writer.letter(int(case["instance_id"]), case) for case in rows(results, "cases", "cases")
    ]
    return sorted(letters, key=lambda letter: letter.row)


def stated_reasons(codes: Sequence[Row]) -> list[Row]:
    """Of the reasons of a case, largest first, those that are certainly the largest ones.

    Behind the last rank that is certain another feature may count as much, so nothing is stated.
    """
    groups = equals(codes)
    certain = [group for group in groups if group[-1]["order_certain"]]
    return [row for group in certain for row in group]


@dataclass(frozen=True)
class _Writer:
    run: ExportedRun
    explainer: str
    kind: LetterKind

    def letter(self, number: int, case: Row) -> Letter:
        target = self.run.results.schema.target
        if case["decision"] == target.favourable_class:
            return self._refused(number, "favourable", decision=case["decision"])
        codes = [
            row
            for row in rows(self.run.results, "cases", "reason_codes")
            if row["explainer"] == self.explainer and row["case"] == case["case"]
        ]
        chosen = sorted((r for r in codes if r["role"] == "reason"), key=lambda r: r["rank"])
        stated = stated_reasons(chosen)
        if not stated:
            return self._refused(number, "not_stable", found=len(chosen))
        least = min(float(row["shortfall"]) for row in stated)
        above = [r for r in codes if r["role"] == "protected" and float(r["shortfall"]) >= least]
        if above:
            names = [self.run.words.name(str(row["label"])) for row in above]
            return self._refused(number, "protected", names=names)
        return Letter(number, text="\n".join(self._lines(case, stated)) + "\n")

    def _refused(self, number: int, why: str, **values: Any) -> Letter:
        return Letter(number, refusal=self.run.text(f"letters.refused.{why}", **values))

    def _lines(self, case: Row, stated: Sequence[Row]) -> Iterator[str]:
        """The parts of the form in their order; `reasons` is a list."""
        values = self._values(case)
        for part in words_of(self.run.results).table(f"exports.letters.{self.kind}"):
            if part == "reasons":
                for row in stated:
                    yield from self._wrapped(self._reason(row), "  ", "      ")
                yield ""
            elif text := self.run.text(f"letters.{self.kind}.{part}", **values):
                yield from (*self._wrapped(text), "")

    def _reason(self, row: Row) -> str:
        about = {
            "label": self.run.words.name(str(row["label"])),
            "display": self.run.words.name(str(row["display"])),
        }
        return self.run.text(f"letters.{self.kind}.reasons", **about)

    def _values(self, case: Row) -> dict[str, Any]:
        """What the law of the Union lets a person know of how the decision came about."""
        results = self.run.results
        target, threshold = results.schema.target, results.predicted.threshold
        return {
            "n": len(results.schema.features),
            "target": target.label,
            "explained": target.explained_class,
            "probability": float(case["probability"]) if threshold is not None else None,
            "threshold": threshold,
            "is_good": target.explained == target.favourable,
            "method": explainer_inline(results, self.explainer),
        }

    def _wrapped(self, text: str, first: str = "", others: str = "") -> list[str]:
        return textwrap.wrap(
            one_line(text),
            _WIDTH,
            initial_indent=first,
            subsequent_indent=others,
            break_long_words=False,
            break_on_hyphens=False,
        )
