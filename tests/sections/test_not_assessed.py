"""What was not assessed: what sets brought along is folded, what was named stands in the open."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage.files import load_json
from deepseek_report.config.config_files import shipped_file
from deepseek_report.runner.run_folders.open_run import open_run
from deepseek_report.sections.summary import _ASSESSING, SummarySection
from deepseek_report.terminal import say_finished
from deepseek_report.wording.of_results import words_of
from tests.real_runs import with_measurement, with_report
from tests.shared_runs import SmallRun
from tests.tiny_runs import TinyRuns

_UNFIT = "measures/localisation"


def test_what_sets_bring_along_is_listed_once_and_folded(small_run: SmallRun) -> None:
    opened = open_run(small_run.folder)
    assert not opened.results.named
    values = SummarySection().content(opened.results).values
    assert values["unfit"] == []
    assert values["n_of_sets"] > 10
    assert any("ocalisation" in line for line in values["of_sets"])
    text = (small_run.folder / "report.qmd").read_text("utf-8")
    title = f"{values['n_of_sets']} measurements and methods that do not apply"
    assert text.count(title) == 1
    assert text.index("Not assessed: ") < text.index(title) < text.index("# Cases {#sec-cases}")
    assert "Asked for by name" not in text


def test_what_the_config_names_and_cannot_have_stands_in_the_open(small_run: SmallRun) -> None:
    results = open_run(small_run.folder).results
    before = SummarySection().content(results).values
    values = SummarySection().content(replace(results, named=frozenset({_UNFIT}))).values
    assert [line for line in values["unfit"] if "ocalisation" in line] == values["unfit"] != []
    assert values["n_of_sets"] == before["n_of_sets"] - 1
    assert not any("ocalisation" in line for line in values["of_sets"])


def _told(results: Results) -> dict[str, bool]:
    """{what a report may not assess: whether the first screen says so, in line and list alike}."""
    words, values = words_of(results), SummarySection().content(results).values
    names, sentences = words.table("not_assessed_names"), words.table("not_assessed")
    assert names.keys() == sentences.keys()
    in_line = {key: name in values["not_assessed"] for key, name in names.items()}
    assert in_line == {key: text in values["never"] for key, text in sentences.items()}
    return in_line


@pytest.mark.parametrize("kind", ["pairs", "number", "traces", "labels"])
def test_nothing_that_a_run_measured_stands_among_what_was_not_assessed(
    kind: str, tiny_runs: TinyRuns
) -> None:
    results = tiny_runs(kind)
    asks_for_causes = results.has("measures/causal_claims")
    assert asks_for_causes == (kind == "pairs")
    expected = {"manipulation": True, "drift": True, "causes": not asks_for_causes, "use": True}
    assert _told(results) == expected
    texts = words_of(results).table("assessable")
    listed = SummarySection().content(results).values["not_measured"]
    assert not {texts.get(name) for name in results.names("measures")} & {*listed}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    ("name", "metric"), [(name, metric) for name, own in _ASSESSING.items() for metric in own]
)
def test_what_a_measurement_answers_is_not_said_to_be_open(
    name: str, metric: str, language: str, real_run: Results
) -> None:
    assert shipped_file("metrics", metric).is_file()
    run = with_report(real_run, language=language)
    assert all(_told(run).values())
    answered = with_measurement(run, metric, Measurement(tables={"any": pd.DataFrame({"n": [1]})}))
    assert _told(answered) == {**dict.fromkeys(_told(run), True), name: False}
    refused = with_measurement(run, metric, Measurement(notes=("no answer",)))
    assert all(_told(refused).values())


@pytest.mark.parametrize("named", [False, True])
def test_the_terminal_tells_only_what_was_named(
    named: bool, small_run: SmallRun, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = load_json(small_run.folder / "run.json")
    record: dict[str, Any] = {**stored, "thresholds": [], "findings": []}
    record["problems"] = [
        problem | ({"named": True} if named and problem["stage"] == _UNFIT else {})
        for problem in record["problems"]
    ]
    finished = {"from_store": False, "record": record, "failures": [], "details": {}}
    finished |= {"kept": (), "notices": (), "run_digest": "0", "pages": ()}
    finished |= {"folder": small_run.folder}
    say_finished(SimpleNamespace(**finished))  # type: ignore[arg-type]
    printed = capsys.readouterr().out
    assert ("not applicable here (1)" in printed) == named
    assert ("mask, say" in printed) == named
    assert "needs a model that hands out" not in printed
