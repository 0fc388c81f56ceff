"""Pictures that exist once for every task, drawn of a predicted number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deepseek_report.visualizations.failures.cohorts import CohortsPicture
from deepseek_report.visualizations.failures.part_performance import PartPerformancePicture
from deepseek_report.visualizations.failures.robustness import RobustnessPicture
from deepseek_report.visualizations.failures.slices import SlicesPicture
from deepseek_report.visualizations.fairness.group_rates import GroupRatesPicture

from .conftest import number_results
from .wordings import draw


@pytest.mark.parametrize(
    ("plugin", "title", "alt"),
    [
        (
            GroupRatesPicture(),
            "Mean absolute error by sex: 5.00 for “men”, 5.30 for “women”, NT$ 0.300 apart",
            "The mean error stands beside it",
        ),
        (
            PartPerformancePicture(),
            "Sex: predictions are off by NT$ 5.30 on average in “women”, by NT$ 5.00 in “men”",
            "and mean error by part",
        ),
        (
            CohortsPicture(),
            "Off on average: NT$ 9.000 where Age is",
            "mean error NT$ 0.500",
        ),
        (
            SlicesPicture(),
            "predictions of 120 cases are off by NT$ 9.0 on average, against 5.0 elsewhere",
            "in 120 cases against 5.00",
        ),
        (
            RobustnessPicture(),
            "Noise on numbers at level 0.5 moves predictions most, by NT$ 0.5",
            "MAE",
        ),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_errors_of_numbers_are_told_in_their_unit(
    plugin: Any, title: str, alt: str, tmp_path: Path
) -> None:
    (picture, *_) = draw(plugin, number_results(tmp_path))
    texts = (str(text).replace("\u00a0", " ") for text in (picture.title, picture.alt))
    headline, described = texts
    assert title in headline
    assert alt in described
    assert "%" not in headline
