"""Fixes what an experiment will be judged by, before any result of its plan exists."""

from __future__ import annotations

from pathlib import Path

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.storage.files import dump_json
from deepseek_report.artifacts.storage.plain_files import make_folder, sha256_file, write_bytes
from deepseek_report.config.experiment import Experiment
from deepseek_report.errors import ConfigError
from deepseek_report.extensions.assurance import signatures
from deepseek_report.extensions.assurance.seal import SEAL_FILE, seal_content, signature_beside
from deepseek_report.runner.planning.plan import make_plan, recorded_config, run_id
from deepseek_report.runner.planning.recommending import decided
from deepseek_report.runner.planning.work import KnownData
from deepseek_report.store import Store

#: What a model did with the test part: a seal after it would prove nothing.
_RESULTS = frozenset({"predictions", "explanations", "measures", "conclusions"})


def seal_experiment(
    experiment: Experiment, key: str = "", out: Path | None = None
) -> tuple[Path, str]:
    """Write the seal of an experiment, and its signature beside it where a key is named.

    Returns the file of the seal, and its SHA-256.

    Raises ConfigError: results of this plan exist already, the key cannot be used, or another seal
        is there.
    """
    signer = signatures.signing_key(key) if key else None
    store, data = Store(experiment.store), KnownData.of(experiment)
    experiment = decided(experiment, data.size)
    stages = make_plan(experiment)
    run_id(experiment, stages)  # reads a policy of one's own, and refuses what is none
    existing = [s.id for s in stages if ArtifactId(s.id).kind in _RESULTS and s.folder(store)]
    if existing:
        raise ConfigError(
            f"check --seal: results of this plan exist already ({', '.join(existing[:3])}), so a "
            "seal would prove nothing. Seal before the first run, or seal what is still to be made"
        )
    keys = {stage.id: stage.key for stage in stages}
    policy = experiment.report.policy
    frameworks = tuple(experiment.frameworks.values())
    config = recorded_config(experiment)
    seal = seal_content(config, frameworks, keys.get("data", ""), data.schema, policy)
    text = dump_json(seal.to_json()).encode()
    path = out or experiment.reports / experiment.name / "seal.json"
    if path.exists():
        raise ConfigError(
            f"{path}: a seal is there already, and none is ever replaced; name another file by "
            "--out, or keep the one that is there"
        )
    make_folder(path.parent)
    write_bytes(path, text, links=True)
    digest = sha256_file(path, links=True)
    if signer is not None:
        payload = signatures.statement(
            {SEAL_FILE: digest}, signatures.SEAL_PREDICATE, seal.to_json()
        )
        envelope = signatures.sealed_envelope(payload, signer)
        write_bytes(signature_beside(path), envelope, links=True)
    return path, digest
