"""What is measured of language models alone: where a continuation comes from, and the inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.results import Results
from deepseek_report.sections.chains import CHAIN_METRICS, answer_chains
from deepseek_report.sections.continuation import continuation_answer, continuation_data
from deepseek_report.sections.language_inside import inside
from deepseek_report.sections.shared.draft import Draft

#: Metrics and pictures of language models; the section is incomplete where one of them failed.
_INSIDE: tuple[str, ...] = ("lens", "head_roles", "latent", "token_experts")
_METRICS: tuple[str, ...] = ("continuation", *_INSIDE, *CHAIN_METRICS)
_PICTURES: tuple[str, ...] = ("continuation", "lens", "head_roles")
_USES = frozenset(
    {ArtifactId.measure(name) for name in _METRICS}
    | {ArtifactId.picture(name) for name in _PICTURES}
)


@dataclass(frozen=True)
class LanguageSection:
    """Says what a continuation came from and what inside of the model made it."""

    needs: ClassVar[frozenset[str]] = frozenset()

    def content(self, results: Results) -> SectionContent:
        draft = Draft("language", results)
        continuation_answer(draft)
        draft.values["continuation"] = continuation_data(draft)
        draft.values["inside"] = inside(draft)
        draft.notes(("continuation", *_INSIDE))
        answer_chains(draft)
        return draft.content(self.needs, _USES)
