"""Players, partitions and orders: against closed forms, the definition and the shap package."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.coalitions import player_sums, spread_evenly
from deepseek_report.explainers.shapley import shap_players
from deepseek_report.explainers.shapley.shap import Shap
from deepseek_report.explainers.shapley.shapley_engine import groups_of, middle_of, partition_order
from tests.explainers.toys import additive_layout, toy, toy_schema
from tests.worded import refused, say

LAYOUTS = ["text", "image", "series"]


def game(kept: np.ndarray) -> np.ndarray:
    """A game of five players with interactions of two and of three."""
    k = kept.astype(float)
    return k @ np.arange(1.0, 6) + 2 * k[:, 0] * k[:, 3] - 3 * k[:, 1] * k[:, 2] * k[:, 4]


def ask(kept: np.ndarray, rounds: np.ndarray) -> np.ndarray:
    return game(kept)


def owen_by_definition(order: np.ndarray) -> np.ndarray:
    """Mean gain over all orders that keep the parts of the partition together."""

    def consistent(start: int, stop: int) -> list[list[int]]:
        if stop - start == 1:
            return [[int(order[start])]]
        middle = middle_of(start, stop)
        halves = list(itertools.product(consistent(start, middle), consistent(middle, stop)))
        return [a + b for a, b in halves] + [b + a for a, b in halves]

    total, every = np.zeros(len(order)), consistent(0, len(order))
    for coalition in every:
        kept = np.zeros(len(order), dtype=bool)
        for player in coalition:
            before = game(kept[None])[0]
            kept[player] = True
            total[player] += game(kept[None])[0] - before
    return total / len(every)


def ends(rounds: int) -> np.ndarray:
    return np.tile(game(np.array([[False] * 5, [True] * 5])), (rounds, 1))


def test_all_coalitions_and_many_orders_give_the_shapley_values() -> None:
    exact = shap_players.all_coalitions(5, 1, ask).values[0]
    by_hand = np.arange(1.0, 6)
    by_hand[[0, 3]] += 1
    by_hand[[1, 2, 4]] -= 1
    np.testing.assert_allclose(exact, by_hand)
    drawn = shap_players.random_orders(5, 3000, np.random.default_rng(0))
    sampled = shap_players.every_share(drawn, ends(3000), ask).values
    np.testing.assert_allclose(sampled.mean(axis=0), exact, atol=0.05)
    np.testing.assert_allclose(sampled.sum(axis=1), game(np.ones((1, 5)))[0])


def test_cutting_every_part_gives_the_owen_values_of_the_definition() -> None:
    order = np.array([3, 0, 4, 1, 2])
    drawn = shap_players.flipped_orders(order, 4000, np.random.default_rng(0))
    estimates = shap_players.largest_shares(order, drawn, ends(4000), 4, ask)
    assert estimates.parts == 5
    np.testing.assert_allclose(estimates.values.mean(axis=0), owen_by_definition(order), atol=0.05)


def test_owen_values_are_those_of_the_shap_package() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap

    order = np.arange(4)
    tree = np.array([[0, 1, 1, 2], [2, 3, 1, 2], [4, 5, 2, 4]], dtype=float)

    def four(rows: np.ndarray) -> np.ndarray:
        return game(np.concatenate([rows, np.zeros((len(rows), 1))], axis=1))

    masker = shap.maskers.Partition(np.zeros((1, 4)), clustering=tree)
    explainer = shap.PartitionExplainer(four, masker)
    theirs = explainer(np.ones((1, 4)), silent=True, max_evals=200, fixed_context=None).values[0]
    drawn = shap_players.flipped_orders(order, 4000, np.random.default_rng(1))
    both = np.tile(four(np.array([[0.0] * 4, [1.0] * 4])), (4000, 1))
    ours = shap_players.largest_shares(order, drawn, both, 3, lambda kept, _: four(kept)).values
    np.testing.assert_allclose(ours.mean(axis=0), theirs, atol=0.05)


@examples(st.integers(0, 4), st.integers(0, 50))
def test_parts_add_up_to_the_whole_however_few_are_cut(expansions: int, seed) -> None:
    rng = np.random.default_rng(seed)
    order = rng.permutation(5)
    drawn = shap_players.flipped_orders(order, 2, rng)
    estimates = shap_players.largest_shares(order, drawn, ends(2), expansions, ask)
    assert estimates.parts == expansions + 1
    np.testing.assert_allclose(estimates.values.sum(axis=1), game(np.ones((1, 5)))[0])


@pytest.mark.parametrize("modality", LAYOUTS)
def test_a_partition_holds_every_player_once_and_neighbours_together(
    modality, layout_schema
) -> None:
    schema = layout_schema(modality)
    order = partition_order(schema, np.zeros((3, len(schema.features))))
    assert sorted(order) == list(range(len(schema.player_labels)))
    if modality != "image":
        np.testing.assert_array_equal(order, np.arange(len(order)))
    else:
        assert set(order[:2]) in ({0, 1}, {0, 2})


def test_correlated_columns_of_a_table_stand_together() -> None:
    rng = np.random.default_rng(0)
    causes = rng.normal(size=(200, 2))
    rows = np.empty((200, 64))
    rows[:, ::2] = causes[:, :1] * np.array([1.0, -1.0]).repeat(16)
    rows[:, 1::2] = causes[:, 1:]
    rows += 0.1 * rng.normal(size=rows.shape)
    halves = groups_of(partition_order(toy_schema(64), rows), 2)
    assert len(set(halves[::2])) == len(set(halves[1::2])) == 1
    assert halves[0] != halves[1]


@examples(st.integers(1, 40), st.integers(1, 50))
def test_groups_are_as_many_as_asked_for_and_of_like_size(count: int, most: int) -> None:
    sizes = np.bincount(groups_of(np.arange(count), most))
    assert len(sizes) == min(count, most)
    assert sizes.max() <= 2 * sizes.min() + 1


@examples(st.integers(2, 200), st.integers(1, 60), st.integers(0, 5))
def test_groups_of_columns_that_do_most_are_the_smallest(count: int, most: int, seed) -> None:
    effects = np.random.default_rng(seed).exponential(size=count) ** 4
    order = np.argsort(-effects)
    groups = groups_of(order, most, effects)
    sizes = np.bincount(groups)
    assert len(sizes) == min(count, most)
    first = sizes[groups[order[0]]]
    assert first <= sizes.min() + 1  # the front half of an odd part has one more
    assert first == sizes.min() or count & (count - 1)  # a power of two is never odd


def test_columns_that_do_something_are_in_the_first_small_part() -> None:
    rng = np.random.default_rng(0)
    effects = np.zeros(1000)
    effects[[3, 500, 998]] = 1.0, 2.0, 0.5
    order = partition_order(toy_schema(1000), rng.normal(size=(40, 1000)), effects, together=64)
    assert sorted(order) == list(range(1000))
    assert {3, 500, 998} <= set(order[:63])


def test_sums_of_players_and_even_spreading_are_inverse() -> None:
    owners = np.array([2, 0, 2, 1])
    values = np.array([[1.0, 2.0, 3.0, 4.0]])
    assert player_sums(values, owners).tolist() == [[2, 4, 4]]
    assert spread_evenly(player_sums(values, owners), owners).tolist() == [[2, 2, 2, 4]]


def test_a_word_behind_the_end_of_a_text_is_not_there(layout_schema) -> None:
    schema = layout_schema("text")
    rows = np.array([[2.0, 3, np.nan, 4, *[np.nan] * 4]])
    assert kind_of(schema).present(rows).tolist() == [[True, True, True, False, False, False]]
    assert np.isnan(kind_of(schema).by_player(np.zeros((1, 8)), rows)[0, 3:]).all()


@pytest.mark.parametrize("modality", LAYOUTS)
@pytest.mark.parametrize("algorithm", ["exact", "permutation", "owen", "pairs"])
def test_the_value_of_a_player_is_the_sum_of_its_columns_effects(
    modality, algorithm, layout_schema
) -> None:
    to_explain, effects = additive_layout(layout_schema(modality), modality)
    owners = to_explain.classifier.schema.owners
    explainer = Shap(algorithm=algorithm)
    explanation = explainer.explain(to_explain)
    expected = spread_evenly(player_sums(effects, owners), owners)
    np.testing.assert_allclose(explanation.values, expected, atol=1e-9)
    np.testing.assert_allclose(explanation.completeness_gap, 0, atol=1e-9)
    planned = explainer.suited_to(frozenset(), to_explain.classifier.schema).planned_calls(
        5, len(to_explain.classifier.schema.player_labels), 30
    )
    assert planned / 4 < explanation.n_model_calls <= planned  # rows that are alike ask once


def test_a_planted_column_is_found_among_two_thousand() -> None:
    to_explain = toy(
        2000, probability=lambda x: 1 / (1 + np.exp(-3 * x[:, 1234])), n=3, n_background=16
    )
    explainer = Shap(max_evaluations=400)
    explanation = explainer.explain(to_explain)
    suited = explainer.suited_to(frozenset(), to_explain.classifier.schema)
    planned = suited.planned_calls(3, 2000, 16)
    assert explanation.n_model_calls == planned
    assert (np.abs(explanation.values).argmax(axis=1) == 1234).all()
    np.testing.assert_allclose(explanation.completeness_gap, 0, atol=1e-9)
    assert "51 parts had a value of their own" in " ".join(map(say, explanation.notes))


def test_too_many_coalitions_are_refused_with_a_way_out() -> None:
    to_explain = toy(17, probability=lambda x: x[:, 0], n=1)
    with refused("Set algorithm=auto"):
        Shap(algorithm="exact").explain(to_explain)
