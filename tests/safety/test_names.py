"""What a configuration or a plug-in names never leads out of the folder that it is written to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.compliance.framework import FrameworkChoice
from deepseek_report.config.compose import Composer
from deepseek_report.config.problems import ConfigProblems
from deepseek_report.config.validate import validate
from deepseek_report.errors import ArtifactError, ConfigError
from deepseek_report.store import Store
from tests.worded import problems, study, write_conf

#: None of these can be a file's name on every system.
UNFIT = ["../../../x", "..", ".", "a/../b", "a/b", "a\\b", ".hidden", "a.", "con", "NUL.txt", "x\n"]
UNFIT += ["", "com1", "a" * 65, "-rf", "a b", "ä", "a\x00", "~", "C:x"]
_LEADING_OUT = [f"measures/{name}" for name in UNFIT if name != "a/b"] + ["/etc/x", "a//b"]
#: A part of each group that is named by a key.
PARTS = {
    "metrics": "deepseek_report.metrics.performance.classification_scores.Accuracy",
    "explainers": "deepseek_report.explainers.accounts.Random",
    "visualizations": "deepseek_report.visualizations.performance.ranking_pictures.RocCurvePicture",
    "sections": "deepseek_report.sections.summary.SummarySection",
    "frameworks": "deepseek_report.compliance.framework.FrameworkChoice",
}


def said_of(folder: Path, group: str, entries: Any) -> str:
    text = yaml.safe_dump(entries, allow_unicode=True)
    conf = write_conf(folder, {f"{group}/theirs": text})
    return problems(f"{group}=[theirs]", config_dir=conf)


@pytest.mark.parametrize("group", PARTS)
def test_a_key_that_is_no_plain_name_is_a_problem(group: str, tmp_path: Path) -> None:
    keys = ["../../../x", "..", "con", "a."]
    text = said_of(tmp_path, group, {key: {"_target_": PARTS[group]} for key in keys})
    assert [key for key in keys if f"the key '{key}' is " not in text] == []


def test_every_spelling_of_such_a_key_is_a_problem(tmp_path: Path) -> None:
    text = said_of(tmp_path, "metrics", {key: {"_target_": PARTS["metrics"]} for key in UNFIT})
    assert [key for key in UNFIT if f"the key {key!r} is " not in text] == []
    assert text.count("letters, digits") == len(UNFIT)


def test_a_key_that_is_a_number_is_a_problem(tmp_path: Path) -> None:
    entries = {7: {"_target_": PARTS["metrics"]}}
    assert "the key 7 is not a plain name" in said_of(tmp_path, "metrics", entries)


def test_keys_that_differ_in_capitals_alone_are_a_problem(tmp_path: Path) -> None:
    part = {"_target_": PARTS["metrics"]}
    text = said_of(tmp_path, "metrics", {"mine": part, "Mine": part})
    assert '"Mine" and "mine" differ in capitals alone' in text


def test_a_list_where_parts_are_named_says_how_to_choose_them(tmp_path: Path) -> None:
    conf = write_conf(tmp_path, {"experiment/mine": study("metrics: [accuracy]")})
    assert "- override /metrics" in problems("experiment=mine", config_dir=conf)


def test_an_experiment_has_a_plain_name(tmp_path: Path) -> None:
    texts = [study(yaml.safe_dump({"name": name}, allow_unicode=True)) for name in UNFIT]
    files = {f"experiment/mine{number}": text for number, text in enumerate(texts)}
    composer = Composer.of(write_conf(tmp_path, files))
    for number in range(len(UNFIT)):
        with pytest.raises(ConfigProblems, match="begins with a letter or digit"):
            validate(composer.compose([f"experiment=mine{number}"]))


@pytest.mark.parametrize("stage", _LEADING_OUT)
def test_a_store_has_no_folder_outside_of_itself(stage: str, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    for ask in (store.folder, store.find, store.work_folder):
        with pytest.raises(ArtifactError, match="the stage"):
            ask(stage, "0" * 64)
    with pytest.raises(ArtifactError, match="the stage"), store.lock(stage, "0" * 64):
        pass
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("name", ["../x", "a/b", "..", "con"])
def test_what_a_plugin_makes_has_a_plain_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="the picture"):
        Picture(name, "<svg/>", "", "", "")
    with pytest.raises(ArtifactError, match="the section"):
        SectionContent(name, "", "", "")
    with pytest.raises(ArtifactError, match="the table"):
        Measurement(tables={name: pd.DataFrame()}).save(tmp_path / "measure")
    with pytest.raises(ConfigError, match="the id"):
        FrameworkChoice(name, file=tmp_path / "framework.yaml")
