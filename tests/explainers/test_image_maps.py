"""RISE against sums that are known, and how often its errors hold; Grad-CAM against captum."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.schema import Schema
from deepseek_report.explainers.gradients import embedding_gradients as gradients
from deepseek_report.explainers.image_maps import GradCam, Rise, masks_of, shared_by, slopes
from deepseek_report.models.estimators.sklearn import Sklearn
from tests.builders import laid_out, patches
from tests.explainers.toys import ToyClassifier, context
from tests.worded import refused, say

SIDE = 12


def image_schema(channels: int = 1) -> Schema:
    squares = patches(SIDE, 3, channels)
    return laid_out("image", SIDE, SIDE, channels, players=squares)


def explained(weights: np.ndarray, rise: Rise) -> Any:
    """Of images that are 1 everywhere, beside a background of 0, by a linear probability."""
    schema = image_schema()
    model = ToyClassifier(schema, probability=lambda rows: 0.2 + rows @ weights)
    columns = SIDE * SIDE
    images = context(
        model,
        inputs=np.ones((2, columns)),
        positions=np.arange(2),
        background=np.zeros((5, columns)),
    )
    return rise.explain(images)


def test_masks_lie_between_hidden_and_shown_and_show_every_place_alike() -> None:
    drawn = masks_of((9, 14), 4, 0.3, 4000, np.random.default_rng(0))
    assert drawn.shape == (4000, 9, 14)
    assert ((drawn >= 0) & (drawn <= 1)).all()
    np.testing.assert_allclose(drawn.mean(axis=0), 0.3, atol=0.04)
    middle = drawn.reshape(4000, -1) - drawn.mean()
    assert (middle[:, 0] * middle[:, 1]).mean() > 5 * abs((middle[:, 0] * middle[:, -1]).mean())


@pytest.mark.parametrize(("size", "cells"), [((9, 14), 4), ((12, 12), 7)])
def test_what_places_share_with_a_whole_mask_is_known(size, cells) -> None:
    drawn = masks_of(size, cells, 0.4, 60_000, np.random.default_rng(1)).reshape(60_000, -1)
    total = drawn.sum(axis=1) - drawn.sum(axis=1).mean()
    counted = (total @ (drawn - drawn.mean(axis=0))) / 60_000
    np.testing.assert_allclose(counted, shared_by(size, cells, 0.4).ravel(), rtol=0.1, atol=0.05)


def test_slopes_are_covariances_beyond_what_all_columns_have_alike() -> None:
    rng = np.random.default_rng(0)
    masks, answers, shared = rng.random((50, 6)), rng.random(50), np.full(6, 0.1)
    values, errors = slopes(answers, masks, shared)
    total = masks.sum(axis=1)
    even = np.polyfit(total, answers, 1)[0]
    for column in range(6):
        beyond = np.cov(answers - even * total, masks[:, column], bias=True)[0, 1]
        assert values[column] == pytest.approx(even + beyond / 0.1)
    assert (errors > 0).all()


def test_the_values_of_an_even_additive_model_are_its_own() -> None:
    weights = np.full(SIDE * SIDE, 0.5 / SIDE**2)
    explanation = explained(weights, Rise(masks=200))
    np.testing.assert_allclose(explanation.values, np.tile(weights, (2, 1)), atol=1e-9)
    assert explanation.game == "baseline"
    assert explanation.signed


def test_a_planted_patch_is_where_the_values_are() -> None:
    weights = np.zeros((SIDE, SIDE))
    weights[3:6, 6:9] = 0.6 / 9
    explanation = explained(weights.ravel(), Rise(masks=800))
    values = explanation.values[0].reshape(SIDE, SIDE)
    assert values.max() == values[3:6, 6:9].max()
    assert values[3:6, 6:9].mean() > 3 * np.abs(values[:, :3]).mean()
    assert values.sum() == pytest.approx(0.6, rel=0.25)


def test_the_standard_errors_hold_the_values_of_many_masks() -> None:
    """95 % intervals over 300 explanations of one image with an interaction."""

    def answer(masks: np.ndarray) -> np.ndarray:
        return masks[:, 40] * masks[:, 90] + 0.3 * masks[:, 100] - 0.2 * masks[:, 5]

    def draw(count: int, seed: int) -> np.ndarray:
        masks = masks_of((SIDE, SIDE), 4, 0.5, count, np.random.default_rng(seed))
        return masks.reshape(count, -1)

    many = draw(60_000, 9999)
    shared = shared_by((SIDE, SIDE), 4, 0.5).ravel()
    true, _ = slopes(answer(many), many, shared)
    held = []
    for seed in range(300):
        masks = draw(400, seed)
        values, errors = slopes(answer(masks), masks, shared)
        held.append(np.abs(values - true)[::7] <= 1.96 * errors[::7])
    assert 0.93 <= np.mean(held) <= 0.97


def test_asks_as_often_as_planned_and_alike_for_the_same_seed() -> None:
    weights, rise = np.full(SIDE * SIDE, 0.001), Rise(masks=30)
    first = explained(weights, rise)
    second = explained(weights, rise)
    np.testing.assert_array_equal(first.values, second.values)
    assert first.n_model_calls == rise.planned_calls(2, 16, 5)
    assert first.standard_error.shape == first.values.shape


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
def test_the_map_is_that_of_captum(channels) -> None:
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
