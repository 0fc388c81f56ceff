"""A finished run is taken as it is only where every file is as it was written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deepseek_report.runner.run_folders.hash_check import check_hashes


def changed(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        with (folder / name).open("a", encoding="utf-8") as stream:
            stream.write("\n")

    return change


def added(name: str) -> Callable[[Path], None]:
    def add(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("added", encoding="utf-8")

    return add


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (changed("config.yaml"), "results"),
        (changed("provenance.json"), "records"),
        (changed("report.html"), "documents"),
        (added("figures/more.svg"), "documents"),
        (added("read_me_first.exe"), "foreign"),
        (added("notes/summary.qmd"), "notes"),
    ],
)
def test_what_is_not_as_it_was_written_is_told_by_its_class(
    change: Callable[[Path], None], part: str, short_run: Any, tmp_path: Path
) -> None:
    folder = short_run.copied(tmp_path / "run")
    assert check_hashes(folder).is_whole
    change(folder)
    checked = check_hashes(folder)
    assert not checked.is_whole
    parts = ("results", "records", "documents", "foreign", "notes")
    assert [name for name in parts if getattr(checked, name)] == [part]
