"""`runs`: what stands below the reports, whatever state it is in, and at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deepseek_report.artifacts.storage.formats import head_of
from deepseek_report.cli import run
from deepseek_report.cli.output.console import duration_range, in_bytes
from deepseek_report.runner.execution.whole_run import duration
from deepseek_report.runner.run_folders.past_runs import past_run, past_runs
from tests.shared_runs import Terminal
from tests.worded import printed


def make_run(folder: Path, finished: str, **concluded: Any) -> None:
    folder.mkdir(parents=True)
    whole = {**head_of("run"), "problems": [], "stages": []}
    (folder / "run.json").write_text(json.dumps(whole))
    (folder / "findings.json").write_text(json.dumps({**head_of("findings"), **concluded}))
    (folder / "provenance.json").write_text(json.dumps({"finished": finished}))


def test_a_real_run_is_listed_with_its_thresholds_and_size(
    small_run: Any, tmp_path: Path, terminal: Terminal
) -> None:
    small_run.copied(tmp_path / "credit_risk" / small_run.folder.name)
    row = terminal("runs", f"paths.reports={tmp_path}").out.splitlines()[1]
    assert row.startswith(f"credit_risk/{small_run.folder.name}")
    past = past_run(small_run.folder)
    assert sum(past.outcomes.values()) == 4
    assert ("whole" in row) == (past.failed == 0)
    assert "MB" in row
    files = [file for file in small_run.folder.rglob("*") if file.is_file()]
    assert past.size == sum(file.stat().st_size for file in files)


def test_runs_are_listed_newest_first_with_what_failed_and_what_was_promised(
    tmp_path: Path, terminal: Terminal
) -> None:
    outcomes = ["met", "not met", "too uncertain to say", "met", "not measured"]
    thresholds = [{"outcome": outcome} for outcome in outcomes]
    broken = [{"kind": "failed", "stage": "measures/deletion/shap"}]
    make_run(tmp_path / "loans" / "a", "2026-03-01T10:00:00+00:00", thresholds=thresholds)
    make_run(tmp_path / "loans" / "b", "2026-03-02T10:00:00+00:00", problems=broken)
    _, newest, oldest, *_ = terminal("runs", f"paths.reports={tmp_path}").out.splitlines()
    assert newest.startswith("loans/b")
    assert "incomplete, 1 part failed" in newest
    assert "none" in newest
    assert "1 not met, 1 not measured, 1 uncertain, 2 met" in oldest


def test_thresholds_and_problems_that_the_writing_of_the_report_recorded_count(
    tmp_path: Path,
) -> None:
    broken = [{"kind": "failed", "stage": "sections/bias"}]
    met = [{"outcome": "met"}]
    make_run(tmp_path / "x" / "a", "2026-03-01T10:00:00+00:00", thresholds=met, problems=broken)
    (past,) = past_runs(tmp_path)
    assert past.failed == 1
    assert past.outcomes == {"met": 1}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ("[]", "format_version is missing"),
        ("[" * 100_000, "levels"),
        ('{"format_version": 2}', "its format_version is 2"),
        ('{"format_version": 1, "problems": 3, "stages": [1]}', ""),
    ],
)
def test_a_record_that_cannot_be_read_is_a_row_that_says_so(
    content: str, problem: str, tmp_path: Path, terminal: Terminal
) -> None:
    make_run(tmp_path / "x" / "good", "not a time")
    folder = tmp_path / "x" / "bad"
    folder.mkdir()
    (folder / "run.json").write_text(content)
    (folder / "provenance.json").write_text(content)
    printed = terminal("runs", f"paths.reports={tmp_path}").out
    assert "x/good" in printed
    assert "x/bad" in printed
    assert problem in printed
    assert "not known" in printed


def test_a_link_is_no_run_and_a_linked_record_is_not_read(
    tmp_path: Path, terminal: Terminal
) -> None:
    make_run(tmp_path / "elsewhere" / "x" / "secret", "2026-03-01T10:00:00+00:00")
    reports = tmp_path / "reports"
    (reports / "x" / "linked").mkdir(parents=True)
    target = tmp_path / "elsewhere" / "x" / "secret"
    (reports / "x" / "folder").symlink_to(target)
    (reports / "x" / "linked" / "run.json").symlink_to(target / "run.json")
    printed = terminal("runs", f"paths.reports={reports}").out
    assert "x/folder" not in printed
    assert "no regular file" in printed


def test_names_of_strangers_cannot_rewrite_the_terminal(tmp_path: Path, terminal: Terminal) -> None:
    make_run(tmp_path / "x" / "a\x1b[2Jb[bold]", "2026-03-01T10:00:00+00:00")
    printed = terminal("runs", f"paths.reports={tmp_path}").out
    assert "\x1b" not in printed
    assert "[bold]" in printed


def test_without_a_run_a_sentence_says_where_none_is(tmp_path: Path, terminal: Terminal) -> None:
    assert "no run below" in terminal("runs", f"paths.reports={tmp_path / 'none'}").out


def test_the_folder_of_reports_is_that_of_the_experiment(
    tmp_path: Path, terminal: Terminal
) -> None:
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    here = f"# @package _global_\npaths: {{reports: {tmp_path / 'mine'}}}\n"
    (tmp_path / "conf" / "experiment" / "loans.yaml").write_text(here)
    make_run(tmp_path / "mine" / "loans" / "a", "2026-03-01T10:00:00+00:00")
    chosen = ["--config-dir", str(tmp_path / "conf"), "experiment=loans"]
    assert "loans/a" in terminal("runs", *chosen).out
    assert run(["runs", "seed=3"]) == 2
    assert run(["runs", "experiment=none"]) == 2


def test_what_answers_at_once_imports_nothing_heavy(tmp_path: Path) -> None:
    heavy = {"torch", "pandas", "numpy", "hydra", "omegaconf", "pydantic", "sklearn", "matplotlib"}
    commands = [["--help"], ["list"], ["list", "model"], ["runs"], ["completion", "bash"]]
    code = (
        "import contextlib, sys\nfrom deepseek_report.cli import run\n"
        f"for command in {commands}:\n    with contextlib.suppress(SystemExit): run(command)\n"
        f"    if {commands}.index(command) == 2: assert 'rich' not in sys.modules\n"
        f"print(sorted({heavy} & {{*sys.modules}}))"
    )
    assert printed(code, cwd=tmp_path).splitlines()[-1] == "[]"


def test_sizes_and_durations_are_said_as_a_person_says_them() -> None:
    assert [in_bytes(size) for size in (12, 1500, 4.89e6, 999_999, 2.5e13)] == [
        "12 bytes",
        "1.5 kB",
        "4.89 MB",
        "1 MB",
        "25 TB",
    ]
    assert [duration(seconds) for seconds in (1, 22, 70, 1000, 20_000)] == [
        "a few seconds",
        "20 s",
        "1 min",
        "15 min",
        "5.6 h",
    ]
    assert duration_range(60, 240) == "1 to 4 min"
    assert duration_range(20, 70) == "20 s to 1 min"
    assert duration_range(1, 2) == "a few seconds"
