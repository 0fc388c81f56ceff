"""A damaged run folder is made again by the command that made it; people's words survive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deepseek_report.store import hash_folder
from tests.configured import few_parts, run_of

from .conftest import LONG

DAMAGE = {
    "truncated": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "no mapping": lambda content: b"[1, 2]",
    "no key": lambda content: b"{}",
    "no text": lambda content: b"\xff\xfe\x00",
}


@pytest.fixture(scope="module")
def made(small_run: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[tuple[str, ...], Path]:
    overrides = (*small_run.overrides(tmp_path_factory.mktemp("reports")), *few_parts())
    return overrides, run_of(*overrides).folder


#: Every damage of one record, and of each other the first: all are read in one way.
RECORDS = ("run.json", "manifest.json", "provenance.json", "records.json", "documents.json")
DAMAGED = [
    (name, damage)
    for name in RECORDS
    for damage in (DAMAGE if LONG or name == RECORDS[0] else [*DAMAGE][:1])
]


@pytest.mark.parametrize(("name", "damage"), DAMAGED)
def test_a_damaged_record_is_made_again(
    made: tuple[tuple[str, ...], Path], name: str, damage: str
) -> None:
    overrides, folder = made
    before = hash_folder(folder) | {"manifest.json": (folder / "manifest.json").read_bytes()}
    path = folder / name
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    finished = run_of(*overrides)
    assert finished.exit_code == 0
    assert not finished.from_store
    after = hash_folder(folder) | {"manifest.json": (folder / "manifest.json").read_bytes()}
    assert after == before
    assert run_of(*overrides).from_store


def test_what_people_wrote_survives_a_run_that_is_made_again(
    made: tuple[tuple[str, ...], Path],
) -> None:
    overrides, folder = made
    (folder / "notes").mkdir()
    (folder / "notes" / "summary.qmd").write_text("Seen by me.\n", encoding="utf-8")
    edited = (folder / "report.qmd").read_text(encoding="utf-8") + "\nMine.\n"
    (folder / "report.qmd").write_text(edited, encoding="utf-8")
    (folder / "config.yaml").write_text("mine: 1\n", encoding="utf-8")
    finished = run_of(*overrides)
    assert sorted(finished.kept) == ["config.yaml.edited", "report.qmd.edited"]
    assert (folder / "report.qmd.edited").read_text(encoding="utf-8") == edited
    assert (folder / "config.yaml.edited").read_text(encoding="utf-8") == "mine: 1\n"
    assert (folder / "notes" / "summary.qmd").read_text(encoding="utf-8") == "Seen by me.\n"
    assert "mine" not in (folder / "config.yaml").read_text(encoding="utf-8")
    assert run_of(*overrides).from_store
