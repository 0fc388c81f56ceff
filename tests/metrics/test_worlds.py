"""The small forms of the benchmarks: worlds whose truth is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from worlds import advice, cases, ground_truth, stand_in_sets, stand_ins, truth_tables
from worlds.experts import audited

from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.failures.reference_refits import WithoutInputs

# --- Reason codes and changes ---------------------------------------------------------------------


@pytest.mark.parametrize("method", ["shortfall_from_all", "shortfall_from_accepted"])
def test_reason_codes_are_true_shortfalls_and_claim_no_wrong_order(method: str) -> None:
    world = cases.reason_world(method, 1)
    assert world.codes > world.people
    assert world.protected == 0
    assert world.favourable <= 0.05 * world.codes
    assert world.reversed <= 0.05 * max(world.claimed, 20)
    assert world.kept == pytest.approx(world.kept_by_seed, abs=0.05)
    assert world.earlier_favourable > 0.1 * world.earlier  # what the earlier rule gave


@pytest.mark.parametrize("model", ["sum", "rule list"])
def test_changes_hold_by_the_model_and_obey_what_is_declared(model, monkeypatch) -> None:
    monkeypatch.setattr(cases, "CHANGED", 8)
    world = cases.change_world(model, 1)
    assert world.known >= 0.8 * world.possible > 0
    assert world.verified == world.known
    assert world.backward == world.fixed == world.off_step == world.far == 0


def test_each_case_is_explained_for_the_class_that_was_decided() -> None:
    world = cases.class_world(1)
    assert world.decided == world.cases
    assert world.fixed_class > 0
    assert world.within >= 0.9 * world.values


# --- Explanations against the exact answer --------------------------------------------------------


def test_spoilt_truth_is_as_far_from_it_as_it_was_spoilt_and_the_metrics_notice(
    monkeypatch,
) -> None:
    monkeypatch.setattr(ground_truth.GroundTruth, "games", ("baseline",))
    judged = ground_truth.judge("interaction", "formula", ground_truth.CI, 1)
    by_name = {each.name: each for each in judged}
    errors = {name: each.error for name, each in by_name.items()}
    assert errors["truth"] == pytest.approx(0, abs=1e-6)
    assert errors["truth"] < errors["slightly noisy"] < errors["noisy"] < errors["random"]
    assert errors["turned"] == pytest.approx(1)
    assert by_name["truth"].order == pytest.approx(1)
    assert by_name["of another"].own_case is not True
    ranks = truth_tables.correlations(judged, "baseline")
    assert np.mean(ranks["deletion_effect"]) > truth_tables.LEAST_CORRELATION
    assert np.mean(ranks["max_sensitivity"]) < truth_tables.LEAST_CORRELATION


def test_every_shipped_method_that_can_explain_the_model_is_judged() -> None:
    world = ground_truth.GroundTruth("additive", "formula", 1, ground_truth.CI)
    accepted = {
        name
        for name, explainer in ground_truth.shipped_parts("explainers").items()
        if world._accepts(explainer)
    }
    assert {"shap", "lime", "integrated_gradients", "input_x_gradient", "random"} <= accepted
    assert not accepted & {"attention_rollout", "intrinsic"}
    assert set(world.explanations("baseline")) <= accepted | set(ground_truth.SPOILT)


def test_the_module_of_a_formula_gives_the_formula_in_every_family() -> None:
    for family in ground_truth.FAMILIES:
        world = ground_truth.GroundTruth(family, "formula", 2, ground_truth.CI)
        rows = world.dataset.test.inputs
        odds = world.classifier.log_odds(rows, 1)
        np.testing.assert_allclose(odds, world.formula.value(rows), rtol=1e-4, atol=1e-4)


# --- Stand-ins for an attribute -------------------------------------------------------------------


def test_two_columns_that_tell_a_group_only_together_stand_in_for_it() -> None:
    outcome = stand_in_sets.trial(1.0, 0.3, 1)
    assert outcome.right
    assert outcome.explained > 0.6


def test_where_no_stand_ins_are_found_no_part_of_zero_is_told() -> None:
    outcome = stand_in_sets.trial(1.0, 1.0, 0)
    assert outcome.empty
    assert not outcome.zero
    assert math.isnan(outcome.explained)


@pytest.mark.parametrize(("area", "severity"), [(0.85, "medium"), (0.95, "medium")])
@pytest.mark.parametrize("columns", [1, 2])
def test_columns_that_stand_in_for_an_attribute_are_named(
    area: float, severity: str, columns: int
) -> None:
    assert stand_ins.trial(area, columns, 3) == stand_ins.Outcome(severity, True)


def test_columns_that_have_nothing_to_do_with_an_attribute_are_not_accused() -> None:
    assert stand_ins.trial(0.5, 0, 3).severity == ""


# --- Leaving inputs out ---------------------------------------------------------------------------


def advised(effect: float, leak: float):
    rng = np.random.default_rng(3)
    parts = [advice.people(n, effect, leak, rng) for n in (800, 800, 800)]
    return advice.context(*parts, 1)


def test_without_the_column_that_knows_the_label_the_score_falls_by_a_stated_amount() -> None:
    table = WithoutInputs().measure(advised(0.0, 3.0)).tables["refits"]
    (leak,) = table.to_dict("records")
    assert leak["inputs"] == "code"
    assert leak["score_change_high"] < -0.05


def test_nothing_is_fitted_for_a_model_whose_training_costs_as_little() -> None:
    context = advised(1.0, 0.0)
    cheap = replace(context, classifier=type("Cheap", (), {"name": "c", "module": None})())
    with pytest.raises(NotApplicableError):
        WithoutInputs().measure(cheap)


def test_what_was_not_asked_for_is_not_tried() -> None:
    context = advised(1.0, 0.0)
    data = replace(context.dataset, issues=())
    with pytest.raises(NotApplicableError):
        WithoutInputs().measure(replace(context, dataset=data))


# --- Experts that are needed ----------------------------------------------------------------------


def test_needed_experts_are_told_from_spare_ones_that_are_busier() -> None:
    experts = [expert for seed in (100, 101) for expert in audited(600, seed)]
    spare = [expert for expert in experts if expert.effect < 0.001]
    needed = [expert for expert in experts if expert.effect >= 0.1]
    assert {expert.verdict for expert in spare} == {"spare"}
    assert {expert.verdict for expert in needed} == {"needed"}
    assert len(spare) >= 8
    assert max(expert.load for expert in spare) > max(expert.load for expert in needed)
