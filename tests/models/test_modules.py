from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from deepseek_report.artifacts.protocols.modules import Step
from deepseek_report.models.perceptron.mlp import MLP
from deepseek_report.models.routed.deepseek import DeepSeek
from deepseek_report.models.routed.deepseek_module import DropPath
from deepseek_report.models.routed.experts import SparseExperts, balance_loss

SMALL = DeepSeek(width=16, heads=2, experts=4, expert_width=8, bins=4, window=1)


@pytest.fixture(params=[MLP(hidden=(8,), bins=4), SMALL], ids=["mlp", "deepseek"])
def plugin(request):
    return request.param


@pytest.fixture
def module(plugin, schema, train):
    return plugin.build(schema, train, 3).eval()


@pytest.fixture
def deepseek(schema, train):
    return SMALL.build(schema, train, 3).eval()


@pytest.fixture
def inputs(train):
    return torch.tensor(train.inputs[:20], dtype=torch.float32)


def test_all_ways_through_a_module_give_one_finite_logit_a_class(module, inputs):
    logits, embedded = module(inputs), module.embed(inputs)
    assert logits.shape == (20, 3)
    assert torch.isfinite(logits).all()
    assert embedded.shape[1] == len(module.unit_features)
    assert set(module.unit_features) - {-1} == set(range(5))
    assert torch.equal(logits, module.forward_embedded(embedded))
    torch.testing.assert_close(logits, module.trace(inputs)[0], rtol=1e-5, atol=1e-6)
    assert torch.equal(logits, module.forward_with_balance(inputs)[0])


def test_the_same_seed_builds_the_same_weights(plugin, schema, train):
    first, two, other = (plugin.build(schema, train, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], two[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_building_leaves_the_global_random_state_alone(plugin, schema, train):
    before = torch.get_rng_state()
    plugin.build(schema, train, 1)
    assert torch.equal(before, torch.get_rng_state())


def test_the_layers_of_the_architecture_sum_to_all_parameters(module):
    architecture = module.architecture()
    assert architecture["parameters"] == sum(p.numel() for p in module.parameters())
    layers = sum(layer["parameters"] for layer in architecture["layers"])
    assert layers == architecture["parameters"]


def test_changing_one_feature_changes_only_its_units(module, inputs):
    changed = inputs.clone()
    changed[:, 2] += 5.0
    differs = (module.embed(inputs) != module.embed(changed)).any(dim=2).any(dim=0)
    assert {module.unit_features[i] for i in differs.nonzero().flatten().tolist()} == {2}


def test_a_row_of_missing_and_unseen_values_gives_finite_logits(module):
    row = torch.tensor([[np.nan, np.nan, np.nan, 4.0, np.nan]])
    assert torch.isfinite(module(row)).all()


def test_attention_rows_and_routes_sum_to_one(deepseek, inputs):
    for trace in deepseek.trace(inputs)[1]:
        for attention in trace.attention.values():
            assert attention.shape == (20, 2, 6, 6)
            torch.testing.assert_close(attention.sum(-1), torch.ones(20, 2, 6))
        routes = torch.cat(list(trace.routes.values()), dim=1)
        torch.testing.assert_close(routes.sum(1), torch.ones(20))


def test_the_local_branch_sees_neighbours_and_the_summary_alone(deepseek, inputs):
    local = deepseek.trace(inputs)[1][0].attention["local"][0, 0]
    place = np.arange(6)
    allowed = (abs(place[:, None] - place) <= 1) | (place[:, None] == 0) | (place == 0)
    np.testing.assert_array_equal(local.detach().numpy() > 0, allowed)


def test_exactly_k_experts_work_on_each_token(deepseek, inputs):
    weights = deepseek.trace(inputs)[1][0].expert_weights
    assert weights.shape == (20, 6, 4)
    assert ((weights > 0).sum(-1) == 2).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(20, 6))


def replaced(module, inputs):
    """{(part, replacement): logits} of a module in evaluation mode."""
    with torch.no_grad():
        return {(step, how): logits for step, how, logits in module.eval().replaced(inputs)}


def test_every_part_is_replaced_in_each_way(deepseek, inputs):
    outputs = replaced(deepseek, inputs)
    ways = {step: [how for own, how in outputs if own == step] for step in deepseek.parts()}
    assert len(ways) == 2 * (2 + 4 + 2 + 1 + 4 + 1)
    for step, how in ways.items():
        assert how == (["mean", "swap"] if step.kind == "routes" else ["zero", "mean", "swap"])


def test_a_head_left_out_is_one_whose_values_are_zero(deepseek, inputs):
    logits = replaced(deepseek, inputs)[Step(1, "head", "global", 1), "zero"]
    width = 16 // 4
    with torch.no_grad():
        values = deepseek.layers[0].attention.project
        start = 2 * 16 + 2 * width
        values.weight[start : start + width] = 0
        values.bias[start : start + width] = 0
    torch.testing.assert_close(logits, deepseek(inputs))


@pytest.mark.parametrize("layer", [0, 1])
def test_an_expert_left_out_is_one_whose_weights_are_zero(deepseek, inputs, layer):
    outputs = replaced(deepseek, inputs)
    with torch.no_grad():
        deepseek.layers[layer].experts.outer[2] = 0
    logits = outputs[Step(layer + 1, "expert", number=3), "zero"]
    torch.testing.assert_close(logits, deepseek(inputs))
    with torch.no_grad():
        deepseek.layers[layer].experts.outer[:] = 0
    torch.testing.assert_close(outputs[Step(layer + 1, "experts"), "zero"], deepseek(inputs))


def test_weights_of_heads_at_their_mean_are_those_of_a_router_that_reads_nothing(deepseek, inputs):
    logits = replaced(deepseek, inputs)[Step(1, "routes"), "mean"]
    routes = deepseek.trace(inputs)[1][0].routes
    mean = torch.cat([routes["local"], routes["global"]], 1).mean(0)
    with torch.no_grad():
        deepseek.layers[0].attention.router.weight.zero_()
        deepseek.layers[0].attention.router.bias.copy_(mean.log())
    torch.testing.assert_close(logits, deepseek(inputs))


def test_a_swap_gives_what_the_row_half_way_on_gives(deepseek, inputs):
    outputs = replaced(deepseek, torch.cat([inputs, inputs]))
    whole = deepseek(torch.cat([inputs, inputs]))
    for (_, how), logits in outputs.items():
        if how == "swap":  # each row is swapped with its own copy
            torch.testing.assert_close(logits, whole)


def test_a_layer_left_out_lets_its_tokens_pass(deepseek, inputs):
    logits = replaced(deepseek, inputs)[Step(2, "layer"), "zero"]
    del deepseek.layers[1]
    torch.testing.assert_close(logits, deepseek(inputs))


def test_the_last_layer_works_on_the_summary_alone_and_gives_the_same(deepseek, inputs):
    lengths = []
    for layer in deepseek.layers:
        layer.experts.register_forward_pre_hook(lambda _, read: lengths.append(read[0].shape[1]))
    weights = [*deepseek.tokens.parameters(), *deepseek.layers[1].attention.parameters()]
    quick, slow = deepseek.forward_with_balance(inputs)[0], deepseek.trace(inputs)[0]
    assert lengths == [6, 1, 6, 6]
    torch.testing.assert_close(quick, slow)
    gradients = [
        torch.autograd.grad(out.square().sum(), weights, allow_unused=True) for out in (quick, slow)
    ]
    for first, second in zip(*gradients, strict=True):
        torch.testing.assert_close(first, second)


def test_experts_of_the_last_layer_count_and_balance_what_is_read(deepseek, inputs):
    first, last = (layer.expert_weights for layer in deepseek.trace(inputs)[1])
    assert ((first > 0).sum(-1) == 2).all()
    assert ((last[:, 0] > 0).sum(-1) == 2).all()
    assert (last[:, 1:] == 0).all()
    routings = []
    for layer in deepseek.layers:
        layer.experts.register_forward_hook(lambda *heard: routings.append(heard[2][1]))
    balance = deepseek.forward_with_balance(inputs)[1]
    assert [routing.shape for routing in routings] == [(20, 6), (20, 1)]
    expected = torch.stack([routing.balance() for routing in routings]).mean()
    torch.testing.assert_close(balance, expected)


def test_routes_differ_between_instances(deepseek, inputs):
    assert deepseek.trace(inputs)[1][0].routes["local"].std(0).max() > 0


def test_experts_agree_with_a_slow_loop_over_tokens():
    torch.manual_seed(0)
    layer = SparseExperts(6, 5, experts=4, chosen=2, shared=True)
    tokens = torch.randn(3, 7, 6)
    out, routing = layer(tokens)
    weights = routing.weights()
    for row in range(3):
        for place in range(7):
            x = tokens[row, place]
            shares = (layer.router.weight @ x).softmax(0)
            best = shares.argsort(descending=True)[:2]
            slow = layer.shared(x)
            for e in best:
                hidden = nn.functional.gelu(x @ layer.inner[e] + layer.inner_bias[e])
                slow = slow + shares[e] / shares[best].sum() * (hidden @ layer.outer[e])
            torch.testing.assert_close(out[row, place], slow)
            assert set(weights[row, place].nonzero().flatten().tolist()) == set(best.tolist())


def test_attention_with_equal_routes_is_torch_multi_head_attention(deepseek, inputs):
    layer = deepseek.layers[0].attention
    with torch.no_grad():
        layer.router.weight.zero_()
        layer.router.bias.zero_()
    oracle = nn.MultiheadAttention(16, 4, batch_first=True)
    oracle.in_proj_weight = layer.project.weight
    oracle.in_proj_bias = layer.project.bias
    oracle.out_proj.weight, oracle.out_proj.bias = layer.output.weight, layer.output.bias
    tokens = deepseek.embed(inputs)
    band = layer.far.repeat_interleave(2, dim=0).repeat(len(inputs), 1, 1)
    torch.testing.assert_close(
        layer(tokens)[0], oracle(tokens, tokens, tokens, attn_mask=band, need_weights=False)[0]
    )


def test_the_balance_loss_is_one_for_an_even_load_and_n_for_one_expert():
    even = torch.full((8, 4), 0.25)
    assert balance_loss(even, torch.arange(8)[:, None] % 4).item() == pytest.approx(1.0)
    to_first = torch.zeros(8, 4)
    to_first[:, 0] = 1.0
    assert balance_loss(to_first, torch.zeros(8, 1, dtype=torch.long)).item() == pytest.approx(4.0)


def test_drop_path_keeps_the_expectation_and_drops_whole_instances():
    torch.manual_seed(0)
    dropped = DropPath(0.25).train()(torch.ones(20_000, 2))
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.02)
    assert torch.equal(dropped[:, 0], dropped[:, 1])
    assert torch.equal(DropPath(0.25).eval()(torch.ones(5, 2)), torch.ones(5, 2))


def test_an_ordinal_token_is_the_sum_of_steps_up_to_its_category(deepseek, inputs):
    tokens, rows = deepseek.tokens, inputs[:4].clone()
    rows[:, 1] = torch.arange(4.0)
    steps = deepseek.embed(rows)[:, 2].diff(dim=0)
    torch.testing.assert_close(steps, tokens.table[1:4])


def test_a_model_without_categories_or_without_numbers_works(schema, train, plugin):
    for columns in ([0, 2], [1, 3]):
        part = replace(schema, features=tuple(schema.features[i] for i in columns))
        rows = replace(train, inputs=train.inputs[:, columns])
        built = plugin.build(part, rows, 0).eval()
        assert built(torch.tensor(rows.inputs[:3], dtype=torch.float32)).shape == (3, 3)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"width": 30, "heads": 4}, "multiple of twice the heads"),
        ({"experts": 2, "experts_per_token": 3}, "more than experts 2"),
        ({"dropout": 1.0}, "less than 1"),
        ({"pool": "max"}, "'summary' or 'mean'"),
    ],
)
def test_a_wrong_configuration_is_refused_with_what_is_allowed(fields, words):
    with pytest.raises(ValidationError, match=words):
        TypeAdapter(DeepSeek).validate_python(fields)
