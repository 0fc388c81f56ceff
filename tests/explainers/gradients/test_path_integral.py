"""Integrals of gradients along a line, against captum."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from captum.attr import InputXGradient, IntegratedGradients

from deepseek_report.explainers.gradients.embedding_gradients import (
    gradient,
    path_integral,
    points_of,
)


def answers(points: torch.Tensor) -> torch.Tensor:
    """(instance, unit, width) -> (instance,), curved in every entry."""
    return torch.tanh(points[:, 0] * points[:, 1]).sum(dim=1) + (points[:, 2] ** 3).sum(dim=1)


@pytest.fixture
def ends() -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(5)
    return torch.as_tensor(rng.normal(size=(4, 3, 2))), torch.as_tensor(rng.normal(size=(4, 3, 2)))


@pytest.mark.parametrize("rule", ["gausslegendre", "riemann_middle"])
def test_the_integral_is_that_of_captum(ends, rule) -> None:
    end, start = ends
    theirs = IntegratedGradients(answers).attribute(end, start, n_steps=7, method=rule)
    torch.testing.assert_close(path_integral(answers, end, start, rule, 7), theirs)


def test_the_gradient_is_that_of_captum(ends) -> None:
    end, _ = ends
    theirs = InputXGradient(answers).attribute(end.clone().requires_grad_())
    torch.testing.assert_close(end * gradient(answers, end), theirs.detach())


@pytest.mark.parametrize("rule", ["gausslegendre", "riemann_middle", "riemann_trapezoid"])
@pytest.mark.parametrize("count", [1, 2, 9])
def test_the_weights_of_every_rule_sum_to_one(rule, count: int) -> None:
    places, weights = points_of(rule, count)
    assert weights.sum() == pytest.approx(1)
    assert (places >= 0).all()
    assert (places <= 1).all()


def test_the_trapezoid_is_exact_where_the_gradient_is_linear(ends) -> None:
    end, start = ends
    integral = path_integral(lambda p: (p**2).sum(dim=(1, 2)), end, start, "riemann_trapezoid", 2)
    torch.testing.assert_close(integral, end**2 - start**2)
