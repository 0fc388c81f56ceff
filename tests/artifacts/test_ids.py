"""Artifacts are named by ids, and layers of a network as people count."""

from __future__ import annotations

import json
import pickle

import pytest

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.protocols.modules import layer_kind, layer_name


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("data", ("data", "", "")),
        ("explanations/shap", ("explanations", "shap", "")),
        ("measures/deletion/shap", ("measures", "deletion", "shap")),
    ],
)
def test_an_id_is_taken_apart_into_what_it_was_built_of(text, parts):
    artifact = ArtifactId(text)
    assert (artifact.kind, artifact.name, artifact.subject) == parts
    assert ArtifactId.of(*parts) == text


def test_an_id_is_saved_and_compared_as_its_text():
    artifact = ArtifactId.measure("deletion", "shap")
    assert json.loads(json.dumps({artifact: artifact})) == {artifact: "measures/deletion/shap"}
    assert {"measures/deletion/shap": 1}[artifact] == 1
    assert pickle.loads(pickle.dumps(artifact)).subject == "shap"  # noqa: S301 - made here


def test_an_artifact_lies_within_its_family_and_not_within_one_that_begins_alike():
    artifact = ArtifactId.measure("error_slices")
    assert artifact.is_within("measures")
    assert artifact.is_within("measures/error_slices")
    assert not artifact.is_within("measures/error")
    assert artifact.rest == "error_slices"


def test_what_lies_below_an_id_is_told_for_a_kind_and_for_a_family():
    artifact = ArtifactId.measure("deletion", "shap")
    assert artifact.below("measures") == "deletion/shap"
    assert artifact.below("measures/deletion") == "shap"
    assert artifact.below("measures/deletion/shap") == artifact.below("measures/del") == ""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("layers.0.experts_norm", "layer 1, experts norm"),
        ("layers.1.experts.shared.0", "layer 2, experts, shared 1"),
        ("output", "output"),
        ("outside named layers", "outside named layers"),
        ("0", "0"),
        ("net.model.layers.0.self_attn", "layer 1, self attn"),
        ("net.0", "net 1"),
        ("model", "model"),
    ],
)
def test_a_layer_is_named_as_people_count(path, expected):
    assert layer_name(path) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("SparseExperts", "sparse experts"), ("GELU", "GELU"), ("LayerNorm", "layer norm")],
)
def test_a_kind_of_layer_is_said_in_words(name, expected):
    assert layer_kind(name) == expected
