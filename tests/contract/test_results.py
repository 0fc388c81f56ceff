"""Every metric, picture and section of the small run, by the same rules."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.config.catalogue import groups
from deepseek_report.config.config_files import shipped_folders
from deepseek_report.runner.run_folders.open_run import read_run, results_of
from deepseek_report.runner.run_folders.section_plugins import write_section
from deepseek_report.wording.of_results import words_of
from tests.worded import say

CHOICES = groups(shipped_folders())
#: The others are there only where a config asks for what they are about.
SECTIONS = yaml.safe_load((shipped("conf") / "sections/sets/default.yaml").read_text("utf-8"))
PICTURES = CHOICES["visualizations"]


@pytest.fixture(scope="module")
def results(small_run: Any) -> Results:
    return results_of(small_run.folder, read_run(small_run.folder))


def test_nothing_that_was_asked_for_failed(small_run: Any, results: Results) -> None:
    assert results.failures == {}
    assert small_run.exit_code == 0


def test_every_score_is_inside_its_bounds_and_its_interval(results: Results) -> None:
    assert len(results.all_scores) > 100
    for score in results.all_scores:
        if score.has_interval and math.isfinite(score.value):
            slack = 1e-9 + 1e-6 * abs(score.value)
            assert score.low is not None
            assert score.high is not None
            assert score.low - slack <= score.value <= score.high + slack, score
            assert score.interval_method, score
        least, greatest = score.bounds
        assert math.isnan(score.value) or least is None or score.value >= least - 1e-9, score
        assert math.isnan(score.value) or greatest is None or score.value <= greatest + 1e-9, score
        assert score.n > 0, score


def test_every_metric_that_was_not_refused_gave_something(results: Results) -> None:
    for name in results.config["metrics"]:
        refused = any(refusal.startswith(f"measures/{name}") for refusal in results.refused)
        assert results.has(f"measures/{name}") or refused, name


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_well_formed_and_says_what_it_shows(results: Results, name: str) -> None:
    if name not in results.config["visualizations"]:
        pytest.skip("not in the default set")
    if f"pictures/{name}" in results.refused:
        pytest.skip(say(results.refused[f"pictures/{name}"]))
    folder = results.paths[f"pictures/{name}"]
    drawn = [results.pictures[path.stem] for path in sorted(folder.glob("*.svg"))]
    assert drawn
    for picture in drawn:
        ET.fromstring(picture.svg)  # noqa: S314 - drawn by ourselves a moment ago
        assert len(picture.svg) < 150_000
        texts = (picture.title, picture.alt, picture.how_to_read)
        assert min(len(words_of(results).say(text)) for text in texts) > 20


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_answers_its_question(results: Results, name: str) -> None:
    content = write_section(results, name, results.config["sections"][name])
    assert content.name == name
    assert content.question.endswith("?")
    assert len(content.answer) > 20
    assert not content.incomplete


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_whose_artifacts_are_lost_says_so_and_stays(
    results: Results, small_run: Any, name: str
) -> None:
    run = read_run(small_run.folder)
    kept = {key: value for key, value in run.artifacts.items() if key in {"data", "cases"}}
    lost = {artifact: "the disk was full" for artifact in run.artifacts if artifact not in kept}
    broken = results_of(small_run.folder, replace(run, artifacts=kept)).with_failures(lost)
    content = write_section(broken, name, run.config["sections"][name])
    assert not any("could not be written" in text for text in content.incomplete), (
        content.incomplete
    )
    assert content.title


def test_the_run_folder_needs_nothing_outside_itself(small_run: Any, tmp_path: Path) -> None:

    from deepseek_report.runner.run_folders.writing import write_report

    copy = small_run.copied(tmp_path / "copied")
    before = (copy / "report.html").read_bytes()
    write_report(copy)
    assert (copy / "report.html").read_bytes() == before
