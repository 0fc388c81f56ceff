"""Files that change while a run is verified or packed: what is read is what was hashed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deepseek_report.artifacts.storage.plain_files import write_pack
from deepseek_report.errors import ArtifactError
from deepseek_report.extensions.assurance import packing, verifying
from deepseek_report.extensions.assurance.packing import pack_run
from deepseek_report.runner.run_folders import hash_check
from tests.safety.test_swapped_results import REFUSED, swap


@pytest.fixture
def folder(short_run: Any, tmp_path: Path) -> Path:
    return Path(short_run.copied(tmp_path / "run"))


def test_verify_prints_no_genuine_digest_over_forged_figures(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attack: the scores are swapped once they were hashed, before the report is made again."""
    plain = hash_check.agreement_problems
    scores = min(folder.glob("artifacts/measures/**/scores.json"))

    def then_swapped(*arguments: Any) -> list[str]:
        problems = plain(*arguments)
        swap(scores)
        return problems

    monkeypatch.setattr(hash_check, "agreement_problems", then_swapped)
    verified = verifying.verify(folder)
    assert verified.exit_code != 0
    assert REFUSED in str([*verified.unread, *verified.problems, verified.remade])


def test_a_pack_holds_what_was_checked(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swapped(target: Path, members: dict[str, Path | bytes]) -> None:
        swap(folder / "scores.parquet")
        write_pack(target, members)

    monkeypatch.setattr(packing, "write_pack", swapped)
    with pytest.raises(ArtifactError, match=REFUSED):
        pack_run(folder, tmp_path / "run.zip")
