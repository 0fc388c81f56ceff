"""Rollout by hand; AttnLRP against the rules written out, every bit of relevance accounted for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.split import Split
from deepseek_report.explainers.attention_flow import (
    AttentionRollout,
    AttnLRP,
    combine,
    read_out,
    rollout,
)
from deepseek_report.explainers.gradients import embedding_gradients as gradients
from deepseek_report.explainers.relevance_rules import RelevanceRules, constant_weights, relevance
from deepseek_report.models.perceptron.mlp import MLP
from deepseek_report.models.routed.deepseek import DeepSeek
from deepseek_report.models.transformers.deepseek_family import DeepSeekV2, DeepSeekV3
from tests.explainers.toys import AttentionModule, ToyClassifier, context, toy, toy_schema
from tests.models.test_transformers import SIZES, WORDS, schema_of, texts
from tests.worded import refused, say


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


MODELS = {
    "summary": DeepSeek(width=16, layers=2, heads=2, experts=4, expert_width=8, pool="summary"),
    "mean": DeepSeek(width=16, layers=2, heads=2, experts=4, expert_width=8, pool="mean"),
    "v2": DeepSeekV2(**SIZES),
    "v3": DeepSeekV3(**SIZES),
}


def trained(plugin: Any, steps: int = 0) -> Any:
    """A model of texts whose first word decides, after so many steps of training."""
    schema, train = schema_of(WORDS), texts(96)
    module = plugin.build(schema, train, 3)
    rows, labels = torch.tensor(train.inputs, dtype=torch.float32), torch.tensor(train.labels)
    optimiser = torch.optim.Adam(module.parameters(), 0.01)
    torch.manual_seed(0)
    for _ in range(steps):
        loss = nn.functional.cross_entropy(module.forward_with_balance(rows)[0], labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return plugin.wrap(module, schema, "cpu")


class Accounts(RelevanceRules):
    """Remembers what goes into each softmax and sigmoid, and what comes out."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[tuple[Tensor, Tensor]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = super().__torch_function__(func, types, args, kwargs)
        if func.__name__ in ("softmax", "sigmoid") and out.requires_grad:
            self.ends.append((args[0], out))
        return out


@pytest.mark.parametrize("name", MODELS)
def test_relevance_is_conserved_but_for_what_the_softmax_keeps(name) -> None:
    module = trained(MODELS[name]).module.eval()
    points = gradients.embed(module, texts(12, seed=4).inputs)
    _check_accounts(module, points, gradients.embedded_log_odds(module, 1))


@pytest.mark.parametrize("family", ["bert", "gpt2", "qwen3", "mixtral"])
def test_relevance_is_conserved_in_other_families_of_transformers(family) -> None:
    from transformers import AutoConfig, AutoModelForSequenceClassification

    sizes = {"vocab_size": 20, "hidden_size": 16, "num_hidden_layers": 2, "pad_token_id": 0}
    sizes |= {"num_attention_heads": 2, "intermediate_size": 24, "bos_token_id": 1}
    sizes |= {"eos_token_id": 2, "num_key_value_heads": 2}
    config = AutoConfig.for_model(family, **sizes)
    torch.manual_seed(0)
    net = AutoModelForSequenceClassification.from_config(config, attn_implementation="eager").eval()
    for key, parameter in net.named_parameters():
        if "wpe" in key or "position" in key or "token_type" in key:
            parameter.data.zero_()
    ids, mask = torch.randint(3, 20, (3, 6)), torch.ones(3, 6, dtype=torch.long)
    points = net.get_input_embeddings()(ids).detach()
    _check_accounts(net, points, lambda e: net(inputs_embeds=e, attention_mask=mask).logits[:, 1])


def _check_accounts(module: Any, points: Tensor, function: Any) -> None:
    """What the units carry and what each softmax keeps are the whole output."""
    for key, parameter in module.named_parameters():
        if "bias" in key:
            parameter.data.zero_()
    points.requires_grad_()
    with constant_weights(module):
        with Accounts() as accounts:
            output = function(points)
        slopes = torch.autograd.grad(
            output.sum(),
            [points, *(tensor for ends in accounts.ends for tensor in ends)],
            allow_unused=True,
        )
    kept = sum(
        _held(after, of_after) - _held(before, of_before)
        for (before, after), of_before, of_after in zip(
            accounts.ends, slopes[1::2], slopes[2::2], strict=True
        )
        if of_after is not None  # what only the trace of the routers reads
    )
    assert accounts.ends
    total = _held(points, slopes[0]) + kept
    assert total == pytest.approx(output.sum().item(), rel=1e-4, abs=1e-5)


def _held(tensor: Tensor, slope: Tensor) -> float:
    return torch.nan_to_num(tensor * slope, neginf=0.0).sum().item()


@pytest.mark.parametrize("name", MODELS)
def test_the_rules_change_no_answer(name) -> None:
    classifier, rows = trained(MODELS[name]), torch.tensor(texts(9).inputs, dtype=torch.float32)
    plain = classifier.module(rows)
    with constant_weights(classifier.module), RelevanceRules():
        ruled = classifier.module.forward_embedded(classifier.module.embed(rows).requires_grad_())
    torch.testing.assert_close(ruled, plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_the_planted_word_has_the_largest_relevance(name) -> None:
    classifier, rows = trained(MODELS[name], steps=60), texts(60, seed=9)
    explanation = AttnLRP(chunk=25).explain(context(classifier, inputs=rows.inputs))
    values = np.where(np.isnan(rows.inputs), 0.0, explanation.values)
    right = (classifier.probabilities(rows.inputs)[:, 1] > 0.5) == (rows.labels == 1)
    assert right.mean() > 0.95
    assert (np.abs(values).argmax(axis=1) == 0).mean() > 0.9
    assert ((values[:, 0] > 0) == (rows.labels == 1)).mean() > 0.9
    assert (explanation.values[np.isnan(rows.inputs)] == 0).all()


def test_one_layer_of_attention_follows_the_rules_as_they_are_published() -> None:
    """Achtibat et al. 2024, equations 8 (linear), 12 (softmax) and 14 (products)."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 3))
    to_query, to_key, to_value = rng.normal(size=(3, 3, 3))
    weights = {n: torch.tensor(w) for n, w in zip("qkv", (to_query, to_key, to_value), strict=True)}

    def attend(points: Tensor) -> Tensor:
        query, key, value = (points @ weights[name] for name in "qkv")
        attention = torch.softmax(query @ key.transpose(1, 2) / math.sqrt(3), -1)
        return (attention @ value).sum((1, 2))

    query, key, value = x @ to_query, x @ to_key, x @ to_value
    scores = query @ key.T / math.sqrt(3)
    attention = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    mixed = attention @ value
    upper = mixed / (2 * mixed)  # relevance over twice the output: all of it starts at the output
    to_attention = np.einsum("ji,ip,jp->ji", attention, value, upper)
    of_value = np.einsum("ji,ip,jp->ip", attention, value, upper)
    of_scores = scores * (to_attention - attention * to_attention.sum(1, keepdims=True))
    shared = of_scores / (2 * scores * math.sqrt(3))
    of_query = np.einsum("jp,ip,ji->jp", query, key, shared)
    of_key = np.einsum("jp,ip,ji->ip", query, key, shared)
    expected = np.zeros_like(x)
    for after, weight, passed in (
        (query, to_query, of_query),
        (key, to_key, of_key),
        (value, to_value, of_value),
    ):
        expected += np.einsum("ti,io,to->ti", x, weight, passed / after)
    mine = relevance(attend, torch.tensor(x)[None])[0].numpy()
    np.testing.assert_allclose(mine, expected, rtol=1e-9)


@pytest.mark.parametrize(
    "keeps",
    [
        lambda x: nn.functional.layer_norm(x, (6,)) @ torch.arange(6.0).double(),
        lambda x: nn.functional.rms_norm(x, (6,)) @ torch.arange(6.0).double(),
        lambda x: (x * torch.rsqrt(x.pow(2).mean(1, keepdim=True)))[:, :2].sum(1),
        lambda x: (nn.functional.silu(x) * x.flip(1)).sum(1),
        lambda x: nn.functional.gelu(x).sum(1),
        lambda x: (x / x.sum(1, keepdim=True))[:, :2].sum(1),
    ],
)
def test_a_norm_a_gate_and_an_activation_keep_all_relevance(keeps) -> None:
    points = torch.randn(5, 6, dtype=torch.float64, generator=torch.manual_seed(0))
    torch.testing.assert_close(relevance(keeps, points).sum(1), keeps(points))


def test_what_has_no_rule_is_refused_by_name() -> None:
    with refused("knows none for Exp"):
        relevance(lambda x: torch.exp(x).sum(1), torch.ones(2, 3))


def test_a_model_without_attention_is_refused() -> None:
    assert "needs attention weights" in say(AttnLRP().refuses(MLP(), DataTraits()))
    assert AttnLRP().refuses(DeepSeek(), DataTraits()) is None


def test_weights_need_gradients_again_afterwards() -> None:
    classifier = trained(MODELS["mean"])
    AttnLRP().explain(context(classifier, inputs=texts(3).inputs))
    assert all(parameter.requires_grad for parameter in classifier.module.parameters())
    assert isinstance(texts(3), Split)
