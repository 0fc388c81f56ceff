"""What a notebook, IPython and a plain prompt show of a run, of its tables and of its errors."""

from __future__ import annotations

import re
import sys
import types
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import deepseek_report as dr
from deepseek_report.api import shown
from deepseek_report.api.report_arguments import ArgumentProblems, ReportArguments
from deepseek_report.artifacts import advice
from deepseek_report.config.problems import Problem
from deepseek_report.errors import ArtifactError
from tests.api.conftest import Report

UNSAFE = r"<(script|link|img|iframe|style)|https?:|\son\w+="


@pytest.fixture(scope="module")
def with_cases(report: Report, numbers: pd.DataFrame, labels: pd.Series) -> dr.Run:
    def model(table: pd.DataFrame) -> Any:
        return 1 / (1 + np.exp(0.1 * (table["income"] - 50)))

    X = numbers.rename(columns={"income": "<b>income</b>"})
    return report(
        lambda table: model(table.rename(columns={"<b>income</b>": "income"})),
        X,
        labels,
        metrics=["accuracy", "roc_auc", "cases", "deletion"],
        explainers=["shap", "random"],
        favourable="approved",
    )


def test_a_run_says_its_verdict_how_many_cases_and_where_it_is(run: dr.Run) -> None:
    verdict, n, path = repr(run).split("\n")
    assert verdict.startswith("Run “Loans <b>of</b> Monday”: The one promise is met.")
    assert n == "  n = 96 test cases"
    assert Path(path.strip()) == run.page


def test_the_path_is_a_link_that_a_notebook_can_open(
    run: dr.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert f'href="{run.page.as_uri()}"' in run._repr_html_()
    monkeypatch.chdir(run.path.parent)
    assert f'href="{run.path.name}/report.html"' in run._repr_html_()


def test_findings_print_as_sentences(run: dr.Run) -> None:
    text, html = repr(run.findings), run.findings._repr_html_()
    for finding in run.findings:
        assert f"{finding.severity_label}: {finding.claim}" in text
    assert "WordedFinding(" not in text + repr(run.findings[:2])
    assert html.count("<tr>") == len(run.findings) + 1
    assert not re.search(UNSAFE, html)


def test_scores_are_a_plain_frame_that_prints_in_words(run: dr.Run) -> None:
    scores = run.scores
    assert isinstance(scores, pd.DataFrame)
    assert type(scores[scores["metric"] == "accuracy"]) is pd.DataFrame
    first, heads, *lines = repr(scores).split("\n")
    assert first.startswith(f"{len(scores)} scores")
    assert heads.split()[:2] == ["Score", "About"]
    assert len(lines) == len(scores)
    assert any(re.match(r"Accuracy +\d+\.\d\s%  \d+\.\d–\d+\.\d\s%  +96", line) for line in lines)
    assert not re.search(UNSAFE, scores._repr_html_())


def test_cases_print_as_sentences_and_escape_what_the_data_say(with_cases: dr.Run) -> None:
    cases = with_cases.cases
    assert cases["sentence"].str.contains("labelled “(?:approved|denied)”: (?:right|wrong)").all()
    assert len(repr(cases).split("\n")) == len(cases) + 2
    html = cases._repr_html_()
    assert "<b>income" not in html
    assert not re.search(UNSAFE, html)


def test_a_run_without_cases_says_so(run: dr.Run) -> None:
    with pytest.raises(ArgumentProblems, match='there is no table "cases/cases"'):
        _ = run.cases


# --- errors ---------------------------------------------------------------------------------------


def test_an_error_is_three_lines_in_ipython(
    report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    with pytest.raises(ArgumentProblems) as caught:
        report(lambda table: table, numbers, labels[:3])
    lines = caught.value._render_traceback_()
    assert [line.strip().split(":")[0] for line in lines] == [
        "ArgumentProblems",
        "allowed",
        "what to do",
    ]
    several = ArgumentProblems([Problem("a", "b", "c"), Problem("d", "e")])
    assert several._render_traceback_()[0] == "ArgumentProblems: 2 problems in the arguments"
    assert ArtifactError("no run")._render_traceback_() == ["ArtifactError: no run"]


# --- while it runs --------------------------------------------------------------------------------


class Display:
    """What a notebook does with what it is told to show."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, markup: Any, *, display_id: bool) -> Display:
        assert display_id
        self.update(markup)
        return self

    def update(self, markup: Any) -> None:
        self.seen.append(markup._repr_html_())


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Display:
    display = Display()
    ipython: Any = types.ModuleType("IPython")
    ipython.display = types.ModuleType("IPython.display")
    ipython.display.display = display
    ipython.get_ipython = lambda: types.SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", ipython.display)
    monkeypatch.setattr(shown, "_BETWEEN", 0.0)
    return display


def test_a_bar_in_a_notebook_closes_and_folds_what_does_not_apply(
    notebook: Display, report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    shuffled = labels.sample(frac=1, random_state=3)
    report(
        predictions=pd.Series(np.linspace(0.1, 0.9, len(labels))),
        X=numbers,
        y=shuffled,
        explainers=[],
        metrics=None,
        title="bar",
    )
    assert sum("<progress" in html for html in notebook.seen) > 10
    last = notebook.seen[-1]
    assert "<progress" not in last
    assert "y_test came in another order than X_test" in last
    assert last.count("<details>") == 1
    assert "not applicable here" in last
    assert not re.search(UNSAFE, last)


def test_a_bar_closes_where_the_call_is_refused(
    notebook: Display, report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    with pytest.raises(ArgumentProblems):
        report(lambda table: table, numbers, labels[:3])
    assert "<progress" not in notebook.seen[-1]


def test_outside_of_a_notebook_notices_alone_are_printed(
    report: Report, numbers: pd.DataFrame, labels: pd.Series, capsys: pytest.CaptureFixture[str]
) -> None:
    shares = np.linspace(0.2, 0.8, len(labels))
    chosen: dict[str, Any] = {"predictions": shares, "X": numbers, "explainers": []}
    report(y=labels.sample(frac=1, random_state=4), **chosen)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("y_test came in another order")


def test_no_warning_of_a_library_leaks() -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.resetwarnings()
        warnings.simplefilter("always")
        with shown.no_foreign_warnings():
            warnings.warn("X does not have valid feature names", UserWarning, stacklevel=1)
    assert heard == []


# --- advice ---------------------------------------------------------------------------------------


def test_each_argument_that_is_advised_is_one_of_the_call() -> None:
    known = set(ReportArguments.__annotations__)
    renamed = set(advice._RENAMED.values())
    assert advice._OF_DATA | advice._OF_REPORTS | renamed <= known


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Set dataset.duplicates=together; else", 'Set duplicates="together"; else'),
        ("""('dataset.drop=["Größe (m²)",b]')""", '(drop=["Größe (m²)", "b"])'),
        ("`+dataset.columns.age.kind=categorical`", '`columns={"age": {"kind": "categorical"}}`'),
        ("without (dataset.use_sensitive=false).", "without (use_sensitive=False)."),
        ("model.classes=[0,1]", "classes=[0, 1]"),
        (
            "report.html, model.skops and dataset.positive=…",
            "report.html, model.skops and positive=…",
        ),
        (
            "set metrics.multiplicity.refits to 5",
            'set overrides=["metrics.multiplicity.refits=…"] to 5',
        ),
        ("Explain more cases: explain.instances.", "Explain more cases: instances."),
    ],
)
def test_a_key_of_a_config_becomes_the_argument_that_means_the_same(text: str, meant: str) -> None:
    assert advice.as_arguments(text) == meant
    assert advice.as_arguments(meant) == meant
