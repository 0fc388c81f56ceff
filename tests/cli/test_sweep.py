"""A sweep: one table at its end, and a job that fails does not stop the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deepseek_report.cli import run
from deepseek_report.errors import DataError
from deepseek_report.runner import run as running
from deepseek_report.runner.sweep import varying


def test_the_overrides_in_which_jobs_differ_are_told() -> None:
    jobs = [["debug=fast", "seed=1", "model=mlp"], ["debug=fast", "seed=2", "model=mlp"]]
    assert varying(jobs) == [["seed=1"], ["seed=2"]]
    assert varying([["seed=1"]]) == [[]]
    assert varying([]) == []


def test_a_sweep_ends_with_a_table_of_its_jobs(
    small_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["-m", *small_run.overrides(tmp_path), "report.title=First,Second"]) == 0
    printed = capsys.readouterr().out
    head, *rows = printed[printed.index("differs in") - 10 :].strip().splitlines()
    assert "ROC AUC" in head
    for row, title in zip(rows[:2], ("First", "Second"), strict=True):
        assert f"report.title={title}" in row
        assert "0, whole" in row
        assert "uncertain" in row
        assert "–" in row  # the interval of the main score
        assert Path(row.split()[-1]).is_file()
    assert rows[2].startswith("- ")  # what may be concluded of both
    assert Path(rows[-1]).parent.parent == tmp_path / "comparisons"
    assert Path(rows[-1]).is_file()


def test_a_job_that_fails_does_not_stop_the_others_and_its_code_counts(
    small_run: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    real = running.run_experiment

    def some_fail(experiment: Any, *arguments: Any, **named: Any) -> Any:
        title = experiment.raw["report"]["title"]
        if title == "Bad":
            raise DataError("this file cannot be used")
        if title == "Broken":
            raise ZeroDivisionError("nobody foresaw it")
        return real(experiment, *arguments, **named)

    monkeypatch.setattr(running, "run_experiment", some_fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert run(["-m", *small_run.overrides(tmp_path / "r"), "report.title=Bad,Broken,Good"]) == 2
    captured = capsys.readouterr()
    assert "this file cannot be used" in captured.err
    assert "nobody foresaw" in captured.err
    rows = captured.out.strip().splitlines()[-3:]
    assert "2, not run" in rows[0]
    assert "1, failed" in rows[1]
    assert "0, whole" in rows[2]
    assert rows[2].endswith("report.html")


def test_a_stopped_sweep_tells_what_is_done(
    small_run: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    real = running.run_experiment

    def stops(experiment: Any, *arguments: Any, **named: Any) -> Any:
        if experiment.raw["report"]["title"] == "Second":
            raise KeyboardInterrupt
        return real(experiment, *arguments, **named)

    monkeypatch.setattr(running, "run_experiment", stops)
    assert run(["-m", *small_run.overrides(tmp_path), "report.title=First,Second"]) == 130
    assert "1 of 2" in capsys.readouterr().out.strip().splitlines()[-1]


def test_the_summary_of_a_run_fits_on_one_screen(
    small_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    promised = ",".join(f"{{metric: roc_auc, at_least: 0.{i}, set_by: me}}" for i in range(10, 30))
    many = f"report.thresholds=[{promised}]"
    assert run([*small_run.overrides(tmp_path), many]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) <= 30
    assert "and 12 more in the report" in "\n".join(printed)
