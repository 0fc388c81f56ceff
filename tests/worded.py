"""What is said, in English, as tests read it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deepseek_report.artifacts.message import Text
from deepseek_report.errors import NotApplicableError
from deepseek_report.wording.words import wording


def say(text: Text) -> str:
    """A message in English; a plain text as it stands."""
    return wording().say(text)


@contextmanager
def refused(pattern: str) -> Iterator[None]:
    """The block raises a `NotApplicableError` whose reason reads so."""
    with pytest.raises(NotApplicableError) as refusal:
        yield
    assert re.search(pattern, say(refusal.value.reason))
