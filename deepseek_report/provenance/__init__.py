"""From what a result was made: code, libraries, machine, revision."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from deepseek_report import __version__
from deepseek_report.artifacts.advice import DISTRIBUTION
from deepseek_report.provenance.code import code_of
from deepseek_report.provenance.module_files import PACKAGE, version_of
from deepseek_report.provenance.requirements import lock

__all__ = ["PACKAGE", "code_of", "environment", "git_revision", "lock", "version_of", "versions"]

_REPORTED = (
    *("torch", "numpy", "pandas", "scipy", "scikit-learn", "shap", "lime"),
    *("matplotlib", "hydra-core", "omegaconf", "pydantic", "jinja2", "pyarrow"),
    *("safetensors", "transformers", "tokenizers", "pypandoc_binary", "typst", "plotly"),
)
#: Told where they are installed.
_EXTRAS = ("peft", "xgboost", "lightgbm", "skops")


def versions() -> dict[str, str]:
    """Versions of Python, this package and the libraries that decide results."""
    installed = {n: version_of(n) for n in (*_REPORTED, *_EXTRAS)}
    known = {n: v for n, v in installed.items() if n in _REPORTED or v != "not installed"}
    return {"python": platform.python_version(), DISTRIBUTION: __version__} | known


def environment(device: str) -> dict[str, object]:
    """The machine as far as it matters to a result; no host name, no user, no path."""
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(_memory() / 2**30, 1),
        "device": device,
    }


def _memory() -> int:
    import psutil

    return int(psutil.virtual_memory().total)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def git_revision(folder: Path) -> str:
    """Revision of the checkout that holds `folder`, "+changes" if it is not clean; "" if none."""
    if not (folder / ".git").exists():
        return ""
    try:
        revision = _git(folder, "rev-parse", "HEAD")
        return revision + ("+changes" if _git(folder, "status", "--porcelain") else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        capture_output=True,
        text=True,
        timeout=10,
        check=True,
    )
    return done.stdout.strip()
