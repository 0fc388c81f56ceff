"""What goes into a paper: no text is a command of LaTeX, pictures are as wide as columns."""

from __future__ import annotations

import contextlib
import re
import zlib
from pathlib import Path

import pytest
import yaml

import deepseek_report
from deepseek_report.rendering.paper import WIDTHS, bibtex, latex_table, latex_text, picture_pdfs

CITATION = Path(deepseek_report.__file__).parents[1] / "CITATION.cff"
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="100">'
    '<rect width="9" height="9"/></svg>'
)


def unpacked(pdf: bytes) -> bytes:
    """A PDF with what its streams hold."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    for stream in streams:
        with contextlib.suppress(zlib.error):
            pdf += zlib.decompress(stream)
    return pdf


@pytest.mark.parametrize(
    "text",
    [r"\input{/etc/passwd}", "50% & more", "a_b^c", "$x$ #1 ~", "{open", "line\nbreak", "\x1b[0m"],
)
def test_a_text_of_a_stranger_is_no_command(text: str) -> None:
    written = latex_text(text)
    bare = re.sub(r"\\textbackslash\{\}|\\text\w+\{\}|\\[{}$&#%_]", "", written)
    assert not set(bare) & set("\\{}$&#%_^~\n\x1b")


def test_a_table_has_rules_of_booktabs_and_numbers_to_the_right() -> None:
    rows = [{"name": "A & B", "value": "0.75", "x": None}, {"name": "c_d", "value": "−1.2 (−2–0)"}]
    text = latex_table("All of 50 %", "a b_c", {"name": "Name", "value": "Value"}, rows)
    assert r"\begin{tabular}{lr}" in text
    assert r"\caption{All of 50 \%}" in text
    assert r"\label{tab:a-b-c}" in text
    assert r"A \& B & 0.75 \\" in text
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]


def test_pictures_become_pdf_at_the_widths_of_columns_and_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.svg").write_text(SVG, encoding="utf-8")
    first = {path.name: path.read_bytes() for path in picture_pdfs(tmp_path)}
    again = {path.name: path.read_bytes() for path in picture_pdfs(tmp_path)}
    assert first == again
    for name, millimetres in WIDTHS.items():
        width = re.search(rb"/MediaBox ?\[0 0 ([\d.]+) ", unpacked(first[f"a-{name}.pdf"]))
        assert width is not None
        assert float(width[1]) == pytest.approx(millimetres / 25.4 * 72, abs=0.1)


def test_a_report_is_cited_by_run_and_digest() -> None:
    entry = bibtex("3f2a", "Loans & more", "0.1.0", "ab" * 32, "2026")
    assert entry.startswith("@misc{deepseek-report-3f2a,\n  title = {{Loans \\& more}},\n")
    assert "year = {2026}" in entry
    assert f"sha256:{'ab' * 32}" in entry
    assert "year" not in bibtex("3f2a", "Loans", "0.1.0", "ab")


def test_the_citation_of_the_software_names_this_version() -> None:
    cited = yaml.safe_load(CITATION.read_text(encoding="utf-8"))
    assert cited["version"] == deepseek_report.__version__
    assert cited["license"] == "Apache-2.0"
