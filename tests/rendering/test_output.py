from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from deepseek_report.artifacts.storage import plain_files
from deepseek_report.rendering.render import render


def test_a_file_is_written_in_the_place_of_a_link_and_not_through_it(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("kept", encoding="utf-8")
    link = tmp_path / "report.html"
    link.symlink_to(outside)
    plain_files.write_text(link, "new\n")
    assert outside.read_text(encoding="utf-8") == "kept"
    assert not link.is_symlink()
    assert link.read_bytes() == b"new\n"
    link.unlink()
    link.symlink_to(tmp_path / "nowhere")
    plain_files.write_text(link, "again")
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_that_is_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").touch()
    (tmp_path / "figures").symlink_to(tmp_path / "outside")
    plain_files.empty_folder(tmp_path / "figures")
    assert (tmp_path / "outside" / "kept").exists()
    assert not (tmp_path / "figures").is_symlink()
    assert list((tmp_path / "figures").iterdir()) == []


@pytest.mark.parametrize("name", ["html", "pdf", "docx"])
def test_no_format_is_written_through_a_link(name: str, sample: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(sample.parent, tmp_path / "run")
    page, outside = folder / f"report.{name}", tmp_path / "outside"
    page.unlink(missing_ok=True)
    page.symlink_to(outside)
    assert render(folder, (name,)) == [page]
    assert page.is_file()
    assert not page.is_symlink()
    assert not outside.exists()
