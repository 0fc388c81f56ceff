"""The seeds that a run records, also one of before each step had its own."""

from __future__ import annotations

import pytest

from deepseek_report.artifacts.seeds import Seeds


def test_the_config_of_an_older_run_has_one_seed_for_everything() -> None:
    assert Seeds.recorded({"seed": 4}) == Seeds(4, 4, 4, 4)


def test_a_step_that_is_recorded_counts_before_the_shared_seed() -> None:
    seeds = Seeds.recorded({"seed": 4, "seeds": {"training": 0, "measure": 9}})
    assert seeds == Seeds(4, 0, 4, 9)


@pytest.mark.parametrize("config", [{}, {"seeds": {"data": 1, "training": 2}}])
def test_no_seeds_are_made_up(config: dict[str, object]) -> None:
    assert Seeds.recorded(config) is None
