"""Whether a run folder is what the run wrote."""

from __future__ import annotations

from pathlib import Path

from jsonschema import Draft202012Validator

from deepseek_report.artifacts.files import load_json
from deepseek_report.artifacts.shipped import shipped
from deepseek_report.errors import ArtifactError
from deepseek_report.runner.writing import is_clocked, read_run
from deepseek_report.store import MANIFEST, compare, hash_folder


def verify(folder: Path) -> tuple[list[str], int]:
    """Compare a run folder with its manifest and `run.json` with its schema.

    Returns
    -------
    What is wrong, one sentence each, and the number of files in the manifest.

    Raises
    ------
    ArtifactError : this is no run folder, or it has no manifest.
    """
    run = read_run(folder)
    if not (folder / MANIFEST).is_file():
        raise ArtifactError(f"{folder}: there is no {MANIFEST}; the run was not finished")
    listed = load_json(folder / MANIFEST)["files"]
    problems = [f"{folder.name}: {problem}" for problem in compare(folder, listed)]
    problems += [
        f"{name} is not in the manifest; it was added later"
        for name in hash_folder(folder)
        if name not in listed and not is_clocked(name)
    ]
    schema = load_json(shipped("templates") / "schemas" / "run.schema.json")
    for error in sorted(Draft202012Validator(schema).iter_errors(run), key=str):
        problems.append(f"run.json at {error.json_path}: {error.message}")
    return problems, len(listed)
