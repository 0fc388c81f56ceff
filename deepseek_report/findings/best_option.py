"""What could be done about a gap between groups, as a sentence with its price."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.table import SEPARATOR
from deepseek_report.findings.records import attribute_label, first
from deepseek_report.metrics.failures.failure_rows import RefitWithout
from deepseek_report.metrics.fairness.fairness_rows import GapOption
from deepseek_report.metrics.fairness.options import OTHERWISE_TRAINED, OWN, REFITTED, TODAY
from deepseek_report.tasks.task import REFERENCES
from deepseek_report.wording.of_results import words_of

_METRIC = "options"
#: A threshold for each group is shown, and nothing that is advised.
_NEVER_ADVISED = (TODAY, "threshold_per_group")
#: Values of a finding whose text has a place for an option, where none is told.
NO_OPTION: Mapping[str, object] = MappingProxyType({"option": "", "no_option": ""})


def best_option(results: Results, attribute: str) -> dict[str, object]:
    """What the validation part speaks for and the test part confirms, of one attribute.

    Returns `option` : what it would change, with its price; empty where it is not shown to narrow
        the gap.
    `no_option` : then, that none of those measured is proposed; empty where none was measured.
    """
    measured = options_of(results, attribute)
    today = first(row for row in measured if row.option == TODAY)
    better = first(row for row in measured if row.is_better)
    if today is None:
        return dict(NO_OPTION)
    if better is None:
        n = sum(row.option not in _NEVER_ADVISED for row in measured)
        chosen = first(row for row in measured if row.is_chosen)
        name = None if chosen is None else option_name(results, chosen)
        return {"option": "", "no_option": message("advice.no_option", n=n, name=name)}
    return {"option": _told(results, better, measured), "no_option": ""}


def without_attributes(results: Results, attributes: list[str]) -> dict[str, object]:
    """What the model itself, or gradient boosting in its place, would change without these inputs.

    These are what the attributes were made from.

    Returns `tried`, the first of them or that none was tried, and `tested`, the others.
    """
    sentences = []
    for attribute in attributes:
        measured = options_of(results, attribute)
        today = first(row for row in measured if row.option == TODAY)
        refit, own = (
            first(row for row in measured if row.option == name)
            for name in ("without", f"{OWN}without")
        )
        tried = own or refit
        if today is not None and tried is not None:
            option = _told(results, tried, measured)
            sentences.append(message("advice.tried", option=option, own=own is not None))
    if len(sentences) < len(attributes):
        sentences.append(message("advice.not_tried"))
    return {"tried": sentences[0], "tested": sentences[1:]}


def options_of(results: Results, attribute: str) -> list[GapOption]:
    """The options that were measured for an attribute, today's decisions first."""
    return [r for r in results.rows(_METRIC, "options", GapOption) if r.attribute == attribute]


def evidence_of_options(results: Results) -> tuple[str, ...]:
    """The evidence for what is said of options, where there is any."""
    return _evidence(results, _METRIC)


def _evidence(results: Results, metric: str) -> tuple[str, ...]:
    measured = ArtifactId.measure(metric)
    return (measured,) if results.has(measured) else ()


def option_name(results: Results, row: GapOption) -> Message:
    """What is done in an option, as a sentence takes it."""
    words = words_of(results)
    is_one = row.threshold and row.option != "threshold_per_group"
    return message(
        f"option_names.{row.option}",
        threshold=float(row.threshold) if is_one else None,
        attribute=attribute_label(results, row.attribute),
        inputs=[words.inline(label) for label in row.left_out.split(SEPARATOR) if label],
    )


def _told(results: Results, row: GapOption, measured: list[GapOption]) -> Message:
    """What an option changes; a predictor that is trained otherwise stands beside it as it is."""
    gaps = {other.option: other.gap.value for other in measured}
    return message(
        "advice.option",
        name=option_name(results, row),
        by_threshold=row.option.startswith("threshold"),
        before=gaps[TODAY],
        as_it_is=gaps.get(REFITTED) if row.option in OTHERWISE_TRAINED else None,
        level=row.level,
        reference=row.reference,
        ratio=row.ratio,
        gap=row.gap,
        gap_change=row.gap_change,
        balanced_accuracy_change=row.balanced_accuracy_change,
        auc_change=row.auc_change,
        cost_change=row.cost_change,
    )


_REFITS = "without_inputs"


#: Values of a finding whose text has a place for what was tried, where nothing is advised.
NOTHING_TRIED: Mapping[str, object] = MappingProxyType({"tried": "", "tested": []})


def without_suspects(results: Results) -> dict[str, object]:
    """What the score became without the inputs that may hold the answer.

    Returns `tried`, the first in a few words for beside the action, and `tested`, all in whole
    sentences.
    """
    tried = [_told_refit(results, row) for row in results.rows(_REFITS, "refits", RefitWithout)]
    if not tried:
        return {"tried": message("advice.suspects_not_tried"), "tested": []}
    return {"tried": message("advice.short", **tried[0].values), "tested": tried}


def refits_of(results: Results) -> tuple[str, ...]:
    """The evidence for what is said of refits, where there is any."""
    return _evidence(results, _REFITS)


def _told_refit(results: Results, row: RefitWithout) -> Message:
    words = words_of(results)
    return message(
        "advice.refitted",
        predictor=REFERENCES[REFITTED],
        inputs=[words.inline(name) for name in row.inputs.split(SEPARATOR)],
        rows=row.rows,
        metric=words.label("metrics", row.metric),
        score=row.score,
        score_change=row.score_change,
    )
