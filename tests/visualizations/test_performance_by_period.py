"""The title of the picture of periods is the conclusion, and not a rule of its own.

No shipped data have periods, and the bounds of the tests need exact p-values: the two tables are
made here, and stand in a real run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.results import Results
from deepseek_report.visualizations.failures.part_pictures import PerformanceByPeriod
from tests.real_runs import with_measurement, with_table

from .wordings import draw

Build = Callable[..., Results]

LEVELS = ["2019", "2020"]


def of_years(real: Results, p: float, drift_p: float, *, judged: bool = True) -> Results:
    """Two years, of which the second is decided worse by 20 points."""
    name = {"attribute": "year", "attribute_label": "Year"}
    accuracy = pd.Series([0.9, 0.7])
    parts = pd.DataFrame({"level": LEVELS, "n": [500, 400], **name, "too_few": not judged})
    parts = parts.assign(
        accuracy=accuracy, accuracy_low=accuracy - 0.03, accuracy_high=accuracy + 0.03,
        unforeseen=0.1, unforeseen_p=0.01,
    )  # fmt: skip
    test: dict[str, Any] = {
        **name, "metric": "accuracy_gap", "value": 0.2 if judged else None, "low": 0.1, "high": 0.3,
        "n": 900, "p_value": p, "p_adjusted": p, "null_mean": 0.01, "null_high": 0.02,
        "widest_level": "2019", "narrowest_level": "2020",
    }  # fmt: skip
    compared = Measurement(tables={"parts": parts, "tests": pd.DataFrame([test])})
    stated = pd.Series([0.2, 0.4])
    periods = parts[["attribute", "attribute_label", "level", "n", "too_few"]].assign(
        stated=stated, stated_low=stated - 0.02, stated_high=stated + 0.02,
        happened=0.25, happened_low=0.2, happened_high=0.3,
    )  # fmt: skip
    tests = pd.DataFrame({"attribute": ["year"], "p_value": [drift_p]})
    drifting = Measurement(tables={"periods": periods, "tests": tests})
    changed = with_measurement(real, "part_performance", compared)
    return with_measurement(changed, "period_drift", drifting)


def test_a_period_without_a_test_case_has_no_row(build: Build) -> None:
    results = of_years(build(), 0.4, 0.5)

    def emptied(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(n=table["n"].where(table["level"] != "2019", 0))

    changed = with_table(results, "period_drift", "periods", emptied)
    (picture,) = draw(PerformanceByPeriod(), changed)
    described = str(picture.alt)
    assert "2020" in described
    assert "2019" not in described


@pytest.mark.parametrize(
    ("p", "drift_p", "judged", "title"),
    [
        (0.001, 0.5, True, "“2020”: 70.0 % are decided correctly, “2019”: 90.0 %"),
        (0.001, 0.01, True, "the stated probabilities differ between periods too"),
        (0.4, 0.5, True, "No period is shown to be decided worse than another"),
        (
            0.4,
            0.01,
            True,
            "but the stated probabilities differ: on average 20.0 % in “2019”, 40.0 %",
        ),
        (0.4, 0.5, False, "no two periods are large enough to compare"),
    ],
)
def test_the_title_states_what_is_concluded(
    build: Build, p: float, drift_p: float, judged: bool, title: str
) -> None:
    (picture,) = draw(PerformanceByPeriod(), of_years(build(), p, drift_p, judged=judged))
    text = str(picture.title).replace("\u00a0", " ").replace("\u202f", " ")
    assert title in text
    assert ("differ" in text) == (drift_p < 0.05)
    described = str(picture.alt).replace("\u00a0", " ").replace("\u202f", " ")
    assert "2020" in described
    assert "of 400" in described


def test_a_phone_gets_one_panel_below_the_other(build: Build) -> None:
    (picture,) = draw(PerformanceByPeriod(), of_years(build(), 0.001, 0.01))
    assert picture.narrow is not None

    def size(svg: str) -> tuple[float, float]:
        box = svg.split('viewBox="')[1].split('"', maxsplit=1)[0].split()
        return float(box[2]), float(box[3])

    wide, narrow = size(picture.svg), size(picture.narrow)
    assert narrow[0] < 0.7 * wide[0]
    assert narrow[1] == pytest.approx(2 * wide[1], rel=0.02)
