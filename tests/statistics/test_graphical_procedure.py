from __future__ import annotations

import math

import numpy as np

from deepseek_report.statistics.graphical_procedure import (
    BUDGET,
    DECLARED,
    SET_ASIDE,
    SHARES,
    FamilyOfTests,
    levels_of,
)
from deepseek_report.statistics.intervals import holm


def test_the_parts_of_the_families_are_the_whole_budget():
    parts = [part for name, part in SHARES.items() if name not in DECLARED]
    assert math.isclose(sum(parts), BUDGET)


def test_a_family_without_comparisons_leaves_its_part_to_the_others_by_their_parts():
    levels = levels_of(
        {
            "group_differences": FamilyOfTests((0.3,), 1),
            "slices": FamilyOfTests((0.3,), 1),
            "parts": FamilyOfTests((), 0),
        }
    )
    assert math.isclose(sum(levels.values()), BUDGET - sum(SHARES[name] for name in SET_ASIDE))
    assert math.isclose(levels["group_differences"] / levels["slices"], 0.0175 / 0.0075)
    assert levels["parts"] == 0


def test_a_family_all_of_whose_comparisons_are_beyond_chance_passes_its_part_on():
    kept = levels_of({"stated": FamilyOfTests((0.2,), 1), "parts": FamilyOfTests((0.2,), 1)})
    passed = levels_of({"stated": FamilyOfTests((1e-6,), 1), "parts": FamilyOfTests((0.2,), 1)})
    assert math.isclose(passed["parts"], kept["parts"] + kept["stated"])


def test_a_search_of_which_some_p_values_are_not_known_passes_nothing_on():
    kept = levels_of({"slices": FamilyOfTests((0.5,), 400), "parts": FamilyOfTests((0.2,), 1)})
    levels = levels_of({"slices": FamilyOfTests((1e-9,), 400), "parts": FamilyOfTests((0.2,), 1)})
    assert levels == kept


def test_some_false_alarm_comes_in_at_most_5_of_100_reports_whatever_else_is_true():
    tested = [name for name in SHARES if name not in SET_ASIDE]
    random = np.random.default_rng(1)
    for n_true in range(4):
        alarms = 0
        for _ in range(2000):
            families, null = {}, {}
            for k, name in enumerate(tested):
                p = random.random(3)
                if k < n_true:
                    p = p * 1e-6
                families[name] = FamilyOfTests(tuple(holm(p).tolist()), 3)
                null[name] = k >= n_true
            levels = levels_of(families)
            alarms += any(
                null[name] and min(family.p_values) < levels[name]
                for name, family in families.items()
            )
        assert alarms / 2000 <= BUDGET + 2 * math.sqrt(BUDGET * (1 - BUDGET) / 2000)
