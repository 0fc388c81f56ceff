"""What came of corrections, in sentences, and the findings where one failed or was evaded."""

from __future__ import annotations

from collections.abc import Iterator

from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.results import Results
from deepseek_report.extensions.corrections.correction_rows import (
    ChangedDecision,
    Corrected,
    CorrectionCost,
    TakenOver,
)
from deepseek_report.extensions.corrections.corrections_metric import MOST_LEFT
from deepseek_report.findings.records import unit_of
from deepseek_report.tasks import task_of

_CORRECTIONS = ("measures/corrections",)
#: Names that a sentence lists.
_NAMED = 4
#: Corrections of one reason that are told one by one on the first screen.
_CORRECTIONS_TOLD = 4


def corrections_failed(results: Results) -> Iterator[Finding]:
    """Each correction after which more than a fifth of the use is left."""
    for place, row in enumerate(results.rows("corrections", "corrected", Corrected)):
        if row.outcome == "failed":
            name, values = f"correction-failed-{place + 1}", _correction_values(results, row)
            yield Finding(name, "high", "correction_failed", values, _CORRECTIONS, "corrections")


def took_over(results: Results) -> Iterator[Finding]:
    """What surely counts more than before, together."""
    gained = gains(results)
    if gained:
        values = {
            "names": [row.label for row in gained[:_NAMED]],
            "n": len(gained),
            "first": gained[0].label,
            "before": gained[0].before,
            "after": gained[0].after,
            "decides": task_of(results.schema.target).decides,
        }
        name = "correction-took-over"
        yield Finding(name, "low", "correction_took_over", values, _CORRECTIONS, "corrections")


def gains(results: Results) -> list[TakenOver]:
    """The rows of what surely gained use, the largest gain first."""
    return [row for row in results.rows("corrections", "took_over", TakenOver) if row.sure]


def _correction_values(results: Results, row: Corrected) -> dict[str, object]:
    return {
        "kind": row.kind,
        "how": row.how,
        "by": row.by,
        "on": row.on,
        "why": row.why,
        "outcome": row.outcome,
        "what": row.names[:_NAMED],
        "more": max(len(row.names) - _NAMED, 0),
        "before": row.before,
        "after": row.after,
        "n": row.n,
        "most_left": MOST_LEFT,
        "decides": task_of(results.schema.target).decides,
        "outcome_class": results.schema.target.explained_class,
    }


def correction_lines(results: Results) -> tuple[Message, ...]:
    """What a report of a corrected model begins with.

    What was corrected, by whom, when and why; whether it worked; what it cost; whose decisions
    changed; what took over.
    """
    return tuple(_correction_lines(results))


def _correction_lines(results: Results) -> Iterator[Message]:
    table = results.rows("corrections", "corrected", Corrected)
    if not table:
        return
    for row in table[:_CORRECTIONS_TOLD]:
        values = _correction_values(results, row)
        yield message("corrections.said", **values)
        yield message("corrections.outcome", **values)
    if len(table) > _CORRECTIONS_TOLD:
        yield message("corrections.further", n=len(table) - _CORRECTIONS_TOLD)
    yield from _cost(results)
    if decisions := results.rows("corrections", "changed", ChangedDecision):
        changed = sum(row.changed for row in decisions)
        decides = task_of(results.schema.target).decides
        yield message("corrections.changed", n=decisions[0].n, changed=changed, decides=decides)
    if looked := results.rows("corrections", "took_over", TakenOver):
        gained = gains(results)
        names = [row.label for row in gained[:_NAMED]]
        yield message("corrections.took_over", names=names, n=len(gained), looked=len(looked))


def _cost(results: Results) -> Iterator[Message]:
    """The main measure on the data as they are, and where what was corrected is drawn anew."""
    task = task_of(results.schema.target)
    key = "accuracy" if task.decides else "mae"
    facts = {
        row.data: {"before": row.before, "after": row.after, "change": row.change}
        for row in results.rows("corrections", "cost", CorrectionCost)
        if row.metric == key
    }
    shipped, redrawn = facts.get("shipped"), facts.get("redrawn")
    if shipped is not None:
        share = any(measure.is_share for measure in task.by_rows if measure.key == key)
        costs = {"metric": key, "share": share, "unit": unit_of(results)}
        yield message("corrections.cost", **costs, shipped=shipped, redrawn=redrawn)


#: {rule of the core: those that come before it}.
BEFORE = {"broken": (corrections_failed, took_over)}
#: None of these rests on p-values.
FAMILIES: dict[str, object] = {}
