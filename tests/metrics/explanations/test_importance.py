"""What counts by attributions, by several methods, and by what the skill rests on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given as examples
from hypothesis import strategies as st
from scipy.stats import spearmanr

from deepseek_report.artifacts.predictions import Cases
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.split import Split
from deepseek_report.metrics.explanations import agreement
from deepseek_report.metrics.explanations.explanation_plugin import about_sample
from deepseek_report.metrics.explanations.importance import Importance
from deepseek_report.metrics.explanations.skill_importance import (
    PermutationImportance,
    Sage,
    exchanged,
)
from tests import builders
from tests.builders import Answers, dataset, explanation, logistic, predictions, table
from tests.enumerated import enumerated_values
from tests.metrics.attributions import explained_by
from tests.worded import refused, say


def measured(toy, values, **changes):
    context = toy(n=100)
    data = context.dataset
    names = tuple(data.schema.names)
    rows = data.test.inputs[: len(values)]
    attributions = explanation(values, rows, feature_names=names, **changes)
    return Importance(resamples=100).measure(replace(context, explanation=attributions)), context


def test_importance_is_the_mean_magnitude_largest_first(toy) -> None:
    importance, _ = measured(toy, np.tile([1.0, -3.0, 0.0], (60, 1)))
    table = importance.tables["importance"]
    assert list(table["mean_absolute"]) == [3, 1, 0]
    assert list(table["share"]) == [0.75, 0.25, 0]
    assert list(table["rank"]) == [1, 2, 3]
    assert list(table["mean_signed"]) == [-3, 1, 0]
    assert importance.scores[0].value == 0.75


def test_means_by_group_make_up_the_mean_over_all(toy) -> None:
    values = np.random.default_rng(0).normal(size=(60, 3))
    importance, _ = measured(toy, values)
    rows = importance.tables["by_group"].query("attribute == 'sex' and feature == 'amount'")
    weighted = (rows["mean_absolute"] * rows["n"]).sum() / rows["n"].sum()
    assert rows["n"].sum() == 60
    assert weighted == pytest.approx(np.abs(values[:, 0]).mean())


def test_an_unsigned_method_has_no_mean_sign(toy) -> None:
    importance, _ = measured(toy, np.ones((10, 3)), signed=False)
    assert importance.tables["importance"]["mean_signed"].isna().all()


def test_attributions_that_are_all_0_give_no_share(toy) -> None:
    importance, _ = measured(toy, np.zeros((10, 3)))
    assert np.isnan(importance.scores[0].value)
    assert (importance.tables["importance"]["share"] == 0).all()


def test_picked_cases_among_the_explained_are_told(toy) -> None:
    context = toy(n=100)
    assert about_sample(context) == ()
    roles = {"most_certain_right": 3, "nearest_threshold": 8}
    picked = replace(context, cases=replace(context.cases, roles=roles))
    about = say(about_sample(picked)[0])
    assert about.startswith("2 of the 40 explained instances were picked")


# --- Agreement of methods -------------------------------------------------------------------------


@examples(st.integers(0, 1000))
def test_rowwise_correlation_is_that_of_scipy(seed) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 4, (3, 8)).astype(float), rng.normal(size=(3, 8))
    expected = [spearmanr(x, y).statistic for x, y in zip(a, b, strict=True) if np.ptp(x)]
    correlations = agreement.rowwise_spearman(a, b)
    np.testing.assert_allclose(correlations[~np.isnan(correlations)], expected, atol=1e-12)


def test_a_constant_row_has_no_correlation() -> None:
    assert np.isnan(agreement.rowwise_spearman(np.ones((1, 4)), np.arange(4.0)[None])).all()


def test_overlap_counts_features_that_both_name() -> None:
    a, b = np.array([[9.0, -8, 7, 0, 0]]), np.array([[0.0, -8, 7, 1, 0]])
    assert agreement.top_overlap(a, b, 3)[0] == pytest.approx(2 / 3)
    assert agreement.top_overlap(a, b, 50)[0] == 1


def test_the_mean_over_pairs_leaves_out_what_is_not_defined() -> None:
    means = agreement.mean_known([np.array([1.0, np.nan]), np.array([0.0, np.nan])])
    np.testing.assert_array_equal(means, [0.5, np.nan])


def test_agreement_leaves_the_control_out(toy) -> None:
    rng = np.random.default_rng(0)
    same, noise = rng.normal(size=(60, 3)), rng.normal(size=(60, 3))
    context = explained_by(toy(n=100), shap=same, lime=2 * same, random=noise)
    measured = agreement.ExplainerAgreement(resamples=200).measure(context)
    together, chance = measured.scores
    assert together.value == pytest.approx(1)
    assert abs(chance.value) < 0.2
    pairs = measured.tables["pairs"]
    assert len(pairs) == 3
    assert pairs.loc[0, "top5_sign_agreement"] == 1
    assert len(measured.tables["per_case"]) == 3 * 60


def test_one_explainer_has_none_to_agree_with(toy) -> None:
    with refused("there is only one"):
        agreement.ExplainerAgreement().measure(explained_by(toy(n=100), shap=np.ones((60, 3))))


def test_methods_of_different_games_need_not_agree(toy) -> None:
    values = np.random.default_rng(0).normal(size=(20, 3))
    context = explained_by(toy(n=100), a=values, b=values, c=-values[:, ::-1])
    alike = agreement.ExplainerAgreement(resamples=50).measure(context)
    of_c = replace(context.explanations["c"], game="background")
    apart = replace(context, explanations={**context.explanations, "c": of_c})
    measured = agreement.ExplainerAgreement(resamples=50).measure(apart)
    assert alike.scores[0].value < 1
    assert measured.scores[0].value == pytest.approx(1)
    assert len(measured.tables["pairs"]) == 3


# --- What the skill rests on: scikit-learn, the definition, and models that are known -------------


COLUMNS = 4
WHOLE = Sage(max_answers=1_000_000)


def chances(rows: np.ndarray, use: float) -> np.ndarray:
    """By columns 0 to 2; the last is used as much as is said, and tells nothing of the label."""
    x = rows.T
    return logistic(1.5 * x[0] + x[1] * (x[2] > 0) + use * x[3])


def context(use: float = 0.0, n: int = 300, seed: int = 0) -> MeasureContext:
    model = Answers(lambda rows: chances(rows, use), table(*(f"x{k}" for k in range(COLUMNS))))
    rng = np.random.default_rng(seed)

    def split(size: int) -> Split:
        rows = rng.normal(size=(size, COLUMNS))
        rows[:, 1] = 0.9 * rows[:, 0] + 0.4 * rows[:, 1]
        labels = (rng.random(size) < chances(rows, 0.0)).astype(np.int64)
        return Split(rows, labels, np.arange(size), {})

    train, validation, test = split(600), split(50), split(n)
    made = predictions(model.probabilities(test.inputs), test, 0.45)
    return builders.context(
        dataset(model.schema, train, validation, test), model, predictions=made,
        validation_predictions=made, cases=Cases(np.arange(20), {}), seed=seed,
    )  # fmt: skip


def of(table: pd.DataFrame, *keys: str) -> np.ndarray:
    """(column, key) or (column,)"""
    cells = table.set_index("feature").loc[[f"x{k}" for k in range(COLUMNS)], list(keys)]
    return cells.to_numpy(dtype=float).squeeze()


def exact(world: MeasureContext) -> np.ndarray:
    """(column,) SAGE values on the test rows from all coalitions."""
    rows, labels = world.dataset.test.inputs, world.dataset.test.labels

    def worth(kept: np.ndarray) -> np.ndarray:
        mixed = [np.where(kept, rows, z) for z in world.background]
        answers = np.mean([world.classifier.probabilities(each)[:, 1] for each in mixed], axis=0)
        return -((answers - labels) ** 2)

    return enumerated_values(worth, COLUMNS).mean(axis=0)


def test_values_of_sage_are_those_of_all_coalitions_and_add_up_to_the_skill() -> None:
    world = context(use=0.5)
    measured = [WHOLE.measure(replace(world, seed=seed)).tables["features"] for seed in range(30)]
    values = np.array([of(table, "value") for table in measured])
    error = values.std(axis=0) / np.sqrt(len(values))
    assert (np.abs(values.mean(axis=0) - exact(world)) < 4 * error + 1e-4).all()
    skill = WHOLE.measure(world).scores[0]
    np.testing.assert_allclose(values.sum(axis=1), skill.value)
    np.testing.assert_allclose([table["share"].sum() for table in measured], 1.0)


def test_sage_agrees_with_the_package_of_its_authors() -> None:
    sage = pytest.importorskip("sage")
    world = context(use=0.5)
    imputer = sage.MarginalImputer(world.classifier.probabilities, world.background)
    estimator = sage.PermutationEstimator(imputer, "mse")
    rows, labels = world.dataset.test.inputs, world.dataset.test.labels
    theirs = estimator(rows, np.eye(2)[labels], verbose=False, bar=False).values / 2
    ours = WHOLE.measure(world).tables["features"]
    np.testing.assert_allclose(of(ours, "value"), theirs, atol=0.01)


def test_of_a_few_rows_that_are_asked_about_all_rows_are_told() -> None:
    world = context(n=2000)
    few = Sage(max_answers=1200).measure(world)
    assert world.classifier.calls < 2000 + 1500 + 1200 + 30
    assert (few.tables["features"]["n"] == 2000).all()
    assert few.tables["features"]["value"].sum() == pytest.approx(few.scores[0].value)
    low, high = of(few.tables["features"], "low", "high").T
    truth = exact(world)
    assert ((low < truth) & (truth < high)).sum() >= COLUMNS - 1


def test_a_column_that_only_costs_is_told_to_cost_and_no_other_one() -> None:
    p_values = of(Sage().measure(context(use=1.0, n=3000)).tables["features"], "p_adjusted")
    assert (p_values < 0.05).tolist() == [False, False, False, True]


@pytest.mark.parametrize("metric", [Sage(), WHOLE, PermutationImportance()])
def test_a_column_that_is_the_same_in_all_rows_earns_exactly_nothing(metric) -> None:
    world = context(use=0.5)
    for part in (world.dataset.train, world.dataset.test):
        part.inputs[:, 3] = 0.25
    world = replace(world, background=world.dataset.train.inputs[:64])
    measured = metric.measure(world).tables["features"]
    key = "value" if "value" in measured else "loss_rise"
    values, low, high = of(measured, key, "low", "high").T
    assert (values[3], low[3], high[3]) == (0, 0, 0)
    assert (values[:3] != 0).all()


def test_correlated_features_are_a_group_with_the_sum_of_their_members() -> None:
    measured = WHOLE.measure(context())
    group = measured.tables["groups"].iloc[0]
    assert group["feature"] == "x0; x1"
    values = measured.tables["features"].set_index("feature")["value"]
    assert group["value"] == pytest.approx(values["x0"] + values["x1"])
    apart = replace(WHOLE, correlated=1.0)
    assert apart.measure(context()).tables.keys() == {"features"}


def test_without_skill_nothing_is_shared() -> None:
    world = context()
    labels = 1 - world.dataset.test.labels
    test = replace(world.dataset.test, labels=labels)
    world = replace(
        world,
        dataset=replace(world.dataset, test=test),
        predictions=replace(world.predictions, labels=labels),
    )
    with refused("no smaller than that of its mean answer"):
        Sage().measure(world)


def test_permutation_importance_is_that_of_scikit_learn() -> None:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.inspection import permutation_importance

    world = context(use=0.5)

    class Fitted(ClassifierMixin, BaseEstimator):
        classes_ = np.array([0, 1])
        _estimator_type = "classifier"

        def fit(self, rows, labels):
            return self

        def predict_proba(self, rows):
            return world.classifier.probabilities(rows)

    ours = PermutationImportance(repeats=100).measure(world).tables["features"]
    for scoring, key in (("neg_brier_score", "loss_rise"), ("roc_auc", "lost")):
        theirs = permutation_importance(
            Fitted(),
            world.dataset.test.inputs,
            world.dataset.test.labels,
            scoring=scoring,
            n_repeats=100,
            random_state=0,
        )
        near = 5 * theirs.importances_std / 10 + 1e-6
        assert (np.abs(of(ours, key) - theirs.importances_mean) < near).all()


def test_features_that_go_together_are_exchanged_together() -> None:
    tables = PermutationImportance().measure(context()).tables
    group = tables["groups"].iloc[0]
    assert group["feature"] == "x0; x1"
    assert group["low"] < group["loss_rise"] < group["high"]


def test_an_exchange_gives_every_row_another_one_once() -> None:
    for n in (2, 3, 40):
        donors = exchanged(n, np.random.default_rng(n))
        assert sorted(donors) == list(range(n))
        assert (donors != np.arange(n)).all()


def test_of_entities_intervals_are_those_of_entities() -> None:
    world, entities = context(), np.arange(300) // 10
    test = replace(world.dataset.test, entities=entities)
    world_of = replace(world, dataset=replace(world.dataset, test=test))
    for metric, key in ((Sage(), "value"), (PermutationImportance(), "loss_rise")):
        alone = of(metric.measure(world).tables["features"], key, "low", "high")
        together = of(metric.measure(world_of).tables["features"], key, "low", "high")
        np.testing.assert_allclose(alone[:, 0], together[:, 0])
        assert not np.allclose(alone[:, 1:], together[:, 1:])


def test_the_notes_say_how_it_was_measured() -> None:
    for metric in (Sage(), PermutationImportance()):
        notes = " ".join(map(say, metric.measure(context()).notes))
        assert "{" not in notes
        assert "training rows" in notes or "exchanged" in notes
