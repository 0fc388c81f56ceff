"""What the parts of a routed transformer add to its output adds up to that output."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from deepseek_report.artifacts.protocols.modules import AddsUpSteps
from deepseek_report.artifacts.split import Split
from deepseek_report.models.routed.deepseek import DeepSeek
from deepseek_report.models.shared.output_layers import contrast
from tests.conftest import schema_of_layout

SMALL = DeepSeek(width=16, heads=2, experts=4, expert_width=8, bins=4, window=1)


def built(modality: str, **settings: Any) -> tuple[Any, torch.Tensor]:
    """A module with drawn biases and norms, and inputs, of which texts end early."""
    schema = schema_of_layout(modality)
    rng = np.random.default_rng(5)
    columns = len(schema.features)
    rows = rng.integers(2, 8, (12, columns)) if modality == "text" else rng.random((12, columns))
    rows = rows.astype(np.float64)
    if modality == "text":
        rows[3:6, 5:] = np.nan
    labels = np.arange(12) % len(schema.target.classes)
    plugin = replace(SMALL, **settings)
    module = plugin.build(schema, Split(rows, labels, np.arange(12), {}), 3).eval()
    generator = torch.Generator().manual_seed(1)
    for name, parameter in module.named_parameters():
        if "bias" in name or "norm" in name:
            drawn = torch.randn(parameter.shape, generator=generator)
            parameter.data = parameter.data + 0.3 * drawn
    return module, torch.tensor(rows, dtype=torch.float32)


@pytest.mark.parametrize("modality", ["text", "image", "series"])
@pytest.mark.parametrize("pool", ["summary", "mean"])
@pytest.mark.parametrize("shared", [True, False])
def test_the_steps_add_up_to_the_logit(modality: str, pool: str, shared: bool) -> None:
    module, rows = built(modality, pool=pool, shared_expert=shared)
    assert isinstance(module, AddsUpSteps)
    for target in (0, 1):
        with torch.inference_mode():
            sums = module.step_sums(rows, target)
            output = contrast(module(rows), target).double().numpy()
        assert sums.added.shape == (12, len(sums.steps))
        assert np.allclose(sums.added.sum(axis=1), output, atol=2e-5)


def test_a_head_that_is_masked_in_the_last_layer_takes_its_step_away() -> None:
    """Nothing reads the last layer's heads but its own experts and the output."""
    module, rows = built("image", pool="summary")
    with torch.inference_mode():
        sums = module.step_sums(rows, 1)
        last = max(step.layer for step in sums.steps)
        at = next(i for i, s in enumerate(sums.steps) if (s.layer, s.kind) == (last, "head"))
        router = module.layers[-1].attention.router
        routes = sums.weights[:, at]
        router.bias.data[0] = -1e9  # the first head of the local branch gets no weight
        without = module.step_sums(rows, 1)
    assert (routes > 0).all()
    assert np.allclose(without.added[:, at], 0, atol=1e-6)
    assert np.allclose(without.weights[:, at], 0)


def test_weights_are_those_of_the_routers() -> None:
    module, rows = built("image", pool="summary")
    with torch.inference_mode():
        sums = module.step_sums(rows, 1)
        _, layers = module.trace(rows)
    for number, layer in enumerate(layers, start=1):
        heads = [i for i, s in enumerate(sums.steps) if (s.layer, s.kind) == (number, "head")]
        routes = torch.stack(list(layer.routes.values()), dim=1).flatten(1).numpy()
        assert np.allclose(sums.weights[:, heads], routes, atol=1e-6)
        experts = [i for i, s in enumerate(sums.steps) if (s.layer, s.kind) == (number, "expert")]
        chosen = layer.expert_weights[:, 0].numpy()
        assert np.allclose(sums.weights[:, experts], chosen, atol=1e-6)
        unused = chosen == 0
        assert np.allclose(sums.added[:, experts][unused], 0, atol=1e-6)
