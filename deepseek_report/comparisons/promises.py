"""Which promises each run meets, and what a new version must have decided again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from deepseek_report.artifacts.conclusions import Verdict
from deepseek_report.artifacts.message import Message, from_plain, message
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Measurement
from deepseek_report.artifacts.study import Study
from deepseek_report.artifacts.table import Column, TableType, estimate
from deepseek_report.findings.conclude import all_findings, conclusions_of
from deepseek_report.findings.conclusion_limits import SIGNIFICANT

PROMISES = TableType(
    (
        Column("metric", "metric"),
        Column("attribute", "attribute"),
        Column("about"),
        Column("explainer", "explainer"),
        Column("side", "side"),
        Column("bound", "declared"),
        Column("run"),
        estimate("value"),
        Column("outcome", "outcome"),
    )
)
_MET = "met"


@dataclass(frozen=True)
class PromiseKey:
    """What was promised, whoever promised it and whatever came of it."""

    metric: str
    attribute: str
    about: str
    explainer: str
    side: str
    bound: float

    @classmethod
    def of(cls, verdict: Verdict) -> PromiseKey:
        about = ", ".join(part for part in (verdict.level, verdict.slice) if part)
        about_what = (verdict.attribute, about, verdict.explainer)
        return cls(verdict.metric, *about_what, verdict.side, verdict.bound)

    def plain(self) -> dict[str, Any]:
        """As the values of a message."""
        return dict(vars(self))


def promises(study: Study, labels: Sequence[str]) -> Measurement:
    """The table `promises`: each promise, run by run; the same promises stand together."""
    kept = [_verdicts(run) for run in study]
    known = dict.fromkeys(promise for verdicts in kept for promise in verdicts)
    rows = [
        {
            **vars(promise),
            "run": label,
            **{key: getattr(verdicts[promise], key) for key in ("value", "low", "high")},
            "outcome": verdicts[promise].outcome,
        }
        for promise in known
        for label, verdicts in zip(labels, kept, strict=True)
        if promise in verdicts
    ]
    if not rows:
        return Measurement(notes=(message("comparison.no_promises"),))
    notes = []
    if any(set(verdicts) != set(known) for verdicts in kept):
        notes.append(message("comparison.other_promises"))
    table = pd.DataFrame(rows, columns=PROMISES.keys)
    numbers = {key: table[key].astype(float) for key in ("value", "low", "high")}
    table = table.assign(**numbers)
    return Measurement(tables={"promises": table}, notes=tuple(notes)).typed({"promises": PROMISES})


def to_decide(
    study: Study, labels: Sequence[str], baseline: int, changes: pd.DataFrame | None
) -> Iterator[Message]:
    """For each run but the baseline: what of the baseline's approval does not hold for it.

    Parameters
    ----------
    changes : the table of decisions that change, first − other, where there is one.
    """
    for position in range(len(study)):
        if position != baseline:
            yield _to_decide(study, labels, baseline, position, changes)


def _to_decide(
    study: Study,
    labels: Sequence[str],
    baseline: int,
    position: int,
    changes: pd.DataFrame | None,
) -> Message:
    before, after = study.runs[baseline], study.runs[position]
    old, new = _verdicts(before), _verdicts(after)
    shared = [promise for promise in old if promise in new]
    lost = [p for p in shared if old[p].outcome == _MET and new[p].outcome != _MET]
    won = [p for p in shared if old[p].outcome != _MET and new[p].outcome == _MET]
    dropped = [promise for promise in old if promise not in new]
    values = {
        "new": labels[position],
        "approved": labels[baseline],
        "promises": len(old),
        "lost": [{**promise.plain(), "outcome": new[promise].outcome} for promise in lost],
        "won": [promise.plain() for promise in won],
        "dropped": [promise.plain() for promise in dropped],
        "critical": list(_newly_critical(before, after)),
        "other_data": not _same_data(before, after),
        "decisions": _one_sided(changes, labels[baseline], labels[position]),
    }
    names = ("lost", "dropped", "critical", "other_data", "decisions")
    kind = "to_decide" if any(values[name] for name in names) else "nothing_to_decide"
    return message(f"comparison.conclusions.{kind}", **values)


def _verdicts(run: Results) -> dict[PromiseKey, Verdict]:
    return {PromiseKey.of(verdict): verdict for verdict in conclusions_of(run).verdicts}


def _newly_critical(before: Results, after: Results) -> Iterator[Message]:
    """The claims of critical findings of which the baseline has none of the same grade."""
    known = {
        (finding.id, finding.cause)
        for finding in all_findings(before)
        if finding.severity == "high"
    }
    for finding in all_findings(after):
        if finding.severity == "high" and (finding.id, finding.cause) not in known:
            yield message(f"findings.{finding.message}.claim", **from_plain(finding.values))


def _same_data(first: Results, other: Results) -> bool:
    digests = [(run.provenance.get("digests") or {}).get("data") for run in (first, other)]
    return digests[0] == digests[1] and digests[0] is not None


def _one_sided(changes: pd.DataFrame | None, approved: str, new: str) -> list[dict[str, Any]]:
    """Groups, and everyone, whose decisions change in one direction by more than chance."""
    if changes is None:
        return []
    pairs = {(approved, new): ("lost", "gained"), (new, approved): ("gained", "lost")}
    rows = []
    for row in changes[changes["p_adjusted"] < SIGNIFICANT].to_dict("records"):
        columns = pairs.get((row["first"], row["other"]))
        if columns is not None:
            favourable, against = (int(row[column]) for column in columns)
            rows.append(
                {
                    "attribute": row["attribute"],
                    "level": row["level"],
                    "favourable": favourable,
                    "against": against,
                    "n": int(row["n"]),
                }
            )
    return rows
