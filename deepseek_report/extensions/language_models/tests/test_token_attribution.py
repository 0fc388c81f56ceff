"""Attributions of a continuation: closed forms, captum as an oracle, and a slow rewrite."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from captum import attr as captum
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from deepseek_report.extensions.language_models.token_attribution import (
    Continuation,
    ContinuationGame,
    greedy_answer,
    losses,
    most_and_least,
    word_owners,
)
from deepseek_report.statistics.games.formula import coalitions, shapley_values
from tests.tiny_networks import tiny_network

IDS = np.array([1, 5, 7, 3, 2, 9, 4, 11])
TEXT = Continuation(IDS, 5, np.array([-1, 0, 1, 1, 2, 3, 4, 5]))
VOCABULARY, WIDTH = 20, 8


def made(family: str):
    """A model whose weights are large enough that it is far from linear."""
    net = tiny_network(family, VOCABULARY, hidden_size=WIDTH)
    with torch.no_grad():
        for weight in net.parameters():
            if weight.dim() > 1:
                weight.mul_(8)
    return net


@pytest.fixture(scope="module", params=["llama", "deepseek_v3", "gpt2"])
def net(request):
    return made(request.param)


@pytest.fixture(scope="module")
def small_llama():
    return made("llama")


def stand_in(net) -> np.ndarray:
    return net.get_input_embeddings().weight.detach().double().numpy().mean(axis=0)


def game_of(net, text=TEXT) -> ContinuationGame:
    return ContinuationGame(net, text, stand_in(net))


def contrast_of(net, game: ContinuationGame, answer: int):
    """A function of (row, token, width) embeddings, as captum wants it."""

    def output(embedded):
        logits = net(inputs_embeds=embedded).logits[:, TEXT.start - 1 + answer]
        return logits[:, int(game.targets[answer])] - logits[:, int(game.rivals[answer])]

    return output


def as_captum_takes_it(net, game: ContinuationGame):
    embedded = net.get_input_embeddings()(torch.as_tensor(IDS[:-1]))[None].detach()
    baseline = torch.as_tensor(stand_in(net)).float().expand_as(embedded).clone()
    baseline[:, 0] = embedded[:, 0]
    return embedded, baseline


def test_the_outputs_are_those_of_the_model_read_at_once(net) -> None:
    game = game_of(net)
    with torch.no_grad():
        logits = net(input_ids=torch.as_tensor(IDS)[None]).logits[0].double().numpy()
    own = logits[np.arange(4, 7), IDS[5:]]
    np.testing.assert_allclose(game.whole[0], own, atol=1e-5)
    chances = np.exp(logits[4:7]) / np.exp(logits[4:7]).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(game.probabilities, chances[np.arange(3), IDS[5:]], atol=1e-6)
    for answer, rival in enumerate(game.rivals):
        others = [token for token in range(VOCABULARY) if token != IDS[5 + answer]]
        assert rival == max(others, key=lambda token: logits[4 + answer, token])


def test_nothing_comes_from_a_token_that_the_answer_token_cannot_see(net) -> None:
    game = game_of(net)
    values, errors = game.shapley(8, seed=0)
    for part in (game.gradients(0), game.gradients(4), game.occlusion(), values, errors):
        assert part.shape == (2, 3, TEXT.players)
        np.testing.assert_allclose(part[:, 0, 3:], 0, atol=1e-5)
        np.testing.assert_allclose(part[:, 1, 4:], 0, atol=1e-5)


def test_integrated_gradients_are_those_of_captum(net) -> None:
    game = game_of(net)
    embedded, baseline = as_captum_takes_it(net, game)
    ours = game.gradients(12)[1]
    for answer in range(3):
        captums = captum.IntegratedGradients(contrast_of(net, game, answer)).attribute(
            embedded, baseline, n_steps=12, method="gausslegendre"
        )
        expected = TEXT.by_player(captums.sum(dim=-1)[0].detach().numpy())
        np.testing.assert_allclose(ours[answer], expected, atol=1e-3 * np.abs(expected).max())


def test_the_gradient_times_the_input_is_that_of_captum_where_zero_stands_for_a_token(net) -> None:
    game = ContinuationGame(net, TEXT, np.zeros(WIDTH))
    embedded, _ = as_captum_takes_it(net, game)
    ours = game.gradients(0)[1]
    for answer in range(3):
        watched = embedded.clone().requires_grad_()
        captums = captum.InputXGradient(contrast_of(net, game, answer)).attribute(watched)
        expected = TEXT.by_player(captums.sum(dim=-1)[0].detach().numpy())
        np.testing.assert_allclose(ours[answer], expected, atol=1e-4 * np.abs(expected).max())


def test_occlusion_and_shapley_values_are_those_of_captum(small_llama) -> None:
    net = small_llama
    game = game_of(net)
    embedded, baseline = as_captum_takes_it(net, game)
    # what is always there has no player here, and one without any effect in captum
    players = torch.as_tensor(np.where(TEXT.owners[:-1] < 0, TEXT.players, TEXT.owners[:-1]))
    masks = players[None, :, None].expand_as(embedded)
    answer, before = 0, int(TEXT.players_before[0])
    ours = {"ablation": game.occlusion(), "shapley": game.shapley(1000, seed=0)[0]}
    output = contrast_of(net, game, answer)
    first = {"baselines": baseline[:, :5], "feature_mask": masks[:, :5].clone()}
    first["feature_mask"][first["feature_mask"] == TEXT.players] = before
    for name, captums in (
        ("ablation", captum.FeatureAblation(output)),
        ("shapley", captum.ShapleyValues(output)),
    ):
        with torch.no_grad():
            each = captums.attribute(embedded[:, :5], **first)[0, :, 0]
        expected = [float(each[TEXT.owners[:5] == player][0]) for player in range(before)]
        np.testing.assert_allclose(ours[name][1, answer, :before], expected, atol=1e-4)


def test_the_contrast_by_occlusion_is_that_of_captums_attribution_of_language_models(
    small_llama,
) -> None:
    # a tokenizer of which each token is its number
    numbers = Tokenizer(models.WordLevel({str(token): token for token in range(VOCABULARY)}))
    numbers.pre_tokenizer = pre_tokenizers.Whitespace()
    net, unknown = small_llama, 0
    weight = net.get_input_embeddings().weight.detach().numpy()
    text = Continuation(IDS[:6], 5, np.arange(6))
    game = ContinuationGame(net, text, weight[unknown])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=numbers)
    prompt = captum.TextTokenInput(" ".join(map(str, IDS[:5])), tokenizer, baselines=unknown)
    attribution = captum.LLMAttribution(captum.FeatureAblation(net), tokenizer)
    # the logarithm of the sum over the vocabulary is the same for both tokens, and cancels
    own, rival = (
        attribution.attribute(prompt, target=torch.tensor([int(token)]), skip_tokens=[])
        .token_attr[0]
        .numpy()
        for token in (game.targets[0], game.rivals[0])
    )
    np.testing.assert_allclose(game.occlusion()[1, 0], own - rival, atol=1e-4)


def test_shapley_values_are_those_of_the_definition_for_each_answer_token(net) -> None:
    game = game_of(net)
    values, errors = game.shapley(1000, seed=0)
    outputs = game.outputs(coalitions(TEXT.players))
    for answer, before in enumerate(TEXT.players_before):
        # bit k of a coalition is player k, so that the first ones are all without later players
        worths = outputs[:, : 2**before, answer]
        np.testing.assert_allclose(values[:, answer, :before], shapley_values(worths), atol=1e-4)
    np.testing.assert_array_equal(errors, 0)


def test_intervals_of_sampled_shapley_values_hold_the_exact_ones(small_llama) -> None:
    ids = np.arange(1, 14)
    text = Continuation(ids, 10, np.arange(13))
    game = game_of(small_llama, text)
    exact = game.shapley(10_000, seed=0)[0]
    hits, wide = [], []
    for seed in range(25):
        values, errors = game.shapley(60, seed)
        for answer, before in enumerate(text.players_before):
            miss = np.abs(values - exact)[1, answer, :before]
            hits.append(miss <= 1.96 * errors[1, answer, :before])
            wide.append(errors[1, answer, :before].mean())
    assert 0.9 <= np.concatenate(hits).mean() <= 0.99
    assert np.mean(wide) > 0


def test_integrated_gradients_add_up_to_what_all_players_bring(small_llama) -> None:
    text = Continuation(IDS, 5, np.arange(8))
    game = game_of(small_llama, text)
    nothing = game.outputs(np.zeros((1, text.players), dtype=bool))[:, 0]
    brought = game.whole - nothing
    np.testing.assert_allclose(game.gradients(256).sum(axis=-1), brought, atol=0.05)
    np.testing.assert_allclose(game.shapley(20, 0)[0].sum(axis=-1), brought, atol=1e-4)


def test_the_model_is_left_as_it_was(small_llama) -> None:
    small_llama.train()
    game_of(small_llama).gradients(2)
    assert small_llama.training
    assert all(weight.requires_grad for weight in small_llama.parameters())
    assert all(weight.grad is None for weight in small_llama.parameters())
    small_llama.eval()


def test_a_greedy_answer_is_that_of_transformers(small_llama) -> None:
    answer = greedy_answer(small_llama, IDS[:5], 6)
    expected = small_llama.generate(
        torch.as_tensor(IDS[:5])[None], max_new_tokens=6, do_sample=False, pad_token_id=0
    )[0, 5:]
    np.testing.assert_array_equal(answer, expected)


def test_a_greedy_answer_ends_with_the_text(small_llama) -> None:
    answer = greedy_answer(small_llama, IDS[:5], 6)
    small_llama.config.eos_token_id = int(answer[1])
    try:
        np.testing.assert_array_equal(greedy_answer(small_llama, IDS[:5], 6), answer[:2])
    finally:
        small_llama.config.eos_token_id = 2


def test_losses_are_those_of_keeping_the_players_that_speak_most_and_least(net) -> None:
    game = game_of(net)
    values = np.stack([game.occlusion(), -game.occlusion()])
    comprehensiveness, sufficiency = losses(game, values, 0.5)
    for answer, before in enumerate(TEXT.players_before):
        count = max(round(0.5 * before), 1)
        order = np.argsort(-values[0, 1, answer, :before], kind="stable")
        for lost, kept in ((comprehensiveness, order[-count:]), (sufficiency, order[:count])):
            mask = np.zeros((1, TEXT.players), dtype=bool)
            mask[0, kept] = True
            expected = game.whole[1, answer] - game.outputs(mask)[1, 0, answer]
            np.testing.assert_allclose(lost[0, 1, answer], expected, atol=1e-5)
    # what speaks most by one order speaks least by its opposite
    np.testing.assert_allclose(comprehensiveness[0], sufficiency[1], atol=1e-5)


def test_as_many_players_speak_most_as_least_and_never_all_of_them() -> None:
    values = np.random.default_rng(0).normal(size=(3, 4, 9))
    before = np.array([2, 5, 8, 9])
    for share in (0.01, 0.3, 0.5, 0.99):
        most, least = most_and_least(values, before, share)
        np.testing.assert_array_equal(most.sum(axis=-1), least.sum(axis=-1))
        assert (most.sum(axis=-1) >= 1).all()
        assert (most.sum(axis=-1) < before).all()
        assert not (most | least)[:, np.arange(9) >= before[:, None]].any()


def test_words_are_put_together_by_the_signs_of_tokenizers() -> None:
    assert word_owners(["▁The", "▁cat", "s", "▁sat"]).tolist() == [0, 1, 1, 2]
    assert word_owners(["un", "##kind", "man"], fixed=0).tolist() == [0, 0, 1]
    assert word_owners(["<s>", "猫", "坐", "late"], fixed=1).tolist() == [-1, 0, 1, 2]
