"""Documents that are made again: those that changed are put in place, all others stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepseek_report.cli import run
from deepseek_report.runner.run_folders.hash_check import check_hashes
from deepseek_report.store.run_folder import look_into

#: What a render writes in any case: the list of the documents.
LIST = "documents.json"


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """{file: what tells that it was written anew}."""
    files = {name: (folder / name).stat() for name in look_into(folder).files}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in files.items() if name != LIST}


def test_rendering_writes_the_files_that_changed_and_leaves_the_others(
    short_run: Any, tmp_path: Path
) -> None:
    folder = short_run.copied(tmp_path / "copy")
    assert run(["render", str(folder)]) == 0
    whole, before = (folder / "report.html").read_bytes(), stamps(folder)
    assert run(["render", str(folder)]) == 0
    assert stamps(folder) == before
    (folder / "report.html").write_bytes(b"cut")
    (folder / "report.css").unlink()
    assert run(["render", str(folder)]) == 0
    assert (folder / "report.html").read_bytes() == whole
    changed = {name for name, stamp in stamps(folder).items() if before[name] != stamp}
    assert changed == {"report.html", "report.css"}
    assert check_hashes(folder).is_whole
