"""`check` says what it understood of the data, what it found in them, and what the run costs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.configured import places_in
from tests.shared_runs import Terminal
from tests.worded import say

CSV = "größe in m,sex,region,income,deny\n"


def write_loans(folder: Path) -> Path:
    """120 rows: three kinds of columns, seven regions, a missing cell, two classes."""
    rows = [
        f"{1.5 + i / 200},{'fm'[i % 2]},region {i % 7},{'' if i == 3 else 1000 + 37 * i},"
        f"{'yes' if (i * 7) % 5 < 2 else 'no'}\n"
        for i in range(120)
    ]
    path = folder / "loans.csv"
    path.write_text(CSV + "".join(rows), encoding="utf-8")
    return path


@pytest.fixture
def check(tmp_path: Path, terminal: Terminal) -> Callable[..., str]:
    path = write_loans(tmp_path)

    def checked(*overrides: str) -> str:
        own = ["dataset=csv", f"dataset.path={path}", "dataset.target=deny", "model=sklearn"]
        keys = {text.partition("=")[0] for text in overrides}
        own = [text for text in own if text.partition("=")[0] not in keys]
        return terminal("check", *own, *places_in(tmp_path), *overrides).out

    return checked


def line(printed: str, begins: str) -> str:
    return next(
        candidate for candidate in printed.splitlines() if candidate.strip().startswith(begins)
    )


def test_each_column_is_shown_with_kind_unit_and_values(check: Callable[..., str]) -> None:
    printed = check("+dataset.columns.income.unit=€", "dataset.sensitive=[sex]")
    assert line(printed, "größe in m").split()[3] == "number"
    income = line(printed, "income")
    assert "number" in income
    assert "€" in income
    assert "to 5 403" in income.replace("\u202f", " ")
    assert "1 missing" in income
    region = line(printed, "region")
    assert "categories" in region
    assert "region 0, region 1, region 2, region 3, region 4 and 2 more" in region
    assert "sensitive" in line(printed, "sex")
    assert "Compared by sex (groups of people): f, m" in printed


def test_the_favourable_class_is_named_or_asked_for(check: Callable[..., str]) -> None:
    printed = check()
    assert "2 classes: “deny: no”, “deny: yes”" in printed
    assert "none declared (dataset.favourable=…" in line(printed, "Favourable")
    printed = check("dataset.favourable=no")
    assert line(printed, "Favourable").endswith("“deny: no”")


def test_a_number_is_shown_with_its_unit_and_without_a_favourable_class(
    check: Callable[..., str],
) -> None:
    printed = check("dataset.target=größe in m", "dataset.unit=m")
    assert "a number, unit: m" in printed
    assert "Favourable" not in printed


def test_every_issue_of_the_data_is_told_in_its_sentence(
    small_run: Any, tmp_path: Path, terminal: Terminal
) -> None:
    from deepseek_report.runner.run_folders.open_run import read_run, results_of

    printed = terminal("check", *small_run.overrides(tmp_path)).out
    issues = results_of(small_run.folder, read_run(small_run.folder)).issues
    assert f"Found in the data ({len(issues)})" in printed
    for issue in issues:
        assert say(issue.text) in printed
    assert "no default” is" not in line(printed, "Favourable")
    assert "“no default”" in line(printed, "Favourable")


def test_the_cost_is_a_range_and_says_how_it_was_estimated(check: Callable[..., str]) -> None:
    printed = check()
    cost = printed[printed.index("Cost:") :]
    assert " to " in cost or "a few seconds" in cost
    assert "Estimated for" in cost
    assert "by usual times" in cost
    assert "Memory: about " in cost
    assert "a usual value" in cost


def test_what_is_recommended_is_said_with_its_reasons_and_its_plan(
    check: Callable[..., str],
) -> None:
    printed = check("explainers=recommend", "explain.evaluations=9000", "model=mlp")
    assert "Recommended for 9 000 evaluations of the model" in printed
    assert "random: the control, which every other explanation must beat" in printed
    assert "explanations/lime: needs " in printed


def test_what_is_stored_costs_nothing(small_run: Any, tmp_path: Path, terminal: Terminal) -> None:
    overrides = small_run.overrides(tmp_path)
    assert "cached: nothing to compute" in terminal("check", *overrides).out
    finished = [*overrides, f"paths.reports={small_run.folder.parents[1]}"]
    finished.remove(f"paths.reports={tmp_path}")
    assert "cached: nothing to do" in terminal("check", *finished).out


def test_text_of_the_data_cannot_rewrite_the_terminal(tmp_path: Path, terminal: Terminal) -> None:
    rows = "".join(
        f"{i * 37 % 91 / 7:.3f},{i % 3}\x1b[2J,{'ab'[i % 2]}\u202e[red]\n" for i in range(90)
    )
    (tmp_path / "odd.csv").write_text("n,x\x1b[1m,y\n" + rows, encoding="utf-8")
    own = ["dataset=csv", f"dataset.path={tmp_path / 'odd.csv'}", "dataset.target=y"]
    printed = terminal("check", *own, "model=sklearn", f"paths.store={tmp_path / 's'}").out
    assert "\x1b" not in printed
    assert "\u202e" not in printed
    assert "[red]" in printed
    printed = terminal(
        "check", *own[:2], "dataset.target=no\x1b[2J", f"paths.store={tmp_path / 's'}", code=2
    ).err
    assert "is not a column" in printed
    assert "\x1b" not in printed


def test_why_each_framework_is_chosen_and_why_those_near_are_not(check: Callable[..., str]) -> None:
    use = ["dataset.sector=employment", "report.places=[US-NYC]", "frameworks=auto"]
    text = check(*use, "metrics=[accuracy]", "explainers=[]", "visualizations=[]", "sections=[]")
    chosen, _, near = text.partition("Near to what is declared, and not chosen")
    assert "nyc_ll144: New York City is declared, and it speaks of employment" in chosen
    assert (
        "us_credit_employment: New York City is declared, which lies in the United States" in chosen
    )
    assert "gdpr: no place in the European Union" in " ".join(near.split())
    assert "nist_ai_rmf: nobody is bound by it" in " ".join(near.split())
