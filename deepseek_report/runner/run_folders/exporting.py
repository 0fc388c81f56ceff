"""Exports of a finished run: files in formats of others, written beside the run folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage.plain_files import write_bytes
from deepseek_report.errors import ConfigError
from deepseek_report.exports.bill_of_materials import write_bill
from deepseek_report.exports.exported_run import ExportedRun
from deepseek_report.exports.hub_card import SECTIONS, write_card
from deepseek_report.runner.run_folders.open_run import OpenRun, open_run, reading
from deepseek_report.runner.run_folders.section_plugins import write_section


class ExportFormat(NamedTuple):
    """The name of the file, what makes its text, and the sections of the report that it repeats."""

    file: str
    write: Callable[[ExportedRun], str]
    sections: tuple[str, ...] = ()


#: {what `--to` calls it: the format}.
FORMATS: Mapping[str, ExportFormat] = {
    "bom": ExportFormat("bom.cdx.json", write_bill),
    "model-card": ExportFormat(
        "MODEL_CARD.md", write_card, tuple(name for part in SECTIONS.values() for name in part)
    ),
}


def export_run(folder: Path, formats: Sequence[str], target: Path | None = None) -> list[Path]:
    """Write a run in formats of others; the same run gives the same bytes.

    folder : of the run. formats : names of `FORMATS`. target : the folder of the files; else
    `<run>-exports` beside the run, in which nothing but its own files may lie.

    Returns
    -------
    The files, in the order of the formats.

    Raises
    ------
    ConfigError : there is no such format, or the target lies in the run folder.
    ArtifactError : it is no run folder, or its results were changed.
    """
    if unknown := [name for name in formats if name not in FORMATS]:
        raise ConfigError(
            f"{', '.join(unknown)}: there is no such export\n    allowed: {', '.join(FORMATS)}\n"
            "    what to do: name one or several of these"
        )
    place = (target or folder.with_name(f"{folder.name}-exports")).absolute()
    if place.is_relative_to(folder.absolute()):
        raise ConfigError(f"{place}: lies in the run that is exported; name another place")
    with reading(folder):
        opened = open_run(folder)
        texts = {FORMATS[name].file: _text(opened, FORMATS[name]) for name in formats}
    for file, text in texts.items():
        write_bytes(place / file, text.encode())
    return [place / file for file in texts]


def _text(opened: OpenRun, form: ExportFormat) -> str:
    results = opened.results
    libraries = {**(opened.run.get("lock") or {}), **(opened.run.get("versions") or {})}
    sections = _sections(results, form.sections)
    return form.write(ExportedRun(results, opened.run_digest, libraries, sections))


def _sections(results: Results, names: Sequence[str]) -> dict[str, SectionContent]:
    """Those of the sections that the report has, as it says them."""
    entries: Mapping[str, Mapping[str, object]] = results.config.get("sections") or {}
    return {name: write_section(results, name, entries[name]) for name in names if name in entries}
