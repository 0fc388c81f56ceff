"""The split and the folds: exact shares, no copies or entities torn apart, the same by seed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_report.artifacts.split import Split
from deepseek_report.datasets.splitting import (
    FoldRule,
    SplitRule,
    draw_rows,
    is_repeat,
    row_identity,
    shared_between,
    split_rows,
)
from deepseek_report.errors import DataError

CLASSES = ("no", "yes")


def make(n: int, share: float = 0.3, seed: int = 0, columns: int = 3) -> Split:
    random = np.random.default_rng(seed)
    labels = (np.arange(n) < share * n).astype(np.int64)
    return Split(random.normal(size=(n, columns)), random.permutation(labels), np.arange(n))


def with_copies(whole: Split, n: int, seed: int = 1) -> Split:
    """The first n rows get the inputs of n random rows; labels may then contradict."""
    source = np.random.default_rng(seed).integers(0, len(whole), n)
    inputs = whole.inputs.copy()
    inputs[:n] = inputs[source]
    return Split(inputs, whole.labels, whole.instance_ids)


def test_every_row_is_in_exactly_one_part() -> None:
    parts = split_rows(make(500), SplitRule(), 7, CLASSES)
    ids = np.concatenate([part.instance_ids for part in parts.values()])
    assert sorted(ids) == list(range(500))


def test_shares_hold_exactly_within_each_class() -> None:
    parts = split_rows(make(1000), SplitRule(0.25, 0.15), 7, CLASSES)
    counts = {name: np.bincount(part.labels).tolist() for name, part in parts.items()}
    assert counts == {"train": [420, 180], "validation": [175, 75], "test": [105, 45]}


def test_the_same_seed_gives_the_same_rows_and_another_seed_others() -> None:
    first, again, other = (
        split_rows(make(300), SplitRule(), seed, CLASSES)["test"].instance_ids for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(60, 200), copies=st.integers(0, 50), seed=st.integers(0, 99))
def test_rows_with_the_same_inputs_never_fall_in_different_parts(
    n: int, copies: int, seed: int
) -> None:
    whole = with_copies(make(n, seed=seed), copies, seed)
    parts = split_rows(whole, SplitRule(), seed, CLASSES)
    seen = [{row.tobytes() for row in part.inputs} for part in parts.values()]
    assert len(set.union(*seen)) == sum(map(len, seen))
    assert shared_between(parts) == 0
    assert sum(map(len, parts.values())) == n


def test_copies_hardly_move_the_sizes_of_the_parts() -> None:
    parts = split_rows(with_copies(make(1000), 400), SplitRule(), 5, CLASSES)
    assert [len(part) for part in parts.values()] == pytest.approx([600, 200, 200], abs=4)


def test_shared_rows_are_counted_like_a_slow_comparison_of_all_pairs() -> None:
    whole = with_copies(make(120), 60)
    parts = split_rows(whole, SplitRule(duplicates="apart"), 2, CLASSES)
    slow = 0
    for name in ("validation", "test"):
        others = np.concatenate([p.inputs for other, p in parts.items() if other != name])
        slow += sum(any((row == other).all() for other in others) for row in parts[name].inputs)
    assert slow > 0
    assert shared_between(parts) == slow


def test_missing_cells_and_negative_zero_count_as_the_same() -> None:
    rows = np.array([[np.nan, 0.0], [np.nan, -0.0], [-np.nan, 0.0], [1.0, 0.0]])
    assert is_repeat(row_identity(rows)).tolist() == [False, True, True, False]


def test_labels_can_be_part_of_the_identity() -> None:
    identity = row_identity(np.zeros((3, 2)), np.array([0, 1, 0]))
    assert is_repeat(identity).tolist() == [False, False, True]


def test_a_sample_of_rows_keeps_the_shares_and_the_order() -> None:
    labels = make(1000, share=0.22).labels
    chosen = draw_rows(labels, 100, 3)
    assert np.bincount(labels[chosen]).tolist() == [78, 22]
    assert np.all(np.diff(chosen) > 0)
    assert len(draw_rows(labels, None, 3)) == len(draw_rows(labels, 5000, 3)) == 1000


def test_too_few_rows_of_a_class_are_refused_with_their_number() -> None:
    with pytest.raises(DataError, match=r"'yes' has 2 rows, too few"):
        split_rows(make(100, share=0.02), SplitRule(), 0, CLASSES)


def test_a_table_with_two_different_rows_cannot_be_split() -> None:
    inputs = np.repeat([[0.0], [1.0]], 20, axis=0)
    whole = Split(inputs, np.repeat([0, 1], 20), np.arange(40))
    with pytest.raises(DataError, match=r"duplicates=apart"):
        split_rows(whole, SplitRule(), 0, CLASSES)


def test_shares_without_a_training_part_are_a_problem() -> None:
    assert SplitRule().problems() == []
    assert "sum under 1" in SplitRule(0.6, 0.4).problems()[0]


def rows(n: int = 200, **fields: object) -> Split:
    random = np.random.default_rng(5)
    inputs = random.normal(size=(n, 3))
    labels = (np.arange(n) % 5 == 0).astype(np.int64)
    return Split(inputs, labels, np.arange(n), **fields)  # type: ignore[arg-type]


def test_each_row_is_tested_once_and_is_in_one_part_of_a_fold() -> None:
    folds = FoldRule(5, 0.25).of(rows(), [], 1)
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(200))
    for fold in folds:
        assert sorted(np.concatenate([fold.train, fold.validation, fold.test])) == [*range(200)]
        assert len(fold.validation) == 40


def test_classes_and_groups_are_shared_out_evenly() -> None:
    whole = rows()
    groups = np.where(np.arange(200) % 8 == 0, 1, 0)  # 25 rows, 5 of them of class 1
    folds = FoldRule(5, 0.25).of(whole, [groups], 1)
    assert [int(whole.labels[fold.test].sum()) for fold in folds] == [8] * 5
    assert [int(groups[fold.test].sum()) for fold in folds] == [5] * 5 or all(
        4 <= groups[fold.test].sum() <= 6 for fold in folds
    )


def test_rows_of_one_entity_and_copies_are_in_one_part() -> None:
    entities = np.arange(200) // 4
    whole = rows(entities=entities)
    whole.inputs[10] = whole.inputs[100]
    for fold in FoldRule(4, 0.25).of(whole, [], 3):
        parts = {part: set(entities[places]) for part, places in vars(fold).items()}
        assert not parts["train"] & parts["test"]
        assert not parts["train"] & parts["validation"]
        assert not parts["validation"] & parts["test"]
        assert (10 in fold.test) == (100 in fold.test)


def test_with_time_each_fold_is_trained_on_what_came_before() -> None:
    moments = np.random.default_rng(2).permutation(np.repeat(np.arange(40.0), 5))
    whole = rows(moments=moments)
    folds = FoldRule(3, 0.25).of(whole, [], 1)
    for fold in folds:
        assert moments[fold.train].max() < moments[fold.validation].min()
        assert moments[fold.validation].max() < moments[fold.test].min()
    for earlier, later in pairwise(folds):
        before = {*earlier.train, *earlier.validation, *earlier.test}
        assert before == {*later.train, *later.validation}
    assert sum(len(fold.test) for fold in folds) == 150


def test_rows_without_a_moment_are_trained_on_and_never_tested() -> None:
    moments = np.arange(200.0)
    moments[[7, 190]] = np.nan
    for fold in FoldRule(4, 0.2).of(rows(moments=moments), [], 1):
        assert {7, 190} <= {*fold.train}


def test_too_few_moments_for_the_folds_are_refused() -> None:
    with pytest.raises(ValueError, match="no rows to train on"):
        FoldRule(5, 0.2).of(rows(moments=np.repeat([0.0, 1.0], 100)), [], 1)


def test_the_same_seed_draws_the_same_folds() -> None:
    first, again, other = (FoldRule(5, 0.25).of(rows(), [], seed) for seed in (1, 1, 2))
    assert all((a.test == b.test).all() for a, b in zip(first, again, strict=True))
    assert any(set(a.test) != set(b.test) for a, b in zip(first, other, strict=True))
