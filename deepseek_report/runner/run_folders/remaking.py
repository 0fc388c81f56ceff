"""Whether the documents of a run folder are those that its results give: made again, compared.

Whoever forges a page can list its hash anew, so the list proves nothing. The results say what the
page must be: what writes reads nothing else, and the same code and libraries give the same bytes.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deepseek_report.compliance.statements import parse_date
from deepseek_report.config.trusted import trusted_packages
from deepseek_report.rendering.page_words import page_of
from deepseek_report.runner.run_folders.open_run import OpenRun
from deepseek_report.runner.run_folders.sealing import language_of, writing_key, writing_libraries
from deepseek_report.runner.run_folders.writing import WriteOptions, make_documents
from deepseek_report.store.run_folder import hash_files, look_into
from deepseek_report.wording.words import languages

#: Pages that Quarto makes, not twice the same bytes.
_BY_QUARTO = frozenset({page_of("html"), page_of("pdf"), page_of("docx")})
_SHOWN = 5


@dataclass(frozen=True)
class Remade:
    """What came of making the documents of a run again.

    same, different : names of those that have the same bytes, and of those that have not, that are
    missing, or that the results do not give. reasons : why documents that differ may be genuine all
    the same, a clause each; none where this installation must give what the recorded one gave.
    """

    same: Sequence[str] = ()
    different: Sequence[str] = ()
    reasons: Sequence[str] = ()


def remade(opened: OpenRun, record: Mapping[str, object], trust: Sequence[str] = ()) -> Remade:
    """Make the documents of a run again in a folder of their own, and compare.

    opened : a run whose results are as the run wrote them. record : the content of
    `documents.json`; it may be anybody's, and decides no more than the language and the reasons.
    """
    present = hash_files(opened.folder, opened.contents.of_class("document"))
    language = record.get("language")
    language = language if language in languages() else _recorded_language(opened, record)
    opened = replace(opened, day=_recorded_day(record))
    options = WriteOptions(engine="embedded", trust=trust, language=language)
    reasons = list(_reasons(opened, record, language, trust))
    with tempfile.TemporaryDirectory(prefix="deepseek-report-") as place:
        work = Path(place)
        try:
            make_documents(opened, work, options)
        except Exception as error:  # whatever it is: nothing was compared
            text = f"they cannot be made again here ({type(error).__name__}: {error})"
            return Remade(different=sorted(present), reasons=[text])
        made = hash_files(work, look_into(work).of_class("document"))
    names = sorted(present.keys() | made.keys())
    same = [name for name in names if present.get(name) == made.get(name)]
    different = [name for name in names if present.get(name) != made.get(name)]
    return Remade(same, different, reasons)


def _recorded_day(record: Mapping[str, object]) -> dt.date | None:
    """The day on which the documents were written; today where it is not recorded."""
    day = record.get("day")
    return parse_date(day) if isinstance(day, str) else None


def _recorded_language(opened: OpenRun, record: Mapping[str, object]) -> str:
    """The language by the hash of what wrote, where an older version did not name it."""
    config = opened.run.config
    keys = {writing_key(config, language): language for language in languages()}
    return keys.get(str(record.get("writing")), opened.language)


def _reasons(
    opened: OpenRun, record: Mapping[str, object], language: str, trust: Sequence[str]
) -> Iterator[str]:
    config = opened.run.config
    if record.get("writing") != writing_key(config, language or language_of(config)):
        yield "other code wrote them, by their record"
    recorded, here = record.get("libraries"), writing_libraries()
    if not isinstance(recorded, Mapping):
        yield "their record does not say which versions of libraries wrote them"
    elif other := [name for name in here if recorded.get(name) != here[name]]:
        versions = (f"{name} {str(recorded.get(name))[:40]}, here {here[name]}" for name in other)
        yield f"other libraries wrote them, by their record: {'; '.join(versions)}"
    if record.get("engine") == "quarto" and _BY_QUARTO & set(opened.contents.files):
        yield "Quarto made the pages, which does not give the same bytes again"
    named = {str(entry.get("_target_", "")).split(".")[0] for entry in config["sections"].values()}
    if foreign := sorted(named - set(trusted_packages(trust))):
        shown = ", ".join(foreign[:_SHOWN])
        yield f"sections take their code from {shown}, which is run with --trust PACKAGE alone"
