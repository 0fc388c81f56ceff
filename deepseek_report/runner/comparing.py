"""From the folders of several runs to the document that compares them."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import message, plain
from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.results import Results, Study
from deepseek_report.artifacts.storage import plain_files
from deepseek_report.artifacts.storage.files import save_json
from deepseek_report.artifacts.storage.formats import head_of
from deepseek_report.artifacts.storage.local_paths import without_local_paths
from deepseek_report.comparisons.comparison import StudyComparison, compare
from deepseek_report.comparisons.paired_performance import Region
from deepseek_report.errors import ArtifactError, DeepseekReportError
from deepseek_report.rendering.document import write_qmd
from deepseek_report.rendering.markdown import slug
from deepseek_report.rendering.page_words import Format, ReportOptions, TemplateTexts, page_of
from deepseek_report.rendering.paper import latex_table, picture_pdfs
from deepseek_report.rendering.render import render
from deepseek_report.runner.run_folders.open_run import OpenRun, open_run, reading
from deepseek_report.sections.compared import Compared, contents
from deepseek_report.store.folders import replace_folder
from deepseek_report.visualizations.methods_picture import methods_picture, ranks_picture
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

#: Folder below the reports that holds comparisons, and what each says of itself.
COMPARISONS = "comparisons"
RECORD = "comparison.json"
#: Characters of a reason that are shown.
_LONGEST_REASON = 300
#: How the name of a folder begins in which a comparison is made.
_WORK = ".comparing-"


@dataclass(frozen=True)
class WrittenComparison:
    """A comparison that was written. pages : its documents. sentences : what it concludes."""

    folder: Path
    pages: Sequence[Path]
    sentences: Sequence[str]


@dataclass(frozen=True)
class MissingRun:
    """A run that does not exist. label : what it is called. reason : why it does not."""

    label: str
    reason: str

    @classmethod
    def of(cls, label: str, reason: str) -> MissingRun:
        """On one line, short, and without what belongs to this machine."""
        plain_reason = str(without_local_paths(" ".join(reason.split()))).rstrip(".")
        longest = _LONGEST_REASON
        short = plain_reason if len(plain_reason) <= longest else f"{plain_reason[:longest]}…"
        return cls(label, short)


@dataclass(frozen=True)
class CompareOptions:
    """How runs are compared.

    baseline : the run that the others are set against; None: all against all.
    missing : runs that were to be compared and do not exist.
    output : the folder to write; None: `comparisons/<id>` beside the first run's experiment.
    """

    baseline: Path | None = None
    region: Region = field(default_factory=Region)
    output: Path | None = None
    formats: tuple[Format, ...] = ("html",)
    language: str = "en"
    missing: tuple[MissingRun, ...] = ()


class OpenedRuns:
    """Runs of a sweep that are opened and checked while others are still being written."""

    def __init__(self) -> None:
        self._opened: dict[Path, OpenRun] = {}

    def open_ahead(self, folder: Path) -> None:
        """Open a run; where it cannot be, that is told when it is compared."""
        with suppress(DeepseekReportError):
            self._opened[folder] = open_run(folder)

    def open(self, folder: Path) -> OpenRun:
        """See `open_run`."""
        return self._opened.get(folder) or open_run(folder)


def compare_runs(
    folders: Sequence[Path], options: CompareOptions, opened_ahead: OpenedRuns | None = None
) -> WrittenComparison:
    """Compare finished runs by their artifacts alone and write the document.

    Nothing that a run folder names is imported. The same runs give the same bytes.

    opened_ahead : runs that are open already.

    Raises ArtifactError: a folder is no run or was changed, or the runs cannot be compared.
    """
    chosen, baseline = _with_baseline(folders, options.baseline)
    opened = [(opened_ahead or OpenedRuns()).open(folder) for folder in chosen]
    _refuse_twice(opened)
    identity = _identity(opened, options)
    target = options.output or _beside(opened[0].folder, identity)
    _refuse_target(target, opened)
    with reading(*(run.folder for run in opened)):
        comparison = compare(Study(tuple(run.results for run in opened)), baseline, options.region)
        with _work_folder(target) as work:
            sentences = _write(work, comparison, opened, identity, options)
            replace_folder(work, target)
    pages = [target / page_of(name) for name in options.formats]
    return WrittenComparison(target, pages, sentences)


def _with_baseline(folders: Sequence[Path], baseline: Path | None) -> tuple[list[Path], int | None]:
    """All folders, and the place of the baseline among them, however its path is written."""
    if baseline is None:
        return list(folders), None
    places = [folder.resolve() for folder in folders]
    if baseline.resolve() in places:
        return list(folders), places.index(baseline.resolve())
    return [baseline, *folders], 0


def _reports_of(run: Path) -> Path:
    """The folder of the reports, in which experiments have folders, and these have runs."""
    is_told = len(run.parts) > 1 and ".." not in run.parts
    return (run if is_told else run.resolve()).parent.parent


def _beside(run: Path, identity: str) -> Path:
    """Where a comparison is written that nobody named a folder for; never through a link."""
    reports = _reports_of(run)
    target = reports / COMPARISONS / identity
    plain_files.refuse_links_on_way(reports, target)
    return target


@contextmanager
def _work_folder(target: Path) -> Iterator[Path]:
    """An empty folder beside the target, for one process at a time; a killed one leaves it behind.

    The next one removes it, be it of other runs, and the system lets go of what a killed one held.
    """
    if not target.parent.is_dir():
        plain_files.make_folder(target.parent)
    work = target.with_name(f"{_WORK}{target.name}")
    place = os.open(target.parent, os.O_RDONLY)
    try:
        fcntl.flock(place, fcntl.LOCK_EX)
        for left in plain_files.entries(target.parent, links=True):
            if left.name.startswith(_WORK):
                plain_files.remove(left.path)
        plain_files.make_folder(work)
        yield work
    finally:
        plain_files.remove(work)
        os.close(place)


def _refuse_twice(opened: Sequence[OpenRun]) -> None:
    folders: dict[str, Path] = {}
    for run in opened:
        if (earlier := folders.get(run.run_digest)) is not None:
            same = "" if earlier == run.folder else f", and is the same as {earlier}"
            raise ArtifactError(f"{run.folder}: this run was named twice{same}; name each run once")
        folders[run.run_digest] = run.folder


def _refuse_target(target: Path, opened: Sequence[OpenRun]) -> None:
    """Overwrite a comparison alone, and add nothing to a run."""
    is_free = not target.exists() or (
        target.is_dir() and not any(plain_files.entries(target, links=True))
    )
    if not is_free and not (target / RECORD).is_file():
        raise ArtifactError(f"{target}: there is something else already; name another --output")
    for run in opened:
        if target.resolve().is_relative_to(run.folder.resolve()):
            raise ArtifactError(
                f"{target}: this lies in the folder of a run, to which nothing is added; name "
                "another --output"
            )


def _identity(opened: Sequence[OpenRun], options: CompareOptions) -> str:
    parts = [run.run_digest for run in opened]
    parts += [str(options.baseline and options.baseline.name), str(options.region)]
    parts += [f"{run.label}: {run.reason}" for run in options.missing]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _write(
    work: Path,
    comparison: StudyComparison,
    opened: Sequence[OpenRun],
    identity: str,
    options: CompareOptions,
) -> list[str]:
    results = _results(work, comparison, opened, identity, options)
    paths = dict(results.paths)
    for picture in filter(None, (methods_picture(results), ranks_picture(results))):
        folder = work / "artifacts" / "pictures" / picture.name
        picture.save(folder)
        paths[ArtifactId.picture(picture.name)] = folder
    results = Results(paths, results.config, run_id=identity, folder=work)
    concluded = [*comparison.conclusions]
    if options.missing:
        missing = [{"label": run.label, "reason": run.reason} for run in options.missing]
        concluded.append(message("comparison.missing", runs=missing))
    compared = Compared(len(comparison.study), len(comparison.methods), concluded)
    words = words_of(results)
    report = ReportOptions(
        title=words.text("comparison.title", runs=len(comparison.study)),
        language=options.language,
        formats=options.formats,
    )
    sections = contents(results, compared)
    write_qmd(results, sections, report, work)
    _write_for_papers(work, sections, words)
    render(work, options.formats)
    save_json(work / RECORD, _record(comparison, opened, identity, options))
    return [words.say(sentence) for sentence in concluded]


def _write_for_papers(work: Path, sections: Sequence[SectionContent], words: Wording) -> None:
    """Every table as LaTeX beside its CSV, every picture as PDF beside its SVG."""
    say = TemplateTexts(words).say
    for section in sections:
        for shown in section.values.get("shown", ()):
            rows = [{key: say(cell) for key, cell in row.items()} for row in shown.rows]
            text = latex_table(shown.caption, shown.id, shown.columns, rows)
            plain_files.write_text(work / "tables" / f"{slug(shown.id)}.tex", text)
    picture_pdfs(work / "figures")


def _results(
    work: Path,
    comparison: StudyComparison,
    opened: Sequence[OpenRun],
    identity: str,
    options: CompareOptions,
) -> Results:
    """The comparison as something that is drawn and written; its data are those of the first."""
    paths = {"data": comparison.study.runs[0].paths["data"]}
    for name, measurement in comparison.measurements.items():
        folder = work / "artifacts" / "measures" / name
        measurement.save(folder)
        paths[ArtifactId.measure(name)] = folder
    first = opened[0].run
    report = {"language": options.language, "words": first.report.get("words")}
    config = {**first.config, "report": report}
    return Results(paths, config, run_id=identity, folder=work)


def _record(
    comparison: StudyComparison, opened: Sequence[OpenRun], identity: str, options: CompareOptions
) -> dict[str, object]:
    return {
        **head_of("comparison"),
        "id": identity,
        "runs": [
            {"run_id": run.run.run_id, "label": label, "run_digest": run.run_digest}
            for run, label in zip(opened, comparison.labels, strict=True)
        ],
        "missing": [{"label": run.label, "reason": run.reason} for run in options.missing],
        "baseline": comparison.baseline,
        "conclusions": [plain(sentence) for sentence in comparison.conclusions],
    }
