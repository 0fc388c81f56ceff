"""The command line: exit codes, messages, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deepseek_report.cli import run


def test_a_config_problem_gives_2_and_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "model=mpl", "seed=x"]) == 2
    captured = capsys.readouterr()
    assert "2 problems in the configuration" in captured.err
    assert "Traceback" not in captured.err + captured.out


def test_check_prints_the_plan_with_the_model_calls(
    small_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", *small_run.overrides(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "explanations/shap" in printed
    assert "model evaluations" in printed
    lines = [line.split() for line in printed.splitlines() if line.startswith("explanations/")]
    assert all(line[1] == "yes" for line in lines)
    assert not (tmp_path / "credit_risk").exists()


def test_check_tells_what_is_left_out_and_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = f"paths.store={tmp_path}"
    assert run(["check", "debug=fast", "model=mlp", "explainers=[shap,lime]", store]) == 0
    printed = capsys.readouterr().out
    assert "Left out" in printed
    assert "measures/expert_load" in printed


def test_a_bad_data_file_gives_2_and_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    arguments = ["dataset=csv", f"dataset.path={tmp_path / 'bad.csv'}", "dataset.target=c"]
    assert run(["check", *arguments, f"paths.store={tmp_path}"]) == 2
    assert '"c"' in capsys.readouterr().err.replace("'", '"').replace("`", '"')


def test_a_run_from_the_store_prints_the_path_of_the_page_last(
    short_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(short_run.overrides(tmp_path)) == 0
    page = Path(capsys.readouterr().out.strip().splitlines()[-1])
    assert page.name == "report.html"
    assert page.is_file()


def test_a_threshold_not_met_gives_3_only_where_asked_for(small_run: Any, tmp_path: Path) -> None:
    promise = "report.thresholds=[{metric: roc_auc, at_least: 0.999, set_by: me}]"
    short = ["sections=[summary]", "visualizations=[]"]
    overrides = [*small_run.overrides(tmp_path), *short, promise]
    assert run(overrides) == 0
    assert run([*overrides, "report.fail_on=true"]) == 3


def test_verify_and_render_refuse_what_is_no_run_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("verify", "render"):
        assert run([command, str(tmp_path)]) == 1
        assert "not a run folder" in capsys.readouterr().err


@pytest.mark.parametrize("text", ['{"run_id": "a"}', "[]"])
def test_verify_and_render_say_what_an_incomplete_record_lacks(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run.json").write_text(text)
    for command in ("verify", "render"):
        assert run([command, str(tmp_path)]) == 1
        errors = capsys.readouterr().err
        assert "no run of this package wrote it" in errors


def test_list_names_the_nearest_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "explainer"]) == 2
    assert 'did you mean "explainers"?' in capsys.readouterr().err


def test_doctor_says_what_is_missing_and_what_that_costs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["doctor"]) == 0
    printed = capsys.readouterr().out
    for part in ("pandoc", "quarto", "rsvg-convert", "fonts of PDF"):
        assert part in printed


def test_the_whole_configuration_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--cfg", "job", "model=mlp"]) == 0
    assert "deepseek_report.models.perceptron.mlp.MLP" in capsys.readouterr().out


def test_a_folder_that_cannot_be_written_is_a_problem_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    paths = [f"paths.reports={tmp_path / 'file' / 'x'}", f"paths.store={tmp_path / 'file'}"]
    assert run(["debug=fast", *paths]) == 2
    errors = capsys.readouterr().err
    assert "2 problems" in errors
    assert f"{tmp_path / 'file'} is a file" in errors


def test_a_run_record_that_is_no_json_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run.json").write_text("{")
    for command in ("verify", "render"):
        assert run([command, str(tmp_path)]) == 1
        assert "not valid JSON" in capsys.readouterr().err


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
    capsys: pytest.CaptureFixture[str],
) -> None:
    def breaks(arguments: list[str]) -> int:
        raise error

    monkeypatch.setattr("deepseek_report.cli.doctor.command", breaks)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert run(["doctor"]) == 1
    errors = capsys.readouterr().err
    assert errors.startswith(expected)
    assert errors.count("\n") == 1
    (details,) = tmp_path.glob("deepseek-report-*.txt")
    assert str(details) in errors
    assert "Traceback" in details.read_text()


@pytest.mark.parametrize("jobs", [1, 2])
def test_data_that_cannot_be_used_end_the_run_with_2_and_no_report(
    jobs: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one.csv").write_text("a,b\n" + "1,no\n2,no\n" * 50)
    data = ["dataset=csv", f"dataset.path={tmp_path / 'one.csv'}", "dataset.target=b"]
    paths = [f"paths.store={tmp_path / 's'}", f"paths.reports={tmp_path / 'r'}"]
    assert run([*data, *paths, "debug=fast", f"jobs={jobs}"]) == 2
    errors = capsys.readouterr().err
    assert "all rows have the same class" in errors
    assert "train the model" not in errors
    assert not (tmp_path / "r").exists()


def test_a_terminal_without_unicode_gets_question_marks_and_no_error() -> None:
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "deepseek_report", "--help"]
    done = subprocess.run(command, env={**os.environ, **plain}, capture_output=True, check=False)
    assert done.returncode == 0
    assert b"[OVERRIDES?]" in done.stdout
