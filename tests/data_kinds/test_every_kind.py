"""What every kind of data promises, a fifth one included, and what is built on it alone."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.predictions import Cases
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Feature, Layout, Schema, Target
from deepseek_report.artifacts.split import Split
from deepseek_report.data_kinds import ALL_KINDS, KINDS, kind_of
from deepseek_report.data_kinds.base import SIDE, STEPS, DataKind
from deepseek_report.data_kinds.coalitions import n_players
from deepseek_report.explainers.lime import Lime
from deepseek_report.explainers.shapley.shap import Shap
from deepseek_report.metrics.cases.cases import CasePages
from deepseek_report.metrics.explanations.faithfulness import Deletion
from deepseek_report.metrics.explanations.importance import Importance
from deepseek_report.metrics.explanations.skill_importance import PermutationImportance, Sage
from deepseek_report.metrics.explanations.stability import MaxSensitivity
from deepseek_report.metrics.failures.robustness import Robustness
from deepseek_report.privacy.release import hollow
from deepseek_report.visualizations.drawing.labels import player
from deepseek_report.wording.of_results import words_for
from deepseek_report.wording.words import wording
from tests import builders
from tests.builders import predictions
from tests.worded import say

PARTS_OF_TEXTS = ("instances", "places", "removed", "baseline", "replaced", "nearest", "noise")


def same(first: np.ndarray, second: np.ndarray) -> bool:
    return np.array_equal(first, second, equal_nan=True)


def test_a_kind_is_found_by_its_name_alone(sample) -> None:
    kind = kind_of(sample.schema)
    assert type(kind) is KINDS[sample.schema.modality]
    assert kind.name == sample.schema.modality


def test_players_have_a_noun_with_a_plural(sample) -> None:
    singular, many = kind_of(sample.schema).nouns
    assert many.startswith(singular)
    assert many != singular


@pytest.mark.parametrize("part", PARTS_OF_TEXTS)
def test_the_catalog_says_what_sentences_need_of_a_kind_that_ships(sample, part: str) -> None:
    kind = kind_of(sample.schema)
    if kind.name in ALL_KINDS:
        assert words_for("en", sample.schema).say(kind.words(part))


def test_a_kind_can_be_drawn_and_shows_no_more_axes_than_its_shape_has(sample) -> None:
    kind = kind_of(sample.schema)
    assert kind.views
    assert len(kind.axes) <= len(kind.shape)
    assert kind.named_columns == (not kind.shape) == (kind.summary() == "")


def test_players_have_a_name_each_and_places_where_columns_have_them(sample) -> None:
    kind, places = kind_of(sample.schema), kind_of(sample.schema).places()
    assert len(kind.player_names) == n_players(sample.schema)
    assert (places is None) == (not kind.axes)
    if places is not None:
        assert places.shape == (n_players(sample.schema), len(kind.axes))


def test_the_sums_of_players_are_those_of_the_columns_that_are_there(sample) -> None:
    kind, values = kind_of(sample.schema), np.ones(sample.inputs.shape)
    by_player = kind.by_player(values, sample.inputs)
    assert same(~np.isnan(by_player), kind.present(sample.inputs))
    whole = kind.present(sample.inputs).all(axis=1)
    assert np.allclose(by_player[whole].sum(axis=1), values.shape[1])


def test_the_baseline_keeps_the_form_of_an_input_and_has_nothing_of_it(sample) -> None:
    kind = kind_of(sample.schema)
    baseline = kind.baseline(sample.inputs, sample.train)
    assert baseline.shape == sample.inputs.shape
    again = kind.baseline(baseline, sample.train)
    assert same(baseline, again)
    other = kind.baseline(sample.inputs[::-1], sample.train)[::-1]
    assert same(baseline, other)


def test_disturbances_are_seeded_leave_their_inputs_alone_and_grow(sample) -> None:
    kind, before = kind_of(sample.schema), sample.inputs.copy()
    disturbances, train = kind.disturbances(), sample.train.copy()
    if kind.named_columns:
        train[0] = np.nan  # as values are made missing only where some are
    assert disturbances
    assert len({disturbance.name for disturbance in disturbances}) == len(disturbances)
    for disturbance in disturbances:
        little, again, much = (
            disturbance.apply(sample.inputs, train, level, np.random.default_rng(3))
            for level in (0.1, 0.1, 1.0)
        )
        assert same(little, again)
        assert changed(much, sample.inputs) >= changed(little, sample.inputs)
        assert changed(much, sample.inputs) > 0
    assert same(before, sample.inputs)


def changed(first: np.ndarray, second: np.ndarray) -> int:
    return int((~((first == second) | (np.isnan(first) & np.isnan(second)))).sum())


def test_nudged_copies_differ_from_the_inputs_and_keep_their_form(sample) -> None:
    kind, rng = kind_of(sample.schema), np.random.default_rng(0)
    copies = kind.nudged(sample.inputs, sample.train, 0.1, 3, rng)
    assert len(copies) == 3
    assert all(copy.shape == sample.inputs.shape for copy in copies)
    assert all(changed(copy, sample.inputs) for copy in copies)
    assert kind.nudging(0.1)


def test_distances_are_0_to_the_row_itself_and_within_0_and_1(sample) -> None:
    for row, apart in enumerate(kind_of(sample.schema).distances(sample.train[:5], sample.train)):
        assert apart.shape == (len(sample.train),)
        assert apart[row] == pytest.approx(0, abs=1e-9)
        assert (apart >= 0).all()
        assert (apart <= 1 + 1e-9).all()


def test_every_player_that_is_there_can_be_put_into_words(sample) -> None:
    kind, row = kind_of(sample.schema), sample.inputs[0]
    for place in np.flatnonzero(kind.present(row[None])[0]):
        label, display = sample.schema.player_labels[place], kind.display(row, int(place))
        assert display
        name, beside = kind.mention(label, display)
        assert {label, display} == {name.strip("“”"), beside}
        if kind.name in ALL_KINDS:  # the words of the others are not in the catalog
            assert label in say(player(label, sample.schema))
    assert bool(kind.display_row(row)) == kind.reads_out


def test_units_of_importance_keep_every_attribution_that_is_common(sample) -> None:
    values = np.where(np.isnan(sample.inputs), 0.0, 1.0)
    units = kind_of(sample.schema).units(values, sample.inputs, 1)
    assert sum(float(strengths.sum()) for strengths in units.values) == values.sum()
    assert [len(rows) for rows in units.rows] == [len(strengths) for strengths in units.values]


# --- what is built on kinds alone -----------------------------------------------------------------


class Scale(Classifier):
    """The class is "yes" by the first column; a missing one counts as 0."""

    name, module, capabilities, calls = "scale", None, frozenset(), 0

    def __init__(self, schema) -> None:
        self.schema = schema

    def probabilities(self, inputs: np.ndarray) -> np.ndarray:
        middle = 6.0 if not self.schema.features[0].is_numeric else 0.0
        score = np.nan_to_num(inputs[:, 0] - middle, nan=-1.0)
        share = 1 / (1 + np.exp(-2 * score))
        return np.stack([1 - share, share], axis=1)

    def logits(self, inputs: np.ndarray) -> np.ndarray:
        return np.log(self.probabilities(inputs))

    def log_odds(self, inputs: np.ndarray, target: int) -> np.ndarray:
        shares = self.probabilities(inputs)
        return np.log(shares[:, target] / shares[:, 1 - target])


def explained(sample) -> ExplainContext:
    rows = sample.inputs[:6]
    return ExplainContext(
        classifier=Scale(sample.schema),
        inputs=rows,
        positions=np.arange(len(rows)),
        background=sample.train[:20],
        target=1,
        seed=0,
        question=kind_of(sample.schema).compared_with,
    )


def test_shap_and_lime_explain_every_kind_by_its_players(sample) -> None:
    for plugin in (Shap(), Lime(num_samples=200)):
        explanation = plugin.explain(explained(sample))
        assert explanation.values.shape == (6, len(sample.schema.features))
        owner = sample.schema.owners[0]
        kind = kind_of(sample.schema)
        sums = np.abs(kind.by_player(explanation.values, explanation.inputs))
        assert np.nanargmax(np.nanmean(sums, axis=0)) == owner
        if kind.name in ALL_KINDS:  # the one that exists only here has no texts in the catalogs
            texts = [say(text) for text in (explanation.variant, *explanation.notes)]
            assert all(text and "{" not in text for text in texts)


def measured(sample, explanation: Explanation) -> MeasureContext:
    model = Scale(sample.schema)
    labels = (np.random.default_rng(5).random(60) < model.probabilities(sample.train)[:, 1]) * 1
    train = Split(sample.train, labels, np.arange(60))
    test = train.take(np.arange(40))
    answers = predictions(model.probabilities(test.inputs), test)
    return builders.context(
        builders.dataset(sample.schema, train, test, test),
        model,
        predictions=answers,
        validation_predictions=answers,
        cases=Cases(np.arange(6), {"most_certain_right": 0, "nearest_threshold": 1}),
        explanation=explanation,
        explanations={"shap": explanation},
        question=kind_of(sample.schema).compared_with,
        explain=lambda _, inputs, __=None: np.where(np.isnan(inputs), 0.0, 1.0) * inputs[:, :1],
    )


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize(
    "metric",
    [
        Deletion(resamples=50),
        Importance(resamples=50),
        MaxSensitivity(resamples=50),
        CasePages(),
        Robustness(),
        PermutationImportance(),
        Sage(max_answers=1000),
    ],
    ids=lambda metric: type(metric).__name__,
)
def test_metrics_measure_every_kind_without_asking_which_it_is(metric, sample) -> None:
    context = explained(sample)
    context = replace(context, inputs=sample.train[:6])
    measurement = metric.measure(measured(sample, Shap().explain(context)))
    assert measurement.scores or measurement.tables
    assert all("{" not in wording().say(note) for note in measurement.notes)


def test_a_kind_cannot_be_made_without_what_differs(sample) -> None:
    class Empty(DataKind):
        pass

    with pytest.raises(TypeError, match="abstract"):
        Empty(sample.schema)


def test_the_sampling_error_is_that_of_a_player_with_and_without_the_rows(sample) -> None:
    kind, rows = kind_of(sample.schema), sample.inputs
    errors = np.where(kind.known(rows), 0.25, 0.0)
    named = {"feature_names": tuple(sample.schema.names), "output_space": "logit"}
    zeros = np.zeros_like(rows)
    explanation = builders.explanation(zeros, rows, standard_error=errors, **named)
    mean = kind.mean_error(explanation)
    assert mean == pytest.approx(np.nanmean(kind.by_player(errors, rows)))
    source = SimpleNamespace(dataset=SimpleNamespace(schema=sample.schema))
    assert kind.mean_error(hollow(explanation, source)) == pytest.approx(mean)
    assert kind.mean_error(replace(explanation, standard_error=None)) is None


TARGET = Target("y", "y", ("no", "yes"))


def arranged(modality: str, shape: tuple[int, ...]) -> Schema:
    size = int(np.prod(shape))
    features = tuple(Feature(f"c{i}", f"c{i}", "numeric") for i in range(size))
    layout = Layout(modality, shape, tuple((i,) for i in range(size)), tuple("x" * size))
    return Schema(features, TARGET, layout=layout)


def test_a_large_image_shrinks_to_the_means_of_its_blocks() -> None:
    image = np.arange(64 * 48 * 3, dtype=float).reshape(64, 48, 3)
    pixels = kind_of(arranged("image", image.shape)).glance(image.ravel()).pixels
    assert pixels is not None
    assert max(pixels.shape[:2]) <= SIDE
    assert np.isclose(pixels.mean(), image.mean(), rtol=0.05)
    assert np.isclose(pixels[0, 0, 0], image[:3, :3, 0].mean())


def test_a_small_image_stays_as_it_is() -> None:
    image = np.random.default_rng(0).random((8, 8, 1))
    pixels = kind_of(arranged("image", image.shape)).glance(image.ravel()).pixels
    assert np.array_equal(pixels, image)


def test_a_series_shows_the_course_of_its_first_channel() -> None:
    series = np.stack([np.linspace(0, 1, 200), np.full(200, 7.0)], axis=1)
    course = kind_of(arranged("series", series.shape)).glance(series.ravel()).course
    assert course is not None
    assert len(course) <= STEPS
    assert (np.diff(course) > 0).all()


def test_a_table_shows_nothing_at_a_glance() -> None:
    glance = kind_of(Schema((Feature("a", "a", "numeric"),), TARGET)).glance(np.zeros(1))
    assert (glance.words, glance.pixels, glance.course) == ("", None, None)
