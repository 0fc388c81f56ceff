"""Each mistake of `mistakes.yaml` is answered in the words that stand there, and at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from deepseek_report.cli.parsing import COMMANDS
from deepseek_report.extension import BROUGHT
from tests.config.answers import NOT_NOTICED

_HERE = Path(__file__).parent
MISTAKES = yaml.safe_load((_HERE / "mistakes.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """{what is typed: its answer}, of an interpreter that has loaded nothing before."""
    folder = tmp_path_factory.mktemp("mistakes")
    command = [sys.executable, _HERE / "answers.py", _HERE / "mistakes.yaml", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def test_the_table_holds_each_mistake_once() -> None:
    typed = [row["typed"] for row in MISTAKES]
    assert len(typed) == len(set(typed)) >= 111
    assert all(row["answer"] for row in MISTAKES)


@pytest.mark.parametrize("row", MISTAKES, ids=lambda row: row["typed"][:60])
def test_a_mistake_is_answered_with_what_was_found_what_is_allowed_and_what_to_do(
    row: dict[str, Any], answers: dict[str, Any]
) -> None:
    if "/proc/" in row["typed"] and not Path("/proc").is_dir():
        pytest.skip("this system has no folder of its kernel")
    command = row["typed"].partition(" ")[0]
    if command in BROUGHT and command not in COMMANDS:
        pytest.skip(f"{command} comes with an extension that does not lie here")
    answer = answers[row["typed"]]
    assert answer["code"] != NOT_NOTICED
    assert answer["code"] in (1, 2)
    assert [words for words in row["answer"] if words not in answer["text"]] == []
    assert "Traceback" not in answer["text"]
    assert row.get("data") or answer["heavy"] == []
