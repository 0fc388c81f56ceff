"""Metrics of explanations on texts, images, series and numbers: planted words, closed forms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.predictions import Cases
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Feature, Schema, Target
from deepseek_report.artifacts.split import Split
from deepseek_report.data_kinds.base import Words, encoding_of
from deepseek_report.data_kinds.text import TextKind
from deepseek_report.metrics.cases.cases import (
    CasePages,
    masking_rows,
    smallest_masking,
    without_players,
)
from deepseek_report.metrics.cases.counterfactuals import DecisionRule
from deepseek_report.metrics.explanations import agreement
from deepseek_report.metrics.explanations.faithfulness import Deletion, Insertion
from deepseek_report.metrics.explanations.importance import Importance
from deepseek_report.metrics.explanations.skill_importance import PermutationImportance, Sage
from deepseek_report.metrics.explanations.stability import MaxSensitivity, ParameterRandomisation
from deepseek_report.metrics.failures.doubtful_rows import neighbours_agreeing
from deepseek_report.metrics.failures.robustness import Robustness
from deepseek_report.metrics.failures.slices import Slices
from deepseek_report.metrics.fairness.proxies import Proxies
from deepseek_report.metrics.performance.baselines import fit_predictor, limits_of
from deepseek_report.statistics.ranking import most_telling
from deepseek_report.tasks import TASKS
from deepseek_report.wording.words import wording
from tests import builders
from tests.builders import Answers, explanation, logistic, predictions
from tests.worded import refused

PLANTED = 3.0


def planted(schema: Schema) -> Answers:
    """A text is positive where the planted token stands; else the mean of the columns decides."""

    def answers(inputs: np.ndarray) -> np.ndarray:
        if schema.modality == "text":
            return logistic(4.0 * (inputs == PLANTED).any(axis=1) - 2)
        mean = np.nanmean(inputs, axis=1)
        return 100 + 40 * mean if schema.target.is_number else logistic(2 * mean)

    model: Any = Answers(answers, schema)
    model.randomised = lambda seed: model
    return model


def part(schema: Schema, n: int, rng: np.random.Generator) -> Split:
    columns = len(schema.features)
    inputs = rng.normal(size=(n, columns))
    if schema.modality == "text":
        inputs = rng.integers(4, 10, size=(n, columns)).astype(float)
        inputs[::2, 0] = PLANTED
        inputs[rng.random(n) < 0.5, 6:] = np.nan
    answers = planted(schema).probabilities(inputs)
    labels = answers[:, 0] if schema.target.is_number else answers.argmax(axis=1)
    return Split(inputs, labels, np.arange(n), {})


def true_effects(schema: Schema, inputs: np.ndarray) -> np.ndarray:
    if schema.modality == "text":
        return (inputs == PLANTED) * 0.7
    return inputs


def explained(schema: Schema, inputs: np.ndarray, values: np.ndarray, method: str) -> Explanation:
    space = "value" if schema.target.is_number else "probability"
    known = {"feature_names": tuple(schema.names), "target": schema.target.explained}
    shown = np.where(np.isnan(inputs), 0.0, values)
    return explanation(shown, inputs, method=method, output_space=space, **known)


@pytest.fixture
def context_for(layout_schema: Callable[..., Schema]) -> Callable[..., MeasureContext]:
    def build(modality: str, task: str = "classification", n: int = 60) -> MeasureContext:
        schema, rng = layout_schema(modality, task), np.random.default_rng(0)
        train, validation, test = (part(schema, size, rng) for size in (2 * n, n, n))
        model = planted(schema)
        rows = test.inputs[:30]
        own = explained(schema, rows, true_effects(schema, rows), "by_hand")
        noise = explained(schema, rows, rng.normal(size=rows.shape), "random")
        predicted = predictions(model.probabilities(test.inputs), test)
        return builders.context(
            builders.dataset(schema, train, validation, test),
            model,
            predictions=predicted,
            validation_predictions=predicted,
            cases=Cases(np.arange(30), {"most_certain_right": 0, "nearest_threshold": 1}),
            question="baseline",
            explanation=own,
            control=noise,
            explanations={"by_hand": own, "random": noise},
            explain=lambda _, inputs, __=None, targets=None: np.where(
                np.isnan(inputs), 0.0, true_effects(schema, inputs)
            ),
        )

    return build


MODALITIES = ["text", "image", "series"]


@pytest.mark.parametrize(
    ("modality", "task"),
    [
        ("text", "classification"),
        ("image", "classification"),
        ("series", "classification"),
        ("image", "regression"),
        ("series", "regression"),
    ],
)
@pytest.mark.parametrize("metric", [Deletion(resamples=200), Insertion(resamples=200)])
def test_the_true_effects_beat_the_random_order(metric, modality, task, context_for) -> None:
    measured = metric.measure(context_for(modality, task))
    area, gain = measured.scores
    assert gain.low > 0
    assert area.direction == ("lower" if isinstance(metric, Deletion) else "higher")
    assert (area.bounds == (None, None)) == (task == "regression")
    if task == "regression":
        assert "probability" not in wording().say(area.note)


def test_taking_the_planted_word_first_drops_the_probability_at_once(context_for) -> None:
    context = context_for("text")
    positive = context.explanation.inputs[:, 0] == PLANTED
    measured = Deletion(resamples=200, steps=6).measure(context)
    whole, without = 1 / (1 + np.exp(-2)), 1 / (1 + np.exp(2))
    np.testing.assert_allclose(measured.tables["curve"]["removed_share"], np.arange(7) / 6)
    one_of_six = (whole / 2 + 5 * without + without / 2) / 6
    full = ~np.isnan(context.explanation.inputs[:, 6]) & positive
    np.testing.assert_allclose(measured.arrays["per_instance"][full], one_of_six)


def test_of_a_linear_number_the_curve_is_the_distance_in_standard_deviations(context_for) -> None:
    context = context_for("series", "regression")
    measured = Deletion(resamples=200).measure(context)
    train = context.dataset.train
    away = 40 * np.abs(
        context.explanation.inputs.mean(axis=1)
        - np.median(context.dataset.train.inputs, axis=0).mean()
    )
    start = measured.tables["curve"]["mean"].iloc[0]
    assert start == pytest.approx(away.mean() / train.labels.std())
    assert measured.tables["curve"]["mean"].iloc[-1] == pytest.approx(0, abs=1e-9)


def test_absent_words_do_not_count_for_agreement() -> None:
    a = np.array([[1.0, 2.0, 3.0, np.nan, np.nan]])
    b = np.array([[3.0, 2.0, 1.0, np.nan, np.nan]])
    assert agreement.rowwise_spearman(a, b)[0] == pytest.approx(-1)
    assert agreement.top_overlap(a, b, 5)[0] == 1
    assert agreement.top_overlap(a, b, 2)[0] == 0.5


@pytest.mark.parametrize("modality", MODALITIES)
def test_agreement_is_of_players(modality, context_for) -> None:
    measured = agreement.ExplainerAgreement(resamples=200).measure(context_for(modality))
    assert len(measured.tables["per_case"]) == 30
    assert measured.tables["pairs"]["top5_overlap"].between(0, 1).all()


def test_importance_of_a_text_is_that_of_its_words_wherever_they_stand(context_for) -> None:
    table = Importance(resamples=200).measure(context_for("text")).tables["importance"]
    first = table.iloc[0]
    assert (first["feature"], first["n"]) == ("b", 15)
    assert first["mean_absolute"] == pytest.approx(0.7)
    assert first["share"] == pytest.approx(1)


@pytest.mark.parametrize(("modality", "count"), [("image", 4), ("series", 3)])
def test_importance_of_an_image_or_series_is_that_of_its_parts(
    modality, count, context_for
) -> None:
    context = context_for(modality)
    table = Importance(resamples=200).measure(context).tables["importance"]
    assert sorted(table["label"]) == [f"part {k + 1}" for k in range(count)]
    owners = context.dataset.schema.owners
    first = np.abs(context.explanation.values[:, owners == 0].sum(axis=1)).mean()
    assert table.set_index("label")["mean_absolute"]["part 1"] == pytest.approx(first)


@pytest.mark.parametrize("modality", MODALITIES)
def test_stability_is_measured_on_every_layout(modality, context_for) -> None:
    context = context_for(modality)
    moved = MaxSensitivity(resamples=200).measure(context).scores[0]
    assert moved.value >= 0
    assert ("replaced by the mask" in wording().say(moved.note)) == (modality == "text")


def test_an_explanation_that_ignores_the_weights_is_found_out(context_for) -> None:
    for modality in ("image", "series"):
        measured = ParameterRandomisation(resamples=200).measure(context_for(modality))
        assert measured.scores[0].value == pytest.approx(1)


def test_one_word_with_a_value_gives_no_order_to_compare(context_for) -> None:
    with refused("no order that random weights could change"):
        ParameterRandomisation(resamples=200).measure(context_for("text"))


def test_players_that_no_model_could_value_do_not_count_as_unchanged(context_for) -> None:
    context = context_for("image")
    rng = np.random.default_rng(0)
    idle = context.dataset.schema.owners == 0
    own = np.where(idle, 0.0, rng.normal(size=context.explanation.values.shape))
    drawn = np.where(idle, 0.0, rng.normal(size=own.shape))
    measured = ParameterRandomisation(resamples=200, instances=30).measure(
        replace(
            context,
            explanation=replace(context.explanation, values=own),
            explain=lambda _, inputs, __=None, targets=None: drawn[: len(inputs)],
        )
    )
    assert measured.scores[0].low < 0 < measured.scores[0].high


def test_the_planted_word_alone_is_found_to_carry_the_decision(context_for) -> None:
    context = context_for("text")
    rule, train = DecisionRule(0.5, 1), context.dataset.train.inputs
    masking = smallest_masking(context.classifier, context.dataset.test.inputs[0], train, rule, 3)
    assert masking.players == (0,)
    without = smallest_masking(context.classifier, context.dataset.test.inputs[1], train, rule, 3)
    assert without.players == ()


def test_the_changed_input_lacks_what_carries_the_decision(context_for) -> None:
    context = context_for("text")
    schema, train = context.dataset.schema, context.dataset.train.inputs
    inputs = context.dataset.test.inputs[:2]
    rule = DecisionRule(0.5, 1)
    maskings = [smallest_masking(context.classifier, row, train, rule, 3) for row in inputs]
    carrying = [
        row
        for case, masking in enumerate(maskings)
        for row in masking_rows(case, inputs[case], masking, schema, 3)
    ]
    changed = without_players(inputs, train, carrying, schema)
    assert rule.decisions(context.classifier.probabilities(changed[:1]))[0] == 0
    moved = (changed[0] != inputs[0]) & ~np.isnan(inputs[0])
    assert np.flatnonzero(moved).tolist() == [0]
    assert np.isnan(changed[1]).all()


def test_needless_players_are_put_back(layout_schema) -> None:
    def either(inputs: np.ndarray) -> np.ndarray:
        """Positive unless both of the last windows are gone; the first is a decoy."""
        both = np.maximum(inputs[:, 2], inputs[:, 5])
        score = 4 * both - 2 + 0.5 * inputs[:, 0] + 0.1 * (inputs[:, 2] + inputs[:, 5])
        return logistic(score)

    model = Answers(either, layout_schema("series"))
    masking = smallest_masking(model, np.ones(8), np.zeros((4, 8)), DecisionRule(0.5, 1), 3)
    assert sorted(masking.players) == [1, 2]


@pytest.mark.parametrize("modality", MODALITIES)
def test_case_pages_are_about_players(modality, context_for) -> None:
    measured = CasePages().measure(context_for(modality)).tables
    assert measured["reasons"]["feature"].str.startswith("part ").all()
    assert measured["neighbours"]["distance"].between(0, 1).all()
    assert measured["errors_like_this"].empty
    assert set(measured["counterfactuals"]["status"]) <= {"found"} | {
        f"none within 8 {noun}" for noun in ("parts", "patches", "windows")
    }
    if modality == "text":
        first = measured["counterfactuals"].iloc[0]
        assert (first["from_display"], first["to_display"]) == ("b", "masked")
        assert measured["reasons"].iloc[0]["display"] == "b"


def test_masked_words_keep_their_place_and_dropped_ones_do_not(layout_schema) -> None:
    schema, rng = layout_schema("text"), np.random.default_rng(0)
    rows = np.array([[2.0, 3, 4, 5, 6, 7, np.nan, np.nan]])
    assert TextKind(schema).mask_words(rows, rows, 1.0, rng)[0, :6].tolist() == [1] * 6
    assert np.isnan(TextKind(schema).drop_words(rows, rows, 1.0, rng)).all()
    dropped = TextKind(schema).drop_words(np.tile(rows, (50, 1)), rows, 0.3, rng)
    for dropped_row in dropped:
        known = dropped_row[~np.isnan(dropped_row)]
        assert np.isnan(dropped_row[len(known) :]).all()
        assert (np.diff(known) > 0).all()


@pytest.mark.parametrize("modality", MODALITIES)
def test_only_perturbations_that_fit_the_data_are_tried(modality, context_for) -> None:
    measured = Robustness().measure(context_for(modality))
    kinds = set(measured.tables["perturbations"]["perturbation"])
    assert kinds == ({"mask", "drop"} if modality == "text" else {"noise"})
    assert {score.metric for score in measured.scores} <= set(Robustness.bounds)


def test_slices_of_a_text_without_attributes_are_refused_with_the_reason(context_for) -> None:
    with refused("cut by attributes"):
        Slices().measure(context_for("text"))
    assert Proxies.modalities == {"table"}


# --- reference predictors ---


def test_weighted_words_are_those_of_scikit_learn(context_for) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    rows = context_for("text").dataset.train.inputs
    texts = [" ".join(f"w{int(t)}" for t in row[~np.isnan(row)]) for row in rows]
    theirs = TfidfVectorizer(sublinear_tf=True).fit_transform(texts).toarray()
    ours = Words.fit(rows).transform(rows).toarray()
    names = sorted(f"w{t}" for t in Words.fit(rows).tokens)
    order = [names.index(f"w{t}") for t in Words.fit(rows).tokens]
    np.testing.assert_allclose(ours, theirs[:, order], atol=1e-12)


def test_a_text_of_unknown_words_alone_is_a_row_of_zeros(context_for) -> None:
    context = context_for("text")
    encoding = encoding_of(context.dataset.schema.features, context.dataset.train.inputs)
    assert encoding.transform(np.full((1, 8), 0.0)).toarray().sum() == 0


@pytest.mark.parametrize("kind", ["logistic_regression", "gradient_boosting"])
def test_predictors_find_the_planted_word(kind: Any, context_for) -> None:
    context = context_for("text", n=100)
    data = context.dataset
    task = TASKS["classification"]
    predict = fit_predictor(
        task, kind, data.schema.features, data.train.inputs, data.train.labels, 2, seed=0
    )
    right = predict(data.test.inputs).argmax(axis=1) == data.test.labels
    assert right.mean() > 0.95
    assert "words" in wording().say(limits_of(task, kind, data.schema.features, 2))
    assert neighbours_agreeing(data, np.arange(3), 5).shape == (3,)


def test_the_columns_that_tell_the_classes_apart_are_kept() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    columns = rng.normal(size=(300, 500))
    columns[:, [7, 400]] += labels[:, None]
    columns[:20, 3] = np.nan
    assert most_telling(columns, labels, 2).tolist() == [7, 400]
    assert most_telling(columns, labels, 500).tolist() == list(range(500))


def test_what_boosting_leaves_out_is_told() -> None:
    wide = tuple(Feature(f"x{j}", "x", "numeric") for j in range(300))
    task = TASKS["classification"]
    assert "200 columns" in wording().say(limits_of(task, "gradient_boosting", wide, 2))
    limits = limits_of(task, "gradient_boosting", wide[:5], 10)
    assert "30 trees a class" in wording().say(limits)
    assert limits_of(task, "gradient_boosting", wide[:5], 2) is None
    assert limits_of(task, "majority", wide, 10) is None


def test_of_thousands_of_columns_slices_look_at_few(toy) -> None:
    context = toy(n=200)
    features = tuple(Feature(f"x{j}", f"x {j}", "numeric") for j in range(1500))
    schema = Schema(features, Target("y", "y", ("no", "yes"), 0))
    rng = np.random.default_rng(0)
    data = context.dataset
    parts = {
        name: replace(getattr(data, name), inputs=rng.normal(size=(len(getattr(data, name)), 1500)))
        for name in ("train", "validation", "test")
    }
    measured = Slices(min_size=20).measure(
        replace(context, dataset=replace(data, schema=schema, **parts))
    )
    assert "only the 64" in wording().say(measured.notes[-1])


def test_of_texts_the_word_that_decides_earns_the_skill_wherever_it_stands(context_for) -> None:
    world = context_for("text")
    earned = Sage().measure(world).tables["features"].iloc[0]
    exchanged = PermutationImportance().measure(world).tables["features"].iloc[0]
    word = world.dataset.schema.vocabulary[int(PLANTED)]
    assert earned["feature"] == exchanged["feature"] == word
    assert earned["share"] == pytest.approx(1.0)


@pytest.mark.parametrize("modality", ["image", "series"])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_of_patches_and_windows_shares_add_up_to_the_skill(context_for, modality, task) -> None:
    measured = Sage().measure(context_for(modality, task))
    assert measured.tables["features"]["share"].sum() == pytest.approx(1.0)
