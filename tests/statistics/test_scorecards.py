"""Areas of columns, pairs and scorecards, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.tree import DecisionTreeClassifier

from deepseek_report.statistics import scorecards

N = 600


def parts(values: np.ndarray, labels: np.ndarray, categories: list[int]):  # type: ignore[no-untyped-def]
    half = len(labels) // 2
    return scorecards.cut(
        (values[:half], labels[:half]), (values[half:], labels[half:]), np.array(categories)
    )


def mixed(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A number with gaps, a category of five, noise; three classes."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, N)
    number = labels + random.normal(size=N) * 2
    number[random.random(N) < 0.2] = np.nan
    category = (labels + random.integers(0, 4, N)) % 5
    return np.column_stack([number, category, random.normal(size=N)]), labels


def test_the_area_of_each_column_is_sklearns_of_the_rates_of_its_bins() -> None:
    values, labels = mixed()
    learnt, judged = parts(values, labels, [0, 5, 0])
    for k in range(3):
        rates = scorecards.bin_rates(learnt, k)
        areas = scorecards.areas_alone(learnt, judged, k)
        for j in range(3):
            expected = roc_auc_score(judged.labels == k, rates[j, judged.codes[:, j]])
            assert areas[j] == pytest.approx(expected)


def test_bins_of_numbers_are_cut_at_quantiles_and_gaps_are_apart() -> None:
    values = np.arange(320.0)[:, None]
    values[:5] = np.nan
    learnt, _ = scorecards.cut(
        (values, np.zeros(320, int)), (values, np.zeros(320, int)), np.array([0])
    )
    sizes = np.bincount(learnt.codes[:, 0])
    assert sizes[-1] == 5
    assert set(sizes[: scorecards.BINS].tolist()) <= {19, 20}


def test_bins_are_those_of_numpys_quantiles_also_with_ties_and_gaps() -> None:
    random = np.random.default_rng(3)
    values = random.normal(size=(97, 40)) * 10.0 ** random.integers(-4, 5, 40)
    values[:, ::3] = random.integers(0, 4, values[:, ::3].shape)
    values[random.random(values.shape) < 0.3] = np.nan
    labels = np.zeros(97, int)
    learnt, _ = scorecards.cut((values, labels), (values[:1], labels[:1]), np.zeros(40, int))
    for column, codes in zip(values.T, learnt.codes.T, strict=True):
        known = ~np.isnan(column)
        edges = np.unique(
            np.quantile(column[known], np.arange(1, scorecards.BINS) / scorecards.BINS)
        )
        np.testing.assert_array_equal(codes[known], np.searchsorted(edges, column[known]))
        assert (codes[~known] == learnt.width - 1).all()


def test_numbers_that_the_learnt_rows_all_lack_are_one_bin() -> None:
    lacking, known = np.full((5, 1), np.nan), np.array([[-3.0], [900.0], [np.nan]])
    labels = np.zeros(5, int)
    _, judged = scorecards.cut((lacking, labels), (known, labels[:3]), np.array([0]))
    assert judged.codes[:, 0].tolist() == [0, 0, judged.width - 1]


def test_the_area_of_missing_cells_is_sklearns() -> None:
    values, labels = mixed(1)
    values[labels == 1, 0] = np.nan
    _, judged = parts(values, labels, [0, 5, 0])
    gone = np.isnan(values[N // 2 :, 0])
    expected = roc_auc_score(judged.labels == 1, gone)
    assert scorecards.missing_areas(judged, 1)[0] == pytest.approx(expected)


def test_the_scorecard_is_sklearns_regression_of_the_log_odds_of_bins() -> None:
    values, labels = mixed(2)
    learnt, judged = parts(values, labels, [0, 5, 0])
    rates = scorecards.bin_rates(learnt, 2)
    design = [np.log(rates / (1 - rates))[np.arange(3), part.codes] for part in (learnt, judged)]
    model = LogisticRegression(C=1.0, tol=1e-9).fit(
        design[0] - design[0].mean(0), learnt.labels == 2
    )
    scores = (design[1] - design[0].mean(0)) @ model.coef_[0]
    expected = roc_auc_score(judged.labels == 2, scores)
    assert scorecards.scorecard_area(learnt, judged, 2) == pytest.approx(expected, abs=1e-3)


def test_two_columns_that_make_the_label_together_are_the_best_pair() -> None:
    random = np.random.default_rng(3)
    values = random.normal(size=(N, 6))
    values[:, 4] = random.integers(0, 3, N)
    labels = ((values[:, 1] > 0) ^ (values[:, 4] == 1)).astype(int)
    categories = np.array([0, 0, 0, 0, 3, 0])
    learnt, judged = parts(values, labels, categories.tolist())
    pairs = np.column_stack(np.triu_indices(6, k=1))
    areas = scorecards.areas_together(learnt, judged, categories, 1, pairs)
    assert pairs[np.argmax(areas)].tolist() == [1, 4]
    assert areas.max() > 0.95
    assert scorecards.areas_alone(learnt, judged, 1).max() < 0.85


def test_the_error_of_an_area_is_about_that_of_repeated_samples() -> None:
    random = np.random.default_rng(4)
    truths = np.arange(120) < 50
    areas = [roc_auc_score(truths, random.normal(size=120) + truths) for _ in range(800)]
    error = float(scorecards.area_error(np.array(np.mean(areas)), 50, 70))
    assert error == pytest.approx(np.std(areas), rel=0.1)


@pytest.mark.parametrize("seed", range(4))
def test_questions_in_turn_are_those_of_scikit_learns_tree(seed):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 11, (2400, 6))
    happened = rng.random(2400) < 0.2 + 0.5 * ((codes[:, 0] + codes[:, 3]) % 2 == 0)
    halves = slice(1600), slice(1600, None)
    parts = [scorecards.BinnedPart(codes[rows], happened[rows] * 1, 11) for rows in halves]
    *leaves, columns = scorecards.asked_in_turn(*parts, class_index=1, depth=3, fewest=20)
    tree = DecisionTreeClassifier(max_depth=3, min_samples_leaf=20, random_state=0)
    tree.fit(codes[:1600], happened[:1600])
    for part, own in zip(parts, leaves, strict=True):
        pairs = np.column_stack([tree.apply(part.codes), own.codes[:, 0]])
        assert len(np.unique(pairs, axis=0)) == tree.get_n_leaves() == own.width - 1
    assert set(columns) == set(tree.tree_.feature[tree.tree_.feature >= 0])


def test_nothing_is_asked_where_all_rows_are_of_one_class():
    part = scorecards.BinnedPart(np.arange(40)[:, None] % 4, np.ones(40, dtype=np.int64), 5)
    *leaves, columns = scorecards.asked_in_turn(part, part, class_index=1, depth=3, fewest=1)
    assert columns == ()
    assert leaves[0].codes.max() == 0
