"""`kill -9` at random moments of a sweep: the same command goes on, to the same bytes.

As in `test_kill.py` a moment is a number of files. Runs and the comparison of all of them are held
against those of a sweep that nobody disturbed.

`DEEPSEEK_REPORT_FUZZ=long` makes it 50 moments, in chains of 10.
"""

from __future__ import annotations

import os
import random
import re
from pathlib import Path

import pytest

from deepseek_report.cli import run
from deepseek_report.store import hash_folder
from tests.safety.test_kill import kill_at

PARTS = (
    "debug=fast",
    "measure_time=false",
    "model=sklearn",
    "model.estimator=sklearn.linear_model.LogisticRegression",
    "explainers=[shap,random]",
    "metrics=[roc_auc,deletion]",
    "visualizations=[roc_curve]",
    "sections=[summary,performance]",
    "frameworks=[]",
    "report.thresholds=[]",
    "seed=1,2",
)
CHAINS, KILLS = (5, 10) if os.environ.get("DEEPSEEK_REPORT_FUZZ") == "long" else (1, 2)


def command(place: Path, processes: int) -> list[str]:
    places = [f"paths.store={place / 'store'}", f"paths.reports={place / 'reports'}"]
    return ["-m", *PARTS, *places, f"jobs={processes}"]


def content(place: Path) -> dict[str, str]:
    """Every file of all runs and of the comparison."""
    return hash_folder(place / "reports")


@pytest.mark.parametrize("chain", range(CHAINS))
def test_a_sweep_that_is_killed_at_any_moment_goes_on_to_the_same_bytes(
    chain: int, tmp_path: Path
) -> None:
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    assert run(command(undisturbed, 1)) == 0
    total = sum(len(names) for _, _, names in os.walk(undisturbed))
    dice = random.Random(chain)
    moments = sorted(dice.sample(range(1, total - 20), KILLS))
    ended = [
        kill_at(moment, killed, command(killed, 2), all_of_it=dice.random() < 0.5)
        for moment in moments
    ]
    assert sum(ended) >= KILLS - 1, (moments, ended)
    assert run(command(killed, 1)) == 0
    whole = content(undisturbed)
    assert [name for name in whole if name.startswith("comparisons/")]
    assert {name: content(killed).get(name) for name in whole} == whole
    others = set(content(killed)) - set(whole)  # a job that was killed alone is compared as missing
    assert all(re.match(r"comparisons/[0-9a-f]{12}/", name) for name in others), sorted(others)
