"""A run as its server has it, a browser that reaches that, and loans in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from deepseek_report.extensions.live.companion import Companion
from deepseek_report.runner.execution.given_rows import ModelRequest
from tests.api.conftest import folder, labels, loans, numbers, report
from tests.browser.conftest import chromium
from tests.cli.conftest import no_set_width, store_of_another_model
from tests.shared_runs import SmallRun

__all__ = ["folder", "labels", "loans", "no_set_width", "numbers", "report"]
__all__ += ["store_of_another_model"]


@pytest.fixture(scope="module")
def companion(small_run: SmallRun, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Companion]:
    """A copy of the small run as a server reads it."""
    copy = small_run.copied(tmp_path_factory.mktemp("served") / small_run.folder.name)
    opened = Companion.of(ModelRequest(copy, small_run.store))
    yield opened
    opened.close()


@pytest.fixture
def local_driver() -> Iterator[Any]:
    """A browser that reaches this machine and no other."""
    yield from chromium("MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
