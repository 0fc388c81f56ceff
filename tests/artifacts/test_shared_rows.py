"""Test rows that runs have in common: told by what they hold, however they were read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deepseek_report.artifacts.schema import Category, Feature, Schema, Target, as_vocabulary
from deepseek_report.artifacts.shared_rows import SharedRows
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.written_texts import WrittenTexts

Part = tuple[Schema, Split]
TARGET = Target("default", "Default", ("no", "yes"))


def part(n: int = 60, seed: int = 0) -> Part:
    """A number, a count and a category of rows with numbers of their own; some are missing."""
    rng = np.random.default_rng(seed)
    columns = [rng.normal(size=n).round(2), rng.integers(0, 3, n), rng.integers(0, 3, n)]
    inputs = np.stack(columns, axis=1).astype(np.float64)
    inputs[rng.random(inputs.shape) < 0.05] = np.nan
    levels = tuple(Category(code, code.title()) for code in ("low", "medium", "high"))
    features = (
        Feature("income", "Income", "numeric"),
        Feature("children", "Children", "numeric"),
        Feature("risk", "Risk", "ordinal", categories=levels),
    )
    numbers = rng.permutation(5 * n)[:n]
    return Schema(features, TARGET), Split(inputs, rng.integers(0, 2, n), numbers)


def read_otherwise(known: Part, seed: int = 1) -> tuple[Part, np.ndarray]:
    """The same rows in another order, numbered from 0, with categories listed the other way round.

    Returns them, and (row,) where each of them stood.
    """
    schema, test = known
    order = np.random.default_rng(seed).permutation(len(test))
    *rest, risk = schema.features
    turned = replace(schema, features=(*rest, replace(risk, categories=risk.categories[::-1])))
    inputs = test.inputs[order].copy()
    inputs[:, 2] = 2 - inputs[:, 2]
    return (turned, Split(inputs, test.labels[order], np.arange(len(order)))), order


def without(known: Part, column: int) -> Part:
    schema, test = known
    features = tuple(np.delete(np.array(schema.features, dtype=object), column))
    return replace(schema, features=features), replace(
        test, inputs=np.delete(test.inputs, column, 1)
    )


def test_rows_are_the_same_in_another_order_under_other_numbers_and_other_codes() -> None:
    known = part()
    other, order = read_otherwise(known)
    shared = SharedRows.of([known, other])
    assert shared.are_all
    assert (shared.positions[0] == np.arange(len(order))).all()
    assert (order[shared.positions[1]] == shared.positions[0]).all()
    assert shared.relabelled == 0


def test_what_is_no_number_and_a_number_are_told_apart_from_a_missing_value() -> None:
    schema, test = part()
    known = np.flatnonzero(~np.isnan(test.inputs).any(axis=1))[:30]
    for column, value in ((0, np.nan), (2, np.nan), (0, 7.5)):
        inputs = test.inputs.copy()
        inputs[known, column] = value
        shared = SharedRows.of([(schema, test), (schema, replace(test, inputs=inputs))])
        assert set(shared.positions[0]) == set(range(len(test))) - set(known)
        assert not shared.are_all


def test_a_part_of_the_rows_is_matched_by_number_first_and_then_in_order() -> None:
    schema, test = part(80)
    test = replace(test, inputs=np.repeat(test.inputs[:20], 4, axis=0), labels=np.tile(0, 80))
    other = test.take(np.random.default_rng(3).permutation(80)[:50])
    shared = SharedRows.of([(schema, test), (schema, other)])
    first, second = (
        part.instance_ids[at] for part, at in zip((test, other), shared.positions, strict=True)
    )
    assert len(shared) == 50
    assert (first == second).all()
    assert shared.tested == (80, 50)


@pytest.mark.parametrize("seed", range(5))
def test_no_row_is_matched_twice_or_with_one_that_holds_something_else(seed: int) -> None:
    schema, test = part(300, seed)
    coarse = replace(test, inputs=np.round(test.inputs).clip(0, 1))
    rng = np.random.default_rng(seed)
    runs = [coarse.take(rng.permutation(300)[:200]) for _ in range(3)]
    shared = SharedRows.of([(schema, run) for run in runs])
    for run, at in zip(runs, shared.positions, strict=True):
        assert len(set(at)) == len(at)
        for name in ("inputs", "labels"):
            first = getattr(runs[0], name)[shared.positions[0]]
            np.testing.assert_array_equal(getattr(run, name)[at], first)
    numbers = set.intersection(*(set(run.instance_ids) for run in runs))
    assert numbers <= set(runs[0].instance_ids[shared.positions[0]])


def test_rows_without_a_column_are_the_same_by_number_alone() -> None:
    known = part()
    dropped = without(known, 1)
    shared = SharedRows.of([known, dropped])
    assert shared.are_all
    assert shared.left_out == ("children",)
    renumbered, _ = read_otherwise(known)
    assert not SharedRows.of([dropped, renumbered]).suffice  # who holds the same may be another


def test_other_labels_are_counted_and_left_out() -> None:
    schema, test = part()
    labels = test.labels.copy()
    labels[:7] = 1 - labels[:7]
    shared = SharedRows.of([(schema, test), (schema, replace(test, labels=labels))])
    assert set(shared.positions[0]) == set(range(7, 60))
    assert shared.relabelled == 7


def test_data_that_share_a_column_by_chance_have_no_rows_in_common() -> None:
    schema, test = part(400)
    _, other = part(400, seed=9)
    risk = replace(schema, features=(schema.features[2], schema.features[0]))
    rows = Split(other.inputs[:, [2, 1]], other.labels, test.instance_ids)
    shared = SharedRows.of([without((schema, test), 0), (risk, rows)])
    assert len(shared) == 0
    renamed = replace(
        risk, features=(replace(risk.features[0], name="b"), replace(risk.features[1], name="c"))
    )
    assert len(SharedRows.of([(schema, test), (renamed, rows)])) == 0


def test_texts_are_the_same_as_they_are_written_whatever_vocabulary_cut_them() -> None:
    texts = [f"claim number {k}, late" for k in range(40)]

    def cut(places: int, order: np.ndarray) -> Part:
        words = as_vocabulary(["[unknown]", f"late{places}"])
        features = tuple(
            Feature(f"place {k}", "", "token", categories=words) for k in range(places)
        )
        spans = np.full((40, places, 2), -1, np.int32)
        written = WrittenTexts.of([texts[at] for at in order], spans)
        return Schema(features, TARGET), Split(
            np.zeros((40, places)), order % 2, order, texts=written
        )

    turned = np.arange(40)[::-1]
    shared = SharedRows.of([cut(3, np.arange(40)), cut(5, turned)])
    assert shared.are_all
    assert (turned[shared.positions[1]] == shared.positions[0]).all()


def test_few_rows_suffice_only_where_they_are_all_that_there_are() -> None:
    schema, test = part(60)
    few = test.take(np.arange(20))
    assert SharedRows.of([(schema, few), (schema, few)]).suffice
    assert not SharedRows.of([(schema, test), (schema, few)]).suffice
    assert SharedRows.of([(schema, test), (schema, test.take(np.arange(30)))]).suffice


def test_positions_of_a_test_part_are_told_as_rows_in_common() -> None:
    known = part()
    other, order = read_otherwise((known[0], known[1].take(np.arange(10, 50))))
    shared = SharedRows.of([known, other])
    assert list(shared.rows_at(0, np.array([9, 10, 49, 50]))) == [-1, 0, 39, -1]
    assert (shared.rows_at(1, np.arange(40)) == order).all()
