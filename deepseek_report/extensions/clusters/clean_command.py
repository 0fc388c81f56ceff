"""`deepseek-report clean --remote`: what of a remote store is damaged, and mending it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deepseek_report.cli.clean import say_list
from deepseek_report.cli.output.console import printable
from deepseek_report.config.problems import ConfigProblems
from deepseek_report.errors import ArtifactError
from deepseek_report.extensions.clusters.remote_stages import (
    VARIABLE,
    DamagedError,
    RemoteStages,
    remote_of_environment,
)
from deepseek_report.extensions.clusters.shared_store import SharedStore


@dataclass(frozen=True)
class DamagedStage:
    """A stage of a remote store that cannot be fetched whole.

    name : of its manifest below the place. stage : its id, such as `measures/deletion/shap`.
    reason : what is wrong. is_here : whether the local store has it whole, so that it can be sent
    again.
    """

    name: str
    stage: str
    key: str
    reason: str
    is_here: bool


def clean_remote(root: Path, *, repairing: bool) -> int:
    """Read every object that a stage of the remote store names, each once, and say what is damaged.

    root : of the local store. repairing : send again what is here; take out what is not, so that
    the next run makes and sends it.

    Returns the exit code: 1 where something is damaged and stays so.

    Raises ConfigProblems: there is no remote store.
    Raises UnreachableError: the place does not answer, or does not take what is sent.
    """
    remote = remote_of_environment()
    if remote is None:
        raise ConfigProblems.of(
            "command line, --remote",
            f"{VARIABLE} is not set, so there is no remote store",
            f"set it to a URL such as {VARIABLE}=s3://bucket/folder",
        )
    store = SharedStore(root.absolute(), remote)
    problems: dict[str, str] = {}
    damaged, names = [], list(remote.manifests())
    for name in names:
        if reason := _problem(remote, name, problems):
            stage, _, file = name.removeprefix("stages/").rpartition("/")
            key = file.removesuffix(".json")
            damaged.append(DamagedStage(name, stage, key, reason, _is_whole(store, stage, key)))
    stages = "1 stage" if len(names) == 1 else f"{len(names)} stages"
    objects = "1 object" if len(problems) == 1 else f"{len(problems)} objects"
    print(f"The remote store {printable(remote.url)}: {stages} of {objects}, each read and hashed.")
    if not damaged:
        print("All of them are whole.")
        return 0
    print(f"{len(damaged)} cannot be fetched whole:")
    say_list([f"{each.stage} {each.key[:12]}: {each.reason}" for each in damaged])
    here = [each for each in damaged if each.is_here]
    elsewhere = [each for each in damaged if not each.is_here]
    if repairing:
        _repair(store, here, elsewhere)
        return 0
    print(
        f"Nothing was changed. --yes sends the {len(here)} again that this store has, and takes "
        f"the other {len(elsewhere)} out, which the next run then makes and sends again."
    )
    return 1


def _problem(remote: RemoteStages, name: str, problems: dict[str, str]) -> str:
    """What is wrong with a stage; `problems` holds what is known of objects, by their hash."""
    try:
        manifest = remote.manifest_at(name)
    except DamagedError as error:
        return str(error)
    for path, sha256 in (manifest.files if manifest else {}).items():
        known = str(sha256)
        if known not in problems:
            problems[known] = remote.damage_of(sha256, path)
        if problems[known]:
            return f"{path} {problems[known]}"
    return ""


def _is_whole(store: SharedStore, stage: str, key: str) -> bool:
    try:
        store.verify(stage, key)
    except ArtifactError:
        return False
    return True


def _repair(
    store: SharedStore, here: Sequence[DamagedStage], elsewhere: Sequence[DamagedStage]
) -> None:
    for damaged in here:
        store.send_again(damaged.stage, damaged.key)
    for damaged in elsewhere:
        store.remote.forget(damaged.name)
    print(
        f"Sent again: {len(here)}. Taken out: {len(elsewhere)}; the next run that needs them "
        "makes them and sends them again."
    )
