"""Names of tokens, and attention of tokens that are not always there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from deepseek_report.artifacts.protocols.modules import LayerTrace
from deepseek_report.artifacts.schema import Feature, Layout, Schema, Target
from deepseek_report.metrics.internals.routing import mean_attention, token_labels
from deepseek_report.metrics.internals.tracing import rows_at_once
from deepseek_report.tasks import task_of

NUMBER = Target("y", "y", ("y",), 0, 0, task="regression")


def schema_of(layout: Layout | None, columns: int) -> Schema:
    features = tuple(Feature(f"c{i}", f"Column {i + 1}", "numeric") for i in range(columns))
    return Schema(features, NUMBER, (), layout)


def test_tokens_of_a_table_are_called_as_their_features_are() -> None:
    labels = token_labels(schema_of(None, 3), ((), (1,), (0, 1, 2)))
    assert labels == ["summary", "Column 2", "Column 1 to Column 3"]


def test_a_patch_is_called_by_its_rows_and_columns() -> None:
    layout = Layout("image", (4, 4, 3), (tuple(range(48)),), ("the whole picture",))
    places = np.arange(48).reshape(4, 4, 3)
    tokens = ((), places[2:, :1].ravel(), places[0, 0], range(48))
    labels = token_labels(schema_of(layout, 48), tokens)
    assert labels == ["summary", "rows 3–4 × column 1", "row 1 × column 1", "the whole picture"]


def test_windows_and_runs_of_words_are_called_by_their_ends() -> None:
    series = Layout("series", (5, 2), ((0,),), ("?",))
    assert token_labels(schema_of(series, 10), ((2, 3), (4, 5, 6, 7))) == ["step 2", "steps 3–4"]
    text = Layout("text", (5,), ((0,),), ("word 1",))
    assert token_labels(schema_of(text, 5), ((0,), (2, 3, 4))) == ["word 1", "words 3–5"]


def test_what_stands_around_a_text_is_its_summary_and_its_end() -> None:
    text = Layout("text", (2,), ((0,), (1,)), ("word 1", "word 2"))
    labels = token_labels(schema_of(text, 2), ((), (0,), (1,), ()))
    assert labels == ["summary", "word 1", "word 2", "end of the text"]


class Ending(nn.Module):
    """Looks at the summary with 0.25 and evenly at the words that are there."""

    token_columns = ((), (0,), (1,))

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def trace(self, inputs: torch.Tensor):
        present = torch.cat([torch.ones(len(inputs), 1), (~inputs.isnan()).float()], dim=1)
        words = present[:, 1:] * 0.75 / present[:, 1:].sum(1, keepdim=True)
        row = torch.cat([torch.full((len(inputs), 1), 0.25), words], dim=1)
        maps = (present[:, :, None] * row[:, None, :])[:, None]
        return torch.zeros(len(inputs), 1), [LayerTrace(attention={"local": maps})]


class EndingClassifier:
    name = "ending"

    def __init__(self) -> None:
        self.module, self.calls = Ending(), 0


class Causal(Ending):
    """Looks alike at every token up to its own."""

    def trace(self, inputs: torch.Tensor):
        row = torch.tril(torch.ones(3, 3))
        maps = (row / row.sum(1, keepdim=True)).expand(len(inputs), 1, 3, 3)
        return torch.zeros(len(inputs), 1), [LayerTrace(attention={"global": maps})]


class CausalClassifier(EndingClassifier):
    def __init__(self) -> None:
        self.module, self.calls = Causal(), 0


def test_a_token_is_averaged_over_the_cases_in_which_it_is_there(toy) -> None:
    context = toy(n=20)
    inputs = np.array([[1.0, 2.0], [1.0, np.nan]])
    attention = mean_attention(replace(context, classifier=EndingClassifier()), inputs)
    assert attention.branches == ["local"]
    np.testing.assert_allclose(attention.mean[0, 0, 0, 0], [0.25, (0.375 + 0.75) / 2, 0.375 / 2])
    np.testing.assert_allclose(attention.mean[0, 0, 0, 2], [0.25, 0.375, 0.375])
    np.testing.assert_allclose(attention.present, [1, 1, 0.5])


def test_an_even_share_is_that_of_the_tokens_that_are_there(toy) -> None:
    inputs = np.array([[1.0, 2.0], [1.0, np.nan]])
    attention = mean_attention(replace(toy(n=20), classifier=EndingClassifier()), inputs)
    np.testing.assert_allclose(attention.even[0, 0, 0], [5 / 12, 5 / 12, 1 / 6])
    np.testing.assert_allclose(attention.even[0, 0, 2], [1 / 3, 1 / 3, 1 / 3])
    entropy = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75)) / np.log(2)
    assert attention.entropy[1] == pytest.approx(entropy)


def test_heads_that_read_from_left_to_right_without_preference_look_evenly(toy) -> None:
    attention = mean_attention(replace(toy(n=20), classifier=CausalClassifier()), np.ones((3, 2)))
    np.testing.assert_allclose(attention.mean[:, :, 0], attention.even)
    np.testing.assert_allclose(attention.even[0, 0, 1], [0.5, 0.5, 0])
    np.testing.assert_allclose(attention.entropy, 1)


def test_the_loss_of_a_number_is_its_squared_error_over_the_variance_of_the_label() -> None:
    labels = np.array([1.0, 3.0, 5.0])
    task = task_of(NUMBER)
    mean = task.fit_losses(np.full((3, 1), 3.0), labels)
    assert mean.mean() == pytest.approx(1.0)
    assert (task.fit_losses(labels[:, None], labels) == 0).all()


def test_batches_shrink_with_long_inputs_and_large_maps() -> None:
    assert rows_at_once(23, 24) == 256
    assert rows_at_once(10_000, 128) == 26
    assert rows_at_once(128, 128) == 64
    assert rows_at_once(10**7, 10**4) == 1
