"""Looking after a remote store: reading all of it, and mending what was lost or damaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deepseek_report.errors import ArtifactError, DamagedError
from deepseek_report.store.remote_stages import RemoteStages
from deepseek_report.store.stage_folders import Store


@dataclass(frozen=True)
class DamagedStage:
    """A stage of a remote store that cannot be fetched whole.

    name : of its manifest below the place. reason : what is wrong. is_here : whether the local
    store has it whole, so that it can be sent again.
    """

    name: str
    reason: str
    is_here: bool

    @property
    def stage(self) -> str:
        """Its id, such as `measures/deletion/shap`."""
        return self.name.removeprefix("stages/").rpartition("/")[0]

    @property
    def key(self) -> str:
        return self.name.rpartition("/")[2].removesuffix(".json")


@dataclass(frozen=True)
class RemoteInventory:
    """What was read. stages : how many there are. objects : how many files they name."""

    stages: int
    objects: int
    damaged: Sequence[DamagedStage]


@dataclass(frozen=True)
class Repaired:
    """What became of damaged stages: sent again, or taken out so that a run makes them again."""

    sent: Sequence[DamagedStage]
    taken_out: Sequence[DamagedStage]


def check_remote(store: Store, remote: RemoteStages) -> RemoteInventory:
    """Read every object that a stage of the remote store names, each once.

    Raises UnreachableError: the place does not answer.
    """
    problems: dict[str, str] = {}
    damaged, names = [], list(remote.manifests())
    for name in names:
        if reason := _problem(remote, name, problems):
            stage = DamagedStage(name, reason, is_here=False)
            damaged.append(DamagedStage(name, reason, _is_whole(store, stage)))
    return RemoteInventory(len(names), len(problems), damaged)


def _problem(remote: RemoteStages, name: str, problems: dict[str, str]) -> str:
    """What is wrong with a stage; `problems` holds what is known of objects, by their hash."""
    try:
        manifest = remote.manifest_at(name)
    except DamagedError as error:
        return str(error)
    for path, sha256 in (manifest or {"files": {}})["files"].items():
        known = str(sha256)
        if known not in problems:
            problems[known] = remote.damage_of(sha256, path)
        if problems[known]:
            return f"{path} {problems[known]}"
    return ""


def _is_whole(store: Store, damaged: DamagedStage) -> bool:
    try:
        store.verify(damaged.stage, damaged.key)
    except ArtifactError:
        return False
    return True


def repair_remote(store: Store, remote: RemoteStages, damaged: Sequence[DamagedStage]) -> Repaired:
    """Send again what is here; take out what is not, so that the next run makes and sends it.

    Raises UnreachableError: the place does not answer, or does not take it.
    """
    sent, taken_out = [], []
    for stage in damaged:
        if stage.is_here:
            store.send_again(stage.stage, stage.key)
            sent.append(stage)
        else:
            remote.forget(stage.name)
            taken_out.append(stage)
    return Repaired(sent, taken_out)
