"""What was concluded is said alike wherever a verdict is shown: one function for each."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.conclusions import Conclusions, Verdict
from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import plain
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import CROSS
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.storage.files import load_json
from deepseek_report.findings.conclude import conclude
from deepseek_report.findings.first_page import first_page
from deepseek_report.findings.rules_bottlenecks import unexpected_slice
from deepseek_report.findings.rules_calibration import calibration
from deepseek_report.findings.rules_parts import cohort_verdict
from deepseek_report.findings.rules_performance import ALL_MET
from deepseek_report.metrics.performance.classification_scores import class_table, confusion_table
from deepseek_report.runner.run_folders.writing import concluded_record
from deepseek_report.sections.bottlenecks import BottlenecksSection
from deepseek_report.sections.compliance import ComplianceSection
from deepseek_report.sections.explanations import ExplanationsSection
from deepseek_report.sections.model import ModelSection
from deepseek_report.sections.performance import PerformanceSection
from deepseek_report.sections.robustness import RobustnessSection
from deepseek_report.sections.shared import task_columns
from deepseek_report.sections.summary import SummarySection
from deepseek_report.sections.trust import TrustSection
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.terminal import say_finished
from deepseek_report.visualizations.explanations.effect_pictures import InteractionsPicture
from deepseek_report.visualizations.explanations.explanation_quality import LocalisationPicture
from deepseek_report.visualizations.failures.learning_curve import LearningCurvePicture
from deepseek_report.visualizations.failures.part_pictures import (
    CohortsPicture,
    PartPerformancePicture,
    SlicesPicture,
)
from deepseek_report.visualizations.fairness.group_rates import GroupRatesPicture
from deepseek_report.visualizations.performance.class_pictures import ConfusionMatrixPicture
from deepseek_report.visualizations.performance.predicted_numbers import (
    IntervalCoveragePicture,
    ResidualsByPredictionPicture,
)
from deepseek_report.visualizations.performance.reliability import ReliabilityPicture
from deepseek_report.visualizations.performance.training_curves import TrainingCurvesPicture
from deepseek_report.wording.of_results import words_of
from tests.real_runs import with_measurement, with_score, with_table
from tests.shared_runs import SmallRun
from tests.tiny_runs import TinyRuns
from tests.visualizations.varied import copy_with

SECTIONS = (PerformanceSection(), RobustnessSection(), BottlenecksSection())


@pytest.fixture
def conclusions(small_run: SmallRun) -> Conclusions:
    return Conclusions.load(small_run.folder / "artifacts" / "conclusions")


def worded_findings(results: Results, conclusions: Conclusions) -> list[tuple[str, str]]:
    """Severity and claim of every finding that was concluded, in its order."""
    worded = [words_of(results).finding(finding) for finding in conclusions.findings]
    return [(finding.severity_label, finding.claim) for finding in worded]


def test_the_record_of_a_run_holds_what_was_concluded(
    small_run: SmallRun, conclusions: Conclusions
) -> None:
    record = concluded_record(small_run.folder)
    kept = [(f["id"], f["severity"], f["cause"], f["touches"]) for f in record["findings"]]
    own = [(f.id, f.severity, f.cause, f.touches) for f in conclusions.findings]
    assert kept[len(kept) - len(own) :] == own
    assert [t["outcome"] for t in record["thresholds"]] == [v.outcome for v in conclusions.verdicts]


def test_the_summary_says_what_was_concluded(real_run: Results, conclusions: Conclusions) -> None:
    values = SummarySection().content(real_run).values
    in_stories = [finding for card in values["shown"] for finding in (card.finding, *card.also)]
    stated = [*in_stories, *values["others"]]
    expected = worded_findings(real_run, conclusions)
    assert sorted((f.severity_label, f.claim) for f in stated) == sorted(expected)
    outcomes = [promise["outcome"] for promise in values["promises"]]
    assert outcomes == [verdict.outcome for verdict in conclusions.verdicts]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: type(section).__name__)
def test_a_section_says_what_was_concluded(
    section: Any, real_run: Results, conclusions: Conclusions
) -> None:
    content = section.content(real_run)
    own = [f for f in conclusions.findings if f.section == content.name]
    assert own
    assert [(f.id, f.severity) for f in content.values["findings"]] == [
        (f.id, f.severity) for f in own
    ]


def finished_as(record: dict[str, Any], small_run: SmallRun) -> Any:
    """The small run as it is when it ends, with this record."""
    return SimpleNamespace(
        record=record, folder=small_run.folder, from_store=False, failures=(), details={}, kept=(),
        run_digest="", pages=(), notices=(),
    )  # fmt: skip


def _counts_of_the_page(results: Results) -> tuple[dict[str, int], int]:
    """What a reader of the first screen counts: {grade: findings}, and those on the promises."""
    values = SummarySection().content(results).values
    cards = [finding for card in values["shown"] for finding in (card.finding, *card.also)]
    grades = [finding.severity_label for finding in (*cards, *values["others"])]
    beyond = [finding.severity_label for finding in cards]
    for line in values["more"]:
        n, grade = line.split()[:2]
        beyond += [grade.removesuffix("s")] * int(n)
    assert len(grades) == len(beyond) + values["on_promises"]
    return dict(Counter(beyond)), values["on_promises"]


@pytest.mark.parametrize("all_met", [False, True])
def test_terminal_and_page_count_the_same_findings(
    small_run: SmallRun, real_run: Results, capsys: pytest.CaptureFixture[str], all_met: bool
) -> None:
    """What says no more than a promise stands with the promises, and so does that all are met."""
    record = concluded_record(small_run.folder)
    if all_met:
        stated = Finding(ALL_MET, "info", ALL_MET, section="summary").to_json()
        record = {**record, "findings": [*record["findings"], stated]}
    say_finished(finished_as(record, small_run))
    (heading,) = (x for x in capsys.readouterr().out.splitlines() if x.startswith("Findings: "))
    by_grade, on_promises = _counts_of_the_page(real_run)
    assert on_promises
    for grade, n in by_grade.items():
        assert re.search(rf"\b{n} {grade}", heading), (grade, heading)
    assert sum(map(int, re.findall(r"\d+", heading))) == sum(by_grade.values())


@pytest.mark.parametrize("outcome", ["too uncertain to say", "not met"])
def test_where_promises_alone_are_broken_neither_terminal_nor_page_names_a_grave_finding(
    outcome: Any, small_run: SmallRun, capsys: pytest.CaptureFixture[str]
) -> None:
    promise = Verdict("roc_auc", "at_least", 0.95, outcome=outcome)
    message = {"not met": "threshold_missed"}.get(outcome, "threshold_uncertain")
    values = {"metric": "ROC AUC", "subject": "", "estimate": promise.measured, "as_percent": False}
    values |= {"bound": 0.95, "side": "at_least", "set_by": "", "reason": ""}
    broken = Finding("broken", "medium", message, values, section="performance", cause="roc_auc")
    record = concluded_record(small_run.folder)
    concluded = {"findings": [broken.to_json()], "thresholds": [plain(vars(promise))]}
    say_finished(finished_as({**record, **concluded}, small_run))
    out = capsys.readouterr().out
    page = first_page([promise], [broken], {})
    assert not page.gravest
    assert "nothing critical or major was found" in out
    assert "major:" not in out
    assert "Findings: one on the promises" in out


def test_the_terminal_says_what_was_concluded(
    small_run: SmallRun,
    real_run: Results,
    conclusions: Conclusions,
    capsys: pytest.CaptureFixture[str],
) -> None:
    say_finished(finished_as(concluded_record(small_run.folder), small_run))
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == " ".join(SummarySection().content(real_run).values["verdict"])
    grades = {"critical", "major", "minor"}
    shown = [line for line in lines if line.split(":")[0] in grades]
    cards = [card.finding for card in SummarySection().content(real_run).values["shown"]]
    assert shown == [f"{finding.severity_label}: {finding.claim}" for finding in cards]
    assert {line.split(": ", 1)[1] for line in shown} <= {
        claim for _, claim in worded_findings(real_run, conclusions)
    }


def test_rows_of_frameworks_bear_findings_as_they_were_concluded(
    small_run: SmallRun, real_run: Results, conclusions: Conclusions
) -> None:
    """By their ids in evidence.json, with severity and claim in the section."""
    worded = map(words_of(real_run).finding, conclusions.findings)
    claims = {finding.id: f"{finding.severity_label}: {finding.claim}" for finding in worded}
    record, n_borne = load_json(small_run.folder / "evidence.json")["frameworks"], 0
    concluded = replace(real_run, findings=conclusions.findings)
    for part in ComplianceSection().content(concluded).values["frameworks"]:
        for row in part["rows"]:
            borne = record[part["id"]]["rows"][row.id]["findings"]
            assert sorted(row.claims) == sorted(claims[finding] for finding in borne)
            n_borne += len(borne)
    assert n_borne


@pytest.mark.parametrize("fails", [True, False])
def test_a_failing_slice_is_told_by_finding_section_and_picture_alike(
    real_run: Results, fails: bool
) -> None:
    def planted(table: pd.DataFrame) -> pd.DataFrame:
        row = {"slice": "age is over 90", "features": "age", "n": 40, "share": 0.1, "errors": 20}
        row |= {"error_rate": 0.5, "low": 0.4, "high": 0.6, "expected_error_rate": 0.2}
        row |= {"rest_error_rate": 0.2, "missed_rate": 0.5, "rest_missed_rate": 0.3}
        row |= {"surplus": 0.2, "surplus_low": 0.15, "surplus_high": 0.25, "p_value": 0.001}
        row |= {"kind": "unexpected", "p_adjusted": 0.004 if fails else 0.4}
        return pd.DataFrame([row], columns=table.columns).astype(table.dtypes)

    changed = with_table(real_run, "slices", "slices", planted)
    findings = {finding.message for finding in conclude(changed).findings}
    sentence = BottlenecksSection().content(changed).values["accuracy"]["sentence"]
    title = words_of(changed).say(SlicesPicture().draw(changed)[0].title)
    assert (unexpected_slice(changed) is not None) == fails
    assert ("worst_slice" in findings, "no_slice" in findings) == (fails, not fails)
    assert ("age is over 90" in sentence) == fails
    assert ("age is over 90" in title) == fails


#: Gain from the last doubling of the rows with its interval, and what is concluded of it.
DOUBLINGS = [
    ((0.02, 0.01, 0.03), "more_data_helps", "more rows would probably help"),
    ((0.02, -0.01, 0.05), "more_data_uncertain", "uncertain"),
    ((0.001, -0.002, 0.004), "more_data_no_help", "more of the same rows would help little"),
]


@pytest.mark.parametrize(("ends", "concluded", "words"), DOUBLINGS)
def test_whether_more_rows_help_is_told_by_finding_and_picture_alike(
    real_run: Results, ends: tuple[float, ...], concluded: str, words: str
) -> None:
    gain = dict(zip(("value", "low", "high"), ends, strict=True))
    changed = with_score(real_run, "learning_curve", "learning_curve_gain", **gain)
    (finding,) = (f for f in conclude(changed).findings if f.id == "more_data")
    title = words_of(changed).say(LearningCurvePicture().draw(changed)[0].title)
    assert finding.message == concluded
    assert words in title


#: Calibration error with its interval and p-value, what is concluded, and what the title says.
OFF = [
    ((0.08, 0.06, 0.1, 0.001), "calibration_off", ("8.0 points", "mostly too")),
    ((0.05, 0.01, 0.09, 0.3), "calibration_unclear", ("5.0 points", "as chance alone may give")),
    ((0.01, 0.0, 0.02, 0.6), "calibration_good", ("1.0 points",)),
    ((0.021, 0.008, 0.028, 0.1), "calibration_good", ("2.1 points",)),
]


@pytest.mark.parametrize(("ends", "concluded", "words"), OFF)
def test_whether_probabilities_are_right_is_told_by_finding_and_picture_alike(
    real_run: Results, ends: tuple[float, ...], concluded: str, words: tuple[str, ...]
) -> None:
    def leaning(bins: pd.DataFrame) -> pd.DataFrame:
        return bins.assign(predicted=bins["observed"] + 0.05)

    error = dict(zip(("value", "low", "high", "p_value"), ends, strict=True))
    metric = "expected_calibration_error"
    changed = with_score(with_table(real_run, metric, "bins", leaning), metric, metric, **error)
    (finding,) = calibration(changed)
    title = titled(changed, ReliabilityPicture())
    assert finding.message == concluded
    assert all(word in title for word in words)
    assert ("chance" in title) == (concluded == "calibration_unclear")
    assert ("mostly" in title) == (concluded == "calibration_off")


#: Verdict on the ratio of two groups with the ends of its interval, what is concluded and titled.
RATIOS = [
    ("clear below", 0.5, (0.4, 0.6), "impact_below", "clearly below 0.8"),
    ("below but uncertain", 0.75, (0.6, 0.9), "impact_uncertain", "on either side of 0.8"),
    ("above but uncertain", 0.85, (0.7, 0.99), "impact_uncertain", "on either side of 0.8"),
    ("clear above", 0.95, (0.9, 0.99), "impact_fine", "clearly above 0.8"),
]


@pytest.mark.parametrize(("verdict", "ratio", "ends", "concluded", "words"), RATIOS)
def test_a_gap_between_groups_is_told_by_finding_and_picture_alike(
    real_run: Results,
    verdict: str,
    ratio: float,
    ends: tuple[float, float],
    concluded: str,
    words: str,
) -> None:
    def planted(pairs: pd.DataFrame) -> pd.DataFrame:
        single = pairs[~pairs["attribute"].str.contains(CROSS)].head(1)
        return single.assign(verdict=verdict, ratio=ratio, low=ends[0], high=ends[1])

    changed = with_table(real_run, "impact_ratio", "pairs", planted)
    messages = {f.message for f in conclude(changed).findings if f.message.startswith("impact_")}
    assert messages == {concluded}
    assert words in titled(changed, GroupRatesPicture())


#: The best and the last epoch of five, whether training stopped by itself, and its losses.
EPOCHS = [
    (5, {"stopped_early": False}, (0.4, 0.4), "training_unfinished", "was still falling"),
    (5, {"stopped_early": True}, (0.4, 0.4), "", "after which training stopped by itself"),
    (2, {"stopped_early": True}, (0.4, 0.8), "training_overfitted", "training on gains nothing"),
    (2, {"stopped_early": True}, (0.015, 0.016), "", "training on gains nothing"),
    (4, {"stopped_early": True}, (0.4, 0.41), "", "training on gains nothing"),
    (4, {"diverged": True}, (0.4, 0.41), "training_diverged", "Training diverged"),
]


@pytest.mark.parametrize(("best", "facts", "losses", "concluded", "words"), EPOCHS)
def test_how_training_ended_is_told_by_finding_and_picture_alike(
    real_run: Results,
    best: int,
    facts: dict[str, bool],
    losses: tuple[float, float],
    concluded: str,
    words: str,
) -> None:
    ended = {"epochs": 5, "best_epoch": best, "stopped_early": False, "diverged": False, **facts}
    ended |= {"best_validation_loss": losses[0], "last_validation_loss": losses[1]}
    history = pd.concat([real_run.history.head(1)] * 5).assign(epoch=range(1, 6))
    changed = copy_with(real_run, training={**real_run.training, **ended}, history=history)
    messages = [f.message for f in conclude(changed).findings if f.message in _TRAINING]
    assert messages == [concluded] * bool(concluded)
    assert words in titled(changed, TrainingCurvesPicture())
    answer = ModelSection().content(changed).answer
    assert ("no longer fell" in answer) == (best < 5 and facts.get("stopped_early", False))


@pytest.mark.parametrize(("missed", "is_told"), [(0, False), (1, True)])
def test_a_class_is_said_to_be_found_least_only_where_a_case_is_missed(
    real_run: Results, missed: int, is_told: bool
) -> None:
    classes = ("low", "middle", "high")
    predicted = np.repeat(np.arange(3), 40)
    predicted[:missed] = 2
    labels = np.repeat(np.arange(3), 40)
    tables = {
        "matrix": confusion_table(labels, predicted, classes),
        "classes": class_table(labels, predicted, classes, Resampling(120)),
    }
    measured = with_measurement(real_run, "confusion_matrix", Measurement((), tables))
    target = replace(real_run.schema.target, classes=classes)
    changed = copy_with(measured, schema=replace(real_run.schema, target=target))
    answer = PerformanceSection().content(changed).answer
    title = titled(changed, ConfusionMatrixPicture())
    assert ("It finds “low” least often" in answer) == is_told
    assert ("Of 40 “low”" in title) == is_told
    assert (title == "Every case of all 3 classes is found") != is_told


_TRAINING = ("training_unfinished", "training_overfitted", "training_diverged")


#: Share of true numbers inside of intervals that promise 90 %, its p-value, and what is concluded.
COVERED = [
    (0.88, 0.4, "intervals_good", "as often as they should"),
    (0.70, 0.001, "intervals_narrow", "too narrow"),
    (0.99, 0.001, "intervals_wide", "wider than needed"),
]


@pytest.mark.parametrize(("share", "p_value", "concluded", "words"), COVERED)
def test_whether_intervals_hold_the_true_number_is_told_by_finding_and_picture_alike(
    tiny_runs: TinyRuns, share: float, p_value: float, concluded: str, words: str
) -> None:
    ends = {"value": share, "low": share - 0.01, "high": share + 0.01, "p_value": p_value}
    metric = "prediction_intervals"
    changed = with_score(tiny_runs("number"), metric, "prediction_interval_coverage", **ends)
    (finding,) = (f for f in conclude(changed).findings if f.id == "intervals")
    title = titled(changed, IntervalCoveragePicture())
    assert finding.message == concluded
    assert words in title
    assert f"{100 * share:.0f}" in title
    assert f"{100 * share:.0f}" in PerformanceSection().content(changed).answer


#: Mean error with its interval, in which no part of the range is off by itself.
LEANS = [
    ((9.0, 4.0, 14.0), "leaning", "too high on average"),
    ((1.0, -4.0, 6.0), None, "right on average along their whole range"),
]


@pytest.mark.parametrize(("ends", "concluded", "words"), LEANS)
def test_whether_predictions_lean_is_told_by_finding_and_picture_alike(
    tiny_runs: TinyRuns, ends: tuple[float, ...], concluded: str | None, words: str
) -> None:
    def unclear(bins: pd.DataFrame) -> pd.DataFrame:
        return bins.assign(mean_error=ends[0], low=ends[0] - 40.0, high=ends[0] + 40.0)

    mean = dict(zip(("value", "low", "high"), ends, strict=True))
    changed = with_table(tiny_runs("number"), "residuals", "bins", unclear)
    changed = with_score(changed, "residuals", "mean_error", **mean)
    messages = [f.message for f in conclude(changed).findings if f.id == "leaning"]
    assert messages == ([concluded] if concluded else [])
    assert words in titled(changed, ResidualsByPredictionPicture())


#: Gain over chance with its interval, what the learnt weights add to a method's order, and what is
#: concluded of where it points.
POINTED = [
    ((0.3, 0.2, 0.4), 0.2, "points_at_truth", "points best at what makes the label"),
    ((0.01, -0.1, 0.1), 0.2, "points_elsewhere", "points no better than chance"),
    ((0.3, 0.2, 0.4), 0.0, None, "How much of each explanation lies on what makes the label"),
]


@pytest.mark.parametrize(("ends", "blind", "concluded", "words"), POINTED)
def test_where_methods_point_is_told_by_finding_section_and_picture_alike(
    tiny_runs: TinyRuns, ends: tuple[float, ...], blind: float, concluded: str | None, words: str
) -> None:
    changed = tiny_runs("image")
    gain = dict(zip(("value", "low", "high"), ends, strict=True))
    for explainer in changed.explainers_of("localisation"):
        changed = with_score(changed, "localisation", "localisation_gain", explainer, **gain)
        alike = _gain(explainer, blind)
        changed = with_measurement(changed, "parameter_randomisation", alike, explainer)
    messages = {f.message for f in conclude(changed).findings if f.message.startswith("points_")}
    answer = TrustSection().content(changed).answer
    assert messages == ({concluded} if concluded else set())
    assert words in titled(changed, LocalisationPicture())
    assert ("decide the label" in answer) == (concluded is not None)
    assert ("not attribute more" in answer) == (concluded == "points_elsewhere")


def _gain(explainer: str, value: float) -> Measurement:
    """What the learnt weights add to the order of a method."""
    ends = {"low": value - 0.02, "high": value + 0.02 if value else 0.0, "explainer": explainer}
    score = Score("randomisation_gain", "explanation", value, 60, "higher", **ends)
    return Measurement(scores=(score,))


#: p-value of the gap between parts, corrected; and whether a finding tells it.
@pytest.mark.parametrize(("p_value", "differs"), [(0.001, True), (0.4, False)])
def test_a_gap_between_parts_is_told_by_finding_and_picture_alike(
    tiny_runs: TinyRuns, p_value: float, differs: bool
) -> None:
    def tested(table: pd.DataFrame) -> pd.DataFrame:
        known = table["p_adjusted"].notna()
        return table.assign(p_adjusted=np.where(known, p_value, np.nan))

    changed = with_table(tiny_runs("text"), "part_performance", "tests", tested)
    findings = [f for f in conclude(changed).findings if f.message == "part_gap"]
    title = titled(changed, PartPerformancePicture())
    assert bool(findings) == differs
    assert ("No part of the data is decided correctly more often" in title) == (not differs)
    if differs:
        named = [f"“{findings[0].values[end]}”" for end in ("worst", "best")]
        assert title.index(named[0]) < title.index(named[1])


@pytest.mark.parametrize(("p_value", "is_told"), [(0.001, False), (0.03, True), (0.4, False)])
def test_a_small_p_value_that_is_not_enough_is_told_with_the_one_that_would_be(
    tiny_runs: TinyRuns, monkeypatch: pytest.MonkeyPatch, p_value: float, is_told: bool
) -> None:
    monkeypatch.setattr(task_columns, "level_of", lambda *_: 0.02)
    changed = with_table(
        tiny_runs("text"),
        *("part_performance", "tests"),
        lambda table: table.assign(p_adjusted=p_value),
    )
    shown = PerformanceSection().content(changed).values["parts"]
    sentences = " ".join(part["sentence"] for part in shown)
    assert ("this one counts below 0.02" in sentences) == is_told


@pytest.mark.parametrize("interacts", [True, False])
def test_what_acts_together_is_told_by_section_and_picture_alike(
    tiny_runs: TinyRuns, interacts: bool
) -> None:
    def judged(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(interacts=interacts)

    changed = with_table(tiny_runs("pairs"), "interactions", "pairs", judged)
    title = titled(changed, InteractionsPicture())
    answer = ExplanationsSection().content(changed).answer
    assert ("act together most" in title, "none is shown" in title) == (interacts, not interacts)
    assert ("No two features are shown to act together" in answer) == (not interacts)
    assert ("depends on" in answer) == interacts


@pytest.mark.parametrize(("p_value", "differs"), [(0.001, True), (0.4, False)])
def test_cohorts_are_titled_by_what_is_concluded_of_them(
    real_run: Results, p_value: float, differs: bool
) -> None:
    def with_worst(table: pd.DataFrame) -> pd.DataFrame:
        row = {"cohort": "age is over 90", "origin": "worst", "n": 400, "too_few": False}
        row |= {"accuracy": 0.4, "accuracy_low": 0.35, "accuracy_high": 0.45}
        everyone = table[table["origin"] == "all"]
        worst = everyone.head(1).assign(**row, p_adjusted=p_value)
        return pd.concat([everyone, worst], ignore_index=True)

    changed = with_table(real_run, "cohorts", "cohorts", with_worst)
    title = titled(changed, CohortsPicture())
    assert (cohort_verdict(changed).worst is not None) == differs
    assert ("age is over 90" in title) == differs
    assert ("No cohort is shown" in title) == (not differs)


def titled(results: Results, picture: Any) -> str:
    """The title of the first picture, with plain spaces."""
    title = words_of(results).say(picture.draw(results)[0].title)
    return title.replace("\u00a0", " ").replace("\u202f", " ")


def test_at_most_one_finding_tells_a_cause(conclusions: Conclusions) -> None:
    causes = [finding.cause for finding in conclusions.findings if finding.cause]
    assert causes
    assert sorted(set(causes)) == sorted(causes)
