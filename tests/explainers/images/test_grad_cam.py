"""Grad-CAM against captum, where a network has a convolution; refused where it has none."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.explainers.gradients import embedding_gradients as gradients
from deepseek_report.explainers.image_maps import GradCam
from deepseek_report.models.estimators.sklearn import Sklearn
from tests.explainers.images.test_rise import SIDE, image_schema
from tests.explainers.toys import ToyClassifier, context
from tests.worded import refused, say


class Convolutions(nn.Module):
    """Two convolutions and a linear layer over flat rows."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.channels = channels
        self.first = nn.Conv2d(channels, 4, 3, padding=1)
        self.last = nn.Conv2d(4, 6, 3, stride=2, padding=1)
        self.output = nn.Linear(6, classes)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        images = rows.view(-1, SIDE, SIDE, self.channels).permute(0, 3, 1, 2)
        maps = torch.relu(self.last(torch.relu(self.first(images))))
        logits: torch.Tensor = self.output(maps.mean((2, 3)))
        return logits


def images_of(module: nn.Module, channels: int = 1) -> Any:
    schema = image_schema(channels)
    rows = np.random.default_rng(0).normal(size=(7, SIDE * SIDE * channels))
    model = ToyClassifier(schema, module=module.eval())
    return context(model, inputs=rows, positions=np.arange(7), background=rows)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_map_is_that_of_captum(channels: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        attr = pytest.importorskip("captum.attr")
    torch.manual_seed(0)
    module = Convolutions(channels, 2)
    context_of = images_of(module, channels)
    explanation = GradCam(chunk=3).explain(context_of)
    rows = torch.tensor(context_of.inputs, dtype=torch.float32)
    cam = attr.LayerGradCam(lambda x: gradients.log_odds(module(x), 1), module.last)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = cam.attribute(rows, relu_attributions=True)
    drawn = nn.functional.interpolate(theirs, (SIDE, SIDE), mode="bilinear").detach().numpy()
    mine = explanation.values.reshape(7, SIDE, SIDE, channels).sum(axis=3)
    np.testing.assert_allclose(mine, drawn[:, 0], atol=1e-6)
    assert (explanation.signed, explanation.output_space) == (False, "none")
    assert explanation.game is None


def test_a_planted_bright_square_is_where_the_map_is() -> None:
    torch.manual_seed(0)
    module = Convolutions(1, 2)
    for part in (module.first, module.last):
        nn.init.constant_(part.weight, 0.1)
        nn.init.zeros_(part.bias)
    with torch.no_grad():
        module.output.weight.copy_(torch.tensor([[-1.0] * 6, [1.0] * 6]))
    context_of = images_of(module)
    context_of.inputs[:] = 0.0
    image = context_of.inputs[0].reshape(SIDE, SIDE)
    image[1:4, 7:10] = 1.0
    drawn = GradCam().explain(context_of).values[0].reshape(SIDE, SIDE)
    at = np.unravel_index(drawn.argmax(), drawn.shape)
    assert at[0] <= 4
    assert 6 <= at[1] <= 10
    assert drawn[8:].max() < 0.1 * drawn.max()


def test_a_network_without_a_convolution_is_refused() -> None:
    flat = nn.Sequential(nn.Linear(SIDE * SIDE, 2))
    with refused("reads the maps of a convolution"):
        GradCam().explain(images_of(flat))
    assert "needs gradients" in say(GradCam().refuses(Sklearn(), DataTraits()))
