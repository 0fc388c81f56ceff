from __future__ import annotations

import pytest

from deepseek_report.artifacts.protocols.modules import layer_kind, layer_name


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
