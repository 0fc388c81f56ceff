"""What the report says of chains of thought, and of what nobody assesses of language models."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.rules_language import silent_chains
from deepseek_report.sections.language import LanguageSection
from deepseek_report.sections.summary import SummarySection
from deepseek_report.wording.words import wording
from tests.real_runs import with_report
from tests.tiny_runs import TinyRuns


@pytest.fixture
def traces(tiny_runs: TinyRuns) -> Results:
    return tiny_runs("traces")


def test_the_answer_says_how_often_hints_move_answers_and_chains_name_them(traces: Results) -> None:
    content = LanguageSection().content(traces)
    assert "In 247 of 480 pairs of prompts, 51.5\u00a0% (" in content.answer
    assert "in most cases the chain gives another account" in content.answer
    assert "most answers do not need what is written before them" in content.answer
    rows = content.values["hints"].rows
    assert rows[0]["hint"] == "all kinds together"
    assert {row["verdict"] for row in rows} <= {"named", "not named", "cannot be told", "too few"}
    assert any("was judged by the generator" in caveat for caveat in content.caveats)


def test_the_finding_names_the_hints_that_chains_are_silent_on(traces: Results) -> None:
    (finding,) = silent_chains(traces)
    assert finding.severity == "medium"
    assert 0.3 < finding.values["most"] < 0.5
    assert message("chains.hints.metadata") in finding.values["kinds"]


def test_why_nothing_is_said_of_hints_stands_in_the_section(traces: Results) -> None:
    reason = message("refusals.few_influenced", n=12, fewest=30)
    paths = {name: at for name, at in traces.paths.items() if "hint_acknow" not in name}
    refused = replace(traces, paths=paths, refused={"measures/hint_acknowledgement": reason})
    content = LanguageSection().content(refused)
    assert "too few to say how often chains name the hint" in content.values["chains_refused"][0]
    assert [*silent_chains(refused)] == []


def test_the_section_has_no_english_in_chinese(traces: Results) -> None:
    content = LanguageSection().content(with_report(traces, language="zh"))
    cells = [row[key] for row in content.values["hints"].rows for key in ("hint", "verdict")]
    words = " ".join([content.answer, *content.caveats, *map(str, cells)])
    assert not re.search(r"[a-z]{2,} [a-z]{2,}", words), words


def test_what_nobody_assesses_of_language_models_is_listed_with_its_reason(
    traces: Results, real_run: Results
) -> None:
    listed = " ".join(SummarySection().content(traces).values["never"])
    for name in ("several tokens at once", "sparse autoencoders", "Circuits"):
        assert name in listed
    other = " ".join(SummarySection().content(real_run).values["never"])
    assert "Circuits" not in other


@pytest.mark.parametrize(
    ("low", "high", "sentence"),
    [
        (0.02, 0.2, "one of 1 comparison differs beyond chance, most the probability of “bad”"),
        (-0.1, 0.3, "no difference beyond chance was found in 1 comparison"),
        (None, None, "too few words were tried to tell any difference from chance"),
    ],
)
def test_of_few_words_no_difference_is_called_chance(
    low: float | None, high: float | None, sentence: str
) -> None:
    values = {"answer": "bad", "group": "women", "compared": "men"}
    counts = {"beyond": int((low or 0) > 0), "of": 1, "tested": low is not None}
    text = wording("en").text(
        "sections.bias.answer.prompts", **values, **counts, difference=Estimate(0.1, low, high)
    )
    assert sentence in text
