"""What leaving inputs out did where it was tried, as sentences that findings carry with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.records import Row, rows
from deepseek_report.metrics.failures.without_inputs import SEPARATOR
from deepseek_report.tasks.task import REFERENCES
from deepseek_report.wording import estimates
from deepseek_report.wording.of_results import words_of

_METRIC = "without_inputs"
#: The plain predictor that stands for the model, which is not refitted.
_REFITTED = "gradient_boosting"


#: Values of a finding whose text has a place for what was tried, where nothing is advised.
NOTHING_TRIED: Mapping[str, Any] = MappingProxyType({"tried": "", "tested": []})


def without_attributes(results: Results, attributes: Collection[str]) -> dict[str, Any]:
    """What the gap and the score became without the inputs of these attributes.

    That it was not tried is said of each that has no refit.

    Returns
    -------
    `tried`, the first in a few words for beside the action, and `tested`, all in whole sentences.
    """
    refits = {
        row["attribute"]: row
        for row in rows(results, _METRIC, "refits")
        if row["why"] == "sensitive"
    }
    tried = [refits[name] for name in attributes if name in refits]
    sentences = [_told(results, row) for row in tried]
    whole = len(tried) == len(attributes)
    return _as_values(sentences if whole else [*sentences, message("advice.not_tried")])


def without_suspects(results: Results) -> dict[str, Any]:
    """What the score became without the inputs that may hold the answer, in the same way."""
    tried = [row for row in rows(results, _METRIC, "refits") if row["why"] == "leak"]
    if not tried:
        return {"tried": message("advice.suspects_not_tried"), "tested": []}
    return _as_values([_told(results, row) for row in tried])


def _as_values(sentences: Sequence[Message]) -> dict[str, Any]:
    first = sentences[0]
    if first.id == "advice.not_tried":
        return {"tried": first, "tested": list(sentences[1:])}
    return {"tried": message("advice.short", **first.values), "tested": list(sentences)}


def refits_of(results: Results) -> tuple[str, ...]:
    """The evidence for what is said here, where there is any."""
    measured = ArtifactId.measure(_METRIC)
    return (measured,) if results.has(measured) else ()


def _told(results: Results, row: Row) -> Message:
    gap = estimates.of_row(row, "gap", "gap")
    change = estimates.of_row(row, "gap_change", "gap_change")
    words = words_of(results)
    return message(
        "advice.refitted",
        predictor=REFERENCES[_REFITTED],
        inputs=[words.inline(name) for name in str(row["inputs"]).split(SEPARATOR)],
        rows=int(row["rows"]),
        level=row["level"],
        reference=row["reference"],
        gap=gap if gap.is_defined else None,
        before=gap.value - change.value if gap.is_defined else None,
        change=change if gap.is_defined else None,
        metric=words.label("metrics", str(row["metric"])),
        score=float(row["score"]),
        score_change=estimates.of_row(row, "score_change", "score_change"),
    )
