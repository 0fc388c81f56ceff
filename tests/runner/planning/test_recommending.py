"""`explainers=recommend`: what is chosen for a model, data and a budget, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from deepseek_report.artifacts.message import Message, from_plain
from deepseek_report.artifacts.protocols.explainers import Situation, Turn
from deepseek_report.config.compose import compose
from deepseek_report.config.experiment import Experiment
from deepseek_report.config.problems import ConfigProblems
from deepseek_report.explainers.shapley.shap import Shap
from deepseek_report.runner.planning.plan import make_plan
from deepseek_report.runner.planning.recommending import decided, seconds_a_row, true_error
from deepseek_report.runner.planning.work import KnownData, Size, instances_of, planned_calls
from deepseek_report.wording.words import wording
from tests.configured import experiment_of

DATA = "dataset=breast_cancer"
SMALL = ("explain.instances=20", "explain.background=16")


def composed(*overrides: str) -> Experiment:
    return experiment_of(DATA, *SMALL, "paths.store=nowhere", *overrides)


@pytest.fixture(scope="module")
def size() -> Size:
    """Of the data, read once."""
    return KnownData.of(composed("model=mlp")).size


def recommended(size: Size, *overrides: str, explainers: str = "recommend") -> Experiment:
    return decided(composed(f"explainers={explainers}", *overrides), size)


def planned(experiment: Experiment, size: Size) -> dict[str, int]:
    instances = instances_of(experiment, size)
    return {
        name: planned_calls(experiment, explainer, size, instances)
        for name, explainer in experiment.explainers.items()
    }


def reason(experiment: Experiment, name: str) -> Message:
    chosen: Message = from_plain(experiment.settings.explain.reasons)[name]
    return chosen


def left_out(experiment: Experiment) -> dict[str, Any]:
    """{explainer: why it is left out}, of those that the recommender decided on."""
    return {
        refusal.artifact.removeprefix("explanations/"): refusal.reason
        for refusal in experiment.refused
        if isinstance(refusal.reason, Message) and refusal.reason.id.startswith("recommendation.")
    }


def test_by_itself_it_plans_no_more_than_the_candidates_with_their_own_sizes(size: Size) -> None:
    chosen, default = recommended(size, "model=mlp"), composed("model=mlp")
    assert sum(planned(chosen, size).values()) <= sum(planned(default, size).values())
    assert chosen.settings.explain.evaluations == sum(planned(default, size).values())
    assert set(chosen.explainers) == set(default.explainers)


def test_where_gradients_give_a_second_opinion_more_coalitions_come_before_lime(size: Size) -> None:
    pays_for_one = sum(planned(composed("model=mlp"), size).values()) + 2000
    chosen = recommended(size, "model=mlp", f"explain.evaluations={pays_for_one}")
    assert chosen.explainers["shap"].rounds == 2 * Shap().rounds
    assert left_out(chosen)["lime"].id == "recommendation.left_out"


def test_trees_are_exact_and_a_surrogate_is_their_second_opinion(size: Size) -> None:
    chosen = recommended(size, "model=sklearn")
    assert reason(chosen, "shap").values["why"].id == "recommendation.shap.trees"
    assert planned(chosen, size)["shap"] == 20
    assert reason(chosen, "lime").values["why"].id == "recommendation.lime.second"


def test_the_explanations_together_never_plan_more_than_the_budget(size: Size) -> None:
    costs = []
    for budget in (1_000, 3_000, 5_000, 10_000, 20_000, 100_000, 1_000_000):
        chosen = recommended(size, "model=deepseek", f"explain.evaluations={budget}")
        plan = planned(chosen, size)
        assert "random" in plan
        assert sum(plan.values()) <= budget
        reasoned = {name: reason(chosen, name).values["rows"] for name in plan}
        assert reasoned == plan
        costs.append(plan.get("shap", 0))
    assert costs == sorted(costs)
    assert costs[0] == 0
    assert costs[-1] > costs[-2] > 0


def test_a_budget_in_seconds_is_kept_by_what_was_measured(size: Size) -> None:
    taken = []
    for seconds in (0.5, 2.0, 8.0, 1000.0):
        chosen = recommended(size, "model=mlp", f"explain.seconds={seconds}")
        plan = planned(chosen, size)
        priced = [seconds_a_row(chosen, size.schema, name) for name in plan]
        each = [rows * price for rows, price in zip(plan.values(), priced, strict=True)]
        assert sum(each) <= seconds
        reasons = [reason(chosen, name).values["seconds"] for name in plan]
        assert reasons == pytest.approx(each)
        assert chosen.settings.explain.evaluations == sum(plan.values())
        taken.append(sum(plan.values()))
    assert taken == sorted(taken)
    assert taken[0] < taken[-1]
    both = ("explain.seconds=1000", "explain.evaluations=9000")
    assert sum(planned(recommended(size, "model=mlp", *both), size).values()) <= 9000
    with pytest.raises(ConfigProblems) as caught:
        recommended(size, "model=mlp", "explain.seconds=0.001")
    (problem,) = caught.value.problems
    assert problem.where == "command line, explain.seconds=0.001"
    assert problem.allowed.startswith("at least 0.")


def test_of_methods_at_the_same_turn_the_one_nearer_to_the_truth_is_taken(size: Size) -> None:
    experiment = composed("model=mlp")
    errors = {k: true_error(experiment, size.schema, k) for k in ("lime", "gradient_shap", "shap")}
    assert errors["lime"] is None  # it plays another game than tables ask about
    assert errors["shap"] is not None
    assert errors["gradient_shap"] is not None
    rich = recommended(size, "model=mlp", "explain.evaluations=60000")
    assert "gradient_shap" in rich.explainers
    why = reason(rich, "gradient_shap")
    assert why.values["error"] == errors["gradient_shap"]
    for language in ("en", "zh"):
        assert wording(language).say(why)


def test_every_shipped_candidate_has_a_measured_price(size: Size) -> None:
    for model in ("mlp", "deepseek", "sklearn"):
        experiment = composed(f"model={model}", "explainers=recommend")
        for name in experiment.explainers:
            assert seconds_a_row(experiment, size.schema, name), (model, name)
    assert seconds_a_row(experiment, size.schema, "somebody's own") is None


def test_a_budget_that_explains_nothing_is_refused_with_the_least_that_would_do(size: Size) -> None:
    with pytest.raises(ConfigProblems) as caught:
        recommended(size, "model=sklearn", "explain.evaluations=39")
    (problem,) = caught.value.problems
    assert problem.where == "command line, explain.evaluations=39"
    assert problem.allowed == "at least 40, or null"
    assert "explain.instances" in problem.todo
    enough = recommended(size, "model=sklearn", "explain.evaluations=40")
    assert list(enough.explainers) == ["shap", "random"]


def test_what_a_person_set_or_named_stays_as_it_is(size: Size) -> None:
    chosen = recommended(
        size,
        "model=mlp",
        "explainers.shap.rounds=3",
        "explain.evaluations=20000",
        explainers="[recommend,-integrated_gradients,+lime]",
    )
    explainers = chosen.explainers
    assert explainers["shap"].rounds == 3
    assert reason(chosen, "shap").values["why"].id == "recommendation.set"
    assert set(explainers) == {"shap", "input_x_gradient", "random", "lime"}
    assert "lime" not in chosen.settings.explain.reasons
    with pytest.raises(ConfigProblems, match=r"at least 8[0-9]{3}"):
        recommended(size, "model=mlp", "explain.evaluations=500", explainers="[recommend,+lime]")


def test_a_value_that_is_also_the_default_counts_as_set_where_a_person_wrote_it(size: Size) -> None:
    chosen = recommended(
        size, "model=mlp", "explainers.shap.rounds=4", "explain.evaluations=1000000"
    )
    assert chosen.explainers["shap"].rounds == 4
    assert reason(chosen, "shap").values["why"].id == "recommendation.set"


def test_attention_is_never_the_only_explanation(size: Size) -> None:
    others = "-shap,-integrated_gradients,-input_x_gradient,-lime"
    chosen = recommended(size, "model=deepseek", explainers=f"[recommend,{others}]")
    assert list(chosen.explainers) == ["random"]
    assert left_out(chosen)["attention_rollout"].id == "recommendation.not_alone"


def test_the_recorded_choice_makes_the_same_stages_without_the_recommender(size: Size) -> None:
    chosen = recommended(size, "model=mlp", "explain.evaluations=9000")
    assert decided(chosen, size) is chosen
    kept = chosen.explainers
    written = [
        f"++explainers.{name}.{field}={'null' if value is None else value}"
        for name in kept
        for field, value in chosen.raw["explainers"][name].items()
        if field != "_target_"
    ]
    explicit = composed("model=mlp", f"explainers=[{','.join(kept)}]", *written)
    assert explicit.undecided is None
    keys = {stage.id: stage.key for stage in make_plan(explicit)}
    for stage in make_plan(chosen):
        if stage.kind in {"data", "training", "predictions", "explanations", "measures"}:
            assert keys[stage.id] == stage.key, stage.id


def test_the_choice_hangs_on_no_clock_and_is_the_same_again(size: Size) -> None:
    first, second = (recommended(size, "model=deepseek") for _ in range(2))
    assert first.raw == second.raw
    assert first.refused == second.refused


def test_a_threshold_on_an_explainer_that_the_budget_leaves_out_is_a_problem(size: Size) -> None:
    promise = "report.thresholds=[{metric: deletion_gain, explainer: lime, at_least: 0.0}]"
    with pytest.raises(ConfigProblems, match="lime"):
        recommended(size, "model=mlp", promise)


@pytest.mark.parametrize("model", ["deepseek", "mlp", "sklearn", "nam"])
def test_each_offer_costs_more_than_the_one_before_it_and_says_why(size: Size, model: str) -> None:
    experiment = composed(f"model={model}", "explainers=all")
    capabilities = experiment.model.capabilities_for(size.schema)
    situation = Situation(capabilities, size.schema, 16)
    for name, explainer in experiment.explainers.items():
        offers = explainer.offers(situation)
        assert offers
        costs = [planned_calls(experiment, offer.explainer, size, 20) for offer in offers]
        assert all(less < more for less, more in pairwise(costs)), name
        assert [offer.turn for offer in offers] == sorted(offer.turn for offer in offers)
        assert all(wording("en").say(offer.reason) for offer in offers)


def test_few_players_end_with_all_coalitions_and_many_with_halved_parts(size: Size) -> None:
    experiment = composed("model=mlp")
    narrow = replace(size.schema, features=size.schema.features[:5])
    few = Situation(frozenset(), narrow, 16)
    last = list(Shap().offers(few))[-1]
    assert last.reason.id == "recommendation.shap.all"
    exact = planned_calls(experiment, last.explainer, replace(size, schema=narrow), 1)
    assert exact == 16 + 1 + 2 * 16 * 15  # 16 background rows, 15 pairs of 5 players
    parts = list(Shap(permutation_up_to=8).offers(Situation(frozenset(), size.schema, 16)))
    assert {offer.reason.id for offer in parts} == {"recommendation.shap.owen"}
    assert parts[0].turn == Turn.ACCOUNT


def test_the_set_cannot_stand_inside_of_another_set(tmp_path: Path) -> None:
    sets = tmp_path / "explainers" / "sets"
    sets.mkdir(parents=True)
    (sets / "ours.yaml").write_text("# Ours.\n- recommend\n- lime\n")
    with pytest.raises(ConfigProblems, match=r"ours holds the set recommend"):
        compose(["explainers=ours"], str(tmp_path))


def test_reasons_that_nobody_wrote_are_refused() -> None:
    with pytest.raises(ConfigProblems, match=r"explain\.reasons"):
        composed("model=mlp", "++explain.reasons={shap: because}")
