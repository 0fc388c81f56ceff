"""How long stages will take on this machine, and how much memory: ranges, and how found."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    units: float | None = None
    like: str = ""
    memory: float | None = None


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
    dated = []
    for path in (inner / MANIFEST for inner in folders_in(folder)):
        try:
            dated.append((path.lstat().st_mtime, path))
        except OSError:
            continue
    for _, path in sorted(dated, reverse=True)[:_LOOKED_AT]:
        if (past := _past(path)) is not None:
            yield past


def _past(path: Path) -> Past | None:
    """What a manifest tells; None where it tells no time or cannot be read."""
    try:
        facts = load_json(path, _MOST_BYTES)
        seconds = float(facts["seconds"])
        work = facts.get("work") or {}
        units = float(work["units"]) if "units" in work else None
        like = str(work.get("like", ""))
        memory = float(facts.get("peak_memory", 0.0))
    except (ArtifactError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if not math.isfinite(seconds) or seconds < 0:
        return None
    usable = memory if math.isfinite(memory) and memory > 0 else None
    return Past(seconds, units if units and units > 0 else None, like, usable)


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

    def scaled(self, low: float, expected: float, high: float) -> Span:
        """Each end by its own factor."""
        return Span(self.low * low, self.expected * expected, self.high * high, self.basis)


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

    def count(self, basis: Basis) -> int:
        """How many stages were estimated so."""
        return sum(span.basis == basis for span in self.stages.values())


def cost_of(
    experiment: Experiment,
    waiting: Sequence[Stage],
    past: PastTimes,
    size: Size | None,
    row: float | None = None,
) -> Cost:
    """What these stages cost, and the report after them.

    waiting : the stages that the store does not have. size : None before the data are read.
    row : seconds in which the model evaluates one row, where that was timed.
    """
    works = {stage: work_of(experiment, stage, size) if size else None for stage in waiting}
    spans = {stage.id: span_of(stage, work, past, row) for stage, work in works.items()}
    spans |= _of_folds(experiment, spans, past, size, row)
    spans |= {"report": Span(2.0, 3.0, 6.0, "typical")}
    memory = memory_of(works, past, size) if waiting else None
    wished = experiment.settings.jobs or (1 if experiment.is_quick else None)
    parallel = min(wished, cores()) if wished else processes(memory.expected if memory else None)
    return Cost(spans, _total(spans, parallel), parallel, row, memory)


def _of_folds(
    experiment: Experiment,
    spans: Mapping[str, Span],
    past: PastTimes,
    size: Size | None,
    row: float | None,
) -> dict[str, Span]:
    """The time of the trainings of a cross-validation, where it never ran here."""
    folds, training = experiment.settings.split.folds or 0, Stage("training", "")
    judging = [
        name
        for name, metric in experiment.metrics.items()
        if "folds" in metric.reads and ArtifactId.measure(name) in spans
    ]
    unknown = [name for name in map(ArtifactId.measure, judging) if not past.of(name)]
    if not (unknown and folds):
        return {}
    work = None if size is None else work_of(experiment, training, size)
    once = span_of(training, work, past, row)
    return {name: once.scaled(folds, folds, folds) for name in unknown}


def cost_left(
    experiment: Experiment, waiting: Sequence[Stage], store: Store, data: Path | None
) -> Cost:
    """What the stages that are left of a run cost; `data` is the folder of its data, once there.

    Never raises: a plug-in that cannot foretell its work is estimated as a usual one.
    """
    past = PastTimes(store.root)
    try:
        size = size_of(data) if data is not None else None
        return cost_of(experiment, waiting, past, size, row_of_past(experiment, past))
    except Exception:  # the run goes on whatever can be said of its time
        return cost_of(experiment, waiting, past, None)


def span_of(stage: Stage, work: Work | None, past: PastTimes, row: float | None) -> Span:
    """The time of one stage, by what is known best."""
    own = past.of(stage.id)
    same = [earlier for earlier in own if work is not None and earlier.like == work.like]
    if same:
        return _by_past(same, work, "measured")
    others = own or past.kin(stage.id)
    if others:
        return _by_past(others, work, "similar").scaled(0.5, 1.0, 2.0)
    if row is not None and work is not None and _is_rows(stage):
        return _by_rows(stage, work.units * row)
    usual = _TYPICAL[stage.kind]
    return Span(0.3 * usual, usual, 4 * usual, "typical")


def memory_of(works: Mapping[Stage, Work | None], past: PastTimes, size: Size | None) -> Span:
    """MiB of the largest process at its peak.

    A process keeps the peak of the largest stage that it made, and any may make any: the largest
    peak that was seen at these stages here counts. Where they had other work, or another model, it
    is a similar one.
    """
    peaks = [
        (_is_near(earlier, work), earlier.memory)
        for stage, work in works.items()
        for earlier in past.of(stage.id)
        if earlier.memory is not None
    ]
    if near := [memory for is_near, memory in peaks if is_near]:
        most = max(near)
        return Span(0.8 * most, most, 1.3 * most, "measured")
    usual = _usual_memory(size)
    if peaks:
        most = max(*(memory for _, memory in peaks), usual if size is not None else 0.0)
        return Span(0.6 * most, most, 2 * most, "similar")
    return Span(0.7 * usual, usual, 1.3 * usual + _BARE, "typical")


def _usual_memory(size: Size | None) -> float:
    """MiB of a process that has the libraries loaded and works on data of this size."""
    if size is None:
        return _BARE
    data = size.rows * len(size.schema.features) * _NUMBER
    return _BARE + _COPIES * data


def _is_near(earlier: Past, work: Work | None) -> bool:
    if work is None or earlier.like != work.like:
        return False
    return 1 / _NEAR <= _ratio(earlier, work) <= _NEAR


def row_of_past(experiment: Experiment, past: PastTimes) -> float | None:
    """Seconds in which the model of an experiment evaluates one row, by a training before."""
    return row_by_training(past.of("training"), like_of(experiment, Stage("training", "")))


def row_by_training(times: Iterable[Past], like: str) -> float | None:
    """Seconds in which the model evaluates one row, by a training of it in the store.

    None where there is no training, or one so short that starting up is a good part of it.
    """
    for past in times:
        if past.like == like and past.units and past.seconds >= _LONG:
            return past.seconds / past.units / TRAINING_ROW
    return None


def _is_rows(stage: Stage) -> bool:
    """Whether the units of its work are rows that the model evaluates."""
    return stage.kind in {"training", "predictions", "explanations"} or bool(stage.subject)


def _by_rows(stage: Stage, seconds: float) -> Span:
    if stage.kind == "training":  # it may stop early
        seconds *= TRAINING_ROW
        return Span(0.3 * seconds, seconds, 1.5 * seconds + 1, "timed")
    return Span(0.7 * seconds, seconds + 0.05, 3 * seconds + 0.3, "timed")


def _by_past(times: Sequence[Past], work: Work | None, basis: Basis) -> Span:
    """Scaled by the work: part of the time grows with it, but how much is not known."""
    nearest = min(times, key=lambda past: abs(math.log(_ratio(past, work))))
    ratio = _ratio(nearest, work)
    slow, fast = max(ratio, math.sqrt(ratio)), min(ratio, math.sqrt(ratio))
    seconds = max(nearest.seconds, 0.01)
    return Span(0.8 * seconds * fast, seconds * math.sqrt(slow * fast), 1.3 * seconds * slow, basis)


def _ratio(past: Past, work: Work | None) -> float:
    return work.units / past.units if work is not None and past.units else 1.0


def _total(spans: Mapping[str, Span], parallel: int) -> Span:
    """From start to end: some stages one by one, then the others, so many at a time."""
    low = _elapsed({name: span.low for name, span in spans.items()}, parallel)
    expected = _elapsed({name: span.expected for name, span in spans.items()}, parallel)
    return Span(
        low, expected, _elapsed({name: span.high for name, span in spans.items()}, parallel)
    )


def _elapsed(seconds: Mapping[str, float], parallel: int) -> float:
    alone = sum(time for name, time in seconds.items() if ArtifactId(name).kind in _ONE_BY_ONE)
    others = [time for name, time in seconds.items() if ArtifactId(name).kind not in _ONE_BY_ONE]
    return alone + max(sum(others) / parallel, max(others, default=0.0))
