"""What the report says of the inside of a language model, and when it does not."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import pytest

from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.results import Results
from deepseek_report.sections.language import LanguageSection
from tests.real_runs import with_report
from tests.tiny_runs import TinyRuns
from tests.visualizations.varied import with_measurement


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
