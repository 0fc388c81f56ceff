"""From the folder of a run to its report: findings, sections, document, pages. Never imports torch.

`write_report` reads nothing but the run folder, so a copy of it gives the report again anywhere.
"""

from __future__ import annotations

import dataclasses
import errno
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from deepseek_report.artifacts.conclusions import Verdict
from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import Text, from_plain, plain
from deepseek_report.artifacts.results import Results, read_record
from deepseek_report.artifacts.storage.files import load_json, save_json
from deepseek_report.artifacts.storage.formats import check_format, head_of
from deepseek_report.artifacts.storage.local_paths import without_local_paths
from deepseek_report.artifacts.storage.plain_files import (
    MOST_OF_PEOPLE,
    copy_file,
    folders_in,
    remove,
    write_text,
)
from deepseek_report.compliance.decision_words import decisions_record
from deepseek_report.compliance.evaluate import evaluate_results
from deepseek_report.compliance.evidence_record import write_evidence
from deepseek_report.compliance.forbidden_words import check_document
from deepseek_report.compliance.framework import FrameworkChoice, framework_ids
from deepseek_report.compliance.people import prepare_people
from deepseek_report.compliance.people_form import ask, write_form
from deepseek_report.compliance.statements import latest_day
from deepseek_report.config.experiment import Experiment
from deepseek_report.errors import ArtifactError, DeepseekReportError
from deepseek_report.findings.conclude import conclusions_of
from deepseek_report.findings.rules_failures import failures
from deepseek_report.rendering import page_parts
from deepseek_report.rendering.document import write_brief, write_qmd
from deepseek_report.rendering.embedded import write_decide_page
from deepseek_report.rendering.page_words import FORMATS, Engine, Format, ReportOptions, page_of
from deepseek_report.rendering.paper import bibtex
from deepseek_report.rendering.render import render
from deepseek_report.runner.planning.plan import recorded_config
from deepseek_report.runner.run_folders.open_run import (
    HoldsConfig,
    MissingPart,
    OpenRun,
    open_run,
    reasons,
    run_content,
    schema_problems,
)
from deepseek_report.runner.run_folders.sealing import drawn_again, publish, writing_key
from deepseek_report.runner.run_folders.section_plugins import OWN_SECTIONS, write_section
from deepseek_report.sections.summary import SummarySection
from deepseek_report.store.run_folder import WORK_PREFIX, look_into

#: What was concluded from the results while writing: findings, thresholds, problems of writing.
CONCLUSIONS = "findings.json"
#: How the report is cited, as BibTeX.
CITATION = "citation.bib"
#: Errors after which nothing more can be written.
_UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG})


@dataclass(frozen=True)
class WriteOptions:
    """How documents are made.

    formats, engine, language : instead of what the run's config says.
    trust : packages of which sections and pictures may be loaded.
    people : files of statements to add. With None, mistakes in people's files are shown in the
    report; with a list, even an empty one, they are refused before anything is written.
    """

    formats: Sequence[Format] = ()
    engine: Engine | None = None
    trust: Sequence[str] = ()
    people: Sequence[Path] | None = None
    language: str = ""


@dataclass(frozen=True)
class Written:
    """The documents of a run.

    pages : those asked for. problems : parts that failed, in the run or while writing. kept :
    names under which edited documents were kept.
    notices : what a page lacks, in sentences, such as a standard that a PDF does not keep to.
    run_digest, document_digest : SHA-256 of the results, and of the documents bound to it.
    rejected : whether a rejection stands, and `report.fail_on` asks for it to be told.
    """

    pages: list[Path]
    problems: list[MissingPart]
    kept: list[str]
    notices: list[str]
    run_digest: str
    document_digest: str
    rejected: bool = False

    @property
    def failed(self) -> bool:
        return any(part.kind == "failed" for part in self.problems)


def write_report(folder: Path, options: WriteOptions | None = None) -> Written:
    """Write findings, evidence, document and pages into a run folder, then their manifest.

    The documents are made in a folder of their own and put in place when all are whole, so that a
    render that fails leaves the folder as it was.

    Raises ArtifactError: the results are not those that the run wrote.
    Raises PeopleProblems: what people wrote cannot be used, where `options.people` asks for that
        check.
    """
    for path in folders_in(folder):
        if path.name.startswith(WORK_PREFIX):  # a killed render left it
            remove(path)
    with telling_of(folder):
        return _write_documents(folder, options or WriteOptions())


def load_for_writing(experiment: Experiment) -> None:
    """Load what the report of an experiment is written with, but what needs a result of the run."""
    modules = (
        str(experiment.config_of("sections", name).get("_target_", "")).rpartition(".")[0]
        for name in experiment.sections
    )
    for module in modules:
        if module.startswith(OWN_SECTIONS):
            import_module(module)
    schema_problems("run", {})
    writing_key(recorded_config(experiment))
    for choice in experiment.frameworks.values():
        choice.load()
    for name in framework_ids():  # those that are not chosen are named
        FrameworkChoice(name).load()
    for page in ("plain.html", "table.html", "decide.html"):
        page_parts.template(page)
    import_module("scipy.special")  # for the exact intervals of rates on the first screen


@contextmanager
def telling_of(folder: Path, work: Path | None = None) -> Iterator[None]:
    """Errors name the files of a person's folder, and a full disk is told in a sentence.

    work : where the folder is made; without it, the folders in `folder` in which documents are.

    Raises ArtifactError: nothing more can be written, since the disk is full, broken or read-only.
    """
    made_in = re.compile(re.escape(str(work or folder / WORK_PREFIX)) + ("" if work else r"\w*"))

    def shown(text: object) -> object:
        return made_in.sub(lambda _: str(folder), text) if isinstance(text, str) else text

    try:
        yield
    except DeepseekReportError as error:
        error.args = tuple(map(shown, error.args))
        raise
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        raise ArtifactError(
            f"{shown(str(error.filename or folder))}: {error.strerror}, so that the report was not "
            "written. Make room there, or name another place by paths.reports, and run the same "
            "command again; what was computed is kept in the store"
        ) from None


def _write_documents(folder: Path, options: WriteOptions) -> Written:
    opened = replace(open_run(folder), day=latest_day())
    if options.people is not None:
        prepare_people(opened.results, options.people)
        opened = replace(opened, contents=look_into(folder))
    work = Path(tempfile.mkdtemp(prefix=WORK_PREFIX, dir=folder))
    try:
        made = make_documents(opened, work, options)
        kept, sealed = publish(work, made.opened, made.engine, made.notices)
    finally:
        remove(work)
    return Written(
        pages=[folder / page_of(name) for name in made.formats],
        problems=made.problems,
        kept=kept,
        notices=made.notices,
        run_digest=opened.run_digest,
        document_digest=sealed,
        rejected=made.rejected and bool(opened.run.report.get("fail_on")),
    )


@dataclass(frozen=True)
class MadeDocuments:
    """Documents in a folder of their own. opened : the run, in the language of the documents.

    formats, engine : those that they were made in and by. problems, notices : as in `Written`.
    """

    opened: OpenRun
    formats: Sequence[Format]
    engine: Engine
    problems: list[MissingPart]
    notices: list[str]
    rejected: bool


def make_documents(opened: OpenRun, work: Path, options: WriteOptions) -> MadeDocuments:
    """Make every document of a run in the folder `work`, which is empty; reads the run alone."""
    stored, opened = opened.language, opened.in_language(options.language or opened.language)
    report = report_options(opened.run.report)
    formats = tuple(options.formats) or report.formats
    lying = [name for name in FORMATS if page_of(name) in opened.contents.files]  # none gets old
    for name in opened.contents.of_class("people"):
        copy_file(opened.folder / name, work / name, MOST_OF_PEOPLE)
    results = opened.results
    with tempfile.TemporaryDirectory() as drawn:
        if opened.language != stored:
            results = drawn_again(results, Path(drawn), options.trust)
        pages = tuple(dict.fromkeys([*formats, *lying]))
        results, verdicts, notices = _write(
            work, results, report, options, pages, opened.run_digest
        )
    decided = _decided(results)
    problems = _write_conclusions(work, opened, results, verdicts, decided)
    write_text(work / CITATION, _citation(opened))
    engine = options.engine or report.engine
    rejected = bool(decided.get("rejected"))
    return MadeDocuments(opened, formats, engine, problems, notices, rejected)


def _decided(results: Results) -> Mapping[str, object]:
    """The state of decisions; empty where it cannot be told, which its section says."""
    try:
        return decisions_record(evaluate_results(results))
    except (DeepseekReportError, OSError):
        raise
    except Exception:  # `_write_compliance` tells it
        return {}


def _citation(opened: OpenRun) -> str:
    """The report's BibTeX entry; its year where the run records times."""
    run, finished = opened.run, read_record(opened.folder).finished
    title = str(run.report.get("title") or run.experiment)
    version = run.versions.get("deepseek-report", "")
    year = "" if finished is None else str(finished.year)
    return bibtex(run.run_id, title, version, opened.run_digest, year)


def _write(
    work: Path,
    results: Results,
    report: ReportOptions,
    options: WriteOptions,
    formats: Sequence[Format],
    run_digest: str,
) -> tuple[Results, list[Verdict], list[str]]:
    """Write document, pages and evidence.

    Returns the results with all that failed meanwhile, the verdicts, and what pages lack.
    """
    notices: list[str] = []
    conclusions = conclusions_of(results)
    results = replace(results, findings=(*failures(results), *conclusions.findings))
    contents = []
    sections: Mapping[str, Mapping[str, object]] = results.config["sections"]
    for name, entry in sections.items():  # each knows which of those before it failed
        content = write_section(results, name, entry, options.trust)
        contents.append(content)
        if content.failure:
            results = results.with_failures({f"sections/{name}": content.failure})
    document = write_qmd(results, contents, report, work, run_digest=run_digest)
    if "brief" in formats:
        written = (content for content in contents if content.name == "summary")
        first = next(written, None) or SummarySection().content(results)
        write_brief(results, first, report, work, run_digest)
    results = results.with_failures(document.failures)
    with ThreadPoolExecutor(1) as background:  # the renderer waits for programs of its own
        rendered = background.submit(
            render, work, formats, options.engine or report.engine, notices.append
        )
        failed = _write_compliance(document.path, results)
        writing_key(results.config)  # all code that writes is read for it, once
        rendered.result()
    results = results.with_failures(failed)
    return results, list(conclusions.verdicts), notices


def _write_compliance(document: Path, results: Results) -> dict[str, str]:
    """The evidence index for machines; and no word in the document that claims too much.

    Returns {its section: why it could not be made}; the report stands without it.
    """
    try:
        evaluated = evaluate_results(results)
        write_evidence(evaluated, results, document.parent)
        questions = ask(evaluated, results)
        write_form(questions, document.parent)
        write_decide_page(questions, document.parent)
        check_document(document, evaluated, results)
    except (DeepseekReportError, OSError):
        raise
    except Exception as error:  # the section says it too, where the report has one
        reason = without_local_paths(f"{type(error).__name__}: {error}")
        return {ArtifactId.of("sections", "compliance"): reason}
    return {}


def report_options(config: Mapping[str, object]) -> ReportOptions:
    """The report's options from a resolved config.

    Raises ArtifactError: no version of this package wrote them.
    """
    known = {option.name for option in dataclasses.fields(ReportOptions)} - {"cases"}
    values = {key: value for key, value in config.items() if key in known}
    try:
        return TypeAdapter(ReportOptions).validate_python(values)
    except ValidationError as error:
        places = "; ".join(
            f"report.{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
            for problem in error.errors()[:5]
        )
        raise ArtifactError(
            f"run.json: the options of the report cannot be used: {places}"
        ) from None


def _write_conclusions(
    work: Path,
    opened: OpenRun,
    results: Results,
    verdicts: Iterable[Verdict],
    decided: Mapping[str, object],
) -> list[MissingPart]:
    """`findings.json`, for machines; returns every problem of the run and of its report."""
    known = {part.stage for part in opened.run.problems}
    broken = [
        MissingPart(stage, reason, "failed")
        for stage, reason in results.failures.items()
        if stage not in known
    ]
    conclusions = {
        **head_of("findings"),
        "run_digest": opened.run_digest,
        "findings": [finding.to_json() for finding in results.findings],
        "thresholds": [plain(vars(verdict)) for verdict in verdicts],
        "decisions": plain(decided),
        "problems": [part.to_json() for part in broken],
    }
    save_json(work / CONCLUSIONS, conclusions)
    return [*opened.run.problems, *broken]


@dataclass(frozen=True)
class Concluded(HoldsConfig):
    """What a run and its report concluded.

    config : of the run. problems : of the run and of its writing. rejected : how many rejections
    stand. rejections, rest : what people decided, and what they have to decide yet.
    """

    config: Mapping[str, Any]
    findings: Sequence[Finding]
    thresholds: Sequence[Verdict]
    problems: Sequence[MissingPart]
    rejected: int = 0
    rejections: Sequence[Text] = ()
    rest: Sequence[Text] = ()

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Concluded:
        """From what `concluded_record` gives."""
        decisions = from_plain(record.get("decisions") or {})
        return cls(
            record["config"],
            list(map(Finding.from_json, record["findings"])),
            list(map(Verdict.from_json, record["thresholds"])),
            list(map(MissingPart.from_json, record["problems"])),
            **{name: decisions[name] for name in _DECIDED if name in decisions},
        )

    @property
    def failures(self) -> dict[str, Text]:
        """{stage: why it failed}."""
        return reasons(self.problems, "failed")


#: What of the state of decisions is told at the end of a run.
_DECIDED = ("rejected", "rejections", "rest")


def concluded_record(folder: Path, listed: Path | None = None) -> dict[str, Any]:
    """`run.json` with what was concluded from it: findings, thresholds, all problems.

    listed : the folder of which results are read by hash; see `OpenRun`.
    """
    run = run_content(listed or folder)
    concluded = load_json(folder / CONCLUSIONS)
    check_format(folder / CONCLUSIONS, concluded, "report")
    problems = [*run["problems"], *concluded.get("problems", [])]
    kept = {name: concluded.get(name, []) for name in ("findings", "thresholds")}
    decisions = concluded.get("decisions") or {}
    return {**run, **kept, "decisions": decisions, "problems": problems}
