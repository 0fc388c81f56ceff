"""One experiment from its configuration to its report."""

from __future__ import annotations

import datetime as dt
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.files import load_json, save_json
from deepseek_report.config.devices import pick_device
from deepseek_report.config.experiment import Experiment
from deepseek_report.errors import ArtifactError
from deepseek_report.findings.thresholds import Verdict
from deepseek_report.provenance import git_revision
from deepseek_report.runner.assemble import assemble
from deepseek_report.runner.execute import Execution, execute
from deepseek_report.runner.plan import Stage, make_plan, run_id, writing_key
from deepseek_report.runner.progress import Reporter
from deepseek_report.runner.writing import PROVENANCE, read_run, write_report
from deepseek_report.store import MANIFEST, Store, compare, replace_folder

#: Overrides that belong to one machine or one run of it, not to the experiment.
_LOCAL = ("paths.", "device=", "jobs=", "hydra.")


@dataclass(frozen=True)
class Finished:
    """A finished run: where it is, and all that a summary of it says."""

    folder: Path
    pages: list[Path]
    record: dict[str, Any]
    verdicts: list[Verdict] = field(default_factory=list)
    details: dict[str, str] = field(default_factory=dict)
    from_store: bool = False

    @property
    def failures(self) -> list[dict[str, str]]:
        return [one for one in self.record["problems"] if one["kind"] == "failed"]

    @property
    def exit_code(self) -> int:
        """0 whole; 1 a declared part failed; 3 where `fail_on` asks: a threshold failed.

        One that is not met has failed, and so has one that could not be measured.
        """
        if self.failures:
            return 1
        failed = {"not met", "not measured"} & {one["outcome"] for one in self.record["thresholds"]}
        return 3 if self.record["config"]["report"]["fail_on"] and failed else 0


def run_experiment(
    experiment: Experiment, reporter: Reporter, overrides: Sequence[str] = ()
) -> Finished:
    """Run what the store does not have, gather the run folder, write the report."""
    store = Store(Path(experiment.settings.paths.store).absolute())
    stages = make_plan(experiment)
    identity = run_id(experiment, stages)
    folder = experiment.reports / experiment.name / identity
    if (whole := _whole(folder)) is not None:
        return whole
    for stage in stages:
        _drop_if_damaged(store, stage)
    started = dt.datetime.now(dt.UTC)
    everything_there = all(stage.folder(store) for stage in stages)
    device = "cpu" if everything_there else pick_device(experiment.settings.device)
    execution = execute(experiment, stages, store, device, reporter)
    kept = [text for text in overrides if not text.lstrip("+~").startswith(_LOCAL)]
    names = {"run_id": identity, "overrides": kept}
    reporter.started("report")
    writing = time.perf_counter()
    with store.lock("report", identity):
        gather = partial(assemble, experiment, stages, execution, store, identity=names)
        finished = _write(folder, gather, execution, started)
    reporter.finished("report", time.perf_counter() - writing, "")
    return finished


def _write(
    folder: Path, gather: Callable[[Path], None], execution: Execution, started: dt.datetime
) -> Finished:
    work = folder.with_name(f".work-{folder.name}")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    gather(work)
    pages, verdicts = write_report(work)
    _write_provenance(work, started)
    replace_folder(work, folder)
    return Finished(
        folder=folder,
        pages=[folder / page.relative_to(work) for page in pages],
        record=read_run(folder),
        verdicts=verdicts,
        details={one.stage: one.details for one in execution.failures if one.details},
    )


def _write_provenance(folder: Path, started: dt.datetime) -> None:
    now = dt.datetime.now(dt.UTC)
    record = {
        "started": started.isoformat(timespec="seconds"),
        "finished": now.isoformat(timespec="seconds"),
        "git": git_revision(Path.cwd()),
        "writing": writing_key(),
    }
    save_json(folder / PROVENANCE, record)


def _whole(folder: Path) -> Finished | None:
    """The finished run in this folder, if nothing failed in it and nothing in it was changed."""
    if not (folder / MANIFEST).is_file() or not (folder / PROVENANCE).is_file():
        return None
    if load_json(folder / PROVENANCE).get("writing") != writing_key():
        return None
    record = read_run(folder)
    if any(one["kind"] == "failed" for one in record["problems"]):
        return None
    if compare(folder, load_json(folder / MANIFEST)["files"]):
        return None
    pages = sorted(folder.glob("report.*"), key=lambda page: page.suffix != ".html")
    pages = [page for page in pages if page.suffix in {".html", ".pdf", ".docx"}]
    return Finished(folder, pages, record, from_store=True)


def _drop_if_damaged(store: Store, stage: Stage) -> None:
    """A stored stage whose files are not those of its manifest is made anew."""
    if (folder := stage.folder(store)) is None:
        return
    try:
        store.verify(stage.id, stage.key)
    except ArtifactError:
        shutil.rmtree(folder)
