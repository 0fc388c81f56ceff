"""Rows that were not in the data, explained by the stored model of a run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from deepseek_report.cli.dispatch import run
from tests.real_runs import small_results, write_rows
from tests.shared_runs import SmallRun, Terminal


@pytest.fixture
def rows(small_run: SmallRun, tmp_path: Path) -> Path:
    return write_rows(small_results(small_run), 2, tmp_path / "rows.csv")


@pytest.fixture
def explained(small_run: SmallRun, rows: Path, terminal: Terminal) -> Callable[..., Any]:
    """What the command prints of the rows, by the store of the run or another one."""

    def printed(*more: object, code: int = 0, store: Path = small_run.store) -> Any:
        about = (small_run.folder, "--row", rows, "--store", store)
        return terminal("explain-case", *about, *more, code=code)

    return printed


def test_a_row_of_the_test_part_gets_the_answer_that_the_run_gave(
    small_run: SmallRun, explained: Callable[..., Any]
) -> None:
    answer = json.loads(explained("--json").out)
    predictions = small_results(small_run).predictions
    assert answer["threshold"] == pytest.approx(predictions.threshold)
    for case, at in zip(answer["cases"], range(2), strict=True):
        assert case["probability"] == pytest.approx(predictions.scores[at], abs=2e-4)
        assert case["decided"] == predictions.decisions[at]
        assert case["truth"] == ""
        assert (case["id"], case["called"]) == (-at - 1, f"new client {at + 1}")
        assert case["title"] == "A new case"
        steps = case["waterfall"]
        total = steps["base"] + sum(bar[2] for bar in steps["bars"]) + steps["rest"][1]
        assert total + steps["gap"] == pytest.approx(steps["end"], abs=1e-3)
        assert case["what_if"]["start"][0] == pytest.approx(predictions.scores[at], abs=2e-4)
        assert (case["codes"] is None) == (case["decided"] == 0)
        assert len(case["like"]["heads"]) == 6


def test_the_page_holds_the_rows_and_opens_nothing_else(
    explained: Callable[..., Any], tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    explained("--out", page)
    text = page.read_text("utf-8")
    assert 'id="cases"' in text
    assert re.search(r"Cases explained by the model of run \w+", text)
    assert len(re.findall(r"<tr>", text)) >= 3  # the list without scripts
    assert "The given rows, numbered in their order" in text
    assert "in the source" not in text


def test_values_that_no_training_row_has_are_told_before_the_decision(
    explained: Callable[..., Any], rows: Path, tmp_path: Path
) -> None:
    table = pd.read_csv(rows)
    table.loc[1, ["Age", "Credit limit"]] = [-4, 10**12]
    table.loc[1, "Sex"] = None
    table.assign(note="x").to_csv(rows, index=False)
    page = tmp_path / "page.html"
    notes = explained("--out", page).err.replace("\xa0", " ").replace("\u202f", " ").splitlines()
    assert notes[0].startswith("note: New client 2 lies beyond the training clients: ")
    assert "age is −4 years (theirs: 21 years to " in notes[0]
    assert "credit limit is NT$ 1 000 000 000 000 (theirs: " in notes[0]
    assert "It lacks sex, which no training client does." in notes[0]
    assert notes[1:] == ["note: the model does not read the column note"]
    text = page.read_text("utf-8").replace("\xa0", " ").replace("\u202f", " ")
    assert notes[0].removeprefix("note: ") in text


def test_without_its_store_the_command_says_what_is_missing(
    explained: Callable[..., Any], tmp_path: Path
) -> None:
    printed = explained(store=tmp_path / "nothing", code=1).err
    assert "A run folder holds no model" in printed


def test_another_model_under_the_same_key_is_refused(
    explained: Callable[..., Any], store_of_another_model: Path
) -> None:
    printed = explained(store=store_of_another_model, code=1).err
    assert "this is not the model that the run was made from" in printed


def test_a_changed_run_folder_is_refused(
    small_run: SmallRun, rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = small_run.copied(tmp_path / "run")
    record = json.loads((folder / "run.json").read_text("utf-8"))
    record["config"]["model"]["_target_"] = "os.system"
    (folder / "run.json").write_text(json.dumps(record), "utf-8")
    store = str(small_run.store)
    assert run(["explain-case", str(folder), "--row", str(rows), "--store", store]) in (1, 2)
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert "not those that the run wrote" in error or "outside the trusted packages" in error


def test_a_row_that_lacks_a_column_is_refused_with_the_nearest(
    explained: Callable[..., Any], rows: Path
) -> None:
    text = rows.read_text("utf-8").replace("Credit limit", "Credit limits")
    rows.write_text(text, "utf-8")
    assert "did you mean" in explained(code=2).err
