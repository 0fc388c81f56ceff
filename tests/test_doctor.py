from __future__ import annotations

import re
from pathlib import Path

import pytest

from deepseek_report.cli import doctor
from deepseek_report.rendering import pandoc


def found(name: str) -> doctor.Examined:
    return next(one for one in doctor.examine() if one.name == name)


def install(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_the_version_of_quarto_and_of_what_turns_pictures_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "quarto", "echo 1.11.3", monkeypatch)
    install(tmp_path, "rsvg-convert", "echo rsvg-convert version 2.60", monkeypatch)
    assert found("quarto") == doctor.Examined("quarto", "ok", "1.11.3")
    assert found("rsvg-convert").detail == "rsvg-convert version 2.60"


def test_pandoc_is_the_one_of_the_wheel_though_a_newer_one_is_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "pandoc", "echo pandoc 99.0", monkeypatch)
    program = Path(pandoc.program.__wrapped__())
    assert program.parent.name == "files"
    assert program.parent.parent.name == "pypandoc"
    version = re.fullmatch(r"(\d+)[.\d]*, from its wheel", found("pandoc").detail)
    assert version is not None
    assert int(version[1]) < 99


def test_without_the_wheel_pandoc_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pandoc, "find_spec", lambda name: None)
    monkeypatch.setattr(pandoc, "program", pandoc.program.__wrapped__)
    examined = found("pandoc")
    assert examined.state == "missing"
    assert "pypandoc-binary" in examined.detail


def test_what_is_missing_is_told_with_what_it_costs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    quarto, converter = found("quarto"), found("rsvg-convert")
    assert quarto.state == converter.state == "optional"
    assert "no Python package holds" in quarto.cost
    assert "librsvg2-bin" in converter.cost


def test_a_quarto_that_cannot_start_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "quarto", "exit 3", monkeypatch)
    assert "does not answer" in found("quarto").detail
    monkeypatch.setenv("QUARTO_PATH", str(tmp_path / "none"))
    assert found("quarto").state == "optional"


def test_the_chinese_font_comes_with_the_package() -> None:
    fonts = found("fonts of PDF")
    assert fonts.state == "ok"
    assert "Report Han Sans" in fonts.detail


def test_what_signs_is_told_with_its_version_or_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor, "version_of", lambda name: "42.0.8")
    assert found("signatures") == doctor.Examined("signatures", "ok", "cryptography 42.0.8")
    monkeypatch.setattr(doctor, "version_of", lambda name: "not installed")
    assert "pip install 'cryptography>=" in found("signatures").cost
