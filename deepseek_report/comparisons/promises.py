"""Which promises each run meets, and what a new version must have decided again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import pandas as pd

from deepseek_report.artifacts.conclusions import Verdict
from deepseek_report.artifacts.message import Message, from_plain, message
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Measurement
from deepseek_report.artifacts.study import Study
from deepseek_report.artifacts.table import Column, TableType, columns_of, estimate
from deepseek_report.findings.conclude import all_findings, conclusions_of
from deepseek_report.findings.severity import SIGNIFICANT

PROMISES = TableType(
    (
        Column("metric", "metric"),
        *columns_of("attribute:attribute level explainer:explainer slice", optional=True),
        *columns_of("side:side bound:declared run"),
        estimate("value"),
        Column("outcome", "outcome"),
    )
)
_MET = "met"
#: What a promise may be about, and what of a verdict is shown.
_ABOUT = ("attribute", "level", "explainer", "slice")
_SHOWN = (*_ABOUT, "value", "low", "high", "outcome")
#: Runs beside the baseline that have a sentence each.
_MOST_RUNS = 3


#: A promise for several groups has the worst of their outcomes.
_WORST_FIRST = ("not met", "not measured", "too uncertain to say", "met")


@dataclass(frozen=True)
class PromiseKey:
    """What was promised, as it was declared; whoever promised it and whatever came of it."""

    metric: str
    attribute: str
    level: str
    explainer: str
    slice: str
    side: str
    bound: float
    predictor: str = ""

    @classmethod
    def of(cls, declared: Mapping[str, Any]) -> PromiseKey:
        """Of an entry of `report.thresholds`."""
        side = "at_most" if declared.get("at_least") is None else "at_least"
        attribute, level, explainer, part = (str(declared.get(key) or "") for key in _ABOUT)
        bound = float(declared[side])
        predictor = str(declared.get("predictor") or "")
        metric = str(declared["metric"])
        return cls(metric, attribute, level, explainer, part, side, bound, predictor)

    def covers(self, verdict: Verdict) -> bool:
        """Whether the verdict is one on this promise."""
        same = (verdict.metric, verdict.side, verdict.bound) == (self.metric, self.side, self.bound)
        same = same and verdict.predictor == self.predictor
        return same and all(getattr(self, key) in {"", getattr(verdict, key)} for key in _ABOUT)

    def plain(self) -> dict[str, Any]:
        """As the values of a message."""
        return dict(vars(self))


def promises(study: Study, labels: Sequence[str]) -> Measurement:
    """The table `promises`: each promise, run by run; the same promises stand together.

    Of a promise for several groups, the group with the worst outcome stands there.
    """
    kept = [_verdicts(run) for run in study]
    known = dict.fromkeys(promise for verdicts in kept for promise in verdicts)
    rows = [
        {
            **promise.plain(),
            "run": label,
            **{key: getattr(verdicts[promise], key) for key in _SHOWN},
        }
        for promise in known
        for label, verdicts in zip(labels, kept, strict=True)
        if promise in verdicts
    ]
    if not rows:
        return Measurement(notes=(message("comparison.no_promises"),))
    same = all(set(verdicts) == set(known) for verdicts in kept)
    notes = [] if same else [message("comparison.other_promises")]
    notes.append(_kept_by(kept, labels))
    table = pd.DataFrame(rows).astype(dict.fromkeys(("value", "low", "high"), float))
    empty = [key for key in _ABOUT if (table[key] == "").all()]
    table = table[[key for key in PROMISES.keys if key not in empty]]
    return Measurement(tables={"promises": table}, notes=tuple(notes)).typed({"promises": PROMISES})


def _kept_by(kept: Sequence[Mapping[PromiseKey, Verdict]], labels: Sequence[str]) -> Message:
    """Which runs meet all of their promises, break one, or leave one open."""
    outcomes = [{verdict.outcome for verdict in verdicts.values()} for verdicts in kept]
    broken = ["not met" in each for each in outcomes]
    whole = [each == {_MET} for each in outcomes]
    undecided = [
        bool(each) and not (breaks or meets)
        for each, breaks, meets in zip(outcomes, broken, whole, strict=True)
    ]
    return message(
        "comparison.kept_by",
        runs=sum(map(bool, outcomes)),
        met=list(compress(labels, whole)),
        broken=list(compress(labels, broken)),
        open=list(compress(labels, undecided)),
    )


def to_decide(
    study: Study, labels: Sequence[str], baseline: int, changes: pd.DataFrame | None
) -> Iterator[Message]:
    """For each run but the baseline: what of the baseline's approval does not hold for it.

    changes : the table of decisions that change, first − other, where there is one.
    """
    others = [position for position in range(len(study)) if position != baseline]
    messages = [_to_decide(study, labels, baseline, place, changes) for place in others]
    if len(others) <= _MOST_RUNS:
        yield from messages
        return
    open_ones = [
        labels[place]
        for place, text in zip(others, messages, strict=True)
        if text.id.endswith(".to_decide")
    ]
    yield message(
        "comparison.conclusions.to_decide_counted",
        approved=labels[baseline],
        runs=len(others),
        labels=open_ones,
    )


def _to_decide(
    study: Study, labels: Sequence[str], baseline: int, position: int, changes: pd.DataFrame | None
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
    """{promise: the worst of its verdicts}."""
    declared = (run.config.get("report") or {}).get("thresholds") or []
    known = conclusions_of(run).verdicts
    verdicts = {}
    for promise in map(PromiseKey.of, declared):
        own = [verdict for verdict in known if promise.covers(verdict)]
        if own:
            verdicts[promise] = min(own, key=lambda verdict: _WORST_FIRST.index(verdict.outcome))
    return verdicts


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
