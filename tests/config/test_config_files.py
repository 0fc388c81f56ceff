"""YAML files of a user's own: what is wrong in them is told with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepseek_report.cli import run
from tests.worded import problems, write_conf

_WHOLE = "# @package _global_\n"


def said_of(folder: Path, content: str) -> str:
    """What is said of a config folder with this experiment in it."""
    conf = write_conf(folder, {"experiment/mine": content})
    return problems("experiment=mine", config_dir=conf)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (f"{_WHOLE}report: {{title: x\nseed: 3\n", "mine.yaml:3:5: not valid YAML"),
        (f"{_WHOLE}report:\n\ttitle: x\n", "mine.yaml:3:1: not valid YAML"),
        (f"{_WHOLE}name: l\nname: m\n", "mine.yaml:3:1: not valid YAML: found duplicate key name"),
        ("", "mine.yaml: the file is empty"),
        ("- a\n", "mine.yaml: the file holds no keys"),
        ("name: mine\n", "mine.yaml:1: a file of the group experiment must say"),
        (f"{_WHOLE}defaults: csv\n", "mine.yaml:2: defaults is 'csv'"),
    ],
)
def test_a_malformed_file_is_named_with_its_line(
    content: str, expected: str, tmp_path: Path
) -> None:
    assert expected in said_of(tmp_path, content)


def test_a_file_that_is_not_written_in_utf_8_is_named_with_its_line(tmp_path: Path) -> None:
    conf = write_conf(tmp_path, {"experiment/mine": ""})
    (tmp_path / "experiment" / "mine.yaml").write_bytes(f"{_WHOLE}name: l\n# ä\n".encode("cp1252"))
    assert "mine.yaml:3: not written in UTF-8" in problems("experiment=mine", config_dir=conf)


def test_a_broken_file_of_any_group_is_named_before_anything_runs(tmp_path: Path) -> None:
    conf = write_conf(tmp_path, {"metrics/mine": "a: [\n"})
    assert "metrics/mine.yaml:2:1: not valid YAML" in problems(config_dir=conf)


@pytest.mark.parametrize(
    ("line", "sentences"),
    [
        ("override /model: mpl", ['"mpl" is not in the group model', 'did you mean "mlp"?']),
        ("override /datset: csv", ["datset"]),
        ("dataset: csv", ["write `override /dataset: csv`"]),
    ],
)
def test_a_wrong_choice_in_a_file_is_told_with_its_line_and_what_to_write(
    line: str, sentences: list[str], tmp_path: Path
) -> None:
    text = said_of(tmp_path, f"{_WHOLE}defaults:\n  - {line}\n")
    assert "mine.yaml:3: " in text
    assert [sentence for sentence in sentences if sentence not in text] == []


def test_list_goes_on_after_a_file_that_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf = write_conf(tmp_path, {"model/broken": "a: [\n"})
    assert run(["list", "model", "--config-dir", conf]) == 0
    printed = capsys.readouterr().out
    assert "broken" in printed
    assert "cannot be used" in printed
    assert "mlp" in printed


def test_list_names_a_missing_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "--config-dir", "no/such/folder"]) == 2
    assert "not a folder" in capsys.readouterr().err
