"""Effects and gaps by path, and what a graph implies: closed forms, slow rewrites, known worlds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import combinations

import numpy as np
import pytest

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.extensions.causes import cross_fitting, gap_by_path
from deepseek_report.extensions.causes.cross_fitting import FOLDS, CausalData, Design, Variable
from deepseek_report.extensions.causes.effects import (
    PENALTY,
    CausalEffect,
    MoveBy,
    SetTo,
    adjusted_effect,
    controls_of,
    effect_difference,
    effect_of_setting,
    effective_rows,
    enlarged,
    is_lopsided,
    mean_and_error,
    naive_difference,
    naive_slope,
    weights_of,
)
from deepseek_report.extensions.causes.graph import (
    MOST_NODES,
    CausalGraph,
    CausalRefusal,
    IndependenceClaim,
    PathSets,
)
from deepseek_report.extensions.causes.independence import independence_tests
from deepseek_report.extensions.causes.sensitivity import (
    _Strength,
    e_value,
    robustness_value,
    sensitivity_of,
)
from deepseek_report.statistics.resampling import Resampling

GRAPH = CausalGraph.of(
    {"group": ["age"], "skill": ["group", "age"], "offer": ["age", "skill"],
     "outcome": ["offer", "skill", "group", "age"]}
)  # fmt: skip
OFFER, N = SetTo(1, 0), 900


@cache
def world() -> CausalData:
    """An offer raises the outcome by 1, who has more skill gets it more often; group by age."""
    rng = np.random.default_rng(5)
    age, skill, error = rng.normal(size=(3, N))
    group = 1.0 * (rng.random(N) < 1 / (1 + np.exp(-age)))
    skill = skill + 0.5 * age - 0.8 * group
    offer = 1.0 * (rng.random(N) < 1 / (1 + np.exp(-0.8 * skill)))
    outcome = offer + skill + 0.5 * age + 0.4 * group + error
    numbers = {"age": age, "skill": skill, "outcome": outcome, "answer": skill + 0.1 * group}
    classes = {"group": group, "offer": offer}
    variables = {name: Variable(v) for name, v in numbers.items()}
    return CausalData(
        variables | {name: Variable(v, 2) for name, v in classes.items()}, Resampling(N), 5
    )


@cache
def effect() -> CausalEffect:
    estimated = effect_of_setting(GRAPH, world(), "offer", OFFER, "outcome")
    assert isinstance(estimated, CausalEffect)
    return estimated


def refused(answer: object) -> str:
    assert isinstance(answer, CausalRefusal)
    return answer.kind


def test_the_effect_is_that_of_a_regression_where_the_world_is_linear() -> None:
    data = world().variables
    held = [data[name].values for name in ("skill", "group", "age")]
    design = np.column_stack([np.ones(N), data["offer"].values, *held])
    slope = np.linalg.lstsq(design, data["outcome"].values, rcond=None)[0][1]
    assert effect().adjusted_for == ("group", "skill", "age")
    assert effect().effect.value == pytest.approx(slope, abs=0.04)
    assert effect().effect.low < 1 < effect().effect.high
    assert effect().naive.low > 1.5


def test_the_effect_is_the_difference_of_the_means_of_both_sides() -> None:
    to, instead = effect().means
    assert effect().effect.value == pytest.approx(to.value - instead.value, abs=1e-12)
    assert effect().effect.value == pytest.approx(effect().influence.mean(), abs=1e-12)
    assert effect().overlap.moved == (world().variables["offer"].values == 0).mean()


def test_naive_values_are_those_of_plain_formulas() -> None:
    data, y = world(), world().variables["outcome"].values
    inside = data.variables["offer"].values == 1
    means = naive_difference(data, y, inside, ~inside)
    assert means.value == pytest.approx(y[inside].mean() - y[~inside].mean(), abs=1e-12)
    error = np.sqrt(y[inside].var() / inside.sum() + y[~inside].var() / (~inside).sum())
    assert (means.high - means.low) / 3.925 == pytest.approx(error, rel=0.01)
    x = data.variables["skill"].values
    slope = naive_slope(data, y, x, x + 2)
    assert slope.value == pytest.approx(2 * np.polyfit(x, y, 1)[0], abs=1e-12)


def test_without_anything_to_hold_the_effect_is_the_naive_one() -> None:
    alone = adjusted_effect(world(), "offer", OFFER, "outcome", ())
    assert alone.effect.value == pytest.approx(alone.naive.value, abs=0.01)
    assert alone.effect.low == pytest.approx(alone.naive.low, abs=0.02)


def test_weights_stand_for_all_rows_or_for_the_others() -> None:
    inside, chances = np.array([True, True, False, False]), np.array([0.5, 0.25, 0.2, 0.1])
    assert weights_of(inside, chances).tolist() == pytest.approx([4 / 3, 8 / 3, 0, 0])
    assert weights_of(inside, chances, odds=True).tolist() == pytest.approx([0.5, 1.5, 0, 0])
    assert effective_rows(Resampling(3), np.array([1.0, 1.0, 2.0])) == pytest.approx(16 / 6)
    pair = Resampling.by(np.array([0, 0, 1]), 3)
    assert effective_rows(pair, np.array([1.0, 1.0, 2.0])) == pytest.approx(2)


def test_errors_are_enlarged_by_the_leverage_of_a_weighted_ridge_regression() -> None:
    rng = np.random.default_rng(2)
    x, w = rng.normal(size=(30, 2)), rng.random(30)
    w[:10] = 0
    root = np.sqrt(w)[:, None] * np.column_stack([np.ones(30), x])
    penalty = PENALTY * w.sum() / (w.sum() ** 2 / (w**2).sum())
    hat = root @ np.linalg.inv(root.T @ root + penalty * np.eye(3)) @ root.T
    factors = enlarged(w, x)
    assert factors == pytest.approx(1 / np.sqrt(1 - np.diag(hat)))
    assert (factors[:10] == 1).all()
    values = mean_and_error(x[:, 0], x[:, 1], factors)
    assert values.mean() == pytest.approx((x[:, 0] + x[:, 1]).mean())


def test_an_effect_of_one_of_three_classes_against_another() -> None:
    rng = np.random.default_rng(8)
    age, kind = rng.normal(size=N), rng.integers(0, 3, N) * 1.0
    y = np.array([0.0, 1.0, 3.0])[kind.astype(int)] + age + rng.normal(size=N)
    data = CausalData(
        {"age": Variable(age), "kind": Variable(kind, 3), "y": Variable(y)}, Resampling(N)
    )
    estimated = adjusted_effect(data, "kind", SetTo(2, 1), "y", ("age",))
    assert estimated.effect.low < 2 < estimated.effect.high
    assert estimated.effect.high - estimated.effect.low < 0.5


def test_a_number_is_moved_as_far_as_declared() -> None:
    moved = effect_of_setting(GRAPH, world(), "skill", MoveBy(0.5, -99, 99), "answer")
    assert refused(moved) == "no_directed_path"
    graph = CausalGraph({**GRAPH.parents, "answer": ("skill", "group")}, GRAPH.unmeasured)
    answer = effect_of_setting(graph, world(), "skill", MoveBy(0.5, -99, 99), "answer")
    assert answer.overlap.moved == 1
    assert answer.effect.value == pytest.approx(0.5, abs=0.01)
    within = effect_of_setting(graph, world(), "skill", MoveBy(0.5, None, 0.5), "answer")
    assert within.overlap.moved == (world().variables["skill"].values <= 0).mean()
    assert within.effect.value == pytest.approx(0.5 * within.overlap.moved, abs=0.02)


def test_the_same_seed_gives_the_same_bytes() -> None:
    again = effect_of_setting(GRAPH, world(), "offer", OFFER, "outcome")
    assert again.influence.tobytes() == effect().influence.tobytes()
    other = effect_of_setting(GRAPH, replace(world(), seed=6), "offer", OFFER, "outcome")
    assert other.effect.value != effect().effect.value


def test_rows_that_are_written_three_times_make_nobody_surer() -> None:
    thrice = np.repeat(np.arange(N), 3)
    variables = {name: each.take(thrice) for name, each in world().variables.items()}
    data = CausalData(variables, Resampling.by(thrice, 3 * N), 5)
    repeated = adjusted_effect(data, "offer", OFFER, "outcome", ("age",))
    once = adjusted_effect(world(), "offer", OFFER, "outcome", ("age",))
    widths = [each.effect.high - each.effect.low for each in (repeated, once)]
    assert widths[0] == pytest.approx(widths[1], rel=0.1)
    folds = data.folds()
    assert all(len(set(folds[thrice == k])) == 1 for k in range(20))


def test_missing_values_are_held_as_missing_and_rows_without_an_outcome_left_out() -> None:
    data = world()
    age, outcome = (data.variables[name].values.copy() for name in ("age", "outcome"))
    age[:100], outcome[100:150] = np.nan, np.nan
    holed = data.with_variable("age", Variable(age)).with_variable("outcome", Variable(outcome))
    estimated = adjusted_effect(holed, "offer", OFFER, "outcome", ("age", "skill"))
    assert estimated.used.sum() == len(estimated.influence) == N - 50
    assert Variable(age).columns.shape == (N, 2)


def test_refusals_name_their_reason() -> None:
    data, offer = world(), world().variables["offer"].values
    few = data.with_variable("offer", Variable(offer * (np.arange(N) < 50), 2))
    assert refused(adjusted_effect(few, "offer", OFFER, "outcome", ())) == "too_few_rows"
    flat = data.with_variable("outcome", Variable(np.ones(N)))
    assert refused(adjusted_effect(flat, "offer", OFFER, "outcome", ())) == "constant"
    decided = data.with_variable("offer", Variable(1.0 * (data.variables["skill"].values > 0), 2))
    apart = adjusted_effect(decided, "offer", OFFER, "outcome", ("skill",))
    assert refused(apart) == "no_overlap"
    still = adjusted_effect(data, "skill", MoveBy(1e6), "outcome", ())
    assert refused(still) == "nothing_moves"


@pytest.mark.parametrize(
    ("treatment", "setting", "outcome", "words"),
    [
        ("offer", SetTo(2, 0), "outcome", "offer has 2 classes, numbered from 0"),
        ("offer", SetTo(1, 1), "outcome", "both classes of offer are the same"),
        ("offer", MoveBy(1), "outcome", "offer cannot be moved by 1"),
        ("skill", MoveBy(0), "outcome", "skill cannot be moved by 0"),
        ("offer", OFFER, "many", "many has more than two classes"),
    ],
)
def test_a_setting_that_does_not_fit_is_an_error(treatment, setting, outcome, words) -> None:
    data = world().with_variable("many", Variable(np.arange(N) % 3.0, 3))
    with pytest.raises(ValueError, match=words):
        adjusted_effect(data, treatment, setting, outcome, ())


def test_predictions_never_see_their_own_fold() -> None:
    data, folds = world(), np.arange(N) % FOLDS
    design, y = data.design(["skill"]), data.variables["outcome"].values
    everybody = np.ones(N, bool)
    plain = cross_fitting.cross_fitted(
        y, Design(design.plain[:, :0], design.bent[:, :0]), folds, everybody
    )
    means = [y[folds != fold].mean() for fold in range(FOLDS)]
    assert plain == pytest.approx(np.array(means)[folds])
    nowhere = cross_fitting.cross_fitted(np.where(folds == 2, 1e9, y), design, folds, folds != 2)
    assert np.abs(nowhere).max() <= np.abs(y[folds != 2]).max()


def test_penalised_fits_are_those_of_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression, Ridge

    data = world()
    x = data.design(["skill", "age"]).plain
    y, offer = data.variables["outcome"].values, data.variables["offer"].values
    ridge = Ridge(alpha=30.0).fit(x, y).predict(x)
    assert cross_fitting._ridge_path(x, y, x, [30.0])[0] == pytest.approx(ridge, abs=1e-8)
    logistic = LogisticRegression(C=1 / 30.0, tol=1e-8).fit(x, offer).predict_proba(x)[:, 1]
    assert cross_fitting._logistic_path(x, offer, x, [300.0, 30.0])[1] == pytest.approx(
        logistic, abs=1e-4
    )


@cache
def gap(outcome: str = "outcome") -> gap_by_path.PathGap:
    sets = GRAPH.path_sets("group", "outcome")
    gaps = gap_by_path.gaps_by_path(world(), sets, "group", (1, 0), [outcome])
    return gaps[0]


def test_parts_of_a_gap_add_up_to_the_gap_and_hold_what_is_known() -> None:
    parts, group = gap().parts, world().variables["group"].values
    y = world().variables["outcome"].values
    assert parts["total"].value == pytest.approx(y[group == 1].mean() - y[group == 0].mean())
    whole = sum(parts[path].value for path in gap_by_path.PATHS[1:])
    assert whole == pytest.approx(parts["total"].value, abs=1e-12)
    assert parts["direct"].low < 0.4 < parts["direct"].high
    assert parts["indirect"].high < -0.5  # less skill, and so fewer offers
    assert parts["spurious"].low > 0.3  # older


def test_several_outcomes_are_split_as_each_by_itself_and_no_mediator_carries_nothing() -> None:
    both = gap_by_path.gaps_by_path(world(), gap().sets, "group", (1, 0), ["outcome", "answer"])
    influences = (gap_of.influences["spurious"].tobytes() for gap_of in (both[1], gap("answer")))
    assert len({*influences}) == 1
    alone = gap_by_path.gaps_by_path(world(), PathSets(("age",), ()), "group", (1, 0), ["outcome"])
    assert alone[0].parts["indirect"].ends == (0, 0)


def test_weights_are_calibrated_by_a_penalised_regression() -> None:
    data, n = world(), N
    compared = data.variables["group"].values == 1
    weighting = gap_by_path._Weighting.of(data, compared, ("age",), np.arange(n) % FOLDS)
    y, w = data.variables["outcome"].values, weighting.weights
    fitted = weighting.fitted(y)
    log_odds = np.log(weighting.chances / (1 - weighting.chances))
    age = data.variables["age"].values
    columns = [(c - c.mean()) / c.std() for c in (age, fitted, log_odds)]
    basis = np.column_stack([np.ones(n), *columns])
    strength = np.sqrt(PENALTY * (w @ w) / w.sum())
    rows = np.vstack([basis * np.sqrt(w)[:, None], strength * np.diag([0.0, 1, 1, 1])])
    left = np.r_[np.sqrt(w) * (y - fitted), np.zeros(4)]
    slopes = np.linalg.lstsq(rows, left, rcond=None)[0]
    assert weighting.corrected(y, fitted) == pytest.approx(fitted + basis @ slopes)
    first = np.flatnonzero(compared)[0]
    without = np.linalg.lstsq(np.delete(rows, first, 0), np.delete(left, first), rcond=None)[0]
    errors = (y - fitted)[first] - basis[first] @ np.column_stack([slopes, without])
    assert errors[1] == pytest.approx(errors[0] / (1 - weighting._leverage(fitted)[first]))
    mean = weighting.mean_of(y, fitted)
    again = weighting._calibrated(fitted)
    outcome = (fitted + basis @ slopes)[~compared].mean()
    assert mean.value == pytest.approx(outcome)
    weighted = fitted[~compared].mean() + again @ (y - fitted) / (~compared).sum()
    assert weighted == pytest.approx(outcome)
    assert again.sum() == pytest.approx((~compared).sum())
    reference = age[~compared].mean()
    assert abs(again @ age / again.sum() - reference) < abs(w @ age / w.sum() - reference) / 2


def test_enlarged_errors_do_not_cancel_where_means_are_subtracted() -> None:
    rng = np.random.default_rng(4)
    left, further = rng.normal(size=(2, 50))
    zero = np.zeros(50)
    own, other = gap_by_path._Mean(3.0, zero, left), gap_by_path._Mean(1.0, zero, left, (further,))
    assert (own - other).influence == pytest.approx(2 + further - further.mean())
    larger = (own - gap_by_path._Mean(1.0, zero, left * 3, (further,))).influence
    assert larger.mean() == pytest.approx(2)
    assert larger.std() == pytest.approx(np.sqrt(np.mean(4 * left**2 + further**2)), rel=0.05)
    assert (other - other).influence.tolist() == [0.0] * 50


def test_the_direct_part_of_an_answer_is_what_the_model_adds_itself() -> None:
    direct = gap("answer").parts["direct"]
    assert direct.value == pytest.approx(0.1, abs=0.02)


def test_widening_is_the_paired_difference_of_parts() -> None:
    wider = gap_by_path.widening(gap("answer"), gap(), world())
    for path in gap_by_path.PATHS:
        difference = gap("answer").parts[path].value - gap().parts[path].value
        assert wider[path].value == pytest.approx(difference, abs=1e-12)
    same = gap_by_path.widening(gap(), gap(), world())
    assert same["direct"].ends == (0, 0)
    with pytest.raises(ValueError, match="different rows"):
        gap_by_path.widening(replace(gap(), used=np.zeros(N, bool)), gap(), world())


def test_rows_of_other_groups_are_left_out_and_small_groups_refused() -> None:
    group = world().variables["group"].values.copy()
    group[:200], sets = 2.0, gap().sets
    data = world().with_variable("group", Variable(group, 3))
    gaps = gap_by_path.gaps_by_path(data, sets, "group", (1, 0), ["outcome"])
    assert gaps[0].used.sum() == N - 200
    group[200:] = np.where(np.arange(N - 200) < 39, 1.0, 0.0)
    few = world().with_variable("group", Variable(group, 3))
    assert (
        refused(gap_by_path.gaps_by_path(few, sets, "group", (1, 0), ["outcome"])) == "too_few_rows"
    )


def test_a_wrong_graph_is_contradicted_and_a_right_one_is_not() -> None:
    right = independence_tests(GRAPH.implied_independences(), world())
    assert [test.claim.first for test in right if test.is_contradicted] == []
    wrong = CausalGraph.of({"outcome": ["offer", "group", "age"], "offer": ["skill"]})
    tests = independence_tests(wrong.implied_independences(), world())
    named = {(test.claim.first, test.claim.second) for test in tests if test.is_contradicted}
    assert ("outcome", "skill") in named
    assert all(test.p_adjusted >= test.p_value for test in tests)


def test_a_claim_that_holds_nothing_is_a_test_of_the_correlation() -> None:
    claims = CausalGraph.of({"outcome": ["a", "age"]}).implied_independences()
    data = world().with_variable("a", Variable(np.random.default_rng(1).normal(size=N)))
    test = independence_tests(claims, data)[0]
    expected = np.corrcoef(data.variables["a"].values, data.variables["age"].values)[0, 1]
    assert test.correlation == pytest.approx(expected, abs=0.01)
    assert test.n == N


def test_classes_are_tested_one_by_one_and_constants_not_at_all() -> None:
    claims = CausalGraph.of({"y": ["kind", "skill"]}).implied_independences()
    kind = np.digitize(world().variables["skill"].values, [-1, 1]) * 1.0
    by_class = independence_tests(claims, world().with_variable("kind", Variable(kind, 3)))[0]
    assert by_class.is_contradicted
    flat = independence_tests(claims, world().with_variable("kind", Variable(kind * 0, 3)))[0]
    assert np.isnan(flat.p_value)
    assert not flat.is_contradicted


def test_the_robustness_value_is_that_of_the_published_example() -> None:
    """Violence in Darfur: t = 4.18 with 783 degrees of freedom (Cinelli & Hazlett 2020)."""
    assert robustness_value(4.184 / np.sqrt(783), 1, 1) == pytest.approx(0.139, abs=0.001)
    end = (4.184 - 1.963) / np.sqrt(783)
    assert robustness_value(end, 1, 1) == pytest.approx(0.076, abs=0.001)
    assert robustness_value(0, 1, 1) == 0
    r = robustness_value(0.7, 2, 3)
    assert 2 * 3 * r / np.sqrt(1 - r) == pytest.approx(0.7)


def test_the_e_value_is_that_of_the_published_example() -> None:
    assert e_value(3.9) == pytest.approx(7.26, abs=0.01)
    assert e_value(0.8) == pytest.approx(e_value(1.25))
    assert e_value(1) == 1


def test_a_cause_so_many_times_as_strong_makes_the_bias_that_is_needed() -> None:
    strength = _Strength(0.1, 0.2)
    times = strength.times(0.3)
    bias = np.sqrt(times * 0.1 * times * 0.2 / (1 - times * 0.2))
    assert bias == pytest.approx(0.3)
    assert _Strength(0.0, 0.2).times(0.3) == np.inf
    most = _Strength(0.9, 0.01).times(0.5)  # all of the outcome, so that the treatment counts
    assert np.sqrt(most * 0.01 / (1 - most * 0.01)) == pytest.approx(0.5)


def test_sensitivity_names_the_strongest_of_what_is_held() -> None:
    found_out = sensitivity_of(effect(), world())
    assert found_out.strongest == "skill"
    assert 0 < found_out.robustness_value < 1
    assert found_out.e_value > 1
    assert found_out.times_strongest > 0
    none = replace(effect(), effect=replace(effect().effect, low=-0.1), adjusted_for=())
    nothing = sensitivity_of(none, world())
    assert (nothing.robustness_value, nothing.e_value, nothing.strongest) == (0, 1, None)


def test_controls_hold_zero_and_a_broken_estimate_would_not() -> None:
    controls = controls_of(effect(), world())
    assert controls.hold
    assert not replace(controls, placebo=effect().effect).hold
    refusal = adjusted_effect(world(), "skill", MoveBy(1e6), "outcome", ())
    assert isinstance(refusal, CausalRefusal)
    assert replace(controls, placebo=refusal).hold


def test_paired_effects_need_the_same_rows() -> None:
    same = effect_difference(effect(), effect(), world())
    assert same.ends == (0, 0)
    with pytest.raises(ValueError, match="different rows"):
        effect_difference(replace(effect(), used=np.zeros(N, bool)), effect(), world())


def test_an_interval_that_rests_on_few_heavy_rows_is_lopsided() -> None:
    assert is_lopsided(Estimate(0.0, -0.19, 0.95), spread=0.4)
    assert not is_lopsided(Estimate(0.0, -0.19, 0.25), spread=0.4)
    assert not is_lopsided(Estimate(0.5, 0.499, 0.51), spread=1.0)  # next to nothing either way


# --- What a declared graph implies, and what can be identified from it ----------------------------


def test_families_are_those_of_the_arrows() -> None:
    credit = CausalGraph.of(
        {"income": ["age", "education"], "limit": ["income"], "default": ["delay", "age", "limit"]}
    )
    assert credit.nodes == ("income", "limit", "default", "age", "education", "delay")
    assert credit.children("age") == ("income", "default")
    assert credit.ancestors("limit") == {"income", "age", "education"}
    assert credit.descendants("education") == {"income", "limit", "default"}
    assert ("income", "limit") in credit.arrows
    assert len(credit.arrows) == 6


@pytest.mark.parametrize(
    ("causes", "options", "words"),
    [
        ({"a": ["b"], "b": ["c"], "c": ["a"]}, {}, "in a circle: a → c → b → a"),
        ({"a": ["a"]}, {}, "in a circle: a → a"),
        ({"a": ["b", "b"]}, {}, "the causes of a name a node twice"),
        ({"a": ["b"]}, {"known": ["a", "c"]}, "no column is called b; known are a, c"),
        ({"a": ["b"]}, {"unmeasured": ["u"]}, "unmeasured node u has no arrow"),
        ({"a": [f"x{k}" for k in range(MOST_NODES)]}, {}, f"{MOST_NODES + 1} nodes"),
    ],
)
def test_a_graph_that_cannot_be_names_what_is_wrong(causes, options, words) -> None:
    with pytest.raises(ValueError, match=words):
        CausalGraph.of(causes, **options)


def test_an_unmeasured_node_needs_no_column() -> None:
    graph = CausalGraph.of({"a": ["u"], "b": ["u"]}, known=["a", "b"], unmeasured=["u"])
    assert graph.measured == ("a", "b")
    assert graph.implied_independences() == ()


def test_a_collider_is_not_held_and_a_chain_is() -> None:
    assert CausalGraph.of({"b": ["a", "c"]}).implied_independences() == (
        IndependenceClaim("a", "c", ()),
    )
    assert CausalGraph.of({"b": ["a"], "c": ["b"]}).implied_independences() == (
        IndependenceClaim("c", "a", ("b",)),
    )


def _drawn(rng: np.random.Generator, n: int, hidden: int) -> CausalGraph:
    names = [f"v{k}" for k in range(n)]
    causes = {
        name: [other for other in names[:k] if rng.random() < 0.45] for k, name in enumerate(names)
    }
    joined = {name for name in names if causes[name] or any(name in c for c in causes.values())}
    unmeasured = [str(u) for u in rng.permutation(sorted(joined))[:hidden]]
    return CausalGraph.of(causes, unmeasured=unmeasured)


Arrows = set[tuple[str, str]]


def _separated(graph: CausalGraph, a: str, b: str, held: frozenset[str], cut: str = "") -> bool:
    """By walking along all undirected paths and looking at each of their nodes."""
    arrows = {pair for pair in graph.arrows if pair[0] != cut}
    return not any(_is_open(path, arrows, held) for path in _paths([a], b, arrows))


def _paths(path: list[str], end: str, arrows: Arrows) -> Iterator[list[str]]:
    if path[-1] == end:
        yield path
        return
    for pair in arrows:
        for node, following in (pair, pair[::-1]):
            if node == path[-1] and following not in path:
                yield from _paths([*path, following], end, arrows)


def _below(node: str, arrows: Arrows) -> set[str]:
    direct = {effect for cause, effect in arrows if cause == node}
    return direct.union(*(_below(each, arrows) for each in direct))


def _is_open(path: list[str], arrows: Arrows, held: frozenset[str]) -> bool:
    for before, node, after in zip(path, path[1:], path[2:], strict=False):
        if {(before, node), (after, node)} <= arrows:
            if not ({node} | _below(node, arrows)) & held:
                return False
        elif node in held:
            return False
    return True


@pytest.mark.parametrize("seed", range(6))
def test_claims_are_those_of_a_walk_along_all_paths(seed: int) -> None:
    graph = _drawn(np.random.default_rng(seed), 5, hidden=seed % 2)
    claims = {(claim.first, claim.second): claim.held for claim in graph.implied_independences()}
    for a, b in combinations(graph.measured, 2):
        others = [node for node in graph.measured if node not in (a, b)]
        sets = [frozenset(s) for k in range(len(others) + 1) for s in combinations(others, k)]
        separating = [held for held in sets if _separated(graph, a, b, held)]
        assert ((a, b) in claims) == bool(separating)
        if separating:
            held = frozenset(claims[a, b])
            assert held in separating
            later = a if b in graph.ancestors(a) else b
            if held != set(graph.parents[later]):
                assert set(graph.parents[later]) & graph.unmeasured
                assert not any(smaller < held for smaller in separating), "not minimal"


@pytest.mark.parametrize("seed", range(8))
def test_what_is_held_for_an_effect_closes_all_back_doors_and_is_not_changed_by_it(seed) -> None:
    graph = _drawn(np.random.default_rng(50 + seed), 5, hidden=seed % 3)
    for treatment, outcome in combinations(graph.measured, 2):
        held = graph.back_door(treatment, outcome)
        below = graph.descendants(treatment)
        free = [n for n in graph.measured if n not in below | {treatment, outcome}]
        sets = [frozenset(s) for k in range(len(free) + 1) for s in combinations(free, k)]
        closing = [s for s in sets if _separated(graph, treatment, outcome, s, cut=treatment)]
        if isinstance(held, CausalRefusal):
            kind = held.kind
            assert kind == ("not_identifiable" if outcome in below else "no_directed_path")
            assert kind == "no_directed_path" or not closing
        else:
            assert not set(held) & below
            assert _separated(graph, treatment, outcome, frozenset(held), cut=treatment)


def test_what_predicts_the_outcome_is_held_rather_than_what_predicts_the_treatment() -> None:
    graph = CausalGraph.of({"t": ["a"], "b": ["a"], "y": ["t", "b"]})
    assert graph.back_door("t", "y") == ("b",)
    hidden = CausalGraph.of({"t": ["a"], "b": ["a"], "y": ["t", "b"]}, unmeasured=["b"])
    assert hidden.back_door("t", "y") == ("a",)


def test_a_hidden_common_cause_is_named() -> None:
    graph = CausalGraph.of({"t": ["u"], "y": ["t", "u"]}, unmeasured=["u"])
    refusal = graph.back_door("t", "y")
    assert isinstance(refusal, CausalRefusal)
    assert refusal.kind == "not_identifiable"
    assert refusal.reason.values["unmeasured"] == ["u"]
    unmeasured = graph.back_door("u", "y")
    assert isinstance(unmeasured, CausalRefusal)
    assert unmeasured.kind == "unmeasured_node"


def test_paths_are_split_into_what_the_group_changes_and_what_it_does_not() -> None:
    graph = CausalGraph.of(
        {"sex": ["age"], "income": ["sex", "age"], "default": ["income", "sex", "delay"]}
    )
    assert graph.path_sets("sex", "default") == PathSets(("age", "delay"), ("income",))
    further = CausalGraph.of(
        {
            "sex": ["age"],
            "income": ["sex"],
            "default": ["income"],
            "limit": ["sex"],
            "age": ["area"],
        }
    )
    read = further.path_sets("sex", "default", also=["limit"])
    assert read == PathSets(("age", "area"), ("income", "limit"))


@pytest.mark.parametrize("touched", ["sex", "income"])
def test_paths_are_refused_where_a_hidden_cause_joins_them(touched: str) -> None:
    causes = {"sex": [], "income": ["sex"], "default": ["income", "sex", "u"]}
    causes[touched] = [*causes[touched], "u"]
    refusal = CausalGraph.of(causes, unmeasured=["u"]).path_sets("sex", "default")
    assert isinstance(refusal, CausalRefusal)
    assert refusal.kind == "paths_not_identifiable"
    assert refusal.reason.values["unmeasured"] == ["u"]
