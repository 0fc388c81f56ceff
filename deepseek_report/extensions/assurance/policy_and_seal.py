"""What a policy and a seal that lie beside the config give a run that they are named for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage.plain_files import sha256_file
from deepseek_report.compliance.beside_config import BesideConfig
from deepseek_report.errors import ArtifactError, ConfigError
from deepseek_report.extensions.assurance.policy import (
    POLICY,
    POLICY_FILE,
    Policy,
    policy_of,
    read_policy,
)
from deepseek_report.extensions.assurance.seal import (
    SEAL,
    SEAL_FILE,
    SEAL_SIGNATURE,
    changed_since_seal,
    read_seal,
    signature_beside,
)

#: {artifact: the file in it whose digest is part of the run's id}.
_FILES = {POLICY: POLICY_FILE, SEAL: SEAL_FILE}


class PolicyAndSeal(BesideConfig):
    """Reads a policy of decisions and a seal; see `BesideConfig`."""

    def files(self, named: Mapping[str, Path]) -> dict[str, dict[str, Path]]:
        """See `BesideConfig`: the policy, the seal, and its signature where one lies beside it."""
        files = {name: {_FILES[name]: path} for name, path in named.items()}
        if SEAL in named and (signature := signature_beside(named[SEAL])).is_file():
            files[SEAL][SEAL_SIGNATURE] = signature
        return files

    def digests(self, named: Mapping[str, Path]) -> dict[str, str]:
        """See `BesideConfig`."""
        try:
            if POLICY in named:
                read_policy(named[POLICY])
            if SEAL in named:
                read_seal(named[SEAL], links=True)
            return {name: sha256_file(path, links=True) for name, path in named.items()}
        except (ArtifactError, OSError) as error:
            raise ConfigError(f"report.seal: {error}") from None

    def recorded_digests(self, artifacts: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
        """See `BesideConfig`."""
        return {
            name: artifacts[name].get(file, "")
            for name, file in _FILES.items()
            if name in artifacts
        }

    def policy(self, results: Results) -> Policy:
        """See `BesideConfig`: the run's own policy, or the one that ships."""
        return policy_of(results)

    def changes(self, results: Results) -> tuple[Message, ...]:
        """See `BesideConfig`."""
        return changed_since_seal(results)


BESIDE_CONFIG = PolicyAndSeal()
