"""A run in the DOCX template of a bank: its fields are filled, everything else stays as it is.

Fields are those of docxtpl (`{{ name }}`, `{%tr for finding in findings %}`), read in a sandbox of
Jinja; what they may be is in `docs/command-line.md`.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from deepseek_report import children
from deepseek_report.artifacts.advice import DISTRIBUTION
from deepseek_report.artifacts.storage.plain_files import is_file, open_archive, read_bytes
from deepseek_report.compliance.decision_words import told_decision
from deepseek_report.compliance.evaluate import evaluate_results
from deepseek_report.errors import ConfigError
from deepseek_report.extensions.exports import fill_docx
from deepseek_report.extensions.exports.exported_run import ExportedRun, one_line
from deepseek_report.rendering.word_parts import packed, unpacked
from deepseek_report.sections.summary import first_page_of

#: The templates that come along, by the names that `--template` knows.
SHIPPED = ("development", "validation")
#: The sections of the report whose answer and caveats a template may use.
SECTIONS = (
    *("data", "model", "performance", "robustness", "behaviour", "bottlenecks"),
    *("bias", "explanations", "trust"),
)
_MOST_BYTES = 50_000_000
#: Bytes of a document once it is unpacked, and bytes and seconds of the process that fills it.
_MOST_UNPACKED, _MEMORY, _SECONDS = 2**28, 2**30, 60


def read_template(named: str) -> bytes:
    """A template of a person's own by its path, or one that comes along by its name.

    Raises ConfigError: there is no such file.
    """
    own = Path(named)
    path = Path(__file__).parent / "docx" / f"{named}.docx" if named in SHIPPED else own
    if not is_file(path):
        raise ConfigError(
            f"--template {named}: there is no such file\n    allowed: {', '.join(SHIPPED)}, or the "
            "path of a DOCX\n    what to do: name one of these"
        )
    return read_bytes(path, _MOST_BYTES, links=True)


def fill_template(run: ExportedRun, template: bytes) -> bytes:
    """The template with its fields filled; the same run and template give the same bytes.

    Raises ConfigError: docxtpl is not installed, the file is no DOCX, or a field is unknown or does
    what no field may do.
    """
    if find_spec("docxtpl") is None:
        raise ConfigError(
            "--to docx needs the library docxtpl, which is not installed; install the extra "
            f"`export` of {DISTRIBUTION}"
        )
    fields = template_fields(run)
    try:
        _check(template)
        filled = _filled(fields, template)
        _check(filled)
        return packed(unpacked(filled))
    except zipfile.BadZipFile as error:
        raise ConfigError(
            f"--template: it is no DOCX ({error})\n    what to do: save it as DOCX in Word"
        ) from None


def _check(document: bytes) -> None:
    with open_archive(io.BytesIO(document)) as archive:
        if sum(member.file_size for member in archive.infolist()) > _MOST_UNPACKED:
            raise zipfile.BadZipFile(f"it unpacks to more than {_MOST_UNPACKED >> 20} MiB")


def _filled(fields: Mapping[str, object], template: bytes) -> bytes:
    """The document as a process with little memory and time makes it, since templates compute."""
    told = json.dumps(fields).encode()
    command = [sys.executable, fill_docx.__file__, str(_MEMORY), str(len(told))]
    try:
        done = children.run(command, text=told + template, seconds=_SECONDS)
        code, said = done.returncode, done.stderr.decode("utf-8", "replace")[-2000:]
    except subprocess.TimeoutExpired:
        code, said = fill_docx.FIELD, f"it takes more than {_SECONDS} s"
    if code == fill_docx.NO_DOCX:
        raise zipfile.BadZipFile(said)
    if code:
        said = said if code == fill_docx.FIELD else f"its process ended with {code} {said}".strip()
        raise ConfigError(
            f"--template: a field cannot be filled ({said})\n    allowed: {', '.join(fields)}\n"
            "    what to do: mend the field in the template"
        )
    return done.stdout


def template_fields(run: ExportedRun) -> dict[str, object]:
    """All that a template may use, as plain texts without line breaks."""
    day = run.finished.date().isoformat() if run.finished else ""
    digest = f"sha256:{run.run_digest}"
    facts = {
        "run": run.results.run_id,
        "results": digest,
        "author": run.author,
        "day": day,
        "version": run.libraries.get(DISTRIBUTION, ""),
    }
    fields = {
        "name": run.name,
        "run": run.results.run_id,
        "author": run.author,
        "day": day,
        "digest": digest,
        "verdict": " ".join(map(run.words.say, first_page_of(run.results).verdict)),
        "purpose": run.of_card("decision"),
        "limits": run.limits,
        "data": run.of_data,
        "sections": {name: _section(run, name) for name in SECTIONS},
        "promises": [run.promised(promise) for promise in run.promises],
        "scores": run.score_rows,
        "findings": [
            {
                "id": worded.id,
                "severity": worded.severity_label,
                "claim": worded.claim,
                "detail": worded.detail,
                "limits": " ".join(worded.limits),
                "do": worded.do,
            }
            for _, worded in run.findings
        ],
        **_judged(run),
        "facts": [
            {"what": run.text(f"card.facts.{name}"), "value": value}
            for name, value in facts.items()
            if value
        ],
    }
    return {name: _on_one_line(value) for name, value in fields.items()}


def _section(run: ExportedRun, name: str) -> dict[str, object]:
    """What a section says; empty where the report has none, or could not write it."""
    content = run.sections.get(name)
    if content is None or content.failure:
        return {"title": run.words.label("section_titles", name), "answer": "", "caveats": []}
    caveats = [run.words.say(caveat) for caveat in content.caveats]
    return {"title": content.title, "answer": content.answer, "caveats": caveats}


def _judged(run: ExportedRun) -> dict[str, object]:
    """The rows of the frameworks with their statuses, and what people decided, oldest first."""
    if not (run.results.config.get("frameworks") or run.results.has("policy")):
        return {"rows": [], "decisions": []}
    report = evaluate_results(run.results)
    rows = [
        {
            "framework": part.shown.short_name,
            "id": judgement.row.id,
            "title": judgement.row.title,
            "status": run.words.text(f"statuses.{judgement.status}.label"),
        }
        for part in report.frameworks
        for judgement in part.judgements
    ]
    decisions = [run.words.say(told_decision(state)) for state in report.decisions]
    return {"rows": rows, "decisions": decisions}


def _on_one_line(node: object) -> object:
    if isinstance(node, Mapping):
        return {key: _on_one_line(value) for key, value in node.items()}
    return list(map(_on_one_line, node)) if isinstance(node, list) else one_line(str(node))
