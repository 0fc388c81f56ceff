"""What the report says of language models: chains of thought, and the inside."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.results import Results
from deepseek_report.extensions.language_models.language_findings import silent_chains
from deepseek_report.extensions.language_models.language_section import LanguageSection
from deepseek_report.sections.summary import SummarySection
from deepseek_report.wording.words import wording
from tests.real_runs import with_report
from tests.tiny_runs import TinyRuns
from tests.visualizations.varied import with_measurement


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


# --- What the report says of the inside of a language model, and when it does not ---


@pytest.fixture
def run(tiny_runs: TinyRuns) -> Results:
    return tiny_runs("language")


def changed(run: Results, metric: str, **tables: pd.DataFrame) -> Results:
    measured = run.measurement(metric)
    assert measured is not None
    return with_measurement(run, metric, Measurement(tables={**measured.tables, **tables}))


def copying(run: Results, p_adjusted: float, swap: float = 6.0) -> Results:
    """The run with two heads that copy, each of which costs 0.1 alone."""
    heads = run.table("head_roles", "heads")
    assert heads is not None
    heads = heads.assign(swap=0.1, swap_low=0.05, swap_high=0.15)
    heads["pattern"] = ["after_same", "after_same", *[""] * (len(heads) - 2)]
    row: dict[str, Any] = {"pattern": "after_same", "heads": 2, "p_adjusted": p_adjusted, "n": 99}
    for name in ("zero", "mean", "swap"):
        row |= {name: swap, f"{name}_low": swap - 0.02, f"{name}_high": swap + 0.02}
    return changed(run, "head_roles", heads=heads, together=pd.DataFrame([row]))


def said_of(run: Results, part: str) -> str:
    return str(LanguageSection().content(run).values["inside"][part]["sentence"])


def test_heads_are_said_to_copy_where_the_answer_surely_needs_them(run: Results) -> None:
    sure = LanguageSection().content(copying(run, 0.001))
    assert "2 heads look at what followed the last token" in sure.answer
    assert "rises by 6.000 (5.980–6.020)" in sure.answer
    assert "the answer needs" not in LanguageSection().content(copying(run, 0.2)).answer


def test_heads_share_the_work_only_where_each_is_surely_worth_less(run: Results) -> None:
    assert "share the work" in said_of(copying(run, 0.001), "heads")
    alike = said_of(copying(run, 0.001, swap=0.12), "heads")
    assert "one at a time" in alike
    assert "share the work" not in alike


def test_the_layer_is_the_first_from_which_on_most_is_surely_read(run: Results) -> None:
    table = run.table("lens", "layers")
    assert table is not None
    shares = {"lens": [0.9, 0.1, 0.9], "tuned": [0.1, 0.9, 0.9], "token": [0.0, 0.2, 1.0]}
    for name, values in shares.items():
        ends = {f"{name}_low": [v - 0.05 for v in values], f"{name}_high": values}
        table = table.assign(**{name: values}, **ends)
    sentence = said_of(changed(run, "lens", layers=table), "lens")
    assert "From layer 2 on the logit lens reads most answers" in sentence
    assert "the tuned lens does so from layer 1 on" in sentence
    assert "restores most of the answer's lead from layer 2 on" in sentence
    assert "After layer 0 answers can be read" in sentence  # and putting it back restores nothing
    assert sentence.endswith("A lens shows what can be decoded, not what is used.")


def test_a_model_that_cannot_yet_answer_is_not_said_to(run: Results) -> None:
    assert said_of(run, "lens").startswith("In no layer can")
    assert said_of(run, "heads").startswith("Of 8 heads none")


def test_the_inside_is_told_in_chinese(run: Results) -> None:
    chinese = with_report(run, language="zh")
    content = LanguageSection().content(copying(chinese, 0.001))
    inside = content.values["inside"]
    words = " ".join(part["sentence"] for part in inside.values())
    assert "头" in words
    assert not re.search(r"[a-z]{2,} [a-z]{2,}", words), words
