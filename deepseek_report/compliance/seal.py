"""What is fixed before any result exists, and what of it was changed afterwards.

`check --seal` writes it; a run that is given the file keeps a copy, and compares: thresholds,
frameworks, policy, data, split and question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.storage.files import load_json
from deepseek_report.artifacts.storage.plain_files import sha256_file
from deepseek_report.compliance.framework import FrameworkChoice, choices, frameworks_folder
from deepseek_report.compliance.policy import POLICY_FILE
from deepseek_report.errors import ArtifactError

#: The artifact of a run that started from a seal, its file, and the envelope where it was signed.
SEAL = "seal"
SEAL_FILE, SEAL_SIGNATURE = "seal.json", "seal.dsse.json"
_FORMAT = {"format": "deepseek-report/seal", "format_version": 1}
_PARTS = ("question", "thresholds", "frameworks", "policy", "data", "split")
_ABOUT = ("metric", "attribute", "level", "explainer", "predictor")
_BOUNDS = ("at_least", "at_most")


def seal_content(
    config: Mapping[str, Any],
    frameworks: Sequence[FrameworkChoice],
    data: str,
    schema: Schema | None,
    policy: Path | None,
) -> dict[str, Any]:
    """What a seal holds.

    config : as the run records it. frameworks : those that it names. data : the key of the stage
    that reads the data. policy : a policy of one's own.
    """
    target = schema.target if schema else None
    return {
        **_FORMAT,
        "question": {
            "target": target.name if target else "",
            "task": target.task if target else "",
            "classes": list(target.classes) if target else [],
            "favourable": target.favourable if target else None,
        },
        "thresholds": _thresholds((config.get("report") or {}).get("thresholds") or ()),
        "frameworks": {choice.id: choice.load().sha256 for choice in frameworks},
        "policy": sha256_file(policy or frameworks_folder() / "_policy.yaml", links=True),
        "data": data,
        "split": dict(config.get("split") or {}),
    }


def _thresholds(declared: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """{what is promised: its bounds}."""
    return {
        ":".join(str(threshold[name]) for name in _ABOUT if threshold.get(name)): {
            bound: threshold[bound] for bound in _BOUNDS if threshold.get(bound) is not None
        }
        for threshold in declared
    }


def content_of_run(results: Results) -> dict[str, Any]:
    """The same of a run as it was made."""
    plan: Mapping[str, Any] = results.provenance.get("plan") or {}
    folder = results.paths.get("policy")
    schema = None
    if "data" in results.paths:
        schema = Schema.from_json(load_json(results.path_of("data") / "schema.json"))
    policy = folder / POLICY_FILE if folder else None
    frameworks = choices(results.config, results.paths)
    return seal_content(results.config, frameworks, str(plan.get("data") or ""), schema, policy)


def read_seal(path: Path, *, links: bool = False) -> dict[str, Any]:
    """A seal; raises ArtifactError: the file is none."""
    if not path.is_file():
        raise ArtifactError(f"{path}: no such file; `deepseek-report check --seal` writes a seal")
    content = load_json(path, links=links)
    parts = isinstance(content, dict) and {*_FORMAT, *_PARTS} == content.keys()
    if not parts or any(content[key] != value for key, value in _FORMAT.items()):
        raise ArtifactError(f"{path}: no seal; `deepseek-report check --seal` writes one")
    shapes = {"question": dict, "thresholds": dict, "frameworks": dict, "split": dict}
    if wrong := [name for name, kind in shapes.items() if not isinstance(content[name], kind)]:
        raise ArtifactError(f"{path}: no seal: {wrong[0]} is no mapping")
    return dict(content)


def seal_of(results: Results) -> dict[str, Any] | None:
    """The seal that a run started from; None where it started from none."""
    folder = results.paths.get(SEAL)
    return read_seal(folder / SEAL_FILE) if folder else None


def changed_since_seal(results: Results) -> tuple[Message, ...]:
    """What was changed after the seal, a message each; () where nothing was, or there is none."""
    sealed = seal_of(results)
    if sealed is None:
        return ()
    now = content_of_run(results)
    others = [
        message(f"seal.changed.{part}")
        for part in _PARTS
        if part not in {"thresholds", "frameworks"} and sealed[part] != now[part]
    ]
    return (
        *_changed_limits(sealed["thresholds"], now["thresholds"]),
        *_frameworks(sealed, now),
        *others,
    )


def _changed_limits(old: Mapping[str, Any], new: Mapping[str, object]) -> list[Message]:
    """Limits that were changed, dropped or added."""
    changes = []
    for key in [*old, *(key for key in new if key not in old)]:
        before, after = old.get(key), new.get(key)
        if before != after:
            about = {"key": key, "before": _bound(before), "after": _bound(after)}
            changes.append(message("seal.changed.limit", **about))
    return changes


def _bound(limits: object) -> str:
    """`≥ 0.75`, or nothing where there is no limit."""
    if not isinstance(limits, Mapping):
        return ""
    signs = {"at_least": "≥", "at_most": "≤"}
    return ", ".join(f"{sign} {limits[name]}" for name, sign in signs.items() if name in limits)


def _frameworks(sealed: Mapping[str, Any], now: Mapping[str, Any]) -> list[Message]:
    """Frameworks that were dropped, or whose text is another; one that was added is no change."""
    old, new = sealed["frameworks"], now["frameworks"]
    changed = [name for name in old if new.get(name) != old[name]]
    return [message("seal.changed.frameworks", names=changed)] if changed else []
