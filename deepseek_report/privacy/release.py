"""Copies of finished stages that hold no more of single persons than `report.privacy` allows.

What is copied is named here, stage by stage and file by file; a file that nobody names stays in the
store.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from deepseek_report.artifacts.disclosure import Privacy
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message, plain, text_of
from deepseek_report.artifacts.predictions import PredictionSummary
from deepseek_report.artifacts.schema import Category, Feature, Schema, as_vocabulary
from deepseek_report.artifacts.split import DataIssue
from deepseek_report.artifacts.storage.files import load_json, save_json
from deepseek_report.artifacts.storage.plain_files import copy_file, make_folder
from deepseek_report.config.experiment import Experiment
from deepseek_report.data_kinds import kind_of
from deepseek_report.privacy.measures import is_private, released_measurement, without_private
from deepseek_report.privacy.withheld import Relation, RunSource, suppress
from deepseek_report.store import copy_tree
from deepseek_report.wording.words import wording

#: Stands for a row number that a run folder must not hold; no config with it is accepted.
WITHHELD = "withheld"
_CASES = "report.cases"


def told_config(config: Mapping[str, Any], privacy: Privacy) -> dict[str, object]:
    """The config as the run folder holds it."""
    if privacy.is_full or not privacy.named:
        return dict(config)
    return {**config, "report": {**config["report"], "cases": [WITHHELD] * privacy.named}}


def told_overrides(overrides: Sequence[str], privacy: Privacy) -> list[str]:
    """The overrides that repeat the run, as the run folder holds them."""
    if privacy.is_full:
        return list(overrides)
    hidden = f"{_CASES}=[{','.join([WITHHELD] * privacy.named)}]"
    return [hidden if text.lstrip("+~").startswith(_CASES) else text for text in overrides]


def told_reason(reason: Text, privacy: Privacy, source: RunSource | None, *, failed: bool) -> Text:
    """Why a part is missing, without what quotes the data or counts few instances.

    failed : it broke, so that the reason may quote any value; a part that refuses words its own.
    """
    quotes = failed or source is None or is_private(reason, source)
    return message("refusals.withheld", level=privacy.level) if quotes else reason


#: Stages that read copies like these; pictures by plug-ins that say what they show.
MADE_FROM_RELEASED = frozenset({"conclusions", "pictures"})
#: Files of a training folder that hold nothing of single rows. Weights are not among them: they
#: hold means, ends and rare values of columns, and of some models training rows.
_OF_TRAINING = ("history.parquet", "training.json", "architecture.json", "timing.json")
#: What is told of how a model is made. A list of rules is not: its conditions hold the codes of
#: every value, also of those that few have; the `rules` metric tells it in words.
_OF_ARCHITECTURE = ("name", "summary", "parameters", "layers")


def release(stages: Mapping[str, Path], experiment: Experiment, folder: Path) -> dict[str, Path]:
    """Copy what may leave the store.

    stages : {stage: its folder in the store}; `data` must be among them.
    experiment : says the level, and holds the plug-ins with what they declare.
    folder : where the copies go.

    Returns
    -------
    {stage: its copy}; a stage of which nothing may be told is not among them.
    """
    copied: dict[str, Path] = {}
    if "data" not in stages:
        return copied
    source = source_of(stages, experiment.privacy)
    for stage, path in stages.items():
        target = folder / stage
        _release_stage(_Stage(stage, path, target), experiment, source)
        if target.is_dir():
            copied[stage] = target
    return copied


@contextmanager
def released(stages: Mapping[str, Path], experiment: Experiment) -> Iterator[dict[str, Path]]:
    """The same copies in a folder that is there inside of the block alone."""
    with tempfile.TemporaryDirectory(prefix="deepseek-report-") as folder:
        yield release(stages, experiment, Path(folder))


def source_of(stages: Mapping[str, Path], privacy: Privacy) -> RunSource:
    """What the filter needs to know, from the stages as the store holds them."""
    return RunSource.of(stages["data"], stages.get("predictions"), privacy)


@dataclasses.dataclass(frozen=True)
class _Stage:
    id: str
    source: Path
    target: Path


def _release_stage(stage: _Stage, experiment: Experiment, source: RunSource) -> None:
    artifact = ArtifactId(stage.id)
    kind, name = artifact.kind, artifact.name
    if kind == "data":
        _data(stage, source)
    elif kind == "training":
        _training(stage, source)
    elif kind == "predictions":
        _predictions(stage, source)
    elif kind == "explanations":
        _explanation(stage, source)
    elif kind == "measures":
        measurement = Measurement.load(stage.source)
        plugin = experiment.metrics[name]
        released_measurement(measurement, plugin, source).save(stage.target)
    elif kind in MADE_FROM_RELEASED:
        copy_tree(stage.source, stage.target)


def _data(stage: _Stage, source: RunSource) -> None:
    dataset = source.dataset
    save_json(stage.target / "schema.json", released_schema(dataset.schema, source).to_json())
    save_json(stage.target / "card.json", plain(released_card(dataset.card, source)))
    issues = [issue.to_json() for issue in released_issues(dataset.issues, source)]
    save_json(stage.target / "issues.json", issues)


def _training(stage: _Stage, source: RunSource) -> None:
    make_folder(stage.target)
    for name in _OF_TRAINING:
        if (stage.source / name).is_file():
            copy_file(stage.source / name, stage.target / name)
    facts = stage.target / "training.json"
    if facts.is_file():
        recorded = load_json(facts)
        notes = without_private(map(text_of, recorded.get("notes") or []), source)
        save_json(facts, {**recorded, "notes": plain(notes)})
    architecture = stage.target / "architecture.json"
    if architecture.is_file():
        described = load_json(architecture)
        save_json(architecture, {k: described[k] for k in _OF_ARCHITECTURE if k in described})


def _predictions(stage: _Stage, source: RunSource) -> None:
    """How many there are, the rule and the rates of the test part; no row."""
    if source.predictions is not None:
        PredictionSummary.of(source.predictions).save(stage.target / "test")


def _explanation(stage: _Stage, source: RunSource) -> None:
    hollow(Explanation.load(stage.source), source).save(stage.target)


def hollow(explanation: Explanation, source: RunSource) -> Explanation:
    """The explanation without its rows: how it was made, of how many, how exactly on the mean."""
    n = len(explanation)
    nothing = np.full(n, np.nan)
    error = kind_of(source.dataset.schema).mean_error(explanation)
    params: dict[str, object] = {
        name: value
        for name, value in explanation.params.items()
        if not isinstance(value, (list, tuple))
    }
    return dataclasses.replace(
        explanation,
        values=np.zeros((n, 0)),
        inputs=np.zeros((n, 0)),
        predictions=nothing,
        positions=np.arange(n, dtype=np.int64),
        base_values=None if explanation.base_values is None else nothing,
        standard_error=None if error is None else np.full((n, 1), error),
        decided=None,
        others=None,
        params=params,
        notes=tuple(without_private(explanation.notes, source)),
    )


# The data card, the schema and the issues without what is about few instances.

#: What a person declares of the data, and facts about all rows together.
_AS_THEY_ARE = (
    *("name", "title", "description", "source", "licence", "citation", "doi", "period"),
    *("population", "decision", "file", "sha256", "rows", "features", "positive_class"),
    *("modality", "correlations", "draw"),
)
#: Sentences on all rows together; one that names a rare value is left out.
_SENTENCES = ("preparation", "limits", "limited", "missed")
#: What stands in the places of the smallest and the largest value, where it is not they.
_ENDS = ("min", "max")
#: A token of a text that fewer texts than the floor have.
RARE_WORD = "…"

#: {check: the keys in its values that count instances}. What another check says is withheld.
_COUNTED: Mapping[str, frozenset[str]] = {
    "classes_spelled_twice": frozenset({"n"}),
    "constant_feature": frozenset(),
    "contradictions": frozenset({"n"}),
    "correlated_features": frozenset(),
    "cut_texts": frozenset({"n"}),
    "damaged_signs": frozenset({"n", "repaired"}),
    "duplicates": frozenset({"n", "contradictions", "exact", "near"}),
    "duplicates_across_parts": frozenset({"n"}),
    "entities_across_parts": frozenset({"n"}),
    "identifier_read": frozenset(),
    "label_balance": frozenset({"n", "n_test"}),
    "left_out_dates": frozenset(),
    "missing_values": frozenset({"cells", "instances", "features", "n"}),
    "near_leak": frozenset({"n", "hits"}),
    "population_limits": frozenset(),
    "row_order": frozenset(),
    "rows_of_training": frozenset(),
    "same_inputs_across_parts": frozenset({"n"}),
    "small_group": frozenset({"n", "n_class"}),
    "spurious_cues": frozenset({"n", "hits"}),
    "telling_length": frozenset(),
    "telling_words": frozenset({"n", "hits"}),
    "training_rows_unknown": frozenset(),
    "undocumented_codes": frozenset({"n", "rows"}),
    "unknown_tokens": frozenset(),
}


def released_card(card: Mapping[str, Any], source: RunSource) -> dict[str, object]:
    """The card without small counts; smallest and largest values become quantiles."""
    kept = {key: card[key] for key in _AS_THEY_ARE if key in card}
    kept |= {
        key: [
            sentence
            for sentence in card.get(key) or []
            if not source.withheld.mentions(wording().say(sentence))
        ]
        for key in _SENTENCES
    }
    return {
        **kept,
        "ends": "quantiles",
        "duplicates": _count(card.get("duplicates"), source),
        "labels": _rows(card.get("labels"), source),
        "all_labels": _each(card.get("all_labels"), source),
        "label_numbers": _numbers(card.get("label_numbers"), source),
        "groups": _groups(card.get("groups") or {}, source),
        "parts": _parts(card.get("parts"), source),
        "observations": _observations(card.get("observations") or {}, source),
        "leakage": _leakage(card.get("leakage") or {}, source),
        **_contents(card, source),
    }


def _contents(card: Mapping[str, Any], source: RunSource) -> dict[str, object]:
    return {
        "missing": {
            name: None if name in source.withheld.missing else n
            for name, n in (card.get("missing") or {}).items()
        },
        "numeric": [_numeric(row, source) for row in card.get("numeric") or []],
        "categorical": [
            row
            for row in card.get("categorical") or []
            if (row["feature"], row["category"]) not in source.withheld.categories
        ],
        "texts": _texts(card.get("texts"), source),
        "values": _values(card.get("values"), source),
    }


def _count(n: object, source: RunSource) -> object:
    return None if source.is_small(n) else n


def _counts(row: Mapping[str, Any], source: RunSource) -> dict[str, object]:
    return {key: _count(n, source) if _whole(n) else n for key, n in row.items()}


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _rows(recorded: Any, source: RunSource) -> list[dict[str, Any]]:
    """Rows that divide all instances; with a small one others are left out too."""
    rows = list(recorded or [])
    if not rows:
        return rows
    counts = np.array([row["n"] for row in rows], np.int64)
    hidden = suppress(counts, [Relation(tuple(range(len(rows))))], source.floor)
    return [row for row, is_hidden in zip(rows, hidden, strict=True) if not is_hidden]


def _each(recorded: Any, source: RunSource) -> list[dict[str, object]]:
    """Rows that overlap: each stands for itself, and so do the instances outside of it."""
    everyone = len(source.whole)
    return [
        row
        for row in recorded or []
        if not source.is_small(row["n"]) and not source.is_small(everyone - row["n"])
    ]


def _groups(groups: Mapping[str, Any], source: RunSource) -> dict[str, Any]:
    return {
        name: [row for row in rows if (name, row["level"]) not in source.withheld.levels]
        for name, rows in groups.items()
    }


def _parts(recorded: Any, source: RunSource) -> list[dict[str, Any]]:
    """The parts; where the explained class is rare in one, others lose its count too."""
    rows = [dict(row) for row in recorded or []]
    if not rows or any(row.get("positive") is None for row in rows):
        return rows
    counts = np.array([(row["positive"], row["n"] - row["positive"]) for row in rows], np.int64)
    hidden = suppress(counts, [Relation(tuple(range(len(rows))))], source.floor)
    return [
        {**row, "positive": None, "share": None} if is_hidden else row
        for row, is_hidden in zip(rows, hidden, strict=True)
    ]


def _observations(facts: Mapping[str, Any], source: RunSource) -> dict[str, object] | None:
    """What counts as one observation; nothing where a part is of too few entities."""
    entities = [n for name, n in facts.items() if name.endswith("_of") and n is not None]
    return None if min(entities, default=source.privacy.floor) < source.privacy.floor else {**facts}


def _leakage(facts: Mapping[str, Any], source: RunSource) -> dict[str, Any]:
    names = ("duplicates_across", "same_inputs_across", "contradictory_rows", "method")
    return _counts({name: facts[name] for name in names if name in facts}, source)


def _numbers(facts: Any, source: RunSource) -> dict[str, Any] | None:
    """The number to predict: its ends are quantiles of the labels of all parts."""
    if not facts:
        return None
    parts = (source.dataset.train, source.dataset.validation, source.dataset.test)
    labels = np.concatenate([part.labels for part in parts])
    return {**facts, **dict(zip(_ENDS, source.middle(labels), strict=True))}


def _numeric(row: Mapping[str, Any], source: RunSource) -> dict[str, object]:
    column = source.dataset.schema.names.index(row["feature"])
    ends = source.middle(source.whole[:, column])
    return _between(row, ends)


def _between(row: Mapping[str, Any], ends: tuple[float, float]) -> dict[str, Any]:
    inner = {
        name: float(np.clip(row[name], *ends))
        for name in ("q25", "median", "q75")
        if row.get(name) is not None
    }
    return {**row, **inner, **dict(zip(_ENDS, ends, strict=True))}


def _texts(facts: Any, source: RunSource) -> dict[str, object] | None:
    """Facts on texts; the shortest and the longest are texts of single persons."""
    if not facts:
        return None
    lengths = [
        {**row, **dict.fromkeys(_ENDS)}
        for row in facts.get("lengths") or []
        if not source.is_small(row["n"])
    ]
    copies = _counts(facts.get("copies") or {}, source)
    names = ("tokenizer", "noun", "vocabulary", "places", "cut_share", "unknown_share", "hidden")
    kept = {name: facts[name] for name in names if name in facts}
    return {**kept, "lengths": lengths, "copies": copies}


def _values(facts: Any, source: RunSource) -> dict[str, Any] | None:
    """Facts on images and series; of unequal series neither the shortest nor the longest."""
    if not facts:
        return None
    width = facts["shape"][-1]
    inputs = source.whole.reshape(-1, width)
    channels = [
        _between(row, source.middle(inputs[:, place]))
        for place, row in enumerate(facts.get("channels") or [])
    ]
    steps = facts["shape"][0]
    return {**facts, "channels": channels, "shortest": steps, "longest": steps}


# --- schema ---------------------------------------------------------------------------------------


def released_schema(schema: Schema, source: RunSource) -> Schema:
    """The schema without rare categories, groups and words."""
    tokens = _tokens(schema, source)
    return dataclasses.replace(
        schema,
        features=tuple(_feature(feature, source, tokens) for feature in schema.features),
        attributes=tuple(
            dataclasses.replace(
                attribute,
                levels=tuple(
                    level
                    for level in attribute.levels
                    if (attribute.name, level) not in source.withheld.levels
                ),
            )
            for attribute in schema.attributes
        ),
    )


def _tokens(schema: Schema, source: RunSource) -> tuple[Category, ...]:
    if not schema.vocabulary:
        return ()
    rare = source.withheld.tokens
    words = (RARE_WORD if i in rare else word for i, word in enumerate(schema.vocabulary))
    return as_vocabulary(tuple(words))


def _feature(feature: Feature, source: RunSource, tokens: tuple[Category, ...]) -> Feature:
    if feature.kind == "token":
        return dataclasses.replace(feature, categories=tokens)
    kept = tuple(
        category
        for category in feature.categories
        if (feature.name, category.label) not in source.withheld.categories
    )
    return dataclasses.replace(feature, categories=kept)


# --- issues ---------------------------------------------------------------------------------------


def released_issues(issues: Iterable[DataIssue], source: RunSource) -> list[DataIssue]:
    """The issues; of one that is about few instances only its kind and weight are told."""
    return [_issue(issue, source) for issue in issues]


def _issue(issue: DataIssue, source: RunSource) -> DataIssue:
    if issue.check == "rare_categories":
        return _rare_categories(issue)
    counted = _COUNTED.get(issue.check)
    named = " ".join(map(wording().say, (issue.text, issue.recommendation)))
    if (
        counted is not None
        and not any(source.is_small(n) for n in _whole_numbers(issue.values, counted))
        and not _names_group(issue, source)
        and not source.withheld.mentions(named)
    ):
        return issue
    return DataIssue(
        issue.check,
        issue.severity,
        message("data.withheld.text", check=issue.check.replace("_", " ")),
        recommendation=message("data.withheld.do"),
    )


def _names_group(issue: DataIssue, source: RunSource) -> bool:
    pair = (str(issue.values.get("attribute", "")), str(issue.values.get("level", "")))
    return pair in source.withheld.levels


def _rare_categories(issue: DataIssue) -> DataIssue:
    """How many categories are rare, in which features; not which."""
    values = {key: issue.values[key] for key in ("features", "floor") if key in issue.values}
    n, features = len(issue.values.get("categories", ())), len(values.get("features", ()))
    return dataclasses.replace(
        issue,
        text=message(
            "data.rare_categories.unnamed", n=n, features=features, floor=values.get("floor", 0)
        ),
        values=values,
    )


def _whole_numbers(values: Any, counted: frozenset[str], inside: bool = False) -> Iterable[int]:
    """Every whole number below one of the keys that count instances."""
    if isinstance(values, Mapping):
        for key, value in values.items():
            yield from _whole_numbers(value, counted, inside or key in counted)
    elif isinstance(values, (list, tuple)):
        for value in values:
            yield from _whole_numbers(value, counted, inside)
    elif inside and _whole(values):
        yield values
