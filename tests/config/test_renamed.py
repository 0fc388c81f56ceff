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
    ("overrides", "expected"),
    [
        (["metrics=[error_slices]"], "renamed to `slices`"),
        (["visualizations=[group_errors]"], "renamed to `group_rates`"),
        (["metrics.part_performance.n_permutations=200"], "renamed to `n_resamples`"),
        (
            ["++metrics.mine._target_=deepseek_report.metrics.part_errors.PartErrors"],
            "renamed to `deepseek_report.metrics.failures.part_performance.PartPerformance`",
        ),
        (
            ["report.thresholds=[{metric: parts_examined, at_least: 3}]"],
            "renamed to `slices_examined`",
        ),
    ],
)
def test_an_old_name_is_told_with_the_new_one(overrides: list[str], expected: str) -> None:
    with pytest.raises(ConfigProblems) as caught:
        validate(compose(overrides))
    assert expected in str(caught.value)


def is_there(dotted: str) -> bool:
    module, _, name = dotted.rpartition(".")
    return hasattr(importlib.import_module(module), name)


@pytest.fixture
def earlier(monkeypatch: pytest.MonkeyPatch) -> renamed.EarlierNames:
    """Names made up: `colours` became `statistics`, and in `ids` a class is called otherwise."""
    names = renamed.EarlierNames(
        {"colours": "statistics.gaps", "gone": "nowhere.at_all", "marks": "artifacts.ids"},
        {"artifacts.ids.Mark": "ArtifactId"},
    )
    monkeypatch.setattr(renamed, "earlier_names", lambda: names)
    return names


@pytest.mark.usefixtures("earlier")
@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("colours.Gap", "renamed to `deepseek_report.statistics.gaps.Gap`"),
        ("marks.Mark", "renamed to `deepseek_report.artifacts.ids.ArtifactId`"),
        ("artifacts.ids.Mark", "renamed to `deepseek_report.artifacts.ids.ArtifactId`"),
        ("artifacts.ids.Other", ""),
        ("gone.Gap", ""),
        ("never.Gap", ""),
    ],
)
def test_a_class_of_a_module_that_moved_is_told(target: str, expected: str) -> None:
    assert renamed.target_hint(f"deepseek_report.{target}") == expected


@pytest.mark.usefixtures("earlier")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("import deepseek_report.colours", "`deepseek_report.statistics.gaps`"),
        ("from deepseek_report.colours import Gap", "`deepseek_report.statistics.gaps`"),
        ("from deepseek_report import colours", "`deepseek_report.statistics.gaps`"),
        ("from deepseek_report.artifacts.ids import Mark", "`deepseek_report.artifacts.ids.Artif"),
    ],
)
def test_a_plug_in_that_imports_an_earlier_name_is_told_the_new_one(
    line: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "of_old_times.py").write_text(f"{line}\n")
    monkeypatch.syspath_prepend(tmp_path)
    composed = compose(["++metrics.mine._target_=of_old_times.Mine"])
    with pytest.raises(ConfigProblems) as caught:
        validate(composed, trust=("of_old_times",))
    assert f"was renamed to {expected}" in str(caught.value)


@pytest.mark.usefixtures("earlier")
def test_an_import_of_something_else_is_told_nothing() -> None:
    for name in ("colours", "deepseek_report.never", None):
        assert renamed.import_hint(ModuleNotFoundError("No module named …", name=name)) == ""


@pytest.mark.skipif(
    not (ROOT / "deepseek_report" / "metrics" / "performance").is_dir(),
    reason="the modules have not moved yet",
)
def test_every_module_and_class_that_is_told_is_there() -> None:
    names = renamed.earlier_names()
    for old, new in names.modules.items():
        assert renamed.find_spec(f"deepseek_report.{new}"), f"{old} leads to {new}"
        assert old not in names.modules.values()
    for old, new in names.classes.items():
        module = old.rpartition(".")[0]
        assert is_there(f"deepseek_report.{module}.{new}"), f"{old} leads to {new}"


def test_every_new_name_is_there() -> None:
    for (group, old), new in renamed.PARTS.items():
        assert (ROOT / "conf" / group / f"{new}.yaml").is_file()
        assert not (ROOT / "conf" / group / f"{old}.yaml").exists()
    for old in renamed.TARGETS:
        assert is_there(renamed.target_hint(old).removeprefix("renamed to ").strip("`"))
    for (group, part, old), new in renamed.SETTINGS.items():
        fields = yaml.safe_load((ROOT / "conf" / group / f"{part}.yaml").read_text())[part]
        assert new in fields
        assert old not in fields


def test_the_list_of_scores_is_that_of_the_comparison_of_versions() -> None:
    listed = yaml.safe_load((ROOT / "benchmarks" / "renamed_scores.yaml").read_text())
    assert listed == dict(renamed.SCORES)
    assert len(set(listed.values())) == len(listed)
