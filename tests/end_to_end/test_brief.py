"""The brief of a real run: one or two pages that hold what the first screen of the report shows."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deepseek_report.cli import run
from deepseek_report.runner.run_folders.hash_check import check_hashes
from deepseek_report.sections.summary import SummarySection
from deepseek_report.store.run_folder import class_of
from tests.real_runs import small_results
from tests.shared_runs import SmallRun


@pytest.fixture(scope="module")
def folder(small_run: SmallRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copied = small_run.copied(tmp_path_factory.mktemp("brief") / small_run.folder.name)
    assert run(["render", str(copied), "--to", "brief"]) == 0
    return copied


def _plain(text: str) -> str:
    """The text without blanks and hyphens, where lines are broken as they come."""
    return re.sub(r"[\s\u00a0\u202f\u2009-]", "", text)


@pytest.fixture(scope="module")
def printed(folder: Path) -> str:
    if shutil.which("pdftotext") is None:
        pytest.skip("needs pdftotext (poppler) on PATH to read the brief")
    done = subprocess.run(
        ["pdftotext", str(folder / "brief.pdf"), "-"], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_brief_has_one_or_two_pages(printed: str) -> None:
    assert 1 <= printed.count("\f") <= 2


def test_the_brief_holds_verdict_promises_and_findings(printed: str, small_run: SmallRun) -> None:
    values = SummarySection().content(small_results(small_run)).values
    text = _plain(printed)
    assert values["promises"]
    for sentence in values["verdict"]:
        assert _plain(sentence) in text
    for promise in values["promises"]:
        for part in ("metric", "promised", "measured", "set_by"):
            assert _plain(promise[part]) in text
    assert len(values["shown"]) == 3
    for card in values["shown"]:
        assert _plain(card.finding.claim) in text
        assert _plain(card.finding.do) in text


def test_the_brief_has_a_place_to_sign_and_says_how_to_verify_the_run(
    printed: str, folder: Path
) -> None:
    text = _plain(printed)
    assert all(word in text for word in ("Decision", "Nameandsignature", "Date"))
    (digest,) = set(re.findall(r"sha256:[0-9a-f]{64}", text))
    assert digest == f"sha256:{check_hashes(folder).run_digest}"


def test_the_brief_is_a_document_of_the_run_and_the_same_twice(folder: Path) -> None:
    assert class_of("brief.pdf") == class_of("brief.qmd") == "document"
    first = (folder / "brief.pdf").read_bytes()
    assert run(["render", str(folder), "--to", "brief"]) == 0
    assert (folder / "brief.pdf").read_bytes() == first
