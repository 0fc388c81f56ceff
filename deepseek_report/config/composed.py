"""A configuration as it was composed, before anybody has validated it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.message import Text
from deepseek_report.config.problems import Problem
from deepseek_report.config.sets import Origin


@dataclass(frozen=True)
class Composed:
    """A composed configuration that nobody has validated yet.

    raw : plain data, interpolations resolved. overrides : as given on the command line.
    selected : {group: {part: who chose it}}, for groups of which several are chosen.
    roots : the config folders.
    choices : {group: the name that counts in the end}, for groups of which one is chosen.
    problems : overrides that were left out, since they cannot be read or name an unknown choice.
    left_out : {explainer: why a recommender left it out}.
    held : {place of a plug-in: the object that it holds}, where these were given in Python.
    """

    raw: Mapping[str, Any]
    overrides: tuple[str, ...]
    selected: Mapping[str, Mapping[str, Origin]]
    roots: tuple[Path, ...]
    choices: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    left_out: Mapping[str, Text] = field(default_factory=dict)
    held: Mapping[tuple[str, ...], Any] = field(default_factory=dict)

    def origin(self, group: str, part: str) -> Origin:
        """Who chose a part; one that a file defines in its body is named by that file."""
        return self.selected.get(group, {}).get(part, "config")
