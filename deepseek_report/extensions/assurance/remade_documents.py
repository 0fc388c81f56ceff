"""Makes the documents of a run again from its results, and compares the bytes.

`verify` asks for it where neither a key nor a digest vouches for the documents. What differs is
wrong, unless this installation could not give the same bytes: other code, other libraries, Quarto.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deepseek_report.config.trusted import trusted_packages
from deepseek_report.rendering.page_words import page_of
from deepseek_report.runner.run_folders.open_run import OpenRun
from deepseek_report.runner.run_folders.sealing import (
    language_of,
    section_modules,
    writing_key,
    writing_libraries,
    written_day,
)
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
    missing, or that the results do not give. added : of these, the ones that are not made here.
    reasons : why documents that differ may be genuine all the same, a clause each; none where this
    installation must give what the recorded one gave.
    """

    same: Sequence[str] = ()
    different: Sequence[str] = ()
    reasons: Sequence[str] = ()
    added: Sequence[str] = ()


def remade(opened: OpenRun, record: Mapping[str, object], trust: Sequence[str] = ()) -> Remade:
    """Make the documents of a run again in a folder of their own, and compare.

    opened : a run whose results are as the run wrote them. record : the content of
    `documents.json`; it may be anybody's, and decides no more than the language and the reasons.
    """
    present = hash_files(opened.folder, opened.contents.of_class("document"))
    language = record.get("language")
    if language not in languages():
        language = opened.language
    opened = replace(opened, day=written_day(opened.folder))
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
    added = [name for name in different if name not in made]
    return Remade(same, different, reasons, added)


def _reasons(
    opened: OpenRun, record: Mapping[str, object], language: str, trust: Sequence[str]
) -> Iterator[str]:
    config = opened.run.config
    yield from other_writers(opened, record, language)
    if record.get("engine") == "quarto" and _BY_QUARTO & set(opened.contents.files):
        yield "Quarto made the pages, which does not give the same bytes again"
    named = {module.split(".")[0] for module in section_modules(config)}
    if foreign := sorted(named - set(trusted_packages(trust))):
        shown = ", ".join(foreign[:_SHOWN])
        yield f"sections take their code from {shown}, which is run with --trust PACKAGE alone"


def other_writers(opened: OpenRun, record: Mapping[str, object], language: str) -> Iterator[str]:
    """Why documents may be others here: the code, or the libraries, that wrote them."""
    config = opened.run.config
    if record.get("writing") != writing_key(config, language or language_of(config)):
        yield "other code wrote them, by their record"
    recorded, here = record.get("libraries"), writing_libraries()
    if not isinstance(recorded, Mapping):
        yield "their record does not say which versions of libraries wrote them"
    elif other := [name for name in here if recorded.get(name) != here[name]]:
        versions = (f"{name} {str(recorded.get(name))[:40]}, here {here[name]}" for name in other)
        yield f"other libraries wrote them, by their record: {'; '.join(versions)}"
