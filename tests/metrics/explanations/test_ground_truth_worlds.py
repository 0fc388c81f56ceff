"""The small form of `benchmarks/explanations.py`: one world whose exact answer is known."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def worlds(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from worlds import ground_truth

    return ground_truth


def test_spoilt_truth_is_as_far_from_it_as_it_was_spoilt_and_the_metrics_notice(
    worlds, monkeypatch
) -> None:
    from worlds import truth_tables

    monkeypatch.setattr(worlds.GroundTruth, "games", ("baseline",))
    judged = worlds.judge("interaction", "formula", worlds.CI, 1)
    by_name = {each.name: each for each in judged}
    errors = {name: each.error for name, each in by_name.items()}
    assert errors["truth"] == pytest.approx(0, abs=1e-6)
    assert errors["truth"] < errors["slightly noisy"] < errors["noisy"] < errors["random"]
    assert errors["turned"] == pytest.approx(1)
    assert by_name["truth"].order == pytest.approx(1)
    assert by_name["of another"].own_case is not True
    ranks = truth_tables.correlations(judged, "baseline")
    assert np.mean(ranks["deletion_effect"]) > truth_tables.LEAST_CORRELATION
    assert np.mean(ranks["max_sensitivity"]) < truth_tables.LEAST_CORRELATION


def test_every_shipped_method_that_can_explain_the_model_is_judged(worlds) -> None:
    world = worlds.GroundTruth("additive", "formula", 1, worlds.CI)
    accepted = {
        name
        for name, explainer in worlds.shipped_parts("explainers").items()
        if world._accepts(explainer)
    }
    assert {"shap", "lime", "integrated_gradients", "input_x_gradient", "random"} <= accepted
    assert not accepted & {"attention_rollout", "intrinsic"}
    assert set(world.explanations("baseline")) <= accepted | set(worlds.SPOILT)


def test_the_module_of_a_formula_gives_the_formula_in_every_family(worlds) -> None:
    for family in worlds.FAMILIES:
        world = worlds.GroundTruth(family, "formula", 2, worlds.CI)
        rows = world.dataset.test.inputs
        odds = world.classifier.log_odds(rows, 1)
        np.testing.assert_allclose(odds, world.formula.value(rows), rtol=1e-4, atol=1e-4)
