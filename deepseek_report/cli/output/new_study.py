"""Prints what `init` has made and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_report.cli.output.terminal_text import printable

if TYPE_CHECKING:
    from deepseek_report.runner.scaffold.new_study import NewStudy


def say_study(study: NewStudy, files: Sequence[Path]) -> None:
    """The files, what a person must confirm in them, and the command that runs the study."""
    print(f"A study “{study.name}” in {printable(study.folder)}:")
    for path in files:
        print(f"  {printable(path)}")
    if study.data is not None:
        print(
            f"Confirm in conf/experiment/{study.name}.yaml what was inferred of the data: kinds, "
            "units, the favourable class,\nthe columns to compare groups of people by."
        )
        if study.data_path is not None and not study.copy:
            print(f"The data stay where they are: {printable(study.data_path)}, from that folder.")
    print(f"Then: cd {printable(shlex.quote(str(study.folder)))} && make report")
