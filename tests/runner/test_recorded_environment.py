"""The environment that a run records: which libraries, in which versions, and nothing else."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

import deepseek_report
from deepseek_report.errors import ArtifactError
from deepseek_report.runner import recorded_environment
from deepseek_report.runner.recorded_environment import Requirements, build, variables


def recorded(**versions: str) -> dict[str, Any]:
    return {"versions": {"python": "3.11.0", **versions}, "lock": {"six": "1.17.0"}}


def wheel(folder: Path, name: str, version: str, needs: str = "") -> None:
    """A library of one module that knows its version."""
    about = f"{name}-{version}.dist-info"
    requirement = f"Requires-Dist: {needs}\n" if needs else ""
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requirement}"
    kind = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}.py", f"version = {version!r}\n")
        archive.writestr(f"{about}/METADATA", metadata)
        archive.writestr(f"{about}/WHEEL", kind)
        archive.writestr(f"{about}/RECORD", "")


def test_what_is_needed_in_turn_has_its_recorded_version_too() -> None:
    requirements = Requirements.of(**recorded(numpy="2.1.0"))
    assert requirements.direct({"numpy": ""}) == ["numpy==2.1.0"]
    assert requirements.constraints == "numpy==2.1.0\nsix==1.17.0\n"


def test_a_folder_without_a_lock_gives_what_it_has_and_the_rest_as_it_comes() -> None:
    run = recorded(numpy="2.1.0", pypandoc_binary="1.17", xgboost="not installed")
    requirements = Requirements.of(run["versions"], {})
    rich = recorded_environment.bounds()["rich"]
    needed = {"numpy": "", "pypandoc-binary": "", "rich": "", "xgboost": "boosting"}
    assert requirements.direct(needed) == ["numpy==2.1.0", "pypandoc-binary==1.17", f"rich{rich}"]


def test_a_record_names_no_library_that_this_package_does_not_need() -> None:
    assert Requirements.of(**recorded(evil="1.0")).direct({"numpy": ""}) == [
        f"numpy{recorded_environment.bounds()['numpy']}"
    ]


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("--index-url=http://127.0.0.1/", "1"),
        ("numpy", "1 --index-url=http://127.0.0.1/"),
        ("numpy", "1\n--index-url=http://127.0.0.1/"),
        ("numpy @ http://127.0.0.1/x.whl", "1"),
        ("numpy", ""),
    ],
)
def test_no_record_speaks_to_pip_but_in_names_and_versions(name: str, version: str) -> None:
    with pytest.raises(ArtifactError, match="no library that pip could install"):
        Requirements.of(**recorded(**{name: version}))


def test_it_has_the_recorded_versions_this_package_and_nothing_that_lies_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("1.0", "2.0"):
        wheel(tmp_path / "index", "upper", version, needs="lower")
        wheel(tmp_path / "index", "lower", version)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "index"))
    monkeypatch.setattr(recorded_environment, "direct_requirements", lambda: {"upper": ""})
    run = recorded(upper="1.0") | {"lock": {"lower": "1.0"}}
    run["versions"]["python"] = recorded_environment.platform.python_version()
    python = build(Requirements.of(**run), tmp_path / "env")
    script = "import deepseek_report, upper, lower; print(upper.version, lower.version, end=' '); "
    script += "print(deepseek_report.__version__); "
    script += "from deepseek_report.provenance import direct_requirements; "
    script += "assert 'numpy' in direct_requirements(); import numpy"
    done = subprocess.run(
        [str(python), "-c", script], capture_output=True, text=True, check=False, env=variables()
    )
    assert done.stdout == f"1.0 1.0 {deepseek_report.__version__}\n"
    assert "No module named 'numpy'" in done.stderr


def test_an_environment_in_which_the_package_does_not_start_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded_environment, "direct_requirements", dict)
    monkeypatch.setattr(recorded_environment, "_use_present", lambda *_: None)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    run = recorded(python=recorded_environment.platform.python_version())
    with pytest.raises(ArtifactError, match="cannot be built"):
        build(Requirements.of(**run), tmp_path / "env")
