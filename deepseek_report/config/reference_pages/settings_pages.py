"""Writes `docs/settings/`: every group, every choice of it, and every field that can be set.

`python -m deepseek_report.config.reference_pages.settings_pages docs/settings`, or `make settings`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.storage.shipped import shipped
from deepseek_report.config.catalogue import describe, groups, target_of, yaml_file
from deepseek_report.config.config_files import MULTIPLE, SINGLE, WHOLE, read_yaml
from deepseek_report.config.experiment import Settings
from deepseek_report.config.reference_pages.field_docs import FieldDoc, field_docs, yaml_comments
from deepseek_report.config.sets import Sets, describe_set, find_sets

_NOTE = "*Made from the code by `make settings`; a test fails where it is not up to date.*"
_HEAD = ("| field | type and range | default | meaning |", "|---|---|---|---|")


def pages(roots: Sequence[Path]) -> dict[str, str]:
    """{file name: text} of the pages on the groups of these config folders."""
    known = groups(roots)
    sets = find_sets(roots, known)
    chosen = [group for group in known if group in {*SINGLE, *MULTIPLE, "launcher"}]
    written = {
        f"{group}.md": "\n".join(_group_page(roots, group, known[group], sets.get(group)))
        for group in chosen
    }
    return {"README.md": "\n".join(_front_page(roots, chosen)), **written}


def _front_page(roots: Sequence[Path], chosen: Sequence[str]) -> Iterator[str]:
    yield from ("# Every setting", "", _NOTE, "")
    yield "How a configuration is put together: [configuration](../configuration.md). By group:"
    yield " · ".join(f"[{group}]({group}.md)" for group in chosen) + "."
    for group in WHOLE:
        yield from ("", f"## {group}", "", f"One of them: `{group}=name`.", "")
        files = sorted((roots[-1] / group).glob("*.yaml"))
        yield from (f"- `{file.stem}`: {describe(file)}" for file in files)
    yield from ("", "## What is no part of a group", "")
    file = roots[-1] / "config.yaml"
    yield from _table(field_docs(Settings, read_yaml(file), yaml_comments(_text(file))))


def _group_page(
    roots: Sequence[Path], group: str, names: Sequence[str], sets: Sets | None
) -> Iterator[str]:
    yield from (f"# {group}", "", _NOTE, "")
    if sets is not None:
        yield f"Several of them: `{group}=[default,name,-other]`. Sets:"
        yield ""
        yield from (f"- `{name}`: {describe_set(sets, name)}" for name in sets.names)
    else:
        yield f"One of them: `{group}=name`."
    for name in names:
        if (file := yaml_file(roots, group, name)) is not None:
            yield from ("", f"## {name}", "", describe(file), "")
            yield from _table(_fields(file, group, name))


def _fields(file: Path, group: str, name: str) -> list[FieldDoc]:
    """The fields of a choice, by its keys on the command line: `lime.ridge`, `path`."""
    module, _, cls = target_of(file).rpartition(".")
    values = read_yaml(file)[name] if group in MULTIPLE else read_yaml(file)
    comments = _comments(file, group)
    for other in sorted(file.parent.glob("*.yaml")):  # of the same class, with other settings
        if target_of(other) == target_of(file):
            comments = _comments(other, group) | comments
    return field_docs(getattr(importlib.import_module(module), cls), values, comments)


def _comments(file: Path, group: str) -> dict[str, str]:
    """{key of a field: the comment of a YAML}, without the key of the part itself."""
    comments = yaml_comments(_text(file))
    if group not in MULTIPLE:
        return comments
    return {key.partition(".")[2]: text for key, text in comments.items()}


def _table(fields: Sequence[FieldDoc]) -> Iterator[str]:
    if not fields:
        yield "Nothing to set."
        return
    yield from _HEAD
    for field in fields:
        default = f"`{field.default}`" if field.default else ""
        cells = (f"`{field.key}`", field.type, default, field.meaning)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def stale(folder: Path, written: Mapping[str, str]) -> list[str]:
    """Names of pages in a folder that are missing, other than they should be, or left over."""
    present = {file.name: _text(file).rstrip("\n") for file in sorted(folder.glob("*.md"))}
    return [name for name in {**written, **present} if present.get(name) != written.get(name)]


def main(arguments: Sequence[Any]) -> None:
    """Write the pages into the folder that is named."""
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    written = pages([shipped("conf")])
    for name in stale(folder, written):
        if name in written:
            (folder / name).write_text(f"{written[name]}\n", encoding="utf-8")
        else:
            (folder / name).unlink()


if __name__ == "__main__":
    main(sys.argv[1:])
