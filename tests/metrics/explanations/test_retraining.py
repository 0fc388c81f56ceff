"""Attributions judged by models that have learnt to do without some of the inputs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from deepseek_report.artifacts.protocols.metrics import NO_CHANGE, FitChange
from deepseek_report.metrics.explanations.masking import FFidelity, RemoveAndRetrain, masked_rows
from tests.metrics.attributions import explained_by
from tests.metrics.explanations.test_masking import N, context_of
from tests.worded import refused


@dataclass
class Fits:
    """Logistic regressions of the training rows, or the model itself; and what was fitted to."""

    context: Any
    same: bool = False
    is_network: bool = False
    work: int = 100
    most_work: int = 10_000
    keeps_directions: bool = False
    learnt: list[Any] = field(default_factory=list)

    def fitted_to(self, data: Any) -> Any:
        self.learnt.append(data)
        return self.context.classifier if self.same else self(np.arange(len(data.train)))

    def __call__(self, rows: np.ndarray, seed: Any = None, change: FitChange = NO_CHANGE) -> Any:
        del seed
        self.learnt.append(change)
        data = self.context.dataset
        kept = np.setdiff1d(np.arange(len(data.schema.features)), change.withheld)
        fitted = LogisticRegression().fit(data.train.inputs[rows][:, kept], data.train.labels[rows])

        class Fit:
            schema = data.schema

            def logits(self, inputs: np.ndarray) -> np.ndarray:
                return np.asarray(fitted.predict_log_proba(inputs[:, kept]))

        return Fit()


def test_of_a_linear_model_f_fidelity_is_the_difference_of_the_mean_terms(toy: Any) -> None:
    """Of six terms one is taken from the upper and one from the lower half, each as likely."""
    context = context_of(toy)
    context = replace(context, refits=Fits(context, same=True))
    measured = FFidelity(draws=600, resamples=100).measure(context)
    toward = np.where(context.predictions.decisions[:N] == 1, 1.0, -1.0)[:, None]
    terms = np.sort(context.explanation.values * toward, axis=1)
    expected = (terms[:, 3:].mean(axis=1) - terms[:, :3].mean(axis=1)).mean()
    assert measured.scores[0].value == pytest.approx(expected, rel=0.03)
    assert len(context.refits.learnt) == 1


def test_a_turned_explanation_has_the_opposite_f_fidelity_and_a_random_one_none(toy: Any) -> None:
    rng = np.random.default_rng(2)
    changes = {
        "exact": lambda x: x,
        "turned": lambda x: -x,
        "drawn": lambda x: rng.normal(size=x.shape),
    }
    context = context_of(toy, None, changes)
    context = replace(context, refits=Fits(context, same=True))
    scores = {score.explainer: score for score in FFidelity().measure(context).scores}
    assert scores["exact"].low > 0 > scores["turned"].high
    assert scores["drawn"].low < 0 < scores["drawn"].high


@pytest.mark.parametrize("game", ["baseline", "background"])
def test_rows_are_masked_in_no_more_than_the_share_and_by_what_the_game_says(
    toy: Any, game: Any
) -> None:
    context = context_of(toy)
    before = context.dataset.train.inputs
    after = masked_rows(context.dataset, game, 0.5, seed=1).train.inputs
    changed = after != before
    assert 0.2 < changed.mean() < 0.3
    for column in range(before.shape[1]):
        filled = after[changed[:, column], column]
        if game == "background":
            assert np.isin(filled, before[:, column]).all()
            assert len(np.unique(filled)) > 20
        else:
            assert np.ptp(filled) == 0


@pytest.mark.parametrize("metric", [FFidelity, RemoveAndRetrain])
def test_nothing_is_fitted_beyond_the_bound_unless_somebody_allows_it(
    toy: Any, metric: Any
) -> None:
    context = context_of(toy)
    dear = replace(context, refits=Fits(context, same=metric is FFidelity, work=20_000))
    with refused("set most_work to allow more"):
        metric().measure(dear)
    assert not dear.refits.learnt
    if metric is FFidelity:
        assert metric(most_work=100_000, resamples=100).measure(dear).scores
    with refused("nothing says how it is fitted"):
        metric().measure(replace(context, refits=None))


def test_learning_without_what_matters_costs_more_than_without_what_does_not(toy: Any) -> None:
    plain = toy(n=900)
    amount, noise = np.array([5.0, 1.0, 0.1]), np.array([0.1, 1.0, 5.0])
    context = explained_by(plain, right=np.tile(amount, (N, 1)), wrong=np.tile(noise, (N, 1)))
    context = replace(context, refits=Fits(context))
    measured = RemoveAndRetrain(removed=0.34).measure(context)
    right, wrong = measured.scores
    assert right.low > 0.1
    assert wrong.value == pytest.approx(-right.value)
    withheld = {change.withheld for change in context.refits.learnt}
    assert withheld == {(0,), (2,)}
    assert len(context.refits.learnt) == 2
