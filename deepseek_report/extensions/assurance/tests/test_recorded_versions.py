"""The environment that a run records: its versions, within our own bounds, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet

import deepseek_report
from deepseek_report.errors import ArtifactError
from deepseek_report.extensions.assurance import recorded_environment
from deepseek_report.extensions.assurance.recorded_environment import (
    Requirements,
    build,
    no_other_code,
)
from deepseek_report.provenance import bounds
from tests.safety.conftest import forge
from tests.shared_runs import Terminal

PYTHON = recorded_environment.platform.python_version()


def record(**versions: str) -> dict[str, Any]:
    return {"versions": {"python": PYTHON, **versions}, "lock": {}}


#: What a run asks for that another version of this package made.
OTHER = Requirements.of(**record(**{"deepseek-report": "0.0.9"}))


def test_the_bounds_are_those_of_the_package() -> None:
    assert not bounds()["pyarrow"].contains("14.0.0")  # a file of that format could run code
    assert not bounds()["hydra-core"].contains("1.3.2")
    assert not bounds()["torch"].contains("2.5.1")


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("pyarrow", "14.0.0"),
        ("PyArrow", "14.0.0"),
        ("torch", "2.5.1+cpu"),
        ("torch", "99.0"),
        ("hydra_core", "1.3.2"),
        ("pyarrow", "latest"),
    ],
)
def test_a_version_outside_of_the_bounds_is_not_asked_for(name: str, version: str) -> None:
    requirements = Requirements.of(**record(**{name: version}))
    known = name.lower().replace("_", "-")
    assert version.partition("+")[0] not in requirements.constraints
    assert requirements.direct({known: ""}) == [f"{known}{bounds()[known]}"]
    assert "is not of " in requirements.excluded[known]


def wheel(folder: Path, name: str, version: str, code: dict[str, str], needs: str = "") -> Path:
    """A library with these files of code."""
    about = f"{name}-{version}.dist-info"
    requirement = f"Requires-Dist: {needs}\n" if needs else ""
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requirement}"
    kind = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    described = {f"{about}/METADATA": metadata, f"{about}/WHEEL": kind, f"{about}/RECORD": ""}
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, content in {**code, **described}.items():
            archive.writestr(file, content)
    return path


def own_wheel(folder: Path, version: str) -> Path:
    """What calls itself this package in some version."""
    main = f"print('deepseek-report {version}')\n"
    code = {"deepseek_report/__init__.py": "", "deepseek_report/__main__.py": main}
    return wheel(folder, "deepseek_report", version, code)


@pytest.fixture
def no_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but this package is installed, and pip's index is a folder that offers it."""
    own_wheel(tmp_path / "index", "0.0.9")
    monkeypatch.setattr(recorded_environment, "direct_requirements", dict)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))


@pytest.mark.usefixtures("no_libraries")
def test_another_version_of_this_package_is_never_taken_by_its_name(tmp_path: Path) -> None:
    assert OTHER.direct({}) == []
    with pytest.raises(ArtifactError, match="say where that version comes from: --package"):
        build(OTHER, tmp_path / "env")
    assert not (tmp_path / "env").exists()


@pytest.mark.usefixtures("no_libraries")
@pytest.mark.parametrize("place", ["deepseek-report", "deepseek-report==0.0.9", "git+file:///x"])
def test_a_name_is_no_place_to_take_it_from(place: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="neither a wheel"):
        build(OTHER, tmp_path / "env", package=place)


@pytest.mark.usefixtures("no_libraries")
def test_a_wheel_that_a_person_names_is_taken_if_it_is_the_recorded_version(tmp_path: Path) -> None:
    path = own_wheel(tmp_path / "named", "0.0.9")
    assert build(OTHER, tmp_path / "env", package=str(path)).is_file()
    path = own_wheel(tmp_path / "named", "0.0.8")
    with pytest.raises(ArtifactError, match=r"the run was made by version 0\.0\.9"):
        build(OTHER, tmp_path / "other", package=str(path))


@pytest.mark.usefixtures("no_libraries")
def test_an_index_that_a_person_names_is_the_only_one_that_is_asked(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="cannot be built"):  # nobody listens there
        build(OTHER, tmp_path / "env", package="http://127.0.0.1:9/simple")


def test_where_the_package_comes_from_is_about_the_environment_alone(
    received: Path, terminal: Terminal
) -> None:
    assert "add --env" in terminal("reproduce", received, "--package", "x.whl", code=2).err


def test_a_dry_run_says_what_it_compared_and_nothing_of_a_changed_path(
    received: Path, terminal: Terminal
) -> None:
    def elsewhere(run: dict[str, Any]) -> None:
        run["config"]["dataset"]["path"] = "/elsewhere/loans.csv"

    forge(received, elsewhere)
    assert json.loads((received / "run.json").read_text())["config"]["dataset"]["path"]
    printed = terminal("reproduce", received, "--dry-run").out
    assert "Versions of libraries and machine are those that the run records." in printed
    assert "Not compared: config, data and code" in printed
    assert "Config" not in printed


def test_a_version_of_no_number_is_within_nothing() -> None:
    assert not recorded_environment._is_within("latest", SpecifierSet(">=0"))
    assert recorded_environment._is_within(deepseek_report.__version__, SpecifierSet(">=0"))


@pytest.mark.usefixtures("no_libraries")
def test_what_lies_in_the_folder_where_the_command_is_given_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = own_wheel(tmp_path / "named", "0.0.9")
    planted = tmp_path / "here" / "deepseek_report"
    planted.mkdir(parents=True)
    (planted / "__init__.py").write_text(f"open({str(tmp_path / 'touched')!r}, 'w')\n")
    monkeypatch.chdir(tmp_path / "here")
    build(OTHER, tmp_path / "env", package=str(path))
    assert not (tmp_path / "touched").exists()


def test_what_is_needed_in_turn_has_its_recorded_version_too() -> None:
    requirements = Requirements.of(**record(numpy="2.1.0") | {"lock": {"six": "1.17.0"}})
    assert requirements.direct({"numpy": ""}) == ["numpy==2.1.0"]
    assert requirements.constraints == "numpy==2.1.0\nsix==1.17.0\n"


def test_a_folder_without_a_lock_gives_what_it_has_and_the_rest_as_it_comes() -> None:
    run = record(numpy="2.1.0", pypandoc_binary="1.17", xgboost="not installed")
    requirements = Requirements.of(run["versions"], {})
    rich = recorded_environment.bounds()["rich"]
    needed = {"numpy": "", "pypandoc-binary": "", "rich": "", "xgboost": "boosting"}
    assert requirements.direct(needed) == ["numpy==2.1.0", "pypandoc-binary==1.17", f"rich{rich}"]


def test_a_record_names_no_library_that_this_package_does_not_need() -> None:
    assert Requirements.of(**record(evil="1.0")).direct({"numpy": ""}) == [
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
        Requirements.of(**record(**{name: version}))


def test_it_has_the_recorded_versions_this_package_and_nothing_that_lies_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("1.0", "2.0"):
        for name, needs in (("upper", "lower"), ("lower", "")):
            code = {f"{name}.py": f"version = {version!r}\n"}
            wheel(tmp_path / "index", name, version, code, needs)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "index"))
    monkeypatch.setattr(recorded_environment, "direct_requirements", lambda: {"upper": ""})
    run = record(upper="1.0") | {"lock": {"lower": "1.0"}}
    python = build(Requirements.of(**run), tmp_path / "env")
    script = "import deepseek_report, upper, lower; print(upper.version, lower.version, end=' '); "
    script += "print(deepseek_report.__version__); "
    script += "from deepseek_report.provenance import direct_requirements; "
    script += "assert 'numpy' in direct_requirements(); import numpy"
    known = {name: text for name, text in os.environ.items() if name not in no_other_code()}
    done = subprocess.run(
        [str(python), "-c", script], capture_output=True, text=True, check=False, env=known
    )
    assert done.stdout == f"1.0 1.0 {deepseek_report.__version__}\n"
    assert "No module named 'numpy'" in done.stderr


def test_an_environment_in_which_the_package_does_not_start_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded_environment, "direct_requirements", dict)
    monkeypatch.setattr(recorded_environment, "_use_present", lambda *_: None)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    run = record()
    with pytest.raises(ArtifactError, match="cannot be built"):
        build(Requirements.of(**run), tmp_path / "env")
