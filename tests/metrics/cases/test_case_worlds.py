"""The small form of `benchmarks/worlds/cases.py`: worlds whose truth is known."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def worlds(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from worlds import cases

    return cases


@pytest.mark.parametrize("method", ["shortfall_from_all", "shortfall_from_accepted"])
def test_reason_codes_are_true_shortfalls_and_claim_no_wrong_order(worlds, method: str) -> None:
    world = worlds.reason_world(method, 1)
    assert world.codes > world.people
    assert world.protected == 0
    assert world.favourable <= 0.05 * world.codes
    assert world.reversed <= 0.05 * max(world.claimed, 20)
    assert world.kept == pytest.approx(world.kept_by_seed, abs=0.05)
    assert world.earlier_favourable > 0.1 * world.earlier  # what the earlier rule gave


@pytest.mark.parametrize("model", ["sum", "rule list"])
def test_changes_hold_by_the_model_and_obey_what_is_declared(worlds, model, monkeypatch) -> None:
    monkeypatch.setattr(worlds, "CHANGED", 8)
    world = worlds.change_world(model, 1)
    assert world.known >= 0.8 * world.possible > 0
    assert world.verified == world.known
    assert world.backward == world.fixed == world.off_step == world.far == 0


def test_each_case_is_explained_for_the_class_that_was_decided(worlds) -> None:
    world = worlds.class_world(1)
    assert world.decided == world.cases
    assert world.fixed_class > 0
    assert world.within >= 0.9 * world.values
