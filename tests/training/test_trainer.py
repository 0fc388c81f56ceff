"""A whole training, the files that declare it, and what TensorBoard is given of it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from pydantic import TypeAdapter
from safetensors.torch import load_file

from deepseek_report.artifacts.message import from_plain
from deepseek_report.artifacts.protocols.models import EpochRecord
from deepseek_report.artifacts.protocols.modules import LayerTrace
from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.split import PARTS
from deepseek_report.models.perceptron.mlp import MLP
from deepseek_report.models.perceptron.mlp_module import MLPModule
from deepseek_report.models.routed.deepseek import DeepSeek
from deepseek_report.training import resume_point, session
from deepseek_report.training.resume_point import CHECKPOINT
from deepseek_report.training.session import LAYOUT, TensorBoard, expert_balance
from deepseek_report.training.trainer import GradientTrainer
from tests.trained import Interrupting, events_in, trained
from tests.worded import say

FORMS = ("classification", "regression", "multi_label")
MODEL = DeepSeek(width=8, heads=1, layers=1, experts=2, experts_per_token=1, expert_width=4, bins=4)
QUICK = GradientTrainer(max_epochs=3, min_steps=0, batch_size=64, patience=5, tensorboard=False)
STABLE = ("weights.safetensors", "history.parquet", "training.json", "architecture.json")


def _fit(trainer, dataset, folder, *, model=MODEL, seed=1, progress=None):
    return trained(model, dataset, folder, trainer=trainer, seed=seed, progress=progress)


def _kill(trainer, dataset, folder, at, **named):
    """Train until the process is as if killed at a step."""
    with pytest.raises(KeyboardInterrupt):
        _fit(trainer, dataset, folder, progress=Interrupting(at), **named)


def _noise(dataset):
    """Labels that nothing tells."""
    shuffled = np.random.default_rng(0).permutation(dataset.train.labels)
    return replace(dataset, train=replace(dataset.train, labels=shuffled))


def _history(folder):
    return pd.read_parquet(folder / "history.parquet")


def _contents(folder):
    return {name: (folder / name).read_bytes() for name in STABLE}


def _check_resumed(dataset, folder, at, *, begun_by=QUICK, begun_on=None):
    """Behind one that was killed at a step, a training leaves the bytes of one by itself.

    begun_by, begun_on : the trainer and the data of the killed one, by default the same.
    """
    _kill(begun_by, dataset if begun_on is None else begun_on, folder / "killed", at)
    _fit(QUICK, dataset, folder / "killed")
    _fit(QUICK, dataset, folder / "whole")
    assert _contents(folder / "killed") == _contents(folder / "whole")


def _summary(folder):
    """`training.json`, its messages in English."""
    facts = from_plain(json.loads((folder / "training.json").read_text()))
    facts["notes"] = [say(note) for note in facts["notes"]]
    return facts | {"precision_reason": say(facts["precision_reason"])}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(dataset, tmp_path):
    for name, seed in (("one", 1), ("two", 1), ("other", 2)):
        torch.rand(3)
        _fit(QUICK, dataset, tmp_path / name, seed=seed)
    assert _contents(tmp_path / "one") == _contents(tmp_path / "two")
    weights = [(tmp_path / n / "weights.safetensors").read_bytes() for n in ("one", "other")]
    assert weights[0] != weights[1]


def test_rows_that_are_encoded_once_give_the_same_bytes(dataset, tmp_path, monkeypatch):
    encoded = []
    embed = MLPModule.embed
    monkeypatch.setattr(
        MLPModule, "embed", lambda module, rows: encoded.append(len(rows)) or embed(module, rows)
    )
    _fit(QUICK, dataset, tmp_path / "once", model=MLP())
    rows = len(dataset.train) + len(dataset.validation)
    assert sum(encoded) == rows
    monkeypatch.setattr(session, "_MOST", 0)
    encoded.clear()
    _fit(QUICK, dataset, tmp_path / "anew", model=MLP())
    assert sum(encoded) == 3 * rows
    assert _contents(tmp_path / "once") == _contents(tmp_path / "anew")


@pytest.mark.parametrize("step", [1, 6, 9])
def test_a_killed_training_goes_on_to_the_same_bytes(dataset, tmp_path, step, monkeypatch):
    monkeypatch.setattr(session, "_SPARING", 0)
    _fit(QUICK, dataset, tmp_path / "whole")
    _kill(QUICK, dataset, tmp_path / "killed", step)
    steps: list[int] = []

    class Counting(Silent):
        def advance(self, count: int = 1, note: str = "") -> None:
            steps.append(count)

    _fit(QUICK, dataset, tmp_path / "killed", progress=Counting())
    assert _contents(tmp_path / "killed") == _contents(tmp_path / "whole")
    assert steps[0] == step // 4 * 4
    assert sum(steps) == 12
    assert not (tmp_path / "killed" / "checkpoint.safetensors").exists()


def test_a_training_goes_on_from_the_last_epoch_that_was_worth_a_checkpoint(
    dataset, tmp_path, monkeypatch
):
    monkeypatch.setattr(session, "_SPARING", 1e9)
    _check_resumed(dataset, tmp_path, 9)


def test_a_checkpoint_of_other_settings_is_not_taken_up(dataset, tmp_path):
    _check_resumed(dataset, tmp_path, 6, begun_by=replace(QUICK, learning_rate=0.1))


def test_a_damaged_checkpoint_is_ignored(dataset, tmp_path):
    _kill(QUICK, dataset, tmp_path / "damaged", 6)
    (tmp_path / "damaged" / "checkpoint.safetensors").write_bytes(b"half a file")
    _fit(QUICK, dataset, tmp_path / "damaged")
    _fit(QUICK, dataset, tmp_path / "clean")
    assert _contents(tmp_path / "damaged") == _contents(tmp_path / "clean")


def test_a_flipped_bit_anywhere_in_a_checkpoint_is_noticed(dataset, tmp_path):
    """A changed weight would go on to other results without a word."""
    _kill(QUICK, dataset, tmp_path, 6)
    path = tmp_path / CHECKPOINT
    content = path.read_bytes()
    note, tensors = resume_point._read(path)
    assert note["fingerprint"]
    noticed = 0
    for at in np.linspace(0, len(content) - 1, 60).astype(int):
        path.write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
        read, read_tensors = resume_point._read(path)
        assert read in ({}, note)  # a bit of the padding decides nothing
        assert all(torch.equal(read_tensors[name], tensors[name]) for name in read_tensors)
        noticed += read == {}
    assert noticed >= 55


@pytest.mark.parametrize("model", [MODEL, MLP(hidden=(16,), bins=8)], ids=["deepseek", "mlp"])
def test_a_learnable_problem_is_learned(dataset, tmp_path, model):
    trainer = replace(QUICK, max_epochs=30, learning_rate=0.02, batch_size=32, label_smoothing=0.0)
    _fit(trainer, dataset, tmp_path, model=model)
    assert _history(tmp_path)["validation_score"].max() > 0.98


def test_the_module_and_the_file_hold_the_best_weights(dataset, tmp_path):
    trainer = replace(QUICK, max_epochs=12, learning_rate=0.3, patience=2, schedule="constant")
    module = _fit(trainer, dataset, tmp_path)
    history, summary = _history(tmp_path), _summary(tmp_path)
    assert summary["best_epoch"] == int(history["validation_loss"].idxmin()) + 1
    assert summary["best_validation_loss"] == history["validation_loss"].min()
    stored = load_file(tmp_path / "weights.safetensors")
    assert all(torch.equal(stored[n], t) for n, t in module.state_dict().items())
    logits = module(torch.tensor(dataset.validation.inputs, dtype=torch.float32))
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(dataset.validation.labels))
    assert loss.item() == pytest.approx(summary["best_validation_loss"], rel=1e-4)
    assert summary["stopped_early"] == (summary["epochs"] == summary["best_epoch"] + 2)


def test_early_stopping_waits_for_patience_epochs(dataset, tmp_path):
    trainer = replace(QUICK, max_epochs=60, patience=2, learning_rate=0.05)
    _fit(trainer, _noise(dataset), tmp_path, model=MLP(hidden=(32,), bins=8))
    summary = _summary(tmp_path)
    assert summary["stopped_early"]
    assert summary["epochs"] == summary["best_epoch"] + 2 < 60


def test_a_training_that_ran_to_its_last_epoch_did_not_stop_early(dataset, tmp_path):
    constant = replace(QUICK, schedule="constant", warmup=0.0)
    trainer = replace(constant, max_epochs=2, patience=1, learning_rate=0.05)
    _fit(trainer, _noise(dataset), tmp_path, model=MLP(hidden=(32,), bins=8))
    summary = _summary(tmp_path)
    assert (summary["epochs"], summary["best_epoch"]) == (2, 1)
    assert not summary["stopped_early"]


def test_divergence_keeps_finite_weights_and_is_told(dataset, tmp_path):
    trainer = replace(QUICK, max_epochs=4, learning_rate=1e30, gradient_clip=None)
    module = _fit(trainer, dataset, tmp_path)
    summary = _summary(tmp_path)
    assert summary["diverged"]
    assert "diverged" in summary["notes"][0]
    assert all(torch.isfinite(p).all() for p in module.parameters())


def test_the_folder_holds_what_the_contract_names(dataset, tmp_path):
    _fit(replace(QUICK, max_epochs=1, tensorboard=True), dataset, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [*STABLE, "tensorboard", "times.json"]
    )
    timing = json.loads((tmp_path / "times.json").read_text())
    assert set(timing) == {
        *("seconds", "seconds_per_epoch", "step_seconds", "input_seconds", "input_share"),
        *("rows_per_second", "tokens_per_second", "peak_memory"),
    }
    assert 0 < timing["input_seconds"] < timing["step_seconds"] < timing["seconds"]
    assert timing["rows_per_second"] == pytest.approx(256 / timing["step_seconds"])
    assert 1 < timing["peak_memory"] < 100_000
    columns = "epoch train_loss validation_loss validation_score learning_rate gradient_norm"
    assert list(_history(tmp_path)) == [*columns.split(), "balance_loss"]


def test_training_leaves_the_global_random_state_alone(dataset, tmp_path):
    before = torch.get_rng_state()
    _fit(QUICK, dataset, tmp_path)
    assert torch.equal(before, torch.get_rng_state())


def test_max_rows_limits_the_rows_of_an_epoch(dataset, tmp_path):
    _fit(replace(QUICK, max_rows=100), dataset, tmp_path)
    assert _summary(tmp_path)["rows"] == 100


def test_three_classes_are_trained_like_two(dataset, tmp_path):
    target = replace(dataset.schema.target, classes=("a", "b", "c"))
    train, validation = (
        replace(part, labels=part.inputs[:, 1].astype(np.int64))
        for part in (dataset.train, dataset.validation)
    )
    schema = replace(dataset.schema, target=target)
    three = replace(dataset, schema=schema, train=train, validation=validation)
    trainer = replace(QUICK, max_epochs=15, learning_rate=0.03, tensorboard=True)
    _fit(trainer, three, tmp_path)
    assert _history(tmp_path)["validation_score"].max() > 0.95


def test_bf16_training_gives_float32_weights_and_says_why(dataset, tmp_path):
    _fit(replace(QUICK, precision="bf16", max_epochs=1), dataset, tmp_path)
    stored = load_file(tmp_path / "weights.safetensors")
    assert torch.bfloat16 not in {tensor.dtype for tensor in stored.values()}
    assert _summary(tmp_path)["precision"] == "bf16"
    assert "configuration" in _summary(tmp_path)["precision_reason"]


def test_the_board_receives_graph_scalars_histograms_and_pictures(dataset, tmp_path):
    _fit(replace(QUICK, max_epochs=2, tensorboard=True), dataset, tmp_path)
    events = events_in(tmp_path / "tensorboard")
    tags = events.Tags()
    assert tags["graph"]
    assert {"training/validation_score", "training/rows_per_second"} <= set(tags["scalars"])
    assert [event.step for event in events.Scalars("training/train_loss")] == [1, 2]
    assert "layers/0/experts/inner" in tags["histograms"]
    assert {
        "attention/layer 1 local",
        "attention/layer 1 global",
        "routes/layer 1",
        "experts/layer 1",
        "validation/roc",
        "validation/calibration",
    } <= set(tags["images"])


def test_a_loss_that_still_falls_is_noted(dataset, tmp_path):
    _fit(replace(QUICK, schedule="constant", warmup=0.0, learning_rate=0.01), dataset, tmp_path)
    assert "still falling" in _summary(tmp_path)["notes"][0]


def test_small_data_get_at_least_the_steps_that_were_asked_for(dataset, tmp_path):
    trainer = replace(QUICK, max_epochs=2, min_steps=23, patience=2)
    _fit(trainer, dataset, tmp_path)
    assert _summary(tmp_path)["max_epochs"] == 6
    assert _summary(tmp_path)["epochs"] == 6


def _as(task, dataset):
    """The same rows with another kind of target."""
    fields = {
        "classification": {},
        "regression": {"classes": ("height",), "explained": 0, "unit": "m"},
        "multi_label": {"labels": ("high", "two"), "label_index": 0},
    }[task]
    schema = replace(dataset.schema, target=replace(dataset.schema.target, task=task, **fields))
    parts = {name: _labelled(task, getattr(dataset, name)) for name in PARTS}
    return replace(dataset, schema=schema, **parts)


def _labelled(task, part):
    if task == "regression":
        return replace(part, labels=1000 + 50 * part.inputs[:, 0] + 20 * (part.inputs[:, 1] == 2))
    if task == "multi_label":
        both = [part.inputs[:, 0] > 0, part.inputs[:, 1] == 2]
        all_labels = np.column_stack(both).astype(np.int64)
        return replace(part, labels=all_labels[:, 0], all_labels=all_labels)
    return part


@pytest.mark.parametrize("task", FORMS)
def test_every_kind_of_target_is_learned_and_names_its_score(dataset, tmp_path, task):
    trainer = replace(QUICK, max_epochs=30, learning_rate=0.02, batch_size=32, label_smoothing=0.0)
    _fit(trainer, _as(task, dataset), tmp_path, model=MLP(hidden=(16,), bins=8))
    assert _history(tmp_path)["validation_score"].max() > 0.9
    names = {"regression": "R²", "multi_label": "mean ROC AUC of the labels"}
    assert _summary(tmp_path)["score"] == names.get(task, "ROC AUC")


@pytest.mark.parametrize("task", FORMS)
def test_every_kind_of_target_is_resumed_to_the_same_bytes(dataset, tmp_path, task):
    _check_resumed(_as(task, dataset), tmp_path, 6)


def test_a_checkpoint_of_other_labels_beside_the_reported_one_is_not_taken_up(dataset, tmp_path):
    mine = _as("multi_label", dataset)
    labels_before = mine.train.all_labels.copy()
    labels_before[:, 1] = 1 - labels_before[:, 1]
    other = replace(mine, train=replace(mine.train, all_labels=labels_before))
    _check_resumed(mine, tmp_path, 6, begun_on=other)


def test_learning_rows_by_heart_is_told(dataset, tmp_path):
    trainer = replace(QUICK, max_epochs=40, patience=20, learning_rate=0.05, min_steps=0)
    _fit(trainer, _noise(dataset), tmp_path, model=MLP(hidden=(32,), bins=8))
    assert any("memorising" in note for note in _summary(tmp_path)["notes"])


def test_without_a_compiler_training_goes_on_as_it_is_and_says_so(dataset, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise RuntimeError("no compiler found.\nmore lines")

    monkeypatch.setattr(torch, "compile", lambda function: refuse)
    _fit(replace(QUICK, compile=True), dataset, tmp_path / "asked")
    _fit(QUICK, dataset, tmp_path / "plain")
    assert "(RuntimeError: no compiler found)." in _summary(tmp_path / "asked")["notes"][0]
    stored = [(tmp_path / n / "weights.safetensors").read_bytes() for n in ("asked", "plain")]
    assert stored[0] == stored[1]


def test_compiling_changes_no_name_of_a_weight_and_a_killed_training_goes_on_to_the_same_bytes(
    dataset, tmp_path, monkeypatch
):
    whole = torch.compile
    monkeypatch.setattr(torch, "compile", lambda function: whole(function, backend="aot_eager"))
    trainer, model = replace(QUICK, compile=True), MLP(hidden=(8,), bins=4)
    module = _fit(trainer, dataset, tmp_path / "whole", model=model)
    assert set(load_file(tmp_path / "whole" / "weights.safetensors")) == set(module.state_dict())
    assert _summary(tmp_path / "whole")["notes"] == []
    _kill(trainer, dataset, tmp_path / "killed", 6, model=model)
    _fit(trainer, dataset, tmp_path / "killed", model=model)
    assert _contents(tmp_path / "killed") == _contents(tmp_path / "whole")


def test_a_tensor_without_a_stride_has_a_checksum() -> None:
    from deepseek_report.training.resume_point import _checksum

    whole = {"a": torch.arange(3), "b": torch.tensor([7]).expand(1, 1), "c": torch.zeros(0)}
    strange = {**whole, "b": torch.as_strided(torch.tensor([7]), (1, 1), (0, 0))}
    assert _checksum("body", whole) == _checksum("body", strange)
    assert _checksum("body", whole) != _checksum("body", {**whole, "a": torch.arange(1, 4)})


class Routed(torch.nn.Module):
    """Two layers: one sends every token to one of four experts, the other shares evenly."""

    token_columns = ((0,),)

    def trace(self, inputs):
        alone, even = torch.zeros(len(inputs), 3, 4), torch.full((len(inputs), 3, 4), 0.25)
        alone[..., 2] = 1
        return inputs, [LayerTrace(expert_weights=alone), LayerTrace(expert_weights=even)]


def tags_of_an_epoch(module, folder):
    board = TensorBoard(folder, 0)
    board.epoch(EpochRecord(1, 0.5, 0.5, 0.5, 0.1, 1.0), {}, module, torch.zeros(5, 1))
    board.writer.close()
    return events_in(folder).Tags()


def test_a_model_with_an_empty_parameter_is_logged_without_it(tmp_path):
    weights = {"categories": torch.zeros(0, 4), "numbers": torch.linspace(0, 1, 8)}
    tags = tags_of_an_epoch(torch.nn.ParameterDict(weights), tmp_path)
    assert tags["histograms"] == ["numbers"]


def test_experts_in_use_are_counted_from_one_to_all():
    assert expert_balance(Routed(), torch.zeros(5, 1)) == pytest.approx({1: 1.0, 2: 4.0})


def test_a_module_without_experts_has_no_balance():
    assert expert_balance(SimpleNamespace(), torch.zeros(5, 1)) == {}


def test_the_layout_names_only_scalars_that_are_written(tmp_path):
    written = tags_of_an_epoch(Routed(), tmp_path)["scalars"]
    charts = [tags for chart in LAYOUT.values() for _, tags in chart.values()]
    for pattern in (tag for tags in charts for tag in tags):
        assert any(re.fullmatch(pattern, tag) for tag in written), pattern


CONF = Path(__file__).parents[2] / "conf"


def _fields(path: str) -> dict[str, object]:
    fields = yaml.safe_load((CONF / path).read_text(encoding="utf-8"))
    fields.pop("_target_")
    return fields


@pytest.mark.parametrize(
    ("path", "plugin"),
    [
        ("model/deepseek.yaml", DeepSeek),
        ("model/mlp.yaml", MLP),
        ("trainer/default.yaml", GradientTrainer),
    ],
)
def test_a_shipped_file_shows_every_field_with_its_default(path, plugin):
    assert asdict(TypeAdapter(plugin).validate_python(_fields(path))) == asdict(plugin())
    assert set(_fields(path)) == set(asdict(plugin()))


def test_the_fast_trainer_takes_one_epoch_of_few_rows():
    fast = TypeAdapter(GradientTrainer).validate_python(_fields("trainer/fast.yaml"))
    assert fast.max_epochs == 1
    assert fast.max_rows < 2000
