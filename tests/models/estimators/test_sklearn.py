"""Estimators of scikit-learn and of boosting libraries, fitted here or read from a file."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.linear_model
import sklearn.pipeline
import sklearn.preprocessing
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier

from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.message import text_of
from deepseek_report.artifacts.protocols import models
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.artifacts.schema import Category, Feature, Schema, Target
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.storage.files import load_json, load_table
from deepseek_report.errors import ArtifactError, ConfigError
from deepseek_report.explainers.shapley.shap import Shap
from deepseek_report.models.estimators import estimator as estimator_module
from deepseek_report.models.estimators.estimator import LEAST, ask
from deepseek_report.models.estimators.sklearn import TREES, Sklearn
from deepseek_report.models.shared.loading import load_classifier
from tests.builders import NUMBER, laid_out, table
from tests.enumerated import enumerated
from tests.trained import classifier_of
from tests.worded import refused, say

FOREST = Sklearn("sklearn.ensemble.RandomForestClassifier", {"n_estimators": 8, "max_depth": 4})
LINEAR = Sklearn("sklearn.linear_model.LogisticRegression")


def two_classes(n=400):
    """Binary data with a number, a category with gaps, and a number with gaps."""
    rng = np.random.default_rng(1)
    colour = rng.integers(0, 3, n).astype(float)
    signal, late = rng.normal(size=n), rng.normal(size=n)
    labels = (signal + (colour == 2) + 0.5 * late > 0.4).astype(np.int64)
    colour[::11], late[::7] = np.nan, np.nan
    categories = tuple(Category(str(10 * k), f"colour {k}") for k in range(3))
    features = (
        Feature("signal", "Signal", "numeric"),
        Feature("colour", "Colour", "categorical", categories=categories),
        Feature("late", "Late", "numeric"),
    )
    schema = Schema(features, Target("y", "Y", ("no", "yes"), 0, 1))
    return schema, Split(np.column_stack([signal, colour, late]), labels, np.arange(n))


@pytest.mark.parametrize("plugin", [FOREST, LINEAR], ids=["forest", "linear"])
def test_probabilities_are_those_of_the_estimator(plugin, schema, train, tmp_path):
    classifier = classifier_of(plugin, schema, train, tmp_path)
    shares = classifier.probabilities(train.inputs)
    own = classifier.module.estimator.predict_proba(classifier.columns(train.inputs))
    np.testing.assert_allclose(shares, own, atol=3 * LEAST)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    powers = np.exp(classifier.logits(train.inputs))
    np.testing.assert_allclose(powers / powers.sum(axis=1, keepdims=True), shares)
    expected = np.log(shares[:, 2] / (1 - shares[:, 2]))
    np.testing.assert_allclose(classifier.log_odds(train.inputs, 2), expected, atol=1e-9)
    assert classifier.calls == 3 * len(train)
    assert classifier.probabilities(train.inputs[:0]).shape == (0, 3)


@pytest.mark.parametrize("plugin", [FOREST, LINEAR], ids=["forest", "linear"])
def test_a_stored_estimator_predicts_as_before(plugin, schema, train, tmp_path):
    classifier = classifier_of(plugin, schema, train, tmp_path)
    loaded = load_classifier(plugin, schema, train, tmp_path)
    np.testing.assert_array_equal(loaded.logits(train.inputs), classifier.logits(train.inputs))
    assert loaded.calls == len(train)
    assert not [path for path in tmp_path.iterdir() if path.suffix in {".pkl", ".joblib"}]


def test_an_estimator_that_cannot_be_fitted_again_to_the_same_is_refused(schema, train, tmp_path):
    free = Sklearn(FOREST.estimator, {**FOREST.params, "random_state": None})
    classifier_of(free, schema, train, tmp_path)
    with pytest.raises(ArtifactError, match=r"predicts something else .* Give it a random_state"):
        load_classifier(free, schema, train, tmp_path)


def test_the_seed_is_the_runs_unless_it_is_set(schema, train):
    assert FOREST.build(schema, train, 5).estimator.random_state == 5
    fixed = Sklearn(FOREST.estimator, {"random_state": 9})
    assert fixed.build(schema, train, 5).estimator.random_state == 9


def test_a_training_folder_holds_what_applies(schema, train, tmp_path):
    classifier_of(FOREST, schema, train, tmp_path)
    history = load_table(tmp_path / "history.parquet")
    assert (tuple(history.columns), len(history)) == (models.HISTORY, 0)
    facts = load_json(tmp_path / "training.json")
    assert (facts["epochs"], facts["rows"], facts["diverged"]) == (0, 300, False)
    architecture = load_json(tmp_path / "architecture.json")
    assert architecture["name"] == "RandomForestClassifier"
    assert "over 5 columns (one column a feature" in say(text_of(architecture["summary"]))


def test_trees_read_one_column_a_feature_and_tell_missing_values_apart(schema, train):
    built = FOREST.build(schema, train, 0)
    table = built.columns.transform(train.inputs)
    gaps = np.isnan(train.inputs[:, 0])
    assert table.shape == train.inputs.shape
    assert table[gaps, 0].max() < table[~gaps, 0].min()
    np.testing.assert_array_equal(table[:, 3], train.inputs[:, 3])


def test_statistics_come_from_the_training_part_alone(schema, train):
    columns = LINEAR.build(schema, train, 0).columns
    own = columns.transform(train.inputs)
    np.testing.assert_allclose(own[:, 0][~np.isnan(train.inputs[:, 0])].mean(), 0, atol=1e-9)
    assert columns.transform(train.inputs + 1000)[:, 0].mean() > 0.1


def test_a_class_that_the_training_part_lacks_has_the_least_probability(schema, train, tmp_path):
    part = train.take(np.flatnonzero(train.labels != 1))
    shares = classifier_of(FOREST, schema, part, tmp_path).probabilities(train.inputs)
    assert shares.shape == (300, 3)
    assert shares[:, 1].max() < 2 * LEAST


def context(classifier, rows, target=1):
    return ExplainContext(classifier, rows[:6], np.arange(6), rows[50:70], target, seed=0)


def dotted(name):
    """The path of a class of trees in the library that it comes from."""
    if name.startswith(("XGB", "LGBM")):
        return f"{'xgboost' if name.startswith('XGB') else 'lightgbm'}.{name}"
    module = "tree" if "Tree" in name and "Trees" not in name else "ensemble"
    return f"sklearn.{module}.{name}"


@pytest.mark.parametrize("name", sorted(name for name in TREES if name.endswith("Classifier")))
@pytest.mark.parametrize("target", [0, 1])
def test_tree_shap_is_complete_and_asks_only_for_the_predictions(name, target, tmp_path):
    schema, train = two_classes()
    plugin = Sklearn(dotted(name))
    classifier = classifier_of(plugin, schema, train, tmp_path)
    explanation = Shap().explain(context(classifier, train.inputs, target))
    planned = Shap().suited_to(plugin.capabilities, schema).planned_calls(6, 3, 20)
    assert say(explanation.variant).startswith("sums over the leaves of the trees")
    assert planned == explanation.n_model_calls == 6
    np.testing.assert_allclose(explanation.completeness_gap, 0, atol=1e-5)
    if TREES[name]:
        assert explanation.output_space == "probability"
        background = classifier.probabilities(train.inputs[50:70])[:, target].mean()
        np.testing.assert_allclose(explanation.base_values, background, atol=1e-6)
        return
    assert explanation.output_space == "logit"
    background = classifier.log_odds(train.inputs[50:70], target).mean()
    np.testing.assert_allclose(explanation.base_values, background, atol=1e-3)
    odds = np.exp(explanation.predictions)
    shares = classifier.probabilities(train.inputs[:6])[:, target]
    np.testing.assert_allclose(odds / (1 + odds), shares, atol=1e-6)


def test_tree_shap_agrees_with_the_definition(tmp_path):
    schema, train = two_classes()
    classifier = classifier_of(FOREST, schema, train, tmp_path)
    explanation = Shap().explain(context(classifier, train.inputs))
    slow = enumerated(
        lambda rows: classifier.probabilities(rows)[:, 1], train.inputs[:6], train.inputs[50:70]
    )
    np.testing.assert_allclose(explanation.values, slow, atol=1e-5)


def test_boosting_with_three_classes_is_explained_without_walking_trees(schema, train, tmp_path):
    plugin = Sklearn("sklearn.ensemble.HistGradientBoostingClassifier", {"max_iter": 3})
    classifier = classifier_of(plugin, schema, train, tmp_path)
    explanation: Explanation = Shap(rounds=2).explain(context(classifier, train.inputs, 2))
    assert "trees" in plugin.capabilities
    assert classifier.capabilities == frozenset()
    assert say(explanation.variant).startswith("Shapley values of features, by regression")


def test_what_is_not_a_tree_over_features_has_no_trees():
    assert LINEAR.capabilities == frozenset()
    assert Sklearn(FOREST.estimator, encoding="one_hot").capabilities == frozenset()
    assert "needs decision trees" in say(Shap(algorithm="tree").refuses(LINEAR, DataTraits()))
    assert Shap(algorithm="tree").refuses(FOREST, DataTraits()) is None


def test_an_estimator_has_no_weights_to_randomise(schema, train, tmp_path):
    with refused("no weights"):
        classifier_of(FOREST, schema, train, tmp_path).randomised(1)


@pytest.mark.parametrize(
    ("plugin", "words"),
    [
        (Sklearn("os.path.join"), "outside the trusted packages"),
        (Sklearn("sklearn.ensemble.RandomForest"), "cannot load sklearn.ensemble.RandomForest"),
        (Sklearn("sklearn.preprocessing.scale"), "is not a class"),
        (Sklearn("sklearn.utils.Bunch"), "is not a scikit-learn estimator"),
        (Sklearn("sklearn.svm.LinearSVC"), "has no predict_proba"),
        (Sklearn(FOREST.estimator, {"n_trees": 3}), 'no parameter "n_trees"; it takes n_estimat'),
        (Sklearn(FOREST.estimator, {"n_estimator": 3}), "Did you mean n_estimators?"),
        (Sklearn(FOREST.estimator, {"n_estimators": -3}), "refuses model.params"),
        (Sklearn(file="nowhere.skops"), "does not exist"),
    ],
)
def test_a_wrong_configuration_is_named_before_anything_runs(plugin, words):
    (problem,) = plugin.problems(["deepseek_report"])
    assert words in problem


def test_a_right_configuration_has_no_problems():
    assert [list(plugin.problems([])) for plugin in (FOREST, LINEAR, Sklearn())] == [[], [], []]


# --- skops files ---


@pytest.fixture
def pipeline_file(tmp_path):
    """A pipeline that was fitted elsewhere, on the source's own names and codes."""
    io = pytest.importorskip("skops.io")
    schema, train = two_classes()
    table = Sklearn(encoding="frame").build(schema, train, 0).columns.transform(train.inputs)
    pipeline = sklearn.pipeline.make_pipeline(
        sklearn.preprocessing.MinMaxScaler(), sklearn.linear_model.LogisticRegression()
    ).fit(table.fillna(0), np.array(["no", "yes"])[train.labels])
    io.dump(pipeline, tmp_path / "theirs.skops")
    return tmp_path / "theirs.skops", pipeline, table


def test_an_estimator_of_a_file_reads_the_sources_names_and_codes(pipeline_file, tmp_path):
    path, pipeline, table = pipeline_file
    schema, train = two_classes()
    known = train.take(np.flatnonzero(np.isfinite(train.inputs).all(axis=1)))
    plugin = Sklearn(file=str(path))
    assert list(plugin.problems([])) == []
    assert plugin.chosen_encoding() == "frame"
    assert set(table["colour"].dropna()) == {0.0, 10.0, 20.0}
    classifier = classifier_of(plugin, schema, known, tmp_path / "training")
    expected = pipeline.predict_proba(table.dropna())
    np.testing.assert_allclose(classifier.probabilities(known.inputs), expected, atol=1e-6)
    loaded = load_classifier(plugin, schema, known, tmp_path / "training")
    np.testing.assert_allclose(loaded.probabilities(known.inputs), expected, atol=1e-6)
    assert "not trained here" in say(
        text_of(load_json(tmp_path / "training" / "training.json")["notes"][0])
    )
    with refused("cannot be asked about missing values"):
        loaded.probabilities(train.inputs)


def test_another_file_is_another_source(pipeline_file):
    path, pipeline, _ = pipeline_file
    before = Sklearn(file=str(path)).source_digest()
    pipeline[-1].coef_ += 1
    import skops.io

    skops.io.dump(pipeline, path)
    assert Sklearn(file=str(path)).source_digest() != before


def test_types_that_nobody_trusts_are_named_and_not_loaded(tmp_path):
    io = pytest.importorskip("skops.io")
    estimator = sklearn.preprocessing.FunctionTransformer(len)
    model = sklearn.pipeline.make_pipeline(estimator, sklearn.linear_model.LogisticRegression())
    model.steps[0][1].func = Schema
    io.dump(model, tmp_path / "odd.skops")
    (problem,) = Sklearn(file=str(tmp_path / "odd.skops")).problems([])
    name = "deepseek_report.artifacts.schema.Schema"
    assert f"holds types that are not known to be safe: {name}" in problem
    assert f"add --trust-type {name}" in problem
    assert list(Sklearn(file=str(tmp_path / "odd.skops")).trusting([name]).problems([])) == []


def test_a_file_that_is_not_skops_is_told_so(tmp_path):
    (tmp_path / "model.pkl").write_bytes(b"cos\nsystem\n")
    (problem,) = Sklearn(file=str(tmp_path / "model.pkl")).problems([])
    assert "is not a skops file" in problem


def test_without_skops_it_is_said_how_to_install_it(pipeline_file, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "skops.io", None)
    (problem,) = Sklearn(file=str(pipeline_file[0])).problems([])
    assert "pip install 'skops>=" in problem


# --- Numbers, several labels, words, boosting libraries -------------------------------------------


LABELS = Target(
    "tags", "Tags", ("without c", "with c"), 0, 1, task="multi_label",
    labels=("a", "b", "c"), label_index=2,
)  # fmt: skip


def on_three_numbers(target, n=200):
    rng = np.random.default_rng(2)
    inputs = rng.normal(size=(n, 3))
    inputs[::9, 0] = np.nan
    known = np.nan_to_num(inputs)
    if target.is_number:
        labels, every = 1000 + 50 * known[:, 0] + 30 * known[:, 1] ** 2, None
    else:
        every = (known + rng.normal(scale=0.3, size=known.shape) > 0).astype(np.int64)
        labels = every[:, target.label_index]
    return table(*"pqr", target=target), Split(inputs, labels, np.arange(n), all_labels=every)


def texts(n=60):
    """Texts of six places; the second token of the vocabulary is what the label says."""
    rng = np.random.default_rng(0)
    inputs = rng.integers(2, 4, (n, 6)).astype(float)
    labels = rng.integers(0, 2, n)
    inputs[labels == 1, 1] = 1
    inputs[::2, 5] = np.nan
    schema = laid_out("text", 6, words=("[unknown]", "good", "the", "a", "[mask]"), mask=4)
    return schema, Split(inputs, labels, np.arange(n))


@pytest.mark.parametrize("name", sorted(name for name in TREES if name.endswith("Regressor")))
def test_trees_that_predict_a_number_are_walked_and_add_up_to_it(name, tmp_path):
    schema, train = on_three_numbers(NUMBER)
    plugin = Sklearn(dotted(name))
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
    schema, train = on_three_numbers(NUMBER)
    plugin = Sklearn()
    classifier = classifier_of(plugin, schema, train, tmp_path)
    logits = classifier.logits(train.inputs)
    assert type(classifier.module.estimator).__name__ == "HistGradientBoostingRegressor"
    assert np.corrcoef(logits[:, 0], train.labels)[0, 1] > 0.9
    np.testing.assert_array_equal(classifier.log_odds(train.inputs, 0), logits[:, 0])
    loaded = load_classifier(plugin, schema, train, tmp_path)
    np.testing.assert_array_equal(loaded.logits(train.inputs), logits)


def test_trees_behind_a_link_function_are_not_passed_off_as_a_sum(tmp_path):
    schema, train = on_three_numbers(NUMBER)
    plugin = Sklearn("sklearn.ensemble.HistGradientBoostingRegressor", {"loss": "gamma"})
    classifier = classifier_of(plugin, schema, train, tmp_path)
    context = ExplainContext(
        classifier, train.inputs[:4], np.arange(4), train.inputs[50:60], 0, seed=0
    )
    with refused("not the sum of its trees"):
        Shap().explain(context)


@pytest.mark.parametrize("library", ["sklearn", "xgboost", "lightgbm"])
def test_several_labels_are_learned_by_one_estimator_each(library, tmp_path):
    schema, train = on_three_numbers(LABELS)
    plugin = Sklearn(library=library)
    classifier = classifier_of(plugin, schema, train, tmp_path)
    probabilities = classifier.label_probabilities(train.inputs)
    assert probabilities.shape == (200, 3)
    assert ((probabilities > 0.5) == train.all_labels).mean() > 0.85
    np.testing.assert_allclose(classifier.probabilities(train.inputs)[:, 1], probabilities[:, 2])
    assert plugin.capabilities_for(schema) == classifier.capabilities == frozenset()
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
        forest.build(*on_three_numbers(NUMBER), 0)


def test_boosting_of_many_classes_plans_no_walk_of_trees():
    two = Schema((), Target("y", "Y", ("a", "b"), 0))
    three = Schema((), Target("y", "Y", ("a", "b", "c"), 0))
    for library in ("sklearn", "xgboost", "lightgbm"):
        assert Sklearn(library=library).capabilities_for(two) == {"trees"}
        assert Sklearn(library=library).capabilities_for(three) == frozenset()
    linear = Sklearn(library="xgboost", params={"booster": "gblinear"})
    assert linear.capabilities_for(two) == frozenset()


def test_refusals_name_the_estimator():
    model = Sklearn("sklearn.linear_model.LogisticRegression")
    assert model.called == "LogisticRegression"
    from deepseek_report.explainers.gradients.local_gradients import InputXGradient

    assert "LogisticRegression has none" in say(InputXGradient().refuses(model, None))


def test_without_a_boosting_library_the_extra_is_named(monkeypatch):
    from deepseek_report.models.estimators import estimator_libraries

    monkeypatch.setattr(estimator_libraries, "find_spec", lambda name: None)
    (problem,) = Sklearn(library="xgboost").problems([])
    assert "xgboost, which is not installed" in problem
    assert "pip install '" in problem


def test_an_estimator_is_known_by_what_it_predicted():
    assert models.model_digest({"predictions_check.npz": "b", "history.parquet": "c"}) == "b"
    assert models.model_digest({"predictions_check.npz": "b", "weights.safetensors": "a"}) == "a"
    assert models.model_digest({}) == ""


# --- Forests answer by their trees as the library does --------------------------------------------


GENERATOR = np.random.default_rng(0)
INPUTS = GENERATOR.normal(size=(300, 6))
NUMBERS = INPUTS[:, 0] * INPUTS[:, 1] + GENERATOR.normal(size=300)
CLASSES = np.digitize(NUMBERS, [-0.5, 0.5])


@pytest.mark.parametrize(
    ("forest", "labels", "method"),
    [
        (RandomForestClassifier, CLASSES, "predict_proba"),
        (ExtraTreesClassifier, CLASSES, "predict_proba"),
        (RandomForestRegressor, NUMBERS, "predict"),
        (ExtraTreesRegressor, NUMBERS, "predict"),
    ],
)
def test_a_forest_answers_as_the_library_does_and_is_asked_itself_once(
    forest, labels, method, monkeypatch
) -> None:
    fitted = forest(20, random_state=0).fit(INPUTS, labels)
    expected = [getattr(fitted, method)(rows) for rows in (INPUTS, INPUTS[:1])]
    questions = []
    own = getattr(type(fitted), method)
    monkeypatch.setattr(type(fitted), method, lambda *a: questions.append(1) or own(*a))
    for rows, answers in zip((INPUTS, INPUTS[:1]), expected, strict=True):
        np.testing.assert_array_equal(ask(fitted, method, rows), answers)
    assert len(questions) == 1


@pytest.mark.parametrize("table", ["a hole", "a column too few", "no numbers"])
def test_a_table_that_trees_cannot_read_is_refused_by_the_library(table) -> None:
    forest = RandomForestClassifier(5, random_state=0).fit(INPUTS, CLASSES)
    ask(forest, "predict_proba", INPUTS)
    rows = INPUTS[:3].astype(object)
    if table == "a hole":
        rows[0, 0] = np.inf
    if table == "a column too few":
        rows = rows[:, 1:]
    if table == "no numbers":
        rows[0, 0] = "low"
    with pytest.raises(ValueError, match=r"infinity|features|could not convert"):
        ask(forest, "predict_proba", rows)


def test_what_the_library_says_holds_where_the_trees_say_something_else(monkeypatch) -> None:
    forest = RandomForestClassifier(5, random_state=0).fit(INPUTS, CLASSES)
    expected = forest.predict_proba(INPUTS)
    monkeypatch.setattr(estimator_module, "_mean", lambda trees, method, rows: np.zeros((300, 3)))
    for _ in range(2):
        np.testing.assert_array_equal(ask(forest, "predict_proba", INPUTS), expected)


def test_decisions_and_other_estimators_are_asked_as_they_are() -> None:
    forest = RandomForestClassifier(5, random_state=0).fit(INPUTS, CLASSES)
    tree = DecisionTreeClassifier(random_state=0).fit(INPUTS, CLASSES)
    np.testing.assert_array_equal(ask(forest, "predict", INPUTS), forest.predict(INPUTS))
    np.testing.assert_array_equal(ask(tree, "predict_proba", INPUTS), tree.predict_proba(INPUTS))
