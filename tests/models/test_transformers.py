"""Models of transformers: each number against transformers called by hand."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from safetensors.torch import load_file
from torch import nn

from deepseek_report.artifacts.protocols.modules import Step
from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.schema import Schema, Target
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.artifacts.storage.checkpoint import around, load_tokenizer, mask_of, tokens_of
from deepseek_report.errors import ArtifactError, ConfigError
from deepseek_report.models.shared.loading import load_classifier
from deepseek_report.models.transformers.deepseek_family import DeepSeekV2, DeepSeekV3
from deepseek_report.models.transformers.pretrained import HuggingFace
from deepseek_report.models.transformers.transformer_module import Packing
from deepseek_report.training.trainer import GradientTrainer
from tests.builders import laid_out
from tests.trained import Interrupting, place_in, trained
from tests.worded import say

PLACES = 6
WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film", "a", "the")
#: Sizes of the networks of transformers.
TINY = {"vocab_size": len(WORDS), "hidden_size": 16, "intermediate_size": 16}
TINY |= {"num_hidden_layers": 2, "num_attention_heads": 2}
CLASSES = Target("mood", "Mood", ("negative", "positive"), 1)
SIZES = {"width": 16, "heads": 2, "head_width": 8, "value_width": 8, "query_rank": 8}
SIZES |= {"key_value_rank": 8, "dense_width": 16, "expert_width": 8, "experts": 4}
V2, V3 = DeepSeekV2(**SIZES), DeepSeekV3(**SIZES)
BOTH = pytest.mark.parametrize("plugin", [V2, V3], ids=["v2", "v3"])
TRAINER = GradientTrainer(
    max_epochs=3, min_steps=0, batch_size=16, learning_rate=0.01, tensorboard=False
)


def schema_of(words: tuple[str, ...], target: Target = CLASSES) -> Schema:
    return laid_out("text", PLACES, words=words, mask=4, target=target)


def texts(n: int, seed: int = 0) -> Split:
    """Texts of two to six words; those with "good" at their start are positive."""
    rng = np.random.default_rng(seed)
    inputs = rng.integers(5, len(WORDS), (n, PLACES)).astype(float)
    labels = rng.integers(0, 2, n)
    inputs[:, 0] = np.where(labels == 1, 5, 6)
    for row, length in enumerate(rng.integers(2, PLACES + 1, n)):
        inputs[row, length:] = np.nan
    return Split(inputs, labels, np.arange(n))


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small classifier that was trained elsewhere and saved, with its tokenizer."""
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    folder = tmp_path_factory.mktemp("bert")
    config = BertConfig(
        **TINY,
        max_position_embeddings=16,
        id2label={0: "Positive", 1: "Negative"},
        label2id={"Positive": 0, "Negative": 1},
    )
    torch.manual_seed(0)
    net = BertForSequenceClassification(config).eval()
    part = texts(64)
    optimiser = torch.optim.Adam(net.parameters(), 0.01)
    for _ in range(30):
        logits = by_hand(net, part.inputs, (2,), (3,), 0)
        loss = nn.functional.cross_entropy(logits, torch.as_tensor(1 - part.labels))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    net.save_pretrained(folder)
    BertTokenizer(vocab={word: i for i, word in enumerate(WORDS)}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def causal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base model of the Qwen kind without a head, as distilled DeepSeek checkpoints are; its
    tokenizer puts one token before every text.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2Model

    folder = tmp_path_factory.mktemp("qwen")
    config = Qwen2Config(**TINY, num_key_value_heads=1, max_position_embeddings=32)
    torch.manual_seed(1)
    Qwen2Model(config).save_pretrained(folder)
    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, "[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing("[CLS] $A", special_tokens=[("[CLS]", 2)])
    PreTrainedTokenizerFast(tokenizer_object=words, unk_token=WORDS[1]).save_pretrained(folder)
    return folder


def by_hand(
    net: Any, inputs: np.ndarray, before: tuple[int, ...], after: tuple[int, ...], pad: int
) -> torch.Tensor:
    """Logits of transformers' own model: one list of ids a text, padded on the right."""
    rows = [[*before, *map(int, row[~np.isnan(row)]), *after] for row in inputs]
    longest = max(map(len, rows))
    ids = torch.tensor([row + [pad] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    return net(input_ids=ids, attention_mask=mask).logits


def rows_of(part: Split) -> torch.Tensor:
    return torch.tensor(part.inputs, dtype=torch.float32)


def model(plugin: Any, target: Target = CLASSES, train: Split | None = None) -> Any:
    return plugin.build(schema_of(WORDS, target), train or texts(32), 3).eval()


@pytest.fixture(params=["v2", "v3", "bert", "causal", "mean"])
def module(request: pytest.FixtureRequest, bert: Path, causal: Path) -> Any:
    plugins = {
        "v2": V2,
        "v3": V3,
        "bert": HuggingFace(checkpoint=str(bert), train="full"),
        "causal": HuggingFace(checkpoint=str(causal), train="full"),
        "mean": HuggingFace(checkpoint=str(bert), train="lora", pool="mean"),
    }
    return model(plugins[request.param])


def test_packed_units_come_back_to_their_places() -> None:
    present = torch.tensor([[True, False, True, True], [False, False, False, True]])
    packing = Packing.of(present)
    units = torch.arange(8.0).view(2, 4, 1)
    assert packing.mask.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert packing.last.tolist() == [2, 0]
    assert packing.pack(units)[0].flatten().tolist() == [0, 2, 3]
    assert torch.equal(packing.unpack(packing.pack(units)), units * present.unsqueeze(-1))
    maps = torch.arange(18.0).view(2, 1, 3, 3)
    whole = packing.unpack_maps(maps)
    assert whole[0, 0, 3, 2] == maps[0, 0, 2, 1]
    assert whole[1, 0].count_nonzero() == 1


@BOTH
def test_logits_of_deepseek_are_those_of_transformers_called_by_hand(plugin: Any) -> None:
    built, part = model(plugin), texts(12)
    end = len(WORDS)
    built.net.config.pad_token_id = 0
    expected = by_hand(built.net, part.inputs, (), (end,), 0)
    torch.testing.assert_close(built(rows_of(part)), expected)


def test_logits_of_a_checkpoint_are_those_of_transformers_with_its_tokenizer(bert: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    part = texts(12)
    net = AutoModelForSequenceClassification.from_pretrained(bert).eval()
    expected = by_hand(net, part.inputs, (2,), (3,), 0)
    built = model(HuggingFace(checkpoint=str(bert), train="none"))
    torch.testing.assert_close(built(rows_of(part)), expected[:, [1, 0]])
    assert (built(rows_of(part)).argmax(1).numpy() == part.labels).all()


def test_a_causal_checkpoint_is_read_at_its_last_token(causal: Path) -> None:
    built, part = model(HuggingFace(checkpoint=str(causal))), texts(12)
    built.net.config.pad_token_id = 0
    expected = by_hand(built.net, part.inputs, (2,), (), 0)
    torch.testing.assert_close(built(rows_of(part)), expected)


def test_forward_is_trace_and_the_rest_of_embed_bit_by_bit(module: Any) -> None:
    rows = rows_of(texts(12))
    assert torch.equal(module(rows), module.forward_embedded(module.embed(rows)))
    assert torch.equal(module(rows), module.trace(rows)[0])
    assert torch.equal(module(rows), module.forward_with_balance(rows)[0])


def test_what_stands_after_the_end_of_a_text_changes_nothing(module: Any) -> None:
    rows = rows_of(texts(12))
    alone = torch.cat([module(row.unsqueeze(0)) for row in rows])
    torch.testing.assert_close(module(rows), alone)


def test_no_gradient_runs_through_the_flags_or_to_absent_tokens(module: Any) -> None:
    rows = rows_of(texts(12))
    embedded = module.embed(rows).detach().requires_grad_()
    module.forward_embedded(embedded)[:, 1].sum().backward()
    gradient = embedded.grad
    assert (gradient[..., -1] == 0).all()
    absent = embedded[..., -1] == 0
    assert (gradient[absent] == 0).all()
    assert (gradient[~absent][:, :-1] != 0).any()


def test_attention_rows_sum_to_one_where_a_token_stands_and_to_zero_elsewhere(module: Any) -> None:
    rows = rows_of(texts(12))
    present = (module.embed(rows)[..., -1] == 1).float()
    for trace in module.trace(rows)[1]:
        sums = trace.attention["global"].sum(-1)
        torch.testing.assert_close(sums, present[:, None].expand_as(sums))
    assert len(module.token_columns) == present.shape[1]


def test_the_output_reads_a_token_that_is_there(module: Any) -> None:
    rows = rows_of(texts(12))
    reading, present = module.reading(rows), module.embed(rows)[..., -1] == 1
    torch.testing.assert_close(reading.sum(1), torch.ones(12))
    assert (reading[~present] == 0).all()


@BOTH
def test_expert_weights_are_the_router_s_own(plugin: Any) -> None:
    built, rows = model(plugin), rows_of(texts(12))
    heard: list[torch.Tensor] = []
    gate = built.net.model.layers[1].mlp.gate
    handle = gate.register_forward_hook(lambda part, inputs, out: heard.append(inputs[0]))
    traces = built.trace(rows)[1]
    handle.remove()
    weights, present = traces[1].expert_weights, built.embed(rows)[..., -1] == 1
    assert traces[0].expert_weights is None
    hidden = Packing.of(present).unpack(heard[0])
    scores = hidden[present] @ gate.weight.T
    scores = scores.softmax(1) if plugin is V2 else scores.sigmoid()
    best = scores.topk(2, dim=1)
    slow = torch.zeros_like(scores).scatter(1, best.indices, best.values)
    torch.testing.assert_close(weights[present], slow / slow.sum(1, keepdim=True))
    assert (weights[~present] == 0).all()


def test_a_head_left_out_gives_what_a_zeroed_projection_gives(module: Any) -> None:
    rows = rows_of(texts(12))
    with torch.no_grad():
        outputs = {(step, how): logits for step, how, logits in module.replaced(rows)}
    masked = outputs[Step(1, "head", number=2), "zero"]
    first = module.layers[0]
    attention = getattr(first, "self_attn", None)
    joined = first.attention.output.dense if attention is None else attention.o_proj
    joined = getattr(joined, "base_layer", joined)
    with torch.no_grad():
        joined.weight[:, joined.weight.shape[1] // 2 :] = 0
    torch.testing.assert_close(masked, module(rows))


def test_the_balance_loss_is_one_where_all_experts_are_used_alike() -> None:
    for plugin in (V2, V3):
        built = model(plugin)
        with torch.no_grad():
            for router in built.routers.values():
                router.weight.zero_()
        assert built.forward_with_balance(rows_of(texts(12)))[1].item() == pytest.approx(1.0)


def test_training_needs_no_absent_token_to_balance_its_experts() -> None:
    built, rows = model(V3), rows_of(texts(12))
    balance = built.forward_with_balance(rows)[1]
    longer = torch.cat([rows, rows[:1]])[:12]
    longer[:, 2:] = torch.where(torch.isnan(rows[:, 2:]), torch.nan, longer[:, 2:])
    assert torch.equal(balance, built.forward_with_balance(longer)[1])


def test_the_same_seed_builds_the_same_weights_and_leaves_the_random_state_alone() -> None:
    before = torch.get_rng_state()
    first, two = model(V3).state_dict(), model(V3).state_dict()
    other = V3.build(schema_of(WORDS), texts(32), 4).state_dict()
    assert all(torch.equal(first[name], two[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)
    assert torch.equal(before, torch.get_rng_state())


def test_a_randomised_copy_has_other_weights_everywhere_and_spares_the_original(
    module: Any, bert: Path
) -> None:
    plugin = HuggingFace(checkpoint=str(bert))
    classifier = plugin.wrap(module, schema_of(WORDS), "cpu")
    before = {name: parameter.clone() for name, parameter in module.named_parameters()}
    copy = classifier.randomised(5)
    again = classifier.randomised(5)
    part = texts(12)
    np.testing.assert_array_equal(copy.logits(part.inputs), again.logits(part.inputs))
    assert np.abs(copy.logits(part.inputs) - classifier.logits(part.inputs)).max() > 0
    drawn = dict(copy.module.named_parameters())
    for name, old in before.items():
        assert torch.equal(old, dict(module.named_parameters())[name])
        if old.dim() > 1 and "lora_B" not in name:
            assert not torch.equal(old, drawn[name]), name


def test_the_layers_of_the_architecture_sum_to_all_parameters(module: Any) -> None:
    architecture = module.architecture()
    whole = sum(parameter.numel() for parameter in module.parameters())
    layers = sum(layer["parameters"] for layer in architecture["layers"])
    assert architecture["parameters"] == whole == layers
    assert architecture["trained"] == sum(p.numel() for p in module.parameters() if p.requires_grad)


def dataset(target: Target = CLASSES) -> Dataset:
    return Dataset(schema_of(WORDS, target), texts(64, 1), texts(32, 2), texts(32, 3), {})


def fit(plugin: Any, folder: Path, data: Dataset | None = None) -> Any:
    return trained(plugin, data or dataset(), folder, trainer=TRAINER, seed=7)


@pytest.mark.parametrize("train", ["head", "lora", "full"])
@pytest.mark.parametrize("kind", ["bert", "causal"])
def test_training_changes_what_it_says_and_a_stored_model_predicts_as_before(
    train: str, kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    plugin = HuggingFace(checkpoint=str(request.getfixturevalue(kind)), train=train)
    data = dataset()
    first = plugin.build(data.schema, data.train, 7)
    built = fit(plugin, tmp_path)
    after = dict(built.named_parameters())
    changed = {n for n, old in first.named_parameters() if not torch.equal(old, after[n])}
    head = {name for name in after if "classifier" in name or "score" in name}
    assert head <= changed
    if train == "head":
        assert changed == head
    if train == "lora":
        assert {name for name in changed - head if ".lora_" not in name} == set()
        assert any(".lora_" in name for name in changed)
    stored = load_classifier(plugin, data.schema, data.train, tmp_path)
    rows, own = data.test.inputs, plugin.wrap(built, data.schema, "cpu")
    np.testing.assert_allclose(stored.logits(rows), own.logits(rows), atol=1e-6)
    kept = load_file(tmp_path / "weights.safetensors")
    assert any("embed" in name for name in kept) == (train == "full")


def test_weights_of_another_checkpoint_are_refused(bert: Path, tmp_path: Path) -> None:
    data = dataset()
    fit(HuggingFace(checkpoint=str(bert)), tmp_path / "trained", data)
    other = broken(bert, tmp_path / "other")
    settings = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(settings | {"hidden_dropout_prob": 0.2}))
    plugin = HuggingFace(checkpoint=str(other))
    with pytest.raises(ArtifactError, match="another checkpoint"):
        load_classifier(plugin, data.schema, data.train, tmp_path / "trained")


def test_a_model_that_comes_trained_is_stored_as_it_is(bert: Path, tmp_path: Path) -> None:
    explained = HuggingFace(checkpoint=str(bert), train="none")
    data = dataset()
    fit(explained, tmp_path, data)
    stored = load_classifier(explained, data.schema, data.train, tmp_path)
    assert (stored.logits(data.test.inputs).argmax(1) == data.test.labels).all()
    assert json.loads((tmp_path / "training.json").read_text())["epochs"] == 0


@pytest.mark.parametrize("train", ["deepseek", "head", "lora"])
def test_training_goes_on_after_an_interruption_to_the_very_same_weights(
    train: str, causal: Path, tmp_path: Path
) -> None:
    plugin = V3 if train == "deepseek" else HuggingFace(checkpoint=str(causal), train=train)
    data = dataset()
    whole = fit(plugin, tmp_path / "whole", data)
    killed = {"trainer": TRAINER, "seed": 7, "progress": Interrupting(7)}
    with pytest.raises(KeyboardInterrupt):
        trained(plugin, data, tmp_path / "half", **killed)
    resumed = fit(plugin, tmp_path / "half", data)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_an_encoder_that_is_not_trained_runs_once_a_text(causal: Path, tmp_path: Path) -> None:
    plugin, data = HuggingFace(checkpoint=str(causal)), dataset()
    built = plugin.build(data.schema, data.train, 7)
    runs: list[int] = []
    built.encoder.register_forward_hook(lambda *_: runs.append(1))
    TRAINER.fit(built, data, place_in(tmp_path), Silent())
    assert 0 < len(runs) <= len(data.train) + len(data.validation)


@BOTH
def test_deepseek_learns_which_word_decides(plugin: Any, tmp_path: Path) -> None:
    data = dataset()
    larger = dataclasses.replace(TRAINER, max_epochs=12, patience=12)
    built = trained(plugin, data, tmp_path, trainer=larger, seed=7)
    logits = plugin.wrap(built, data.schema, "cpu").logits(data.test.inputs)
    assert (logits.argmax(1) == data.test.labels).mean() > 0.9


def test_a_number_and_several_labels_come_out_as_the_report_reads_them(bert: Path) -> None:
    part = texts(32)
    numbers = dataclasses.replace(part, labels=100.0 + 7 * part.labels)
    target = Target("price", "Price", ("price",), 0, 0, task="regression", unit="€")
    for plugin in (V3, HuggingFace(checkpoint=str(bert))):
        logits = model(plugin, target, numbers)(rows_of(part))
        assert logits.shape == (32, 1)
        assert 50 < logits.mean().item() < 150
    several = Target(
        "tags", "Tags", ("without x", "with x"), 1, 1, task="multi_label", labels=("w", "x", "y"),
        label_index=1,
    )  # fmt: skip
    built = model(V3, several, part)
    raw = built.forward_with_balance(rows_of(part))[0]
    assert raw.shape == (32, 3)
    assert torch.equal(built(rows_of(part)), torch.stack([torch.zeros(32), raw[:, 1]], dim=1))


def test_texts_in_other_tokens_than_the_checkpoint_s_are_refused(bert: Path) -> None:
    schema = schema_of((*WORDS, "extra"))
    with pytest.raises(ConfigError, match=r"dataset.tokenizer=\$\{model.checkpoint\}"):
        HuggingFace(checkpoint=str(bert)).build(schema, texts(8), 0)


def test_the_tokens_of_a_checkpoint_are_its_own_in_the_order_of_their_ids(bert: Path) -> None:
    tokenizer = load_tokenizer(bert)
    assert tokens_of(tokenizer) == WORDS
    assert around(tokenizer) == ((2,), (3,))
    assert mask_of(tokenizer) == 4


def broken(bert: Path, folder: Path, *without: str) -> Path:
    folder.mkdir(exist_ok=True)
    for file in bert.iterdir():
        if file.name not in without:
            (folder / file.name).write_bytes(file.read_bytes())
    return folder


def test_what_is_wrong_with_a_checkpoint_is_said_before_anything_runs(
    bert: Path, causal: Path, tmp_path: Path
) -> None:
    pickled = broken(bert, tmp_path / "pickled", "model.safetensors")
    (pickled / "pytorch_model.bin").write_bytes(b"")
    own = broken(bert, tmp_path / "own")
    (own / "config.json").write_text('{"model_type": "mine", "auto_map": {}}')
    wordless = broken(bert, tmp_path / "wordless", "tokenizer.json", "vocab.txt")
    empty = tmp_path / "empty"
    empty.mkdir()
    expected = {
        None: "no checkpoint is given",
        str(tmp_path / "nowhere" / "at" / "all"): "is no folder",
        str(empty): "no config.json",
        str(pickled): "pickles, which can run code",
        str(own): "code of its own, which is never run",
        str(wordless): "has no tokenizer",
    }
    for checkpoint, text in expected.items():
        problems = HuggingFace(checkpoint=checkpoint).problems(())
        assert any(text in problem for problem in problems), (text, problems)
    assert not HuggingFace(checkpoint=str(bert), train="none").problems(())
    problems = HuggingFace(checkpoint=str(causal), train="none").problems(())
    assert any("no trained sequence classifier" in problem for problem in problems)


def test_a_hub_that_cannot_be_reached_is_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import huggingface_hub

    def unreachable(*args: Any, **named: Any) -> None:
        raise FileNotFoundError("no network")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    problems = HuggingFace(checkpoint="deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B").problems(())
    assert "copy the folder here" in problems[0]


def test_capabilities_name_what_the_checkpoint_has(bert: Path) -> None:
    assert HuggingFace(checkpoint=str(bert)).capabilities == {"module", "gradients", "attention"}
    assert V3.capabilities == {"module", "gradients", "attention", "experts"}
    assert "experts" not in DeepSeekV3(**SIZES, dense_layers=3).capabilities


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"train": "head"}, "needs a checkpoint"),
        ({"experts": 2, "experts_per_token": 3}, "more than experts 2"),
        ({"rope_width": 3}, "is odd"),
        ({"width": 30, "heads": 4}, "not a multiple of heads"),
        ({"groups": 3}, "groups that divide"),
        ({"groups_per_token": 2}, "more than groups"),
        ({"groups": 4, "experts_per_token": 4}, "use more groups"),
        ({"checkpoint": "x", "train": "none", "pool": "mean"}, "a head that is trained"),
    ],
)
def test_a_wrong_configuration_is_refused_with_what_to_do(
    fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        TypeAdapter(DeepSeekV3).validate_python(fields)


def test_check_says_that_texts_must_be_cut_into_the_tokens_of_the_checkpoint(bert: Path) -> None:
    from deepseek_report.config.compose import compose
    from deepseek_report.config.validate import validate

    chosen = ["dataset=tweets", "model=huggingface", f"model.checkpoint={bert}"]
    with pytest.raises(ConfigError, match=r"dataset.tokenizer=\$\{model.checkpoint\}"):
        validate(compose(chosen))
    own = validate(compose([*chosen, "dataset.tokenizer=${model.checkpoint}"]))
    assert own.dataset.tokenizer == str(bert)


def test_every_layer_and_head_of_a_transformer_can_be_replaced(bert: Path) -> None:
    built = model(HuggingFace(checkpoint=str(bert), train="none")).eval()
    rows = rows_of(texts(20))
    with torch.inference_mode():
        whole = built(rows)
        outputs = {(step, how): logits for step, how, logits in built.replaced(rows)}
    assert len(outputs) == 3 * len(built.parts()) == 3 * (2 + 2 * 2)
    assert min(float((logits - whole).abs().max()) for logits in outputs.values()) > 0
    assert all(not part._forward_hooks for part in built.modules())


@BOTH
def test_an_expert_left_out_is_one_whose_weights_are_zero(plugin: Any) -> None:
    built, rows = model(plugin).eval(), rows_of(texts(30))
    layer = max(built.routers)
    with torch.inference_mode():
        outputs = {(step, how): logits for step, how, logits in built.replaced(rows)}
    left_out = outputs[Step(layer + 1, "expert", number=2), "zero"]
    experts = built.layers[layer].mlp.experts
    with torch.no_grad():
        experts.down_proj[1] = 0
    torch.testing.assert_close(left_out, built(rows))
    everyone = outputs[Step(layer + 1, "experts"), "zero"]
    with torch.no_grad():
        experts.down_proj[:] = 0
    torch.testing.assert_close(everyone, built(rows))
    assert Step(layer + 1, "shared_expert") in built.parts()


@BOTH
def test_training_hides_words_behind_the_mask_and_drops_numbers_but_no_flag(plugin: Any) -> None:
    shy = dataclasses.replace(plugin, masking=0.5, embedding_dropout=0.5)
    built, rows = model(shy).train(), rows_of(texts(200))
    hidden, present = built._hidden(rows), ~torch.isnan(rows)
    assert torch.equal(torch.isnan(hidden), ~present)
    changed = present & (hidden != rows)
    assert (hidden[changed] == 4).all()
    assert changed.sum() / present.sum() == pytest.approx(0.5, abs=0.06)
    embedded = built.embed(rows)
    dropped = built._dropped(embedded)
    assert torch.equal(dropped[..., -1], embedded[..., -1])
    lost = (dropped[..., :-1] == 0)[embedded[..., -1] == 1]
    assert lost.float().mean() == pytest.approx(0.5, abs=0.05)
    built.eval()
    assert built._hidden(rows) is rows
    assert torch.equal(built._dropped(embedded), embedded)


@BOTH
def test_without_a_checkpoint_pool_mean_reads_every_word_alike(plugin: Any) -> None:
    built, rows = model(dataclasses.replace(plugin, pool="mean")), rows_of(texts(12))
    weights = (~torch.isnan(rows)).float()
    torch.testing.assert_close(built.reading(rows), weights / weights.sum(1, keepdim=True))
    assert built(rows).shape == (12, 2)


def test_first_weights_of_a_small_network_are_as_wide_as_asked_or_as_its_width_wants() -> None:
    for spread, expected in ((None, 0.2), (0.05, 0.05)):
        net = model(dataclasses.replace(V3, initial_spread=spread)).net
        deviation = net.model.layers[0].mlp.gate_proj.weight.std().item()
        assert deviation == pytest.approx(expected, rel=0.2)


def test_the_speed_of_training_counts_the_tokens_that_texts_have() -> None:
    inputs = np.array([[1.0, 2, 3, np.nan], [1, np.nan, np.nan, np.nan]])
    train = Split(inputs, np.array([0, 1]), np.arange(2))
    assert model(V3, train=train).tokens_per_row == 2 + 1
    summary = say(model(V3).architecture()["summary"])
    assert "The output reads the token that ends every text." in summary


def test_a_norm_is_no_attention_whatever_stands_in_its_name() -> None:
    kinds = {layer["name"]: layer["kind"] for layer in model(V3).architecture()["layers"]}
    assert kinds["net.model.layers.0.post_attention_layernorm"] == "normalisation"
    assert kinds["net.model.layers.0.self_attn"] == "attention"


def test_adapters_are_told_with_their_layer_as_partly_trained(bert: Path) -> None:
    architecture = model(HuggingFace(checkpoint=str(bert), train="lora")).architecture()
    assert "training may change" in say(architecture["summary"])
    assert "mostly from the first token" in say(architecture["summary"])
    kinds = {layer["name"]: layer["kind"] for layer in architecture["layers"]}
    assert not [name for name in kinds if "lora_" in name or "base_layer" in name]
    assert kinds["net.bert.encoder.layer.0.intermediate"] == "feed-forward, partly trained"
    assert kinds["net.bert.encoder.layer.0.output.dense"] == "linear, partly trained"
    assert kinds["net.bert.embeddings"] == "embedding, frozen"
