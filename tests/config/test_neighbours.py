"""A file of a config folder that cannot be used stops what uses it, and is told beside the rest."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from deepseek_report.cli import run
from deepseek_report.config.catalogue import folders, groups
from deepseek_report.config.compose import Composer, compose
from deepseek_report.config.problems import ConfigProblems
from deepseek_report.config.sets import faults_beside
from deepseek_report.config.validate import validate
from tests.worded import study, write_conf

#: {what is wrong with a file: how it is made}; the last ones are no regular files.
BROKEN: dict[str, Callable[[Path], object]] = {
    "brackets": lambda path: path.write_text("a: [\n"),
    "tabs": lambda path: path.write_text("report:\n\ttitle: x\n"),
    "another encoding": lambda path: path.write_bytes("name: Größe\n".encode("cp1252")),
    "bytes": lambda path: path.write_bytes(bytes(range(256))),
    "a zero": lambda path: path.write_bytes(b"name: a\0b\n"),
    "a list": lambda path: path.write_text("- a\n"),
    "nothing": lambda path: path.write_text(""),
    "no such day": lambda path: path.write_text("day: 2020-99-99\n"),
    "an object": lambda path: path.write_text("a: !!python/object/apply:os.getcwd []\n"),
    "too much": lambda path: path.write_text("a: " + "x" * (1 << 20)),
    "too deep": lambda path: path.write_text("[" * 90 + "]" * 90),
    "aliases": lambda path: path.write_text(
        "a: &a [1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
        "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
        "e: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n"
    ),
    "a link to nothing": lambda path: path.symlink_to("nowhere.yaml"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a folder": lambda path: path.mkdir(),
    "a pipe": os.mkfifo,
}


#: Groups of which one is chosen in a file, several, and one.
GROUPS = ("experiment", "metrics", "dataset")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A config folder with a sound study beside every broken file in every group."""
    root = tmp_path_factory.mktemp("conf")
    conf = write_conf(root, {f"{group}/mine": study("name: mine") for group in GROUPS})
    for place, make in enumerate(BROKEN.values()):
        for group in GROUPS:
            make(root / group / f"broken{place}.yaml")
    return conf


@pytest.fixture(scope="module")
def composer(folder: str) -> Composer:
    """Composes configurations of that folder."""
    return Composer.of(folder)


def test_broken_files_stop_no_study_beside_them_and_each_is_told(
    folder: str, composer: Composer
) -> None:
    assert composer.compose(["experiment=mine"]).raw["name"] == "mine"
    problems = _beside(folder)
    assert len(problems) == len(BROKEN) * len(GROUPS)
    for place in range(len(BROKEN)):
        for group in GROUPS:
            assert [text for text in problems if f"{group}/broken{place}.yaml" in text]


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_that_is_chosen_is_told_with_its_name(
    kind: str, group: str, composer: Composer
) -> None:
    name = f"broken{[*BROKEN].index(kind)}"
    for _ in range(2):  # also where it was read before
        with pytest.raises(ConfigProblems, match=rf"{group}/{name}\.yaml"):
            composer.compose([f"{group}=[{name}]" if group == "metrics" else f"{group}={name}"])


def _beside(conf: str) -> list[str]:
    roots = folders(conf)
    return [str(problem) for problem in faults_beside(roots, groups(roots))]


def test_all_broken_files_that_are_in_use_are_told_at_once(tmp_path: Path) -> None:
    files = {"experiment/mine": "- a\n", "metrics/ours": "a: [\n", "metrics/other": "b: [\n"}
    with pytest.raises(ConfigProblems) as caught:
        compose(["experiment=mine", "metrics=[ours]"], write_conf(tmp_path, files))
    places = [problem.where for problem in caught.value.problems]
    assert [Path(place.partition(":")[0]).name for place in places] == ["mine.yaml", "ours.yaml"]


def test_a_file_that_a_default_takes_in_by_reference_is_looked_at(tmp_path: Path) -> None:
    files = {"model/default": "a: [\n", "model/other": "b: [\n"}
    mine = study("defaults:\n  - override /model: ${trainer}\nname: mine")
    conf = write_conf(tmp_path, {"experiment/mine": mine, **files})
    with pytest.raises(ConfigProblems, match=r"default\.yaml:2:1: not valid YAML") as caught:
        compose(["experiment=mine"], conf)
    assert "other.yaml" not in str(caught.value)


#: Lists of defaults that name no file, with what is found there.
UNFIT = {
    "[3]": "3",
    "[{}]": "{}",
    "[null]": "null",
    "[{3: a}]": "{3: a}",
    "[{override /debug: off}]": "{override /debug: false}",
    "[{override /metrics: [3]}]": "{override /metrics: [3]}",
    "[{override /model: mlp, override /dataset: csv}]": "override /dataset: csv, override /model",
}


@pytest.mark.parametrize("text", UNFIT)
def test_a_line_that_names_no_file_is_told_by_its_file(text: str, tmp_path: Path) -> None:
    conf = write_conf(tmp_path, {"experiment/mine": study(f"defaults: {text}")})
    with pytest.raises(ConfigProblems, match=r"mine\.yaml:2: defaults holds ") as caught:
        compose(["experiment=mine"], conf)
    assert UNFIT[text] in str(caught.value)


def test_a_file_that_takes_in_itself_is_told(tmp_path: Path) -> None:
    conf = write_conf(tmp_path, {"experiment/mine": study("defaults: [mine]")})
    with pytest.raises(ConfigProblems, match=r"mine\.yaml: its list of defaults takes in"):
        compose(["experiment=mine"], conf)


def test_a_metric_that_cannot_be_read_or_loaded_stops_no_threshold(tmp_path: Path) -> None:
    lost = "lost: {_target_: deepseek_report.metrics.nowhere.Lost}\n"
    conf = write_conf(tmp_path, {"metrics/broken": "a: [\n", "metrics/lost": lost})
    stated = "report.thresholds=[{metric: roc_auc, at_least: 0.5, set_by: me}]"
    assert validate(compose([stated], conf)).name == "credit_risk"


def test_check_and_list_tell_of_files_that_are_not_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = study("defaults:\n  - override /dataset: known_effects\nname: mine")
    files = {"experiment/mine": mine, "experiment/other": "a: [\n", "experiment/list": "- a\n"}
    conf = write_conf(tmp_path, files | {"metrics/sets/all": "- accuracy\n"})
    assert run(["check", "experiment=mine", "--config-dir", conf]) == 0
    printed = capsys.readouterr().out
    assert "Note: not used here, and cannot be used as they are (3)" in printed
    assert run(["list", "--config-dir", conf]) == 0
    listed = capsys.readouterr()
    for text in (printed, listed.out):
        assert "experiment/other.yaml:2:1: not valid YAML" in text
        assert "experiment/list.yaml: the file holds no keys" in text
    for text in (printed, listed.err):
        assert "metrics/sets/all.yaml: all is already the name of the set of all parts" in text
