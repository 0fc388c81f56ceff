"""A section that is only words: what its metrics measured, in the sentences of the catalog."""

from __future__ import annotations

from dataclasses import dataclass

from deepseek_report.artifacts.protocols.sections import SectionContent, SectionPart
from deepseek_report.artifacts.results import Results
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.wording import estimates


@dataclass(frozen=True)
class WordedSection(SectionPart):
    """Shows the tables, pictures and findings that name it, with sentences filled by scores.

    name : the key of the section; its words are `sections.<name>` in `templates/locale`. Each
    sentence there below `answer` that has the name of a score is said with that score of the model
    as `score`, where the run has it; all below `caveat` are said.
    needs : ids without which it says that it is incomplete, such as `measures/roc_auc`.
    """

    name: str
    needs: frozenset[str] = frozenset()

    @property
    def texts(self) -> tuple[str, ...]:
        """The keys of the texts that it cannot be written without."""
        below = (f"sections.{self.name}.{part}" for part in ("question", "answer.nothing"))
        return (f"section_titles.{self.name}", *below)

    def content(self, results: Results) -> SectionContent:
        """Its sentences, in the order of the catalog."""
        draft = Draft(self.name, results)
        for key in draft.words.table(f"sections.{self.name}.answer"):
            score = results.score(key)
            if score is not None:
                draft.answer(key, score=estimates.of_score(score))
        for key in draft.words.table(f"sections.{self.name}.caveat"):
            draft.caveat(key)
        pictures = results.pictures.items()
        draft.values |= {
            "pictures": [key for key, each in pictures if each.section == self.name],
            "measured": results.tables_of(self.name),
        }
        return draft.content(self.needs)
