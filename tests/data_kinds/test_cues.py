"""What must not decide is drawn anew, and directions are checked."""

from __future__ import annotations

import numpy as np

from deepseek_report.data_kinds.input_changes import InputCue, changes, grid_of, wrong_way

NAN = np.nan


def test_columns_change_together_and_others_stay() -> None:
    rows = np.arange(12.0).reshape(4, 3)
    changed = InputCue((0, 2)).redrawn(rows, rows, np.random.default_rng(0))
    assert (changed[:, 1] == rows[:, 1]).all()
    pairs = {tuple(row) for row in rows[:, [0, 2]].tolist()}
    assert {tuple(row) for row in changed[:, [0, 2]].tolist()} <= pairs


def test_marked_words_change_places_with_those_of_another_text() -> None:
    rows = np.array([[7.0, 1, 2, NAN], [3.0, 4, NAN, NAN]])
    cue = InputCue(words=(7, 8))
    without = cue.redrawn(rows[:1], np.array([[3.0, 4, NAN, NAN]]), np.random.default_rng(0))
    assert np.array_equal(without, [[1.0, 2, NAN, NAN]], equal_nan=True)
    other = cue.redrawn(rows[:1], np.array([[5.0, 8, NAN, NAN]]), np.random.default_rng(0))
    assert np.array_equal(other, [[8.0, 1, 2, NAN]], equal_nan=True)
    added = cue.redrawn(rows[1:], np.array([[8.0, 8, 1, NAN]]), np.random.default_rng(0))
    assert np.array_equal(added, [[3.0, 4, 8, 8]])


def test_a_full_text_gives_its_last_words_for_those_that_come() -> None:
    cue = InputCue(words=(8,))
    full = np.array([[1.0, 2, 3]])
    changed = cue.redrawn(full, np.array([[8.0, 1, 1]]), np.random.default_rng(0))
    assert changed.tolist() == [[1.0, 2.0, 8.0]]


def test_movement_against_a_direction_is_the_largest_step_back() -> None:
    rng = np.random.default_rng(1)
    answers = rng.random((50, 6))
    for direction in (1, -1):
        slow = [
            max([0.0, *(-direction * (row[k + 1] - row[k]) for k in range(5))]) for row in answers
        ]
        assert np.allclose(wrong_way(answers, direction), slow)


def test_a_grid_holds_values_that_occur_and_no_missing_one() -> None:
    values = np.array([3.0, NAN, 1.0, 1.0, 2.0])
    assert grid_of(values).tolist() == [1.0, 2.0, 3.0]
    assert len(grid_of(np.array([NAN]))) == 0


def test_answers_lie_apart_by_half_the_difference_of_their_probabilities() -> None:
    first, other = np.array([[0.1, 0.2, 0.7]]), np.array([[0.3, 0.2, 0.5]])
    assert np.allclose(changes(first, other, 9.0), [0.2])
    assert np.allclose(changes(np.array([[4.0]]), np.array([[1.0]]), 2.0), [1.5])
