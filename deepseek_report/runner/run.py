"""One experiment from its configuration to its report."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.message import Text
from deepseek_report.artifacts.results import PROVENANCE
from deepseek_report.artifacts.storage.files import load_json, save_json
from deepseek_report.artifacts.storage.plain_files import empty_folder, remove
from deepseek_report.compliance.statements import latest_day
from deepseek_report.config.experiment import Experiment
from deepseek_report.config.portable import CALL, PortablePaths
from deepseek_report.config.rules import pick_device
from deepseek_report.errors import ArtifactError, DeepseekReportError
from deepseek_report.extension import service
from deepseek_report.privacy.release import told_overrides
from deepseek_report.provenance.checkout import git_revision
from deepseek_report.rendering.page_words import page_of
from deepseek_report.runner.execution.computing import Execution
from deepseek_report.runner.execution.execute import execute
from deepseek_report.runner.execution.rare_collections import without_collections
from deepseek_report.runner.execution.run_events import REPORT, Reporter
from deepseek_report.runner.planning.plan import Stage, incomplete_id, make_plan, run_id
from deepseek_report.runner.planning.recommending import decided
from deepseek_report.runner.run_folders.gather import assemble
from deepseek_report.runner.run_folders.hash_check import check_hashes
from deepseek_report.runner.run_folders.sealing import writing_key
from deepseek_report.runner.run_folders.writing import (
    Concluded,
    WriteOptions,
    concluded_record,
    load_for_writing,
    telling_of,
    write_report,
)
from deepseek_report.store import Store, replace_folder
from deepseek_report.store.folders import held
from deepseek_report.store.run_folder import DOCUMENTS_MANIFEST, carry_over, seal_results

#: The variable that names a place by which machines share stages.
_SHARED = "DEEPSEEK_REPORT_REMOTE_STORE"


@dataclass(frozen=True)
class Finished:
    """A finished run: where it is, and all that a summary of it says.

    kept : names under which files that a person had edited were kept. notices : what a page lacks.
    """

    folder: Path
    pages: list[Path]
    record: dict[str, Any]
    details: dict[str, str] = field(default_factory=dict)
    from_store: bool = False
    run_digest: str = ""
    document_digest: str = ""
    kept: Sequence[str] = ()
    notices: Sequence[str] = ()

    @cached_property
    def concluded(self) -> Concluded:
        """The same as `record`, as far as anybody is told of it at once."""
        return Concluded.of(self.record)

    @property
    def failures(self) -> dict[str, Text]:
        """{stage: why it failed}."""
        return self.concluded.failures

    @property
    def exit_code(self) -> int:
        """0: whole. 1: a declared part failed. 3: `fail_on` is set, and a threshold failed or
        somebody rejected.

        A threshold fails where it is not met, and where it could not be measured. A rejection
        counts while it stands.
        """
        if self.failures:
            return 1
        outcomes = {threshold.outcome for threshold in self.concluded.thresholds}
        broken = outcomes & {"not met", "not measured"} or self.concluded.rejected
        return 3 if broken and self.concluded.report.get("fail_on") else 0


@dataclass(frozen=True)
class PreparedRun:
    """A run whose plan is made. folder : where it will be, if nothing fails.

    overrides, config_dir : as the person gave them, for the command that repeats the run.
    command : that command as a folder records it, where the run is made from one.
    """

    experiment: Experiment
    stages: Sequence[Stage]
    store: Store
    identity: str
    folder: Path
    overrides: Sequence[str] = ()
    config_dir: str | None = None
    command: Mapping[str, object] | None = None
    started: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))

    @property
    def whole(self) -> Finished | None:
        """The run, where it is there and nothing of it was changed."""
        return _whole(self.folder)

    @property
    def device(self) -> str:
        """The device to compute on; the processor where the store has everything."""
        everything_there = all(stage.folder(self.store) for stage in self.stages)
        return "cpu" if everything_there else pick_device(self.experiment.settings.device)

    def drop_damaged(self) -> None:
        """Stored stages whose files are not those of their manifests are made anew.

        What is fetched from elsewhere is checked when it comes.
        """
        for stage in self.stages:
            if self.store.holds(stage.place, stage.key):
                try:
                    self.store.verify(stage.place, stage.key)
                except ArtifactError:
                    remove(self.store.folder(stage.place, stage.key))


def store_of(experiment: Experiment) -> Store:
    """Where an experiment keeps its stages; shared with other machines where they say so.

    Raises ConfigError: it is to be shared, and nothing is installed that does.
    """
    if not os.environ.get(_SHARED):
        return Store(experiment.store)
    shared: Store = service(_SHARED).shared_store(experiment.store)
    return shared


def prepare_run(
    experiment: Experiment, overrides: Sequence[str] = (), config_dir: str | None = None
) -> PreparedRun:
    """Decide what is left open and make the plan.

    Raises ConfigProblems: the budget does not pay for what must be explained.
    Raises DataError: the data cannot be read.
    """
    experiment = decided(experiment)
    store = store_of(experiment)
    stages = make_plan(experiment)
    identity = run_id(experiment, stages)
    folder = experiment.reports / experiment.name / identity
    return PreparedRun(experiment, stages, store, identity, folder, overrides, config_dir)


def run_experiment(
    experiment: Experiment,
    reporter: Reporter,
    overrides: Sequence[str] = (),
    config_dir: str | None = None,
) -> Finished:
    """Run what the store does not have, gather the run folder, write the report.

    overrides, config_dir : as the person gave them, for the command that repeats the run.
    """
    with using([store_of(experiment)], reporter):
        return _run(prepare_run(experiment, overrides, config_dir), reporter)


def run_prepared(run: PreparedRun, reporter: Reporter) -> Finished:
    """The same, of a run whose plan is made."""
    with using([run.store], reporter):
        return _run(run, reporter)


def _run(run: PreparedRun, reporter: Reporter) -> Finished:
    if (whole := run.whole) is not None:
        return whole
    run.drop_damaged()
    execution = execute(
        run.experiment,
        run.stages,
        run.store,
        run.device,
        reporter,
        meanwhile=partial(load_for_writing, run.experiment),
    )
    reporter.started(REPORT)
    writing = time.perf_counter()
    with without_collections():
        finished = write_run(run, execution)
    reporter.finished(REPORT, time.perf_counter() - writing, "")
    return finished


def write_run(run: PreparedRun, execution: Execution) -> Finished:
    """Gather the run folder of stages that have ended, and write its report."""
    experiment, identity, folder = run.experiment, run.identity, run.folder
    if execution.failures:
        identity = incomplete_id(identity, [outcome.stage for outcome in execution.failures])
        folder = folder.with_name(identity)
    command = run.command or _command(experiment, run.overrides, run.config_dir)
    work = folder.with_name(f".work-{folder.name}")  # where it is made before it gets its name
    with run.store.lock("report", identity), telling_of(folder, work):
        empty_folder(work)
        stages = run.stages, execution, run.store
        assemble(experiment, *stages, work, run_id=identity, command=command)
        save_json(work / PROVENANCE, _record(experiment, run.started))
        seal_results(work)
        kept = carry_over(folder, work)
        written = write_report(work, WriteOptions(trust=experiment.trusted))
        replace_folder(work, folder)
        return Finished(
            folder=folder,
            pages=[folder / page.relative_to(work) for page in written.pages],
            record=concluded_record(folder),
            details={
                outcome.stage: outcome.details for outcome in execution.failures if outcome.details
            },
            run_digest=written.run_digest,
            document_digest=written.document_digest,
            kept=[*kept, *written.kept],
            notices=written.notices,
        )


def _command(
    experiment: Experiment, overrides: Sequence[str], config_dir: str | None
) -> dict[str, object]:
    """How to repeat the run; no command line can, where its objects were given in Python."""
    disclosed = told_overrides(overrides, experiment.privacy)
    command = PortablePaths(experiment.raw, Path.cwd()).command(
        disclosed, config_dir, experiment.trusted
    )
    return {**command, "program": [CALL], "overrides": []} if experiment.is_given else command


def _record(experiment: Experiment, started: dt.datetime) -> dict[str, object]:
    """When the run was made and from which checkout; no times where none are measured."""
    moments = {"started": started, "finished": dt.datetime.now(dt.UTC)}
    measured = experiment.settings.measure_time
    times = {k: at.isoformat(timespec="seconds") if measured else None for k, at in moments.items()}
    return {**times, "git": git_revision(Path.cwd())}


def _whole(folder: Path) -> Finished | None:
    """The finished run in this folder, if nothing failed in it and nothing in it was changed.

    None also where the folder cannot be read: the run makes it again.
    """
    try:
        checked = check_hashes(folder)
        documents = load_json(folder / DOCUMENTS_MANIFEST)
        record = concluded_record(folder)
    except DeepseekReportError:
        return None
    if not checked.is_whole:
        return None
    concluded = Concluded.of(record)
    pages = [folder / page_of(name) for name in concluded.report.get("formats", ())]
    is_whole = (
        not concluded.failures
        and documents.get("writing") == writing_key(concluded.config)
        and documents.get("day") in {None, latest_day().isoformat()}  # else decisions may be void
        and all(page.is_file() for page in pages)
    )
    if not is_whole:
        return None
    digests = checked.run_digest, checked.document_digest
    return Finished(folder, pages, record, {}, True, *digests)


@contextmanager
def using(stores: Iterable[Store], reporter: Reporter) -> Iterator[None]:
    """`clean` takes nothing out of them meanwhile; at the end they do what is left to do."""
    stores = list(dict.fromkeys(stores))
    with ExitStack() as stack:
        for store in stores:
            stack.enter_context(held(store.root))
        yield
        for store in stores:
            for news in store.end():
                reporter.warned(news)
