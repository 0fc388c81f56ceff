"""A run in the DOCX template of a bank."""

from __future__ import annotations

import io
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from deepseek_report.compliance.decision import DecisionTarget
from deepseek_report.compliance.evaluate import evaluate_results
from deepseek_report.errors import ConfigError
from deepseek_report.extensions.exports import word_template
from deepseek_report.extensions.exports.exported_run import ExportedRun, one_line
from deepseek_report.extensions.exports.exporting import export_run
from deepseek_report.extensions.exports.word_template import SHIPPED, fill_template, read_template
from tests.real_runs import small_results

pytest.importorskip("docxtpl", reason="needs the extra `export`")
docx: Any = pytest.importorskip("docx")


def _template(text: str) -> bytes:
    document, content = docx.Document(), io.BytesIO()
    document.add_paragraph(text)
    document.save(content)
    return content.getvalue()


def _texts(document: Any) -> str:
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    return "\n".join([*(paragraph.text for paragraph in document.paragraphs), *cells])


@pytest.mark.parametrize("named", SHIPPED)
def test_a_shipped_template_is_filled_and_gives_the_same_bytes_twice(
    named: str, small_run: Any, exported: ExportedRun, tmp_path: Path
) -> None:
    first, second = (
        export_run(small_run.folder, ["docx"], tmp_path / place, named) for place in ("a", "b")
    )
    assert first[0].name == f"{named}.docx"
    assert first[0].read_bytes() == second[0].read_bytes()
    text = _texts(docx.Document(str(first[0])))
    assert "{{" not in text
    assert "{%" not in text
    for _, worded in exported.findings:
        assert one_line(worded.claim) in text
    for promise in exported.promises:
        assert exported.promised(promise)["measured"] in text
    assert "Signatures" in text
    assert "Owner" in text


def test_a_rejection_of_a_person_stands_in_the_document(small_run: Any, tmp_path: Path) -> None:
    folder = small_run.copied(tmp_path / small_run.folder.name)
    subjects = evaluate_results(small_results(small_run)).subjects
    target = DecisionTarget("model", "model")
    decision = {
        "subject": {
            name: getattr(subjects.subject, name) for name in ("run", "data", "weights", "results")
        },
        "by": {"name": "Grace Hopper", "role": "independent_validator", "date": "2026-11-25"},
        "decisions": [
            {
                "model": "model",
                "evidence": subjects.evidence[target],
                "verdict": "rejected",
                "reason": "In-sample period only.",
            }
        ],
    }
    (folder / "people").mkdir()
    (folder / "people/grace.yaml").write_text(yaml.safe_dump(decision), "utf-8")
    (path,) = export_run(folder, ["docx"], tmp_path / "out", "validation")
    text = _texts(docx.Document(str(path)))
    assert "Grace Hopper (independent validator) on 2026-11-25: rejected. In-sample period" in text


@pytest.mark.parametrize("named", SHIPPED)
def test_a_shipped_template_has_contents_page_numbers_and_rows_that_hold_together(
    named: str,
) -> None:
    with zipfile.ZipFile(io.BytesIO(read_template(named))) as members:
        body = members.read("word/document.xml").decode()
        foot = "".join(
            members.read(name).decode() for name in members.namelist() if "footer" in name
        )
    assert "TOC " in body
    assert "PAGE" in foot
    assert "NUMPAGES" in foot
    assert "w:cantSplit" in body
    assert "w:tblHeader" in body


def test_what_stands_in_a_name_is_shown_and_never_run(exported: ExportedRun) -> None:
    hostile = "<w:p/> & {{ 7 * 7 }} {% if x %}"
    config = exported.results.config["report"]
    config["title"] = hostile
    document = docx.Document(io.BytesIO(fill_template(exported, _template("{{ name }}"))))
    assert document.paragraphs[-1].text == hostile


def test_an_unknown_field_is_told_with_those_that_there_are(exported: ExportedRun) -> None:
    with pytest.raises(ConfigError, match=r"'verdikt' is undefined[\s\S]*allowed: name, run"):
        fill_template(exported, _template("{{ verdikt }}"))


def test_a_template_reaches_nothing_but_its_fields(exported: ExportedRun) -> None:
    with pytest.raises(ConfigError, match="unsafe"):
        fill_template(exported, _template("{{ name.__class__.__mro__ }}"))


def test_a_file_that_is_no_docx_and_one_that_is_not_there_are_refused(
    exported: ExportedRun,
) -> None:
    with pytest.raises(ConfigError, match="no DOCX"):
        fill_template(exported, b"plain")
    with pytest.raises(ConfigError, match="allowed: development, validation"):
        read_template("lost.docx")


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("{{ 'a' * 1200000000 }}", "more than 1024 MiB"),
        ("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "2 s"),
        ("{{ 1 // 0 }}", "division"),
        ("{{ name + 1 }}", "str"),
    ],
    ids=["memory", "time", "arithmetic", "types"],
)
def test_a_field_that_takes_too_much_is_refused_in_a_sentence(
    field: str, said: str, exported: ExportedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_template, "_SECONDS", 2 if said == "2 s" else 60)
    with pytest.raises(ConfigError, match=rf"a field cannot be filled \([\s\S]*{said}"):
        fill_template(exported, _template(field))


def test_a_template_that_unpacks_to_too_much_is_refused(exported: ExportedRun) -> None:
    content = io.BytesIO(_template("{{ name }}"))
    with zipfile.ZipFile(content, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/media/a.bin", bytes(2**28 + 1))
    with pytest.raises(ConfigError, match="unpacks to more than 256 MiB"):
        fill_template(exported, content.getvalue())


def test_the_sandbox_of_jinja_has_no_known_way_out() -> None:
    """The filter `attr` led out of that of 3.1.5 (CVE-2025-27516)."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    (needed,) = (r for r in map(Requirement, project["dependencies"]) if r.name == "jinja2")
    assert not needed.specifier.contains("3.1.5")
