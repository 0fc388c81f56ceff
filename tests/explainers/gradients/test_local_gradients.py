"""Sizes of gradients, against captum; they have no sign, no unit and no base."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from captum.attr import NoiseTunnel
from captum.attr import Saliency as CaptumSaliency

from deepseek_report.explainers.gradients.local_gradients import Saliency, SmoothGrad
from tests.explainers.toys import OddsModule, toy
from tests.worded import say


def odds_of(x: torch.Tensor) -> torch.Tensor:
    return torch.tanh(x[:, 0] * x[:, 1]) + x[:, 2] ** 3


@pytest.fixture
def to_explain():
    return toy(3, module=OddsModule(odds_of), n=12)


def test_saliency_is_that_of_captum(to_explain) -> None:
    theirs = CaptumSaliency(odds_of).attribute(torch.as_tensor(to_explain.inputs).requires_grad_())
    np.testing.assert_allclose(
        Saliency().explain(to_explain).values, theirs.numpy(), rtol=1e-4, atol=1e-6
    )


def test_smooth_grad_of_many_copies_is_that_of_captum(to_explain) -> None:
    ours = SmoothGrad(copies=4000, noise=0.2).explain(to_explain)
    torch.manual_seed(0)
    for row, values in zip(to_explain.inputs, ours.values, strict=True):
        tunnel = NoiseTunnel(CaptumSaliency(odds_of))
        theirs = tunnel.attribute(
            torch.as_tensor(row[None]), nt_samples=4000, stdevs=0.2 * float(np.ptp(row))
        )
        np.testing.assert_allclose(values, theirs[0].numpy(), rtol=0.1, atol=0.02)


def test_intervals_of_smooth_grad_hold_the_mean_of_many_copies(to_explain) -> None:
    exact = SmoothGrad(copies=8000).explain(replace(to_explain, seed=99)).values
    held = [
        np.abs(drawn.values - exact) <= 1.96 * drawn.standard_error
        for drawn in (SmoothGrad().explain(replace(to_explain, seed=seed)) for seed in range(30))
    ]
    assert 0.92 < np.mean(held) < 0.98


@pytest.mark.parametrize("explainer", [Saliency(), SmoothGrad()])
def test_they_are_told_to_be_sizes_and_no_more_than_an_order(explainer, to_explain) -> None:
    explanation = explainer.explain(to_explain)
    assert not explanation.signed
    assert (explanation.output_space, explanation.game) == ("none", None)
    assert explanation.base_values is None
    assert (explanation.values >= 0).all()
    assert "not in which direction" in say(explanation.notes[0])
