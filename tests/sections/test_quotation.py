"""Which explanation may be quoted: a table, a sentence and a title never say different things."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deepseek_report.artifacts.results import Results
from deepseek_report.findings import rules_explanations
from deepseek_report.findings.conclude import conclude
from deepseek_report.findings.explainer_verdicts import CONDEMNED, answering, quoted, verdicts
from deepseek_report.sections.trust import TrustSection
from deepseek_report.visualizations.explanations.explanation_quality import DeletionCurvesPicture
from deepseek_report.wording.of_results import words_of
from tests.tiny_runs import TinyRuns
from tests.varied_run import VariedRun

LOW = (0.05, 0.02, 0.08)
OPEN = (0.3, -0.1, 0.7)
#: What the methods of a run get in its tests, from all passed to none.
WORLDS: dict[str, dict[str, dict[str, Any]]] = {
    "all pass": {"shap": {}, "lime": {}},
    "the second gains less than half": {"shap": {}, "lime": {"deletion_effect": (0.35, 0.3, 0.4)}},
    "both gain less than half": {
        "shap": {"insertion_effect": (0.35, 0.3, 0.4)},
        "lime": {"insertion_effect": (0.35, 0.3, 0.4)},
    },
    "the second is its own but no better than chance": {
        "shap": {},
        "lime": {"deletion_effect": LOW},
    },
    "none passes": {"shap": {"deletion_effect": LOW}, "lime": {"deletion_effect": LOW}},
    "one is open": {"shap": {"deletion_effect": OPEN}, "lime": {}},
    "one may not depend on the model": {"shap": {"randomisation_gain": OPEN}, "lime": {}},
    "amounts do not add up": {"shap": {"completeness_gap": (0.3, 0.2, 0.4)}, "lime": {}},
}
KINDS = ("trees", "number", "text", "image", "series")


@pytest.mark.parametrize("kind", KINDS)
def test_table_answer_and_findings_agree(
    kind: str, run: VariedRun, tiny_runs: TinyRuns, tmp_path: Path
) -> None:
    for world, methods in WORLDS.items():
        own = VariedRun(tiny_runs(kind), tiny_runs, tmp_path / world)
        assert_same(own.tested_like(run.tests_of(**methods)).results())


def test_the_title_names_those_that_the_table_marks_and_that_answer_the_question(
    real_run: Results,
) -> None:
    words = words_of(real_run)
    drawn = {words.label("explainers", name) for name in answering(real_run)}
    title = words.say(DeletionCurvesPicture().draw(real_run)[0].title)
    beat = title.partition(" a random order")[0]
    for row in TrustSection().content(real_run).values["verdicts"].rows:
        marked = row["faithful"].startswith("✓")
        expected = marked and row["explainer"] in drawn
        assert (words.inline(row["explainer"]).lower() in beat.lower()) == expected


def assert_same(results: Results) -> None:
    words, best = words_of(results), quoted(results)
    content = TrustSection().content(results)
    answer = content.answer
    table = {row["explainer"]: row for row in content.values["verdicts"].rows}
    for name, verdict in verdicts(results).items():
        label = words.label("explainers", name)
        use = table[label]["use"]
        is_best = best is not None and best.explainer == name
        assert (use.startswith("Quote it")) == is_best
        assert (f"Quote {label} for single cases" in answer) == is_best
        assert use.startswith("A check on") == (verdict.is_trusted and not is_best)
        assert use.startswith("Nothing") == (verdict.use in CONDEMNED | {"no_skill"})
        if verdict.scope == "members" and is_best:
            assert "the order of its reasons" not in use + answer
        outcomes = {"chance": "faithful", "another_case": "own_case", "learnt": "learnt"}
        for test, column in outcomes.items():
            assert (table[label][column] == "○ open") == (test in verdict.undecided)
        mark = {True: "✓", False: "✗", None: "○"}[verdict.beats_random]
        assert table[label]["faithful"].startswith(mark)
    worded = [words.finding(f) for f in rules_explanations.uses(results)]
    for finding in worded:
        if "may be quoted for the reasons" in finding.claim:
            assert best is not None
            assert finding.claim.startswith(words.label("explainers", best.explainer))
    assert any("may be quoted for the reasons" in f.claim for f in worded) == (best is not None)
    assert conclude(results).quoted == best
