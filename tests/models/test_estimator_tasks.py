"""Estimators beyond tables with classes: numbers, several labels, words, boosting libraries."""

from __future__ import annotations

import numpy as np
import pytest

from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.artifacts.protocols.models import capabilities_of, model_digest, name_of
from deepseek_report.artifacts.schema import Feature, Layout, Schema, Target, as_vocabulary
from deepseek_report.artifacts.split import Split
from deepseek_report.errors import ConfigError
from deepseek_report.explainers.shapley.shap import Shap
from deepseek_report.models.estimators.estimator_libraries import TREES
from deepseek_report.models.estimators.sklearn import Sklearn
from deepseek_report.models.shared.loading import load_classifier
from tests.trained import classifier_of
from tests.worded import refused, say

NUMBER = Target("price", "Price", ("price",), 0, 0, task="regression", unit="€")
LABELS = Target(
    "tags", "Tags", ("without c", "with c"), 0, 1, task="multi_label",
    labels=("a", "b", "c"), label_index=2,
)  # fmt: skip
REGRESSORS = {
    "DecisionTreeRegressor": "sklearn.tree", "ExtraTreeRegressor": "sklearn.tree",
    "XGBRegressor": "xgboost", "LGBMRegressor": "lightgbm",
}  # fmt: skip


def table(target, n=200):
    rng = np.random.default_rng(2)
    inputs = rng.normal(size=(n, 3))
    inputs[::9, 0] = np.nan
    known = np.nan_to_num(inputs)
    features = tuple(Feature(name, name, "numeric") for name in "pqr")
    if target.is_number:
        labels, every = 1000 + 50 * known[:, 0] + 30 * known[:, 1] ** 2, None
    else:
        every = (known + rng.normal(scale=0.3, size=known.shape) > 0).astype(np.int64)
        labels = every[:, target.label_index]
    return Schema(features, target), Split(inputs, labels, np.arange(n), all_labels=every)


def texts(n=60):
    """Texts of six places; the second token of the vocabulary is what the label says."""
    rng = np.random.default_rng(0)
    vocabulary = as_vocabulary(["[unknown]", "good", "the", "a", "[mask]"])
    inputs = rng.integers(2, 4, (n, 6)).astype(float)
    labels = rng.integers(0, 2, n)
    inputs[labels == 1, 1] = 1
    inputs[::2, 5] = np.nan
    features = tuple(Feature(f"t{i}", f"place {i}", "token", None, vocabulary) for i in range(6))
    layout = Layout("text", (6,), tuple((i,) for i in range(6)), ("w",) * 6, mask=4)
    schema = Schema(features, Target("y", "Y", ("no", "yes"), 0, 1), layout=layout)
    return schema, Split(inputs, labels, np.arange(n))


@pytest.mark.parametrize(
    "name", sorted(class_name for class_name in TREES if class_name.endswith("Regressor"))
)
def test_trees_that_predict_a_number_are_walked_and_add_up_to_it(name, tmp_path):
    schema, train = table(NUMBER)
    plugin = Sklearn(f"{REGRESSORS.get(name, 'sklearn.ensemble')}.{name}")
    classifier = classifier_of(plugin, schema, train, tmp_path)
    context = ExplainContext(
        classifier, train.inputs[:6], np.arange(6), train.inputs[50:70], 0, seed=0
    )
    explanation = Shap().explain(context)
    assert say(explanation.variant).endswith("(interventional, value)")
    assert explanation.output_space == "value"
    spread = np.abs(explanation.predictions - explanation.base_values).max()
    np.testing.assert_allclose(explanation.completeness_gap, 0, atol=1e-4 * spread)
    np.testing.assert_allclose(explanation.predictions, classifier.logits(train.inputs[:6])[:, 0])


def test_a_number_is_given_as_it_is_and_again_after_loading(tmp_path):
    schema, train = table(NUMBER)
    plugin = Sklearn()
    classifier = classifier_of(plugin, schema, train, tmp_path)
    logits = classifier.logits(train.inputs)
    assert type(classifier.module.estimator).__name__ == "HistGradientBoostingRegressor"
    assert np.corrcoef(logits[:, 0], train.labels)[0, 1] > 0.9
    np.testing.assert_array_equal(classifier.log_odds(train.inputs, 0), logits[:, 0])
    loaded = load_classifier(plugin, schema, train, tmp_path)
    np.testing.assert_array_equal(loaded.logits(train.inputs), logits)


def test_trees_behind_a_link_function_are_not_passed_off_as_a_sum(tmp_path):
    schema, train = table(NUMBER)
    plugin = Sklearn("sklearn.ensemble.HistGradientBoostingRegressor", {"loss": "gamma"})
    classifier = classifier_of(plugin, schema, train, tmp_path)
    context = ExplainContext(
        classifier, train.inputs[:4], np.arange(4), train.inputs[50:60], 0, seed=0
    )
    with refused("not the sum of its trees"):
        Shap().explain(context)


@pytest.mark.parametrize("library", ["sklearn", "xgboost", "lightgbm"])
def test_several_labels_are_learned_by_one_estimator_each(library, tmp_path):
    schema, train = table(LABELS)
    plugin = Sklearn(library=library)
    classifier = classifier_of(plugin, schema, train, tmp_path)
    probabilities = classifier.label_probabilities(train.inputs)
    assert probabilities.shape == (200, 3)
    assert ((probabilities > 0.5) == train.all_labels).mean() > 0.85
    np.testing.assert_allclose(classifier.probabilities(train.inputs)[:, 1], probabilities[:, 2])
    assert capabilities_of(plugin, schema) == classifier.capabilities == frozenset()
    loaded = load_classifier(plugin, schema, train, tmp_path)
    np.testing.assert_array_equal(loaded.label_probabilities(train.inputs), probabilities)


def test_texts_are_read_as_words_whatever_their_place(tmp_path):
    schema, train = texts()
    classifier = classifier_of(Sklearn(), schema, train, tmp_path)
    assert classifier.name == "LogisticRegression"
    assert classifier.capabilities == frozenset()
    turned = train.inputs[:, [1, 0, 2, 3, 4, 5]]
    shares = classifier.probabilities(train.inputs)
    np.testing.assert_allclose(classifier.probabilities(turned), shares)
    assert (shares.argmax(axis=1) == train.labels).mean() > 0.9


def test_what_takes_no_sparse_words_says_so(tmp_path):
    schema, train = texts()
    plugin = Sklearn("sklearn.ensemble.HistGradientBoostingClassifier")
    with pytest.raises(ConfigError, match=r"cannot be fitted to these data \(weighted counts"):
        classifier_of(plugin, schema, train, tmp_path)


def test_an_estimator_for_another_target_is_refused():
    forest = Sklearn("sklearn.ensemble.RandomForestClassifier")
    assert forest.tasks == {"classification", "multi_label"}
    assert Sklearn("sklearn.linear_model.Ridge").tasks == {"regression"}
    assert Sklearn("sklearn.linear_model.Ridge").problems([]) == []
    assert Sklearn().tasks == {"classification", "multi_label", "regression"}
    with pytest.raises(ConfigError, match="is not made to predict a number"):
        forest.build(*table(NUMBER), 0)


def test_boosting_of_many_classes_plans_no_walk_of_trees():
    two = Schema((), Target("y", "Y", ("a", "b"), 0))
    three = Schema((), Target("y", "Y", ("a", "b", "c"), 0))
    for library in ("sklearn", "xgboost", "lightgbm"):
        assert capabilities_of(Sklearn(library=library), two) == {"trees"}
        assert capabilities_of(Sklearn(library=library), three) == frozenset()
    linear = Sklearn(library="xgboost", params={"booster": "gblinear"})
    assert capabilities_of(linear, two) == frozenset()


def test_refusals_name_the_estimator():
    model = Sklearn("sklearn.linear_model.LogisticRegression")
    assert name_of(model) == "LogisticRegression"
    from deepseek_report.explainers.gradients.local_gradients import InputXGradient

    assert "LogisticRegression has none" in say(InputXGradient().refuses(model, None))


def test_without_a_boosting_library_the_extra_is_named(monkeypatch):
    from deepseek_report.models.estimators import estimator_libraries

    monkeypatch.setattr(estimator_libraries, "find_spec", lambda name: None)
    (problem,) = Sklearn(library="xgboost").problems([])
    assert "xgboost, which is not installed" in problem
    assert "pip install '" in problem


def test_an_estimator_is_known_by_what_it_predicted():
    assert model_digest({"predictions_check.npz": "b", "history.parquet": "c"}) == "b"
    assert model_digest({"predictions_check.npz": "b", "weights.safetensors": "a"}) == "a"
    assert model_digest({}) == ""
