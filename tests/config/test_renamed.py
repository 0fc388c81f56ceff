"""Who writes an old name reads the new one, and every new name is there."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import yaml

from deepseek_report.config import renamed
from deepseek_report.config.compose import compose
from deepseek_report.config.problems import ConfigProblems
from deepseek_report.config.validate import validate

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["metrics=[error_slices]"], "renamed to `slices`"),
        (["visualizations=[group_errors]"], "renamed to `group_rates`"),
        (["metrics.part_performance.n_permutations=200"], "renamed to `n_resamples`"),
        (
            ["++metrics.mine._target_=deepseek_report.metrics.part_errors.PartErrors"],
            "renamed to `deepseek_report.metrics.part_performance.PartPerformance`",
        ),
        (
            ["report.thresholds=[{metric: parts_examined, at_least: 3}]"],
            "renamed to `slices_examined`",
        ),
    ],
)
def test_an_old_name_is_told_with_the_new_one(overrides: list[str], told: str) -> None:
    with pytest.raises(ConfigProblems) as caught:
        validate(compose(overrides))
    assert told in str(caught.value)


def test_every_new_name_is_there() -> None:
    for (group, old), new in renamed.PARTS.items():
        assert (ROOT / "conf" / group / f"{new}.yaml").is_file()
        assert not (ROOT / "conf" / group / f"{old}.yaml").exists()
    for new in renamed.TARGETS.values():
        module, _, name = new.rpartition(".")
        assert hasattr(importlib.import_module(module), name)
    for (group, part, old), new in renamed.SETTINGS.items():
        fields = yaml.safe_load((ROOT / "conf" / group / f"{part}.yaml").read_text())[part]
        assert new in fields
        assert old not in fields


def test_the_list_of_scores_is_that_of_the_comparison_of_versions() -> None:
    listed = yaml.safe_load((ROOT / "benchmarks" / "renamed_scores.yaml").read_text())
    assert listed == dict(renamed.SCORES)
    assert len(set(listed.values())) == len(listed)
