"""Localisation by closed form: masks and attributions small enough to count by hand."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from deepseek_report.artifacts.explanation import DecidedClasses
from deepseek_report.artifacts.split import Split
from deepseek_report.metrics.explanations.localisation import (
    Localisation,
    mass_inside,
    order_of_truth,
    rank_inside,
    top_hit,
)
from tests import builders
from tests.builders import dataset, explanation, laid_out, numbered, table
from tests.worded import refused, say

MASK = np.array([True, True, False, False, False, False])
SHAPE = (2, 3, 1)


def context(values: np.ndarray, truth: np.ndarray | None, *, layout: bool = True, **changes):
    """Images of 2 × 3 pixels whose players are their two rows."""
    n = len(values)
    labels = changes.pop("labels", np.ones(n, dtype=np.int64))
    part = Split(np.zeros((n, 6)), labels, np.arange(n), truth=truth)
    rows = laid_out("image", *SHAPE, players=((0, 1, 2), (3, 4, 5)))
    schema = rows if layout else table(*numbered(6))
    explained = explanation(values, part.inputs, **changes)
    return builders.context(dataset(schema, part), explanation=explained)


def measured(values, truth, **changes):
    return Localisation(resamples=100).measure(context(values, truth, **changes))


def scores(outcome) -> dict[str, float]:
    return {score.metric: score.value for score in outcome.scores}


def test_an_explanation_on_the_truth_alone_is_perfect_and_one_beside_it_fails() -> None:
    on, beside = MASK.astype(float), (~MASK).astype(float)
    for values, best in ((on, 1.0), (beside, 0.0)):
        outcome = measured(np.tile(values, (5, 1)), np.tile(MASK, (5, 1)))
        by_metric = scores(outcome)
        assert by_metric["relevance_mass"] == by_metric["relevance_rank"] == best
        assert by_metric["localisation_auc"] == best
        assert by_metric["pointing_game"] == best
        assert by_metric["localisation_gain"] == pytest.approx(best - 2 / 6)


def test_an_even_explanation_gives_what_chance_gives() -> None:
    outcome = measured(np.ones((4, 6)), np.tile(MASK, (4, 1)))
    table = outcome.tables["localisation"].set_index("measure")
    assert table["value"].tolist() == pytest.approx(table["chance"].tolist())
    assert scores(outcome)["localisation_gain"] == pytest.approx(0)
    assert table.loc["pointing_game", "chance"] == 0.5


def test_mass_rank_and_area_follow_their_formulas() -> None:
    evidence = np.array([3.0, 1.0, 2.0, 0.0, 0.0, 2.0])
    assert mass_inside(evidence, MASK) == 4 / 8
    assert rank_inside(evidence, MASK) == 1 / 2
    assert order_of_truth(evidence, MASK) == pytest.approx(roc_auc_score(MASK, evidence))


def test_equal_columns_at_the_border_count_by_their_share() -> None:
    evidence = np.array([1.0, 1.0, 1.0, 1.0, 0.0, 0.0])
    assert rank_inside(evidence, MASK) == 1 / 2
    assert top_hit(np.array([2.0, 2.0, 1.0]), np.array([True, False, False])) == 0.5


@given(st.lists(st.integers(0, 3), min_size=6, max_size=6))
def test_the_area_is_scikit_learns_with_ties(values: list[int]) -> None:
    evidence = np.array(values, dtype=float)
    assert order_of_truth(evidence, MASK) == pytest.approx(roc_auc_score(MASK, evidence))


def test_only_attribution_toward_the_class_counts_in_images_but_its_size_in_tables() -> None:
    values, truth = np.array([[1.0, 0, -9, 0, 0, 0]] * 3), np.tile(MASK, (3, 1))
    image = scores(measured(values, truth))
    table = scores(measured(values, truth, layout=False))
    sizes = scores(Localisation("magnitude", 100).measure(context(values, truth)))
    assert image["relevance_mass"] == 1
    assert table["relevance_mass"] == sizes["relevance_mass"] == pytest.approx(0.1)


def test_in_an_image_of_another_class_the_size_of_the_attribution_counts() -> None:
    values, truth = np.array([[1.0, 0, -9, 0, 0, 0]] * 3), np.tile(MASK, (3, 1))
    other = context(values, truth, labels=np.zeros(3, dtype=np.int64))
    assert scores(Localisation(resamples=100).measure(other))["relevance_mass"] == pytest.approx(
        0.1
    )


def test_instances_without_a_truth_are_left_out_and_counted() -> None:
    truth = np.vstack([MASK, MASK, ~MASK & MASK, np.ones(6, dtype=bool)])
    outcome = measured(np.ones((4, 6)), truth)
    assert {score.n for score in outcome.scores} == {2}
    assert outcome.arrays["positions"].tolist() == [0, 1]
    assert "known for 2 of 4 explained cases" in say(outcome.notes[0])


def test_an_instance_in_which_nothing_is_pointed_at_is_not_scored() -> None:
    values = np.vstack([np.zeros(6), MASK, MASK])
    outcome = measured(values, np.tile(MASK, (3, 1)))
    assert scores(outcome)["relevance_mass"] == 1
    assert {score.n for score in outcome.scores} == {2}


def test_the_random_control_stands_beside_the_explanation() -> None:
    truth = np.tile(MASK, (200, 1))
    exact = context(np.tile(MASK.astype(float), (200, 1)), truth)
    noise = np.random.default_rng(0).normal(size=(200, 6))
    control = replace(exact.explanation, values=noise, method="random")
    table = (
        Localisation(resamples=100).measure(replace(exact, control=control)).tables["localisation"]
    )
    gap = (table["control"] - table["chance"]).abs()
    assert gap.max() < 0.12
    assert (table["value"] == 1).all()


@pytest.mark.parametrize("truth", [None, np.zeros((3, 6), dtype=bool)])
def test_without_a_known_truth_it_does_not_apply_and_says_why(truth) -> None:
    with refused("which some columns are known|cause of the label is known"):
        Localisation().measure(context(np.ones((3, 6)), truth))


def test_among_three_classes_the_evidence_is_that_for_the_class_decided() -> None:
    """What raises another class is beside the truth, which makes the label and no other class."""
    truth = np.tile(MASK, (2, 1))
    other, own = np.array([0, 0, 0, 1.0, 1, 1]), np.array([1.0, 1, 0, 0, 0, 0])
    decided = DecidedClasses(
        places=np.arange(2),
        targets=np.array([[0, -1], [0, -1]]),
        values=np.stack([np.stack([own, np.zeros(6)])] * 2),
        predictions=np.zeros((2, 2)),
    )
    labels = np.zeros(2, dtype=np.int64)
    made = context(np.stack([other, other]), truth, labels=labels, decided=decided)
    made = replace(made, predictions=SimpleNamespace(decisions=labels))
    assert scores(Localisation().measure(made))["relevance_mass"] == 1.0
    alone = replace(made, explanation=replace(made.explanation, decided=None))
    assert scores(Localisation().measure(alone))["relevance_mass"] == 0.0
