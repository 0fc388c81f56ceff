"""`causal=`: a declared graph brings its metrics, its picture and its section."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import deepseek_report as dr
from deepseek_report.errors import ConfigError
from tests.api.conftest import Report

CAUSAL: dict[str, Any] = {
    "graph": {"income": ["job", "talent"], "decision": ["income", "job", "sex"]},
    "declared_by": "Lending, 2026-11-02",
    "unmeasured": ["talent"],
    "questions": [
        {"effect_of": "income", "on": "decision", "by": 10},
        {"effect_of": "decision", "on": "income"},
        {"gap": "sex"},
    ],
}


def frame_of(loans: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series[Any]]:
    table = loans[["income"]].fillna(50.0)
    table["job"] = loans["job"].astype(str).map({"clerk": 1.0, "cook": 0.0, "smith": 0.0})
    table["sex"] = (loans["sex"] == "f").astype(float)
    return table, loans["decision"]


def fitted(rows: pd.DataFrame, labels: pd.Series[Any]) -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, labels)


@pytest.fixture(scope="module")
def run(report: Report, loans: pd.DataFrame) -> dr.Run:
    rows, labels = frame_of(loans)
    return report(
        fitted(rows, labels),
        rows,
        labels,
        target="decision",
        sensitive=["sex"],
        favourable="approved",
        positive="approved",
        causal=CAUSAL,
        name="causal",
    )


def section(run: dr.Run) -> str:
    page = (run.path / "report.qmd").read_text(encoding="utf-8")
    return " ".join(page[page.index("# Causes {") :].partition("\n# ")[0].split())


def test_the_section_begins_with_who_declared_the_graph(run: dr.Run) -> None:
    answer = section(run).partition("::: {.answer}")[2]
    assert answer.strip().startswith(
        "This graph of causes was declared by “Lending, 2026-11-02”; every conclusion here holds "
        "only if the graph does."
    )


def test_effects_stand_with_their_interval_beside_the_naive_comparison(run: dr.Run) -> None:
    (effect,) = run.table("causal_effects/effects").to_dict("records")
    assert effect["effect_points_low"] < effect["effect_points"] < effect["effect_points_high"]
    assert effect["effect_points_low"] > 0
    assert "job" in effect["adjusted_for"]
    sentence = (
        r"moving “income” by \S+10 for everybody would raise the share of “approved” by [\d.]+"
    )
    assert re.search(f"If the graph holds, {sentence}", section(run))


def test_what_has_no_answer_is_shown_with_the_reason(run: dr.Run) -> None:
    text = section(run)
    assert re.search(r"Of 3\s*questions one has no answer", text)
    assert "What setting “decision” would do to “income”: no arrows of the declared graph" in text


def test_the_gap_is_split_for_labels_and_for_decisions_in_sentences_of_their_own(
    run: dr.Run,
) -> None:
    text, paths = section(run), run.table("causal_gaps/paths").set_index("path")
    assert (
        "If the graph holds, the share of “approved” among 0, less that among 1, is in the" in text
    )
    assert "In the model’s decisions the same difference is" in text
    for column in ("labels_points", "decisions_points"):
        parts = paths.loc[["direct", "indirect", "spurious"], column].sum()
        assert parts == pytest.approx(paths.loc["total", column])


def test_what_nobody_measured_is_named(run: dr.Run) -> None:
    assert "The graph names talent as not measured." in section(run)


def test_the_picture_has_the_arrows_in_words_too(run: dr.Run) -> None:
    text = section(run)
    assert "Income has arrows from job and talent." in text
    assert "Talent (not measured) has no arrow into it." in text


def test_a_declaration_that_does_not_fit_is_told_as_an_argument(
    report: Report, loans: pd.DataFrame
) -> None:
    rows, labels = frame_of(loans)
    with pytest.raises(ConfigError, match="“jobb” is no column of the data") as caught:
        report(
            fitted(rows, labels),
            rows,
            labels,
            target="decision",
            causal={"graph": {"decision": ["jobb"]}, "declared_by": "Lending"},
        )
    assert 'did you mean "job"?' in str(caught.value)
    with pytest.raises(ConfigError, match="declared_by"):
        report(fitted(rows, labels), rows, labels, causal={"graph": {"income": ["job"]}})
