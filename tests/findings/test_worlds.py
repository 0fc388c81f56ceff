"""The small forms of the benchmarks: what is concluded in worlds whose truth is known."""

from __future__ import annotations

import pytest
from worlds import explainers, groups, many_groups

# --- Methods of explaining ------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["logistic model", "network", "forest"])
def test_methods_that_are_right_blind_and_wrong_get_the_verdicts_that_they_deserve(
    model: str,
) -> None:
    methods = [name for name, _, _ in explainers.METHODS]
    uses = explainers.verdicts_of(explainers.MODELS[model], 60, methods, seed=3)
    wrong = {
        name: uses[name] for name, _, deserved in explainers.METHODS if uses[name] not in deserved
    }
    assert wrong == {}


# --- Groups ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [300, 1000, 6000])
def test_groups_without_any_difference_raise_no_alarm(n: int) -> None:
    worlds = [groups.severities_of_null(n, seed) for seed in range(3)]
    assert not {"high", "medium"} & {severity for each in worlds for severity in each.values()}


@pytest.mark.parametrize("sizes", [(1000, 1000), (1000, 2000), (2000, 1000)])
def test_a_ratio_of_six_tenths_is_below_whichever_group_is_larger(sizes: tuple[int, int]) -> None:
    verdicts = [groups.verdict_on(0.5, 0.6, sizes, seed) for seed in range(5)]
    assert set(verdicts) == {"clear below"}


@pytest.mark.parametrize(
    ("traits", "least"),
    [({"ratio": 0.5}, "high"), ({"flipped": 0.45}, "medium"), ({"noise": 0.45}, "high")],
)
def test_what_is_planted_on_one_group_is_told_of_its_attribute_alone(
    traits: dict[str, float], least: str
) -> None:
    attributes = {"sex": (0.6, 0.4), "status": (0.5, 0.5)}
    planted = groups.World(3000, attributes=attributes, **traits)
    for seed in range(2):
        severity, elsewhere = groups.told_of_planted(planted, seed)
        assert severity in ("high", least)
        assert not elsewhere


def test_the_power_that_is_computed_is_that_of_the_score_test() -> None:
    assert groups.computed_power(0.35, 0.6, (1000, 1000)) == pytest.approx(0.975, abs=0.005)
    assert groups.computed_power(0.35, 0.8, (1000, 1000)) == pytest.approx(0.025, abs=0.005)


def test_probabilities_that_are_off_for_one_group_are_told_of_that_group_alone() -> None:
    severity, is_named, _, holds_its_truth = groups.stated_trial(1.0, 1.0, 3000, 1)
    assert (severity, is_named, holds_its_truth) == ("high", True, True)


def test_probabilities_that_are_too_extreme_for_everybody_are_no_fault_of_a_group() -> None:
    assert {groups.stated_trial(0.0, 0.6, 3000, seed)[0] for seed in range(3)} == {""}


def test_probabilities_that_are_off_in_every_crossing_alone_are_told() -> None:
    for seed in range(4):
        assert many_groups.told_of_crossings(0.11, 3000, seed) == (True, False)
        assert many_groups.told_of_crossings(0.0, 1000, seed) == (False, False)


def test_a_crossing_is_not_told_beside_the_group_that_explains_it() -> None:
    metrics = {"group_calibration": groups.GroupCalibration()}
    findings = groups.concluded(*groups.World(6000, lean=1.0).draw(1), 1, metrics)
    attributes = {group["attribute"] for finding in findings for group in finding.values["groups"]}
    assert attributes == {"sex"}


def test_each_of_very_many_groups_is_judged_and_no_pool_is_a_reference() -> None:
    for name, nations in many_groups.NATIONS.items():
        is_below, wrong, pool = many_groups.told_of_nations(nations, 1)
        assert is_below is (nations.low is not None), name
        assert not wrong, name
        assert not pool, name
