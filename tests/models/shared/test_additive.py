"""Mixtures of a few rows are answered from their terms; the answer is that of the whole module."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from deepseek_report.artifacts.schema import Feature, Schema, Target
from deepseek_report.artifacts.split import Split
from deepseek_report.data_kinds import coalitions
from deepseek_report.data_kinds.coalitions import Coalitions, MovedRows, PairedCoalitions
from deepseek_report.models.perceptron import mlp
from deepseek_report.models.perceptron.mlp import MLP
from deepseek_report.models.self_explaining.nam import NAM
from deepseek_report.models.shared.additive import AdditiveClassifier, few_values
from deepseek_report.models.shared.module_classifier import TorchClassifier

PLUGIN = NAM(hidden=(8, 4), bins=4)
MODELS = pytest.mark.parametrize("plugin", [PLUGIN, MLP(hidden=(8, 4), bins=4)], ids=["nam", "mlp"])


@pytest.fixture(autouse=True)
def few_columns_are_wide(monkeypatch) -> None:
    monkeypatch.setattr(mlp, "WIDE", 1)


def classifiers(schema, train, plugin=PLUGIN):
    ours = plugin.wrap(plugin.build(schema, train, 3), schema, "cpu")
    assert isinstance(ours, AdditiveClassifier)
    return ours, TorchClassifier(ours.module, schema, plugin.name, ours.capabilities)


def mixtures(train, count=40):
    kept = np.random.default_rng(0).random((count, train.inputs.shape[1])) < 0.5
    return np.where(kept, train.inputs[0], train.inputs[1])


@MODELS
@pytest.mark.parametrize("task", ["classes", "number"])
def test_mixtures_of_two_rows_get_the_outputs_of_the_module(schema, train, task, plugin) -> None:
    if task == "number":
        target = Target("y", "Y", ("y",), 0, 0, task="regression")
        schema = replace(schema, target=target)
        train = replace(train, labels=train.labels * 2.5)
    ours, plain = classifiers(schema, train, plugin)
    rows = mixtures(train)
    np.testing.assert_allclose(ours.logits(rows), plain.logits(rows), rtol=1e-5, atol=1e-5)


@MODELS
def test_rows_of_many_values_get_the_outputs_of_the_module(schema, train, plugin) -> None:
    ours, plain = classifiers(schema, train, plugin)
    np.testing.assert_array_equal(ours.logits(train.inputs), plain.logits(train.inputs))


def test_mixtures_ask_the_module_about_no_more_rows_than_they_have_values(schema, train) -> None:
    ours, _ = classifiers(schema, train)
    batches = []
    terms = ours.module.terms
    ours.module.terms = lambda rows, which: batches.append(len(rows)) or terms(rows, which)
    ours.logits(mixtures(train))
    assert batches == [1, 1]
    assert ours.calls == 40


@MODELS
def test_other_weights_give_a_classifier_that_answers_for_mixtures_too(
    schema, train, plugin
) -> None:
    ours, _ = classifiers(schema, train, plugin)
    again = ours.randomised(5)
    rows = mixtures(train)
    module = again.module(torch.as_tensor(rows, dtype=torch.float32)).detach().numpy()
    np.testing.assert_allclose(again.logits(rows), module, rtol=1e-5, atol=1e-5)
    assert not np.allclose(again.logits(rows), ours.logits(rows))


def test_the_mean_contributions_follow_the_weights(schema, train) -> None:
    ours, _ = classifiers(schema, train)
    rows = torch.as_tensor(train.inputs[:5], dtype=torch.float32)
    before = ours.module.intrinsic(rows, 0)
    again = ours.randomised(5).module
    fresh = PLUGIN.build(schema, train, 3).eval()
    fresh.load_state_dict(again.state_dict())
    torch.testing.assert_close(again.intrinsic(rows, 0), fresh.intrinsic(rows, 0))
    torch.testing.assert_close(ours.module.intrinsic(rows, 0), before)
    ours.module.load_state_dict(again.state_dict())
    torch.testing.assert_close(ours.module.intrinsic(rows, 0), again.intrinsic(rows, 0))


@MODELS
def test_every_value_of_a_column_has_a_term_missing_and_unseen_ones_too(
    schema, train, plugin
) -> None:
    ours, _ = classifiers(schema, train, plugin)
    rows = torch.as_tensor(train.inputs[:6], dtype=torch.float32)
    rows[1] = torch.nan
    rows[2] = 99.0
    module = ours.module
    with torch.no_grad():
        every = torch.arange(rows.shape[1])
        added = module.outputs_from(module.terms(rows, every).sum(dim=1))
        torch.testing.assert_close(module.view(added), module(rows), rtol=1e-5, atol=1e-5)
        some = every[::2].flip(0)
        torch.testing.assert_close(
            module.terms(rows[:, some], some), module.terms(rows, every)[:, some]
        )


def test_a_narrow_table_is_multiplied_row_by_row(schema, train, monkeypatch) -> None:
    monkeypatch.setattr(mlp, "WIDE", len(schema.features) + 1)
    plugin = MLP(hidden=(8, 4), bins=4)
    assert type(plugin.wrap(plugin.build(schema, train, 3), schema, "cpu")) is TorchClassifier


def test_values_and_codes_give_back_the_rows() -> None:
    few = [[7, 1, np.nan], [7, 2, 5], [7, 1, np.nan], [7, 2, np.nan], [7, 1, 5]]
    rows = np.array(few, dtype=np.float32)
    values, varied, codes = few_values(rows)
    whole = np.tile(rows[0], (len(rows), 1))
    whole[:, varied] = np.take_along_axis(values[:, varied], codes.astype(int), axis=0)
    np.testing.assert_array_equal(whole, rows)
    np.testing.assert_array_equal(varied, [1, 2])
    assert len(values) == 2
    assert few_values(np.arange(40, dtype=np.float32).reshape(20, 2)) is None


def test_very_many_numeric_features_share_their_bins() -> None:
    for columns, bins in ((1000, 16), (4096, 4), (9000, 1)):
        features = tuple(Feature(f"x{j}", f"x{j}", "numeric") for j in range(columns))
        rows = np.random.default_rng(0).normal(size=(40, columns))
        part = Split(rows, np.arange(40) % 2, np.arange(40))
        module = MLP(hidden=(2,)).build(Schema(features, Target("y", "Y", ("a", "b"))), part, 1)
        assert len(module.unit_features) == columns * (bins + 1)


@MODELS
def test_mixtures_with_several_references_get_the_probabilities_of_whole_rows(
    schema, train, plugin
) -> None:
    ours, plain = classifiers(schema, train, plugin)
    rng = np.random.default_rng(1)
    owners = np.arange(train.inputs.shape[1]) // 2
    kept, which = rng.random((40, owners[-1] + 1)) < 0.5, rng.integers(0, 3, 40)
    row, references = train.inputs[0], train.inputs[1:4]
    rows = np.where(kept[:, owners], row, references[which])
    answers = Coalitions(ours, row, owners, references).probabilities(kept, which)
    np.testing.assert_allclose(answers, plain.probabilities(rows), rtol=1e-5, atol=1e-5)
    assert ours.calls == 40


@MODELS
def test_coalitions_of_many_instances_get_the_probabilities_of_whole_rows(
    schema, train, plugin, monkeypatch
) -> None:
    monkeypatch.setattr(coalitions, "_KEPT_CELLS", 2 * train.inputs.shape[1])
    ours, plain = classifiers(schema, train, plugin)
    rng = np.random.default_rng(1)
    owners = np.arange(train.inputs.shape[1]) // 2
    kept, of = rng.random((40, owners[-1] + 1)) < 0.5, rng.integers(0, 5, 40)
    inputs, references = train.inputs[:5], train.inputs[5:10]
    rows = np.where(kept[:, owners], inputs[of], references[of])
    for classifier in (ours, plain):
        pairs = PairedCoalitions(classifier, inputs, owners, references)
        for _ in range(2):
            answers = pairs.probabilities(kept, of)
            np.testing.assert_allclose(answers, plain.probabilities(rows), rtol=1e-5, atol=1e-5)


@MODELS
@pytest.mark.parametrize("cells", [1, 3])
def test_moved_rows_get_the_probabilities_of_whole_rows(schema, train, plugin, cells) -> None:
    ours, plain = classifiers(schema, train, plugin)
    rng = np.random.default_rng(1)
    rows, which = train.inputs[:7], rng.integers(0, 7, 60)
    columns = np.array([rng.permutation(rows.shape[1])[:cells] for _ in range(60)])
    values = train.inputs[rng.integers(0, len(train), (60, cells)), columns]
    changed = rows[which]
    changed[np.arange(60)[:, None], columns] = values
    for classifier in (ours, plain):
        answers = MovedRows(classifier, rows).probabilities(which, columns, values)
        expected = plain.probabilities(changed)
        np.testing.assert_allclose(answers, expected, rtol=1e-5, atol=1e-5)
