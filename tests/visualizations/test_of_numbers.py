"""Pictures that exist once for every task, drawn of a predicted number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deepseek_report.visualizations.group_rates import GroupRates
from deepseek_report.visualizations.part_performance import PartPerformance
from deepseek_report.visualizations.robustness import Robustness
from deepseek_report.visualizations.slices import Slices

from .conftest import number_results


@pytest.mark.parametrize(
    ("plugin", "title", "alt"),
    [
        (
            GroupRates(),
            "Mean absolute error differs most by age band: 5.60 for “under 25”, 6.80 for “55 "
            "and over”, 1.20 NT$ apart",
            "Beside it: mean error",
        ),
        (
            PartPerformance(),
            "Sex, mean absolute error: NT$ 5.00 in “men”, NT$ 5.30 in “women”",
            "Mean absolute error and mean error by part",
        ),
        (Slices(), "predictions are off by NT$ 9.0 in 120 cases, against 5.0 elsewhere", "of 90"),
        (Robustness(), "Noise on numbers at level 0.5 changes most, mean change: NT$ 0.5", "MAE"),
    ],
    ids=lambda one: type(one).__name__ if not isinstance(one, str) else "",
)
def test_errors_of_numbers_are_told_in_their_unit(
    plugin: Any, title: str, alt: str, tmp_path: Path
) -> None:
    (picture, *_) = plugin.draw(number_results(tmp_path))
    plain = (text.replace("\u00a0", " ") for text in (picture.title, picture.alt))
    told, described = plain
    assert title in told
    assert alt in described
    assert "%" not in told
