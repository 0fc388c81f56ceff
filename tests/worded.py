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


def problems(*overrides: str, config_dir: str | None = None) -> str:
    """What is said of a configuration that is refused."""
    from deepseek_report.config.compose import compose
    from deepseek_report.config.problems import ConfigProblems
    from deepseek_report.config.validate import validate

    with pytest.raises(ConfigProblems) as caught:
        validate(compose(overrides, config_dir))
    return str(caught.value)


@contextmanager
def refused(pattern: str) -> Iterator[None]:
    """The block raises a `NotApplicableError` whose reason reads so."""
    with pytest.raises(NotApplicableError) as refusal:
        yield
    assert re.search(pattern, say(refusal.value.reason))
