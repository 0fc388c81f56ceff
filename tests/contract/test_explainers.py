"""Every explainer on the small trained run, by the same rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.artifacts.split import Dataset
from deepseek_report.artifacts.storage.files import load_json
from deepseek_report.config.catalogue import groups
from deepseek_report.config.compose import compose
from deepseek_report.config.config_files import shipped_folders
from deepseek_report.config.validate import validate
from deepseek_report.data_kinds import coalitions
from deepseek_report.errors import NotApplicableError
from deepseek_report.models.shared.loading import load_classifier
from tests.worded import say

EXPLAINERS = groups(shipped_folders())["explainers"]
INSTANCES = 5


@pytest.fixture(scope="module")
def parts(small_run: Any) -> tuple[Any, Any, Dataset]:
    experiment = validate(compose([*small_run.overrides(Path("unused")), "explainers=all"]))
    stages = load_json(small_run.folder / "run.json")["stages"]
    keys = {stage["id"]: stage["key"] for stage in stages}
    data, training = (small_run.store / name / keys[name][:32] for name in ("data", "training"))
    dataset = Dataset.load(data)
    model = experiment.model
    classifier = load_classifier(model, dataset.schema, dataset.train, training)
    return experiment, classifier, dataset


def planned(parts: tuple[Any, Any, Dataset], name: str, **fields: Any) -> int:
    explainer = replace(parts[0].explainers[name], **fields)
    return explainer.planned_calls(INSTANCES, len(parts[2].schema.features), 8)


def explain(parts: tuple[Any, Any, Dataset], name: str, **fields: Any) -> Explanation:
    experiment, classifier, dataset = parts
    refused = {refusal.artifact: refusal.reason for refusal in experiment.refused}
    if f"explanations/{name}" in refused:
        pytest.skip(say(refused[f"explanations/{name}"]))
    context = ExplainContext(
        classifier=classifier,
        inputs=dataset.test.inputs[:INSTANCES],
        positions=np.arange(INSTANCES),
        background=dataset.train.inputs[:8],
        target=1,
        seed=3,
        question=experiment.question(dataset.schema),
    )
    try:
        return replace(experiment.explainers[name], **fields).explain(context)
    except NotApplicableError as refusal:  # what only an attempt tells, see `tests/explainers`
        pytest.skip(say(refusal.reason))


@pytest.mark.parametrize("name", EXPLAINERS)
def test_an_explanation_is_finite_whole_and_about_the_original_features(parts, name: str) -> None:
    explanation, dataset = explain(parts, name), parts[2]
    assert explanation.values.shape == (INSTANCES, len(dataset.schema.features))
    assert np.isfinite(explanation.values).all()
    assert list(explanation.feature_names) == dataset.schema.names
    assert explanation.variant
    assert explanation.seed == 3


@pytest.mark.parametrize("name", EXPLAINERS)
def test_the_same_seed_gives_the_same_explanation_and_leaves_the_model_alone(
    parts, name: str
) -> None:
    module = parts[1].module
    before = {key: value.clone() for key, value in module.state_dict().items()}
    first, second = explain(parts, name), explain(parts, name)
    np.testing.assert_array_equal(first.values, second.values)
    assert not module.training
    assert all((value == before[key]).all() for key, value in module.state_dict().items())
    assert all(parameter.grad is None for parameter in module.parameters())


@pytest.mark.parametrize("name", EXPLAINERS)
def test_the_plan_names_the_most_rows_that_are_evaluated(parts, name: str) -> None:
    before = parts[1].calls
    explanation = explain(parts, name)
    assert explanation.n_model_calls == parts[1].calls - before
    assert 0 <= explanation.n_model_calls <= planned(parts, name)


@pytest.mark.parametrize("name", EXPLAINERS)
def test_where_alike_rows_are_asked_again_and_nothing_ends_early_it_names_all_rows(
    parts, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def all_of(rows: Any) -> tuple[Any, Any]:
        return np.arange(len(rows)), np.arange(len(rows))

    monkeypatch.setattr(coalitions, "distinct_rows", all_of)
    whole = {"tolerance": 0.0} if name == "gradient_shap" else {}
    explanation = explain(parts, name, **whole)
    assert explanation.n_model_calls == planned(parts, name, **whole)


@pytest.mark.parametrize("name", EXPLAINERS)
def test_a_method_that_samples_gives_its_standard_error(parts, name: str) -> None:
    explanation = explain(parts, name)
    if parts[0].explainers[name].samples and name != "random":
        assert explanation.standard_error is not None
        assert (explanation.standard_error >= 0).all()


@pytest.mark.parametrize("name", EXPLAINERS)
def test_an_explanation_comes_back_from_disk_as_it_was(parts, name: str, tmp_path: Path) -> None:
    explanation = explain(parts, name)
    explanation.save(tmp_path)
    loaded = Explanation.load(tmp_path)
    np.testing.assert_array_equal(loaded.values, explanation.values)
    assert loaded.notes == explanation.notes
    assert loaded.output_space == explanation.output_space
