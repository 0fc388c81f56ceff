"""What a comparison says, section by section: conclusions first, then each question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deepseek_report.artifacts.message import Text
from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.results import Results
from deepseek_report.sections.shared.tables import measured_table
from deepseek_report.wording.of_results import words_of

#: {section: its tables, in the order in which they are read}.
TABLES: dict[str, tuple[str, ...]] = {
    "compared_settings": ("settings", "origins"),
    "compared_performance": ("methods", "spread", "fitted", "values"),
    "compared_data_sets": ("pairs", "ranks", "data_sets"),
    "compared_explanations": ("agreement", "sources"),
    "compared_promises": ("promises",),
    "compared_decisions": ("rates", "changes", "cases"),
    "compared_price": ("prices",),
}

#: The section that only runs of several data sets have.
_OF_SEVERAL = "compared_data_sets"


@dataclass(frozen=True)
class Compared:
    """What the first section tells. runs, methods : how many there are."""

    runs: int
    methods: int
    conclusions: Sequence[Text]


def contents(results: Results, compared: Compared) -> list[SectionContent]:
    """All sections of a comparison.

    results : its measurements and pictures, by the names of `TABLES`.
    """
    several = results.table(_OF_SEVERAL, "data_sets") is not None
    names = [name for name in TABLES if several or name != _OF_SEVERAL]
    return [_conclusions(results, compared), *(_section(results, name) for name in names)]


def _conclusions(results: Results, compared: Compared) -> SectionContent:
    words = words_of(results)
    return SectionContent(
        name="compared",
        title=words.label("section_titles", "compared"),
        question=words.text("sections.compared.question"),
        answer=words.text("sections.compared.answer", runs=compared.runs, methods=compared.methods),
        values={
            "sentences": [words.say(sentence) for sentence in compared.conclusions],
            "pictures": _pictures(results, "compared"),
        },
    )


def _section(results: Results, name: str) -> SectionContent:
    words = words_of(results)
    shown = [table for each in TABLES[name] if (table := measured_table(results, name, name, each))]
    notes = [words.say(note) for note in results.notes(name)]
    return SectionContent(
        name=name,
        title=words.label("section_titles", name),
        question=words.text(f"sections.{name}.question"),
        answer=" ".join(notes) or words.text(f"sections.{name}.answer", tables=len(shown)),
        values={"shown": shown, "pictures": _pictures(results, name)},
    )


def _pictures(results: Results, section: str) -> list[str]:
    return [name for name, picture in results.pictures.items() if picture.section == section]
