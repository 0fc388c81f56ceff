"""A declaration of what is favourable, positive or first moves no row and no score."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.split import PARTS, Dataset
from deepseek_report.datasets.assembly.column_declarations import ColumnDeclaration
from deepseek_report.datasets.sources.csv import TableFile
from deepseek_report.metrics.fairness.options import evened_rows
from deepseek_report.models.estimators.sklearn import Sklearn
from deepseek_report.models.perceptron.mlp import MLP
from deepseek_report.models.self_explaining.nam import NAM
from deepseek_report.models.self_explaining.prototype import Prototype
from deepseek_report.statistics.resampling import stratified_order
from deepseek_report.training.trainer import GradientTrainer
from tests.datasets.loading import written
from tests.trained import stored_classifier

DECLARED: dict[str, dict[str, Any]] = {
    "bad is favourable": {"favourable": "bad"},
    "good is positive": {"positive": "good"},
    "classes in another order": {
        "columns": {"y": ColumnDeclaration(categories={"good": "Good", "bad": "Bad"})}
    },
}
#: Each begins at random in a way of its own.
MODELS = [Sklearn(), MLP(hidden=(8,)), NAM(hidden=(4,)), Prototype(candidates=60)]
TRAINER = GradientTrainer(max_epochs=2, min_steps=0, batch_size=64, patience=5, tensorboard=False)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    random = np.random.default_rng(0)
    numbers = random.normal(size=(300, 4)).round(2)
    chance = 1 / (1 + np.exp(-2 * numbers[:, 0]))
    frame = pd.DataFrame(numbers, columns=[*"abcd"])
    frame["y"] = np.where(random.random(300) < chance, "good", "bad")
    return written(frame, tmp_path_factory.mktemp("table") / "table.csv")


def load(path: str, **fields: Any) -> Dataset:
    return TableFile(path=path, target="y", **{"favourable": "good", **fields}).load(3, Silent())


def stated(model: Any, data: Dataset, folder: Path) -> dict[str, np.ndarray]:
    """{code of a class: its probability on the test rows}."""
    classifier = stored_classifier(model, data.schema, data.train, folder, trainer=TRAINER)
    shares = classifier.probabilities(data.test.inputs)
    return dict(zip(data.schema.target.codes, shares.T, strict=True))


@pytest.mark.parametrize("declared", DECLARED)
def test_the_same_rows_are_trained_and_tested(path: str, declared: str) -> None:
    first, other = load(path), load(path, **DECLARED[declared])
    for part in PARTS:
        ids = (getattr(data, part).instance_ids for data in (first, other))
        assert np.array_equal(*ids)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_a_model_states_the_same(path: str, model: Any, tmp_path: Path) -> None:
    first, other = load(path), load(path, favourable="bad")
    assert first.schema.target.codes == other.schema.target.codes[::-1]
    expected = stated(model, first, tmp_path / "first")
    answers = stated(model, other, tmp_path / "other")
    for code, shares in expected.items():
        assert answers[code] == pytest.approx(shares, abs=1e-5)


def test_what_is_drawn_within_classes_does_not_hang_on_their_numbers() -> None:
    random = np.random.default_rng(1)
    labels, codes = random.integers(0, 3, 90), random.integers(-1, 2, 90)
    turned = np.array([2, 0, 1])[labels]
    first, other = (stratified_order(each, np.random.default_rng(4)) for each in (labels, turned))
    assert np.array_equal(first, other)
    first, other = (evened_rows(codes, each, np.random.default_rng(4)) for each in (labels, turned))
    assert np.array_equal(first, other)
