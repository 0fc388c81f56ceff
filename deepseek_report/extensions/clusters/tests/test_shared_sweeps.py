"""Sweeps of machines that share their stages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deepseek_report.cli import run as command
from deepseek_report.extensions.clusters import remote_stages
from deepseek_report.extensions.clusters.remote_stages import VARIABLE
from deepseek_report.runner.execution import computing
from deepseek_report.store import hash_folder
from tests.configured import LINEAR, few_parts, places_in
from tests.shared_runs import SMALL

pytest.importorskip("fsspec", reason="a place for stages needs the package fsspec")
SHOWN = {"visualizations": "roc_curve", "sections": "summary,performance"}


def sweep(machine: Path) -> dict[str, str]:
    """Every file of the reports that a sweep leaves on a machine."""
    few = (*LINEAR, *few_parts(explainers="random", **SHOWN), "dataset.rows=400", "seed=1,2")
    assert command(["-m", *SMALL, *few, *places_in(machine)]) == 0
    return hash_folder(machine / "reports")


def test_the_second_machine_computes_nothing_and_writes_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, f"file://{tmp_path}/shared")
    first = sweep(tmp_path / "first")
    monkeypatch.setattr(computing, "_compute", lambda _store, stage, *_: pytest.fail(stage.id))
    assert sweep(tmp_path / "second") == first
    monkeypatch.delenv(VARIABLE)  # all of it is here now
    assert sweep(tmp_path / "second") == first


def test_what_could_not_be_sent_is_told_and_sent_by_the_end_or_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, f"file://{tmp_path}/shared")
    send, failures = remote_stages._send, iter([True, *[False] * 3, *[True] * 9])

    def failing(*args: Any) -> None:
        if next(failures, False):
            raise OSError("503 Slow Down")
        send(*args)

    monkeypatch.setattr(remote_stages, "_send", failing)
    first = sweep(tmp_path / "first")
    printed = capsys.readouterr().err
    assert "could not be sent to the remote store" in printed
    assert "503 Slow Down" in printed
    for _ in failures:
        pass  # from here on it takes everything
    assert sweep(tmp_path / "first") == first
    assert "could not be sent" not in capsys.readouterr().err
    monkeypatch.setattr(remote_stages, "_SILENT", {})
    monkeypatch.setattr(computing, "_compute", lambda _store, stage, *_: pytest.fail(stage.id))
    assert sweep(tmp_path / "second") == first
