"""What could be done about gaps: what is measured, what chooses it, what is called better."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import fairlearn.metrics as fl
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from deepseek_report.artifacts.conclusions import DecisionCosts, Expectation
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.fairness.direct_use import DirectUse, told_together
from deepseek_report.metrics.fairness.group_gaps import SurestPair
from deepseek_report.metrics.fairness.groups import Grouping
from deepseek_report.metrics.fairness.options import (
    ComparedGroups,
    Option,
    OptionChanges,
    Options,
    evened_rows,
    price,
    threshold_for_ratio,
)
from deepseek_report.metrics.performance.baselines import fit_monotone
from deepseek_report.metrics.performance.predicting import choose_threshold
from deepseek_report.statistics.paired import balanced_accuracy_difference
from deepseek_report.tasks import task_of
from deepseek_report.tasks.loss import at_threshold
from tests.metrics.refits import logistic_refits
from tests.worded import refused, say

COSTS = DecisionCosts(false_alarm=1.0, missed=3.0)


@pytest.fixture(scope="module")
def measured(toy):
    """A population in which the groups differ, with costs, and the options measured for it."""
    context = toy(n=3000)
    return context, Options(costs=COSTS).measure(context)


def of_sex(measurement):
    table = measurement.tables["options"]
    return table[table["attribute"] == "sex"].set_index("option")


def test_gap_ratio_and_price_of_an_option_are_those_of_fairlearn_and_scikit_learn(measured) -> None:
    context, measurement = measured
    p, sex = context.predictions, context.predictions.groups["sex"]
    row = of_sex(measurement).loc["threshold_for_gap"]
    decided = (p.scores >= float(row["threshold"])).astype(int)
    favoured, before = decided == 0, p.decisions == 0
    as_fairlearn = {"y_true": p.labels == 0, "sensitive_features": sex}
    assert row["gap"] == pytest.approx(
        fl.demographic_parity_difference(y_pred=favoured, **as_fairlearn)
    )
    assert row["ratio"] == pytest.approx(
        fl.demographic_parity_ratio(y_pred=favoured, **as_fairlearn)
    )
    assert row["gap_change"] == pytest.approx(
        row["gap"] - fl.demographic_parity_difference(y_pred=before, **as_fairlearn)
    )
    assert row["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(p.labels, decided))
    assert row["balanced_accuracy_change"] == pytest.approx(
        row["balanced_accuracy"] - balanced_accuracy_score(p.labels, p.decisions)
    )
    assert row["roc_auc"] == pytest.approx(roc_auc_score(p.labels, p.scores))
    assert row["auc_change"] == 0
    assert row["against"] == pytest.approx(1 - favoured.mean())
    cost = np.mean(1.0 * (decided & (p.labels == 0)) + 3.0 * ((1 - decided) & (p.labels == 1)))
    assert row["cost"] == pytest.approx(cost)
    assert row["n_changed"] == np.count_nonzero(decided != p.decisions)


def test_a_threshold_per_group_narrows_the_gap_and_is_never_proposed(measured) -> None:
    sex = of_sex(measured[1])
    assert sex.loc["threshold_per_group", "gap_change_high"] < 0
    assert "male: " in sex.loc["threshold_per_group", "threshold"]
    assert not sex.loc["threshold_per_group", "is_chosen"]


def test_todays_decisions_are_compared_with_nothing(measured) -> None:
    context, measurement = measured
    today = of_sex(measurement).loc["today"]
    assert np.isnan(
        today[["gap_change", "balanced_accuracy_change", "auc_change"]].astype(float)
    ).all()
    assert today["n_changed"] == 0
    assert today["balanced_accuracy"] == pytest.approx(
        balanced_accuracy_score(context.predictions.labels, context.predictions.decisions)
    )


def test_the_test_part_has_no_say_in_what_is_looked_at_and_proposed(toy) -> None:
    context = toy(n=1500)
    other = toy(n=1500, seed=7)
    changed = replace(
        context,
        predictions=other.predictions,
        dataset=replace(context.dataset, test=other.dataset.test),
    )
    first, second = (Options().measure(each).tables["options"] for each in (context, changed))
    chosen = ["attribute", "level", "reference", "option", "threshold", "left_out", "is_chosen"]
    assert first[chosen].equals(second[chosen])
    assert not first["gap"].equals(second["gap"])


def test_an_attribute_that_no_input_was_made_from_is_not_left_out(measured) -> None:
    table = measured[1].tables["options"]
    assert set(table.loc[table["option"] == "without", "attribute"]) == {"region"}
    (score,) = measured[1].scores
    assert (score.metric, score.attribute, score.predictor) == (
        "gap_without",
        "region",
        "gradient_boosting",
    )


def test_refits_beyond_the_declared_work_are_left_out_and_counted(toy) -> None:
    measurement = Options(most_work=0).measure(toy(n=900))
    options = set(measurement.tables["options"]["option"])
    assert options <= {"today", "threshold_for_ratio", "threshold_for_gap", "threshold_per_group"}
    assert any("were not looked at" in say(note) for note in measurement.notes)


def test_of_several_classes_other_predictors_are_measured_and_no_threshold(toy) -> None:
    table = Options().measure(toy(3, n=900)).tables["options"]
    assert not any(name.startswith("threshold") for name in table["option"])
    assert {"gradient_boosting", "reweighted"} <= set(table["option"])


def test_groups_that_are_too_small_in_a_part_are_refused_with_the_reason(toy) -> None:
    with refused("people"):
        Options(min_cell=10_000).measure(toy())


def test_the_threshold_for_a_ratio_reaches_it_at_the_least_price(toy) -> None:
    context = toy(n=3000)
    p = context.validation_predictions
    grouping = Grouping("sex", "sex", ("male", "female"), p.groups["sex"])
    threshold = threshold_for_ratio(p, grouping, 0, 0.9, COSTS)

    def ratio(at: float) -> float:
        rates = [np.mean((p.scores < at)[p.groups["sex"] == level]) for level in (0, 1)]
        return min(rates) / max(rates) if max(rates) else 1.0

    reaching = [at for at in np.round(np.arange(2, 99) / 100, 2) if ratio(at) >= 0.9]
    shares = [np.mean(p.scores < at) for at in reaching]
    kept = [at for at, share in zip(reaching, shares, strict=True) if 0.01 <= share <= 0.99]
    assert threshold in kept
    assert price(at_threshold(p, threshold), COSTS) == pytest.approx(
        min(price(at_threshold(p, at), COSTS) for at in kept)
    )


def test_no_threshold_reaches_a_ratio_by_deciding_the_same_for_everybody(toy) -> None:
    p = toy(n=900).validation_predictions
    grouping = Grouping("label", "label", ("0", "1"), (p.scores > 0.5).astype(int))
    assert threshold_for_ratio(p, grouping, 0, 0.99, None) is None


def test_evened_rows_weigh_cells_as_kamiran_and_calders_do() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 3, 3000)
    labels = (rng.random(3000) < 0.2 + 0.25 * codes).astype(int)
    rows = evened_rows(codes, labels, rng)
    for group in range(3):
        for label in range(2):
            cell = (codes == group) & (labels == label)
            weight = np.mean(codes == group) * np.mean(labels == label) / cell.mean()
            assert cell[rows].sum() == pytest.approx(weight * cell.sum(), abs=1)
    assert np.array_equal(rows, np.sort(rows))


def test_rows_of_unknown_groups_stay_as_they_are() -> None:
    codes, labels = np.array([-1, 0, 0, 1, 1, -1]), np.array([1, 0, 1, 1, 0, 0])
    rows = evened_rows(codes, labels, np.random.default_rng(0))
    assert {0, 5} <= set(rows.tolist())
    assert len(rows) == 6


def test_a_gap_that_turns_round_is_not_called_narrower(toy) -> None:
    context = toy(n=1500)
    p, sex = context.predictions, context.predictions.groups["sex"]
    grouping = Grouping("sex", "sex", ("male", "female"), sex)
    groups = ComparedGroups(grouping, grouping, SurestPair(highest=0, lowest=1), favourable=0)
    rng = np.random.default_rng(1)
    chances = np.where(sex == 0, 0.7, 0.5), np.where(sex == 0, 0.5, 0.7), np.full(len(sex), 0.6)
    today, turned, even = (
        replace(p, decisions=(rng.random(len(sex)) > chance).astype(np.int64)) for chance in chances
    )
    assert OptionChanges.of(today, turned, groups, None).gap_change.high < 0
    assert not OptionChanges.of(today, turned, groups, None).narrows
    assert OptionChanges.of(today, even, groups, None).narrows
    assert not OptionChanges.of(today, today, groups, None).narrows


def test_a_change_of_balanced_accuracy_is_held_by_its_interval_about_as_often_as_promised() -> None:
    rng = np.random.default_rng(5)
    held = []
    for _ in range(300):
        labels = (rng.random(200) < 0.2).astype(int)
        first = rng.random(200) < np.where(labels == 1, 0.7, 0.8)
        other = first ^ (rng.random(200) < 0.1)
        truth = 0.5 * sum(0.1 * (2 * right - 1) for right in (0.7, 0.8))
        change: Estimate = balanced_accuracy_difference(labels, first, other)
        held.append(change.low <= truth <= change.high)
    assert 0.92 <= np.mean(held) <= 1.0


@pytest.mark.parametrize(("effect", "sign"), [("raises", 1), ("lowers", -1)])
def test_a_declared_direction_gives_boosting_that_keeps_it(toy, effect: str, sign: int) -> None:
    expectation = Expectation("direction", columns=("amount",), effect=effect, outcome="default")
    context = replace(toy(n=900), expectations=(expectation,))
    assert "monotone" in set(Options().measure(context).tables["options"]["option"])
    data = context.dataset
    directions = np.array([float(sign), 0.0, 0.0])
    task = task_of(data.schema.target)
    answers = fit_monotone(
        task, data.schema.features, data.train.inputs, data.train.labels, directions, 0
    )
    grid = np.repeat(data.test.inputs[:20], 60, axis=0)
    grid[:, 0] = np.tile(np.linspace(-20, 130, 60), 20)
    moves = np.diff(answers(grid)[:, 1].reshape(20, 60), axis=1)
    assert (sign * moves >= -1e-12).all()


def test_a_direction_of_categories_or_of_some_cases_alone_is_no_constraint(toy) -> None:
    of_some = Expectation("direction", columns=("amount",), where="noise > 0")
    of_categories = Expectation("direction", columns=("colour",))
    context = replace(toy(n=600), expectations=(of_some, of_categories))
    assert "monotone" not in set(Options().measure(context).tables["options"]["option"])


def test_rows_of_one_entity_are_no_reason_to_be_surer(toy) -> None:
    context = toy(n=600)
    p, test = context.predictions, context.dataset.test
    twice = np.tile(np.arange(len(p)), 2)
    copied = replace(
        p,
        **{
            name: getattr(p, name)[twice]
            for name in ("logits", "probabilities", "labels", "instance_ids", "decisions")
        },
        groups={name: codes[twice] for name, codes in p.groups.items()},
        entities=twice,
    )
    data = replace(context.dataset, test=replace(test.take(twice), entities=twice))
    doubled = replace(context, predictions=copied, dataset=data)
    once, more = (
        Options(costs=COSTS).measure(each).tables["options"] for each in (context, doubled)
    )
    for name in ("gap_change", "balanced_accuracy_change", "auc_change", "cost_change"):
        widths = [table[f"{name}_high"] - table[f"{name}_low"] for table in (once, more)]
        known = (widths[0] > 0) & (once["n_changed"] > 30)
        assert known.any()
        assert (widths[1][known] > 0.85 * widths[0][known]).all(), name


def with_refits(context: Any, **fields: Any) -> Any:
    return replace(context, refits=logistic_refits(context.dataset, **fields))


def test_the_model_itself_is_fitted_anew_as_a_whole_by_the_seed_of_the_run(toy) -> None:
    context = with_refits(toy(n=900))
    measurement = Options().measure(context)
    table = measurement.tables["options"]
    own = table[table["option"].str.startswith("model_")]
    assert set(own["attribute"] + " " + own["option"]) == {
        *("sex model_reweighted", "region model_reweighted"),
        *("region model_without",),
    }
    assert set(own["rows"]) == {len(context.dataset.train)}
    without = next(change for _, _, change in context.refits.requests if change.withheld)
    assert without.withheld == (1,)
    assert all(seed is None for _, seed, _ in context.refits.requests)
    kept = [0, 2]
    train, test = context.dataset.train, context.dataset.test
    oracle = LogisticRegression().fit(train.inputs[:, kept], train.labels)
    scores = oracle.predict_proba(test.inputs[:, kept])[:, 1]
    row = own.set_index("option").loc["model_without"]
    assert row["roc_auc"] == pytest.approx(roc_auc_score(test.labels, scores))
    decided = (scores >= context.predictions.threshold).astype(int)
    assert row["n_changed"] == np.count_nonzero(decided != context.predictions.decisions)
    notes = [say(note) for note in measurement.notes]
    assert any("itself was fitted anew as a whole for 3 options" in note for note in notes)


def test_rows_are_evened_over_the_whole_training_part_for_the_model_itself(toy) -> None:
    context = with_refits(toy(n=900))
    Options(max_rows=100).measure(context)
    rows = next(rows for rows, _, change in context.refits.requests if not change.withheld)
    train = context.dataset.train
    region, labels = train.groups["region"][rows], train.labels[rows]  # the surest gap is its
    shares = [labels[region == level].mean() for level in (0, 1, 2)]
    assert shares == pytest.approx([shares[0]] * 3, abs=2e-3)
    assert len(rows) == pytest.approx(len(train), abs=3)


def test_refits_of_the_model_stay_within_the_counted_work_unless_all_are_asked_for(toy) -> None:
    def own(options: Options, **fields: Any) -> tuple[int, str]:
        context = with_refits(toy(n=900), **fields)
        notes = " ".join(say(note) for note in options.measure(context).notes)
        return len(context.refits.requests), notes

    n, notes = own(Options(most_work=0), work=4_000)
    assert (n, "for 2 options of 3" in notes) == (2, True)
    assert "metrics.options.refits=all fits the others too" in notes
    n, notes = own(Options(most_work=0), work=20_000, is_network=True)
    assert (n, "The model itself was not refitted: one fit counts 20" in notes) == (0, True)
    assert "metrics.options.refits=all fits it anew for 3 options" in notes
    assert own(Options(refits="all", most_work=0), work=20_000)[0] == 3
    n, notes = own(Options(refits="none", most_work=0))
    assert (n, "not refitted, as the config says" in notes) == (0, True)


@pytest.mark.parametrize("spoken_for", ["reweighted", "without"])
def test_what_the_validation_part_speaks_for_is_fitted_first(toy, monkeypatch, spoken_for) -> None:
    def named(self: Any, options: Any, groups: Any) -> Any:
        return next((each for each in options if each.name == spoken_for), None)

    monkeypatch.setattr(Options, "_chosen", named)
    context = with_refits(toy(n=900), work=10_000)  # one fit is paid for
    Options().measure(context)
    ((*_, change),) = context.refits.requests
    assert bool(change.withheld) == (spoken_for == "without")


@pytest.mark.parametrize(("own_gap", "chosen"), [(0.2, "model_without"), (0.4, "without")])
def test_the_model_itself_is_proposed_where_it_narrows_the_gap_as_its_stand_in_does(
    toy, own_gap, chosen
) -> None:
    p = toy(n=600).validation_predictions
    gaps = {"today": 0.3, "without": 0.1, "model_without": own_gap}
    options = [Option(name, replace(p), p) for name in gaps]
    gap_of = {id(each.validation): gaps[each.name] for each in options}

    class Groups:
        def unevenness(self, part: Any) -> tuple[float, float]:
            return gap_of[id(part)], 1.0

    assert Options()._chosen(options, Groups()).name == chosen


@pytest.mark.parametrize(("wrong", "chosen"), [(0, "model_without"), (200, "without")])
def test_the_model_itself_is_proposed_for_a_ratio_only_where_it_costs_hardly_more(
    toy, wrong, chosen
) -> None:
    p = toy(n=1500).validation_predictions
    worse = p.decisions.copy()
    worse[:wrong] = 1 - p.labels[:wrong]
    parts = {"today": p, "without": replace(p), "model_without": replace(p, decisions=worse)}
    options = [Option(name, part, p) for name, part in parts.items()]

    class Groups:
        def unevenness(self, part: Any) -> tuple[float, float]:
            return (0.3, 0.5) if part is p else (0.1, 0.9)

    assert Options()._chosen(options, Groups()).name == chosen


def test_a_model_that_came_fitted_is_said_not_to_be_refitted(toy) -> None:
    notes = [say(note) for note in Options().measure(toy(n=600)).notes]
    assert any("not refitted: it came fitted" in note for note in notes)


def test_only_a_model_that_can_keep_directions_is_fitted_with_them(toy) -> None:
    expectation = Expectation("direction", columns=("amount",), effect="raises", outcome="default")
    for keeps in (False, True):
        context = with_refits(toy(n=600), keeps_directions=keeps)
        context = replace(context, expectations=(expectation,))
        table = Options(most_work=0).measure(context).tables["options"]
        assert ("model_monotone" in set(table["option"])) == keeps
        directed = [c.directions for *_, c in context.refits.requests if c.directions is not None]
        assert [d.tolist() for d in directed] == ([[1.0, 0.0, 0.0]] if keeps else [])


def test_stand_ins_that_direct_use_learnt_are_taken_over_and_change_nothing(toy) -> None:
    context = toy(n=900)
    measured = {"measures/direct_use": DirectUse().measure(context)}
    known, schema = measured["measures/direct_use"], context.dataset.schema
    assert set(known.arrays["told_together"][:, 0]) == {0, 1}
    alone, taking = (
        Options().measure(each).tables["options"]
        for each in (context, replace(context, measured=measured))
    )
    assert alone.equals(taking)
    levels = schema.attributes[0].levels
    pair = tuple(levels[int(code)] for code in known.arrays["told_together"][0, 1:3])
    assert told_together(known, schema, "sex", pair, 0.6) is not None
    assert told_together(known, schema, "sex", pair, 0.7) is None
    assert told_together(known, schema, "sex", pair[::-1], 0.6) is None
    assert told_together(None, schema, "sex", pair, 0.6) is None


def test_a_refit_of_the_model_is_seldom_called_better_where_groups_do_not_differ(toy) -> None:
    nothing = np.array([[0, 0, 1, 0.6, -1], [0, 1, 0, 0.6, -1]])
    known = {"measures/direct_use": Measurement(arrays={"told_together": nothing})}
    called = []
    for seed in range(60):
        context = toy(n=400, seed=seed)
        rng = np.random.default_rng([seed, 1])
        groups = {
            part: {"sex": rng.integers(0, 2, len(getattr(context.dataset, part)))}
            for part in ("train", "validation", "test")
        }
        schema = context.dataset.schema
        data = replace(
            context.dataset,
            schema=replace(schema, attributes=schema.attributes[:1]),
            **{
                part: replace(getattr(context.dataset, part), groups=own)
                for part, own in groups.items()
            },
        )
        context = replace(
            with_refits(replace(context, dataset=data, measured=known)),
            predictions=replace(context.predictions, groups=groups["test"]),
            validation_predictions=replace(
                context.validation_predictions, groups=groups["validation"]
            ),
        )
        try:
            table = Options(most_work=0).measure(context).tables["options"]
        except NotApplicableError:  # both groups are treated the same to the last person
            called.append(False)
            continue
        assert "model_reweighted" in set(table["option"])
        better = table[table["is_better"]]
        called.append(better["option"].str.startswith("model_").any())
    assert np.mean(called) <= 0.05


def test_declared_costs_make_the_threshold_of_the_least_cost_an_option(toy) -> None:
    context = toy(n=900)
    table = Options(costs=COSTS, most_work=0).measure(context).tables["options"]
    p = context.validation_predictions
    cheapest = choose_threshold("costs", p.scores, p.truths, COSTS)
    offered = table[table["option"] == "threshold_for_costs"]
    assert set(offered["threshold"]) == {f"{cheapest:.3g}"}
    without = Options(most_work=0).measure(context).tables["options"]
    assert "threshold_for_costs" not in set(without["option"])
