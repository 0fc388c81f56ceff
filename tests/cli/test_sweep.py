"""A sweep: one plan, one table at its end, and a job that fails does not stop the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deepseek_report.cli import run
from deepseek_report.errors import DataError
from deepseek_report.runner import sweep as sweeping
from deepseek_report.runner.execution.open_plan import OpenPlan
from deepseek_report.runner.run_folders.open_run import read_run
from tests.configured import LINEAR, few_parts, places_in
from tests.shared_runs import SMALL, Terminal

#: Little to compute, with stages that draw from seeds and stages that do not.
PARTS = few_parts(
    explainers="shap,random",
    metrics="roc_auc,importance",
    visualizations="roc_curve",
    sections="summary,performance",
)


def small(folder: Path, *more: str) -> list[str]:
    return [*SMALL, *places_in(folder), *LINEAR, *PARTS, *more]


def files_of(folder: Path) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stages that are worked on from now on."""
    worked: list[str] = []
    work = OpenPlan.work

    def working(plan: OpenPlan, stage: Any) -> Any:
        worked.append(stage.id)
        return work(plan, stage)

    monkeypatch.setattr(OpenPlan, "work", working)
    return worked


def test_a_sweep_ends_with_a_table_of_its_jobs(
    short_run: Any, tmp_path: Path, terminal: Terminal
) -> None:
    captured = terminal("-m", *short_run.overrides(tmp_path), "report.title=First,Second")
    printed = captured.out
    assert printed.startswith("job 1 of 2: report.title=First\njob 2 of 2: report.title=Second\n")
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
    assert "job 2: write the report" in captured.err


def test_the_jobs_of_a_sweep_have_the_bytes_of_single_runs(tmp_path: Path) -> None:
    together, alone = tmp_path / "together", tmp_path / "alone"
    assert run(["-m", *small(together, "seed=1,2"), "jobs=2"]) == 0
    for seed in (1, 2):
        single = alone / str(seed)
        assert run(small(single, f"seed={seed}", "seeds.data=1")) == 0
        (folder,) = (single / "reports" / "credit_risk").iterdir()
        same = together / "reports" / "credit_risk" / folder.name
        assert files_of(same) == files_of(folder)


def test_what_two_jobs_share_is_computed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked = counted(monkeypatch)
    assert run(["-m", *small(tmp_path, "seed=1,2")]) == 0
    assert worked.count("data") == 1
    assert worked.count("training") == worked.count("explanations/shap") == 2
    runs = [read_run(folder) for folder in (tmp_path / "reports" / "credit_risk").iterdir()]
    assert [len({run.plan[stage] for run in runs}) for stage in ("data", "training")] == [1, 2]


def test_a_failed_shared_stage_fails_every_job_that_needs_it_without_another_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = OpenPlan.work

    def fails(plan: OpenPlan, stage: Any) -> Any:
        if stage.id != "measures/roc_auc":
            return work(plan, stage)
        return lambda _: plan.broken(stage, "no memory")

    monkeypatch.setattr(OpenPlan, "work", fails)
    tried = counted(monkeypatch)
    assert run(["-m", *small(tmp_path, "report.title=First,Second")]) == 1
    assert tried.count("measures/roc_auc") == 1
    folders = list((tmp_path / "reports" / "credit_risk").iterdir())
    assert len(folders) == 2
    assert all("-incomplete-" in folder.name for folder in folders)


def test_a_job_that_fails_does_not_stop_the_others_and_the_comparison_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terminal: Terminal
) -> None:
    real = sweeping.write_run

    def some_fail(prepared: Any, execution: Any) -> Any:
        title = prepared.experiment.raw["report"]["title"]
        if title == "Bad":
            raise DataError("this file cannot be used")
        if title == "Broken":
            raise ZeroDivisionError("nobody foresaw it")
        return real(prepared, execution)

    monkeypatch.setattr(sweeping, "write_run", some_fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    titles = "report.title=Bad,Broken,Good,Better"
    captured = terminal("-m", *small(tmp_path / "r", titles), code=2)
    assert "job 1: this file cannot be used" in captured.err
    assert "job 2: ZeroDivisionError: nobody foresaw it" in captured.err
    (details,) = tmp_path.glob("deepseek-report-*.txt")
    assert f"the details are in {details}" in captured.err
    rows = [line for line in captured.out.splitlines() if " of 4 " in line]
    assert [("2, not run" in rows[0]), ("1, failed" in rows[1])] == [True, True]
    assert all("0, whole" in row and row.endswith("report.html") for row in rows[2:])
    page = Path(captured.out.splitlines()[-1])
    record = json.loads((page.parent / "comparison.json").read_text(encoding="utf-8"))
    assert record["missing"][0] == {
        "label": "report.title=Bad",
        "reason": "this file cannot be used",
    }
    assert "report.title=Broken (ZeroDivisionError: nobody foresaw it)" in page.read_text()


def test_what_does_not_fit_the_data_of_one_job_stops_that_job_alone(
    tmp_path: Path, terminal: Terminal
) -> None:
    named = "report.cases=[],[29999999]"
    captured = terminal("-m", *small(tmp_path, named), code=2)
    assert "report.cases: it names row 29999999, and there is no such row" in captured.err
    rows = [line for line in captured.out.splitlines() if " of 2 " in line][-2:]
    assert "0, whole" in rows[0]
    assert "2, not run" in rows[1]


def test_the_problems_of_all_jobs_are_told_before_anything_runs(
    tmp_path: Path, terminal: Terminal
) -> None:
    printed = terminal("-m", *small(tmp_path, "seed=1,-1,-2", "explain.instances=20,0"), code=2).err
    assert "seed=-1 (in the job seed=-1 explain.instances=20 and 1 more): seed is -1" in printed
    assert "seed is -2" in printed
    assert "explain.instances is 0" in printed
    assert not (tmp_path / "store").exists()


def test_a_stopped_sweep_tells_what_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terminal: Terminal
) -> None:
    real = sweeping.write_run

    def stops(prepared: Any, execution: Any) -> Any:
        if prepared.experiment.raw["report"]["title"] == "Second":
            raise KeyboardInterrupt
        return real(prepared, execution)

    monkeypatch.setattr(sweeping, "write_run", stops)
    printed = terminal("-m", *small(tmp_path, "report.title=First,Second"), code=130).out
    assert "1 of 2" in printed.strip().splitlines()[-1]


def test_jobs_that_are_one_run_have_one_folder(
    short_run: Any, tmp_path: Path, terminal: Terminal
) -> None:
    rows = terminal("-m", *short_run.overrides(tmp_path), "device=cpu,auto").out.splitlines()[-2:]
    assert rows[0].split()[-1] == rows[1].split()[-1]
    assert len(list((tmp_path / "credit_risk").iterdir())) == 1


def test_the_summary_of_a_run_fits_on_one_screen(
    short_run: Any, tmp_path: Path, terminal: Terminal
) -> None:
    promised = ",".join(f"{{metric: roc_auc, at_least: 0.{i}, set_by: me}}" for i in range(10, 30))
    many = f"report.thresholds=[{promised}]"
    printed = terminal(*short_run.overrides(tmp_path), many).out.splitlines()
    assert len(printed) <= 30
    assert "and 12 more in the report" in "\n".join(printed)


def test_a_sweep_without_two_runs_says_why_it_ends_without_a_comparison(
    tmp_path: Path, terminal: Terminal
) -> None:
    captured = terminal("-m", *small(tmp_path, "seed=1,1"))
    assert captured.out.startswith("job 1 of 2: –\njob 2 of 2: –\n")
    assert captured.err.splitlines()[-1] == (
        "no comparison: it takes two different runs, and of the 2 jobs only one run with "
        "predictions came"
    )
    assert "and this sweep has one job" in terminal("-m", *small(tmp_path, "seed=1")).err
    assert not (tmp_path / "reports" / "comparisons").exists()


@pytest.mark.filterwarnings("ignore:'penalty' was deprecated")
def test_jobs_beside_one_that_cannot_be_trained_are_compared_and_it_stands_there_with_its_reason(
    tmp_path: Path, terminal: Terminal
) -> None:
    impossible = "{penalty:l1,solver:lbfgs}"  # what scikit-learn refuses once it is fitted
    strengths = f"model.params={{C:1.0}},{{C:0.01}},{impossible}"
    printed = terminal("-m", *small(tmp_path, strengths, "dataset.rows=400"), code=1)
    page = Path(printed.out.splitlines()[-1])
    record = json.loads((page.parent / "comparison.json").read_text(encoding="utf-8"))
    assert len(record["runs"]) == 2
    assert [job["label"] for job in record["missing"]] == [f"model.params={impossible}"]
    assert "only 'l2' or None penalties" in record["missing"][0]["reason"]
    assert "or None penalties, got l1" in page.read_text(encoding="utf-8")
    assert printed.err.count("only 'l2' or None penalties") == 2  # when it broke, and at the end
    assert "for want of training, which failed" in printed.err
