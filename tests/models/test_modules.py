"""Modules of the perceptron and of the routed transformer, their encoding and their classifier."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from safetensors.torch import save_file
from scipy.special import logsumexp
from torch import nn

from deepseek_report.artifacts.protocols.modules import Step
from deepseek_report.errors import ArtifactError
from deepseek_report.models.perceptron.mlp import MLP
from deepseek_report.models.routed.deepseek import DeepSeek
from deepseek_report.models.routed.deepseek_module import DropPath
from deepseek_report.models.routed.experts import SparseExperts, balance_loss
from deepseek_report.models.shared.loading import load_classifier
from deepseek_report.models.shared.module_classifier import rows_of_batch
from deepseek_report.models.shared.network_encoding import FeatureEncoder

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


# --- The classifier of a module -------------------------------------------------------------------


@pytest.fixture
def classifier(schema, train):
    return SMALL.wrap(SMALL.build(schema, train, 3), schema, "cpu")


def test_probabilities_sum_to_one_and_log_odds_are_their_log_odds(classifier, train):
    shares = classifier.probabilities(train.inputs)
    np.testing.assert_allclose(shares.sum(1), 1.0)
    expected = np.log(shares[:, 2] / (1 - shares[:, 2]))
    np.testing.assert_allclose(classifier.log_odds(train.inputs, 2), expected, atol=1e-9)


def test_log_odds_stay_finite_where_the_probability_rounds_to_one(classifier, train):
    with torch.no_grad():
        classifier.module.output.linear.bias.copy_(torch.tensor([0.0, 0.0, 500.0]))
    odds = classifier.log_odds(train.inputs[:5], 2)
    logits = classifier.logits(train.inputs[:5])
    assert np.isfinite(odds).all()
    np.testing.assert_allclose(odds, logits[:, 2] - logsumexp(logits[:, :2], axis=1))


def test_batches_give_what_one_row_at_a_time_gives(classifier, train):
    rows = np.resize(train.inputs, (700, train.inputs.shape[1]))
    single = np.concatenate([classifier.logits(row[None]) for row in rows[-9:]])
    np.testing.assert_allclose(classifier.logits(rows)[-9:], single, atol=1e-5)


def test_narrow_rows_are_taken_by_more_and_wide_ones_by_fewer() -> None:
    sizes = [rows_of_batch(columns) for columns in (0, 23, 32, 50, 100, 1000, 2000, 10**6)]
    assert sizes == [512, 512, 512, 327, 256, 256, 131, 1]


def test_calls_count_the_rows(classifier, train):
    classifier.logits(train.inputs[:7])
    classifier.probabilities(train.inputs[:3])
    assert classifier.calls == 10
    assert classifier.logits(train.inputs[:0]).shape == (0, 3)


def test_a_randomised_copy_has_other_weights_and_the_same_statistics(classifier, train):
    copy, again = classifier.randomised(5), classifier.randomised(5)
    assert not np.allclose(copy.logits(train.inputs), classifier.logits(train.inputs))
    np.testing.assert_array_equal(copy.logits(train.inputs), again.logits(train.inputs))
    for (name, old), (_, new) in zip(
        classifier.module.named_parameters(), copy.module.named_parameters(), strict=True
    ):
        trivial = torch.equal(new, torch.zeros_like(new)) or torch.equal(new, torch.ones_like(new))
        assert trivial or not torch.equal(old, new), name
    for old, new in zip(classifier.module.buffers(), copy.module.buffers(), strict=True):
        assert torch.equal(old, new)


def test_a_stored_model_predicts_as_before(classifier, schema, train, tmp_path):
    save_file(classifier.module.state_dict(), tmp_path / "weights.safetensors")
    loaded = load_classifier(SMALL, schema, train, tmp_path)
    np.testing.assert_array_equal(loaded.logits(train.inputs), classifier.logits(train.inputs))


def test_weights_hold_the_statistics_so_other_training_rows_change_nothing(
    classifier, schema, train, tmp_path
):
    save_file(classifier.module.state_dict(), tmp_path / "weights.safetensors")
    loaded = load_classifier(SMALL, schema, train.take(np.arange(50)), tmp_path)
    np.testing.assert_array_equal(loaded.logits(train.inputs), classifier.logits(train.inputs))


def test_weights_of_another_architecture_are_refused_by_name(classifier, schema, train, tmp_path):
    with pytest.raises(ArtifactError, match="are missing; train"):
        load_classifier(SMALL, schema, train, tmp_path)
    save_file(classifier.module.state_dict(), tmp_path / "weights.safetensors")
    with pytest.raises(ArtifactError, match=r"do not fit the configured model: \d+ missing"):
        load_classifier(MLP(), schema, train, tmp_path)
    with pytest.raises(ArtifactError, match="of another shape"):
        load_classifier(DeepSeek(width=32, heads=2), schema, train, tmp_path)
    (tmp_path / "weights.safetensors").write_bytes(b"nonsense")
    with pytest.raises(ArtifactError, match="not a readable safetensors file"):
        load_classifier(SMALL, schema, train, tmp_path)


def test_capabilities_name_what_the_model_hands_out(classifier):
    assert MLP.capabilities == {"module", "gradients"}
    assert classifier.capabilities == MLP.capabilities | {"attention", "routing", "experts"}


# --- How features are encoded ---------------------------------------------------------------------


@pytest.fixture
def encoder(schema, train):
    return FeatureEncoder(schema, train, bins=8)


def _row(**values: float) -> torch.Tensor:
    names = ("amount", "late", "age", "region", "constant")
    typical = dict(zip(names, (100.0, 1.0, 40.0, 2.0, 3.0), strict=True))
    return torch.tensor([list((typical | values).values())])


def test_the_standardised_value_has_mean_zero_and_deviation_one_in_training(encoder, train):
    _, standard, missing = encoder.numbers(torch.tensor(train.inputs, dtype=torch.float32))
    present_values = standard[:, 0][missing[:, 0] == 0]
    assert present_values.mean().abs() < 1e-4
    assert present_values.std(correction=0) == pytest.approx(1.0, abs=1e-3)


def test_shares_agree_with_numpy_interpolation_of_the_quantiles(encoder, train):
    ages = train.inputs[:, 2]
    z = np.arcsinh((ages - np.median(ages)) / (np.subtract(*np.quantile(ages, [0.75, 0.25])) / 2))
    cuts = np.quantile(z, np.linspace(0, 1, 9))
    shares, _, _ = encoder.numbers(torch.tensor(train.inputs, dtype=torch.float32))
    np.testing.assert_allclose(
        shares[:, 1].sum(-1).numpy(), np.interp(z, cuts, np.arange(9)), atol=2e-3
    )


def test_every_quantile_bin_holds_about_as_many_rows(encoder, train):
    shares, _, _ = encoder.numbers(torch.tensor(train.inputs, dtype=torch.float32))
    bins = shares[:, 1].sum(-1).floor().clamp(max=7).long()
    assert torch.bincount(bins).max() <= 1.2 * len(bins) / 8


def test_values_beyond_the_training_range_change_nothing_more(encoder, train):
    top = float(np.nanmax(train.inputs[:, 0]))
    shares, standard, _ = encoder.numbers(torch.cat([_row(amount=top), _row(amount=100 * top)]))
    torch.testing.assert_close(shares[0, 0], torch.ones(8))
    torch.testing.assert_close(shares[0], shares[1])
    torch.testing.assert_close(standard[0], standard[1])


def test_a_missing_number_takes_the_median_and_raises_its_flag(encoder, train):
    median = float(np.nanmedian(train.inputs[:, 0]))
    shares, _, missing = encoder.numbers(torch.cat([_row(amount=np.nan), _row(amount=median)]))
    assert torch.allclose(shares[0], shares[1])
    assert missing.tolist() == [[1, 0, 0], [0, 0, 0]]


def test_a_constant_feature_encodes_to_finite_numbers(encoder):
    shares, standard, _ = encoder.numbers(_row(constant=3.0))
    assert torch.isfinite(shares).all()
    assert standard[0, 2] == 0


def test_codes_of_known_unseen_impossible_and_missing_categories(encoder):
    rows = [_row(region=r) for r in (2.0, 4.0, 9.0, -1.0, np.nan)]
    codes = encoder.codes(torch.cat(rows))[:, 1].tolist()
    first = 4 + 2
    assert codes == [first + 2, first + 5, first + 5, first + 5, first + 6]


def test_a_fractional_position_takes_the_nearest_category(encoder):
    assert torch.equal(encoder.codes(_row(late=1.4)), encoder.codes(_row(late=1.0)))


def test_row_features_name_the_feature_of_every_table_row(encoder):
    assert encoder.row_features == [1] * 6 + [3] * 7
    assert encoder.table_rows == 13


def test_statistics_are_buffers_and_not_parameters(encoder):
    assert not list(encoder.parameters())
    assert {"medians", "spreads", "edges", "rows"} <= encoder.state_dict().keys()
