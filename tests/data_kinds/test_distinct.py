from __future__ import annotations

import numpy as np
from hypothesis import given as examples
from hypothesis import strategies as st

from deepseek_report.data_kinds.coalitions import distinct_rows, each_once


@examples(st.integers(1, 40), st.integers(1, 4), st.integers(0, 5))
def test_each_row_is_equal_to_the_distinct_row_that_stands_for_it(rows, columns, seed) -> None:
    drawn = np.random.default_rng(seed).integers(0, 3, (rows, columns)).astype(float)
    first, copies = distinct_rows(drawn)
    np.testing.assert_array_equal(drawn[first][copies], drawn)
    assert len(first) == len(np.unique(drawn, axis=0))
    assert (np.diff(first) > 0).all()


def test_missing_values_are_equal_and_signs_of_zero_are_not() -> None:
    first, _ = distinct_rows(np.array([[np.nan], [np.nan], [0.0], [-0.0]]))
    assert first.tolist() == [0, 2, 3]


def test_the_model_is_asked_once_about_equal_rows() -> None:
    asked_about = []

    def output(rows: np.ndarray) -> np.ndarray:
        asked_about.append(rows)
        return rows.sum(axis=1)

    rows = np.array([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]])
    np.testing.assert_array_equal(each_once(output, rows), [3, 7, 3])
    assert len(asked_about) == 1
    assert asked_about[0].tolist() == [[1, 2], [3, 4]]
