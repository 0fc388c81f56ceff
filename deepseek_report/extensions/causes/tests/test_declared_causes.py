"""What `check` and the first screen say of a declared graph of causes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.sections.summary import SummarySection
from tests.cli.test_check import write_loans
from tests.configured import places_in
from tests.real_runs import small_results, with_measurement
from tests.shared_runs import SmallRun, Terminal


def test_a_kind_of_question_that_nobody_puts_to_the_graph_of_causes_is_named(
    terminal: Terminal, tmp_path: Path
) -> None:
    graph = "causal={graph: {deny: [income, sex]}, declared_by: us, questions: [{gap: sex}]}"
    own = ["dataset=csv", f"dataset.path={write_loans(tmp_path)}", "dataset.target=deny"]
    chosen = ["model=sklearn", "dataset.sensitive=[sex]", "frameworks=[]", graph]
    printed = terminal("check", *own, *chosen, *places_in(tmp_path)).out
    assert "causal.questions asks for no effect, so that none is answered" in printed
    assert "asks for no gap" not in printed


def test_the_first_screen_answers_what_a_graph_of_causes_is_asked(small_run: SmallRun) -> None:
    real_run = small_results(small_run)
    effect = {"place": 0, "treatment": "Limit", "outcome": "default", "outcome_class": "default"}
    effect |= {"setting": "", "from_display": "", "to_display": "", "amount": "NT$ 10 000"}
    effect |= {"effect": -0.008, "effect_low": -0.013, "effect_high": -0.002, "unit": ""}
    effect |= {"effect_points": -0.008, "effect_points_low": -0.013, "effect_points_high": -0.002}
    effect |= {"naive": -0.006, "naive_low": -0.007, "naive_high": -0.004, "n": 400}
    effect |= {"naive_points": -0.006, "naive_points_low": -0.007, "naive_points_high": -0.004}
    effect |= {"adjusted_for": "age", "outside": 0.0, "robustness": 0.1, "times": 2.0}
    effect |= {"strongest": "age", "controls_hold": True}
    effect |= {"effective": 300, "moved": 1.0, "e_value": 1.5}
    measured = Measurement(tables={"effects": pd.DataFrame([effect])})
    declared = {**real_run.config, "causal": {"declared_by": "Credit risk"}}
    with_answers = with_measurement(replace(real_run, config=declared), "causal_effects", measured)
    lead, answer = SummarySection().content(with_answers).values["causes"]
    assert lead == "Asked of the graph of causes that “Credit risk” declared:"
    assert answer.startswith("If the graph holds, moving “Limit” by NT$ 10 000 for everybody")
    assert "would lower the share of “default” by 0.8 points (0.2–1.3)." in answer.replace(
        "\u00a0", " "
    )
    assert SummarySection().content(real_run).values["causes"] == []
