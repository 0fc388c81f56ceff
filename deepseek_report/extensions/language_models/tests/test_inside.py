"""What looks inside a language model, on networks whose weights were written by hand."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.split import Split
from deepseek_report.errors import NotApplicableError
from deepseek_report.extensions.language_models import residual_stream
from deepseek_report.extensions.language_models.inside_language_models import (
    HeadRoles,
    Latent,
    Lens,
    TokenExperts,
    probed,
    ratio,
)
from deepseek_report.metrics.internals.ablation import Ablation
from deepseek_report.metrics.internals.internal_rows import AblatedPart
from deepseek_report.metrics.internals.transformer_trace import sites_of
from deepseek_report.statistics.resampling import Resampling
from tests.tiny_networks import tiny_network
from tests.worded import refused

#: Four keys, four values and a separator; three pairs, the separator and the key that is asked for.
_KEYS, _TOKENS, _PLACES = 4, 9, 8
_CLASSES = np.arange(_KEYS, 2 * _KEYS)
#: Where a hand-made state holds the token, its place, the token before it, and the answer.
_TOKEN, _PLACE, _BEFORE, _ANSWER = 0, 9, 17, 26
_WIDTH, _HEADS = 36, 2


def copying_net(*layers: dict[int, float]) -> Any:
    """A network that recalls: its first layer notes the token before, the others copy.

    layers : for each copying layer {head: by how much what it copies counts}.
    """
    sizes = {"hidden_size": _WIDTH, "num_attention_heads": _HEADS}
    sizes |= {"num_hidden_layers": 1 + len(layers), "max_position_embeddings": _PLACES}
    apart = {"tie_word_embeddings": False, "bos_token_id": None, "eos_token_id": None}
    net = tiny_network("gpt2", _TOKENS, **sizes, **apart)
    with torch.no_grad():
        for name, weight in net.named_parameters():
            weight.fill_(1.0 if "ln_" in name and name.endswith("weight") else 0.0)
        net.transformer.wte.weight[:, _TOKEN : _TOKEN + _TOKENS] = torch.eye(_TOKENS)
        net.transformer.wpe.weight[:, _PLACE : _PLACE + _PLACES] = torch.eye(_PLACES)
        net.lm_head.weight[:, _ANSWER : _ANSWER + _TOKENS] = 3 * torch.eye(_TOKENS)
        later = (_PLACE + 1, _PLACE, _PLACES - 1)
        _write(net, 0, 0, later, (_TOKEN, _BEFORE), 0.25, range(_TOKENS))
        for at, heads in enumerate(layers, 1):
            for head, strength in heads.items():
                looks, moves = (_TOKEN, _BEFORE, _TOKENS), (_TOKEN, _ANSWER)
                _write(net, at, head, looks, moves, strength, _CLASSES)
    return net


def _write(
    net: Any, layer: int, head: int, looks: Any, moves: Any, strength: float, moved: Any
) -> None:
    """A head that asks with one slot for another (of a width), and moves tokens between slots."""
    attention, start = net.transformer.h[layer].attn, head * _WIDTH // _HEADS
    asks, offers, width = looks
    for k in range(width):
        attention.c_attn.weight[asks + k, start + k] = 5.0
        attention.c_attn.weight[offers + k, _WIDTH + start + k] = 1.0
    for k in moved:
        attention.c_attn.weight[moves[0] + k, 2 * _WIDTH + start + k] = 1.0
        attention.c_proj.weight[start + k, moves[1] + k] = strength


def deepseek_net() -> Any:
    net = tiny_network("deepseek_v3", _TOKENS, initializer_range=0.5)
    with torch.no_grad():
        net.model.layers[-1].mlp.gate.weight.normal_()
    return net


def recall(n: int, seed: int) -> Split:
    rng = np.random.default_rng(seed)
    inputs, truth = np.full((n, _PLACES), 2.0 * _KEYS), np.zeros((n, _PLACES), bool)
    labels = np.zeros(n, np.int64)
    for row in range(n):
        keys, values = rng.permutation(_KEYS)[:3], rng.permutation(_KEYS)[:3]
        asked_for = rng.integers(3)
        inputs[row, :6:2], inputs[row, 1:6:2] = keys, _KEYS + values
        inputs[row, -1], labels[row] = keys[asked_for], values[asked_for]
        truth[row, [2 * asked_for, 2 * asked_for + 1, _PLACES - 1]] = True
    return Split(inputs, labels, np.arange(n), truth=truth)


def continuing(net: Any) -> Any:
    """A network as a classifier of the token that follows."""
    model = SimpleNamespace(net=net, tokens=[*"ABCD", *"wxyz", "|"])
    return SimpleNamespace(
        net=net,
        name="net",
        calls=0,
        class_tokens=_CLASSES,
        language_model=model,
        token_ids=lambda inputs: [row[np.isfinite(row)].astype(np.int64) for row in inputs],
    )


def context(net: Any, n: int = 60, by_the_net: bool = False) -> Any:
    """by_the_net : whether the answers are what the network says, not what is right."""
    test = recall(n, 2)
    if by_the_net:
        logits = net(input_ids=torch.as_tensor(test.inputs).long()).logits[:, -1, _CLASSES]
        test = replace(test, labels=logits.argmax(-1).numpy())
    return SimpleNamespace(
        classifier=continuing(net),
        dataset=SimpleNamespace(train=recall(150, 1), test=test),
        seed=0,
        progress=Silent(),
        measured={},
    )


def prompts(n: int = 40, seed: int = 2) -> residual_stream.Prompts:
    part = recall(n, seed)
    return residual_stream.Prompts.of(list(part.inputs.astype(np.int64)), _CLASSES[part.labels])


# --- Lenses and patching --------------------------------------------------------------------------


def test_an_answer_is_read_and_restored_from_the_layer_on_that_copies_it() -> None:
    tables = Lens().measure(context(copying_net({0: 1.0}))).tables
    layers = tables["layers"].set_index("layer")
    assert layers.loc[2, ["lens", "tuned", "token", "noise"]].tolist() == pytest.approx([1] * 4)
    assert (layers.loc[:1, ["lens", "tuned"]] < 0.6).all(axis=None)
    assert layers.loc[:1, ["token", "noise"]].to_numpy() == pytest.approx(0, abs=1e-5)
    at = tables["patching"].set_index(["corruption", "span", "layer"])["restored"]
    assert at["token", "replaced", 0] == pytest.approx(1)
    assert at["noise", "replaced", 0] == pytest.approx(1)
    assert at["token", "replaced", 2] == pytest.approx(0, abs=1e-5)


def test_what_can_be_decoded_is_not_what_is_used() -> None:
    """A weak copy makes the answer readable, and a later strong one decides."""
    layers = Lens().measure(context(copying_net({0: 1.0}, {0: 9.0}))).tables["layers"]
    weak = layers.set_index("layer").loc[2]
    assert weak["lens"] == 1
    assert weak["token_high"] < 0.3


def test_nothing_is_put_back_where_no_place_is_tried() -> None:
    measured = Lens(max_places=0).measure(context(copying_net({0: 1.0})))
    layers = measured.tables["layers"].set_index("layer")
    assert layers.loc[2, "lens"] == 1
    assert layers[["token", "noise"]].isna().all(axis=None)
    assert measured.tables["patching"].empty
    assert len(measured.notes) == 1


def test_the_tuned_lens_undoes_a_rotation_that_hides_the_answer_from_the_logit_lens() -> None:
    rng = np.random.default_rng(0)
    last = rng.normal(size=(300, 6))
    rotation = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    mapped = residual_stream.translated(
        last[:200] @ rotation + 3, last[:200], last[200:] @ rotation + 3
    )
    assert mapped == pytest.approx(last[200:], abs=0.01)


def test_the_answer_hangs_on_the_token_that_is_known_to_make_it() -> None:
    part, some = recall(40, 2), prompts()
    stream = residual_stream.ResidualStream(copying_net({0: 1.0}))
    places, tokens = residual_stream.decisive_places(stream, some, some.present)
    rows = np.arange(40)
    assert part.truth is not None
    assert part.truth[rows, places].all()
    assert (places < _PLACES - 1).all()
    assert (tokens != some.ids[rows, places]).all()


def test_a_share_of_nothing_lost_is_not_defined() -> None:
    rng = np.random.default_rng(0)
    lost = rng.normal(2, 1, 200)
    share = ratio(Resampling(200), 0.25 * lost + rng.normal(0, 0.1, 200), lost)
    assert share.low is not None
    assert share.high is not None
    assert share.low < 0.25 < share.high
    assert share.high - share.low < 0.03
    assert not ratio(Resampling(200), lost, lost - lost.mean()).is_defined


# --- Heads ----------------------------------------------------------------------------------------


def test_the_copying_head_is_named_by_what_it_attends_to_and_by_its_removal() -> None:
    tables = HeadRoles().measure(context(copying_net({1: 1.0}))).tables
    heads = tables["heads"].set_index(["layer", "number"])
    assert heads["pattern"][heads["pattern"] != ""].to_dict() == {
        (0, 1): "previous",
        (1, 2): "after_same",
    }
    assert set(heads["needed"][heads["pattern"] != ""]) == {"together"}
    together = tables["together"].set_index("pattern")
    assert (together["swap_low"] > 1).all()
    assert (together["p_adjusted"] < 0.01).all()


def test_two_heads_that_stand_in_for_each_other_are_needed_together() -> None:
    net, some = copying_net({0: 3.0, 1: 3.0}), prompts()
    stream = residual_stream.ResidualStream(net)
    copying = [s for s in sites_of(net, _HEADS) if s.step.kind == "head" and s.step.layer == 2]
    whole, alone, both = (
        residual_stream.answer_losses(stream, some, _CLASSES, sites).mean()
        for sites in ([], copying[:1], copying)
    )
    assert alone - whole < 0.02
    assert both - whole > 1


def test_the_effect_of_single_heads_is_that_of_the_audit() -> None:
    sizes = [Estimate(0.5, 0.5, 0.5)] * 6
    part = AblatedPart(1, "head", "", 1, None, *sizes, p_adjusted=0.001, verdict="needed")
    audit = Measurement(tables={"parts": Ablation.tables["parts"].frame([part])})
    run = context(copying_net({0: 1.0}))
    run.measured = {ArtifactId.measure("ablation"): audit}
    heads = HeadRoles().measure(run).tables["heads"].set_index(["layer", "number"])
    assert heads.loc[(1, 1), "needed"] == "alone"
    assert heads.loc[(1, 1), "swap_high"] == 0.5
    assert np.isnan(heads.loc[(0, 1), "swap"])


def test_patterns_are_those_of_a_slow_count() -> None:
    net, lengths = deepseek_net(), (4, 7, 1)
    rng = np.random.default_rng(0)
    some = residual_stream.Prompts.of([rng.integers(0, 3, n) for n in lengths], np.full(3, 4))
    counted = residual_stream.attention_patterns(residual_stream.ResidualStream(net), some)
    for row, n in enumerate(lengths):
        ids = some.ids[row, :n]
        maps = net(input_ids=torch.as_tensor(ids[None]), output_attentions=True).attentions
        for layer, weights in enumerate(maps):
            for head, map_of in enumerate(weights[0].detach().double().numpy()):
                before = [map_of[at, at - 1] for at in range(1, n)]
                alike = [at for at in range(n - 1) if ids[at] == ids[-1]]
                slow = [
                    np.mean(before) if before else np.nan,
                    sum(map_of[-1, at] for at in alike) if alike else np.nan,
                    sum(map_of[-1, at + 1] for at in alike) if alike else np.nan,
                ]
                assert counted[row, layer, head] == pytest.approx(slow, abs=1e-6, nan_ok=True)


# --- States ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "net",
    [
        deepseek_net(),
        copying_net({0: 1.0}),
        tiny_network("llama", _TOKENS, num_key_value_heads=1),
        tiny_network("qwen2", _TOKENS, num_key_value_heads=1),
    ],
    ids=["deepseek", "gpt2", "llama", "qwen2"],
)
def test_what_is_filled_up_behind_a_prompt_changes_nothing(net: Any) -> None:
    rng = np.random.default_rng(0)
    each = [rng.integers(0, _TOKENS, n) for n in (3, 8, 5)]
    stream = residual_stream.ResidualStream(net)
    last = torch.as_tensor(
        residual_stream.states_at_end(stream, residual_stream.Prompts.of(each, np.zeros(3)))[-1]
    ).float()
    together = stream.logits(last)
    for row, ids in enumerate(each):
        own = net(input_ids=torch.as_tensor(ids[None])).logits[0, -1]
        assert together[row].tolist() == pytest.approx(own.tolist(), abs=1e-4)


def test_an_output_that_does_more_than_multiply_is_refused() -> None:
    net = deepseek_net()
    net.register_forward_hook(
        lambda _net, _inputs, output: output.__class__(logits=output.logits.tanh())
    )
    with pytest.raises(NotApplicableError):
        residual_stream.ResidualStream(net)


# --- Latents --------------------------------------------------------------------------------------


def test_the_effective_rank_counts_directions() -> None:
    even = np.concatenate([np.eye(5), -np.eye(5)])
    assert residual_stream.effective_rank(even) == pytest.approx(5)
    assert residual_stream.effective_rank(
        np.outer(np.arange(9.0), np.arange(4.0))
    ) == pytest.approx(1)
    assert residual_stream.effective_rank(np.ones((4, 3))) == 0


def test_a_probe_tells_on_other_vectors_what_is_linear_in_them() -> None:
    rng = np.random.default_rng(0)
    centres, labels = rng.normal(0, 3, (5, 8)), rng.integers(0, 5, 400)
    vectors = centres[labels] + rng.normal(0, 0.3, (400, 8))
    assert (probed(vectors[:200], labels[:200], vectors[200:]) == labels[200:]).all()
    noise = rng.normal(size=(400, 8))
    assert (probed(noise[:200], labels[:200], noise[200:]) == labels[200:]).mean() < 0.4


def test_a_latent_with_two_directions_keeps_two_and_an_unread_one_is_not_needed() -> None:
    net = deepseek_net()
    with torch.no_grad():
        net.model.layers[0].self_attn.kv_a_proj_with_mqa.weight[2:8] = 0
        net.model.layers[0].self_attn.o_proj.weight.zero_()
    table = Latent().measure(context(net, by_the_net=True)).tables["layers"].set_index("layer")
    assert table.loc[0, "latent_rank"] <= 2
    assert table.loc[0, ["mean", "swap"]].tolist() == [0, 0]
    assert table.loc[0, "state_token"] == 1  # the embedding itself
    assert table.loc[0, "latent_token"] < 1
    assert table.loc[1, "swap_low"] > 0
    assert table.loc[1, "p_adjusted"] < 0.05 < table.loc[0, "p_adjusted"]


def test_the_latent_is_what_the_model_norms_and_expands() -> None:
    net, some = deepseek_net(), prompts(3)
    states, latents = residual_stream.states_and_latents(
        residual_stream.ResidualStream(net), some, 1
    )
    attention = net.model.layers[1].self_attn
    with torch.no_grad():
        made = attention.kv_a_proj_with_mqa(torch.as_tensor(states).float())[:, :8]
        assert attention.kv_a_layernorm(made).numpy() == pytest.approx(latents, abs=1e-5)


def test_a_model_without_latents_says_so() -> None:
    assert residual_stream.latents_of(residual_stream.ResidualStream(copying_net({0: 1.0}))) == {}
    with refused("multi-head latent attention"):
        Latent().measure(context(copying_net({0: 1.0})))


# --- Experts by kind of token ---------------------------------------------------------------------


def test_an_expert_taken_away_is_one_with_weights_of_zero() -> None:
    net, some = deepseek_net(), prompts()
    without = deepcopy(net)
    with torch.no_grad():
        without.model.layers[1].mlp.experts.down_proj[2].zero_()
    sites = [s for s in sites_of(net, 2) if s.step.kind == "expert" and s.step.number == 3]
    slow = residual_stream.answer_losses(residual_stream.ResidualStream(without), some, _CLASSES)
    stream = residual_stream.ResidualStream(net)
    everywhere = np.ones(some.ids.shape, bool)
    for where in (None, everywhere):
        taken = residual_stream.answer_losses(stream, some, _CLASSES, sites, "zero", where)
        assert taken == pytest.approx(slow, abs=1e-5)
    nowhere = residual_stream.answer_losses(stream, some, _CLASSES, sites, "zero", ~everywhere)
    assert nowhere == pytest.approx(residual_stream.answer_losses(stream, some, _CLASSES), abs=1e-6)


def test_choices_are_heard_at_the_routers() -> None:
    net, some = deepseek_net(), prompts(4)
    chosen = residual_stream.chosen_experts(residual_stream.ResidualStream(net), some)
    assert list(chosen) == [1]
    assert (chosen[1].sum(axis=2) == 2).all()
    noted: list[Any] = []
    handle = net.model.layers[1].mlp.gate.register_forward_hook(
        lambda _part, _inputs, output: noted.append(output[2])
    )
    net(input_ids=torch.as_tensor(some.ids))
    handle.remove()
    rows = np.flatnonzero(chosen[1].reshape(-1, 4)[0])
    assert sorted(noted[0][0].tolist()) == rows.tolist()


def test_an_expert_is_needed_for_the_kind_of_token_at_which_it_is_read() -> None:
    """In the last layer only the last token is read, which is a key: a word."""
    table = TokenExperts().measure(context(deepseek_net(), by_the_net=True)).tables["kinds"]
    by_kind = table.groupby("kind")
    assert set(by_kind.groups) == {"answer", "word", "sign"}
    assert by_kind["share"].sum().tolist() == pytest.approx([1, 1, 1])
    unread = table[table["kind"] != "word"]
    assert (unread[["zero", "mean", "swap"]].abs() < 1e-6).all(axis=None)
    assert set(unread["verdict"]) == {"spare"}
    assert "needed" in set(table.loc[table["kind"] == "word", "verdict"])


# --- Bounds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", [Lens, HeadRoles, Latent, TokenExperts])
def test_what_would_cost_more_than_is_allowed_is_refused(metric: Any) -> None:
    with refused("most_work"):
        metric(most_work=1000).measure(context(deepseek_net()))
