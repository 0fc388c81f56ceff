"""What the first page says: of promises, of the gravest findings, by which picture.

Every number of outcomes is tried, which no real run has: promises and findings are made here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.conclusions import DecisionCosts, Outcome, Verdict
from deepseek_report.artifacts.finding import Finding, Severity
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.predictions import ClassRates
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.decision_effect import decision_effect, expected_cost
from deepseek_report.findings.first_page import (
    finding_of,
    first_page,
    picture_of,
    repeats_promise,
    verdict_sentences,
)
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import wording
from tests.varied_run import VariedRun

SLOTS: Any = {"classes": 2, "texts": ["Some."], "more": 0, "recommendation": "", "few": None}


def promise(outcome: Outcome, metric: str = "roc_auc", **about: str) -> Verdict:
    return Verdict(metric, "at_least", 0.8, outcome, **about)  # type: ignore[arg-type]


def finding(severity: Severity, name: str = "a", **fields: Any) -> Finding:
    return Finding(name, severity, "data_label_balance", SLOTS, section="data", **fields)


def spoken(promises: Sequence[Verdict], findings: Sequence[Finding] = ()) -> str:
    return " ".join(wording().say(text) for text in verdict_sentences(promises, findings))


@pytest.mark.parametrize(
    ("outcomes", "sentence"),
    [
        (["met"], "The one promise is met."),
        (["not met"], "The one promise is not met."),
        (["too uncertain to say"], "The one promise is too uncertain to judge."),
        (["met", "met"], "Both promises are met."),
        (["met"] * 4, "All four promises are met."),
        (
            ["met", "met", "met", "too uncertain to say"],
            "Three of four promises are met; one is too uncertain to say.",
        ),
        (
            ["met", "not met", "not measured", "too uncertain to say", "not met"],
            "One of five promises is met; two are not met, one is too uncertain to say and one "
            "was not measured.",
        ),
        (["not met", "not met", "not met"], "None of three promises is met."),
        (
            ["too uncertain to say", "not met"],
            "Neither of the two promises is met; one is not met and one is too uncertain to say.",
        ),
        (["not measured", "not measured"], "Neither of the two promises was measured."),
        (["met"] * 12, "All 12 promises are met."),
    ],
)
def test_the_promises_are_told_in_one_sentence(outcomes: list[Outcome], sentence: str) -> None:
    assert spoken([promise(outcome) for outcome in outcomes]).startswith(sentence)


def test_the_gravest_finding_says_what_to_do_before_use() -> None:
    balance, nothing = "One class is rarer than the other", "Nothing critical or major"
    assert spoken([], [finding("high")]).startswith(f"{balance}: decide on that before use.")
    assert spoken([], [finding("medium")]).startswith(f"{balance}: find out why before use.")
    assert spoken([], [finding("low")]).startswith(f"{nothing} was found; one finding is minor.")
    both = spoken([promise("met")], [finding("low"), finding("low")])
    assert both.endswith(
        "Beside the promises, nothing critical or major was found; two findings are minor."
    )
    assert spoken([], [finding("info")]) == (
        f"{nothing} was found. No promise was declared (report.thresholds), so none was tested."
    )


def test_groups_that_are_not_judged_are_a_matter_of_a_declaration() -> None:
    values = {"attributes": ["sex"], "classes": ["“no”", "“yes”"], "reason": ""}
    groups = Finding("groups-not-judged", "medium", "groups_not_judged", values, section="bias")
    assert ": say which class is good for the person before use." in spoken([], [groups])


def test_a_model_without_skill_is_told_first_and_nothing_beside_it() -> None:
    values = {"metric": "ROC AUC", "score": None, "constant": 0.5}
    none = Finding("no_skill", "high", "no_skill", values, section="performance")
    text = spoken([promise("met")], [none, finding("high")])
    assert text == (
        "The model is not shown to do better than one answer for everyone: do not use it. "
        "The one promise is met."
    )


def test_parts_that_failed_are_told_beside_the_gravest_finding() -> None:
    failed = Finding("failed", "high", "failed", {"n": 1, "parts": []}, section="reproducibility")
    text = spoken([promise("met")], [failed, finding("high")])
    assert text.startswith("1 part that was asked for could not be made: run it again before ")
    assert text.endswith(": decide on that before use.")
    assert "Nothing" not in spoken([promise("met")], [failed])


def test_a_promise_that_stands_above_is_no_finding_of_the_first_page() -> None:
    promises = [promise("not met"), promise("too uncertain to say", "ece")]
    repeated = [
        Finding("t", "high", "threshold_missed", {}, section="performance"),
        finding("high", "b", cause="roc_auc"),
    ]
    others = [
        finding("high", "c", cause="calibration_slope"),
        replace(finding("low", "d"), message="d"),
    ]
    page = first_page(promises, [*repeated, *others], {})
    assert [entry.id for entry in page.gravest] == ["c", "d"]
    assert [entry.id for entry in page.others] == ["t", "b"]
    assert (page.counted.by_severity, page.counted.on_promises) == ({}, 2)
    link = finding_of(promises[0], page)
    assert link is not None
    assert link.id == "b"


def test_a_finding_on_more_attributes_than_were_promised_says_more() -> None:
    promises = [promise("not met", "impact_ratio", attribute="sex", level="men")]
    named = [{"attribute": "Sex", "cause": "impact_ratio:sex:men"}]
    alone = Finding("x", "high", "impact_below", {"attribute": "Sex", "promises": named})
    both = {"attributes": ["Sex", "Age"], "promises": named}
    assert repeats_promise(alone, promises)
    assert not repeats_promise(Finding("x", "high", "impact_uncertain", both), promises)
    assert not repeats_promise(Finding("x", "high", "impact_below", {"attribute": "Age"}), promises)


def test_three_stories_are_shown_each_with_what_else_it_holds_and_no_note() -> None:
    findings = [
        *(replace(finding("high", f"{kind}{k}"), message=kind) for kind in "am" for k in (0, 1)),
        replace(finding("medium", "m2"), message="m"),
        replace(finding("medium", "z"), message="z"),
    ]
    notes = [finding("info", "n")]
    page = first_page([], [*findings, *notes], {})
    assert [entry.id for entry in page.gravest] == ["a0", "m0", "z"]
    told_with = {lead: [entry.id for entry in others] for lead, others in page.with_it.items()}
    assert told_with == {"a0": ["a1"], "m0": ["m1", "m2"], "z": []}
    assert [entry.id for entry in page.others] == ["n"]
    assert (page.counted.by_severity, page.counted.on_promises) == ({"info": 1}, 0)
    assert first_page([], notes, {}).gravest == ()


def test_what_is_found_of_one_attribute_is_one_story() -> None:
    sex, age = {"attribute": "sex"}, {"attribute": "age"}
    claims: list[tuple[str, Severity, str, dict[str, Any]]] = [
        ("decided", "high", "impact_below", sex),
        ("wrong", "medium", "errors_apart", {"gaps": [sex]}),
        ("used", "medium", "direct_use", {"used": [sex]}),
        ("older", "medium", "errors_apart", {"gaps": [age]}),
    ]
    on_people = [Finding(*each, section="bias") for each in claims]
    page = first_page([], [*on_people, finding("medium", "z")], {})
    assert [entry.id for entry in page.gravest] == ["decided", "older", "z"]
    assert [entry.id for entry in page.with_it["decided"]] == ["wrong", "used"]


def picture(name: str, section: str, *shows: str) -> Picture:
    return Picture(name, "<svg/>", "T", "alt", "how", section=section, shows=shows)


def test_the_picture_is_one_that_was_drawn_from_the_evidence() -> None:
    pictures = {
        "roc": picture("roc", "performance", "measures/roc_auc"),
        "rates": picture("rates", "bias", "measures/group_rates", "predictions"),
        "swaps": picture("swaps", "bias", "measures/direct_use"),
    }
    grave = Finding("x", "high", "m", evidence=("measures/direct_use",), section="bias")
    assert picture_of([grave], pictures) == "swaps"
    del pictures["swaps"]
    assert picture_of([grave], pictures) == "rates"
    elsewhere = Finding("x", "high", "m", evidence=("measures/slices",), section="bottlenecks")
    assert picture_of([elsewhere], pictures) == "roc"
    assert picture_of([], pictures) == "roc"
    assert picture_of([grave], {}) == ""


def test_a_picture_of_an_older_run_shows_the_metric_of_its_name() -> None:
    pictures = {"roc": picture("roc", "performance"), "slices": picture("slices", "bottlenecks")}
    grave = Finding("x", "high", "m", evidence=("measures/slices",), section="none")
    assert picture_of([grave], pictures) == "slices"


def test_of_pictures_of_the_same_evidence_the_one_of_the_findings_section_is_shown() -> None:
    pictures = {
        "case": picture("case", "cases", "measures/slices"),
        "curves": picture("curves", "trust", "measures/slices"),
    }
    grave = Finding("x", "high", "m", evidence=("measures/slices",), section="trust")
    assert picture_of([grave], pictures) == "curves"
    elsewhere = replace(grave, section="bias")
    assert picture_of([elsewhere], pictures) == "case"


# --- What the decisions do, against counts made by hand -------------------------------------------


def spoken_of(results: Results) -> str:
    spoken = " ".join(words_of(results).say(sentence) for sentence in decision_effect(results))
    return spoken.replace("\N{NO-BREAK SPACE}", " ")


def decided(run: VariedRun, refused_right: int, refused_wrong: int, missed: int) -> VariedRun:
    """The real rows with these decisions: class 1 is explained, and it is not the good one."""
    n = len(run.real.predictions)
    decisions, labels = np.zeros(n, np.int64), np.zeros(n, np.int64)
    decisions[: refused_right + refused_wrong] = 1
    labels[:refused_right] = 1
    labels[n - missed :] = 1
    return run.data(favourable=0).predictions(
        decisions=decisions, labels=labels, explained=1, threshold=0.3, rule="base_rate"
    )


def test_how_many_are_decided_against_and_how_many_of_these_wrongly(run: VariedRun) -> None:
    n = len(run.real.predictions)
    results = decided(run, refused_right=n // 10, refused_wrong=n // 10, missed=n // 10).results()
    text = spoken_of(results)
    assert text.startswith(f"20 % of {n} cases")
    assert "50 % of these wrongly" in text
    assert "50 % are found" in text
    assert "right for 80 %, the model is for 80 %" in text


def test_a_threshold_that_nobody_declared_is_told_as_such(run: VariedRun) -> None:
    run.config["decision"] = {"rule": None, "threshold": None, "costs": None}
    assert "Threshold 30.0 %: nobody declared one" in spoken_of(decided(run, 9, 9, 9).results())
    run.config["decision"] = {"rule": "base_rate", "threshold": None, "costs": None}
    assert "nobody" not in spoken_of(decided(run, 9, 9, 9).results())


def test_declared_costs_are_told_beside_those_of_the_cheapest_answer_for_everyone(
    run: VariedRun,
) -> None:
    run.config["decision"] = {"costs": {"false_alarm": 1, "missed": 5}}
    n = len(run.real.predictions)
    results = decided(run, n // 10, n // 10, n // 10).results()
    # a tenth false alarms and a tenth missed: 0.1 + 0.5; refusing all: 0.8; accepting all: 1
    rates = results.predicted.about_explained
    assert expected_cost(DecisionCosts(1, 5), rates) == pytest.approx(6 * (n // 10) / n)
    by_costs = replace(run.results().predictions, rule="costs")
    by_costs.save(run.place("predictions/test"))
    assert "the cheapest answer for everyone costs 0.8" in spoken_of(run.results())


def test_of_many_classes_how_often_the_model_is_right_is_told_once(run: VariedRun) -> None:
    run.data(classes=("a", "b", "c"), favourable=0)
    run.predictions()
    results = run.results()
    text = spoken_of(results)
    assert "get the right one of 3 classes. Always giving the same answer, “" in text
    assert "the model is for" not in text


def test_the_same_answer_for_all_is_the_largest_class_of_the_test_part(run: VariedRun) -> None:
    run.data(classes=("a", "b", "c"), favourable=0)
    labels = np.arange(len(run.real.predictions)) % 4
    even = np.full((len(labels), 3), 1 / 3)
    run.predictions(labels=np.where(labels == 3, 2, labels), probabilities=even)
    text = spoken_of(run.results())
    assert (
        "the same answer, “c”, the most frequent in the test part, would be right for 50 %" in text
    )


def test_what_cannot_be_counted_costs_nothing() -> None:
    nobody = ClassRates.of(np.zeros(4, bool), np.zeros(4, bool))
    assert expected_cost(DecisionCosts(1, 5), nobody) == 0


def test_a_number_is_told_by_its_error_and_that_of_the_mean(number: VariedRun) -> None:
    number.measure("mae", number.score("mae", 3.5, 3.0, 4.0))
    number.predictions()
    assert "off by 3.50 points on average." in spoken_of(number.results())
    rows = [
        {"predictor": name, "metric": "mae", "value": value, "low": 0.0, "high": 9.0, "n": 100}
        for name, value in (("model", 3.5), ("mean", 8.0))
    ]
    number.measure("baselines", comparison=rows)
    assert "on average, the same answer for everyone by 8.00 points." in spoken_of(number.results())


def test_nothing_is_said_without_predictions(run: VariedRun, score: Any) -> None:
    run.measure("roc_auc", score("roc_auc", 0.8, 0.7, 0.9))
    assert decision_effect(run.results()) == ()
