"""How often test cases turn out as stated, beside one case."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.split import Split
from deepseek_report.sections.single_cases.case_sentences import StatedBands
from tests.builders import predictions


def stated(scores: np.ndarray, labels: np.ndarray) -> Predictions:
    return predictions(scores, Split(scores[:, None], labels, np.arange(len(scores))))


def test_the_band_of_a_case_counts_all_cases_stated_alike_and_no_other() -> None:
    rng = np.random.default_rng(3)
    scores = rng.uniform(0.01, 0.99, 1000)
    labels = (rng.random(1000) < scores).astype(np.int64)
    bands = StatedBands(stated(scores, labels))
    band = bands.of(float(scores[17]))
    assert band is not None
    inside = (scores >= band.low) & (scores <= band.high)
    assert band.low <= scores[17] <= band.high
    assert band.happened.n == inside.sum() == 100
    assert band.happened.value == labels[inside].mean()


def test_the_ends_of_the_scale_have_a_band_and_few_cases_have_none() -> None:
    scores = np.linspace(0.01, 0.99, 200)
    bands = StatedBands(stated(scores, np.arange(200) % 2))
    assert bands.of(0.0) is not None
    assert bands.of(1.0) is not None
    assert StatedBands(stated(scores[:20], np.arange(20) % 2)).of(0.5) is None


def test_a_case_is_not_set_beside_cases_that_are_stated_otherwise() -> None:
    """Where nearly all cases are certain, the next fifty of a doubtful one are not like it."""
    scores = np.concatenate([np.full(250, 0.01), np.linspace(0.1, 0.9, 10), np.full(250, 0.99)])
    bands = StatedBands(stated(scores, (scores > 0.5).astype(np.int64)))
    assert bands.of(0.5) is None
    assert bands.of(0.01) is not None
