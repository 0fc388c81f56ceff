"""What is said, in English, as tests read it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.message import Text
from deepseek_report.errors import NotApplicableError
from deepseek_report.wording.words import Wording, wording


def say(text: Text) -> str:
    """A message in English; a plain text as it stands."""
    return wording().say(text)


def leaves(value: object, key: str = "", *, alone: bool = False) -> Iterator[tuple[str, str]]:
    """(dotted key, text) of every text in nested mappings and lists, as those of a catalog.

    alone : whether nothing but texts may stand there.
    """
    assert not alone or isinstance(value, str | Mapping | list), f"{key} is no text: {value!r}"
    inside = value.items() if isinstance(value, Mapping) else ()
    inside = enumerate(value) if isinstance(value, list) else inside
    if isinstance(value, str):
        yield key, value
    for name, item in inside:
        yield from leaves(item, f"{key}.{name}".lstrip("."), alone=alone)


def all_texts(words: Wording, finding: Finding) -> str:
    """All texts of a finding as one string."""
    worded = words.finding(finding)
    return f"{worded.claim} {worded.detail} {worded.more} {worded.why} {worded.do}"


def printed(code: str, **settings: Any) -> str:
    """What a fresh interpreter prints of this code, which ends well; settings : of the process."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, **settings)
    return done.stdout.strip()


def problems(*overrides: str, config_dir: str | None = None) -> str:
    """What is said of a configuration that is refused."""
    from deepseek_report.config.compose import compose
    from deepseek_report.config.problems import ConfigProblems
    from deepseek_report.config.validate import validate

    with pytest.raises(ConfigProblems) as caught:
        validate(compose(overrides, config_dir))
    return str(caught.value)


def write_conf(folder: Path, files: Mapping[str, str]) -> str:
    """Write {"experiment/mine": content} into a folder of configurations; gives the folder."""
    write_files(folder, {f"{name}.yaml": content for name, content in files.items()})
    return str(folder)


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write {"conf/experiment/mine.yaml": content}, with all folders that this needs."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


def write_program(path: Path, script: str, shell: str = "/bin/sh") -> Path:
    """Write a program that runs this script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{shell}\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def study(content: str) -> str:
    """A file of an experiment that sets these values everywhere."""
    return f"# @package _global_\n{content}\n"


@contextmanager
def refused(pattern: str) -> Iterator[None]:
    """The block raises a `NotApplicableError` whose reason reads so."""
    with pytest.raises(NotApplicableError) as refusal:
        yield
    assert re.search(pattern, say(refusal.value.reason))
