"""A seal is written before any result exists, and once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from deepseek_report.cli import run
from tests.shared_runs import Terminal


def test_a_seal_is_written_with_its_digest_and_its_signature(
    check: Callable[..., str], tmp_path: Path, terminal: Terminal
) -> None:
    pytest.importorskip("cryptography", reason="needs the extra `sign`")
    few = ["metrics=[accuracy]", "explainers=[]", "visualizations=[]", "sections=[]"]
    assert run(["key", "new", "ada", "--out", str(tmp_path)]) == 0
    seal = tmp_path / "plan.json"
    made = ["--seal", "--out", str(seal), "--key", str(tmp_path / "ada.key")]
    output = check(*few, *made)
    digest = hashlib.sha256(seal.read_bytes()).hexdigest()
    assert f"sha256:{digest}: hand this on before the run" in output
    assert f"run it with: report.seal={seal}" in output
    assert set(json.loads(seal.read_text())) >= {"question", "thresholds", "frameworks", "data"}
    assert [path.name for path in tmp_path.glob("plan*")] != [seal.name]  # and its signature
    assert "add --seal" in terminal("check", *few, "--key", "ada", code=2).err
