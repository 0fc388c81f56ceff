"""Near copies are found, and rows that are near by chance are not."""

from __future__ import annotations

import numpy as np
import pytest

from deepseek_report.statistics.nearness import confirmed, near_copies


@pytest.mark.parametrize("width", [3, 8, 100])
def test_independent_rows_are_near_copies_no_more_often_than_stated(width: int) -> None:
    random = np.random.default_rng(width)
    nearness = near_copies(random.normal(size=(1500, width)), random.normal(size=(4000, width)))
    assert nearness.is_near.mean() <= 0.003


@pytest.mark.parametrize("width", [5, 20, 300])
def test_rows_with_a_little_noise_are_found_with_their_originals(width: int) -> None:
    random = np.random.default_rng(width)
    others = random.normal(size=(2000, width))
    rows = random.normal(size=(500, width))
    source = random.integers(0, 2000, 100)
    rows[:100] = others[source] + 1e-3 * random.normal(size=(100, width))
    nearness = near_copies(rows, others)
    assert nearness.is_near[:100].mean() > 0.97
    assert nearness.is_near[100:].mean() < 0.01
    assert (nearness.nearest[:100] == source).mean() > 0.97


def test_several_records_of_each_entity_are_found_although_they_are_many() -> None:
    random = np.random.default_rng(1)
    people = np.repeat(random.normal(size=(100, 8)), 20, axis=0)
    records = people + 1e-3 * random.normal(size=people.shape)
    nearness = near_copies(records[::4], records[np.arange(2000) % 4 > 0])
    assert nearness.is_near.mean() > 0.95


def test_the_dimension_is_that_in_which_the_rows_spread() -> None:
    random = np.random.default_rng(2)
    flat = random.normal(size=(5000, 3)) @ random.normal(size=(3, 40))
    nearness = near_copies(flat[:1000], flat[1000:])
    assert nearness.dimension == pytest.approx(3, abs=0.4)


def test_too_few_rows_or_values_are_not_judged() -> None:
    assert near_copies(np.ones((50, 2)), np.ones((500, 2))) is None
    assert near_copies(np.random.default_rng(0).normal(size=(9, 2)), np.ones((9, 2))) is None


def discrete(n: int, seed: int) -> np.ndarray:
    """Columns with steps and few values, which lie close together without any copy."""
    random = np.random.default_rng(seed)
    age, wage = random.integers(18, 70, n), random.gamma(2, 10, n).round(-1)
    return np.column_stack([age, wage, *random.integers(0, 3, (4, n)), random.normal(size=n)])


def standard(*tables: np.ndarray) -> list[np.ndarray]:
    whole = np.concatenate(tables)
    return [(table - whole.mean(axis=0)) / whole.std(axis=0) for table in tables]


def test_rows_of_few_values_lie_close_by_chance_and_are_no_copies() -> None:
    others, rows = discrete(6000, 1), discrete(1500, 2)
    near = near_copies(*standard(rows, others))
    assert near.is_near.mean() > 0.02
    assert confirmed(near, rows, others).is_near.mean() <= 0.003


def test_columns_confirm_rows_with_a_little_noise_and_copies_of_whole_rows() -> None:
    random = np.random.default_rng(3)
    others = np.column_stack([random.normal(size=(3000, 6)), random.integers(0, 2, (3000, 4))])
    rows = np.column_stack([random.normal(size=(500, 6)), random.integers(0, 2, (500, 4))])
    rows[:100] = others[:100]
    rows[:50, :6] += 1e-3 * random.normal(size=(50, 6))
    near = confirmed(near_copies(*standard(rows, others)), rows, others)
    assert near.is_near[:100].mean() > 0.97
    assert near.is_near[100:].mean() <= 0.003
