"""What came of corrections, in sentences, and the findings where one failed or was evaded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.records import unit_of
from deepseek_report.metrics.behaviour.behaviour_rows import (
    ChangedDecision,
    Corrected,
    CorrectionCost,
    TakenOver,
)
from deepseek_report.metrics.behaviour.corrections import MOST_LEFT
from deepseek_report.tasks import task_of

_EVIDENCE = ("measures/corrections",)
#: Names that a sentence lists.
_NAMED = 4
#: Corrections of one reason that are told one by one on the first screen.
TOLD = 4


def failed(results: Results) -> list[Finding]:
    """Each correction after which more than a fifth of the use is left."""
    return [
        Finding(
            id=f"correction-failed-{place + 1}",
            severity="high",
            message="correction_failed",
            values=values(results, row),
            evidence=_EVIDENCE,
            section="corrections",
        )
        for place, row in enumerate(results.rows("corrections", "corrected", Corrected))
        if row.outcome == "failed"
    ]


def took_over(results: Results) -> list[Finding]:
    """What surely counts more than before, together."""
    gained = gains(results)
    if not gained:
        return []
    names = [row.label for row in gained[:_NAMED]]
    return [
        Finding(
            id="correction-took-over",
            severity="low",
            message="correction_took_over",
            values={"names": names, "n": len(gained), **_gain(results, gained[0])},
            evidence=_EVIDENCE,
            section="corrections",
        )
    ]


def gains(results: Results) -> list[TakenOver]:
    """The rows of what surely gained use, the largest gain first."""
    return [row for row in results.rows("corrections", "took_over", TakenOver) if row.sure]


def _gain(results: Results, row: TakenOver) -> dict[str, object]:
    return {
        "first": row.label,
        "before": row.before,
        "after": row.after,
        "decides": task_of(results.schema.target).decides,
    }


def values(results: Results, row: Corrected) -> dict[str, Any]:
    """What a sentence on one correction names."""
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


def lines(results: Results) -> tuple[Message, ...]:
    """What a report of a corrected model begins with.

    What was corrected, by whom, when and why; whether it worked; what it cost; whose decisions
    changed; what took over.
    """
    table = results.rows("corrections", "corrected", Corrected)
    if not table:
        return ()
    each_told = [
        sentence
        for row in table[:TOLD]
        for sentence in (
            message("corrections.said", **values(results, row)),
            message("corrections.outcome", **values(results, row)),
        )
    ]
    more = len(table) - TOLD
    further = [message("corrections.further", n=more)] if more > 0 else []
    return (*each_told, *further, *_cost(results), *_changed(results), *_took_over(results))


def _cost(results: Results) -> Iterator[Message]:
    """The main measure on the data as they are, and where what was corrected is drawn anew."""
    table = results.rows("corrections", "cost", CorrectionCost)
    key = _main(results)
    facts = {row.data: _compared(row) for row in table if row.metric == key}
    if "shipped" in facts:
        yield message(
            "corrections.cost",
            metric=key,
            share=_is_share(results, key),
            unit=unit_of(results),
            shipped=facts["shipped"],
            redrawn=facts.get("redrawn"),
        )


def _main(results: Results) -> str:
    return "accuracy" if task_of(results.schema.target).decides else "mae"


def _is_share(results: Results, key: str) -> bool:
    return any(m.is_share for m in task_of(results.schema.target).by_rows if m.key == key)


def _compared(row: CorrectionCost) -> dict[str, Any]:
    return {"before": row.before, "after": row.after, "change": row.change}


def _changed(results: Results) -> Iterator[Message]:
    table = results.rows("corrections", "changed", ChangedDecision)
    if table:
        n, changed = table[0].n, sum(row.changed for row in table)
        decides = task_of(results.schema.target).decides
        yield message("corrections.changed", n=n, changed=changed, decides=decides)


def _took_over(results: Results) -> Iterator[Message]:
    looked = results.rows("corrections", "took_over", TakenOver)
    if looked:
        gained = gains(results)
        names = [row.label for row in gained[:_NAMED]]
        counts = {"n": len(gained), "looked": len(looked)}
        yield message("corrections.took_over", names=names, **counts)
