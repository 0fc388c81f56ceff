"""What `deepseek-report doctor` says of launchers besides that of this machine."""

from __future__ import annotations

import shutil

from deepseek_report.artifacts.advice import pip_install
from deepseek_report.cli.doctor import Examined, examined_library


def examine() -> list[Examined]:
    """By what the stages of a run can be brought to processes."""
    examined = {
        library: examined_library(
            f"launcher={library}",
            library,
            "optional",
            f"launcher={library} cannot work; {pip_install(library)}",
        )
        for library in ("joblib", "submitit", "ray")
    }
    if examined["submitit"].state == "ok" and shutil.which("srun") is None:
        cost = "launcher=submitit can start no job of Slurm from here, but launcher.cluster=local"
        examined["srun"] = Examined("srun", "optional", "not on PATH", cost)
    return list(examined.values())
