"""Occlusion: against captum, a slow rewrite and a closed form, for every kind of data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from captum.attr import FeatureAblation

from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.coalitions import player_sums
from deepseek_report.explainers.occlusion import Occlusion
from tests.explainers.toys import ToyClassifier, context, toy


def probability(rows: np.ndarray) -> np.ndarray:
    filled = np.nan_to_num(rows)
    sums = filled @ np.linspace(-1, 1, rows.shape[1]) + 0.3 * filled[:, 0] * filled[:, -1]
    return np.asarray(1 / (1 + np.exp(-sums)))


@pytest.fixture
def table():
    return toy(3, categories=4, probability=probability, n=7)


def test_against_every_row_it_is_the_mean_loss(table) -> None:
    """A slow rewrite, column by column and row by row."""
    explanation = Occlusion().explain(table)
    expected = np.zeros(table.inputs.shape)
    for i, row in enumerate(table.inputs):
        for j in range(len(row)):
            changed = np.tile(row, (len(table.background), 1))
            changed[:, j] = table.background[:, j]
            expected[i, j] = probability(row[None])[0] - probability(changed).mean()
    np.testing.assert_allclose(explanation.values, expected, atol=1e-12)
    assert (explanation.game, explanation.base_values) == ("background", None)
    assert explanation.standard_error is None


def test_with_fewer_rows_it_is_near_what_it_is_with_all(table) -> None:
    whole, few = (Occlusion(references=count).explain(table).values for count in (30, 10))
    assert np.abs(few - whole).max() < 0.1 * np.abs(whole).max()


@pytest.mark.parametrize("kind", ["text", "image", "series"])
def test_against_the_baseline_it_is_that_of_captum(kind, layout_schema) -> None:
    schema = layout_schema(kind)
    rng = np.random.default_rng(2)
    shape = (5, len(schema.features))
    inputs = rng.integers(2, 5, shape).astype(float) if kind == "text" else rng.normal(size=shape)
    rows = inputs[:4]
    to_explain = context(
        ToyClassifier(schema, probability), inputs=inputs, positions=np.arange(5), background=rows
    )
    explanation = Occlusion().explain(replace(to_explain, question="baseline"))
    theirs = FeatureAblation(lambda x: torch.as_tensor(probability(x.numpy()))).attribute(
        torch.as_tensor(inputs),
        baselines=torch.as_tensor(kind_of(schema).baseline(inputs, rows)),
        feature_mask=torch.as_tensor(schema.owners[None]),
    )
    firsts = np.unique(schema.owners, return_index=True)[1]
    ours = player_sums(explanation.values, schema.owners)
    np.testing.assert_allclose(ours, theirs.numpy()[:, firsts], atol=1e-6)
    assert explanation.game == "baseline"


def test_a_word_behind_the_end_of_a_text_gets_nothing(layout_schema) -> None:
    schema = layout_schema("text")
    inputs = np.array([[5.0, 3, 2, *[np.nan] * 5]])
    to_explain = context(
        ToyClassifier(schema, probability), inputs=inputs, positions=np.arange(1), background=inputs
    )
    values = Occlusion().explain(replace(to_explain, question="baseline")).values
    assert (values[0, 4:] == 0).all()
    assert (values[0, :3] != 0).all()


def test_it_follows_the_question_where_both_can_be_asked(table) -> None:
    against = replace(table, question="baseline")
    assert Occlusion().explain(against).game == "baseline"
    conditional = replace(table, question="conditional")  # which it cannot answer
    assert Occlusion().explain(conditional).game == "background"


def test_equal_rows_are_asked_about_once(table) -> None:
    explanation = Occlusion().explain(table)
    assert explanation.n_model_calls <= Occlusion().planned_calls(7, 4, 30)
    assert explanation.n_model_calls < 7 * (1 + 3 * 30 + 5)
