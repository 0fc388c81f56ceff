"""The lock of a run: all libraries that it could load, as far as this package needs them."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from pathlib import Path

import pytest

from deepseek_report.provenance import direct_requirements, lock
from deepseek_report.provenance import lock as recorded_lock


def distribution(folder: Path, name: str, version: str, *needs: str) -> None:
    about = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    about.mkdir()
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {need}" for need in needs]
    text = "\n".join([*lines, "", "Version: 9", "Requires-Dist: never"])
    (about / "METADATA").write_text(text, encoding="utf-8")


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A path on which this package and its libraries are other ones."""
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    distribution(
        tmp_path,
        "deepseek-report",
        "0.1.0",
        "Upper_Lib>=1",
        'boosts>=2; extra == "boosting"',
        'tests>=1; extra == "test"',
        'absent>=1; extra == "hub"',
        "deepseek-report[boosting]; extra == 'all'",
    )
    distribution(
        tmp_path, "upper.lib", "1.5", "lower (>=1)", 'unused; extra == "x"', "windows-only"
    )
    distribution(tmp_path, "lower", "2.0+cpu", "upper-lib")
    for name in ("boosts", "tests", "unused", "never"):
        distribution(tmp_path, name, "3.0")
    lock.cache_clear()
    yield tmp_path
    lock.cache_clear()


@pytest.mark.usefixtures("planted")
def test_what_is_needed_in_turn_is_in_it_and_what_decides_no_result_is_not() -> None:
    assert lock() == {"boosts": "3.0", "lower": "2.0+cpu", "upper-lib": "1.5"}


@pytest.mark.usefixtures("planted")
def test_requirements_have_normal_names_and_their_extra() -> None:
    needed = direct_requirements()
    assert needed["upper-lib"] == ""
    assert (needed["boosts"], needed["absent"]) == ("boosting", "hub")
    assert "tests" not in needed


def test_libraries_of_this_machine_have_the_versions_that_are_installed() -> None:
    versions = recorded_lock()
    assert versions["numpy"] == importlib.metadata.version("numpy")
    assert {"llvmlite", "sympy"} <= versions.keys()  # by shap and torch
    assert "pytest" not in versions
