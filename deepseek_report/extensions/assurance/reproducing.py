"""Makes a run again from what its folder records, and says what came out otherwise.

The folder may be a stranger's: its results are checked first, only classes of trusted packages are
built, and of the environment nothing is read but the variables that stand for folders.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.results import ABSENT, flat_config
from deepseek_report.config.catalogue import folders
from deepseek_report.config.composed import Composed
from deepseek_report.config.config_files import MULTIPLE
from deepseek_report.config.experiment import Experiment
from deepseek_report.config.portable import CALL
from deepseek_report.config.sets import Origin
from deepseek_report.config.trusted import OWN
from deepseek_report.config.validate import validate
from deepseek_report.errors import ArtifactError, DataError
from deepseek_report.extensions.assurance import movement
from deepseek_report.privacy.release import WITHHELD
from deepseek_report.provenance import environment, lock, normalised, versions
from deepseek_report.runner.execution.run_events import Reporter
from deepseek_report.runner.run import prepare_run, run_prepared
from deepseek_report.runner.run_folders.open_run import OpenRun, RecordedRun, open_run, reasons
from deepseek_report.store.run_folder import RUN, FileClass, hash_files

#: Variables that stand for folders in a recorded config; no other one is read.
_FOLDER = re.compile(r"\$((?:DATA|CONFIG)_DIR(?:_\d+)?)(?=/|$)")
_SHOWN = 12


@dataclass(frozen=True)
class ReproduceOptions:
    """How a run is made again.

    store : a store to take finished stages from; None: a new one, so that everything is computed.
    output : where the new run folder is kept; None: it is removed once it has been compared.
    trust, trust_types : packages and types that may be loaded beside those of this package.
    """

    store: Path | None = None
    output: Path | None = None
    trust: Sequence[str] = ()
    trust_types: Sequence[str] = ()
    jobs: int | None = None


@dataclass(frozen=True)
class Difference:
    """What is not as it was when the run was made. part : config, data, code, …."""

    part: str
    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Reproduction:
    """What came of making a run again.

    files, documents : those that are not the same bytes, outside of what differs by nature.
    differences : what may be the cause. failed : stages that failed now, and not before.
    folder : the new run, where it is kept.
    """

    files: Sequence[str]
    documents: Sequence[str]
    differences: Sequence[Difference]
    scores: Sequence[movement.MovedScore]
    explanations: Sequence[movement.MovedExplanation]
    failed: Sequence[str]
    folder: Path | None = None

    @property
    def verdict(self) -> movement.Verdict:
        """The gravest of all: what cannot be judged is not within anything."""
        if self.failed:
            return "outside"
        for verdict in ("outside", "not judged", "within"):
            if verdict in self._verdicts:
                return verdict
        return "within" if self.files else "same"

    @property
    def _verdicts(self) -> set[movement.Verdict]:
        scores: set[movement.Verdict] = {score.verdict for score in self.scores}
        return scores | {explanation.verdict for explanation in self.explanations}

    @property
    def has_moved(self) -> bool:
        """Whether a score or an attribution is not what it was."""
        return bool(self.failed or self._verdicts - {"same"})

    @property
    def exit_code(self) -> int:
        """0: the same. 1: all that moved is within its interval. 3: something is not."""
        return {"same": 0, "within": 1}.get(self.verdict, 3)


@dataclass(frozen=True)
class Intended:
    """What `reproduce` would do, known without running anything.

    foreign : {part of the config: the package that it takes its code from}. needed : files that
    must be there. differences : of versions and of the machine.
    """

    run_id: str
    foreign: Mapping[str, str]
    needed: Sequence[str]
    differences: Sequence[Difference]


def intended(folder: Path) -> Intended:
    """Look at a run folder without importing or running anything that it names.

    Raises ArtifactError: it is no run, or its results were changed.
    """
    opened = open_run(folder)
    command, machine = opened.run.command, opened.run.environment
    needed = [str(name) for name in command.get("folder") or ()]
    needed += [
        f"${variable}/{entry['name']}"
        for variable, entries in (command.get("variables") or {}).items()
        for entry in entries
    ]
    return Intended(
        run_id=opened.run.run_id,
        foreign=dict(_foreign(opened.run.config)),
        needed=needed,
        differences=[
            *_versions(opened.run, versions(), lock()),
            *_machine(machine, environment(str(machine.get("device", "")))),
        ],
    )


def reproduce(folder: Path, options: ReproduceOptions, reporter: Reporter) -> Reproduction:
    """Make a run again by its recorded config, and compare.

    Raises ArtifactError: it is no run, its results were changed, or it cannot be made from its
        folder.
    Raises ConfigProblems: the config is not valid here, or names code that nobody trusts.
    Raises DataError: its data are not there.
    """
    opened = open_run(folder)
    with _places(options) as (store, reports):
        experiment = recorded_experiment(opened, options, store, reports)
        run = prepare_run(experiment)
        command = dict(opened.run.command)
        finished = run_prepared(dataclasses.replace(run, command=command), reporter)
        again = open_run(finished.folder)
        kept = finished.folder if options.output is not None else None
        return _compared(opened, again, kept)


@contextmanager
def _places(options: ReproduceOptions) -> Iterator[tuple[Path, Path]]:
    """The store and the folder of reports; what is not to be kept is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="deepseek-report-") as work:
        store = options.store or Path(work) / "store"
        yield store.absolute(), (options.output or Path(work) / "reports").absolute()


def recorded_experiment(
    opened: OpenRun, options: ReproduceOptions, store: Path, reports: Path
) -> Experiment:
    """The experiment that a run folder records, to be run here.

    Raises ArtifactError: its config does not say all, or its objects were given in Python.
    """
    config, command = opened.run.config, opened.run.command
    if CALL in (command.get("program") or ()):
        raise ArtifactError(
            f"{opened.folder}: rows or a model of this run were given in Python, and no folder "
            "holds them; call deepseek_report.report again with the same objects"
        )
    if WITHHELD in (opened.run.report.get("cases") or ()):
        raise ArtifactError(
            f"{opened.folder}: report.privacy keeps the numbers of the named cases out of the "
            "folder, so it cannot be made again from it alone; use the configuration that it was "
            "made from"
        )
    raw = {key: _with_folders(value) for key, value in config.items()}
    device = opened.run.environment.get("device")
    raw |= {
        "paths": {"reports": str(reports), "store": str(store)},
        "device": "cpu" if device == "cpu" else "auto",
        "jobs": options.jobs,
    }
    left_out = {
        ArtifactId(stage).name: reason
        for stage, reason in reasons(opened.run.problems, "not applicable").items()
        if ArtifactId(stage).kind == "explanations"
        and ArtifactId(stage).name not in config["explainers"]
    }
    composed = Composed(raw, (), _origins(opened.run), tuple(folders()), left_out=left_out)
    return validate(composed, options.trust, options.trust_types)


def _origins(run: RecordedRun) -> dict[str, dict[str, Origin]]:
    """Which parts a person named, as far as the run records it, so that it is told the same."""
    named = {ArtifactId(entry.stage).name for entry in run.problems if entry.named}
    return {
        group: {key: "config" if key in named else "set" for key in run.config.get(group) or {}}
        for group in MULTIPLE
    }


def _with_folders(value: object) -> object:
    """The recorded config with the folders of this machine in the place of their variables."""
    if isinstance(value, Mapping):
        return {key: _with_folders(inside) for key, inside in value.items()}
    if isinstance(value, list):
        return [_with_folders(inside) for inside in value]
    return _FOLDER.sub(_folder_here, value) if isinstance(value, str) else value


def _folder_here(match: re.Match[str]) -> str:
    folder = os.environ.get(match[1], "")
    if not folder:
        raise DataError(
            f"the run read files of a folder that it calls ${match[1]}, and that variable is not "
            f"set; run again with {match[1]}=FOLDER in front, the folder that holds them"
        )
    return folder


def _foreign(config: object, place: str = "") -> Iterator[tuple[str, str]]:
    """{part of the config: the package of its code}, of parts that are none of this package's."""
    if not isinstance(config, Mapping):
        return
    package = str(config.get("_target_", OWN)).partition(".")[0]
    if package != OWN:
        yield place, package
    for key, inside in config.items():
        yield from _foreign(inside, f"{place}.{key}" if place else str(key))


# --- what differs ---------------------------------------------------------------------------------


def _compared(before: OpenRun, after: OpenRun, kept: Path | None) -> Reproduction:
    patterns = tuple(before.run.volatile)
    failed = sorted(after.run.failed - before.run.failed)
    return Reproduction(
        files=_changed(before, after, "result", (*patterns, RUN)),
        documents=_changed(before, after, "document", patterns),
        differences=list(_differences(before.run, after.run)),
        scores=movement.moved_scores(before.results, after.results, before.run.timed),
        explanations=movement.moved_explanations(before.results, after.results),
        failed=failed,
        folder=kept,
    )


def _changed(before: OpenRun, after: OpenRun, kind: FileClass, aside: Iterable[str]) -> list[str]:
    """Files of a class that are not the same bytes in both runs."""
    first, second = (hash_files(run.folder, run.contents.of_class(kind)) for run in (before, after))
    return [
        name
        for name in sorted(first.keys() | second.keys())
        if first.get(name) != second.get(name)
        and not any(fnmatch.fnmatch(name, pattern) for pattern in aside)
    ]


def _differences(before: RecordedRun, after: RecordedRun) -> Iterator[Difference]:
    first, second = (dict(flat_config(run.config)) for run in (before, after))
    for key in dict.fromkeys([*first, *second]):
        old, new = first.get(key, ABSENT), second.get(key, ABSENT)
        if old != new:
            yield Difference("config", key, str(old), str(new))
    old, new = (run.digests["data"] for run in (before, after))
    if old != new:
        yield Difference("data", "digest", old[:12], new[:12])
    yield from _versions(before, after.versions, after.lock)
    yield from _machine(before.environment, after.environment)
    yield from _code(before, after)


def _code(before: RecordedRun, after: RecordedRun) -> Iterator[Difference]:
    """Stages whose keys differ: keys are made from config, data, code and libraries."""
    names = list(dict.fromkeys([*before.plan, *after.plan]))
    changed = [name for name in names if before.plan.get(name) != after.plan.get(name)]
    if changed:
        more = len(changed) - _SHOWN
        shown = ", ".join(changed[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
        count = f"{len(changed)} of {len(names)}: {shown}"
        yield Difference("code", "stages made by other code, libraries or inputs", "", count)


def _versions(
    before: RecordedRun, now: Mapping[str, str], locked: Mapping[str, str]
) -> Iterator[Difference]:
    """Each library that results rest on, and some of those that come with these.

    now : versions of those that decide results. locked : of all.
    """
    first = {*before.versions, *now}
    known = {normalised(name) for name in before.versions}

    def libraries(versions: Mapping[str, str], others: Mapping[str, str]) -> dict[str, str]:
        decisive = known | {normalised(name) for name in versions}
        return {**versions, **{n: each for n, each in others.items() if n not in decisive}}

    recorded = libraries(before.versions, before.lock)
    present = libraries(now, locked)
    differing = [
        Difference("version", name, recorded.get(name, ABSENT), present.get(name, ABSENT))
        for name in dict.fromkeys([*recorded, *present])
        if recorded.get(name) != present.get(name)
    ]
    yield from (each for each in differing if each.name in first)
    others = [each for each in differing if each.name not in first]
    yield from others[:_SHOWN]
    if (more := len(others) - _SHOWN) > 0:
        yield Difference("version", f"and {more} more that come with these", "", "")


def _machine(recorded: Mapping[str, object], present: Mapping[str, object]) -> Iterator[Difference]:
    for name in dict.fromkeys([*recorded, *present]):
        old, new = recorded.get(name, ABSENT), present.get(name, ABSENT)
        if old != new:
            yield Difference("machine", name, str(old), str(new))
