"""Everything that can be known of an experiment before it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deepseek_report.artifacts.files import load_json
from deepseek_report.artifacts.numbers import count, plural
from deepseek_report.artifacts.protocols.explainers import SuitsModel
from deepseek_report.artifacts.protocols.models import capabilities_of
from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.schema import Schema
from deepseek_report.config.experiment import Experiment
from deepseek_report.config.problems import ConfigProblems
from deepseek_report.config.thresholds import against_data
from deepseek_report.runner.plan import Stage, make_plan, run_id
from deepseek_report.store import Store


@dataclass(frozen=True)
class Expected:
    """One stage: whether the store has it, and how many rows its model calls evaluate."""

    id: str
    cached: bool
    calls: int | None = None


@dataclass(frozen=True)
class Forecast:
    """The plan of an experiment. data : sentences on the data; refused : (artifact, reason)."""

    experiment: str
    run_id: str
    data: Sequence[str]
    stages: Sequence[Expected]
    refused: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class _Size:
    schema: Schema
    rows: int
    test: int
    train: int
    issues: int


def forecast(experiment: Experiment) -> Forecast:
    """The plan; reads the data if the store does not have it, and raises DataError if it is bad."""
    store = Store(Path(experiment.settings.paths.store).absolute())
    stages = make_plan(experiment)
    size = _size(experiment, store, stages[0])
    if problems := against_data(experiment, size.schema):
        raise ConfigProblems(problems)
    expected = [
        Expected(one.id, one.folder(store) is not None, _calls(experiment, one, size))
        for one in stages
    ]
    data = [
        f"{count(size.rows)} rows, {count(size.test)} of them to test on; "
        f"{plural(len(size.schema.features), 'feature')}; "
        f"{plural(size.issues, 'issue')} found in the data"
    ]
    refused = [(one.artifact, one.reason) for one in experiment.refused]
    return Forecast(experiment.name, run_id(experiment, stages), data, expected, refused)


def _size(experiment: Experiment, store: Store, stage: Stage) -> _Size:
    folder = stage.folder(store)
    if folder is None:
        dataset = experiment.single["dataset"].load(experiment.settings.seed, Silent())
        schema, card, issues = dataset.schema, dataset.card, len(dataset.issues)
    else:
        schema = Schema.from_json(load_json(folder / "schema.json"))
        card, issues = load_json(folder / "card.json"), len(load_json(folder / "issues.json"))
    parts = {one["part"]: int(one["n"]) for one in card["parts"]}
    rows = int(card["rows"])
    return _Size(schema, rows, parts["test"], parts["train"], issues)


def _calls(experiment: Experiment, stage: Stage, size: _Size) -> int | None:
    if stage.kind != "explanations":
        return None
    options = experiment.settings.explain
    explainer = experiment.multiple["explainers"][stage.name]
    if isinstance(explainer, SuitsModel):
        explainer = explainer.suited_to(
            capabilities_of(experiment.single["model"], size.schema), size.schema
        )
    instances, background = min(options.instances, size.test), min(options.background, size.train)
    players = len(size.schema.player_labels)
    return int(explainer.planned_calls(instances, players, background))
