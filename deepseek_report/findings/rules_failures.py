"""The rule on parts that were asked for and failed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from deepseek_report.artifacts.explanation import CONTROL
from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.results import Results
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

#: So many parts with one reason are named, else the first few of them.
MOST_NAMED, NAMED_OF_MANY = 5, 3


def failures(results: Results) -> Iterator[Finding]:
    """One finding that names every part that failed, with the reasons."""
    if results.failures:
        words = words_of(results)
        parts = [
            {"part": words.artifact(part), "reason": readable_reason(words, part, reason)}
            for part, reason in without_repeats(words, results.failures).items()
        ]
        values = {"parts": parts, "n": len(parts)}
        yield Finding("failed", "high", "failed", values, section="reproducibility")


def applicable(refused: Mapping[str, Text]) -> dict[str, Text]:
    """Parts that cannot be applied here, each with the reason.

    Leaves out the control, which needs no excuse, and pictures: what they would show is named.
    """
    return {
        artifact: reason
        for artifact, reason in ((ArtifactId(key), reason) for key, reason in refused.items())
        if CONTROL not in (artifact.name, artifact.subject) and artifact.kind != "pictures"
    }


def by_reason(words: Wording, parts: Mapping[str, Text]) -> list[str]:
    """Parts with the reason why they are not there, those with one reason in one sentence.

    Many parts with one reason, such as all that is measured of classes where a number is predicted,
    are counted and not all named.
    """
    by_text: dict[str, list[ArtifactId]] = {}
    for artifact, reason in without_repeats(words, parts).items():
        text = readable_reason(words, artifact, reason)
        by_text.setdefault(text, []).append(ArtifactId(artifact))
    sentences = []
    for reason, artifacts in by_text.items():
        names = _named_together(words, artifacts)
        shown, key = names, "missing_parts.named"
        if len(names) > MOST_NAMED:
            shown, key = names[:NAMED_OF_MANY], "missing_parts.counted"
        sentences.append(words.text(key, n=len(artifacts), parts=shown, reason=reason))
    return sentences


def _named_together(words: Wording, artifacts: Sequence[ArtifactId]) -> list[str]:
    """The names of parts; what is measured of several methods is named once, with all of them."""
    methods: dict[ArtifactId, list[ArtifactId]] = {}
    for artifact in artifacts:
        methods.setdefault(ArtifactId.of(artifact.kind, artifact.name), []).append(artifact)
    return [
        words.artifact(of_one[0])
        if len(of_one) == 1
        else words.text(
            "missing_parts.of_methods",
            part=words.artifact(part),
            methods=[words.label("explainers", artifact.subject) for artifact in of_one],
        )
        for part, of_one in methods.items()
    ]


def without_repeats(words: Wording, parts: Mapping[str, Text]) -> dict[str, Text]:
    """The same parts; of one that lacks another of them, that is the reason, not why that broke."""
    reasons = dict(parts)
    for artifact, reason in parts.items():
        if isinstance(reason, Message) and reason.id == "refusals.lacks_input":
            roots = [str(broken["stage"]) for broken in reason.values["broken"]]
            if all(root in parts for root in roots):
                names = [words.inline(words.artifact(root)) for root in roots]
                reasons[artifact] = message("refusals.lacks_failed", parts=names)
    return reasons


def readable_reason(words: Wording, artifact: str, why: Text) -> str:
    """A reason in which the keys of the artifact are replaced by their names."""
    known = ArtifactId(artifact)
    reason = words.say(why)
    for key in (known.name, known.subject):
        group = "explainers" if key in words.table("explainers") else "metrics"
        if "_" in key:
            name = words.inline(words.label(group, key))
            reason = re.sub(rf"`?(?<![\w/]){re.escape(key)}\b`?", name, reason)
    return reason.rstrip(". ")
