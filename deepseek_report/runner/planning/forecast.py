"""Everything that can be known of an experiment before it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import Text, from_plain, message
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.protocols.sections import Fit
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import PARTS, DataIssue, Dataset, Part, Split
from deepseek_report.artifacts.storage.files import dump_json, load_json
from deepseek_report.artifacts.storage.plain_files import make_folder, sha256_file, write_bytes
from deepseek_report.compliance.applicability import without_law
from deepseek_report.compliance.framework import FrameworkChoice, framework_ids
from deepseek_report.compliance.seal import SEAL_FILE, seal_content
from deepseek_report.config.experiment import Experiment
from deepseek_report.config.rules import pick_device
from deepseek_report.data_kinds import kind_of
from deepseek_report.errors import ConfigError, DeepseekReportError
from deepseek_report.extension import service
from deepseek_report.models.transformers.pretrained import Pretrained
from deepseek_report.provenance import signatures
from deepseek_report.runner.planning.against_data import not_judged, refuse_misfits
from deepseek_report.runner.planning.cost import Cost, PastTimes, cost_of, row_of_past, span_of
from deepseek_report.runner.planning.plan import (
    TRAINING_BEFORE,
    Stage,
    data_stage,
    make_plan,
    recorded_config,
    run_id,
)
from deepseek_report.runner.planning.recommending import decided
from deepseek_report.runner.planning.work import Size, background_of, calls_of, work_of
from deepseek_report.store import Store


@dataclass(frozen=True)
class Expected:
    """One stage: whether the store has it, and how many rows its model calls evaluate."""

    id: str
    cached: bool
    calls: int | None = None


@dataclass(frozen=True)
class DataSeen:
    """The data as they are understood: columns, target, card and what the checks found.

    favourable : the class that was declared good for the person concerned, None where none was.
    """

    schema: Schema
    card: Mapping[str, Any]
    issues: Sequence[DataIssue]
    favourable: str | None

    @property
    def size(self) -> Size:
        return Size.of(self.schema, self.card)


@dataclass(frozen=True)
class Forecast:
    """The plan of an experiment.

    chosen : {explainer: why a recommender chose it so}. evaluations : rows that it had to spend.
    refused, unfit : (artifact, reason) of what is left out; unfit is what the config names itself.
    causes : the declared graph, None without.
    question : what explanations are to compare with; answered : whether one of them can.
    frameworks : (id, how it stands to the declared use, whether it is chosen) of those that are
        chosen, and of those that are near to what is declared; empty where no place is declared.
        without_law : declared places for which in particular none of all frameworks is made.
    whole : its report is there. trainings : of a cross-validation, that the store does not have.
    corrections : what each of them will do.
    """

    experiment: str
    run_id: str
    data: DataSeen
    stages: Sequence[Expected]
    chosen: Mapping[str, Text]
    evaluations: int | None
    refused: Sequence[tuple[str, Text]]
    unfit: Sequence[tuple[str, Text]]
    cost: Cost
    whole: bool
    trainings: int
    language: str
    question: Text
    answered: bool
    causes: object = None
    corrections: Sequence[Text] = ()
    frameworks: Sequence[tuple[str, Fit, bool]] = ()
    without_law: Sequence[str] = ()


def forecast(experiment: Experiment) -> Forecast:
    """The plan; reads the data if the store does not have it, and raises DataError if it is bad."""
    store = Store(experiment.store)
    dataset, data = _read(experiment, store, data_stage(experiment))
    size = data.size
    experiment = decided(experiment, size)
    stages = make_plan(experiment)
    parts = _parts(dataset, stages[0].folder(store))
    folders = {stage.id: stage.folder(store) for stage in stages}
    refuse_misfits(experiment, data.schema, parts, folders.get(TRAINING_BEFORE))
    stored = {name: folder is not None for name, folder in folders.items()}
    identity = run_id(experiment, stages)
    refused, unfit = _left_out(experiment)
    declared = experiment.settings.causal
    return Forecast(
        experiment=experiment.name,
        run_id=identity,
        data=data,
        stages=[
            Expected(stage.id, stored[stage.id], _calls(experiment, stage, size))
            for stage in stages
        ],
        chosen=from_plain(experiment.settings.explain.reasons),
        evaluations=experiment.settings.explain.evaluations,
        refused=[*refused, *not_judged(experiment, data.schema)],
        unfit=unfit,
        cost=_cost(
            experiment, [stage for stage in stages if not stored[stage.id]], store, dataset, size
        ),
        trainings=_trainings(experiment, stored),
        whole=(experiment.reports / experiment.name / identity / "run.json").is_file(),
        language=experiment.report.language,
        question=kind_of(data.schema).compared(
            experiment.question(data.schema), background_of(experiment, size)
        ),
        answered=_answered(experiment, data.schema),
        causes=declared and service("causal").DeclaredGraph.of(declared, data.schema),
        corrections=_corrections(experiment, data.schema, parts),
        frameworks=list(_frameworks(experiment, str(data.card.get("sector") or ""))),
        without_law=without_law(
            experiment.report.places,
            (choice.load().applies for choice in _all_frameworks(experiment).values()),
        ),
    )


def _corrections(
    experiment: Experiment, schema: Schema, load: Callable[[Part], Split]
) -> list[Text]:
    """What each correction will do, in the order in which they were declared."""
    if not experiment.corrections:
        return []
    parts: dict[str, Any] = {part: load(part) for part in PARTS}
    read = Dataset(schema, **parts, card={})
    resolved = service("corrections").resolved_corrections(experiment, read)
    ways = {id(each.item): each.how for each in resolved.cues}
    return [
        message(
            "corrections.planned",
            kind=item.kind,
            names=[str(name) for name in item.names],
            row=item.row,
            label=str(item.label),
            rule=item.rule,
            text=item.text,
            remove=item.remove,
            how=ways.get(id(item), ""),
            by=item.by,
            network=resolved.sort == "network",
        )
        for item in experiment.corrections
    ]


def _frameworks(experiment: Experiment, sector: str) -> Iterator[tuple[str, Fit, bool]]:
    """See `Forecast.frameworks`."""
    places = experiment.report.places
    if not places:
        return
    chosen = {choice.id for choice in experiment.frameworks.values()}
    for name, choice in _all_frameworks(experiment).items():
        stands = choice.fit(sector, places)
        if name in chosen or stands.near or stands.applies:
            yield name, stands, name in chosen


def _all_frameworks(experiment: Experiment) -> dict[str, FrameworkChoice]:
    """{id: choice} of those that are chosen, and of the shipped ones that are not."""
    chosen = {choice.id: choice for choice in experiment.frameworks.values()}
    return chosen | {name: FrameworkChoice(name) for name in framework_ids() if name not in chosen}


def _answered(experiment: Experiment, schema: Schema) -> bool:
    """Whether an explanation may answer the question of the run; also where none is asked for."""
    explainers, question = experiment.explainers, experiment.question(schema)
    games = [each.games for each in explainers.values()]
    judged = [own for own in games if own != frozenset()]
    return not judged or any(own is None or question in own for own in judged)


def _trainings(experiment: Experiment, stored: Mapping[str, bool]) -> int:
    """How often a cross-validation still trains the model."""
    waiting = any(
        "folds" in metric.reads and not stored[ArtifactId.measure(name)]
        for name, metric in experiment.metrics.items()
    )
    return (experiment.settings.split.folds or 0) if waiting else 0


def _left_out(experiment: Experiment) -> tuple[list[tuple[str, Text]], list[tuple[str, Text]]]:
    """What sets brought along and what files name that cannot be applied, with the reasons."""
    reasons = [(refusal.artifact, refusal.reason) for refusal in experiment.refused]
    named = [entry for entry in reasons if experiment.is_named(entry[0])]
    return [entry for entry in reasons if entry not in named], named


def _parts(dataset: Dataset | None, folder: Path | None) -> Callable[[Part], Split]:
    """Gives the rows of a part, from the data set that was read or from the store."""
    if dataset is not None:
        return partial(getattr, dataset)
    if folder is None:
        raise RuntimeError("the data are read before they are looked at")
    return lambda part: Split.load(folder / f"{part}.npz")


def _read(experiment: Experiment, store: Store, stage: Stage) -> tuple[Dataset | None, DataSeen]:
    """The data set, if it had to be read, and what is seen of it."""
    plugin, folder = experiment.dataset, stage.folder(store)
    dataset: Dataset | None = None
    if folder is None:
        dataset = plugin.load(experiment.seeds.data, Silent())
        schema, card, issues = dataset.schema, dataset.card, dataset.issues
    else:
        schema = Schema.load(folder)
        card = from_plain(load_json(folder / "card.json"))
        issues = tuple(map(DataIssue.from_json, load_json(folder / "issues.json")))
    return dataset, DataSeen(schema, card, issues, _favourable(schema))


def data_as_seen(experiment: Experiment, store: Store) -> DataSeen:
    """The data as they are understood; read if the store does not have them."""
    return _read(experiment, store, data_stage(experiment))[1]


def _favourable(schema: Schema) -> str | None:
    """The class that was declared good for the person concerned."""
    target = schema.target
    return None if target.favourable is None else target.classes[target.favourable]


def _calls(experiment: Experiment, stage: Stage, size: Size) -> int | None:
    if stage.kind != "explanations":
        return None
    return calls_of(experiment, stage.name, size)


def _cost(
    experiment: Experiment,
    waiting: Sequence[Stage],
    store: Store,
    dataset: Dataset | None,
    size: Size,
) -> Cost:
    """What is still to be computed; the model is timed only where the store tells too little."""
    if not waiting:
        return Cost()
    past = PastTimes(store.root)
    row = row_of_past(experiment, past)
    if row is None and _needs_a_row(experiment, waiting, past, size):
        dataset = dataset or _stored(experiment, store)
        row = seconds_of_a_row(experiment, dataset, pick_device(experiment.settings.device))
    return cost_of(experiment, waiting, past, size, row)


def _needs_a_row(
    experiment: Experiment, waiting: Sequence[Stage], past: PastTimes, size: Size
) -> bool:
    """Whether some explanation or training would be a guess without a timing of the model."""
    heavy = [stage for stage in waiting if stage.kind in {"training", "explanations"}]
    spans = (span_of(stage, work_of(experiment, stage, size), past, None) for stage in heavy)
    return any(span.basis == "typical" for span in spans)


def _stored(experiment: Experiment, store: Store) -> Dataset:
    folder = data_stage(experiment).folder(store)
    if folder is None:
        raise RuntimeError("the data are read before the model is timed")
    return Dataset.load(folder)


# Times the model of a plan on rows of its data: a counted number of passes, about a second.

#: Rows of one pass, and passes; fewer where a pass is slow.
_ROWS, _PASSES, _SECONDS = 256, 5, 0.7


def seconds_of_a_row(experiment: Experiment, dataset: Dataset, device: str) -> float | None:
    """Seconds in which the model, built with fresh weights, evaluates one row.

    None where that says nothing: an estimator must be fitted first, and a checkpoint is not loaded
    for a guess.
    """
    model = experiment.model
    if isinstance(model, Pretrained) and model.checkpoint is not None:
        return None
    if model.own_trainer() is not None:
        return None
    from deepseek_report.runner.execution.workers import one_thread

    try:
        with one_thread():
            module = model.build(dataset.schema, dataset.train, experiment.seeds.training)
            return _time_passes(model.wrap(module, dataset.schema, device), dataset)
    except (DeepseekReportError, RuntimeError, ValueError):
        return None  # the run itself will say what is wrong with the model


def _time_passes(classifier: Classifier, dataset: Dataset) -> float:
    inputs = dataset.test.inputs
    rows = inputs[np.arange(_ROWS) % len(inputs)]
    best, begun = float("inf"), time.perf_counter()
    for _ in range(_PASSES):  # the first one warms up
        started = time.perf_counter()
        classifier.logits(rows)
        best = min(best, time.perf_counter() - started)
        if time.perf_counter() - begun > _SECONDS:
            break
    return best / _ROWS


#: What a model did with the test part: a seal after it would prove nothing.
_RESULTS = frozenset({"predictions", "explanations", "measures", "conclusions"})


def seal_experiment(
    experiment: Experiment, key: str = "", out: Path | None = None
) -> tuple[Path, str]:
    """Write the seal of an experiment, and its signature beside it where a key is named.

    Returns the file of the seal, and its SHA-256.

    Raises ConfigError: results of this plan exist already, the key cannot be used, or another seal
        is there.
    """
    signer = signatures.signing_key(key) if key else None
    store = Store(experiment.store)
    data = data_as_seen(experiment, store)
    experiment = decided(experiment, data.size)
    stages = make_plan(experiment)
    run_id(experiment, stages)  # reads a policy of one's own, and refuses what is none
    existing = [s.id for s in stages if ArtifactId(s.id).kind in _RESULTS and s.folder(store)]
    if existing:
        raise ConfigError(
            f"check --seal: results of this plan exist already ({', '.join(existing[:3])}), so a "
            "seal would prove nothing. Seal before the first run, or seal what is still to be made"
        )
    keys = {stage.id: stage.key for stage in stages}
    policy = experiment.report.policy
    frameworks = tuple(experiment.frameworks.values())
    config = recorded_config(experiment)
    seal = seal_content(config, frameworks, keys.get("data", ""), data.schema, policy)
    text = dump_json(seal.to_json()).encode()
    path = out or experiment.reports / experiment.name / "seal.json"
    if path.exists():
        raise ConfigError(
            f"{path}: a seal is there already, and none is ever replaced; name another file by "
            "--out, or keep the one that is there"
        )
    make_folder(path.parent)
    write_bytes(path, text, links=True)
    digest = sha256_file(path, links=True)
    if signer is not None:
        payload = signatures.statement(
            {SEAL_FILE: digest}, signatures.SEAL_PREDICATE, seal.to_json()
        )
        envelope = signatures.sealed_envelope(payload, signer)
        write_bytes(path.with_name(f"{path.stem}.dsse.json"), envelope, links=True)
    return path, digest
