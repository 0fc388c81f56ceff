"""The document that compares runs, from their folders."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import deepseek_report as dr
from deepseek_report.cli.dispatch import run
from deepseek_report.runner import comparing
from deepseek_report.runner.comparing import CompareOptions, OpenedRuns, compare_runs
from deepseek_report.runner.run_folders.open_run import open_run
from deepseek_report.store import hash_folder
from deepseek_report.store.run_folder import seal_results
from tests.configured import LINEAR, few_parts, places_in, run_of
from tests.shared_runs import SMALL, SmallRun, Terminal


@pytest.fixture(scope="module")
def two_runs(small_run: SmallRun, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The small run, and one of a linear model on its rows."""
    reports = tmp_path_factory.mktemp("reports")
    few = few_parts(explainers="shap", metrics="importance")
    assert run([*small_run.overrides(reports), *LINEAR, *few]) in (0, 1)
    return [small_run.folder, *reports.glob("*/*/")]


def test_the_command_writes_one_document_and_says_what_may_be_concluded(
    two_runs: list[Path], tmp_path: Path, terminal: Terminal
) -> None:
    out = tmp_path / "both"
    printed = terminal("compare", *two_runs, "--output", out).out.splitlines()
    assert printed[-1] == str(out / "report.html")
    assert any(line.startswith("- Which method is better is not concluded") for line in printed)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "LogisticRegression" in page
    assert "What may be concluded" in page
    record = json.loads((out / "comparison.json").read_text(encoding="utf-8"))
    assert [entry["label"] for entry in record["runs"]] == ["DeepSeek", "LogisticRegression"]


def test_the_same_runs_give_the_same_bytes(two_runs: list[Path], tmp_path: Path) -> None:
    first, again = (dr.compare(two_runs, output=tmp_path / name) for name in ("a", "b"))
    for path in sorted(file.relative_to(first.path) for file in first.path.rglob("*.*")):
        assert (first.path / path).read_bytes() == (again.path / path).read_bytes(), path
    assert "compared_performance/fitted" in first.tables


def test_runs_that_were_opened_as_they_ended_are_not_opened_again(
    two_runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = compare_runs(two_runs, CompareOptions(output=tmp_path / "fresh"))
    opened = OpenedRuns()
    opened.open_ahead(two_runs[0])
    opened.open_ahead(tmp_path / "none")  # which the comparison will say
    read: list[Path] = []
    monkeypatch.setattr(
        comparing, "open_run", lambda folder: read.append(folder) or open_run(folder)
    )
    ahead = compare_runs(two_runs, CompareOptions(output=tmp_path / "ahead"), opened)
    assert read == two_runs[1:]
    assert ahead.sentences == fresh.sentences
    assert hash_folder(ahead.folder) == hash_folder(fresh.folder)


def test_what_a_killed_comparison_of_other_runs_left_is_removed(
    two_runs: list[Path], tmp_path: Path
) -> None:
    (tmp_path / ".comparing-0123456789ab" / "artifacts").mkdir(parents=True)
    dr.compare(two_runs, output=tmp_path / "again")
    assert [path.name for path in tmp_path.iterdir()] == ["again"]


def test_a_run_named_twice_a_changed_one_and_another_folder_are_refused(
    two_runs: list[Path], tmp_path: Path, terminal: Terminal
) -> None:
    first = str(two_runs[0])
    assert "named twice" in terminal("compare", first, first, code=1).err
    changed = tmp_path / "changed"
    shutil.copytree(two_runs[1], changed)
    scores = next((changed / "artifacts" / "predictions").rglob("*.npz"))
    scores.write_bytes(scores.read_bytes() + b"0")
    assert "not those that the run wrote" in terminal("compare", first, changed, code=1).err
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("kept", encoding="utf-8")
    assert run(["compare", *map(str, two_runs), "--output", str(tmp_path / "mine")]) == 1
    assert (tmp_path / "mine" / "notes.txt").read_text(encoding="utf-8") == "kept"


def test_a_baseline_is_known_however_its_path_is_written(
    two_runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(two_runs[0].parent)
    baseline = Path("..") / two_runs[0].parent.name / two_runs[0].name
    written = compare_runs(two_runs, CompareOptions(baseline=baseline, output=tmp_path / "c"))
    record = json.loads((written.folder / "comparison.json").read_text(encoding="utf-8"))
    assert record["baseline"] == 0
    assert len(record["runs"]) == 2


def test_it_lies_beside_the_experiment_of_the_first_run_also_from_inside_of_it(
    two_runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "loans" / two_runs[0].name
    shutil.copytree(two_runs[0], inside)
    monkeypatch.chdir(inside.parent)
    for first in (Path(inside.name), Path("..", "loans", inside.name)):
        written = compare_runs([first, two_runs[1]], CompareOptions())
        assert written.folder.parent == tmp_path / "comparisons"


def test_it_is_written_neither_into_a_run_nor_over_a_file(
    two_runs: list[Path], tmp_path: Path, terminal: Terminal
) -> None:
    compared = ["compare", *map(str, two_runs), "--output"]
    printed = terminal(*compared, two_runs[1] / "comparison", code=1).err
    assert "lies in the folder of a run" in printed
    (tmp_path / "notes.txt").write_text("kept", encoding="utf-8")
    printed = terminal(*compared, tmp_path / "notes.txt", code=1).err
    assert "there is something else already" in printed
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "kept"


def test_results_that_nobody_can_read_are_told_with_their_folder(
    two_runs: list[Path], tmp_path: Path, terminal: Terminal
) -> None:
    strange = tmp_path / "strange" / "run"
    shutil.copytree(two_runs[1], strange)
    (strange / "artifacts/data/schema.json").write_text('{"target": 7}', encoding="utf-8")
    seal_results(strange)
    printed = terminal("compare", two_runs[0], strange, "--output", tmp_path / "c", code=1)
    (line,) = printed.err.splitlines()
    assert line.startswith(f"{strange}/artifacts/data/schema.json: damaged, since it describes no")
    assert not (tmp_path / "c").exists()


def test_the_other_model_is_set_against_the_baseline(two_runs: list[Path], tmp_path: Path) -> None:
    compared = dr.compare(two_runs[1:], baseline=two_runs[0], output=tmp_path / "c")
    fitted = compared.tables["compared_performance/fitted"]
    assert set(fitted["other"]) == {"DeepSeek"}


def test_a_run_compares_with_its_correction_and_with_other_studies_of_its_rows(
    tmp_path: Path, terminal: Terminal
) -> None:
    """The same bytes under another path and name, a column left out, and rows given in Python."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"income": rng.normal(50, 10, 400), "zip": rng.integers(0, 9, 400)})
    table["default"] = np.where(rng.random(400) < 1 / (1 + np.exp(table["zip"] - 4)), "yes", "no")
    few = few_parts(sections="summary,data")
    places = places_in(tmp_path)

    def study(name: str, *more: str) -> Path:
        path = tmp_path / f"{name}.csv"
        table.to_csv(path, index=False)
        data = ("dataset=csv", f"dataset.path={path}", "dataset.target=default", f"name={name}")
        return run_of(*SMALL, *LINEAR, *few, *places, *data, "dataset.rows=null", *more).folder

    first, renamed = study("loans"), study("credits")
    corrected = study("loans", 'corrections=[{must_not_matter: [zip], by: "Credit risk"}]')
    tested = open_run(first).results.test.instance_ids
    rows, rest = table.loc[tested], table.drop(index=tested)
    parts = [part.drop(columns="default") for part in (rest, rows)]
    in_python = dr.report(
        LogisticRegression().fit(parts[0], rest["default"]),
        *(parts[1], rows["default"]),
        X_train=parts[0],
        y_train=rest["default"],
        X_validation=parts[0][:50],
        y_validation=rest["default"][:50],
        store=tmp_path / "store",
        reports=tmp_path / "reports",
        metrics=["roc_auc"],
        explainers=[],
        sections=["summary"],
    ).path
    for number, other in enumerate((renamed, corrected, in_python)):
        out = tmp_path / f"compared{number}"
        terminal("compare", first, other, "--output", out)
        text = (out / "report.qmd").read_text(encoding="utf-8")
        assert f"same {len(tested)} test rows" in text, other
        assert "No two models are compared, since" not in text
    assert "Inputs are compared without zip" in (tmp_path / "compared1/report.qmd").read_text(
        "utf-8"
    )
