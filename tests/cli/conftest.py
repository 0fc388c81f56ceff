"""The width of the terminal is each test's own: the runner of the tests may have set one."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def no_set_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
