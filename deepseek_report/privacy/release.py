"""Copies of finished stages that hold no more of single persons than `report.privacy` allows.

What is copied is named here, stage by stage and file by file; a file that nobody names stays in the
store.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import compress
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from deepseek_report.artifacts.array_types import Ints
from deepseek_report.artifacts.disclosure import Privacy
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message, plain, text_of
from deepseek_report.artifacts.predictions import PredictionSummary
from deepseek_report.artifacts.schema import Attribute, Category, Feature, Schema, as_vocabulary
from deepseek_report.artifacts.split import PARTS, DataIssue
from deepseek_report.artifacts.storage.files import load_json, save_json
from deepseek_report.artifacts.storage.plain_files import copy_file, make_folder
from deepseek_report.config.experiment import Experiment
from deepseek_report.data_kinds import kind_of
from deepseek_report.privacy.measures import is_private, released_measurement, without_private
from deepseek_report.privacy.withheld import RunSource, suppress_parts
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
_OF_TRAINING = ("history.parquet", "training.json", "architecture.json", "times.json")
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
    if "data" not in stages:
        return {}
    source = RunSource.of(stages, experiment.privacy)
    for stage, path in stages.items():
        _release_stage(ArtifactId(stage), path, folder / stage, experiment, source)
    return {stage: folder / stage for stage in stages if (folder / stage).is_dir()}


@contextmanager
def released(stages: Mapping[str, Path], experiment: Experiment) -> Iterator[dict[str, Path]]:
    """The same copies in a folder that is there inside of the block alone."""
    with tempfile.TemporaryDirectory(prefix="deepseek-report-") as folder:
        yield release(stages, experiment, Path(folder))


def _release_stage(
    stage: ArtifactId, kept: Path, target: Path, experiment: Experiment, source: RunSource
) -> None:
    """Write what may be told of a stage; kept : its folder in the store."""
    if stage.kind == "data":
        _data(target, source)
    elif stage.kind == "training":
        _training(kept, target, source)
    elif stage.kind == "predictions" and source.predictions is not None:
        # how many there are, the rule and the rates of the test part; no row
        PredictionSummary.of(source.predictions).save(target / "test")
    elif stage.kind == "explanations":
        hollow(Explanation.load(kept), source).save(target)
    elif stage.kind == "measures":
        plugin = experiment.metrics[stage.name]
        released_measurement(Measurement.load(kept), plugin, source).save(target)
    elif stage.kind in MADE_FROM_RELEASED:
        copy_tree(kept, target)


def _data(target: Path, source: RunSource) -> None:
    dataset = source.dataset
    save_json(target / "schema.json", released_schema(dataset.schema, source).to_json())
    save_json(target / "card.json", plain(released_card(dataset.card, source)))
    issues = [_issue(issue, source).to_json() for issue in dataset.issues]
    save_json(target / "issues.json", issues)


def _training(kept: Path, target: Path, source: RunSource) -> None:
    make_folder(target)
    for name in _OF_TRAINING:
        if (kept / name).is_file():
            copy_file(kept / name, target / name)
    facts = target / "training.json"
    if facts.is_file():
        recorded = load_json(facts)
        notes = without_private(map(text_of, recorded.get("notes") or []), source)
        save_json(facts, {**recorded, "notes": plain(notes)})
    architecture = target / "architecture.json"
    if architecture.is_file():
        described = load_json(architecture)
        save_json(architecture, {k: described[k] for k in _OF_ARCHITECTURE if k in described})


def hollow(explanation: Explanation, source: RunSource) -> Explanation:
    """The explanation without its rows: how it was made, of how many, how exactly on the mean."""
    n = len(explanation)
    nothing = np.full(n, np.nan)
    error = kind_of(source.dataset.schema).mean_error(explanation)
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
        params={k: v for k, v in explanation.params.items() if not isinstance(v, list | tuple)},
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
#: What is told of leaks, and of texts.
_OF_LEAKAGE = ("duplicates_across", "same_inputs_across", "contradictory_rows", "method")
_OF_TEXTS = ("tokenizer", "noun", "vocabulary", "places", "cut_share", "unknown_share", "hidden")
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
    "marks_as_categories": frozenset({"n"}),
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


#: A part of the data card as JSON holds it, by its keys; a row of it, by its columns.
Facts: TypeAlias = Mapping[str, Any]


def released_card(card: Facts, source: RunSource) -> dict[str, object]:
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

    def rows(key: str) -> Sequence[Facts]:
        return card.get(key) or ()

    return {
        **kept,
        "ends": "quantiles",
        **_counts({"duplicates": card.get("duplicates")}, source),
        "labels": _rows(rows("labels"), source),
        "all_labels": _each(rows("all_labels"), source),
        "label_numbers": _numbers(card.get("label_numbers"), source),
        "groups": {
            name: [row for row in levels if (name, row["level"]) not in source.withheld.levels]
            for name, levels in (card.get("groups") or {}).items()
        },
        "parts": _parts(rows("parts"), source),
        "observations": _observations(card.get("observations") or {}, source),
        "leakage": _counts(_chosen(card.get("leakage") or {}, _OF_LEAKAGE), source),
        "missing": {
            name: None if name in source.withheld.missing else n
            for name, n in (card.get("missing") or {}).items()
        },
        "numeric": _numeric(rows("numeric"), source),
        "categorical": _categorical(rows("categorical"), source),
        "texts": _texts(card.get("texts"), source),
        "values": _values(card.get("values"), source),
    }


def _chosen(facts: Facts, names: Iterable[str]) -> dict[str, Any]:
    return {name: facts[name] for name in names if name in facts}


def _counts(row: Facts, source: RunSource) -> dict[str, object]:
    """The same without the counts of few instances."""
    return {key: None if _whole(n) and source.is_small(n) else n for key, n in row.items()}


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _sizes(rows: Sequence[Facts]) -> Ints:
    """(row,) how many instances each is about."""
    return np.array([row["n"] for row in rows], np.int64)


def _rows(rows: Sequence[Facts], source: RunSource) -> list[Facts]:
    """Rows that divide all instances; with a small one others are left out too."""
    return list(compress(rows, ~suppress_parts(_sizes(rows), source.floor)))


def _each(rows: Sequence[Facts], source: RunSource) -> list[Facts]:
    """Rows that overlap: each stands for itself, and so do the instances outside of it."""
    everyone, small = len(source.whole), source.is_small
    apart = [not (small(n) or small(everyone - n)) for n in _sizes(rows).tolist()]
    return list(compress(rows, apart))


def _parts(rows: Sequence[Facts], source: RunSource) -> list[Facts]:
    """The parts; where the explained class is rare in one, others lose its count too."""
    positive = [row.get("positive") for row in rows]
    if None in positive:
        return list(rows)
    inside = np.array(positive, np.int64)
    hidden = suppress_parts(np.column_stack([inside, _sizes(rows) - inside]), source.floor)
    return [
        {**row, "positive": None, "share": None} if is_hidden else row
        for row, is_hidden in zip(rows, hidden, strict=True)
    ]


def _numeric(rows: Sequence[Facts], source: RunSource) -> list[Facts]:
    places = [source.dataset.schema.names.index(row["feature"]) for row in rows]
    ends = (source.middle(source.whole[:, place]) for place in places)
    return list(map(_between, rows, ends))


def _categorical(rows: Sequence[Facts], source: RunSource) -> list[Facts]:
    rare = source.withheld.categories
    return [row for row in rows if (row["feature"], row["category"]) not in rare]


def _observations(facts: Facts, source: RunSource) -> Facts | None:
    """What counts as one observation; nothing where a part is of too few entities."""
    entities = [n for name, n in facts.items() if name.endswith("_of") and n is not None]
    return None if min(entities, default=source.privacy.floor) < source.privacy.floor else facts


def _numbers(facts: Facts | None, source: RunSource) -> Facts | None:
    """The number to predict: its ends are quantiles of the labels of all parts."""
    if not facts:
        return None
    labels = np.concatenate([getattr(source.dataset, part).labels for part in PARTS])
    return {**facts, **dict(zip(_ENDS, source.middle(labels), strict=True))}


def _between(row: Facts, ends: tuple[float, float]) -> Facts:
    inner = {
        name: float(np.clip(row[name], *ends))
        for name in ("q25", "median", "q75")
        if row.get(name) is not None
    }
    return {**row, **inner, **dict(zip(_ENDS, ends, strict=True))}


def _texts(facts: Facts | None, source: RunSource) -> Facts | None:
    """Facts on texts; the shortest and the longest are texts of single persons."""
    if not facts:
        return None
    lengths = [
        {**row, **dict.fromkeys(_ENDS)}
        for row in facts.get("lengths") or []
        if not source.is_small(row["n"])
    ]
    copies = _counts(facts.get("copies") or {}, source)
    return {**_chosen(facts, _OF_TEXTS), "lengths": lengths, "copies": copies}


def _values(facts: Facts | None, source: RunSource) -> Facts | None:
    """Facts on images and series; of unequal series neither the shortest nor the longest."""
    if not facts:
        return None
    steps, *_, width = facts["shape"]
    columns = source.whole.reshape(-1, width).T
    rows = facts.get("channels") or []
    channels = [_between(row, source.middle(columns[place])) for place, row in enumerate(rows)]
    return {**facts, "channels": channels, "shortest": steps, "longest": steps}


# --- schema ---------------------------------------------------------------------------------------


def released_schema(schema: Schema, source: RunSource) -> Schema:
    """The schema without rare categories, groups and words."""
    withheld, replace = source.withheld, dataclasses.replace
    words = (
        RARE_WORD if place in withheld.tokens else word
        for place, word in enumerate(schema.vocabulary)
    )
    tokens = as_vocabulary(tuple(words)) if schema.vocabulary else ()

    def categories(feature: Feature) -> tuple[Category, ...]:
        if feature.kind == "token":
            return tokens
        kept = (c for c in feature.categories if (feature.name, c.label) not in withheld.categories)
        return tuple(kept)

    def levels(attribute: Attribute) -> tuple[str, ...]:
        kept = (each for each in attribute.levels if (attribute.name, each) not in withheld.levels)
        return tuple(kept)

    return replace(
        schema,
        features=tuple(replace(each, categories=categories(each)) for each in schema.features),
        attributes=tuple(replace(each, levels=levels(each)) for each in schema.attributes),
    )


# --- issues ---------------------------------------------------------------------------------------


def _issue(issue: DataIssue, source: RunSource) -> DataIssue:
    """An issue; of one that is about few instances only its kind and weight are told."""
    if issue.check == "rare_categories":
        return _rare_categories(issue)
    counted = _COUNTED.get(issue.check)
    named = " ".join(map(wording().say, (issue.text, issue.recommendation)))
    group = (str(issue.values.get("attribute", "")), str(issue.values.get("level", "")))
    if (
        counted is not None
        and not any(source.is_small(n) for n in _whole_numbers(issue.values, counted))
        and group not in source.withheld.levels
        and not source.withheld.mentions(named)
    ):
        return issue
    return DataIssue(
        issue.check,
        issue.severity,
        message("data.withheld.text", check=issue.check.replace("_", " ")),
        recommendation=message("data.withheld.do"),
    )


def _rare_categories(issue: DataIssue) -> DataIssue:
    """How many categories are rare, in which features; not which."""
    values = _chosen(issue.values, ("features", "floor"))
    text = message(
        "data.rare_categories.unnamed",
        n=len(issue.values.get("categories", ())),
        features=len(values.get("features", ())),
        floor=values.get("floor", 0),
    )
    return dataclasses.replace(issue, text=text, values=values)


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
