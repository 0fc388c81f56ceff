"""Exports of a finished run: files in formats of others, written beside the run folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage.plain_files import write_bytes
from deepseek_report.errors import ConfigError
from deepseek_report.extensions.exports import hub_card, rule_exports, word_template
from deepseek_report.extensions.exports.bill_of_materials import write_bill
from deepseek_report.extensions.exports.exported_run import ExportedRun
from deepseek_report.runner.run_folders.open_run import OpenRun, open_run, reading
from deepseek_report.runner.run_folders.section_plugins import write_section


class ExportFormat(NamedTuple):
    """One format.

    file : its name, in which `{}` is that of the template. write : makes its content from the run
    and the template. sections : of the report, which it repeats. has_template : whether it takes
    one.
    """

    file: str
    write: Callable[[ExportedRun, bytes], bytes]
    sections: tuple[str, ...] = ()
    has_template: bool = False


#: {what `--to` calls it: the format}.
FORMATS: Mapping[str, ExportFormat] = {
    "bom": ExportFormat("bom.cdx.json", lambda run, _: write_bill(run).encode()),
    "model-card": ExportFormat(
        "MODEL_CARD.md",
        lambda run, _: hub_card.write_card(run).encode(),
        tuple(name for part in hub_card.SECTIONS.values() for name in part),
    ),
    "docx": ExportFormat(
        "{}.docx", word_template.fill_template, word_template.SECTIONS, has_template=True
    ),
    "rules-text": ExportFormat(
        "rules.txt", lambda run, _: rule_exports.rules_as_text(run).encode()
    ),
    "rules-sql": ExportFormat("rules.sql", lambda run, _: rule_exports.rules_as_sql(run).encode()),
    "rules-json": ExportFormat(
        "rules.json", lambda run, _: rule_exports.rules_as_json(run).encode()
    ),
}


def export_run(
    folder: Path, formats: Sequence[str], target: Path | None = None, template: str = ""
) -> list[Path]:
    """Write a run in formats of others; the same run gives the same bytes.

    folder : of the run. formats : names of `FORMATS`. target : the folder of the files; else
    `<run>-exports` beside the run. template : of `docx`, the path of one's own or the name of one
    that comes along; else the first of these.

    Returns the files, in the order of the formats.

    Raises ConfigError: there is no such format or template, or the target lies in the run folder.
    Raises ArtifactError: it is no run folder, or its results were changed.
    """
    if unknown := [name for name in formats if name not in FORMATS]:
        raise ConfigError(
            f"{', '.join(unknown)}: there is no such export\n    allowed: {', '.join(FORMATS)}\n"
            "    what to do: name one or several of these"
        )
    place = (target or folder.with_name(f"{folder.name}-exports")).absolute()
    if place.is_relative_to(folder.absolute()):
        raise ConfigError(f"{place}: lies in the run that is exported; name another place")
    named = template or word_template.SHIPPED[0]
    contents: dict[str, bytes] = {}
    for form in (FORMATS[name] for name in formats):
        read = word_template.read_template(named) if form.has_template else b""
        with reading(folder):
            contents[form.file.format(Path(named).stem)] = _content(open_run(folder), form, read)
    for file, content in contents.items():
        write_bytes(place / file, content)
    return [place / file for file in contents]


def _content(opened: OpenRun, form: ExportFormat, template: bytes) -> bytes:
    results = opened.results
    libraries = {**opened.run.lock, **opened.run.versions}
    sections = _sections(results, form.sections)
    return form.write(ExportedRun(results, opened.run_digest, libraries, sections), template)


def _sections(results: Results, names: Sequence[str]) -> dict[str, SectionContent]:
    """Those of the sections that the report has, as it says them."""
    entries: Mapping[str, Mapping[str, object]] = results.config.get("sections") or {}
    return {name: write_section(results, name, entries[name]) for name in names if name in entries}
