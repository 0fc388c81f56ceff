from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given as examples
from hypothesis import strategies as st
from scipy.stats import spearmanr

from deepseek_report.metrics.explanations import agreement
from tests.metrics.attributions import explained_by
from tests.worded import refused


@examples(st.integers(0, 1000))
def test_rowwise_correlation_is_that_of_scipy(seed) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 4, (3, 8)).astype(float), rng.normal(size=(3, 8))
    expected = [spearmanr(x, y).statistic for x, y in zip(a, b, strict=True) if np.ptp(x)]
    correlations = agreement.rowwise_spearman(a, b)
    np.testing.assert_allclose(correlations[~np.isnan(correlations)], expected, atol=1e-12)


def test_a_constant_row_has_no_correlation() -> None:
    assert np.isnan(agreement.rowwise_spearman(np.ones((1, 4)), np.arange(4.0)[None])).all()


def test_overlap_counts_features_that_both_name() -> None:
    a, b = np.array([[9.0, -8, 7, 0, 0]]), np.array([[0.0, -8, 7, 1, 0]])
    assert agreement.top_overlap(a, b, 3)[0] == pytest.approx(2 / 3)
    assert agreement.top_overlap(a, b, 50)[0] == 1


def test_the_mean_over_pairs_leaves_out_what_is_not_defined() -> None:
    means = agreement.mean_known([np.array([1.0, np.nan]), np.array([0.0, np.nan])])
    np.testing.assert_array_equal(means, [0.5, np.nan])


def test_agreement_leaves_the_control_out(toy) -> None:
    rng = np.random.default_rng(0)
    same, noise = rng.normal(size=(60, 3)), rng.normal(size=(60, 3))
    context = explained_by(toy(n=100), shap=same, lime=2 * same, random=noise)
    measured = agreement.ExplainerAgreement(resamples=200).measure(context)
    together, chance = measured.scores
    assert together.value == pytest.approx(1)
    assert abs(chance.value) < 0.2
    pairs = measured.tables["pairs"]
    assert len(pairs) == 3
    assert pairs.loc[0, "top5_sign_agreement"] == 1
    assert len(measured.tables["per_case"]) == 3 * 60


def test_one_explainer_has_none_to_agree_with(toy) -> None:
    with refused("there is only one"):
        agreement.ExplainerAgreement().measure(explained_by(toy(n=100), shap=np.ones((60, 3))))


def test_methods_of_different_games_need_not_agree(toy) -> None:
    values = np.random.default_rng(0).normal(size=(20, 3))
    context = explained_by(toy(n=100), a=values, b=values, c=-values[:, ::-1])
    alike = agreement.ExplainerAgreement(resamples=50).measure(context)
    of_c = replace(context.explanations["c"], game="background")
    apart = replace(context, explanations={**context.explanations, "c": of_c})
    measured = agreement.ExplainerAgreement(resamples=50).measure(apart)
    assert alike.scores[0].value < 1
    assert measured.scores[0].value == pytest.approx(1)
    assert len(measured.tables["pairs"]) == 3
