"""Opening the folder of a run, which may come from a stranger: checked first, then read.

Nothing that the folder names is imported, no link is followed, no path leads out of it, and a
folder whose results are not those that the run wrote is refused.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepseek_report.artifacts.conclusions import CONCLUSIONS_FILE
from deepseek_report.artifacts.message import Text, plain, text_of
from deepseek_report.artifacts.results import Results, read_record
from deepseek_report.artifacts.storage.files import load_json, validator_of
from deepseek_report.artifacts.storage.formats import check_format, head_of
from deepseek_report.artifacts.storage.local_paths import shipped, without_local_paths
from deepseek_report.artifacts.storage.plain_files import ListedPath
from deepseek_report.compliance.statements import latest_day
from deepseek_report.config.experiment import Experiment
from deepseek_report.errors import ArtifactError, DeepseekReportError
from deepseek_report.privacy.release import told_reason
from deepseek_report.privacy.withheld import RunSource
from deepseek_report.store import MANIFEST
from deepseek_report.store.run_folder import (
    ENVIRONMENT,
    RECORDS_MANIFEST,
    RUN,
    Contents,
    class_of,
    differences,
    listed_results,
    look_into,
    read_manifest,
    readable_manifest,
    refuse_links,
    result_problems,
    run_digest,
)
from deepseek_report.wording.words import DEFAULT_LANGUAGE

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

_OF_ENVIRONMENT = ("versions", "lock", "environment")
_SHOWN = 5


@dataclass(frozen=True)
class CopiedArtifact:
    """An artifact in a run folder. path : relative to it. files : {name: SHA-256}."""

    path: str
    files: Mapping[str, str]


@dataclass(frozen=True)
class MissingPart:
    """Why a part of a run is missing. kind : "failed", or "not applicable".

    named : a person named the part one by one.
    """

    stage: str
    reason: Text
    kind: str
    named: bool = False

    @classmethod
    def of(cls, stage: str, reason: Text, kind: str, *, named: bool = False) -> MissingPart:
        """The part, its reason without absolute paths."""
        return cls(stage, text_of(plain(without_local_paths(reason))), kind, named)

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> MissingPart:
        """What `to_json` wrote."""
        return cls(**{**entry, "reason": text_of(entry["reason"])})

    def to_json(self) -> dict[str, object]:
        """An entry of `problems` in `run.json`; `named` is there where it is true alone."""
        named = {"named": True} if self.named else {}
        return {"stage": self.stage, "reason": plain(self.reason), "kind": self.kind, **named}


class HoldsConfig:
    """Base of what holds the config of a run."""

    config: Mapping[str, Any]

    @property
    def report(self) -> Mapping[str, Any]:
        """The options of its report."""
        report: Mapping[str, Any] = self.config["report"]
        return report


@dataclass(frozen=True)
class RecordedRun(HoldsConfig):
    """The content of `run.json` and `environment.json`; `templates/schemas` say what each holds."""

    run_id: str
    command: Mapping[str, Any]
    experiment: str
    config: Mapping[str, Any]
    artifacts: Mapping[str, CopiedArtifact]
    problems: Sequence[MissingPart]
    digests: Mapping[str, str]
    versions: Mapping[str, str]
    environment: Mapping[str, object]
    privacy: Mapping[str, object]
    lock: Mapping[str, str]
    plan: Mapping[str, str]
    stages: Sequence[Mapping[str, object]]
    volatile: Sequence[str]

    @classmethod
    def from_json(cls, run: Mapping[str, Any]) -> RecordedRun:
        """A content that agrees with its schema; what was concluded beside it is left out."""
        names = {each.name for each in fields(cls)}
        known = {name: value for name, value in run.items() if name in names}
        artifacts = {name: CopiedArtifact(**entry) for name, entry in run["artifacts"].items()}
        problems = [MissingPart.from_json(entry) for entry in run["problems"]]
        return cls(**{**known, "artifacts": artifacts, "problems": problems})

    def to_json(self) -> dict[str, object]:
        """The content of the file, in its order."""
        order = (
            *("run_id", "command", "experiment", "config", "artifacts", "problems", "privacy"),
            *("digests", "plan", "volatile"),
        )
        problems = [entry.to_json() for entry in self.problems]
        stages = [{name: stage[name] for name in ("id", "key")} for stage in self.stages]
        content = {name: getattr(self, name) for name in order}
        return head_of("run") | content | {"problems": problems, "stages": stages}

    def environment_json(self) -> dict[str, object]:
        """The content of `environment.json`: with what it was run, where, and how long it took."""
        seconds = {str(stage["id"]): stage.get("seconds") for stage in self.stages}
        recorded = {name: getattr(self, name) for name in _OF_ENVIRONMENT}
        return head_of("environment") | recorded | {"seconds": seconds}

    @property
    def timed(self) -> frozenset[str]:
        """Artifacts that measure time or memory, and so are never the same."""
        return frozenset(
            name for name, entry in self.artifacts.items() if f"{entry.path}/*" in self.volatile
        )

    @property
    def keys(self) -> dict[str, str]:
        """{stage: its key in the store} of the finished stages."""
        return {str(stage["id"]): str(stage["key"]) for stage in self.stages}

    @property
    def failed(self) -> set[str]:
        """Stages that broke."""
        return {entry.stage for entry in self.problems if entry.kind == "failed"}

    @property
    def file_hashes(self) -> dict[str, str]:
        """{file of an artifact, relative to the run folder: SHA-256}."""
        return {
            f"{entry.path}/{name}": sha256
            for entry in self.artifacts.values()
            for name, sha256 in entry.files.items()
        }


@dataclass(frozen=True)
class OpenRun:
    """A run folder whose results are as the run wrote them. run : the content of `run.json`.

    listed : the folder, of which results and records are read by the hash that they are listed
    with. day : on which its documents are, or were, written; None: today.
    """

    folder: Path
    run: RecordedRun
    contents: Contents
    run_digest: str
    listed: ListedPath
    day: dt.date | None = None

    @property
    def language(self) -> str:
        """The language that its report is written in."""
        return str(self.run.report.get("language") or DEFAULT_LANGUAGE)

    def in_language(self, language: str) -> OpenRun:
        """The same results, of which a report in another language is to be written."""
        config = {**self.run.config, "report": {**self.run.report, "language": language}}
        return replace(self, run=replace(self.run, config=config))

    @property
    def results(self) -> Results:
        """The results, to be read lazily."""
        return results_of(self.listed, self.run, self.day)


def open_run(folder: Path) -> OpenRun:
    """Check the results of a run folder against their manifest and read `run.json`.

    Raises ArtifactError: it is no run folder, holds a link, or a result is not as the run wrote it.
    """
    contents = look_into(folder)
    refuse_links(folder, contents)
    run_content(folder, contents)  # its own sentence first; what is used is read by its hash
    manifest = read_manifest(folder / MANIFEST)
    problems = result_problems(folder, contents, manifest)
    records = read_manifest(folder / RECORDS_MANIFEST)["files"]
    problems += differences(folder, contents, "record", records)
    if problems:
        more = len(problems) - _SHOWN
        raise ArtifactError(
            f"{folder}: its results are not those that the run wrote: "
            + "; ".join(problems[:_SHOWN])
            + (f"; and {more} more" if more > 0 else "")
            + ". Take the folder from its source again, or run the experiment again"
        )
    results = listed_results(manifest)
    listed = ListedPath.of(folder, results | records)
    return OpenRun(folder, read_listed(listed, contents), contents, run_digest(results), listed)


def read_run(folder: Path, contents: Contents | None = None) -> RecordedRun:
    """`run.json` of a run folder; see `run_content`."""
    return RecordedRun.from_json(run_content(folder, contents))


def read_listed(folder: ListedPath, contents: Contents) -> RecordedRun:
    """`run.json` of a run folder whose files are as they are listed.

    Raises ArtifactError: also where its conclusions are of another format.
    """
    run = read_run(folder, contents)
    if concluded := run.artifacts.get("conclusions"):
        path = folder / concluded.path / CONCLUSIONS_FILE
        check_format(path, load_json(path))
    return run


def run_content(folder: Path, contents: Contents | None = None) -> dict[str, Any]:
    """`run.json` and `environment.json` of a run folder as plain data, valid by their schemas.

    Raises ArtifactError: the folder lacks one of them, it is of another format, or no run of this
    package wrote it.
    """
    contents = contents or look_into(folder)
    if RUN not in contents.files:
        raise ArtifactError(f"{folder}: not a run folder, it has no {RUN}. Name a folder of a run")
    run = _valid(folder / RUN, "run")
    if ENVIRONMENT not in contents.files:
        raise ArtifactError(
            f"{folder}: there is no {ENVIRONMENT}, which says with what it was run. Take the "
            "folder from its source again"
        )
    recorded = _valid(folder / ENVIRONMENT, "environment")
    seconds = recorded["seconds"]
    stages = [{**stage, "seconds": seconds.get(stage["id"])} for stage in run["stages"]]
    return {**run, **{name: recorded[name] for name in _OF_ENVIRONMENT}, "stages": stages}


def _valid(path: Path, schema: str) -> dict[str, Any]:
    """The content of a file of today's format that agrees with its schema."""
    content = load_json(path)
    check_format(path, content)
    if problems := schema_problems(schema, content):
        raise ArtifactError(
            f"{path}: no run of this package wrote it ({'; '.join(problems[:_SHOWN])}). "
            "Restore the file, or run the experiment again"
        )
    return dict(content)


def schema_problems(schema: str, content: object) -> list[str]:
    """What of a file breaks its schema, "run" or "environment"."""
    errors = sorted(_validator(schema).iter_errors(content), key=lambda error: error.json_path)
    return [f"{error.json_path}: {error.message[:200]}" for error in errors]


@cache
def _validator(schema: str) -> Draft202012Validator:
    return validator_of(
        load_json(shipped("templates") / "schemas" / f"{schema}.schema.json", links=True)
    )


def results_of(folder: Path, run: RecordedRun, day: dt.date | None = None) -> Results:
    """The results that a run folder holds, which may be listed by hash.

    day : what counts as today, for what people wrote.
    """
    kept = (
        *("run_id", "digests", "versions", "environment", "stages", "command"),
        *("volatile", "plan"),
    )
    provenance = {name: getattr(run, name) for name in kept}
    if isinstance(folder, ListedPath):
        known = folder.hashes
    else:
        known = (readable_manifest(folder / RECORDS_MANIFEST) or {}).get("files", {})
    records = {name: sha256 for name, sha256 in known.items() if class_of(name) == "record"}
    provenance |= {
        "timed": sorted(run.timed),
        "manifest": records | run.file_hashes,
        "record": read_record(folder if records else Path(folder)),
    }
    return Results(
        paths={name: folder / entry.path for name, entry in run.artifacts.items()},
        config=run.config,
        failures=reasons(run.problems, "failed"),
        refused=reasons(run.problems, "not applicable"),
        provenance=provenance,
        run_id=run.run_id,
        named=frozenset(entry.stage for entry in run.problems if entry.named),
        folder=Path(folder),
        today=day or latest_day(),
    )


@contextmanager
def reading(*folders: Path) -> Iterator[None]:
    """Turn what damaged or foreign results do to their readers into one sentence.

    folders : of the runs that are read. Of several the first is named that cannot be read alone.
    """
    try:
        yield
    except (DeepseekReportError, OSError):
        raise
    except Exception as error:
        named = next((folder for folder in folders if not _is_readable(folder)), None)
        where = named or ", ".join(map(str, folders))
        raise ArtifactError(
            f"{where}: results cannot be read ({type(error).__name__}: {error}). They are damaged, "
            "or another version of the package wrote them, or somebody else did; run the "
            "experiment again"
        ) from error


def _is_readable(folder: Path) -> bool:
    """Whether what others compute with can be loaded, whatever stands in it."""
    try:
        results = results_of(folder, read_run(folder))
        for artifact in ("schema", "predicted", "explanations", "all_scores"):
            getattr(results, artifact)
        for measured in results.measurements:
            dict(measured.tables)
        for artifact in ("cases", "architecture", "conclusions"):
            if results.has(artifact.replace("architecture", "training")):
                getattr(results, artifact)
    except Exception:  # whatever it is, it is told already
        return False
    return True


# Why parts of a run are missing, as its folder tells it.


def reasons(problems: Iterable[MissingPart], kind: str) -> dict[str, Text]:
    """{stage: reason} of the problems of one kind."""
    return {entry.stage: entry.reason for entry in problems if entry.kind == kind}


def disclosed_problems(
    experiment: Experiment, problems: Iterable[MissingPart], folders: Mapping[str, Path]
) -> list[MissingPart]:
    """The problems without what the level of privacy keeps; `folders` are the finished stages."""
    privacy = experiment.privacy
    if privacy.is_full:
        return list(problems)
    source = RunSource.of(folders, privacy) if "data" in folders else None
    return [
        replace(
            each, reason=told_reason(each.reason, privacy, source, failed=each.kind == "failed")
        )
        for each in problems
    ]
