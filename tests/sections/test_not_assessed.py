"""What was not assessed: what sets brought along is folded, what was named stands in the open."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from deepseek_report.artifacts.storage.files import load_json
from deepseek_report.runner.run_folders.open_run import open_run
from deepseek_report.sections.summary import SummarySection
from deepseek_report.terminal import say_finished
from tests.conftest import SmallRun

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
