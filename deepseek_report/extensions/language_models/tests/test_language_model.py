"""Causal language models: trained on tasks of known truth, and from folders of transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.errors import ConfigError, DataError
from deepseek_report.extensions.language_models.language_model import (
    CausalLanguageModel,
    SequenceRecipe,
)
from deepseek_report.extensions.language_models.prompts_file import PromptsFile
from deepseek_report.extensions.language_models.sequence_trainer import Muon, orthogonal
from deepseek_report.extensions.language_models.token_task_data import BracketsData, RecallData
from deepseek_report.extensions.language_models.token_tasks import Brackets, Recall, task_of_card
from deepseek_report.models.shared.loading import load_classifier
from tests.tiny_networks import tiny_network
from tests.trained import trained

SMALL = RecallData(n=600, pairs=2, keys=4, values=4)
SIZES: dict[str, Any] = {
    "width": 32,
    "layers": 2,
    "heads": 2,
    "key_value_rank": 16,
    "experts": 4,
    "dense_width": 32,
    "expert_width": 16,
}
RECIPE = SequenceRecipe(tokens=300, settling=20, most_steps=400, warmup=20)


def small(**recipe: Any) -> CausalLanguageModel:
    return CausalLanguageModel(
        **SIZES, recipe=TypeAdapter(SequenceRecipe).validate_python({**vars(RECIPE), **recipe})
    )


def fit(plugin: CausalLanguageModel, data: Any, folder: Path, seed: int = 1) -> tuple[Any, Any]:
    dataset = data.load(1, Silent())
    trained(plugin, dataset, folder, seed=seed)
    return dataset, load_classifier(plugin, dataset.schema, dataset.train, folder)


def weights_in(folder: Path) -> bytes:
    return (folder / "weights.safetensors").read_bytes()


def facts_in(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "training.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def recalling(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Path]:
    """A small model that was trained to recall one of two pairs."""
    folder = tmp_path_factory.mktemp("recalling")
    return *fit(small(), SMALL, folder), folder


# --- tasks of tokens ------------------------------------------------------------------------------


def test_the_answer_of_a_recall_row_stands_behind_the_asked_key() -> None:
    task = Recall()
    rows = task.rows(50, np.random.default_rng(0))
    for values, label, truth in zip(rows.values, rows.labels, rows.truth, strict=True):
        words = [task.tokens[int(value)] for value in values]
        place = words.index(words[-1])
        assert words[place + 1] == task.answers[label]
        assert np.flatnonzero(truth).tolist() == [place, place + 1, len(words) - 1]
        assert len(set(words[:-2])) == 12


@pytest.mark.parametrize("seed", range(3))
def test_the_answer_of_a_bracket_row_closes_the_innermost_open_one(seed: int) -> None:
    task = Brackets()
    rows = task.rows(30, np.random.default_rng(seed))
    for values, label, truth in zip(rows.values, rows.labels, rows.truth, strict=True):
        known = values[~np.isnan(values)].astype(int)
        open_ones: list[int] = []
        for place, token in enumerate(known):
            if token > task.kinds:
                assert known[open_ones.pop()] == token - task.kinds
            else:
                open_ones.append(place)
        assert known[open_ones[-1]] - 1 == label
        assert np.flatnonzero(truth).tolist() == [open_ones[-1]]
        assert open_ones[-1] < len(known) - 1


@pytest.mark.parametrize("task", [Recall(), Brackets()])
def test_sequences_mark_answers_alone(task: Any) -> None:
    drawn = task.sequences(20, 3, np.random.default_rng(1))
    assert {task.tokens[token] for token in drawn.ids[drawn.answers]} <= set(task.answers)
    assert 0 not in drawn.ids  # the mask stands in no sequence
    assert drawn.answers.any(axis=1).all()


@pytest.mark.parametrize("data", [SMALL, BracketsData(n=200, pairs=3, kinds=3)])
def test_the_card_says_which_task_rows_are_of_and_texts_are_their_tokens(data: Any) -> None:
    dataset = data.load(3, Silent())
    assert task_of_card(dataset.card) == data.task
    part = dataset.test
    for row in range(5):
        tokens = [data.task.tokens[int(v)] for v in part.inputs[row] if not np.isnan(v)]
        assert part.texts.text(row).split(" ") == tokens
        assert part.texts.words(row, np.array([1])) == tokens[1]


def test_more_pairs_than_keys_are_refused() -> None:
    assert "`dataset.pairs` is 6" in RecallData(keys=4).problems()[0]


# --- training -------------------------------------------------------------------------------------


def test_moves_are_nearly_orthogonal_and_point_where_the_gradient_does() -> None:
    torch.manual_seed(0)
    matrices = torch.randn(3, 5, 9)
    u, _, v = torch.linalg.svd(matrices, full_matrices=False)
    moves = u.mT @ orthogonal(matrices) @ v.mT
    sizes = moves.diagonal(dim1=1, dim2=2)
    assert sizes.min() > 0.6
    assert sizes.max() < 1.3
    torch.testing.assert_close(
        moves - torch.diag_embed(sizes), torch.zeros(3, 5, 5), atol=1e-4, rtol=0
    )


def test_each_matrix_of_a_stack_moves_as_it_does_alone() -> None:
    torch.manual_seed(1)
    stack, tall = torch.randn(2, 4, 6), torch.randn(6, 4)
    together = [torch.nn.Parameter(part.clone()) for part in (stack, tall)]
    alone = [torch.nn.Parameter(part.clone()) for part in (*stack, tall)]
    for parameters, parts in ((together, (stack, tall)), (alone, (*stack, tall))):
        for parameter, part in zip(parameters, parts, strict=True):
            parameter.grad = part.sin()
        optimiser = Muon(parameters)
        optimiser.param_groups[0]["lr"] = 0.1
        optimiser.step()
    moved = [*together[0].unbind(), together[1]]
    torch.testing.assert_close(torch.stack([*moved[:2]]), torch.stack([*alone[:2]]))
    torch.testing.assert_close(moved[2], alone[2])
    assert not torch.equal(together[1], tall)


def test_a_small_model_learns_to_recall_and_the_asked_pair_matters_most(
    recalling: tuple[Any, Any, Path],
) -> None:
    dataset, classifier, folder = recalling
    part = dataset.test
    sure = classifier.probabilities(part.inputs)[np.arange(len(part)), part.labels]
    assert (classifier.logits(part.inputs).argmax(axis=1) == part.labels).mean() >= 0.95
    lost = []
    for place in range(part.inputs.shape[1]):
        masked = part.inputs.copy()
        masked[:, place] = dataset.schema.layout.mask
        lost.append(sure - classifier.probabilities(masked)[np.arange(len(part)), part.labels])
    top = np.stack(lost, axis=1).argmax(axis=1)
    assert part.truth[np.arange(len(part)), top].mean() >= 0.9
    facts = facts_in(folder)
    assert facts["stopped_early"]
    assert [note["message"] for note in facts["notes"]] == ["training_notes.sequences"]


def test_the_classifier_reads_the_head_of_its_language_model(
    recalling: tuple[Any, Any, Path],
) -> None:
    dataset, classifier, _ = recalling
    rows = dataset.test.inputs[:4]
    ids = np.stack(classifier.token_ids(rows))
    by_hand = classifier.language_model.next_logits(ids)[:, -1][:, classifier.class_tokens]
    np.testing.assert_allclose(classifier.logits(rows), by_hand, atol=1e-5)
    tokens = [classifier.language_model.tokens[token] for token in classifier.class_tokens]
    assert tuple(tokens) == dataset.schema.target.classes


def test_the_seed_alone_decides_what_is_trained(tmp_path: Path) -> None:
    plugin = small(most_steps=4)
    for name in ("first", "again"):
        fit(plugin, SMALL, tmp_path / name)
    fit(plugin, SMALL, tmp_path / "other", seed=2)
    first, again, other = (weights_in(tmp_path / n) for n in ("first", "again", "other"))
    assert first == again != other


def test_training_that_ends_early_says_where(tmp_path: Path) -> None:
    fit(small(most_sequences=50), SMALL, tmp_path)
    facts = facts_in(tmp_path)
    assert facts["notes"][1]["values"] == {"level": 2, "last": 2}


def test_weights_that_lead_nowhere_are_drawn_anew_and_the_report_says_so(tmp_path: Path) -> None:
    fit(small(patience=10, most_steps=25, next_level=0.999), SMALL, tmp_path / "stuck")
    facts = facts_in(tmp_path / "stuck")
    again = [n for n in facts["notes"] if n["message"] == "training_notes.drawn_anew"]
    assert [note["values"] for note in again] == [{"times": 2}]
    fit(small(patience=10, most_steps=10, next_level=0.999), SMALL, tmp_path / "first")
    assert weights_in(tmp_path / "stuck") != weights_in(tmp_path / "first")


def test_data_of_no_task_are_refused(tmp_path: Path) -> None:
    dataset = SMALL.load(1, Silent())
    dataset.card.pop("token_task")
    with pytest.raises(ConfigError, match="choose dataset=recall or dataset=brackets"):
        trained(small(), dataset, tmp_path)


# --- checkpoints ----------------------------------------------------------------------------------

KINDS = ("qwen2", "llama")


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Tiny models of the architectures of distilled DeepSeek checkpoints, and their tokenizer."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import PreTrainedTokenizerFast

    bpe = ByteLevelBPETokenizer()
    texts = ["Anna asks for tea, so she gets tea now", "Ben wants no milk, so he gets none at all"]
    bpe.train_from_iterator(texts * 3, vocab_size=400, min_frequency=2, special_tokens=["<s>"])
    folders = {}
    for kind in KINDS:
        folder = folders[kind] = tmp_path_factory.mktemp(kind)
        sizes = {"num_key_value_heads": 1, "tie_word_embeddings": kind == "llama"}
        tiny_network(kind, bpe.get_vocab_size(), 3, **sizes).save_pretrained(folder)
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe._tokenizer)
        tokenizer.pad_token = "<s>"  # noqa: S105 - a token of texts
        tokenizer.save_pretrained(folder)
    return folders


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    lines = ["prompt,answer,who"]
    lines += [f'"Anna asks for tea {i}, so she gets",tea now,Anna' for i in range(15)]
    lines += [f'"Ben wants no milk {i}, so he gets",none at all,Ben' for i in range(15)]
    path = tmp_path / "prompts.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def data_of(prompts: Path, checkpoint: Path, **more: Any) -> PromptsFile:
    return PromptsFile(
        path=str(prompts), text="prompt", target="answer", tokenizer=str(checkpoint), **more
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_answers_as_transformers_does_token_by_token(
    kind: str, checkpoints: dict[str, Path], prompts: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = checkpoints[kind]
    plugin = CausalLanguageModel(checkpoint=str(folder))
    data = data_of(prompts, folder, sensitive=["who"])
    assert plugin.problems(()) == []
    assert data.problems() == []
    dataset, classifier = fit(plugin, data, tmp_path / "training")
    assert plugin.misfits(dataset.schema, dataset.train) == []
    tokenizer = AutoTokenizer.from_pretrained(folder)
    net = AutoModelForCausalLM.from_pretrained(folder).eval()
    assert set(dataset.schema.target.classes) == {"tea", "now", "none", "at", "all"}
    for row in range(4):
        text = dataset.test.texts.text(row)
        ids = tokenizer(text)["input_ids"]
        length = int(np.isfinite(dataset.test.inputs[row]).sum())
        assert dataset.test.inputs[row, :length].tolist() == ids[:length]
        follows = classifier.class_tokens[dataset.test.labels[row]]
        assert follows == ids[length]
        with torch.inference_mode():
            logits = net(torch.tensor([ids[:length]])).logits[0, -1].numpy()
        answered = classifier.logits(dataset.test.inputs[row : row + 1])[0]
        np.testing.assert_allclose(answered, logits[classifier.class_tokens], atol=1e-4)


def test_the_tokens_of_an_answer_are_rows_of_one_prompt(
    checkpoints: dict[str, Path], prompts: Path
) -> None:
    dataset = data_of(prompts, checkpoints["qwen2"]).load(1, Silent())
    parts = [dataset.train, dataset.validation, dataset.test]
    n_tokens = sum(len(part) for part in parts)
    assert n_tokens == 15 * 2 + 15 * 3
    ids = [set(part.entities.tolist()) for part in parts]
    assert not ids[0] & ids[2]
    assert len(set.union(*ids)) == 30


def test_long_prompts_lose_their_start(checkpoints: dict[str, Path], prompts: Path) -> None:
    dataset = data_of(prompts, checkpoints["qwen2"], max_length=10).load(1, Silent())
    assert dataset.train.inputs.shape[1] == 10
    assert np.isfinite(dataset.train.inputs).all()


def test_prompts_whose_answers_are_all_different_are_refused(
    checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "few.csv"
    path.write_text("prompt,answer\ntea,Anna\nmilk,Ben\n", encoding="utf-8")
    with pytest.raises(DataError, match="places of answers"):
        data_of(path, checkpoints["qwen2"]).load(1, Silent())


def test_a_tokenizer_of_ours_is_refused_for_prompts(prompts: Path) -> None:
    problems = PromptsFile(path=str(prompts), text="prompt", target="answer").problems()
    assert any("tokenizer" in problem for problem in problems)


def test_what_is_wrong_with_a_folder_is_said_before_anything_runs(
    checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    config = json.loads((checkpoints["llama"] / "config.json").read_text("utf-8"))
    config |= {"architectures": ["LlamaForSequenceClassification"]}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (tmp_path / "model.bin").write_bytes(b"")
    problems = "\n".join(CausalLanguageModel(checkpoint=str(tmp_path)).problems(()))
    assert "is no trained causal language model (LlamaForSequenceClassification)" in problems
    assert "weights as pickles" in problems
    assert "no tokenizer" in problems


def test_training_a_checkpoint_is_refused() -> None:
    with pytest.raises((ValidationError, ValueError), match="explained as it is"):
        CausalLanguageModel(checkpoint="folder", train="full")


def test_a_class_that_is_no_token_is_named(checkpoints: dict[str, Path], prompts: Path) -> None:
    from dataclasses import replace

    dataset = data_of(prompts, checkpoints["llama"]).load(1, Silent())
    target = replace(dataset.schema.target, codes=("tea", "coffee", "a", "b", "c"))
    schema = replace(dataset.schema, target=target)
    (problem,) = CausalLanguageModel(checkpoint=str(checkpoints["llama"])).misfits(
        schema, dataset.train
    )
    assert "“coffee” is no single token" in problem
