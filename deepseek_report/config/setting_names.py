"""What is meant by a setting that lacks its group, or by a file where a name is wanted.

Read from the YAML files and the sources of their classes, so that a mistake is told without
importing any of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from functools import cache
from pathlib import Path, PurePath

from deepseek_report.artifacts.storage.shipped import shipped
from deepseek_report.config.catalogue import allowed_texts
from deepseek_report.config.config_files import MULTIPLE, SINGLE
from deepseek_report.config.problems import nearest_name

#: The class whose fields most people mean, of each group of which one is chosen.
_USUAL = {
    "dataset": "deepseek_report.datasets.sources.csv.TableFile",
    "trainer": "deepseek_report.training.settings.TrainingSettings",
    "report": "deepseek_report.rendering.report_options.ReportOptions",
}
#: {what other programs call it: what it is called here}.
_OTHERWISE = {
    "batch": "trainer.batch_size",
    "csv": "dataset.path",
    "data": "dataset.path",
    "epochs": "trainer.max_epochs",
    "file": "dataset.path",
    "format": "report.formats",
    "label": "dataset.target",
    "language": "report.language",
    "lr": "trainer.learning_rate",
    "out": "paths.reports",
    "output": "paths.reports",
    "protected": "dataset.sensitive",
    "sep": "dataset.separator",
    "sheet_name": "dataset.sheet",
    "y": "dataset.target",
}
#: Files of data, of which `dataset=csv` reads the ones with columns.
_TABLES = (".csv", ".tsv", ".txt", ".parquet", ".pq", ".xlsx", ".xls")
_YAML = (".yaml", ".yml")


@cache
def _homes() -> dict[str, str]:
    """{field: `group.field`}, for fields that stand in one group alone."""
    from deepseek_report.config.experiment import (
        DeclaredDecision,
        ExplainOptions,
        Paths,
        SplitOptions,
    )

    nested = {
        "decision": DeclaredDecision,
        "explain": ExplainOptions,
        "paths": Paths,
        "split": SplitOptions,
    }
    places = [
        (field.name, group) for group, cls in nested.items() for field in dataclasses.fields(cls)
    ]
    places += [(name, group) for group, target in _USUAL.items() for name in allowed_texts(target)]
    homes: dict[str, str] = {}
    for name, group in places:
        homes.setdefault(name, f"{group}.{name}")
    return {**_OTHERWISE, **homes}


def full_key(name: str) -> str:
    """`target` → `dataset.target`; "" where nothing of that name is known, or it has its group.

    >>> full_key("target"), full_key("threshold"), full_key("dataset.target")
    ('dataset.target', 'decision.threshold', '')
    """
    bare = name.replace("-", "_")
    if bare in (*SINGLE, *MULTIPLE):
        return bare
    return _homes().get(bare, "")


def misplaced_key(name: str, value: str, known: Iterable[str]) -> str:
    """What to write for a key that stands nowhere, or "" if nothing is near."""
    if full := full_key(name):
        if full == "dataset.path":
            return data_hint(value)
        return f"write {full}={_shell(value)}"
    near = {key: key for key in known} | _homes()
    close = nearest_name(name, near)
    return f'did you mean "{near[close]}"?' if close else ""


def _shell(value: str) -> str:
    """A value as a shell hands it on whole."""
    return f"'{value}'" if any(sign in value for sign in " ;&|<>$*()[]{}") else value


def data_hint(path: str) -> str:
    """How a file of data is named."""
    return f"write dataset=csv dataset.path={path or 'FILE'} dataset.target=COLUMN"


def file_hint(text: str) -> str:
    """What to write where a file stands in the place of a setting, or "" if it is none."""
    suffix = PurePath(text).suffix.lower()
    if suffix in _TABLES:
        return data_hint(text)
    return choice_of_file("experiment", text) if suffix in _YAML else ""


def choice_of_file(group: str, text: str) -> str:
    """What to write where the path of a file stands in the place of a choice, or "".

    A choice is a name; the folder that holds its group is named by `--config-dir`.
    """
    path = PurePath(text)
    if path.suffix.lower() in _TABLES and group == "dataset":
        return data_hint(text)
    if path.suffix.lower() not in _YAML and len(path.parts) < 2:
        return ""
    name = path.stem if path.suffix.lower() in _YAML else path.name
    chosen = f"{group}=[{name}]" if group in MULTIPLE else f"{group}={name}"
    if path.parent.name == group:
        folder = path.parent.parent.as_posix()
        inside = shipped("conf").as_posix() in (folder, Path(folder).resolve().as_posix())
        return f"write {chosen}" + ("" if inside else f" and --config-dir {folder}")
    return f"put the file into a folder conf/{group}/, and write {chosen} and --config-dir conf"
