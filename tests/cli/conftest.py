"""The width of the terminal is each test's own: the runner of the tests may have set one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def no_set_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def store_of_another_model(small_run: Any, tmp_path: Path) -> Path:
    """The store of the small run, with other weights under the key of its own."""
    from deepseek_report.store import Store

    store = tmp_path / "store"
    for stage in ("data", "training"):
        shutil.copytree(small_run.store / stage, store / stage)
    plan = json.loads((small_run.folder / "run.json").read_text("utf-8"))["plan"]
    weights = Store(store).folder("training", plan["training"]) / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    return store
