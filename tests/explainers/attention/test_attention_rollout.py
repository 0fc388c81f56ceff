from __future__ import annotations

import numpy as np
import torch

from deepseek_report.explainers.attention_flow import AttentionRollout, combine, read_out, rollout
from tests.explainers.toys import AttentionModule, ToyClassifier, context, toy, toy_schema
from tests.worded import refused


def test_attention_that_looks_only_at_itself_stays_with_itself() -> None:
    layers = [np.eye(3)[None]] * 4
    np.testing.assert_allclose(rollout(layers, 0.5)[0], np.eye(3))


def test_rows_of_the_rollout_sum_to_one() -> None:
    rng = np.random.default_rng(0)
    layers = [rng.dirichlet(np.ones(4), size=(2, 4)) for _ in range(3)]
    np.testing.assert_allclose(rollout(layers, 0.5).sum(axis=-1), 1)


def test_two_layers_multiply_later_times_earlier() -> None:
    rng = np.random.default_rng(0)
    first, second = (rng.dirichlet(np.ones(3), size=(1, 3)) for _ in range(2))
    expected = (0.5 * second + 0.5 * np.eye(3)) @ (0.5 * first + 0.5 * np.eye(3))
    np.testing.assert_allclose(rollout([first, second], 0.5), expected)


def test_heads_are_weighted_by_their_routes_over_all_branches() -> None:
    identity, two = np.eye(2), np.full((2, 2), 0.5)
    attention = {
        "local": torch.tensor(identity[None, None]),
        "global": torch.tensor(two[None, None]),
    }
    routes = {"local": torch.tensor([[0.75]]), "global": torch.tensor([[0.25]])}
    np.testing.assert_allclose(combine(attention, routes)[0], 0.75 * identity + 0.25 * two)
    np.testing.assert_allclose(combine(attention, None)[0], 0.5 * identity + 0.5 * two)


def test_tokens_of_one_feature_are_summed_and_the_summary_left_out() -> None:
    rolled = np.tile(np.array([0.4, 0.1, 0.2, 0.3]), (1, 4, 1))
    shares = read_out(rolled, ((), (0,), (0,), (1,)), 2)
    np.testing.assert_allclose(shares, [[0.5, 0.5]])


def test_the_share_of_a_token_is_spread_evenly_over_its_columns() -> None:
    rolled = np.tile(np.array([0.2, 0.6, 0.2]), (1, 3, 1))
    shares = read_out(rolled, ((), (0, 3, 1), (2,)), 4)
    np.testing.assert_allclose(shares, [[0.25, 0.25, 0.25, 0.25]])


def test_what_the_output_reads_takes_the_place_of_the_summary() -> None:
    rolled = np.array([[[1.0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5]]])
    shares = read_out(rolled, ((), (0,), (1,)), 2, np.array([[0.0, 0.5, 0.5]]))
    np.testing.assert_allclose(shares, [[0.25 / 0.75, 0.5 / 0.75]])


def test_a_model_whose_summary_looks_at_one_feature_names_that_feature() -> None:
    attention = np.full((1, 4, 4), 0.25)
    attention[0, 0] = [0, 0, 1, 0]
    module = AttentionModule(np.zeros((3, 2)), [({"global": attention}, None)])
    explanation = AttentionRollout().explain(toy(3, module=module))
    np.testing.assert_allclose(explanation.values, np.tile([0, 1, 0], (5, 1)))
    assert not explanation.signed
    assert explanation.output_space == "none"


def test_a_model_without_attention_is_refused_with_what_to_do() -> None:
    classifier = ToyClassifier(toy_schema(3), module=AttentionModule(np.zeros((3, 2)), []))
    with refused("Remove attention_rollout"):
        AttentionRollout().explain(context(classifier))
