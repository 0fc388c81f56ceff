from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from deepseek_report.errors import RenderError
from deepseek_report.rendering import quarto
from deepseek_report.rendering.render import render

GOOD = 'echo "<p>whole</p>" > report.html'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "report.qmd").write_text("---\ntitle: T\n---\n\n# A\n", encoding="utf-8")
    return tmp_path


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A program called `quarto` that does what a real one does in some case."""
    programs = folder / "bin"
    programs.mkdir()
    path = programs / "quarto"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")


def test_a_whole_render_gives_its_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(folder, monkeypatch, f'echo "$@" > called; {GOOD}')
    assert render(folder, ("html",), "quarto") == [folder / "report.html"]
    assert (folder / "called").read_text().split() == ["render", "report.qmd", "--to", "html"]


def test_pdf_goes_through_typst(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(folder, monkeypatch, 'echo "$@" > called; echo x > report.pdf')
    assert quarto.render(folder / "report.qmd", ("pdf",)) == [folder / "report.pdf"]
    assert "typst" in (folder / "called").read_text()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ('echo "ERROR: bad" >&2; exit 3', "exit code 3"),
        ("exit 0", "was not written"),
        ('echo "<p>see ?@fig-x</p>" > report.html', r"\?@fig-x"),
        (f'{GOOD}; echo "WARNING: Unable to resolve crossref @fig-y" >&2', "@fig-y"),
        (f'{GOOD}; printf "\\033[33mWARN: x\\033[39m" >&2', "WARN: x"),
    ],
)
def test_what_quarto_passes_over_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch, script: str, message: str
) -> None:
    install(folder, monkeypatch, script)
    with pytest.raises(RenderError, match=message):
        quarto.render(folder / "report.qmd", ("html",))


def test_a_mark_inside_a_script_is_no_reference(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(folder, monkeypatch, 'echo "<script>a?@fig-x</script><p>y</p>" > report.html')
    assert quarto.render(folder / "report.qmd", ("html",))


def test_an_unknown_key_in_the_head_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(folder, monkeypatch, GOOD)
    (folder / "report.qmd").write_text("---\ntitle: T\ntitel: U\n---\n", encoding="utf-8")
    with pytest.raises(RenderError, match="titel"):
        quarto.render(folder / "report.qmd", ("html",))


def test_without_quarto_the_message_says_what_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(RenderError, match="--engine embedded"):
        render(folder, ("html",), "quarto")


def test_the_real_quarto_renders_the_sample_whole(sample: Path, tmp_path: Path) -> None:
    if shutil.which("quarto") is None:
        pytest.skip("needs `quarto` on PATH; it is in no package registry")
    folder = shutil.copytree(sample.parent, tmp_path / "run")
    assert quarto.render(folder / "report.qmd", ("html",))[0].exists()
