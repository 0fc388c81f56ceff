"""What a new study may expect of its model: proposed from names, kinds and the data, to confirm."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import permutations

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.schema import Feature, Schema
from deepseek_report.artifacts.split import Dataset
from deepseek_report.data_kinds import kind_of
from deepseek_report.statistics.ranking import spearman
from deepseek_report.tasks import task_of

#: Rank correlation with the target from which on a direction is proposed, and how many are.
_LEAST, _MOST = 0.1, 5
#: A relation is proposed where at least this share of the rows keeps it, and so many are; columns
#: beyond these are not compared.
_HOLDS, _MOST_RELATIONS, _COMPARED = 0.995, 3, 30
#: Words in names of columns whose values should mean nothing to a decision.
_NO_MATTER = re.compile(
    r"^(first_?name|last_?name|name|currency|language|colou?r_?scheme)s?$", re.I
)
#: Names that YAML reads as true, false or nothing.
_TRUTHS = frozenset({"yes", "no", "true", "false", "on", "off", "null", "y", "n"})


def proposed_directions(dataset: Dataset) -> list[tuple[Feature, str]]:
    """(feature, raises or lowers) of the ordered features that go most with the target."""
    schema, train = dataset.schema, dataset.train
    ordered = [
        j
        for j, feature in enumerate(schema.features)
        if feature.kind != "categorical" and not feature.sensitive
    ]
    if not ordered or not kind_of(schema).named_columns:
        return []
    target = schema.target
    labels = train.labels == target.explained if task_of(target).decides else train.labels
    both = np.column_stack([train.inputs[:, ordered], labels.astype(np.float64)])
    rho = np.nan_to_num(spearman(both, [len(ordered)])[0, :-1])
    order = np.argsort(-np.abs(rho), kind="stable")[:_MOST]
    return [
        (schema.features[ordered[k]], "raises" if rho[k] > 0 else "lowers")
        for k in order
        if abs(rho[k]) >= _LEAST
    ]


def proposed_relations(dataset: Dataset) -> list[str]:
    """`a <= b` for pairs of numbers of which nearly all rows keep it, and not by their ranges."""
    schema, rows = dataset.schema, dataset.train.inputs
    numeric = [j for j, feature in enumerate(schema.features) if feature.is_numeric][:_COMPARED]
    holding: list[tuple[float, str]] = []
    for a, b in permutations(numeric, 2):
        first, other = schema.features[a], schema.features[b]
        if first.unit == other.unit and (share := _keeps(rows[:, a], rows[:, b])):
            holding.append((share, f"{_quoted(first.name)} <= {_quoted(other.name)}"))
    return [text for _, text in sorted(holding, key=lambda pair: -pair[0])[:_MOST_RELATIONS]]


def _keeps(first: Floats, other: Floats) -> float:
    """Rank correlation of the two where nearly all rows keep first ≤ other, else 0."""
    known = ~(np.isnan(first) | np.isnan(other))
    if known.sum() < 30 or (first[known] <= other[known]).mean() < _HOLDS:
        return 0.0
    if np.quantile(first[known], 0.9) <= np.quantile(other[known], 0.1):
        return 0.0  # their ranges alone say so
    together = np.corrcoef(
        np.argsort(np.argsort(first[known])), np.argsort(np.argsort(other[known]))
    )
    rho = float(together[0, 1])
    return rho if rho > 0.5 else 0.0


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"\w+", name) else f"`{name}`"


def proposed_invariances(schema: Schema) -> list[Feature]:
    """Columns by whose names no decision should hang on them."""
    return [feature for feature in schema.features if _NO_MATTER.match(feature.name)]


def commented(dataset: Dataset, mark: str) -> Iterator[str]:
    """The lines of an experiment that propose expectations, each to be confirmed.

    mark : what a line begins with that waits for a person.
    """
    schema = dataset.schema
    yield "# What is expected of the model? Each line is a guess from the data: confirm it, and"
    yield "# take the # away, or drop it. The report says where the model does otherwise."
    yield f"{mark} behaviour:"
    target = schema.target
    decides = task_of(target).decides
    named = _yaml(target.codes[target.explained] if target.codes else target.explained_class)
    outcome = f", outcome: {named}" if decides else ""
    for feature, effect in proposed_directions(dataset):
        name = _yaml(feature.name)
        yield f"#   - {{kind: direction, columns: [{name}], effect: {effect}{outcome}}}"
    for feature in proposed_invariances(schema):
        yield f"#   - {{kind: invariance, columns: [{_yaml(feature.name)}]}}"
    decided = f"decision: {named}" if decides else "least: 0"
    yield f'#   - {{kind: minimum, where: "…", {decided}}}  # which cases are beyond doubt?'


def _yaml(text: str) -> str:
    """A name in YAML, in quotation marks where it could be read as something else."""
    plain = re.fullmatch(r"[A-Za-z]\w*", text) and text.lower() not in _TRUTHS
    return text if plain else json.dumps(text, ensure_ascii=False)
