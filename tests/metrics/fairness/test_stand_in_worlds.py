"""The small form of `benchmarks/worlds/stand_ins.py`: one world of each kind."""

from __future__ import annotations

import math

import pytest
from worlds import stand_in_sets as sets
from worlds import stand_ins as worlds


def test_two_columns_that_tell_a_group_only_together_stand_in_for_it() -> None:
    outcome = sets.trial(1.0, 0.3, 1)
    assert outcome.right
    assert outcome.explained > 0.6


def test_where_no_stand_ins_are_found_no_part_of_zero_is_told() -> None:
    outcome = sets.trial(1.0, 1.0, 0)
    assert outcome.empty
    assert not outcome.zero
    assert math.isnan(outcome.explained)


@pytest.mark.parametrize(("area", "severity"), [(0.85, "medium"), (0.95, "medium")])
@pytest.mark.parametrize("stand_ins", [1, 2])
def test_columns_that_stand_in_for_an_attribute_are_named(
    area: float, severity: str, stand_ins: int
) -> None:
    assert worlds.trial(area, stand_ins, 3) == worlds.Outcome(severity, True)


def test_columns_that_have_nothing_to_do_with_an_attribute_are_not_accused() -> None:
    assert worlds.trial(0.5, 0, 3).severity == ""
