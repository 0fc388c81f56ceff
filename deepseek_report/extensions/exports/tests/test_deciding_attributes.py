"""Refusals that another value of a protected attribute would turn: no letter, and it is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepseek_report.extensions.exports import letters
from deepseek_report.metrics.cases.single_case_rows import CaseRow, DecidingAttribute, RefusedCase
from deepseek_report.runner.run_folders.open_run import read_run, results_of
from tests.shared_runs import SmallRun, Terminal, made_once

#: Who is decided for; refused for sex; accepted as a woman alike; refused with either sex.
PEOPLE = [("man", 0), ("man", 3), ("woman", 3), ("man", 6), ("woman", 6)]
DECIDED, EITHER = 2, (4, 5)
SAID = "Sex decides here: were it “woman” instead of “man”"
CONFIG = (
    *("dataset=csv", "dataset.target=outcome", "dataset.positive=default"),
    *("dataset.favourable=paid", "dataset.sensitive=[sex]", "explain.instances=60"),
    *("model=sklearn", "model.estimator=sklearn.linear_model.LogisticRegression"),
    *("explainers=[shap,random]", "frameworks=[]", "visualizations=[]", "report.thresholds=[]"),
    *("metrics=[roc_auc,cases]", "sections=[cases]"),
)


@pytest.fixture(scope="module")
def loans(shared_folder: Path) -> Callable[[bool], SmallRun]:
    """A run on loans refused for months late and for being a man; told of the sex, or not."""

    def made(told: bool) -> SmallRun:
        folder = shared_folder / "loans"
        folder.mkdir(exist_ok=True)
        _write_loans(folder / "loans.csv")
        own = (f"dataset.path={folder / 'loans.csv'}", f"dataset.use_sensitive={told}".lower())
        return made_once(f"loans_{told}", shared_folder, *CONFIG, *own)

    return made


def _write_loans(path: Path) -> None:
    random = np.random.default_rng(0)
    is_man, late = random.integers(0, 2, 1500), random.integers(0, 7, 1500)
    chance = 1 / (1 + np.exp(-2.0 * (late - 3.5 + is_man)))
    table = {
        "sex": np.where(is_man, "man", "woman"),
        "months_late": late,
        "income": random.normal(50, 10, 1500).round(1),
        "outcome": np.where(random.random(1500) < chance, "default", "paid"),
    }
    pd.DataFrame(table).to_csv(path, index=False)


@pytest.fixture
def explained(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """What the command prints of these people, where the method has passed its tests."""
    of = letters.verdict_of
    passed = lambda *about: replace(of(*about), use="amounts")  # noqa: E731
    monkeypatch.setattr(letters, "verdict_of", passed)

    def printed(run: SmallRun, people: list[int], *more: object, code: int) -> Any:
        rows = [(*PEOPLE[number - 1], 50.0) for number in people]
        table = pd.DataFrame(rows, columns=["sex", "months_late", "income"])
        table.to_csv(tmp_path / "rows.csv", index=False)
        about = (run.folder, "--row", tmp_path / "rows.csv", "--store", run.store)
        return terminal("explain-case", *about, *more, code=code)

    return printed


def test_no_letter_where_sex_decides_and_letters_where_it_only_counts(
    loans: Callable[[bool], SmallRun], explained: Callable[..., Any], tmp_path: Path
) -> None:
    out = ("--letter", "regb", "--out", tmp_path / "l.txt")
    told = explained(loans(True), [1, 2, 3, 4, 5], *out, code=1)
    assert sorted(path.name for path in tmp_path.glob("l*.txt")) == ["l-4.txt", "l-5.txt"]
    assert [line for line in told.err.splitlines() if SAID in line] == [
        line for line in told.err.splitlines() if f"row {DECIDED}: no letter: " in line
    ]
    assert "the decision would be “paid”" in told.err
    assert "letters written: rows 4, 5; not written: rows 1, 2, 3" in told.err


def test_a_man_whom_sex_does_not_turn_gets_his_letter(
    loans: Callable[[bool], SmallRun], explained: Callable[..., Any], tmp_path: Path
) -> None:
    out = ("--letter", "gdpr", "--out", tmp_path / "l.txt")
    for number in EITHER:
        explained(loans(True), [number], *out, code=0)
        assert "months late: 6" in (tmp_path / "l.txt").read_text("utf-8")


def test_nothing_is_asked_about_what_the_model_is_not_given(
    loans: Callable[[bool], SmallRun], explained: Callable[..., Any], tmp_path: Path
) -> None:
    unaware = loans(False)
    assert not _deciding(unaware)
    out = ("--letter", "regb", "--out", tmp_path / "l.txt")
    told = explained(unaware, [4, 5], *out, code=0)
    assert "decides" not in told.err
    assert len(list(tmp_path.glob("l*.txt"))) == 2


@pytest.mark.parametrize("form", ["--json", "--out"])
def test_the_command_without_a_letter_says_it_too(
    loans: Callable[[bool], SmallRun], explained: Callable[..., Any], tmp_path: Path, form: str
) -> None:
    page = tmp_path / "page.html"
    more = (form, page) if form == "--out" else (form,)
    told = explained(loans(True), [1, 2, 3, 4, 5], *more, code=1)
    said = [line for line in told.err.splitlines() if "decides here" in line]
    assert len(said) == 1
    assert f"row {DECIDED}: {SAID}" in said[0]
    if form == "--json":
        pages = json.loads(told.out)["cases"]
        assert [bool(one["decides"]) for one in pages] == [at + 1 == DECIDED for at in range(5)]
    else:
        text = page.read_text("utf-8")
        assert "a protected attribute decides: with another value of it alone" in text
        assert "new case 2 (sex)" in text
    explained(loans(True), [1, 3, 4, 5], "--json", code=0)


def test_the_report_says_in_which_of_its_cases_it_decides(
    loans: Callable[[bool], SmallRun],
) -> None:
    run = loans(True)
    deciding = _deciding(run)
    results = results_of(run.folder, read_run(run.folder))
    refused = {row.case for row in results.rows(*CaseRow.source, CaseRow) if row.decision != "paid"}
    assert {row.case for row in deciding} < refused
    assert {(row.label, row.display, row.to_display) for row in deciding} == {
        ("sex", "man", "woman")
    }
    page = (run.folder / "report.html").read_text("utf-8")
    assert "a protected attribute decides: with another value of it alone" in page
    assert "decides: with another value of it alone" not in (
        (loans(False).folder / "report.html").read_text("utf-8")
    )


@pytest.mark.parametrize("told", [True, False])
def test_every_refused_row_is_asked_about_before_its_reasons_are_told(
    told: bool, loans: Callable[[bool], SmallRun], shared_folder: Path
) -> None:
    run = loans(told)
    table = pd.read_csv(shared_folder / "loans" / "loans.csv")
    results = results_of(run.folder, read_run(run.folder))
    rows = results.rows("cases", "refused", RefusedCase)
    assert len(rows) > 5 * len(_deciding(run))
    for row in rows:
        person = table.iloc[row.instance_id]
        alone = told and person["sex"] == "man" and person["months_late"] == 3
        assert row.decides == ("sex" if alone else ""), person


def _deciding(run: SmallRun) -> list[DecidingAttribute]:
    results = results_of(run.folder, read_run(run.folder))
    return results.rows(*DecidingAttribute.source, DecidingAttribute)
