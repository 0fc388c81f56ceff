"""Refits of the model by other seeds and rows, and what of the decisions hangs on them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from deepseek_report.metrics.performance.multiplicity import Multiplicity, drawn_rows
from tests.worded import refused


@dataclass
class Refitted:
    """Gives the model itself, or with its weights moved by so much from fit to fit."""

    classifier: Any
    moved: float = 0.0
    is_network: bool = False
    work: int = 1000
    rows: list[np.ndarray] = field(default_factory=list)

    def __call__(self, rows: np.ndarray, seed: int) -> Any:
        self.rows.append(rows)
        schema, original, moved = self.classifier.schema, self.classifier, self.moved
        shift = moved * np.random.default_rng(seed).normal()

        class Fit:
            def logits(self, inputs: np.ndarray) -> np.ndarray:
                return np.asarray(original.logits(inputs) + np.array([0.0, shift]))

        fit = Fit()
        fit.schema = schema  # type: ignore[attr-defined]
        return fit


def with_refits(toy: Any, **fields: Any) -> Any:
    context = toy(n=400)
    return replace(context, refits=Refitted(context.classifier, **fields))


def test_fits_that_are_the_model_decide_as_it_does(toy: Any) -> None:
    measured = Multiplicity().measure(with_refits(toy))
    ambiguity, alike = measured.scores
    assert (ambiguity.value, alike.value) == (0, 1)
    assert (measured.arrays["alike"] == 10).all()


def test_decisions_near_the_threshold_hang_on_the_fit(toy: Any) -> None:
    context = with_refits(toy, moved=0.4)
    measured = Multiplicity().measure(context)
    ambiguity, alike = measured.scores
    assert 0 < ambiguity.low <= ambiguity.value <= ambiguity.high < 1
    assert 0.5 < alike.value < 1
    doubtful = measured.arrays["alike"] < measured.arrays["fits"][0]
    assert doubtful.mean() == pytest.approx(ambiguity.value)
    apart = np.abs(context.predictions.scores - context.predictions.threshold)
    assert apart[doubtful].mean() < apart[~doubtful].mean()
    groups = measured.tables["by_group"]
    assert {"male", "female"} <= set(groups["level"])
    assert (groups["ambiguity_low"] <= groups["ambiguity"]).all()


@pytest.mark.parametrize(
    ("fields", "why"),
    [({"is_network": True}, "a whole training"), ({"work": 10**9}, "counted work")],
)
def test_what_is_dear_is_refused_by_counted_work(
    toy: Any, fields: dict[str, Any], why: str
) -> None:
    context = with_refits(toy, **fields)
    with refused(why):
        Multiplicity().measure(context)
    assert not context.refits.rows


def test_fits_that_are_clearly_worse_do_not_count(toy: Any) -> None:
    context = with_refits(toy)
    context.refits.classifier = replace_by_noise(context.classifier)
    with refused("Of 10 further fits 0 are as good"):
        Multiplicity().measure(context)


def replace_by_noise(classifier: Any) -> Any:
    """A model that knows nothing."""

    class Noise:
        schema = classifier.schema

        def logits(self, inputs: np.ndarray) -> np.ndarray:
            return np.random.default_rng(0).normal(size=(len(inputs), 2))

    return Noise()


def test_a_network_is_fitted_as_often_as_asked(toy: Any) -> None:
    context = with_refits(toy, is_network=True)
    Multiplicity(refits=5).measure(context)
    assert len(context.refits.rows) == 5


def test_whole_entities_are_drawn_where_they_are_declared(toy: Any) -> None:
    train = toy(n=50).dataset.train
    train = replace(train, entities=np.arange(len(train)) // 5)
    rows = drawn_rows(train, np.random.default_rng(0))
    times = np.bincount(rows, minlength=len(train)).reshape(-1, 5)
    assert (times == times[:, :1]).all()
    assert times.max() > 1
