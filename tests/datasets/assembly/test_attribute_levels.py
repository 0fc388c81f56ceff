"""Groups that are made of a column: every level is kept, however many there are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.schema import Category, Feature
from deepseek_report.datasets.assembly.column_declarations import (
    MOST_GROUPS,
    ColumnDeclaration,
    group_by,
)
from deepseek_report.datasets.assembly.data_declarations import attribute_of
from deepseek_report.errors import DataError


def nations(n: int) -> Feature:
    categories = tuple(Category(str(k), f"nation {k}") for k in range(n))
    return Feature("nation", "Nation", "categorical", categories=categories)


def test_no_level_of_many_is_pooled_when_data_are_read() -> None:
    values = np.array([*np.repeat(np.arange(200.0), 3), np.nan])
    attribute, codes = group_by(nations(200), values, ColumnDeclaration())
    assert attribute.levels == tuple(f"nation {k}" for k in range(200))
    assert codes.tolist() == [*np.repeat(np.arange(200), 3).tolist(), -1]


def test_a_column_of_many_values_gives_as_many_groups() -> None:
    cells = pd.Series([f"region {k % 60}" for k in range(600)], name="region")
    attribute, codes = attribute_of(cells, "person", "data.csv")
    assert len(attribute.levels) == 60
    assert np.bincount(codes).tolist() == [10] * 60


def test_more_groups_than_can_be_compared_are_refused_with_what_to_do() -> None:
    n = MOST_GROUPS + 1
    with pytest.raises(DataError, match=f"at most {MOST_GROUPS} groups"):
        group_by(nations(n), np.arange(float(n)), ColumnDeclaration())
    with pytest.raises(DataError, match="has 2001 different values"):
        attribute_of(pd.Series([str(k) for k in range(n)], name="id"), "person", "data.csv")
