"""Run folders as strangers prepare them: copied, changed, and sealed again."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepseek_report.runner.planning.plan import identity_of
from deepseek_report.runner.run_folders.open_run import RecordedRun
from deepseek_report.runner.run_folders.sealing import seal_documents
from deepseek_report.store import MANIFEST
from deepseek_report.store.run_folder import class_of, hash_files, look_into, seal_results

#: Whether the long form runs, and for how long: `make fuzz` says both.
LONG = os.environ.get("DEEPSEEK_REPORT_FUZZ") == "long"
_SECONDS = 60 * float(os.environ.get("DEEPSEEK_REPORT_FUZZ_MINUTES", "0"))
_STARTED = time.monotonic()


def _number(item: pytest.Item) -> int:
    call = getattr(item, "callspec", None)
    return int(call.params.get("number", 0)) if call is not None else 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In the long form every kind of damage has its turn before any has a second one."""
    if LONG:
        items.sort(key=_number)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if LONG and _SECONDS and _number(item) and time.monotonic() - _STARTED > _SECONDS:
        pytest.skip("the minutes of the fuzz are over")


def forge(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change `run.json` as one who knows the format would: everything sealed anew."""
    path = folder / "run.json"
    run = json.loads(path.read_text(encoding="utf-8"))
    change(run)
    path.write_text(json.dumps(run), encoding="utf-8")
    reseal(folder)


def reseal(folder: Path) -> None:
    """Make the manifests agree with whatever lies in the folder now."""
    path = folder / "run.json"
    run = json.loads(path.read_text(encoding="utf-8"))
    for entry in run["artifacts"].values():
        inside = folder / entry["path"]
        if inside.is_dir():
            place, names = entry["path"], look_into(inside).files
            results = [name for name in names if class_of(f"{place}/{name}") == "result"]
            entry["files"] = hash_files(inside, tuple(results))
    environment = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
    run["run_id"] = identity_of(RecordedRun.from_json(environment | run))
    path.write_text(json.dumps(run), encoding="utf-8")
    seal_results(folder)
    digest = json.loads((folder / MANIFEST).read_text())["run_digest"]
    seal_documents(folder, digest)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of two classes with twelve small images each."""
    from PIL import Image

    for name in ("good", "bad"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(12):
            grey = np.full((8, 8), 100 * (name == "good") + number, np.uint8)
            Image.fromarray(grey).save(tmp_path / "photos" / name / f"{number}.png")
    return tmp_path / "photos"


@pytest.fixture
def received(short_run: Any, tmp_path: Path) -> Path:
    """A copy of the short run, as a reviewer gets it, in a folder with nothing else in it."""
    return short_run.copied(tmp_path / "received" / "run")
