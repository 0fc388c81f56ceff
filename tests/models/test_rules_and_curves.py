"""Models of rules and of curves: their own account is their output, and they come back whole."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest

from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.artifacts.schema import Schema, Target
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.storage.files import load_json, save_arrays, save_json
from deepseek_report.errors import ArtifactError, ConfigError
from deepseek_report.explainers.accounts import Intrinsic
from deepseek_report.explainers.attributions import contrasted
from deepseek_report.models.self_explaining.ebm import EBM, TERMS
from deepseek_report.models.self_explaining.rule_model import RuleModel
from deepseek_report.models.shared.loading import load_classifier
from deepseek_report.wording.words import wording
from tests.tolerances import rounding
from tests.trained import dataset_of, trained

RULES = RuleModel(most=6, max_conditions=2)
CURVES = EBM(pairs=2, bags=1, learning_rate=0.2)


def task_of(name: str, schema: Schema, train: Split) -> tuple[Schema, Split]:
    """The same rows with another target, each of which hangs on age."""
    age = train.inputs[:, 2]
    old = (age > 42).astype(np.int64)
    targets = {
        "two": (Target("y", "Y", ("no", "yes"), 0, 1), old),
        "first": (Target("y", "Y", ("no", "yes"), 0, 0), old),
        "three": (schema.target, old + (age > 50)),
        "number": (Target("y", "Y", ("Y",), explained=0, task="regression", unit="€"), 2 * age),
        "labels": (
            Target("y", "Y", ("not b", "b"), labels=("a", "b"), label_index=1, task="multi_label"),
            old,
        ),
    }
    target, labels = targets[name]
    every = np.stack([(age > 30).astype(np.int64), old], axis=1) if name == "labels" else None
    return replace(schema, target=target), replace(train, labels=labels, all_labels=every)


def fitted(plugin, schema, train, folder):
    folder.mkdir(exist_ok=True)
    module = trained(plugin, dataset_of(schema, train), folder)
    return module, load_classifier(plugin, schema, train, folder)


@pytest.mark.parametrize(
    ("plugin", "task"),
    [
        *((RULES, task) for task in ("two", "first", "three", "number", "labels")),
        *((CURVES, task) for task in ("first", "three", "number")),
    ],
    ids=lambda part: part if isinstance(part, str) else part.name,
)
def test_what_is_loaded_answers_alike_and_its_account_adds_up(
    plugin, task, schema, train, tmp_path
) -> None:
    if plugin is CURVES:
        pytest.importorskip("interpret", reason="interpret-core is an extra (glassbox)")
    schema, train = task_of(task, schema, train)
    module, classifier = fitted(plugin, schema, train, tmp_path)
    rows = np.vstack([train.inputs[:30], np.full((1, 5), np.nan)])
    np.testing.assert_array_equal(module.probabilities(rows), classifier.probabilities(rows))
    for target in range(len(schema.target.classes)):
        context = ExplainContext(classifier, rows, np.arange(31), rows, target, seed=0)
        explanation = Intrinsic(chunk=7).explain(context)
        total = explanation.values.sum(axis=1) + explanation.base_values
        np.testing.assert_allclose(total, contrasted(classifier.logits(rows), target), atol=1e-9)
        assert not explanation.values[:, 4].any()  # a constant adds nothing
    if task == "number":
        assert np.corrcoef(classifier.logits(rows[:30])[:, 0], train.labels[:30])[0, 1] > 0.8
        return
    probabilities = classifier.probabilities(train.inputs)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (probabilities.argmax(axis=1) == train.labels).mean() > 0.9
    if task == "labels":
        labels = classifier.label_probabilities(train.inputs) > 0.5
        assert (labels == (train.all_labels == 1)).mean() > 0.9


def test_sentences_call_the_rules_by_no_name_of_a_class() -> None:
    assert RuleModel().called == "the rule list"


def test_the_list_is_named_in_words_where_the_model_is_named(schema, train, tmp_path) -> None:
    module, _ = fitted(RULES, schema, train, tmp_path / "rules")
    name = module.describe()["name"]
    assert name == "rule list"
    assert wording("zh").name(name) == "规则列表"


def test_edits_may_be_mappings_and_change_the_model(schema, train, tmp_path) -> None:
    schema, train = task_of("two", schema, train)
    first, _ = fitted(RULES, schema, train, tmp_path / "first")
    edits = ({"rule": 1, "remove": True}, {"add": "age > 42", "weight": 3.0})
    second, classifier = fitted(replace(RULES, edits=edits), schema, train, tmp_path / "second")
    numbers = [rule.number for rule in second.fitted.rules]
    assert 1 not in numbers
    assert max(numbers) == len(first.fitted.rules) + 1
    assert classifier.module.fitted == second.fitted
    bad = replace(RULES, edits=({"rule": 77, "remove": True},))
    with pytest.raises(ConfigError, match="there is no rule 77"):
        fitted(bad, schema, train, tmp_path / "third")
    assert "either a `rule`" in replace(RULES, edits=({"weight": 1.0},)).problems(())[0]


def test_an_edit_of_no_rule_is_told_before_training_as_far_as_it_is_known(
    schema, train, tmp_path
) -> None:
    schema, train = task_of("two", schema, train)
    first, _ = fitted(RULES, schema, train, tmp_path)
    n = len(first.fitted.rules)
    removing = replace(RULES, most=n + 1, edits=({"rule": n + 1, "remove": True},))
    assert removing.problems(()) == []
    assert removing.misfits_of_edits(schema, train, None) == []
    (misfit,) = removing.misfits_of_edits(schema, train, tmp_path)
    assert f"there is no rule {n + 1}, only 1 to {n}" in misfit
    beyond = replace(removing, edits=({"rule": n + 2, "remove": True},))
    assert f"model.most={n + 1} is the most of them" in beyond.problems(())[0]
    (misfit,) = replace(RULES, edits=({"add": "agee > 4"},)).misfits_of_edits(schema, train, None)
    assert "did you mean `age`" in misfit


def test_a_folder_whose_list_is_of_other_data_is_refused(schema, train, tmp_path) -> None:
    schema, train = task_of("two", schema, train)
    fitted(RULES, schema, train, tmp_path)
    plain = load_json(tmp_path / "architecture.json")
    plain["rule_list"]["rules"][0]["conditions"][0]["feature"] = "nothing"
    save_json(tmp_path / "architecture.json", plain)
    with pytest.raises(ArtifactError, match="no list of rules for these data"):
        load_classifier(RULES, schema, train, tmp_path)


def test_the_stored_curves_answer_as_the_library_does(schema, train, tmp_path) -> None:
    glassbox = pytest.importorskip("interpret.glassbox", reason="an extra (glassbox)")
    schema, train = task_of("two", schema, train)
    ours = CURVES.build(schema, train, 5)
    ours.fit(train)
    kinds = ["nominal" if f.kind == "categorical" else "continuous" for f in schema.features]
    theirs = glassbox.ExplainableBoostingClassifier(feature_types=kinds, n_jobs=1, **ours.settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.fit(ours._frame(train.inputs), train.labels)
    shifted = train.inputs * [1.1, 1, 0.9, 1, 1]
    expected = theirs.predict_proba(ours._frame(shifted))
    operations = 5 + CURVES.pairs + 1 + 4  # what is added, and what follows upon the log-odds
    answers = ours.probabilities(shifted)
    np.testing.assert_allclose(answers, expected, rtol=0, atol=rounding(operations, np.float64))
    save_arrays(tmp_path / TERMS, **ours.arrays())
    assert ours.steps == theirs.best_iteration_.sum() > 8
    assert CURVES.trees_grown(tmp_path) == np.ceil(ours.steps / 8)


def test_without_the_library_the_config_says_how_to_get_it(monkeypatch) -> None:
    module = "deepseek_report.models.self_explaining.ebm.find_spec"
    monkeypatch.setattr(module, lambda name: None)
    assert "pip install 'interpret-core" in EBM().problems(())[0]
