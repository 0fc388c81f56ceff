from __future__ import annotations

from dataclasses import replace

import numpy as np

from deepseek_report.explainers.accounts import Random
from deepseek_report.explainers.attributions import seed_of, sum_units
from tests.explainers.toys import toy


def test_an_input_that_changes_gets_unrelated_values() -> None:
    to_explain = toy(200, probability=lambda x: np.full(len(x), 0.5))
    moved = replace(to_explain, inputs=to_explain.inputs + 1e-9)
    first, second = Random().explain(to_explain).values, Random().explain(moved).values
    rho = [np.corrcoef(a, b)[0, 1] for a, b in zip(first, second, strict=True)]
    assert np.abs(rho).max() < 0.25


def test_another_seed_gives_other_values() -> None:
    to_explain = toy(4, probability=lambda x: np.full(len(x), 0.5))
    again = Random().explain(replace(to_explain, seed=8))
    assert not np.isclose(Random().explain(to_explain).values, again.values).any()


def test_units_are_summed_to_the_features_that_they_belong_to() -> None:
    values = np.array([[1.0, 10.0, 100.0, 1000.0]])
    np.testing.assert_array_equal(sum_units(values, (0, -1, 1, 0), 3), [[1001.0, 100.0, 0.0]])


def test_seeds_of_different_draws_differ() -> None:
    assert len({seed_of(7, a, b) for a in range(10) for b in range(10)}) == 100
