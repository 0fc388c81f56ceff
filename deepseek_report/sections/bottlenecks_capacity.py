"""What of the model is used: heads that it could do without, experts that get no work."""

from __future__ import annotations

from typing import Any

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import all_reasons
from deepseek_report.artifacts.table import Column, TableType, estimate
from deepseek_report.findings.records import Row, rows
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.wording import estimates

_HEADS = TableType(
    (
        Column("layer", "place"),
        Column("branch"),
        Column("head", "place"),
        estimate("loss_increase"),
        Column("verdict"),
    ),
    folded=True,
)


def capacity(draft: Draft) -> dict[str, Any]:
    """What each head is worth, and how evenly the experts are used."""
    results = draft.results
    units, load = rows(results, "ablation", "units"), rows(results, "expert_load", "load")
    sentences = [_heads(draft, units), _experts(draft, load)]
    return {
        "sentence": " ".join(filter(None, sentences)) or _not_measured(draft),
        "heads": draft.table("heads", _HEADS, [_head(draft, row) for row in units]),
    }


def _not_measured(draft: Draft) -> str:
    """That neither heads nor experts were looked at, and why where the run knows it."""
    known = [
        draft.results.refused[artifact]
        for artifact in map(ArtifactId.measure, ("ablation", "expert_load"))
        if artifact in draft.results.refused
    ]
    reason = draft.words.say(all_reasons(known)).rstrip(".") if known else ""
    return draft.text("not_measured_why", reason=reason) if reason else draft.text("not_measured")


def _heads(draft: Draft, units: list[Row]) -> str:
    if not units:
        return ""
    return draft.text(
        "heads", removable=sum(bool(row["removable"]) for row in units), heads=len(units)
    )


def _head(draft: Draft, row: Row) -> dict[str, Any]:
    low = finite(row["low"])
    mark = "removable" if row["removable"] else "needed" if (low or 0.0) > 0 else "uncertain"
    return row | {"verdict": draft.text(f"head.{mark}")}


def _experts(draft: Draft, load: list[Row]) -> str:
    imbalance, unused = (
        draft.results.score(name) for name in ("expert_load_imbalance", "unused_experts")
    )
    if not load or imbalance is None:
        return ""
    return draft.text(
        "experts",
        experts=len(load),
        unused=0 if unused is None else round(unused.value),
        imbalance=estimates.of_score(imbalance),
    )
