"""Partial dependence and accumulated effects, against closed forms and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from deepseek_report.statistics.accumulated_effects import Bins, accumulated, averaged


def curves(output, rows: np.ndarray, most: int = 10, seed: int = 0):
    """ALE and partial dependence of the first column, on the same bins."""
    bins = Bins.of(rows[:, 0], most)

    def at(places: np.ndarray, values: np.ndarray) -> np.ndarray:
        moved = rows[places].copy()
        moved[:, 0] = values
        return output(moved)

    low, high = (at(bins.rows, ends) for ends in bins.ends)
    everywhere = [at(np.arange(len(rows)), np.full(len(rows), edge)) for edge in bins.edges]
    return (
        accumulated(bins, high - low, 200, seed),
        averaged(bins, np.stack(everywhere, axis=1), 200, seed),
    )


def test_of_a_linear_model_both_are_its_slope_through_the_mean_without_any_error() -> None:
    rows = np.random.default_rng(0).normal(size=(400, 2))
    for curve in curves(lambda x: 3 * x[:, 0] - x[:, 1], rows):
        slopes = np.diff(curve.effect) / np.diff(curve.values)
        assert slopes == pytest.approx(np.full(len(slopes), 3.0))
    bins = Bins.of(np.array([0.0, 1, 1, 2]), 10)
    low, high = bins.ends
    of_levels = accumulated(bins, 3.0 * (high - low), 100, 0).effect
    assert of_levels == pytest.approx([-3.0, 0.0, 3.0])


def test_of_a_product_with_an_independent_feature_both_follow_the_mean_of_that_feature() -> None:
    rng = np.random.default_rng(1)
    rows = np.column_stack([rng.uniform(-1, 1, 20_000), rng.normal(2, 1, 20_000)])
    for curve in curves(lambda x: x[:, 0] * x[:, 1], rows):
        slope = (curve.effect[-1] - curve.effect[0]) / (curve.values[-1] - curve.values[0])
        assert slope == pytest.approx(2.0, abs=0.05)


def test_where_features_go_together_partial_dependence_extrapolates_and_ale_does_not() -> None:
    """The model has a cliff that no row comes near; only made-up combinations reach it."""
    rng = np.random.default_rng(2)
    x = rng.uniform(0, 1, 2000)
    rows = np.column_stack([x, x + rng.normal(0, 0.02, 2000)])

    def cliff(x: np.ndarray) -> np.ndarray:
        return x[:, 0] + 10 * (np.abs(x[:, 0] - x[:, 1]) > 0.5)

    local, dependence = curves(cliff, rows)
    assert local.effect == pytest.approx(local.values - rows[:, 0].mean(), abs=0.01)
    assert np.abs(dependence.effect - (dependence.values - rows[:, 0].mean())).max() > 2


def test_of_a_product_of_two_copies_ale_is_half_of_the_square_as_its_definition_says() -> None:
    """f = x₁·x₂ with x₂ = x₁: ∂f/∂x₁ = x₂, so that the effect accumulates to x₁²/2."""
    x = np.random.default_rng(3).uniform(0, 2, 20_000)
    local, _ = curves(lambda z: z[:, 0] * z[:, 1], np.column_stack([x, x]), most=40)
    assert local.effect == pytest.approx(local.values**2 / 2 - 2 / 3, abs=0.02)


def test_partial_dependence_is_that_of_scikit_learn_but_for_its_mean() -> None:
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import partial_dependence

    rng = np.random.default_rng(4)
    rows = rng.normal(size=(150, 3))
    model = RandomForestRegressor(8, random_state=0).fit(rows, rows[:, 0] * rows[:, 1])
    _, ours = curves(model.predict, rows)
    theirs = partial_dependence(
        model, rows, [0], custom_values={0: ours.values}, method="brute", kind="average"
    )["average"][0]
    assert ours.effect - ours.effect[0] == pytest.approx(theirs - theirs[0])


def test_the_mean_effect_over_the_rows_is_nil() -> None:
    rows = np.random.default_rng(5).integers(0, 4, (300, 2)).astype(float)
    for curve in curves(lambda x: np.exp(x[:, 0]) * (1 + x[:, 1]), rows):
        places = np.searchsorted(curve.values, rows[:, 0])
        assert curve.effect[places].mean() == pytest.approx(0, abs=1e-12)


def test_the_interval_holds_the_effect_of_all_rows_nineteen_times_in_twenty() -> None:
    """Closed form: f = x₁·x₂ with independent x₂ of mean 1 has the slope 1."""
    held = [[], []]
    for seed in range(150):
        rng = np.random.default_rng(seed)
        rows = np.column_stack([rng.integers(0, 3, 120), rng.exponential(1, 120)]).astype(float)
        for kind, curve in enumerate(curves(lambda x: x[:, 0] * x[:, 1], rows, seed=seed)):
            held[kind].append(curve.low[2] <= 2 - 1 <= curve.high[2])  # at 2, less the mean of 1
    assert all(0.90 <= np.mean(kind) <= 0.99 for kind in held)


def test_a_bin_that_a_resample_leaves_empty_keeps_its_mean_of_all_rows() -> None:
    values = np.array([0.0] * 60 + [1.0])
    bins = Bins.of(values, 5)
    curve = accumulated(bins, np.full(len(bins.rows), 2.0), 100, 0)
    assert np.isfinite(curve.low).all()
    assert curve.effect[1] - curve.effect[0] == pytest.approx(2.0)
