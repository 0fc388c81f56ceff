"""A finished run as the exports read it: what it is called, what its report says, its scores."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from deepseek_report.artifacts.conclusions import Verdict
from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.results import Results, RunRecord
from deepseek_report.artifacts.score import Score
from deepseek_report.findings.conclude import all_findings, conclusions_of
from deepseek_report.findings.records import attribute_label, is_share, promise_name
from deepseek_report.rendering.markdown import clean
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import WordedFinding, Wording

#: Families of scores that say how a model performs, and for whom.
_OF_THE_MODEL = frozenset(
    {"performance", "calibration", "fairness", "slices", "robustness", "behaviour"}
)
#: White space that is no part of how a number is written.
_WHITE = re.compile(r"[ \t\n]+")


@dataclass(frozen=True)
class ExportedRun:
    """The results of a run, its digest, and all libraries that it was made with.

    libraries : {distribution: version}. sections : {name: what that section of the report says}.
    """

    results: Results
    run_digest: str
    libraries: Mapping[str, str] = field(default_factory=dict)
    sections: Mapping[str, SectionContent] = field(default_factory=dict)

    @cached_property
    def words(self) -> Wording:
        return words_of(self.results)

    def text(self, key: str, /, **values: object) -> str:
        """A text of the exports with its slots filled, on one line."""
        return self.words.text(f"exports.{key}", **values)

    def _declared(self, name: str) -> str:
        """A text of the part `report` of the config."""
        return str(self.results.report.get(name) or "")

    @property
    def name(self) -> str:
        """What the report calls itself, else the experiment, in any case without line breaks."""
        named = self._declared("title") or self.results.config.get("name") or self.results.run_id
        return one_line(str(named))

    @property
    def author(self) -> str:
        """Who made the report, as far as its config says."""
        return one_line(self._declared("author"))

    @property
    def audience(self) -> str:
        """For whom the report is, as far as its config says."""
        return self._declared("audience")

    @property
    def finished(self) -> dt.datetime | None:
        """When the run was finished, where its config lets times of day be printed."""
        record = self.results.provenance.get("record")
        is_timed = bool(self.results.config.get("measure_time"))
        return record.finished if isinstance(record, RunRecord) and is_timed else None

    def digest(self, name: str) -> str:
        """A digest of the run: `data`, `weights`, `config`; empty where it has none."""
        return str(self.results.digests.get(name) or "")

    @cached_property
    def findings(self) -> list[tuple[Finding, WordedFinding]]:
        """What the report concludes, gravest first, mere notes left out."""
        findings = [each for each in all_findings(self.results) if each.severity != "info"]
        return [(finding, self.words.finding(finding)) for finding in findings]

    @cached_property
    def promises(self) -> tuple[Verdict, ...]:
        return tuple(conclusions_of(self.results).verdicts)

    def promised(self, promise: Verdict) -> dict[str, str]:
        """A promise in words: metric, bound, what was measured, verdict."""
        share, measured = is_share(promise), "–"
        if promise.value is not None:
            measured = self._value(promise, share, promise.low is not None)
        bound = self.words.numbers.declared(promise.bound, as_percent=share)
        return {
            "metric": promise_name(self.results, promise),
            "promised": self.words.text(f"sections.summary.promise.{promise.side}", bound=bound),
            "measured": measured,
            "outcome": self.words.label("outcomes", promise.outcome),
        }

    @cached_property
    def scores(self) -> list[Score]:
        """What was measured of the model itself, in config order."""
        return [
            score
            for score in self.results.all_scores
            if score.category in _OF_THE_MODEL
            and score.predictor == "model"
            and not score.explainer
            and finite(score.value) is not None
        ]

    def part_of(self, score: Score) -> str:
        """The part of the data that a score is about, in words; empty: all of the test part."""
        words = self.words
        attribute = attribute_label(self.results, score.attribute) if score.attribute else ""
        group = ": ".join(filter(None, (words.name(attribute), words.name(score.level))))
        return ", ".join(filter(None, (group, words.name(score.slice))))

    @property
    def card(self) -> Mapping[str, Any]:
        """What is known of the data; nothing where they failed."""
        return self.results.card if self.results.has("data") else {}

    @property
    def sizes(self) -> dict[str, object]:
        """{part of the data: how many instances it has}."""
        return {str(part.get("part")): part.get("n") for part in self.card.get("parts") or ()}

    def of_card(self, key: str) -> str:
        """A fact or a sentence of the data card on one line; empty where nobody declares it."""
        known = self.card.get(key)
        text = self.words.say(known) if isinstance(known, Message | str) else known
        return one_line(str(text)) if text else ""

    @property
    def limits(self) -> list[str]:
        """What the data card says that the data cannot show."""
        limits = [*(self.card.get("limits") or ()), *(self.card.get("limited") or ())]
        return [one_line(self.words.say(limit)) for limit in limits]

    @property
    def of_data(self) -> list[str]:
        """Where the data come from, each fact in words."""
        keys = ("description", "population", "period", "source", "licence", "citation")
        known = {key: self.of_card(key) for key in keys}
        return [self.text(f"card.of_data.{key}", value=known[key]) for key in keys if known[key]]

    @cached_property
    def score_rows(self) -> list[dict[str, str]]:
        """Every score of the model in words, of all cases and of the parts that are compared."""
        numbers = self.words.numbers
        return [
            {
                "metric": self.words.label("metrics", score.metric),
                "part": self.part_of(score) or self.text("card.all"),
                "value": self._value(score, score.unit == "share", True),
                "n": numbers.count(score.n),
            }
            for score in self.scores
        ]

    def _value(self, measured: Score | Verdict, share: bool, with_interval: bool) -> str:
        """A number, and in brackets its interval, or that it has none."""
        numbers, (low, high) = self.words.numbers, (measured.low, measured.high)
        value = (numbers.percent if share else numbers.number)(measured.value, low, high)
        ends = numbers.interval(low, high, as_percent=share)
        return f"{value} ({ends})" if with_interval else value

    @property
    def architecture(self) -> Mapping[str, Any]:
        """What the model is made of; nothing where it could not be trained."""
        return self.results.architecture if self.results.has("training") else {}

    @property
    def model_summary(self) -> str:
        """The model in a sentence, or its name."""
        known = self.architecture.get("summary") or str(self.architecture.get("name") or "")
        return one_line(self.words.say(known))


def one_line(text: str) -> str:
    """The text without line breaks, nor characters that reorder or hide what is read."""
    return _WHITE.sub(" ", clean(text)).strip(" ")
