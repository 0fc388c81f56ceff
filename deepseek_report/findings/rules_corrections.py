"""What came of corrections, in sentences, and the findings where one failed or was evaded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deepseek_report.artifacts.estimate import Estimate, finite
from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.table import SEPARATOR
from deepseek_report.findings.records import Row, rows, unit_of
from deepseek_report.metrics.behaviour.corrections import MOST_LEFT
from deepseek_report.tasks import task_of
from deepseek_report.wording import estimates

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
        for place, row in enumerate(rows(results, "corrections", "corrected"))
        if row["outcome"] == "failed"
    ]


def took_over(results: Results) -> list[Finding]:
    """What surely counts more than before, together."""
    gained = gains(results)
    if not gained:
        return []
    names = [str(row["label"]) for row in gained[:_NAMED]]
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


def gains(results: Results) -> list[Row]:
    """The rows of what surely gained use, the largest gain first."""
    return [row for row in rows(results, "corrections", "took_over") if row["sure"]]


def _gain(results: Results, row: Row) -> dict[str, object]:
    return {
        "first": str(row["label"]),
        "before": float(row["before"]),
        "after": float(row["after"]),
        "decides": task_of(results.schema.target).decides,
    }


def values(results: Results, row: Row) -> dict[str, Any]:
    """What a sentence on one correction names."""
    return {
        **{name: str(row[name]) for name in ("kind", "how", "by", "on", "why", "outcome")},
        "what": str(row["what"]).split(SEPARATOR)[:_NAMED],
        "more": max(len(str(row["what"]).split(SEPARATOR)) - _NAMED, 0),
        "before": _used(row, "before"),
        "after": _used(row, "after"),
        "n": int(row["n"]),
        "most_left": MOST_LEFT,
        "decides": task_of(results.schema.target).decides,
        "outcome_class": results.schema.target.explained_class,
    }


def _used(row: Row, key: str) -> Estimate:
    return estimates.of_row(row, key, key)


def lines(results: Results) -> tuple[Message, ...]:
    """What a report of a corrected model begins with.

    What was corrected, by whom, when and why; whether it worked; what it cost; whose decisions
    changed; what took over.
    """
    table = rows(results, "corrections", "corrected")
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
    table = rows(results, "corrections", "cost")
    key = _main(results)
    by = {row["asked"]: row for row in table if row["metric"] == key}
    if "shipped" in by:
        facts = {data: _compared(row) for data, row in by.items()}
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


def _compared(row: Row) -> dict[str, Any]:
    return {
        "before": finite(row["before"]),
        "after": finite(row["after"]),
        "change": estimates.of_row(row, "change", "change"),
    }


def _changed(results: Results) -> Iterator[Message]:
    table = rows(results, "corrections", "changed")
    if table:
        n = int(table[0]["n"])
        changed = sum(int(row["changed"]) for row in table)
        decides = task_of(results.schema.target).decides
        yield message("corrections.changed", n=n, changed=changed, decides=decides)


def _took_over(results: Results) -> Iterator[Message]:
    looked = rows(results, "corrections", "took_over")
    if looked:
        gained = gains(results)
        names = [str(row["label"]) for row in gained[:_NAMED]]
        counts = {"n": len(gained), "looked": len(looked)}
        yield message("corrections.took_over", names=names, **counts)
