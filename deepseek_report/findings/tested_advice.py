"""What leaving inputs out did where it was tried, as sentences that findings carry with them."""

from __future__ import annotations

from collections.abc import Mapping
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


def without_suspects(results: Results) -> dict[str, Any]:
    """What the score became without the inputs that may hold the answer.

    Returns `tried`, the first in a few words for beside the action, and `tested`, all in whole
    sentences.
    """
    tried = [_told(results, row) for row in rows(results, _METRIC, "refits")]
    if not tried:
        return {"tried": message("advice.suspects_not_tried"), "tested": []}
    return {"tried": message("advice.short", **tried[0].values), "tested": tried}


def refits_of(results: Results) -> tuple[str, ...]:
    """The evidence for what is said here, where there is any."""
    measured = ArtifactId.measure(_METRIC)
    return (measured,) if results.has(measured) else ()


def _told(results: Results, row: Row) -> Message:
    words = words_of(results)
    return message(
        "advice.refitted",
        predictor=REFERENCES[_REFITTED],
        inputs=[words.inline(name) for name in str(row["inputs"]).split(SEPARATOR)],
        rows=int(row["rows"]),
        metric=words.label("metrics", str(row["metric"])),
        score=float(row["score"]),
        score_change=estimates.of_row(row, "score_change", "score_change"),
    )
