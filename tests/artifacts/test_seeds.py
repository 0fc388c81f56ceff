"""Seeds that a run records, and keys that hang on the content of rows alone."""

from __future__ import annotations

import numpy as np
import pytest

from deepseek_report.artifacts.seeds import Seeds, content_keys


def test_the_seeds_are_those_of_the_steps() -> None:
    steps = {"data": 4, "training": 0, "explain": 4, "measure": 9}
    assert Seeds.recorded({"seed": 1, "seeds": steps}) == Seeds(4, 0, 4, 9)


@pytest.mark.parametrize("config", [{}, {"seed": 4}, {"seeds": {"data": 1, "training": 2}}])
def test_no_seeds_are_made_up(config: dict[str, object]) -> None:
    assert Seeds.recorded(config) is None


ROWS = np.array([[0.1, 2.0, np.nan], [0.1, 2.0, 3.0], [-1.0, 0.0, 1e300]])


def test_equal_rows_have_equal_keys_and_other_rows_others() -> None:
    keys = content_keys(np.concatenate([ROWS, ROWS[::-1]]))
    assert keys[:3] == keys[:2:-1]
    assert len(set(keys)) == 3


def test_a_key_does_not_tell_zero_from_minus_zero_nor_one_missing_value_from_another() -> None:
    other_nan = np.array([-np.nan])
    np.testing.assert_equal(content_keys(np.array([[0.0]])), content_keys(np.array([[-0.0]])))
    assert content_keys(np.array([[np.nan]])) == content_keys(other_nan[None])


def test_a_number_that_was_stored_in_single_precision_keeps_its_key() -> None:
    stored = ROWS[:2].astype(np.float32).astype(np.float64)
    assert content_keys(stored) == content_keys(ROWS[:2])
