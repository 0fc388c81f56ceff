"""The split and the folds: no label moves a row, nothing that belongs together is torn apart."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_report.artifacts.array_types import Ints
from deepseek_report.artifacts.split import PARTS, Split
from deepseek_report.datasets.splitting import (
    FoldRule,
    SplitRule,
    assign,
    draw_rows,
    shared_between,
    split_rows,
    tied,
)
from deepseek_report.errors import DataError
from deepseek_report.statistics.copies import copied_rows, joined, row_identity

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
    return tied(
        Split(inputs, whole.labels, whole.instance_ids), copied_rows(inputs), SplitRule(), None
    )


def sizes(part: Ints) -> list[int]:
    return np.bincount(part, minlength=len(PARTS)).tolist()


def test_parts_have_their_shares_and_are_drawn_without_a_look_at_labels() -> None:
    whole = make(1000)
    part = split_rows(whole, SplitRule(0.25, 0.15), 7, CLASSES)
    assert sizes(part) == [600, 250, 150]
    turned = Split(whole.inputs, 1 - whole.labels, whole.instance_ids)
    other = Split(whole.inputs, np.roll(whole.labels, 311), whole.instance_ids)
    for labels in (turned, other):
        assert np.array_equal(split_rows(labels, SplitRule(0.25, 0.15), 7, CLASSES), part)


def test_the_same_seed_gives_the_same_rows_and_another_seed_others() -> None:
    first, again, other = (split_rows(make(300), SplitRule(), seed, CLASSES) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(60, 200), copies=st.integers(0, 50), seed=st.integers(0, 99))
def test_copies_never_fall_in_different_parts(n: int, copies: int, seed: int) -> None:
    whole = with_copies(make(n, seed=seed), copies, seed)
    part = split_rows(whole, SplitRule(), seed, CLASSES)
    assert shared_between(row_identity(whole.inputs), part) == 0
    assert set(part.tolist()) == {0, 1, 2}


def test_a_unit_gets_into_a_part_with_its_share_whatever_its_size() -> None:
    units = np.repeat(np.arange(60), np.arange(60) // 10 * 4 + 1)
    random = np.random.default_rng(0)
    tested = np.zeros(60)
    n_rows = []
    for _ in range(2000):
        part = assign(units, (0.6, 0.2, 0.2), random)
        tested[np.unique(units[part == 2])] += 1
        n_rows.append((part == 2).mean())
    by_size = (tested / 2000).reshape(6, 10)
    assert by_size == pytest.approx(0.2, abs=5 * np.sqrt(0.16 / 2000))
    assert by_size.mean(axis=1) == pytest.approx(0.2, abs=5 * np.sqrt(0.16 / 20_000))
    assert np.std(n_rows) < 0.03  # of 660 rows in units of up to 21


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_right_probability_is_right_in_every_part(share: float) -> None:
    """Equal rows, copies and labels that go with the size of a unit select nothing."""
    random, late = np.random.default_rng(5), []
    for seed in range(300):
        kinds = random.integers(0, 3, size=(400, 3)).astype(float)
        truth = np.clip(share + 0.1 * (kinds[:, 0] - 1), 0.02, 0.98)
        labels = (random.random(400) < truth).astype(np.int64)
        numbers = np.where(kinds[:, :1] == 2, kinds, random.normal(size=(400, 3)))
        whole = with_copies(Split(numbers, labels, np.arange(400)), 0)
        test = split_rows(whole, SplitRule(), seed, CLASSES) == 2
        error = (labels - truth)[test].sum() / np.sqrt((truth * (1 - truth))[test].sum())
        late.append(abs(error) > 1.96)
    assert 0.02 <= np.mean(late) <= 0.08


def test_shared_rows_are_counted_like_a_slow_comparison_of_all_pairs() -> None:
    whole = with_copies(make(120), 60)
    apart = Split(whole.inputs, whole.labels, whole.instance_ids)
    part = split_rows(apart, SplitRule(), 2, CLASSES)
    slow = sum(
        any((whole.inputs[i] == whole.inputs[j]).all() for j in np.flatnonzero(part != part[i]))
        for i in np.flatnonzero(part > 0)
    )
    assert slow > 0
    assert shared_between(copied_rows(whole.inputs), part) == slow


def test_rows_of_an_entity_and_copies_are_tied_where_they_do_not_stand_apart() -> None:
    plain = make(6)
    copied, units = np.array([0, 0, 1, 2, 3, 4]), np.array([0, 1, 1, 2, 3, 4])
    together, apart = SplitRule(), SplitRule(duplicates="apart")
    assert tied(plain, np.arange(6), together, None).entities is None
    assert np.array_equal(tied(plain, copied, together, units).entities, joined(copied, units))
    assert tied(plain, copied, apart, None).entities is None
    assert np.array_equal(tied(plain, copied, apart, units).entities, units)


def test_a_sample_of_rows_keeps_their_order_and_looks_at_nothing() -> None:
    chosen = draw_rows(1000, 100, 3)
    assert len(chosen) == 100
    assert np.all(np.diff(chosen) > 0)
    assert len(draw_rows(1000, None, 3)) == len(draw_rows(1000, 5000, 3)) == 1000


def test_too_few_rows_of_a_class_are_refused_with_their_number() -> None:
    with pytest.raises(DataError, match=r"'yes' has 2 rows, too few"):
        split_rows(make(100, share=0.02), SplitRule(), 0, CLASSES)


def test_ten_rows_of_a_class_are_in_every_part() -> None:
    for seed in range(20):
        whole = make(400, share=0.025, seed=seed)
        part = split_rows(whole, SplitRule(), seed, CLASSES)
        assert set(part[whole.labels == 1].tolist()) == {0, 1, 2}


def test_a_class_that_one_entity_has_alone_is_told_with_its_rows() -> None:
    whole = make(200)
    rows = tied(whole, np.arange(200), SplitRule(), np.where(whole.labels == 1, 0, np.arange(200)))
    with pytest.raises(
        DataError, match=r"no row of 'yes' in any of 100 draws: there are 60 rows"
    ) as refusal:
        split_rows(rows, SplitRule(), 0, CLASSES)
    assert "in 1 set that stay together" in str(refusal.value)


def test_shares_without_a_training_part_are_a_problem() -> None:
    assert SplitRule().problems() == []
    assert "sum under 1" in SplitRule(0.6, 0.4).problems()[0]


def rows(n: int = 200, **fields: object) -> Split:
    random = np.random.default_rng(5)
    inputs = random.normal(size=(n, 3))
    labels = (np.arange(n) % 5 == 0).astype(np.int64)
    return Split(inputs, labels, np.arange(n), **fields)  # type: ignore[arg-type]


def test_each_row_is_tested_once_and_is_in_one_part_of_a_fold() -> None:
    folds = FoldRule(5, 0.25).of(rows(), 1)
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(200))
    for fold in folds:
        assert sorted(np.concatenate([fold.train, fold.validation, fold.test])) == [*range(200)]
        assert len(fold.validation) == 40


def test_folds_look_at_no_label_but_have_every_class() -> None:
    whole = rows()
    turned = Split(whole.inputs, 1 - whole.labels, whole.instance_ids)
    folds, others = (FoldRule(5, 0.25).of(each, 1) for each in (whole, turned))
    assert all(np.array_equal(a.test, b.test) for a, b in zip(folds, others, strict=True))
    assert [len(fold.test) for fold in folds] == [40] * 5
    assert len({int(whole.labels[fold.test].sum()) for fold in folds}) > 1
    few = Split(whole.inputs, (np.arange(200) < 12).astype(np.int64), whole.instance_ids)
    for fold in FoldRule(5, 0.25).of(few, 1):
        assert all(few.labels[getattr(fold, part)].any() for part in PARTS)


def test_rows_that_stay_together_are_in_one_part_of_a_fold() -> None:
    entities = np.arange(200) // 4
    for fold in FoldRule(4, 0.25).of(rows(entities=entities), 3):
        parts = {part: set(entities[places]) for part, places in vars(fold).items()}
        assert not parts["train"] & parts["test"]
        assert not parts["train"] & parts["validation"]
        assert not parts["validation"] & parts["test"]


def test_with_time_each_fold_is_trained_on_what_came_before() -> None:
    moments = np.random.default_rng(2).permutation(np.repeat(np.arange(40.0), 5))
    whole = rows(moments=moments)
    folds = FoldRule(3, 0.25).of(whole, 1)
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
    for fold in FoldRule(4, 0.2).of(rows(moments=moments), 1):
        assert {7, 190} <= {*fold.train}


def test_too_few_moments_for_the_folds_are_refused() -> None:
    with pytest.raises(ValueError, match="no rows to train on"):
        FoldRule(5, 0.2).of(rows(moments=np.repeat([0.0, 1.0], 100)), 1)


def test_the_same_seed_draws_the_same_folds() -> None:
    first, again, other = (FoldRule(5, 0.25).of(rows(), seed) for seed in (1, 1, 2))
    assert all((a.test == b.test).all() for a, b in zip(first, again, strict=True))
    assert any(set(a.test) != set(b.test) for a, b in zip(first, other, strict=True))
