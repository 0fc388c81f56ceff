from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from deepseek_report.artifacts.message import text_of
from deepseek_report.artifacts.schema import Schema, Target
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.artifacts.storage.files import load_json
from deepseek_report.errors import ArtifactError, ConfigError
from deepseek_report.models.own.torch_module import TorchModule
from deepseek_report.models.shared.loading import load_classifier
from tests.builders import laid_out, table
from tests.trained import stored_classifier, trained
from tests.worded import say

SOURCE = '''
import torch
from torch import nn

class Net(nn.Module):
    """A layer, and a scale of its own that is not a layer."""
    def __init__(self, inputs, classes, width=8):
        super().__init__()
        self.scale = nn.Parameter(torch.rand(inputs))
        self.net = nn.Sequential(nn.Linear(inputs, width), nn.Tanh(), nn.Linear(width, classes))
    def forward(self, columns):
        return self.net(columns * self.scale)

class Flat(nn.Module):
    def __init__(self, inputs, classes):
        super().__init__()
        self.last = nn.Linear(torch.Size(inputs).numel(), classes)
    def forward(self, values):
        return self.last(values.flatten(1))

class OneNumber(nn.Linear):
    def forward(self, columns):
        return super().forward(columns)[:, 0]
'''


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    """A package of the user's own, and what is built from it."""
    (tmp_path / "their_nets").mkdir()
    (tmp_path / "their_nets" / "__init__.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield lambda **fields: TorchModule(**({"module": "their_nets.Net"} | fields))
    import sys

    sys.modules.pop("their_nets", None)


@pytest.mark.parametrize("inputs", ["encoded", "plain"])
def test_a_module_of_the_users_own_offers_what_explainers_need(theirs, schema, train, inputs):
    module = theirs(inputs=inputs).build(schema, train, 0).eval()
    rows = torch.tensor(train.inputs[:20], dtype=torch.float32)
    assert module(rows).shape == (20, 3)
    assert torch.isfinite(module(rows)).all()
    assert torch.equal(module(rows), module.forward_embedded(module.embed(rows)))
    assert module.embed(rows).shape == (20, len(module.unit_features), 1)
    assert set(module.unit_features) == set(range(5))
    architecture = module.architecture()
    assert architecture["name"] == "Net"
    assert architecture["parameters"] == sum(
        layer["parameters"] for layer in architecture["layers"]
    )


def test_plain_inputs_are_the_features_with_gaps_filled(theirs, schema, train):
    module = theirs(inputs="plain").build(schema, train, 0)
    rows = torch.tensor(train.inputs[:20], dtype=torch.float32)
    units = module.embed(rows).squeeze(-1)
    known = ~torch.isnan(rows)
    assert torch.equal(units[known], rows[known])
    assert units[0, 0] == pytest.approx(np.nanmedian(train.inputs[:, 0]), rel=1e-6)


def test_randomising_reaches_weights_outside_of_layers(theirs, schema, train):
    classifier = theirs().wrap(theirs().build(schema, train, 0), schema, "cpu")
    copy, again = classifier.randomised(4), classifier.randomised(4)
    assert not torch.equal(copy.module.net.scale, classifier.module.net.scale)
    assert torch.equal(copy.module.net.scale, again.module.net.scale)


@pytest.mark.parametrize("whole", [False, True], ids=["of the class", "of a run"])
def test_weights_of_a_file_are_kept_and_nothing_is_trained(theirs, schema, train, tmp_path, whole):
    made = theirs().build(schema, train, 5)
    save_file((made if whole else made.net).state_dict(), tmp_path / "theirs.safetensors")
    plugin = theirs(weights=str(tmp_path / "theirs.safetensors"))
    folder = tmp_path / "training"
    loaded = stored_classifier(plugin, schema, train, folder)
    with torch.no_grad():
        expected = made.eval()(torch.tensor(train.inputs, dtype=torch.float32)).numpy()
    np.testing.assert_allclose(loaded.logits(train.inputs), expected, atol=1e-6)
    assert "not trained here" in say(text_of(load_json(folder / "training.json")["notes"][0]))
    assert theirs().own_trainer() is None


def test_weights_that_are_swapped_after_their_hash_are_not_loaded(theirs, schema, train, tmp_path):
    path = tmp_path / "theirs.safetensors"
    plugin = theirs(weights=str(path))
    save_file(theirs().build(schema, train, 5).net.state_dict(), path)
    digest, genuine = plugin.source_digest(), path.read_bytes()
    plugin.build(schema, train, 0)
    save_file(theirs().build(schema, train, 6).net.state_dict(), path)
    assert plugin.source_digest() != digest
    with pytest.raises(ConfigError, match="not what it was when it was looked at first"):
        plugin.build(schema, train, 0)
    path.write_bytes(genuine)
    assert plugin.source_digest() == digest
    plugin.build(schema, train, 0)


def test_weights_that_do_not_fit_are_refused(theirs, schema, train, tmp_path):
    save_file(nn.Linear(2, 3).state_dict(), tmp_path / "other.safetensors")
    with pytest.raises(ArtifactError, match="do not fit the configured model"):
        theirs(weights=str(tmp_path / "other.safetensors")).build(schema, train, 0)
    (tmp_path / "odd.safetensors").write_bytes(b"nonsense")
    with pytest.raises(ConfigError, match="not a readable safetensors file"):
        theirs(weights=str(tmp_path / "odd.safetensors")).build(schema, train, 0)


def test_a_module_without_one_logit_a_class_is_refused_with_the_shape(theirs, schema, train):
    with pytest.raises(ConfigError, match=r"output of shape \(2,\) .* expected .* \(2, 3\)"):
        theirs(module="their_nets.OneNumber").build(schema, train, 0)
    with pytest.raises(ConfigError, match="cannot be built"):
        theirs(params={"width": -1}).build(schema, train, 0)


@pytest.mark.parametrize(
    ("fields", "trusted", "words"),
    [
        ({}, [], "run with --trust their_nets"),
        ({"module": "their_nets.Nett"}, ["their_nets"], "cannot load their_nets.Nett"),
        ({"params": {"widht": 4}}, ["their_nets"], "Did you mean width?"),
        ({"module": "torch.Tensor"}, [], "is not a torch.nn.Module"),
        ({"module": "torch.nn.Linear", "weights": "none.safetensors"}, [], "does not exist"),
    ],
)
def test_a_wrong_configuration_is_named_before_anything_runs(theirs, fields, trusted, words):
    (problem,) = theirs(**fields).problems(trusted)
    assert words in problem


def test_a_right_configuration_has_no_problems(theirs):
    assert list(theirs(params={"width": 4}).problems(["their_nets"])) == []
    assert list(TorchModule().problems([])) == []


def test_edited_code_and_other_weights_are_another_source(theirs, tmp_path):
    from deepseek_report.provenance.code import forget

    plain = theirs().source_digest()
    (tmp_path / "w.safetensors").write_bytes(b"1")
    weighted = theirs(weights=str(tmp_path / "w.safetensors"))
    digest = weighted.source_digest()
    (tmp_path / "w.safetensors").write_bytes(b"2")
    assert len({plain, digest, weighted.source_digest()}) == 3
    (tmp_path / "their_nets" / "__init__.py").write_text(SOURCE.replace("Tanh", "ReLU"))
    forget()
    assert theirs().source_digest() != plain


# --- other targets, and data with a layout ---


def standing(target, labels, every=None):
    """Four numbers a row, for a target of another kind."""
    inputs = np.random.default_rng(0).normal(size=(len(labels), 4))
    rows = Split(inputs, labels, np.arange(len(labels)), {}, every)
    return table(*"abcd", target=target), rows


def test_a_number_starts_near_the_mean_of_the_training_part_in_its_unit(theirs):
    target = Target("price", "Price", ("price",), 0, 0, task="regression", unit="€")
    schema, train = standing(target, np.random.default_rng(1).normal(5000, 10, 80))
    module = theirs().build(schema, train, 0).eval()
    rows = torch.tensor(train.inputs, dtype=torch.float32)
    assert module(rows).shape == (80, 1)
    assert abs(module(rows).mean().item() - train.labels.mean()) < 3 * train.labels.std()


def test_numbers_of_a_class_trained_elsewhere_are_in_their_unit_already(theirs, tmp_path):
    target = Target("price", "Price", ("price",), 0, 0, task="regression")
    schema, train = standing(target, np.linspace(4000, 6000, 80))
    made = theirs().build(schema, train, 0)
    save_file(made.net.state_dict(), tmp_path / "net.safetensors")
    built = theirs(weights=str(tmp_path / "net.safetensors")).build(schema, train, 0).eval()
    rows = torch.tensor(train.inputs, dtype=torch.float32)
    torch.testing.assert_close(built(rows), built.net(built.embed(rows).squeeze(-1)))


def test_several_labels_have_an_output_each_and_the_report_sees_one(theirs):
    labels = ("a", "b", "c")
    target = Target("t", "T", ("no", "b"), 0, 1, task="multi_label", labels=labels, label_index=1)
    every = np.random.default_rng(1).integers(0, 2, (80, 3))
    schema, train = standing(target, every[:, 1], every)
    module = theirs().build(schema, train, 0).eval()
    rows = torch.tensor(train.inputs, dtype=torch.float32)
    outputs, _ = module.forward_with_balance(rows)
    assert outputs.shape == (80, 3)
    torch.testing.assert_close(module(rows)[:, 1], outputs[:, 1])
    assert (module(rows)[:, 0] == 0).all()


def arranged(modality, shape, n=6):
    """Instances whose flat columns count 0, 1, 2, … in C order."""
    size = int(np.prod(shape))
    inputs = np.arange(n * size, dtype=float).reshape(n, size)
    return laid_out(modality, *shape), Split(inputs, np.arange(n) % 2, np.arange(n))


@pytest.mark.parametrize(
    ("modality", "shape", "first"), [("image", (4, 5, 3), (3, 4, 5)), ("series", (7, 2), (2, 7))]
)
def test_a_layout_comes_with_its_channels_first_and_standardised(theirs, modality, shape, first):
    schema, train = arranged(modality, shape)
    module = theirs(module="their_nets.Flat", inputs="layout").build(schema, train, 0).eval()
    rows = torch.tensor(train.inputs, dtype=torch.float32)
    arrays = module.arranged(module.embed(rows))
    assert module.taken == arrays.shape[1:] == first
    expected = train.inputs.reshape(-1, *shape)
    by_channel = expected.reshape(-1, shape[-1])
    expected = np.moveaxis((expected - by_channel.mean(0)) / by_channel.std(0), -1, 1)
    np.testing.assert_allclose(arrays.numpy(), expected, atol=1e-5)


def test_a_table_has_no_layout_to_give(theirs, schema, train):
    assert theirs(inputs="layout").modalities == {"image", "series"}
    with pytest.raises(ConfigError, match="these data are a table"):
        theirs(inputs="layout").build(schema, train, 0)


def test_the_convolutional_network_of_the_guide_learns_digits(tmp_path, monkeypatch):
    import re

    from sklearn.datasets import load_digits

    from deepseek_report.artifacts.storage.local_paths import shipped
    from deepseek_report.training.trainer import GradientTrainer

    guide = (shipped("conf").parent / "docs" / "plugins.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    (source,) = (block for block in blocks if "class Cnn" in block)
    (tmp_path / "their_cnn.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    images, labels = load_digits(return_X_y=True)
    schema, _ = arranged("image", (8, 8, 1))
    digits = Target("digit", "Digit", tuple("0123456789"), 0)
    schema = Schema(schema.features, digits, layout=schema.layout)
    whole = Split(images, labels.astype(np.int64), np.arange(len(labels)))
    train, rest = whole.take(np.arange(1200)), whole.take(np.arange(1200, 1797))
    plugin = TorchModule(module="their_cnn.Cnn", inputs="layout", params={"width": 8})
    trainer = GradientTrainer(max_epochs=8, min_steps=0, batch_size=64, tensorboard=False)
    dataset = Dataset(schema, train, rest, rest, card={})
    module = trained(plugin, dataset, tmp_path / "training", trainer=trainer, seed=0)
    classifier = load_classifier(plugin, schema, train, tmp_path / "training")
    assert (classifier.logits(rest.inputs).argmax(1) == rest.labels).mean() > 0.9
    units = module.embed(torch.tensor(rest.inputs[:3], dtype=torch.float32))
    assert units.shape == (3, 64, 1)
    assert list(module.unit_features) == list(range(64))
