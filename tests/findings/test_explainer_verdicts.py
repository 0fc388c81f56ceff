"""What may be concluded about a method, from the scores of its tests."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.explanation import Game
from deepseek_report.findings import explainer_verdicts, rules_explanations
from deepseek_report.findings.conclude import conclude
from deepseek_report.findings.explainer_verdicts import PREDICTIVE, verdict_of
from deepseek_report.findings.skill import has_skill

LOW = (0.05, 0.02, 0.08)
WORSE = (-0.5, -0.6, -0.4)
#: The order of a randomised model does as well.
NO_GAIN = (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("changes", "use"),
    [
        ({}, "amounts"),
        ({"completeness_gap": (0.3, 0.2, 0.4)}, "order"),
        ({"deletion_effect": LOW}, "not_this_case"),
        ({"insertion_effect": LOW}, "not_this_case"),
        ({"deletion_effect": (0.3, -0.1, 0.7)}, "open"),
        ({"own_case_effect": (0.0, -0.1, 0.1)}, "not_this_case"),
        ({"own_case_effect": (0.4, -0.1, 0.9)}, "open"),
        ({"own_case_effect": (0.0, 0.0, 0.0), "shared_order": (1.0, 1.0, 1.0)}, "overall"),
        ({"randomisation_gain": NO_GAIN}, "nothing"),
        ({"randomisation_gain": (0.1, -0.05, 0.2)}, "open"),
        ({"randomisation_gain": (0.1, -0.05, 0.2), "deletion_effect": LOW}, "not_this_case"),
        ({"randomisation_gain": None, "null_player_share": (1.0, 0.9, 1.1)}, "nothing"),
        ({"randomisation_gain": None, "null_player_share": (0.1, 0.0, 0.2)}, "amounts"),
        ({"self_check_failures": (1.0, 1.0, 1.0)}, "faulty"),
        ({"deletion_effect": WORSE, "insertion_effect": WORSE}, "wrong"),
        ({"deletion_effect": WORSE}, "not_this_case"),
        ({"randomisation_gain": None}, "untested"),
        ({"own_case_effect": None}, "untested"),
    ],
)
def test_the_verdict_follows_from_the_tests(run: Any, changes: dict[str, Any], use: str) -> None:
    run.tests_of(shap=changes)
    assert verdict_of(run.results(), "shap").use == use


@pytest.mark.parametrize(
    ("changes", "undecided", "claim"),
    [
        ({"deletion_effect": (0.3, -0.1, 0.7)}, ("chance",), "whether it beats chance is open"),
        (
            {"own_case_effect": (0.4, -0.1, 0.9)},
            ("another_case",),
            "whether it beats another case’s explanation is open",
        ),
        (
            {"randomisation_gain": (0.1, -0.05, 0.2)},
            ("learnt",),
            "whether it depends on what the model has learnt is open",
        ),
    ],
)
def test_what_cannot_be_judged_is_told_by_the_test_that_is_open(
    run: Any, say: Any, changes: dict[str, Any], undecided: tuple[str, ...], claim: str
) -> None:
    run.tests_of(shap=changes)
    results = run.results()
    assert verdict_of(results, "shap").undecided == undecided
    (finding,) = rules_explanations.uses(results)
    assert claim in say(finding)


@pytest.mark.parametrize("explained", ["some", "all"])
def test_more_cases_are_asked_for_where_there_are_more(run: Any, say: Any, explained: str) -> None:
    run.tests_of(shap={"deletion_effect": (0.3, -0.1, 0.7)})
    if explained == "all":
        n = len(run.results().explanations["shap"])
        run.real.predictions.take(np.arange(n)).save(run.place("predictions/test"))
    (finding,) = rules_explanations.uses(run.results())
    assert ("Gather more test cases" in say(finding)) == (explained == "all")


def test_a_test_that_was_not_made_is_not_called_open(run: Any) -> None:
    run.tests_of(shap={"randomisation_gain": None})
    assert verdict_of(run.results(), "shap").undecided == ()


@pytest.mark.parametrize(
    "described",
    [
        {"repeat_ratio": (0.8, 0.6, 1.0)},
        {"max_sensitivity_ratio": (1.0, 0.95, 1.05)},
        {"randomisation_correlation": (1.0, 0.9, 1.0)},
        {"shared_order": (0.9, 0.8, 1.0)},
    ],
)
def test_what_does_not_go_with_the_true_error_decides_nothing(run: Any, described: Any) -> None:
    run.tests_of(shap=described)
    assert verdict_of(run.results(), "shap").use == "amounts"


@pytest.mark.parametrize("game", list(PREDICTIVE))
def test_a_verdict_rests_only_on_scores_that_the_page_shows_to_go_with_the_true_error(
    game: Game,
) -> None:
    page = Path(__file__).parents[2] / "docs" / "explanations.md"
    heading, *rows = (
        line.strip("| ").split(" | ")
        for line in page.read_text().splitlines()
        if re.match(r"\| (score|`\w+`) \|", line)
    )
    column = heading.index(game)
    lows = {
        row[0].strip("`"): float(low[1].replace("−", "-"))
        for row in rows
        if (low := re.search(r"\(([−\d.]+)–", row[column]))
    }
    missing = {score: lows.get(score) for score in PREDICTIVE[game] if lows.get(score, 0) <= 0.5}
    assert missing == {}


def test_in_a_game_that_nobody_measured_no_verdict_is_given(run: Any) -> None:
    run.tests_of(shap={}).explanation("shap", game="conditional")
    assert "conditional" not in PREDICTIVE
    assert verdict_of(run.results(), "shap").use == "untested"


def test_unsigned_methods_are_never_said_to_point_the_wrong_way(run: Any) -> None:
    run.tests_of(shap={"deletion_effect": WORSE, "insertion_effect": WORSE})
    run.explanation("shap", signed=False)
    assert verdict_of(run.results(), "shap").use == "not_this_case"


def test_of_few_cases_nothing_is_concluded(run: Any, say: Any) -> None:
    run.tests_of(shap={}).explanation("shap", cases=19)
    assert verdict_of(run.results(), "shap").use == "few"
    (finding,) = rules_explanations.uses(run.results())
    assert say(finding).startswith("Too few cases were explained to judge any method. 19 cases")


@pytest.mark.parametrize(("low", "use"), [(0.51, "amounts"), (0.49, "no_skill"), (None, "amounts")])
def test_of_a_model_without_skill_no_explanation_is_of_use(
    run: Any, score: Any, low: float | None, use: str
) -> None:
    run.tests_of(shap={})
    if low is not None:
        run.measure("roc_auc", score("roc_auc", 0.55, low, 0.59))
    results = run.results()
    assert has_skill(results) is (None if low is None else low > 0.5)
    assert verdict_of(results, "shap").use == use
    assert any(rules_explanations.uses(results)) == (use == "amounts")


def test_the_verdict_decides_before_the_size_of_the_effect_who_leads(run: Any) -> None:
    great = {"deletion_effect": (0.95, 0.9, 1.0)}
    run.tests_of(
        shap={},
        lime={**great, "completeness_gap": (0.3, 0.2, 0.4)},
        integrated_gradients={**great, "randomisation_gain": NO_GAIN},
    )
    assert explainer_verdicts.leading_explainer(run.results()) == "shap"


@pytest.mark.parametrize(("cosine_of_shap", "leading"), [(0.9, "shap"), (None, "lime")])
def test_among_equals_that_score_decides_who_leads_which_all_of_them_have(
    run: Any, cosine_of_shap: float | None, leading: str
) -> None:
    run.tests_of(shap={}, lime={})
    values = {
        "shapley_cosine": {"shap": cosine_of_shap, "lime": 0.6},
        "faithfulness_correlation": {"shap": 0.5, "lime": 0.8},
    }
    scores = [
        run.score(metric, value, explainer=name)
        for metric, of_each in values.items()
        for name, value in of_each.items()
        if value is not None
    ]
    run.measure("faithfulness_correlation", *scores)
    assert explainer_verdicts.leading_explainer(run.results()) == leading


def test_a_method_that_gives_0_by_construction_does_not_lead(run: Any) -> None:
    """Its inputs equal the start of the path, so that it attributes nothing whatever the model."""
    run.tests_of(integrated_gradients={"deletion_effect": (0.95, 0.9, 1.0)}, shap={})
    typical = run.real.explanations["integrated_gradients"].inputs[0]
    run.explanation("integrated_gradients", params={"baseline": typical.tolist()})
    results = run.results()
    zeros = explainer_verdicts.zeros_by_construction(results, "integrated_gradients")
    assert zeros > explainer_verdicts.ZEROS_ALLOWED
    assert explainer_verdicts.leading_explainer(results) == "shap"
    assert explainer_verdicts.leading_for_cases(results) == "shap"


@pytest.mark.parametrize(("gap", "leading"), [(0.0, "shap"), (0.4, "lime")])
def test_cases_are_told_by_log_odds_that_add_up_before_probabilities_that_do_not(
    run: Any, gap: float, leading: str
) -> None:
    run.tests_of(
        shap={"completeness_gap": (gap, gap, gap)}, lime={"completeness_gap": (0.3, 0.3, 0.3)}
    )
    run.explanation("shap", "logit")
    assert explainer_verdicts.leading_for_cases(run.results()) == leading


@pytest.mark.parametrize(
    ("changes", "scope"),
    [
        ({}, "amounts"),
        ({"completeness_gap": (0.3, 0.2, 0.4)}, "order"),
        ({"deletion_effect": (0.65, 0.6, 0.7)}, "members"),
        ({"deletion_effect": LOW}, None),
    ],
)
def test_what_misses_more_than_it_finds_is_not_quoted_for_an_order(
    run: Any, changes: dict[str, Any], scope: str | None
) -> None:
    run.tests_of(shap=changes)
    assert verdict_of(run.results(), "shap").scope == scope


def test_one_method_is_quoted_and_the_others_that_pass_are_checks_on_it(run: Any, say: Any) -> None:
    run.tests_of(shap={}, lime={"deletion_effect": (0.99, 0.98, 1.0)})
    results = run.results()
    best = explainer_verdicts.quoted(results)
    assert best is not None
    standings = {v.explainer: v.standing(best) for v in conclude(results).explainers}
    assert sorted(standings.values()) == ["amounts", "check"]
    assert conclude(results).quoted == best
    (finding,) = rules_explanations.uses(results)
    label = {"shap": "SHAP", "lime": "LIME"}[best.explainer]
    assert f"Quote {label} alone, for the order of its reasons" in say(finding)


def test_a_method_of_another_game_leads_no_ranking_however_well_it_does(run: Any, say: Any) -> None:
    run.tests_of(shap={"deletion_effect": (0.4, 0.3, 0.5)}, lime={})
    run.explanation("lime", game="neighbours")
    results = run.results()
    assert explainer_verdicts.leading_explainer(results) == "shap"
    assert explainer_verdicts.leading_for_cases(results) == "shap"
    best = explainer_verdicts.quoted(results)
    standings = {v.explainer: v.standing(best) for v in conclude(results).explainers}
    assert standings["lime"] == "other_question"
    (finding,) = rules_explanations.uses(results)
    assert "LIME" not in say(finding)


def test_a_method_of_another_game_is_told_where_no_other_is_asked_for(run: Any) -> None:
    run.tests_of(lime={})
    run.explanation("lime", game="neighbours")
    results = run.results()
    assert explainer_verdicts.leading_for_cases(results) == "lime"
    (verdict,) = conclude(results).explainers
    assert verdict.other_game == "neighbours"
    assert verdict.standing(explainer_verdicts.quoted(results)) in {"amounts", "order"}


def test_a_method_without_a_game_is_ranked_by_the_question_of_the_run(run: Any) -> None:
    run.tests_of(shap={"deletion_effect": LOW}, lime={})
    run.explanation("lime", game=None)
    results = run.results()
    assert explainer_verdicts.leading_explainer(results) == "lime"


@pytest.mark.parametrize(
    ("changes", "listed"),
    [({}, True), ({"deletion_effect": LOW}, False), ({"deletion_effect": (0.3, -0.1, 0.7)}, False)],
)
def test_only_what_did_not_fail_stands_on_the_pages_of_cases(
    run: Any, changes: dict[str, Any], listed: bool
) -> None:
    run.tests_of(shap=changes)
    assert (explainer_verdicts.listed_for_cases(run.results()) is not None) == listed


def test_methods_with_one_fault_are_one_finding_and_grave_only_if_the_leading_has_it(
    run: Any, say: Any
) -> None:
    blind = {"randomisation_gain": NO_GAIN}
    run.tests_of(shap={}, lime=blind, input_x_gradient=blind)
    fault, trusted = rules_explanations.uses(run.results())
    assert (fault.id, fault.severity) == ("explainers-nothing", "medium")
    assert say(fault).startswith("LIME and input × gradient say nothing about the model.")
    assert say(trusted).startswith("SHAP may be quoted for the reasons of single cases.")
    run.tests_of(shap=blind)
    (fault,) = (f for f in rules_explanations.uses(run.results()) if "SHAP" in say(f))
    assert fault.severity == "high"


@pytest.mark.parametrize("share", [(0.9, 0.8, 1.0), (1.06, 0.94, 1.2)])
def test_a_share_above_all_that_can_be_gained_is_told_to_be_chance(
    run: Any, say: Any, share: tuple[float, float, float]
) -> None:
    run.tests_of(shap={"deletion_effect": share})
    (trusted,) = rules_explanations.uses(run.results())
    assert ("More than 100 % is chance" in say(trusted)) == (share[0] > 1)


def test_a_failed_check_is_told_with_what_it_missed(run: Any, score: Any, say: Any) -> None:
    """The way of an error of the shap package (shap#3938) into the report."""
    run.tests_of(shap={})
    about = {"explainer": "shap", "n": 40}
    checks = [
        {**about, "check": "additivity", "difference": 0.3, "allowed": 0.001, "passed": False},
        {**about, "check": "output", "difference": 0.0, "allowed": 0.001, "passed": True},
    ]
    run.measure(
        "self_check/shap", score("self_check_failures", 1.0, explainer="shap"), checks=checks
    )
    (finding,) = rules_explanations.uses(run.results())
    assert finding.severity == "high"
    assert say(finding).startswith("SHAP fails a check whose answer is known.")
    assert "miss the distance from the base value to the output by up to 0.300" in say(finding)
    assert "is not that of the model" not in say(finding)


@pytest.mark.parametrize(
    ("use", "changes"),
    [
        ("wrong", {"deletion_effect": WORSE, "insertion_effect": WORSE}),
        ("not_this_case", {"deletion_effect": LOW}),
        ("overall", {"own_case_effect": (0.0, 0.0, 0.0), "shared_order": (1.0, 1.0, 1.0)}),
        ("open", {"deletion_effect": (0.3, -0.1, 0.7)}),
    ],
)
def test_each_verdict_can_be_said(run: Any, say: Any, use: str, changes: dict[str, Any]) -> None:
    run.tests_of(shap=changes)
    (finding,) = rules_explanations.uses(run.results())
    assert finding.id == f"explainers-{use}"
    assert "SHAP" in say(finding)


@pytest.mark.parametrize(
    ("lime", "words"),
    [({}, "Give reasons by LIME"), ({"deletion_effect": LOW}, "none of this run is shown")],
)
def test_in_place_of_a_method_that_failed_one_that_passed_is_named_if_there_is_one(
    run: Any, say: Any, lime: dict[str, Any], words: str
) -> None:
    run.tests_of(shap={"deletion_effect": LOW}, lime=lime)
    finding = next(
        f for f in rules_explanations.uses(run.results()) if f.id == "explainers-not_this_case"
    )
    assert words in say(finding)


def importance(**shares: float) -> list[dict[str, Any]]:
    """The rows of features by SHAP, the most important first."""
    return [
        {"explainer": "shap", "feature": name, "label": name, "rank": rank, "share": share}
        for rank, (name, share) in enumerate(shares.items(), 1)
    ]


def test_nothing_is_said_to_count_most_by_a_method_that_failed(run: Any) -> None:
    table = importance(LIMIT=0.5, PAY_0=0.5)
    run.tests_of(shap={}).measure("importance", importance=table)
    assert [f.id for f in rules_explanations.overview(run.results())] == ["main_reasons"]
    run.tests_of(shap={"randomisation_gain": NO_GAIN})
    assert [*rules_explanations.overview(run.results())] == []


def test_a_feature_that_explains_cases_and_costs_skill_is_told_and_no_other_one(
    run: Any, say: Any
) -> None:
    table = importance(LIMIT=0.5, AGE=0.3, SEX=0.02)
    earned = [
        {"feature": name, "label": name, "share": share, "share_low": share - 0.01}
        | {"share_high": share + 0.01, "p_adjusted": p, "n": 900}
        for name, share, p in (("LIMIT", 0.9, 1.0), ("AGE", -0.08, 0.001), ("SEX", -0.1, 0.001))
    ]
    run.tests_of(shap={}).measure("importance", importance=table).measure("sage", features=earned)
    findings = list(rules_explanations.unearned(run.results()))
    assert [(f.id, f.severity) for f in findings] == [("earns_no_skill", "low")]
    assert "Cases are explained by AGE, which earns no skill" in say(findings[0])
    assert "From AGE come 30.0\u00a0% of what SHAP attributes" in say(findings[0])
    earned[1]["p_adjusted"] = 0.2
    run.measure("sage", features=earned)
    assert [*rules_explanations.unearned(run.results())] == []


@pytest.mark.parametrize("kind", ["text", "image", "series"])
def test_no_word_and_no_place_of_an_input_is_said_to_count_most(
    run: Any, tiny_runs: Any, kind: str
) -> None:
    """Summed over cases a word tells how frequent it is, and a place that something lies there."""
    table = importance(LIMIT=0.5, PAY_0=0.5)
    results = run.tests_of(shap={}).measure("importance", importance=table).results()
    assert [*rules_explanations.overview(results)] != []
    results.__dict__["schema"] = tiny_runs(kind).schema
    assert [*rules_explanations.overview(results)] == []


@pytest.mark.parametrize(
    ("changes", "messages"), [({}, ["points_at_truth"]), ({"randomisation_gain": NO_GAIN}, [])]
)
def test_where_a_method_points_is_concluded_only_if_it_depends_on_the_model(
    run: Any, changes: dict[str, Any], messages: list[str]
) -> None:
    gain = run.score("localisation_gain", 0.1, 0.05, 0.15, explainer="shap")
    run.tests_of(shap=changes).measure("localisation/shap", gain)
    findings = list(rules_explanations.localisation(run.results()))
    assert [finding.message for finding in findings] == messages


@pytest.mark.parametrize(("value", "message"), [(0.3, "disagree"), (0.6, None), (0.9, "agree")])
def test_only_methods_that_may_be_trusted_are_said_to_agree(
    run: Any, say: Any, value: float, message: str | None
) -> None:
    ends = {"low": 0.2, "high": 0.95, "n": 40}
    pairs = [
        {"explainer_a": "shap", "explainer_b": "lime", "spearman": value, **ends},
        {"explainer_a": "shap", "explainer_b": "blind", "spearman": -0.9, **ends},
        {"explainer_a": "shap", "explainer_b": "random", "spearman": 0.0, **ends},
    ]
    run.tests_of(shap={}, lime={}, blind={"randomisation_gain": NO_GAIN})
    run.measure("explainer_agreement", pairs=pairs)
    findings = list(rules_explanations.agreement(run.results()))
    assert [finding.message for finding in findings] == [message] * (message is not None)
    assert all("SHAP and LIME agree least" in say(finding) for finding in findings)


def test_the_conclusions_hold_the_verdicts(run: Any, tmp_path: Any) -> None:
    run.tests_of(shap={}, lime={"randomisation_gain": NO_GAIN})
    conclusions = conclude(run.results())
    conclusions.save(tmp_path)
    again = type(conclusions).load(tmp_path)
    assert [(v.explainer, v.use) for v in again.explainers] == [
        ("shap", "amounts"),
        ("lime", "nothing"),
    ]
    assert again.explainers == conclusions.explainers
