"""How long stages will take on this machine, and how much memory: ranges, and how found."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.storage.files import load_json
from deepseek_report.artifacts.storage.plain_files import folders_in
from deepseek_report.config.experiment import Experiment
from deepseek_report.errors import ArtifactError
from deepseek_report.runner.execution.workers import cores, processes
from deepseek_report.runner.planning.plan import Stage
from deepseek_report.runner.planning.work import Size, Work, like_of, size_of, work_of
from deepseek_report.store import Store
from deepseek_report.store.folders import MANIFEST

#: So many finished stages of one name are looked at, the newest ones.
_MOST_BYTES = 2**24
_LOOKED_AT = 8


@dataclass(frozen=True)
class Past:
    """One finished stage: seconds it took, and its `Work`, where the manifest tells it.

    memory : peak resident memory in MiB of the process that made it, since that was started.
    """

    seconds: float
    work: Work | None = None
    memory: float | None = None

    def is_like(self, work: Work | None) -> bool:
        """Whether the same code did it for the same model."""
        return self.work is not None and work is not None and self.work.like == work.like

    def ratio(self, work: Work | None) -> float:
        """How many times as much there is to do now; 1 where nobody knows."""
        return work.units / self.work.units if work is not None and self.work is not None else 1.0


@dataclass
class PastTimes:
    """The times of finished stages of one store, read when they are asked for."""

    root: Path
    known: dict[str, list[Past]] = field(default_factory=dict)

    def of(self, stage: str) -> list[Past]:
        """Finished stages with this id, newest first."""
        if stage not in self.known:
            self.known[stage] = list(_read(self.root / stage))
        return self.known[stage]

    def kin(self, stage: str) -> list[Past]:
        """Finished stages that measure the same of another explanation."""
        artifact = ArtifactId(stage)
        if not artifact.subject:
            return []
        family = ArtifactId.of(artifact.kind, artifact.name)
        names = [folder.name for folder in folders_in(self.root / family)]
        return [past for name in names if len(name) != 32 for past in self.of(f"{family}/{name}")]


def _read(folder: Path) -> Iterator[Past]:
    """What the newest manifests tell; those that tell no time or cannot be read are passed over."""
    dated = []
    for path in (inner / MANIFEST for inner in folders_in(folder)):
        try:
            dated.append((path.lstat().st_mtime, path))
        except OSError:
            continue
    for _, path in sorted(dated, reverse=True)[:_LOOKED_AT]:
        try:
            facts = load_json(path, _MOST_BYTES)
            work = facts.get("work") or {}
            seconds, memory, units = (
                float(value)
                for value in (facts["seconds"], facts.get("peak_memory", 0), work.get("units", 0))
            )
        except (ArtifactError, ValueError, KeyError, TypeError, AttributeError):
            continue
        if 0 <= seconds < math.inf:
            yield Past(
                seconds,
                Work(units, str(work.get("like", ""))) if 0 < units < math.inf else None,
                memory if 0 < memory < math.inf else None,
            )


#: measured : the same stage ran here before, perhaps with more or less to do. similar : it ran for
#: another model or another explanation. timed : from the time that the model takes for one row.
#: typical : nothing is known of this machine.
Basis = Literal["measured", "similar", "timed", "typical"]

#: Seconds of a stage of which nothing is known, on a laptop of 2020.
_TYPICAL: Mapping[str, float] = {
    "data": 0.5,
    "training": 20.0,
    "predictions": 0.5,
    "explanations": 5.0,
    "measures": 0.4,
    "conclusions": 0.3,
    "pictures": 0.3,
}
#: MiB of a process that has the libraries of a run loaded, and how many times it holds the numbers
#: of the data at its peak: as texts and numbers while they are read, as parts and codes later.
_BARE, _COPIES = 450.0, 5
_NUMBER = 8 / 2**20
#: A process that had so much or little more work before is told of by its memory then.
_NEAR = 1.25
#: A row of training goes forward and back, takes part in a step, and is validated: for the default
#: model 4.5 times the time of forward alone (two runs of the default study on an idle machine).
TRAINING_ROW = 4.5
#: From so many seconds on, starting up is a small part of a training.
_LONG = 10.0
#: Stages that wait for each other; the others run at the same time.
_ONE_BY_ONE = frozenset({"data", "training", "predictions", "conclusions", "report"})


@dataclass(frozen=True)
class Span:
    """Seconds, or MiB: what is expected, and the range that it should fall in."""

    low: float
    expected: float
    high: float
    basis: Basis = "measured"


@dataclass(frozen=True)
class Cost:
    """What a plan still costs. stages : {stage id: its span}, of those that are to be computed.

    total : seconds from start to end with `parallel` processes. row : seconds in which the model
    evaluates one row, where that was timed. memory : MiB of the largest process at its peak, None
    where nothing is left to do.
    """

    stages: Mapping[str, Span] = field(default_factory=dict)
    total: Span = field(default_factory=lambda: Span(0, 0, 0))
    parallel: int = 1
    row: float | None = None
    memory: Span | None = None


def cost_of(
    experiment: Experiment,
    waiting: Sequence[Stage],
    past: PastTimes,
    size: Size | None,
    time_row: Callable[[], float | None] = lambda: None,
) -> Cost:
    """What these stages cost, and the report after them.

    waiting : the stages that the store does not have. size : None before the data are read.
    time_row : times the model on one row; only asked where the store tells too little.
    """
    training = Stage("training", "")
    works = {stage: work_of(experiment, stage, size) if size else None for stage in waiting}
    row = row_by_training(past.of(training.id), like_of(experiment, training)) if size else None
    spans = {stage.id: span_of(stage, work, past, row) for stage, work in works.items()}
    heavy = (stage.id for stage in waiting if stage.kind in {"training", "explanations"})
    if row is None and any(spans[name].basis == "typical" for name in heavy):
        row = time_row()
        spans = {stage.id: span_of(stage, work, past, row) for stage, work in works.items()}
    folds = experiment.settings.split.folds or 0
    for name in measures_of_folds(experiment) if folds else ():
        if name in spans and not past.of(name):  # as long as its trainings
            work = work_of(experiment, training, size) if size else None
            once = span_of(training, work, past, row)
            low, expected, high = (folds * end for end in (once.low, once.expected, once.high))
            spans[name] = Span(low, expected, high, once.basis)
    spans["report"] = Span(2.0, 3.0, 6.0, "typical")
    memory = memory_of(works, past, size) if waiting else None
    wished = experiment.settings.jobs or (1 if experiment.is_quick else None)
    parallel = min(wished, cores()) if wished else processes(memory.expected if memory else None)
    return Cost(spans, _total(spans, parallel), parallel, row, memory)


def measures_of_folds(experiment: Experiment) -> list[ArtifactId]:
    """The measurements that train the model anew in each fold of a cross-validation."""
    reading = (name for name, metric in experiment.metrics.items() if "folds" in metric.reads)
    return list(map(ArtifactId.measure, reading))


def cost_left(
    experiment: Experiment, waiting: Sequence[Stage], store: Store, data: Path | None
) -> Cost:
    """What the stages that are left of a run cost; `data` is the folder of its data, once there.

    Never raises: a plug-in that cannot foretell its work is estimated as a usual one.
    """
    past = PastTimes(store.root)
    try:
        return cost_of(experiment, waiting, past, size_of(data) if data is not None else None)
    except Exception:  # the run goes on whatever can be said of its time
        return cost_of(experiment, waiting, past, None)


def span_of(stage: Stage, work: Work | None, past: PastTimes, row: float | None) -> Span:
    """The time of one stage, by what is known best.

    work : None before the data are read. row : seconds in which the model evaluates one row, None
    where nobody timed it.
    """
    own = past.of(stage.id)
    if same := [earlier for earlier in own if earlier.is_like(work)]:
        return _by_past(same, work, 0.8, 1.3, "measured")
    if others := own or past.kin(stage.id):
        return _by_past(others, work, 0.4, 2.6, "similar")
    of_rows = stage.kind in {"training", "predictions", "explanations"} or bool(stage.subject)
    if row is not None and work is not None and of_rows:
        seconds = work.units * row
        if stage.kind == "training":  # it may stop early
            seconds *= TRAINING_ROW
            return Span(0.3 * seconds, seconds, 1.5 * seconds + 1, "timed")
        return Span(0.7 * seconds, seconds + 0.05, 3 * seconds + 0.3, "timed")
    usual = _TYPICAL[stage.kind]
    return Span(0.3 * usual, usual, 4 * usual, "typical")


def _by_past(
    times: Sequence[Past], work: Work | None, least: float, most: float, basis: Basis
) -> Span:
    """Scaled by the work: part of the time grows with it, but how much is not known.

    least, most : factors of the ends of the range, beside this.
    """
    nearest = min(times, key=lambda past: abs(math.log(past.ratio(work))))
    ratio, seconds = nearest.ratio(work), max(nearest.seconds, 0.01)
    few, many = sorted((ratio, math.sqrt(ratio)))
    return Span(
        least * seconds * few, seconds * math.sqrt(few * many), most * seconds * many, basis
    )


def memory_of(works: Mapping[Stage, Work | None], past: PastTimes, size: Size | None) -> Span:
    """MiB of the largest process at its peak.

    A process keeps the peak of the largest stage that it made, and any may make any: the largest
    peak that was seen at these stages here counts. Where they had other work, or another model, it
    is a similar one.
    """
    peaks = [
        (earlier.is_like(work) and 1 / _NEAR <= earlier.ratio(work) <= _NEAR, earlier.memory)
        for stage, work in works.items()
        for earlier in past.of(stage.id)
        if earlier.memory is not None
    ]
    if near := [memory for is_near, memory in peaks if is_near]:
        most = max(near)
        return Span(0.8 * most, most, 1.3 * most, "measured")
    usual = _BARE
    if size is not None:
        usual += _COPIES * _NUMBER * size.rows * len(size.schema.features)
    if peaks:
        most = max(*(memory for _, memory in peaks), usual if size is not None else 0.0)
        return Span(0.6 * most, most, 2 * most, "similar")
    return Span(0.7 * usual, usual, 1.3 * usual + _BARE, "typical")


def row_by_training(times: Iterable[Past], like: str) -> float | None:
    """Seconds in which the model evaluates one row, by a training of it in the store.

    None where there is no training, or one so short that starting up is a good part of it.
    """
    for past in times:
        if past.work is not None and past.work.like == like and past.seconds >= _LONG:
            return past.seconds / past.work.units / TRAINING_ROW
    return None


def _total(spans: Mapping[str, Span], parallel: int) -> Span:
    """From start to end: some stages one by one, then the others, so many at a time."""
    kinds = [(ArtifactId(name).kind in _ONE_BY_ONE, span) for name, span in spans.items()]

    def elapsed(end: Callable[[Span], float]) -> float:
        alone = sum(end(span) for waits, span in kinds if waits)
        others = [end(span) for waits, span in kinds if not waits]
        return alone + max(sum(others) / parallel, max(others, default=0.0))

    return Span(
        elapsed(lambda span: span.low),
        elapsed(lambda span: span.expected),
        elapsed(lambda span: span.high),
    )
