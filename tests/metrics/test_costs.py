"""A new part costs the files that CONTRIBUTING names: what it says itself is enough to use it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, ClassVar

import pandas as pd
import pytest

from deepseek_report.artifacts.finding import PARTS, SEVERITIES, Finding
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.table import Column, TableType
from deepseek_report.compliance.sources import load_sources
from deepseek_report.config import rules
from deepseek_report.data_kinds import KINDS
from deepseek_report.data_kinds.table import TableKind
from deepseek_report.errors import ArtifactError
from deepseek_report.findings.conclude import measured_findings
from deepseek_report.metrics.performance.classification_scores import Accuracy
from deepseek_report.metrics.plugin import ClassMetric, measured
from deepseek_report.privacy import measures
from deepseek_report.sections.worded import WordedSection
from deepseek_report.wording.words import CATALOGS, texts_of_kind, wording
from tests.real_runs import with_measurement, with_report
from tests.worded import problems

OWN_WORDS = dict(zip(PARTS, ("All is one.", "{{ 1 }} class.", "It matters.", "Look."), strict=True))


@dataclass(frozen=True)
class Decided(ClassMetric):
    """Concludes something from its own table, in words of the catalog and in its own."""

    reveals = "aggregate"
    category = "performance"
    reads = frozenset({"predictions"})
    tables: ClassVar = {"classes": TableType((Column("n", "count"),), section="performance")}
    findings: ClassVar = {"no_slice": ("metrics.baseline",)}
    message: str = "no_slice"

    def measure(self, context: Any) -> Measurement:
        evidence = ("measures/decided",)
        first = Finding("all-one", "low", self.message, {"examined": 3}, evidence, "performance")
        own = Finding("own", "high", "", OWN_WORDS, evidence, "performance")
        table = pd.DataFrame({"n": [3]})
        return Measurement(tables={"classes": table}, findings=(first, own))


@pytest.fixture
def concluding(toy: Any) -> Measurement:
    return measured(Decided(), toy())


def test_a_metric_gives_its_finding_itself(concluding, real_run, tmp_path) -> None:
    concluding.save(tmp_path)
    stored = Measurement.load(tmp_path)
    assert stored.findings == concluding.findings
    results = with_measurement(real_run, "decided", stored)
    by_id = {finding.id: finding for finding in measured_findings(results)}
    assert load_sources().kinds_of(by_id["all-one"]) == {"metrics.baseline"}
    assert not load_sources().kinds_of(by_id["own"])
    order = [SEVERITIES.index(finding.severity) for finding in by_id.values()]
    assert order == sorted(order)


def test_a_finding_may_bring_its_own_words_which_are_text_and_no_template(concluding) -> None:
    own = concluding.findings[1]
    worded = wording("zh").finding(own)
    assert {part: getattr(worded, part) for part in PARTS} == OWN_WORDS
    assert wording().say(own.claim) == OWN_WORDS["claim"]


def test_a_finding_that_bears_on_nothing_is_stored_as_before() -> None:
    assert "bears_on" not in Finding("x", "low", "no_slice").to_json()


@pytest.mark.parametrize(
    ("finding", "problem"),
    [
        (Finding("x", "low", "proxy"), r'findings = \{"proxy"'),
        (Finding("x", "low", "no_slice"), "'no_slice' of Decided: "),
        (Finding("x", "low", "", {"claim": "So."}), "lack its detail, why, do"),
    ],
)
def test_a_finding_that_is_not_declared_or_has_no_words_fails_with_what_to_write(
    toy, monkeypatch, finding: Finding, problem: str
) -> None:
    monkeypatch.setattr(Decided, "measure", lambda *_: Measurement(findings=(finding,)))
    with pytest.raises(ArtifactError, match=problem):
        measured(Decided(), toy())


def test_what_a_metric_concludes_is_withheld_with_any_of_its_numbers(
    concluding: Measurement, monkeypatch
) -> None:
    source: Any = SimpleNamespace(privacy=SimpleNamespace(level="aggregate"))
    monkeypatch.setattr(measures, "is_private", lambda text, _: "All is one" in text)
    plain = replace(concluding, tables={})
    left = measures.released_measurement(plain, Decided(), source).findings
    assert [finding.id for finding in left] == ["all-one"]  # the other names what is withheld
    assert not measures.released_measurement(concluding, Decided(), source).findings


def test_a_section_is_a_yaml_and_its_words(real_run: Results, tmp_path, monkeypatch) -> None:
    (tmp_path / "qaa").mkdir()
    (tmp_path / "qaa" / "choices.yaml").write_text(
        """
        section_titles: {choices: Choices}
        sections:
          choices:
            question: How often is it right?
            answer: {nothing: Unknown., roc_auc: "Area {{ score|value }}.", mae: "Never."}
            caveat: {one: "One run."}
        """,
        encoding="utf-8",
    )
    monkeypatch.setenv(CATALOGS, str(tmp_path))
    results = with_report(real_run, language="qaa")
    content = WordedSection("choices", frozenset({"measures/absent"})).content(results)
    assert (content.title, content.question) == ("Choices", "How often is it right?")
    assert content.answer.startswith("Area 0.")
    assert "Never" not in content.answer
    assert content.caveats == ["One run."]
    assert content.incomplete


def test_check_lists_all_texts_that_a_new_part_lacks(monkeypatch) -> None:
    monkeypatch.setattr(Accuracy, "findings", {"brand_new": ("metrics.performance",)})
    monkeypatch.setitem(KINDS, "graph", TableKind)
    monkeypatch.setattr(rules, "nature_of", lambda experiment: DataTraits("graph"))
    text = problems("metrics=[accuracy]", "visualizations=[]", "report.thresholds=[]")
    lacking = texts_of_kind("graph", KINDS)
    assert f'kind of data "graph" lacks {len(lacking)} texts: {", ".join(lacking)}' in text
    assert {"kinds.graph.words.removed", "cases_as.graph.one", "noise_on.graph"} <= set(lacking)
    four = ", ".join(f"findings.brand_new.{part}" for part in PARTS)
    assert f'metric "accuracy" lacks 4 texts: {four}' in text


def test_the_texts_of_a_data_set_are_known_before_it_is_read() -> None:
    generated = pytest.importorskip("deepseek_report.extensions.examples.generated")
    texts = rules._texts_of(generated.Wide)
    assert {"data_sets.wide.about.title", "data_sets.wide.limits.blocks"} <= set(texts)
    assert "data_sets.multi_label_demo.title" in texts
    assert [text for text in texts if not wording().has(text)] == []
    assert rules._texts_of(object) == []


def test_no_kind_that_ships_lacks_a_text() -> None:
    texts = [text for kind in KINDS for text in texts_of_kind(kind, KINDS)]
    assert len(texts) > 90
    assert [text for text in texts if not wording().has(text)] == []
