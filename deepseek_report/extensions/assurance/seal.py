"""What is fixed before any result exists, and what of it was changed afterwards.

`check --seal` writes it; a run that is given the file keeps a copy, and compares: thresholds,
frameworks, policy, data, split and question.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeAlias

from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.storage.files import load_json
from deepseek_report.artifacts.storage.formats import check_format, head_of
from deepseek_report.artifacts.storage.plain_files import sha256_file
from deepseek_report.compliance.framework import FrameworkChoice, choices
from deepseek_report.errors import ArtifactError
from deepseek_report.extensions.assurance.policy import POLICY, POLICY_FILE, SHIPPED

#: The artifact of a run that started from a seal, its file, and the envelope where it was signed.
SEAL = "seal"
SEAL_FILE, SEAL_SIGNATURE = "seal.json", "seal.dsse.json"
_ABOUT = ("metric", "attribute", "level", "explainer", "predictor")
_SIGNS = {"at_least": "≥", "at_most": "≤"}
Limits: TypeAlias = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True)
class Seal:
    """What is fixed before any result exists.

    thresholds : {what is promised: its bounds}. frameworks : {id: SHA-256 of its file}. policy :
    SHA-256. data : the key of the stage that reads the data.
    """

    question: Mapping[str, object]
    thresholds: Limits
    frameworks: Mapping[str, str]
    policy: str
    data: str
    split: Mapping[str, object]

    def to_json(self) -> dict[str, object]:
        return {**head_of("seal"), **vars(self)}


def seal_content(
    config: Mapping[str, Any],
    frameworks: Sequence[FrameworkChoice],
    data: str,
    schema: Schema | None,
    policy: Path | None,
) -> Seal:
    """What a seal holds.

    config : as the run records it. frameworks : those that it names. data : the key of the stage
    that reads the data. policy : a policy of one's own.
    """
    target = schema.target if schema else None
    thresholds = (config.get("report") or {}).get("thresholds") or ()
    return Seal(
        question={
            "target": target.name if target else "",
            "task": target.task if target else "",
            "classes": list(target.classes) if target else [],
            "favourable": target.favourable if target else None,
        },
        thresholds={
            ":".join(str(threshold[name]) for name in _ABOUT if threshold.get(name)): {
                bound: threshold[bound] for bound in _SIGNS if threshold.get(bound) is not None
            }
            for threshold in thresholds
        },
        frameworks={choice.id: choice.load().sha256 for choice in frameworks},
        policy=sha256_file(policy or SHIPPED, links=True),
        data=data,
        split=dict(config.get("split") or {}),
    )


def content_of_run(results: Results) -> Seal:
    """The same of a run as it was made."""
    plan: Mapping[str, object] = results.provenance.get("plan") or {}
    folder = results.paths.get(POLICY)
    schema = None
    if "data" in results.paths:
        schema = Schema.load(results.path_of("data"))
    policy = folder / POLICY_FILE if folder else None
    frameworks = choices(results.config, results.paths)
    return seal_content(results.config, frameworks, str(plan.get("data") or ""), schema, policy)


def read_seal(path: Path, *, links: bool = False) -> Seal:
    """A seal; raises ArtifactError: the file is none."""
    if not path.is_file():
        raise ArtifactError(f"{path}: no such file; `deepseek-report check --seal` writes a seal")
    content = load_json(path, links=links)
    check_format(path, content, "seal")
    parts, head = {field.name for field in fields(Seal)}, head_of("seal")
    if {*head, *parts} != content.keys() or content["format"] != head["format"]:
        raise ArtifactError(f"{path}: no seal; `deepseek-report check --seal` writes one")
    mappings = ("question", "thresholds", "frameworks", "split")
    if wrong := [name for name in mappings if not isinstance(content[name], dict)]:
        raise ArtifactError(f"{path}: no seal: {wrong[0]} is no mapping")
    return Seal(**{name: content[name] for name in parts})


def signature_beside(seal: Path) -> Path:
    """Where the signature of a seal lies, if it was signed."""
    return seal.with_name(f"{seal.stem}.dsse.json")


def seal_of(results: Results) -> Seal | None:
    """The seal that a run started from; None where it started from none."""
    folder = results.paths.get(SEAL)
    return read_seal(folder / SEAL_FILE) if folder else None


def changed_since_seal(results: Results) -> tuple[Message, ...]:
    """What was changed after the seal, a message each; () where nothing was, or there is none."""
    sealed = seal_of(results)
    return () if sealed is None else tuple(_changes(sealed, content_of_run(results)))


def _changes(sealed: Seal, now: Seal) -> Iterator[Message]:
    """Limits that were changed, dropped or added, frameworks that were dropped or whose text is
    another, and whatever else was changed; a framework that was added is no change.
    """
    for key in dict.fromkeys([*sealed.thresholds, *now.thresholds]):
        before, after = sealed.thresholds.get(key), now.thresholds.get(key)
        if before != after:
            about = {"key": key, "before": _bound(before), "after": _bound(after)}
            yield message("seal.changed.limit", **about)
    old = sealed.frameworks
    if changed := [name for name in old if now.frameworks.get(name) != old[name]]:
        yield message("seal.changed.frameworks", names=changed)
    for part in ("question", "policy", "data", "split"):
        if getattr(sealed, part) != getattr(now, part):
            yield message(f"seal.changed.{part}")


def _bound(limits: object) -> str:
    """`≥ 0.75`, or nothing where there is no limit."""
    if not isinstance(limits, Mapping):
        return ""
    return ", ".join(f"{sign} {limits[name]}" for name, sign in _SIGNS.items() if name in limits)
