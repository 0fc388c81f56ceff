"""The command line: exit codes, messages, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deepseek_report.cli import run
from tests.shared_runs import Terminal, offered


def test_a_config_problem_gives_2_and_no_traceback(terminal: Terminal) -> None:
    captured = terminal("check", "model=mpl", "seed=x", code=2)
    assert "2 problems in the configuration" in captured.err
    assert "Traceback" not in captured.err + captured.out


def test_check_prints_the_plan_with_the_model_calls(
    small_run: Any, tmp_path: Path, terminal: Terminal
) -> None:
    printed = terminal("check", *small_run.overrides(tmp_path)).out
    assert "explanations/shap" in printed
    assert "model evaluations" in printed
    lines = [line.split() for line in printed.splitlines() if line.startswith("explanations/")]
    assert all(line[1] == "yes" for line in lines)
    assert not (tmp_path / "credit_risk").exists()


def test_check_tells_what_is_left_out_and_why(tmp_path: Path, terminal: Terminal) -> None:
    store = f"paths.store={tmp_path}"
    printed = terminal("check", "debug=fast", "model=mlp", "explainers=[shap,lime]", store).out
    assert "Left out" in printed
    assert "measures/expert_load" in printed


def test_a_bad_data_file_gives_2_and_says_what_to_do(tmp_path: Path, terminal: Terminal) -> None:
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    arguments = ["dataset=csv", f"dataset.path={tmp_path / 'bad.csv'}", "dataset.target=c"]
    assert '"c"' in terminal("check", *arguments, f"paths.store={tmp_path}", code=2).err.replace(
        "'", '"'
    ).replace("`", '"')


def test_a_run_from_the_store_prints_the_path_of_the_page_last(
    short_run: Any, tmp_path: Path, terminal: Terminal
) -> None:
    page = Path(terminal(*short_run.overrides(tmp_path)).out.strip().splitlines()[-1])
    assert page.name == "report.html"
    assert page.is_file()


def test_a_threshold_not_met_gives_3_only_where_asked_for(small_run: Any, tmp_path: Path) -> None:
    promise = "report.thresholds=[{metric: roc_auc, at_least: 0.999, set_by: me}]"
    short = ["sections=[summary]", "visualizations=[]"]
    overrides = [*small_run.overrides(tmp_path), *short, promise]
    assert run(overrides) == 0
    assert run([*overrides, "report.fail_on=true"]) == 3


def test_verify_and_render_refuse_what_is_no_run_folder(tmp_path: Path, terminal: Terminal) -> None:
    for words in offered(["verify", str(tmp_path)], ["render", str(tmp_path)]):
        assert "not a run folder" in terminal(*words, code=1).err


@pytest.mark.parametrize("text", ['{"run_id": "a"}', "[]"])
def test_verify_and_render_say_what_an_incomplete_record_lacks(
    text: str, tmp_path: Path, terminal: Terminal
) -> None:
    (tmp_path / "run.json").write_text(text)
    for words in offered(["verify", str(tmp_path)], ["render", str(tmp_path)]):
        errors = terminal(*words, code=1).err
        assert "no run of this package wrote it" in errors or "reads 1 alone" in errors


def test_list_names_the_nearest_group(terminal: Terminal) -> None:
    assert 'did you mean "explainers"?' in terminal("list", "explainer", code=2).err


def test_doctor_says_what_is_missing_and_what_that_costs(terminal: Terminal) -> None:
    printed = terminal("doctor").out
    for part in ("pandoc", "quarto", "rsvg-convert", "fonts of PDF"):
        assert part in printed


def test_the_whole_configuration_can_be_printed(terminal: Terminal) -> None:
    assert "deepseek_report.models.perceptron.mlp.MLP" in terminal("--cfg", "job", "model=mlp").out


def test_a_folder_that_cannot_be_written_is_a_problem_before_anything_runs(
    tmp_path: Path, terminal: Terminal
) -> None:
    (tmp_path / "file").touch()
    paths = [f"paths.reports={tmp_path / 'file' / 'x'}", f"paths.store={tmp_path / 'file'}"]
    errors = terminal("debug=fast", *paths, code=2).err
    assert "2 problems" in errors
    assert f"{tmp_path / 'file'} is a file" in errors


def test_a_run_record_that_is_no_json_is_named(tmp_path: Path, terminal: Terminal) -> None:
    (tmp_path / "run.json").write_text("{")
    for words in offered(["verify", str(tmp_path)], ["render", str(tmp_path)]):
        assert "not valid JSON" in terminal(*words, code=1).err


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (KeyError("x"), "an error that nobody foresaw (KeyError: 'x')"),
        (PermissionError(13, "Permission denied", "a/b"), "a/b: Permission denied"),
    ],
)
def test_an_unforeseen_error_is_one_sentence_that_names_its_details(
    error: Exception,
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    terminal: Terminal,
) -> None:
    def breaks(arguments: list[str]) -> int:
        raise error

    monkeypatch.setattr("deepseek_report.cli.doctor.command", breaks)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    errors = terminal("doctor", code=1).err
    assert errors.startswith(expected)
    assert errors.count("\n") == 1
    (details,) = tmp_path.glob("deepseek-report-*.txt")
    assert str(details) in errors
    assert "Traceback" in details.read_text()


@pytest.mark.parametrize("jobs", [1, 2])
def test_data_that_cannot_be_used_end_the_run_with_2_and_no_report(
    jobs: int, tmp_path: Path, terminal: Terminal
) -> None:
    (tmp_path / "one.csv").write_text("a,b\n" + "1,no\n2,no\n" * 50)
    data = ["dataset=csv", f"dataset.path={tmp_path / 'one.csv'}", "dataset.target=b"]
    paths = [f"paths.store={tmp_path / 's'}", f"paths.reports={tmp_path / 'r'}"]
    errors = terminal(*data, *paths, "debug=fast", f"jobs={jobs}", code=2).err
    assert "all rows have the same class" in errors
    assert "train the model" not in errors
    assert not (tmp_path / "r").exists()


def test_a_terminal_without_unicode_gets_question_marks_and_no_error() -> None:
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "deepseek_report", "--help"]
    done = subprocess.run(command, env={**os.environ, **plain}, capture_output=True, check=False)
    assert done.returncode == 0
    assert b"[OVERRIDES?]" in done.stdout
