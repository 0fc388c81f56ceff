from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from deepseek_report.artifacts.files import load_json
from deepseek_report.artifacts.protocols import Silent
from deepseek_report.artifacts.split import Dataset
from deepseek_report.errors import ArtifactError, ConfigError
from deepseek_report.models.loading import load_classifier
from deepseek_report.models.torch_module import TorchModule

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
    told = module.architecture()
    assert told["name"] == "Net"
    assert told["parameters"] == sum(layer["parameters"] for layer in told["layers"])


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
    folder, dataset = tmp_path / "training", Dataset(schema, train, train, train, card={})
    built = plugin.build(schema, train, 0)
    plugin.own_trainer().fit(built, dataset, folder, 0, "cpu", Silent())
    loaded = load_classifier(plugin, schema, train, folder)
    with torch.no_grad():
        expected = made.eval()(torch.tensor(train.inputs, dtype=torch.float32)).numpy()
    np.testing.assert_allclose(loaded.logits(train.inputs), expected, atol=1e-6)
    assert "not trained here" in load_json(folder / "training.json")["notes"][0]
    assert theirs().own_trainer() is None


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
    ("fields", "trusted", "told"),
    [
        ({}, [], "run with --trust their_nets"),
        ({"module": "their_nets.Nett"}, ["their_nets"], "cannot load their_nets.Nett"),
        ({"params": {"widht": 4}}, ["their_nets"], "Did you mean width?"),
        ({"module": "torch.Tensor"}, [], "is not a torch.nn.Module"),
        ({"module": "torch.nn.Linear", "weights": "none.safetensors"}, [], "does not exist"),
    ],
)
def test_a_wrong_configuration_is_named_before_anything_runs(theirs, fields, trusted, told):
    (problem,) = theirs(**fields).problems(trusted)
    assert told in problem


def test_a_right_configuration_has_no_problems(theirs):
    assert list(theirs(params={"width": 4}).problems(["their_nets"])) == []
    assert list(TorchModule().problems([])) == []


def test_edited_code_and_other_weights_are_another_source(theirs, tmp_path):
    from deepseek_report import provenance

    plain = theirs().source_digest()
    (tmp_path / "w.safetensors").write_bytes(b"1")
    one = theirs(weights=str(tmp_path / "w.safetensors")).source_digest()
    (tmp_path / "w.safetensors").write_bytes(b"2")
    assert len({plain, one, theirs(weights=str(tmp_path / "w.safetensors")).source_digest()}) == 3
    (tmp_path / "their_nets" / "__init__.py").write_text(SOURCE.replace("Tanh", "ReLU"))
    for cached in (provenance.code_of, provenance._read_module, provenance._file_of):
        cached.cache_clear()
    assert theirs().source_digest() != plain
