"""The command line: exit codes, messages, no traceback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deepseek_report.cli import run


def test_a_config_problem_gives_2_and_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "model=mpl", "seed=x"]) == 2
    said = capsys.readouterr()
    assert "2 problems in the configuration" in said.err
    assert "Traceback" not in said.err + said.out


def test_check_prints_the_plan_with_the_model_calls(
    small_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", *small_run.overrides(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "explanations/shap" in said
    assert "model evaluations" in said
    lines = [line.split() for line in said.splitlines() if line.startswith("explanations/")]
    assert all(line[1] == "yes" for line in lines)
    assert not (tmp_path / "credit_risk").exists()


def test_check_tells_what_is_left_out_and_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = f"paths.store={tmp_path}"
    assert run(["check", "debug=fast", "model=mlp", "explainers=[shap,lime]", store]) == 0
    said = capsys.readouterr().out
    assert "Left out" in said
    assert "measures/expert_load" in said


def test_a_bad_data_file_gives_2_and_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    arguments = ["dataset=csv", f"dataset.path={tmp_path / 'bad.csv'}", "dataset.target=c"]
    assert run(["check", *arguments, f"paths.store={tmp_path}"]) == 2
    assert '"c"' in capsys.readouterr().err.replace("'", '"').replace("`", '"')


def test_a_run_from_the_store_prints_the_path_of_the_page_last(
    small_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(small_run.overrides(tmp_path)) == 0
    page = Path(capsys.readouterr().out.strip().splitlines()[-1])
    assert page.name == "report.html"
    assert page.is_file()


def test_a_threshold_not_met_gives_3_only_where_asked_for(small_run: Any, tmp_path: Path) -> None:
    promise = "report.thresholds=[{metric: roc_auc, at_least: 0.999, set_by: me}]"
    overrides = [*small_run.overrides(tmp_path), promise]
    assert run(overrides) == 0
    assert run([*overrides, "report.fail_on=true"]) == 3


def test_a_sweep_gives_one_report_for_each_job(
    small_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    titles = "report.title=First,Second"
    assert run(["-m", *small_run.overrides(tmp_path), titles]) == 0
    assert len(list(tmp_path.glob("credit_risk/*/report.html"))) == 2


def test_verify_and_render_refuse_what_is_no_run_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("verify", "render"):
        assert run([command, str(tmp_path)]) == 1
        assert "not a run folder" in capsys.readouterr().err


def test_list_names_the_nearest_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "explainer"]) == 2
    assert 'did you mean "explainers"?' in capsys.readouterr().err


def test_doctor_says_what_is_missing_and_what_that_costs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "pandoc" in said
    assert "quarto" in said


def test_the_whole_configuration_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--cfg", "job", "model=mlp"]) == 0
    assert "deepseek_report.models.mlp.MLP" in capsys.readouterr().out
