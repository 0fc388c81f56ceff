"""Folds: each row is tested once, classes and groups evenly, entities whole, time forward."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from deepseek_report.artifacts.split import Split
from deepseek_report.datasets.splitting import FoldRule


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
