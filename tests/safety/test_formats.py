"""Every command that reads a run folder refuses one of another format, in one sentence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from deepseek_report.api import load_run
from deepseek_report.artifacts.storage.formats import FORMAT_VERSION
from deepseek_report.cli import run
from deepseek_report.errors import ArtifactError
from deepseek_report.runner.run_folders.past_runs import past_run
from deepseek_report.store import hash_folder
from tests.cli.test_every_option import CALLS, Call, Desk, words_of
from tests.shared_runs import SmallRun, Terminal

from .conftest import LONG, reseal

#: What stands in the file, and what is said of it.
VERSIONS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"format_version": 2}, "its format_version is 2"),
    ({"format_version": 0}, "its format_version is 0"),
    ({"format_version": "x"}, "its format_version is 'x'"),
    ({"format_version": True}, "its format_version is True"),
    ({}, "its format_version is missing"),
)
RUN_FILE = "run.json"
CONCLUSIONS = "artifacts/conclusions/conclusions.json"
#: In each file that a command reads before all others, and in the conclusions.
CHANGES = [
    *((RUN_FILE, *version) for version in VERSIONS),
    *((name, *VERSIONS[0]) for name in ("environment.json", "manifest.json", "records.json")),
    *((CONCLUSIONS, *version) for version in VERSIONS[::4]),
]
#: The same with one version of each file: which version it is, is read in one place for all.
FIRST = list({name: (name, *rest) for name, *rest in CHANGES}.values())
READING = [
    pytest.param(command, call, id=f"{command}-{place}")
    for command, calls in CALLS.items()
    if command != "track" or find_spec("mlflow")
    for place, call in enumerate(calls)
    if "{run}" in call.line
]


class ClosedDesk(Desk):
    """A desk of commands that refuse before they would serve."""

    def port(self) -> int:
        return 6006


@pytest.fixture
def desk(short_run: SmallRun, small_run: SmallRun, tmp_path: Path) -> Desk:
    return ClosedDesk(short_run, small_run, tmp_path)


def change(folder: Path, name: str, version: Mapping[str, Any]) -> None:
    """Write another version into a file of a run, as one would who knows the format."""
    content = json.loads((folder / name).read_text("utf-8"))
    del content["format_version"]
    (folder / name).write_text(json.dumps({**content, **version}), "utf-8")
    if name == CONCLUSIONS:
        reseal(folder)


def refusal(file: Path, fault: str) -> str:
    return (
        f"{file}: {fault}, and this version of deepseek-report reads {FORMAT_VERSION} alone. "
        "Make the run again with this version"
    )


@pytest.mark.parametrize(("command", "call"), READING)
def test_a_folder_of_another_format_is_refused_in_one_sentence(
    command: str,
    call: Call,
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(desk.folder)
    words, folder, kept = words_of(call, desk), desk.run(), desk.folder / "kept"
    shutil.copytree(folder, kept)
    for name, version, fault in CHANGES if LONG or command == "verify" else FIRST:
        change(folder, name, version)
        before = hash_folder(folder)
        capsys.readouterr()
        code = run([command, *words])
        printed = capsys.readouterr()
        assert printed.err.strip().splitlines() == [refusal(folder / name, fault)]
        assert "Traceback" not in printed.out
        assert code == (2 if command == "reproduce" else 1)  # whose 1 says that results differ
        assert hash_folder(folder) == before
        shutil.rmtree(folder)
        shutil.copytree(kept, folder)


@pytest.mark.parametrize(("version", "fault"), VERSIONS)
def test_it_is_named_in_the_list_of_runs_and_refused_from_python(
    version: dict[str, Any], fault: str, desk: Desk, terminal: Terminal
) -> None:
    folder = desk.run()
    change(folder, RUN_FILE, version)
    with pytest.raises(ArtifactError) as caught:
        load_run(folder)
    assert str(caught.value) == refusal(folder / RUN_FILE, fault)
    assert past_run(folder).problem == refusal(Path(RUN_FILE), fault)
    assert "unreadable" in terminal("runs", f"paths.reports={desk.folder}").out
