"""Files beside the config that belong to a run: a policy of decisions, a seal of what was fixed.

The core knows which options of the report name them, and asks an extension what they hold. The plan
takes their digests into the id of a run, the gathering copies them into its folder, and the
evaluation asks which decisions they require and what was changed since.
"""

from __future__ import annotations

import datetime as dt
import importlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.results import Results
from deepseek_report.compliance.decision import Decision, DecisionState, DecisionTarget, Role
from deepseek_report.extension import beside_config_module, not_installed

#: The options of the report that name such files, which are also the artifacts that hold copies.
OPTIONS = ("policy", "seal")
RequirementState = Literal["given", "missing", "rejected"]


class RequirementRule:
    """Base of a rule that requires a decision, as far as a report shows it.

    id : its name, which words of the catalog may put better; title : the words otherwise. roles :
    any of them may decide. cite : the text that asks for it.
    """

    id: str
    title: str
    roles: tuple[Role, ...]
    cite: str


@dataclass(frozen=True)
class Requirement:
    """A required decision and its state.

    why : what is missing, or who is refused and why; decisions : those that count for it.
    """

    rule: RequirementRule
    target: DecisionTarget
    state: RequirementState
    why: tuple[Message, ...] = ()
    decisions: tuple[Decision, ...] = ()


class DecisionPolicy:
    """Base of a policy of decisions; this one requires none."""

    name: str = ""

    @property
    def own_words(self) -> tuple[str, ...]:
        """The texts of its author, which a report quotes."""
        return ()

    def requirements(
        self,
        stood: Sequence[DecisionState],
        frameworks: Collection[str],
        day: dt.date | None,
        keys: Mapping[str, Collection[str]] | None = None,
    ) -> tuple[Requirement, ...]:
        """Every required decision and whether it is there.

        stood : all decisions of the run. frameworks : ids of those that the report shows. day : on
        which ages are judged; None: they are not. keys : {digest of a decision: names and key ids
        of the keys that signed it}; None where no keys are known.
        """
        return ()


class BesideConfig:
    """Base of what reads files beside the config; this one refuses them, since it reads none.

    named : {option of the report: the file that it names}, of those options that name one.
    """

    def files(self, named: Mapping[str, Path]) -> dict[str, dict[str, Path]]:
        """{artifact: {name in its folder: file}} of what a run takes along."""
        _refuse(named)
        return {}

    def digests(self, named: Mapping[str, Path]) -> dict[str, str]:
        """{artifact: SHA-256} of what is part of the run's id.

        Raises ConfigError: a file is not what its option asks for.
        """
        _refuse(named)
        return {}

    def recorded_digests(self, artifacts: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
        """The digests that a run records. artifacts : {artifact: {its file: SHA-256}}."""
        return {}

    def policy(self, results: Results) -> DecisionPolicy:
        """Which decisions are required of people about a run."""
        _refuse(results.paths)
        return DecisionPolicy()

    def changes(self, results: Results) -> tuple[Message, ...]:
        """What of a run was changed after it was sealed; () where nothing was, or no seal is."""
        _refuse(results.paths)
        return ()


def _refuse(named: Collection[str]) -> None:
    """Raise ConfigError where something is named that an extension reads."""
    for option in OPTIONS:
        if option in named:
            raise not_installed(f"report.{option}")


def beside_config() -> BesideConfig:
    """What the extension offers that reads such files; without it they are refused."""
    module = beside_config_module()
    if not module:
        return BesideConfig()
    offered: BesideConfig = importlib.import_module(module).BESIDE_CONFIG
    return offered
