"""A new version beside the approved one: the promises it meets, and what must be decided again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.conclusions import Verdict
from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.results import Results, Study
from deepseek_report.comparisons.comparison import compare, promises, to_decide
from deepseek_report.comparisons.methods import what_varied
from deepseek_report.comparisons.paired_decisions import decisions
from deepseek_report.findings.conclude import all_findings, conclusions_of
from tests.comparisons.test_comparison import named, predicting
from tests.real_runs import small_results, with_report
from tests.shared_runs import SmallRun
from tests.worded import say

AUC = Verdict("roc_auc", "at_least", 0.7, "met", value=0.75, low=0.71, high=0.79, n=400)
RATIO = Verdict("impact_ratio", "at_least", 0.8, "not met", attribute="sex", level="men", value=0.6)
CRITICAL = Finding("direct_use", "high", "direct_use", cause="direct_use:sex")


@pytest.fixture(scope="module")
def approved(small_run: SmallRun) -> Results:
    return concluding(small_results(small_run), AUC, RATIO)


def concluding(run: Results, *verdicts: Verdict, critical: tuple[Finding, ...] = ()) -> Results:
    """The run with these verdicts, and no critical findings but these."""
    declared = [
        {"metric": verdict.metric, verdict.side: verdict.bound, "attribute": verdict.attribute}
        for verdict in verdicts
    ]
    changed = with_report(run, thresholds=declared)
    findings = [finding for finding in all_findings(run) if finding.severity != "high"]
    whole = replace(conclusions_of(run), verdicts=list(verdicts), findings=[*findings, *critical])
    changed.__dict__["conclusions"] = whole
    return changed


def version(approved: Results, *verdicts: Verdict, critical: tuple[Finding, ...] = ()) -> Results:
    new = concluding(named(approved, "new", dropout=0.3), *verdicts, critical=critical)
    new.__dict__["predictions"] = approved.predictions
    return new


LABELS = ("approved", "new")


def decided(approved: Results, new: Results) -> Message:
    study = Study((approved, new))
    changes = decisions(study, range(len(study)), LABELS, 0).tables.get("changes")
    (message,) = to_decide(study, LABELS, 0, changes)
    return message


def kind(message: Message) -> str:
    return message.id.rpartition(".")[2]


def test_a_version_that_changes_nothing_leaves_nothing_to_decide_but_whether_to_use_it(
    approved: Results,
) -> None:
    new = version(approved, AUC, RATIO)
    assert kind(decided(approved, new)) == "nothing_to_decide"
    first = compare(Study((approved, new)), baseline=0).conclusions[0]
    assert kind(first) == "nothing_to_decide"  # it is said before all else


@pytest.mark.parametrize("outcome", ["not met", "too uncertain to say", "not measured"])
def test_a_promise_that_is_no_longer_met_is_to_be_decided_again(
    approved: Results, outcome: Any
) -> None:
    message = decided(approved, version(approved, replace(AUC, outcome=outcome), RATIO))
    assert kind(message) == "to_decide"
    assert [(lost["metric"], lost["outcome"]) for lost in message.values["lost"]] == [
        ("roc_auc", outcome)
    ]
    assert message.values["dropped"] == []


def test_a_promise_with_another_bound_is_no_longer_the_promise(approved: Results) -> None:
    message = decided(approved, version(approved, replace(AUC, bound=0.6), RATIO))
    assert [dropped["bound"] for dropped in message.values["dropped"]] == [0.7]
    study = Study((approved, version(approved, replace(AUC, bound=0.6), RATIO)))
    measured = promises(study, LABELS)
    assert len(measured.tables["promises"]) == 4
    assert measured.notes[0].id == "comparison.other_promises"  # type: ignore[union-attr]


def test_a_promise_for_several_groups_is_the_same_whichever_group_is_worst(
    approved: Results,
) -> None:
    met = replace(RATIO, outcome="met", value=0.9)
    before = concluding(approved, AUC, met)
    after = version(approved, AUC, replace(met, level="women"))
    assert kind(decided(before, after)) == "nothing_to_decide"
    worse = version(approved, AUC, met, replace(met, level="women", outcome="not met"))
    assert [lost["metric"] for lost in decided(before, worse).values["lost"]] == ["impact_ratio"]


def test_of_many_versions_those_are_named_that_leave_something_to_decide(approved: Results) -> None:
    same = [version(approved, AUC, RATIO) for _ in range(3)]
    other = version(approved, replace(AUC, outcome="not met"), RATIO)
    study = Study((approved, *same, other))
    (message,) = to_decide(study, ["approved", "a", "b", "c", "d"], 0, None)
    assert message.values["labels"] == ["d"]
    assert message.values["runs"] == 4


def test_a_promise_that_is_now_met_is_told_and_asks_for_no_decision(approved: Results) -> None:
    message = decided(approved, version(approved, AUC, replace(RATIO, outcome="met")))
    assert kind(message) == "nothing_to_decide"
    assert [won["metric"] for won in message.values["won"]] == ["impact_ratio"]


def test_a_critical_finding_counts_where_the_approved_run_has_not_the_same(
    approved: Results,
) -> None:
    new = version(approved, AUC, RATIO, critical=(CRITICAL,))
    assert kind(decided(approved, new)) == "to_decide"
    same = concluding(approved, AUC, RATIO, critical=(CRITICAL,))
    assert kind(decided(same, new)) == "nothing_to_decide"


def test_decisions_count_where_they_change_in_one_direction_and_not_where_they_only_swap(
    approved: Results,
) -> None:
    p = approved.predictions
    against = np.flatnonzero(p.decisions != approved.schema.target.declared_favourable)
    favourable = np.flatnonzero(p.decisions == approved.schema.target.declared_favourable)
    for flipped, is_decided in ((against[:40], True), ((*against[:9], *favourable[:9]), False)):
        scores = p.scores.copy()
        scores[list(flipped)] = 2 * p.threshold - scores[list(flipped)]  # across the threshold
        new = predicting(version(approved, AUC, RATIO), scores)
        message = decided(approved, new)
        assert bool(message.values["decisions"]) == is_decided
        study = Study((approved, new))
        cases = decisions(study, range(len(study)), LABELS, 0).tables["cases"]
        assert set(cases["row"]) <= set(p.instance_ids[list(flipped)])
        if is_decided:
            whole = message.values["decisions"][0]
            assert (whole["favourable"], whole["against"]) == (40, 0)
            assert cases["now_favourable"].all()


def test_other_data_are_named(approved: Results) -> None:
    digests = {**approved.provenance.get("digests", {}), "data": "0" * 64}
    new = version(approved, AUC, RATIO)
    new = replace(new, provenance={**new.provenance, "digests": digests})
    new.__dict__["conclusions"] = conclusions_of(approved)
    message = decided(approved, new)
    assert message.values["other_data"]
    origins = what_varied(Study((approved, new))).tables["origins"]
    assert list(origins["origin"]) == ["digests.data"]


def test_runs_are_told_by_whether_they_meet_break_or_leave_open(approved: Results) -> None:
    open_one = replace(RATIO, outcome="too uncertain to say")
    met = version(approved, AUC, replace(RATIO, outcome="met"))
    study = Study((approved, met, version(approved, AUC, open_one)))
    text = say(promises(study, ("first", "second", "third")).notes[0])
    assert "second meets every promise." in text
    assert "first clearly breaks at least one." in text
    assert "third clearly breaks none, but at least one is too uncertain to say" in text
    assert "No run meets every promise." in say(promises(Study((approved,)), ("first",)).notes[0])
    assert "first meets every promise." in say(promises(Study((met,)), ("first",)).notes[0])
    assert "All 2 runs meet every promise." in say(promises(Study((met, met)), LABELS).notes[0])
