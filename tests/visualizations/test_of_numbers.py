"""Pictures that exist once for every task, drawn of a predicted number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.results import Results
from deepseek_report.visualizations.failures.part_pictures import (
    CohortsPicture,
    PartPerformancePicture,
    SlicesPicture,
)
from deepseek_report.visualizations.failures.robustness import RobustnessPicture
from deepseek_report.visualizations.fairness.group_rates import GroupRatesPicture
from tests.real_runs import with_measurement, with_table

from .wordings import draw

Build = Callable[..., Results]


def errors_of_groups(groups: pd.DataFrame) -> pd.DataFrame:
    """The real groups, of which the second errs more than the first."""
    size = 5 + 0.3 * groups.index
    return groups.assign(mae=size, mae_low=size - 0.5, mae_high=size + 0.5)


def with_slice(results: Results) -> Results:
    """The search found no part in these few rows: one that it could have found."""
    parts = {"slice": ["BMI is over 30"], "n": 120, "share": 0.3, "mae": 9.0, "low": 8.0}
    parts |= {"high": 10.0, "rest_mae": 5.0, "p_adjusted": 0.001}
    return with_table(results, "slices", "slices", lambda _: pd.DataFrame(parts))


def with_parts(results: Results) -> Results:
    """These data have no parts but groups of people, which are taken for some."""
    measured = results.measurement("group_rates")
    assert measured is not None
    tables = {"parts": measured.tables["groups"].drop(columns="crossing", errors="ignore")}
    tests = measured.tables["tests"].assign(p_adjusted=0.0001)
    return with_measurement(
        results, "part_performance", Measurement(tables={**tables, "tests": tests})
    )


def with_cohort(results: Results) -> Results:
    """A part that is predicted worse than all cases; the search found none in these few rows."""
    off, lean = pd.Series([5.0, 9.0]), pd.Series([0.05, 0.5])
    rows = pd.DataFrame({"cohort": ["", "BMI is over 30"], "origin": ["all", "worst"]})
    rows = rows.assign(
        n=[131, 60], share=[1.0, 0.46], too_few=False, p_adjusted=[np.nan, 0.001],
        mae=off, mae_low=off - 0.04, mae_high=off + 0.05,
        mean_error=lean, mean_error_low=lean - 0.04, mean_error_high=lean + 0.05,
    )  # fmt: skip
    return with_measurement(results, "cohorts", Measurement(tables={"cohorts": rows}))


def with_noise(results: Results) -> Results:
    """The last kind and level of disturbance moves predictions most."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[table.index[-1], ["change", "change_low", "change_high"]] = [12.0, 11.0, 13.0]
        return table

    return with_table(results, "robustness", "perturbations", change)


@pytest.fixture
def number(build: Build) -> Results:
    real = with_table(build("number"), "group_rates", "groups", errors_of_groups)
    return with_cohort(with_noise(with_parts(with_slice(real))))


@pytest.mark.parametrize(
    ("plugin", "title", "alt"),
    [
        (
            GroupRatesPicture(),
            "Mean absolute error by age band: 5.30 for “40–54”, 5.60 for “55 or more”, 0.300",
            "The mean error stands beside it",
        ),
        (PartPerformancePicture(), "points on average in", "and mean error by part"),
        (CohortsPicture(), "Off on average: 9.000 points where BMI is", "mean error 0.500 points"),
        (
            SlicesPicture(),
            "predictions of 120 cases are off by 9.0 points on average, against 5.0 elsewhere",
            "in 120 cases against 5.00",
        ),
        (RobustnessPicture(), "moves predictions most, by 12.0 points", "MAE"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_errors_of_numbers_are_told_in_their_unit(
    plugin: Any, title: str, alt: str, number: Results
) -> None:
    (picture, *_) = draw(plugin, number)
    texts = (str(text).replace("\u00a0", " ") for text in (picture.title, picture.alt))
    headline, described = texts
    assert title in headline
    assert alt in described
    assert "%" not in headline
