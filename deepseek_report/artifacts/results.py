"""A finished run as its readers see it; all that draws and writes reads only this."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.conclusions import Conclusions
from deepseek_report.artifacts.disclosure import Privacy
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import SKIPPED, Message, Text, from_plain, message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.predictions import SUMMARY, Cases, Predictions, PredictionSummary
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.shared_rows import SharedRows
from deepseek_report.artifacts.split import DataIssue, Split
from deepseek_report.artifacts.storage.files import load_json, load_table
from deepseek_report.artifacts.storage.memory_bound import parse
from deepseek_report.artifacts.storage.plain_files import files_in, read_bytes
from deepseek_report.artifacts.table import Table, TableType
from deepseek_report.artifacts.table_rows import R, fields_of, read_rows
from deepseek_report.errors import ArtifactError, MissingArtifactError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Results:
    """Reads the artifacts of a run lazily; `dataclasses.replace` makes one that differs.

    Parameters
    ----------
    paths : {artifact id: folder or file}. Ids: `data`, `training`, `predictions/test`,
        `predictions/validation`, `cases`, `explanations/<explainer>`, `measures/<metric>` or
        `measures/<metric>/<explainer>`, `conclusions`, `pictures/<visualization>`.
    config : the resolved config.
    failures : {artifact id: reason} for what was asked for and failed.
    refused : {artifact id: reason} for what cannot be applied to this model or data.
    findings : what the report concludes, gravest first; empty before that is known.
    named : ids of `refused` that the configuration names itself; the others come from sets.
    provenance : what the run was made from, see `runner/run_folders/open_run.py`.
    folder : the run folder, in which all paths lie; None where there is none.
    naming : gives schema and tables their names in the language of a reader; None: as stored.
    today : the day of writing, against which dates that people wrote are checked; never printed.
    """

    paths: Mapping[str, Path]
    config: Mapping[str, Any]
    failures: Mapping[str, Text] = field(default_factory=dict)
    refused: Mapping[str, Text] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    named: frozenset[str] = frozenset()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    run_id: str = ""
    folder: Path | None = None
    today: dt.date | None = None
    naming: Callable[[str], str] | None = None
    _measurements: dict[str, Measurement] = field(default_factory=dict, init=False, repr=False)
    #: What others derive from these results again and again, by what it is.
    derived: dict[Hashable, Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        for name in ("paths", "failures", "refused", "provenance"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def with_failures(self, failures: Mapping[str, Text]) -> Results:
        """The same results with further parts that failed, as {artifact id: reason}."""
        return replace(self, failures={**self.failures, **failures}) if failures else self

    @property
    def ids(self) -> list[ArtifactId]:
        """The ids of all artifacts, in config order."""
        return [ArtifactId(artifact) for artifact in self.paths]

    def has(self, artifact: str) -> bool:
        """Whether the artifact, or any below that id, is there."""
        return any(known.is_within(artifact) for known in self.ids)

    @property
    def timed(self) -> list[str]:
        """Ids of the artifacts that measure time or memory, which are records and no results."""
        return [name for name in self.provenance.get("timed", ()) if name in self.paths]

    def names(self, artifact: str) -> list[str]:
        """What lies below an id, in config order: `names("explanations") -> ["shap", …]`."""
        return [name for known in self.ids if (name := known.below(artifact))]

    def explainers_of(self, metric: str) -> list[str]:
        """The explainers that a metric judged one by one, in config order."""
        whole = ArtifactId.measure(metric)
        return [known.subject for known in self.ids if known.is_within(whole) and known.subject]

    def missing(self, needs: frozenset[str]) -> dict[str, Text]:
        """Of these ids the ones that are not there, each with the reason."""
        return {need: self.why_missing(need) for need in sorted(needs) if not self.has(need)}

    def why_missing(self, artifact: str) -> Text:
        """Why an artifact, all below its id, or the stage that would have made it, is not there."""
        made_by = ArtifactId("predictions" if artifact == "cases" else artifact)
        for missing, reason in {**self.failures, **self.refused}.items():
            if ArtifactId(missing).is_within(artifact) or made_by.is_within(missing):
                return reason
        return message("refusals.not_asked_for")

    @property
    def skipped(self) -> list[ArtifactId]:
        """What the study chooses and a report such as the quick one leaves out."""
        return [ArtifactId(part) for part, reason in self.refused.items() if reason == SKIPPED]

    def path_of(self, artifact: str) -> Path:
        """Where the artifact with exactly this id lies.

        Raises MissingArtifactError: it is not there.
        """
        if artifact not in self.paths:
            raise MissingArtifactError(artifact)
        return self.paths[artifact]

    def failed_below(self, artifact: str) -> dict[str, Text]:
        """What was asked for and failed of this artifact, as {artifact id: reason}."""
        return {
            failed: reason
            for failed, reason in self.failures.items()
            if ArtifactId(failed).is_within(artifact)
        }

    @property
    def printed_day(self) -> str:
        """The day of the run, YYYY-MM-DD; empty where the config lets no times be printed."""
        record = self.provenance.get("record")
        day = record.day if isinstance(record, RunRecord) else None
        return day.isoformat() if day and self.config.get("measure_time") else ""

    @property
    def digests(self) -> Mapping[str, str]:
        """{what the run was made from, such as "data": its SHA-256}, as far as it is recorded."""
        return self.provenance.get("digests") or {}

    @property
    def manifest(self) -> Mapping[str, str]:
        """{file of the run folder: its SHA-256}, as far as they are recorded."""
        return self.provenance.get("manifest") or {}

    @property
    def stages(self) -> Sequence[Mapping[str, Any]]:
        """What is recorded of each stage, such as its `id` and the `seconds` that it took."""
        return self.provenance.get("stages") or ()

    @property
    def command(self) -> Mapping[str, Any]:
        """How the run was called: the `program`, and as far as they are recorded its `overrides`,
        the `variables` and the `files` that it read.
        """
        return self.provenance.get("command") or {"program": ["deepseek-report"]}

    # --- data ---
    @cached_property
    def schema(self) -> Schema:
        stored = Schema.load(self.path_of("data"))
        return stored.renamed(self.naming) if self.naming else stored

    @cached_property
    def card(self) -> dict[str, Any]:
        return self._stored("data", "card.json")

    def _stored(self, artifact: str, file: str) -> dict[str, Any]:
        """A mapping that an artifact holds, with its messages."""
        return dict(from_plain(load_json(self.path_of(artifact) / file)))

    @cached_property
    def issues(self) -> list[DataIssue]:
        return list(map(DataIssue.from_json, load_json(self.path_of("data") / "issues.json")))

    @cached_property
    def test(self) -> Split:
        return Split.load(self.path_of("data") / "test.npz")

    def written(self, position: int, player: int) -> str:
        """Words of a tested text as they were written; empty where no folder holds that."""
        if not self.has_rows or self.test.texts is None:
            return ""
        return self.test.texts.words(position, np.flatnonzero(self.schema.owners == player))

    # --- model ---
    @cached_property
    def history(self) -> pd.DataFrame:
        return load_table(self.path_of("training") / "history.parquet")

    @cached_property
    def training(self) -> dict[str, Any]:
        return self._stored("training", "training.json")

    @cached_property
    def training_time(self) -> dict[str, Any]:
        """Durations of the training; empty where the run was told not to measure time."""
        timing = self.path_of("training") / "times.json"
        return dict(load_json(timing)) if timing.exists() else {}

    @cached_property
    def architecture(self) -> dict[str, Any]:
        return self._stored("training", "architecture.json")

    @cached_property
    def predictions(self) -> Predictions:
        return Predictions.load(self.path_of("predictions/test"))

    @property
    def has_rows(self) -> bool:
        """Whether the rows of the test part, and what was said of each, are there."""
        folder = self.paths.get("predictions/test")
        return folder is not None and not (folder / SUMMARY).is_file()

    @cached_property
    def predicted(self) -> PredictionSummary:
        """The predictions of the test part in numbers; also where their rows are not told."""
        if self.has_rows:
            return PredictionSummary.of(self.predictions)
        return PredictionSummary.load(self.path_of("predictions/test"))

    @property
    def report(self) -> Mapping[str, Any]:
        """The options of its report; empty where none are recorded."""
        options: Mapping[str, Any] | None = self.config.get("report")
        return options or {}

    @cached_property
    def privacy(self) -> Privacy:
        """What this run's folder may hold of single persons."""
        return Privacy.of(self.report)

    @cached_property
    def cases(self) -> Cases:
        return Cases.load(self.path_of("cases"))

    # --- explanations and measurements ---
    @cached_property
    def explanations(self) -> dict[str, Explanation]:
        return {
            name: Explanation.load(self.path_of(ArtifactId.explanation(name)))
            for name in self.names("explanations")
        }

    def measurement(self, metric: str, explainer: str = "") -> Measurement | None:
        key = ArtifactId.measure(metric, explainer)
        if key not in self.paths:
            return None
        if key not in self._measurements:
            self._measurements[key] = Measurement.load(self.paths[key])
        return self._measurements[key]

    def table(self, metric: str, name: str) -> pd.DataFrame | None:
        """A table of a metric; those of several explainers are stacked."""
        return self._table(metric, name)

    def _table(self, metric: str, name: str, codes: Collection[str] = ()) -> pd.DataFrame | None:
        """The same; codes : columns whose cells are words of the code, and no names."""
        frames = [each.tables[name] for each in self._each(metric) if name in each.tables]
        if not frames:
            return None
        import pandas as pd

        whole = pd.concat(frames, ignore_index=True)
        return _renamed(whole, self.naming, codes) if self.naming else whole

    def rows(self, metric: str, name: str, of: type[R]) -> list[R]:
        """The rows of a metric's table, see `read_rows`; none where the table is not there."""
        key = ("rows", metric, name, of)
        if key not in self.derived:
            row_class: type = of
            frame = self._table(metric, name, [f.column for f in fields_of(row_class) if f.allowed])
            table = f"{metric}/{name}"
            self.derived[key] = [] if frame is None else read_rows(frame, of, table)
        return list(self.derived[key])

    def typed_table(self, metric: str, name: str) -> Table | None:
        """The same with what its columns mean, as far as that can be told; None without it."""
        frame = self.table(metric, name)
        if frame is None:
            return None
        declared = (each.types[name] for each in self._each(metric) if name in each.types)
        return Table(frame, next(declared, None) or TableType.of_frame(frame))

    def tables_of(self, section: str) -> list[tuple[str, str]]:
        """Metric and name of each table that this section shows, in config order."""
        shown = (
            (artifact.name, name)
            for artifact, measured in self._measured
            for name, declared in measured.types.items()
            if declared.section == section
        )
        return list(dict.fromkeys(shown))

    def arrays(self, metric: str) -> Mapping[str, Floats]:
        measurement = self.measurement(metric)
        return measurement.arrays if measurement else {}

    def notes(self, metric: str) -> list[Text]:
        return [note for measurement in self._each(metric) for note in measurement.notes]

    def _each(self, metric: str) -> list[Measurement]:
        """What a metric measured: of each explainer that it judges one by one, or once."""
        measured = (self.measurement(metric, each) for each in self.explainers_of(metric) or [""])
        return [measurement for measurement in measured if measurement is not None]

    @property
    def measurements(self) -> list[Measurement]:
        """Everything that was measured, in config order."""
        return [measurement for _, measurement in self._measured]

    @property
    def _measured(self) -> list[tuple[ArtifactId, Measurement]]:
        """Everything that was measured, with its id."""
        known = [part for part in self.ids if part.kind == "measures" and part.name]
        loaded = ((part, self.measurement(part.name, part.subject)) for part in known)
        return [(part, measured) for part, measured in loaded if measured is not None]

    @cached_property
    def all_scores(self) -> list[Score]:
        return [score for measurement in self.measurements for score in measurement.scores]

    @cached_property
    def _scores_of(self) -> Mapping[str, list[Score]]:
        """{metric: its scores}."""
        scores: dict[str, list[Score]] = {}
        for score in self.all_scores:
            scores.setdefault(score.metric, []).append(score)
        return scores

    def find(self, metric: str, **where: str) -> list[Score]:
        """Scores of this metric whose fields have these values, e.g. `explainer="shap"`."""
        return [
            score
            for score in self._scores_of.get(metric, ())
            if all(getattr(score, k) == v for k, v in where.items())
        ]

    def sources(self, metric: str, explainer: str = "") -> tuple[str, ...]:
        """The artifacts that hold scores of this metric, e.g. `measures/deletion/shap`."""
        holders = self._holders.get(metric, {})
        return tuple(
            part for part, judged in holders.items() if not explainer or explainer in judged
        )

    @cached_property
    def _holders(self) -> Mapping[str, dict[ArtifactId, set[str]]]:
        """{metric: {artifact that holds scores of it: the explainers that these judge}}."""
        holders: dict[str, dict[ArtifactId, set[str]]] = {}
        for artifact, measured in self._measured:
            for score in measured.scores:
                judged = holders.setdefault(score.metric, {}).setdefault(artifact, set())
                judged.add(score.explainer)
        return holders

    def score(self, metric: str, **where: str) -> Score | None:
        """The one score of the model itself, unless `where` names another subject."""
        subject = {"predictor": "model", "explainer": "", "attribute": "", "level": "", "slice": ""}
        scores = self.find(metric, **{**subject, **where})
        return scores[0] if scores else None

    # --- conclusions and pictures ---
    @cached_property
    def conclusions(self) -> Conclusions:
        """What was concluded before the pictures were drawn."""
        return Conclusions.load(self.path_of("conclusions"))

    @cached_property
    def pictures(self) -> dict[str, Picture]:
        """Every picture by its own name."""
        return {
            path.stem: Picture.load(folder, path.stem)
            for name in self.names("pictures")
            for folder in [self.path_of(ArtifactId.picture(name))]
            for path in files_in(folder, ".svg")
        }


def _renamed(
    table: pd.DataFrame, naming: Callable[[str], str], codes: Collection[str]
) -> pd.DataFrame:
    """The table with every text in its cells, but of codes, as the reader's language names it."""
    texts = table.select_dtypes(exclude=["number", "bool"]).drop(columns=codes, errors="ignore")
    named = texts.map(lambda cell: naming(cell) if isinstance(cell, str) else cell)
    return table.assign(**{str(column): named[column] for column in named})


# When a run was made and from which checkout: the record `provenance.json` of a run folder.

PROVENANCE = "provenance.json"
_MOST_BYTES = 1_000_000


@dataclass(frozen=True)
class RunRecord:
    """What the record holds; a part that it lacks is None or empty.

    started, finished : with their time zone. git : revision of the checkout that the run was
    started in. problem : why there is nothing to read, where that is so.
    """

    started: dt.datetime | None = None
    finished: dt.datetime | None = None
    git: str = ""
    problem: Message | None = None

    @property
    def day(self) -> dt.date | None:
        """The day on which the run was started, in the record's own time zone."""
        return self.started.date() if self.started else None


def read_record(folder: Path) -> RunRecord:
    """The record of a run folder; one that is not well-formed counts as absent, with the reason."""
    path = folder / PROVENANCE
    try:
        if path.is_symlink():
            problem = message("compliance.record.link", file=PROVENANCE)
        elif not path.is_file():
            problem = message("compliance.record.missing", file=PROVENANCE)
        elif path.lstat().st_size > _MOST_BYTES:
            problem = message("compliance.record.too_large", file=PROVENANCE, most=_MOST_BYTES)
        else:
            return _parse(parse(path, read_bytes(path, _MOST_BYTES)))
    except OSError as error:
        problem = message("compliance.record.unreadable", file=PROVENANCE, reason=error.strerror)
    except (ValueError, ArtifactError):
        problem = message("compliance.record.malformed", file=PROVENANCE)
    return RunRecord(problem=problem)


def _parse(data: object) -> RunRecord:
    git = (data.get("git") or "") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(git, str):
        raise ValueError("no object, or its revision is no text")
    return RunRecord(_time(data.get("started")), _time(data.get("finished")), git)


def _time(value: object) -> dt.datetime | None:
    if value is None or value == "":
        return None
    moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else None
    if moment is None or moment.tzinfo is None:
        raise ValueError("no time with a time zone")
    return moment


# One or several runs for everything that draws and writes; a report of one is a study of one.

#: Settings that only say what a run is called.
_NAMES = frozenset({"name", "report.title", "report.subtitle"})
#: What a key is in a run that has it not.
ABSENT = "–"


@dataclass(frozen=True)
class Study:
    """Runs to be read together, in the order in which they were named.

    Raises ValueError: there is no run.
    """

    runs: tuple[Results, ...]

    def __post_init__(self) -> None:
        if not self.runs:
            raise ValueError("a study holds at least one run")

    @classmethod
    def of(cls, *runs: Results) -> Study:
        return cls(runs)

    def __len__(self) -> int:
        return len(self.runs)

    def __iter__(self) -> Iterator[Results]:
        return iter(self.runs)

    @property
    def single(self) -> Results:
        """The only run; raises ValueError: there are several."""
        if len(self.runs) != 1:
            raise ValueError(f"a study of {len(self.runs)} runs has no single one")
        return self.runs[0]

    @property
    def names(self) -> tuple[str, ...]:
        """The id of each run."""
        return tuple(run.run_id for run in self.runs)

    @cached_property
    def varying(self) -> dict[str, tuple[object, ...]]:
        """{dotted key of the config: its value in each run}, of the keys that differ alone.

        A key that a run has not is "–" there.
        """
        flat = [dict(flat_config(run.config)) for run in self.runs]
        keys = dict.fromkeys(key for config in flat for key in config)
        values = {key: tuple(config.get(key, ABSENT) for config in flat) for key in keys}
        return {key: each for key, each in values.items() if any(v != each[0] for v in each)}

    @cached_property
    def shared(self) -> SharedRows:
        """The test rows that all runs have in common; none where they predict different things."""
        targets = [run.schema.target for run in self.runs]
        if len({(target.task, target.classes) for target in targets}) == 1:
            rows = SharedRows.of([(run.schema, run.test) for run in self.runs])
            if len({target.name for target in targets}) == 1 or len(rows) == min(rows.tested):
                return rows  # labels of another name are the same where they are for every row
        nothing = np.zeros((len(self), 0), dtype=np.int64)
        return SharedRows(nothing, tuple(len(run.predictions) for run in self.runs))

    @cached_property
    def paired(self) -> list[Predictions]:
        """What each run says of the rows that all have in common, row by row."""
        rows = zip(self.runs, self.shared.positions, strict=True)
        return [run.predictions.take(positions) for run, positions in rows]

    @cached_property
    def same_target(self) -> bool:
        """Whether all runs predict the same."""
        first = self.runs[0].schema.target
        known = (first.task, first.name, first.classes)
        targets = (run.schema.target for run in self.runs)
        same = all((each.task, each.name, each.classes) == known for each in targets)
        return same or self.shared.suffice

    @cached_property
    def same_seeds(self) -> bool:
        """Whether all runs drew from the same seeds."""
        return not any(key in {"seed", "seeds"} or key.startswith("seeds.") for key in self.varying)


def flat_config(config: Mapping[str, object], above: str = "") -> Iterator[tuple[str, object]]:
    """{dotted key: value} of a config, without what a run is only called and what holds nothing."""
    for key, value in config.items():
        name = f"{above}.{key}" if above else str(key)
        if isinstance(value, Mapping):
            yield from flat_config(value, name)
        elif name not in _NAMES:
            yield name, value
