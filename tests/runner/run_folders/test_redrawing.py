"""A report of the same results in another language: pictures are drawn again, results stay."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from marked_catalog import CLOSE, LANGUAGE, OPEN

from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage.files import load_json
from deepseek_report.cli.render import command
from deepseek_report.errors import ConfigError
from deepseek_report.runner.planning.plan import make_plan
from deepseek_report.runner.run_folders.sealing import drawn_again
from deepseek_report.store.run_folder import look_into
from deepseek_report.wording.words import CATALOGS
from tests.configured import experiment_of


def _documents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in look_into(folder).of_class("document")}


def test_a_report_in_another_language_is_drawn_and_written_anew_and_back(
    small_run: Any,
    marked_run: Path,
    marked_catalogs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = (marked_run / "report.qmd").read_text(encoding="utf-8")
    assert f"\nlang: {LANGUAGE}\n" in source
    assert f"![{OPEN}" in source
    assert f"{OPEN}logistic regression{CLOSE} {OPEN}ranks cases" in source  # a finding
    drawings = sorted((marked_run / "figures").glob("*.svg"))
    assert drawings
    for path in drawings:
        assert OPEN in path.read_text(encoding="utf-8"), path.name
    english, marked = (
        load_json(each / "documents.json") for each in (small_run.folder, marked_run)
    )
    assert marked["run_digest"] == english["run_digest"]

    folder = tmp_path / "run"
    shutil.copytree(marked_run, folder)
    monkeypatch.setenv(CATALOGS, str(marked_catalogs))
    command([str(folder)])
    assert _documents(folder) == _documents(small_run.folder)


def test_a_language_without_texts_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--language tlh: .*use one of: .*en"):
        command([str(tmp_path), "--language", "tlh"])


def _stored(folder: Path) -> Results:
    Picture("own", "<svg/>", "Title", "Alt", "How").save(folder / "stored")
    config = {"visualizations": {"own": {"_target_": "stranger.pictures.Own"}}}
    return Results({"pictures/own": folder / "stored"}, config)


def test_a_picture_of_a_package_that_is_not_trusted_stays_as_it_was_stored(tmp_path: Path) -> None:
    results = _stored(tmp_path)
    results = drawn_again(results, tmp_path / "drawn")
    assert results.pictures["own"].title == "Title"
    assert not results.failures


def test_a_picture_that_cannot_be_drawn_again_says_why(tmp_path: Path) -> None:
    results = _stored(tmp_path)
    target = "deepseek_report.visualizations.failures.part_pictures.SlicesPicture"
    results.config["visualizations"]["own"]["_target_"] = target
    results = drawn_again(results, tmp_path / "drawn")
    assert "own" not in results.pictures
    assert "this run has no data" in results.failures["pictures/own"]


def test_no_code_but_that_of_pictures_is_loaded_as_a_picture(tmp_path: Path) -> None:
    results = _stored(tmp_path)
    target = "deepseek_report.sections.bias.BiasSection"
    results.config["visualizations"]["own"]["_target_"] = target
    results = drawn_again(results, tmp_path / "drawn")
    assert results.pictures["own"].title == "Title"


def _keys(language: str) -> dict[str, str]:
    experiment = experiment_of("debug=fast", f"report.language={language}")
    return {stage.id: stage.key for stage in make_plan(experiment)}


def test_the_texts_of_the_language_are_in_the_keys_of_conclusions_and_pictures_alone(
    marked_catalogs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = shutil.copytree(marked_catalogs, tmp_path / "catalogs")
    monkeypatch.setenv(CATALOGS, str(own))
    english, marked = _keys("en"), _keys(LANGUAGE)
    worded = {stage for stage in english if stage.startswith(("pictures/", "conclusions"))}
    assert {stage for stage, key in english.items() if marked[stage] != key} == worded

    path = own / f"{LANGUAGE}.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("Loss", "Cost"), encoding="utf-8")
    mended = _keys(LANGUAGE)
    assert {stage for stage, key in marked.items() if mended[stage] != key} == worded
