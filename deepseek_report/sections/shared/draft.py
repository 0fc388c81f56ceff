"""Collects what one section says: answer, values, caveats, actions, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar

from deepseek_report.artifacts.explanation import CONTROL
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.protocols.sections import SectionContent, SectionPart
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.table import TableType
from deepseek_report.findings.conclude import all_findings
from deepseek_report.findings.rules_failures import by_reason
from deepseek_report.sections.shared import tables
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import WordedFinding


def ids_of(*, measures: str = "", pictures: str = "") -> frozenset[str]:
    """The ids of measures and of pictures, their names in one string each."""
    of_measures = map(ArtifactId.measure, measures.split())
    return frozenset((*of_measures, *map(ArtifactId.picture, pictures.split())))


class Draft:
    """A section while it is written; texts come from `sections.<name>` of the locale."""

    def __init__(self, name: str, results: Results) -> None:
        self.name = name
        self.results = results
        self.words = words_of(results)
        self.values: tables.Values = {}
        self.answers: list[str] = []
        self.caveats: list[str] = []
        self.measured: list[str] = []
        self.actions: list[str] = []

    def text(self, key: str, **values: object) -> str:
        """A text of this section with its slots filled."""
        return self.words.text(f"sections.{self.name}.{key}", **values)

    def answer(self, key: str, **values: object) -> None:
        """Add a sentence to the answer, where these values make one."""
        if sentence := self.text(f"answer.{key}", **values):
            self.answers.append(sentence)

    def caveat(self, key: str, **values: object) -> None:
        """Add a caveat that this run triggers."""
        self.caveats.append(self.text(f"caveat.{key}", **values))

    def notes(self, metrics: Iterable[str]) -> None:
        """Add what these measurements say of themselves, but not of the control."""
        for metric in metrics:
            names = self.results.explainers_of(metric) or [""]
            taken = [self.results.measurement(metric, name) for name in names if name != CONTROL]
            self.measured.extend(
                self.words.say(note) for part in taken if part for note in part.notes
            )

    def table(
        self, name: str, kind: TableType, rows: Iterable[object], /, **slots: Any
    ) -> tables.ShownTable:
        """A table that this section makes; its words are `tables.<section>.<name>`."""
        words = f"{self.name}.{name}"
        return tables.own_table(self.results, f"{self.name}-{name}", words, kind, rows, **slots)

    def metric_table(
        self,
        metric: str,
        name: str,
        rows: Iterable[object] | None = None,
        view: tables.View | None = None,
        **slots: object,
    ) -> tables.ShownTable:
        """A table of a metric, or of it `rows`, or a `view` of it.

        Its words are `tables.<metric>.<name>`, or those of the view.
        """
        return tables.measured_table(self.results, self.name, metric, name, rows, view, **slots)

    def findings(self) -> list[WordedFinding]:
        """The findings whose evidence this section shows, gravest first.

        Where several matter for the same reason, the gravest alone says it.
        """
        mine = [finding for finding in all_findings(self.results) if finding.section == self.name]
        reasons: set[str] = set()
        worded = []
        for finding in map(self.words.finding, mine):
            worded.append(replace(finding, why="") if finding.why in reasons else finding)
            reasons.add(finding.why)
        return worded

    def content(self, needs: frozenset[str], uses: frozenset[str] = frozenset()) -> SectionContent:
        """The finished section.

        needs : ids without which the section is incomplete, whatever the reason.
        uses : further ids; the section is incomplete where one of them was asked for and failed.
        """
        findings = self.findings()
        self.notes(metric for metric, _ in self.results.tables_of(self.name))
        if not self.answers:
            self.answers.append(self.text("answer.nothing"))
        return SectionContent(
            name=self.name,
            title=self.words.label("section_titles", self.name),
            question=self.text("question"),
            answer=" ".join(self.answers),
            values=self.words.named(
                {"findings": findings, "notes": _unique(self.measured), **self.values}
            ),
            caveats=_unique(self.caveats),
            actions=_unique(self.actions),
            incomplete=self._incomplete(needs, uses),
        )

    def without(self, artifact: str) -> SectionContent:
        """The section of a run in which an artifact failed that it cannot be written without."""
        title = self.words.label("section_titles", self.name)
        return SectionContent(
            self.name,
            title,
            "",
            "",
            incomplete=self._incomplete(frozenset({artifact}), frozenset()),
        )

    def _incomplete(self, needs: frozenset[str], uses: frozenset[str]) -> list[str]:
        missing = self.results.missing(needs)
        reasons = {
            part: why for part, why in missing.items() if not self.results.failed_below(part)
        }
        reasons |= {
            failed: why
            for failed, why in self.results.failures.items()
            if any(ArtifactId(failed).is_within(needed) for needed in needs | uses)
        }
        return by_reason(self.words, reasons)


class DraftedSection(SectionPart):
    """A section that is written as a draft; a subclass says what of."""

    name: ClassVar[str]
    """Its key: its words are `sections.<name>` in `templates/locale`."""
    metrics: ClassVar[str] = ""
    """Metrics whose notes it says, by their names."""
    pictures: ClassVar[str] = ""
    """Pictures that it shows, by their names."""
    uses: ClassVar[frozenset[str]] = frozenset()
    """Further ids; it is incomplete where one of them, of the metrics or of the pictures failed."""

    def content(self, results: Results) -> SectionContent:
        """The finished section on these results."""
        draft = Draft(self.name, results)
        draft.notes(self.metrics.split())
        self.write(draft)
        shown = ids_of(measures=self.metrics, pictures=self.pictures)
        return draft.content(self.needed(results), self.uses | shown)

    def write(self, draft: Draft) -> None:
        """Fill the draft."""
        raise NotImplementedError

    def needed(self, results: Results) -> frozenset[str]:
        """What it needs of these results."""
        del results
        return self.needs


def _unique(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(text.strip() for text in texts if text.strip()))
