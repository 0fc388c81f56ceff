"""Equal rows are copies where chance does not explain them, and only there."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from statsmodels import datasets as tables

from deepseek_report.statistics.copies import (
    copied_rows,
    copied_texts,
    disagrees,
    is_repeat,
    joined,
    row_identity,
)


def tied(units: np.ndarray) -> np.ndarray:
    """(row,) whether another row is of the same set."""
    return np.asarray(np.bincount(units)[units] > 1)


def coarse(numbers: np.ndarray, levels: int) -> np.ndarray:
    """Different rows, cut to a few levels of each column."""
    ranks = pd.DataFrame(np.unique(numbers, axis=0)).rank(pct=True).to_numpy()
    return np.ceil(ranks * levels)


@pytest.mark.parametrize("width", [4, 6, 8, 10])
@pytest.mark.parametrize("source", [load_breast_cancer, load_diabetes])
def test_rows_that_differ_and_were_cut_to_a_few_levels_are_no_copies(source, width: int) -> None:  # type: ignore[no-untyped-def]
    rows = coarse(source().data[:, :width], 3)
    assert tied(row_identity(rows)).mean() > 0.05
    assert tied(copied_rows(rows)).mean() <= 0.01


def test_rows_of_a_survey_of_eight_questions_are_no_copies() -> None:
    survey = tables.fair.load_pandas().data.iloc[:, :8].to_numpy()
    assert tied(row_identity(survey)).mean() > 0.15
    assert tied(copied_rows(survey)).mean() <= 0.01


@pytest.mark.parametrize("times", [1, 4])
@pytest.mark.parametrize("source", [load_breast_cancer, load_diabetes])
def test_copies_of_real_rows_are_found_whatever_their_number(source, times: int) -> None:  # type: ignore[no-untyped-def]
    rows = np.unique(source().data[:, :8], axis=0)
    chosen = np.random.default_rng(times).choice(len(rows), 20, replace=False)
    units = copied_rows(np.concatenate([rows, *[rows[chosen]] * times]))
    assert tied(units)[len(rows) :].mean() >= 0.95
    assert not np.delete(tied(units)[: len(rows)], chosen).any()


def test_a_table_written_twice_is_found_whole() -> None:
    rows = np.unique(load_diabetes().data, axis=0)
    assert tied(copied_rows(np.concatenate([rows, rows]))).all()


def test_copies_in_wide_rows_are_found_by_the_columns_that_tell_most() -> None:
    random = np.random.default_rng(0)
    rows = np.column_stack([random.integers(0, 2, (300, 200)), random.normal(size=(300, 200))])
    units = copied_rows(np.concatenate([rows, rows[:30]]))
    assert tied(units).sum() == 60


def test_missing_cells_and_negative_zero_count_as_the_same() -> None:
    rows = np.array([[np.nan, 0.0], [np.nan, -0.0], [-np.nan, 0.0], [1.0, 0.0]])
    assert is_repeat(row_identity(rows)).tolist() == [False, True, True, False]


def test_labels_can_be_part_of_the_identity() -> None:
    identity = row_identity(np.zeros((3, 2)), np.array([0, 1, 0]))
    assert is_repeat(identity).tolist() == [False, False, True]
    assert disagrees(row_identity(np.zeros((3, 2))), np.array([0, 1, 0])).all()


def test_units_and_copies_are_joined_into_the_finest_grouping_of_both() -> None:
    grouping = joined(np.array([0, 0, 1, 2, 3]), np.array([7, 8, 8, 9, 9]))
    assert len(set(grouping[:3])) == len(set(grouping[3:])) == 1
    assert grouping[0] != grouping[3]


def test_long_texts_that_are_equal_are_copies_and_short_ones_are_chance() -> None:
    random = np.random.default_rng(1)
    words = [f"word{i}" for i in range(200)]
    weights = 1 / np.arange(1, 201)
    texts = [
        list(random.choice(words, size, p=weights / weights.sum()))
        for size in random.integers(1, 15, 3000)
    ]
    short = np.array([len(text) <= 3 for text in texts])
    places = {tuple(text): i for i, text in enumerate(texts)}
    equal = np.array([places[tuple(text)] for text in texts])
    assert tied(np.unique(equal, return_inverse=True)[1])[short].mean() > 0.3
    units = copied_texts([*texts, *(text for text in texts if len(text) > 7)])
    assert tied(units)[:3000][short].mean() < 0.02
    assert tied(units)[3000:].all()
