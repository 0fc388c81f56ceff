"""The experiment file of a study of one's own: what was inferred of the data, to be confirmed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any, get_args

import numpy as np
import yaml

from deepseek_report.artifacts.advice import without_variables
from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.codes import reads_as_number
from deepseek_report.artifacts.rounding import count, quantity
from deepseek_report.artifacts.schema import Feature, readable_name
from deepseek_report.artifacts.split import Dataset
from deepseek_report.config.composed import OPEN
from deepseek_report.data_kinds import kind_of
from deepseek_report.datasets.data_card import Sector
from deepseek_report.runner.scaffold import column_proposals
from deepseek_report.statistics.ranking import spearman
from deepseek_report.tasks import task_of
from deepseek_report.wording.words import wording

#: Fields of a plug-in, or settings below one another, as a person wrote them.
Fields = Mapping[str, Any]
#: Columns that are written out; those of wider tables are inferred whenever they are read.
_MOST_COLUMNS = 200
_MOST_SHOWN, _MOST_PROPOSED = 8, 5
#: Characters of a category that a comment shows.
_LONGEST_SHOWN = 40


@dataclass(frozen=True)
class StudyDraft:
    """What the experiment file of a study says.

    choices : {group: names} that stand in its list of defaults. settings : what else a person set.
    dataset : its fields as they are written, without `drop` and `columns`.
    dropped : {column: why it is left out}. recognised : {column: why it is left out whenever the
    file is read}. columns : {column: what a person declared of it}.
    guessed : {field of the data set: why it was taken}. seen : the columns of the file.
    read : the data as this file makes them be read; None where they cannot be read yet, and
    trouble : why not.
    """

    name: str
    title: str
    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    settings: Fields = field(default_factory=dict)
    dataset: Fields = field(default_factory=dict)
    dropped: Mapping[str, str] = field(default_factory=dict)
    recognised: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, Fields] = field(default_factory=dict)
    guessed: Mapping[str, str] = field(default_factory=dict)
    seen: column_proposals.TableSeen | None = None
    read: Dataset | None = None
    trouble: str = ""

    @property
    def decides(self) -> bool:
        """Whether a class is predicted, as far as it is known by now."""
        return self.read is None or task_of(self.read.schema.target).decides


def experiment_file(draft: StudyDraft) -> str:
    """The text of the experiment file."""
    lines = [*_head(draft), *_dataset(draft), *_settings(draft), *_report(draft)]
    return "\n".join(lines) + "\n"


def _plain(anything: object) -> str:
    """A value, or the name of a key, as YAML on one line."""
    style: Fields = {
        "default_flow_style": True,
        "allow_unicode": True,
        "width": 10**9,
        "sort_keys": False,
    }
    text = str(yaml.safe_dump([anything], **style)).strip()
    if not text.isprintable():
        text = str(yaml.safe_dump([anything], default_style='"', **style)).strip()
    return text[1:-1]


def value(anything: object) -> str:
    """A text, list or mapping as YAML on one line; no part of a text is taken for a variable."""
    return _plain(_escaped(anything))


def _escaped(anything: object) -> object:
    """The same with every text as a text; tuples become lists."""
    if isinstance(anything, str):
        return without_variables(anything)
    if isinstance(anything, Mapping):
        return {key: _escaped(inside) for key, inside in anything.items()}
    if isinstance(anything, list | tuple):
        return [_escaped(inside) for inside in anything]
    return anything


def _head(draft: StudyDraft) -> Iterator[str]:
    yield "# @package _global_"
    yield "# What this study is, in one line."
    yield f"# Lines that begin with `{OPEN}` wait for a person, and `make check` names them. Take"
    yield "# these words away to say what the rest of the line says."
    yield "defaults:"
    for group, names in draft.choices.items():
        chosen = value(list(names)) if group.endswith("*") else value(names[0])
        hint = "  # deepseek-report list model" if group == "model" else ""
        yield f"  - override /{group.rstrip('*')}: {chosen}{hint}"
    yield ""
    yield f"name: {draft.name}"
    yield ""


def _settings(draft: StudyDraft) -> Iterator[str]:
    """What a person set beside the data and the report."""
    for key, inside in draft.settings.items():
        if key != "report":
            yield f"{_plain(key)}: {value(inside)}"
            yield ""
    if draft.read is not None and "decision" not in draft.settings:
        target = draft.read.schema.target
        if draft.decides and len(target.classes) == 2:
            explained = _comment(target.explained_class)
            yield f"# What does it cost to decide for “{explained}” wrongly, and to miss it?"
            yield f"{OPEN} decision: {{costs: {{false_alarm: 1, missed: 5}}}}"
            yield ""


def _dataset(draft: StudyDraft) -> Iterator[str]:
    if not draft.dataset:
        return
    yield "# What was inferred of the data: confirm it, or correct it."
    yield "dataset:"
    if draft.trouble:
        yield "  # The data cannot be used as they are:"
        for line in draft.trouble.splitlines():
            yield f"  {OPEN} {_comment(line)}"
    for key, inside in draft.dataset.items():
        why = f"  # {_comment(draft.guessed[key])}" if key in draft.guessed else ""
        yield f"  {_plain(key)}: {value(inside)}{why}"
        if key == "target" and draft.read is not None and "task" not in draft.dataset:
            yield f"  task: {draft.read.schema.target.task}"
    yield from _undeclared(draft)
    yield from _dropped(draft)
    if draft.read is not None and draft.dataset.get("text") is None:
        yield from _read(draft, draft.read)
    else:
        if draft.columns:
            yield f"  columns: {value(dict(draft.columns))}"
        yield ""


def _undeclared(draft: StudyDraft) -> Iterator[str]:
    """What only a person can say, each with what was seen."""
    seen, declared = draft.seen, draft.dataset
    if seen is None:
        return
    decides, target = draft.decides, declared.get("target")
    if decides and declared.get("favourable") is None and isinstance(target, str):
        codes = seen.codes.get(target, ())[:_MOST_SHOWN]
        yield "  # Which class is good for the person concerned? Until this is said, it is not"
        yield "  # judged how groups of people fare."
        yield f"  {OPEN} favourable: …  # one of {', '.join(map(value, codes))}"
    if not decides and not declared.get("unit"):
        yield f"  {OPEN} unit: …  # of the number that is predicted, such as € or kWh"
    if not declared.get("sector"):
        known = ", ".join(filter(None, get_args(Sector)))
        yield f"  {OPEN} sector: …  # what decisions are about: {known}"
    if not declared.get("sensitive"):
        yield f"  {OPEN} sensitive: […]  # to compare groups of people by, such as [sex, age]"
    if declared.get("entity") is None:
        hint = value(seen.entity) if seen.entity else "…"
        why = "column of what several rows are of (a person): they count as one"
        yield f"  {OPEN} entity: {hint}  # {why}"
    if declared.get("time") is None and (dates := seen.of("date")):
        more = f"; so do {', '.join(map(value, dates[1:_MOST_SHOWN]))}" if dates[1:] else ""
        why = "holds dates: the moment that a row comes from?"
        yield f"  {OPEN} time: {value(dates[0])}  # {why}{more}"


def _dropped(draft: StudyDraft) -> Iterator[str]:
    if draft.recognised:
        yield "  # These are left out whenever the file is read, by what they hold. To keep one,"
        yield "  # declare it under `columns`, such as {kind: numeric}."
    for name, why in draft.recognised.items():
        yield f"  #   {_comment(value(name))}: {_comment(why)}"
    if draft.dropped:
        yield "  drop:"
    for name, why in draft.dropped.items():
        yield f"    - {value(name)}  # {_comment(why)}"


def _read(draft: StudyDraft, dataset: Dataset) -> Iterator[str]:
    """What the data turned out to be when they were read so."""
    for issue in dataset.issues:
        yield f"  # found ({issue.severity}): {_comment(wording().say(issue.text))}"
    if "relations" not in draft.dataset:
        for relation in proposed_relations(dataset)[:1]:
            yield "  # What always holds between columns; changes that are proposed keep it."
            yield f"  {OPEN} relations: [{value(relation)}]  # it does in nearly all rows"
    yield from _columns(draft, dataset)
    yield ""
    yield from commented(dataset)
    yield ""


def _columns(draft: StudyDraft, dataset: Dataset) -> Iterator[str]:
    features = dataset.schema.features
    numbers = {row["feature"]: row for row in dataset.card.get("numeric", ())}
    yield "  # label: what people read; unit: of a number; categories: {code: what people read}."
    yield "  # Only what has mutable: true, or a direction, is tried as a change within reach."
    for feature, direction in list(column_proposals.within_reach(features))[:_MOST_PROPOSED]:
        reach = value({feature.name: {"mutable": True, "direction": direction}})[1:-1]
        yield f"  {OPEN} {reach}  # within the reach of a person? then add it to its line"
    yield "  columns:"
    for feature in features[:_MOST_COLUMNS]:
        declared = draft.columns.get(feature.name, {})
        line = value({**dict(_column(feature)), **declared})
        yield f"    {_plain(feature.name)}: {line}  # {_values(feature, numbers.get(feature.name))}"
        codes = column_proposals.unnamed_codes(feature)
        if codes and "categories" not in line:
            words = value(dict.fromkeys(codes[:_MOST_SHOWN], "…"))
            why = f"what do the codes of {value(feature.name)} mean?"
            yield f"    {OPEN} categories: {words}  # {why}"
    if len(features) > _MOST_COLUMNS:
        yield f"    # {count(len(features) - _MOST_COLUMNS)} more columns are inferred when read"


def _column(feature: Feature) -> Iterator[tuple[str, object]]:
    """What is proposed of a column: its kind, and what its name and its codes tell."""
    yield "kind", feature.kind
    if (label := column_proposals.proposed_label(feature.name)) != readable_name(feature.name):
        yield "label", label
    codes = [category.code for category in feature.categories]
    if feature.is_numeric:
        yield "unit", column_proposals.unit_of(feature.name) or None
    elif levels := column_proposals.proposed_levels(feature):
        yield "categories", levels
    elif feature.kind == "ordinal" and not all(map(reads_as_number, codes)):
        yield "categories", codes


def _values(feature: Feature, numbers: Fields | None) -> str:
    """What occurs in a column, for a comment."""
    if numbers is not None:
        return f"{quantity(numbers['min'], None)} to {quantity(numbers['max'], None)}"
    shown = [_plain(_short(category.label)) for category in feature.categories[:_MOST_SHOWN]]
    more = len(feature.categories) - len(shown)
    return ", ".join(shown) + (f" and {count(more)} more" if more else "")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"


def _comment(text: str) -> str:
    """A text on one line without control characters."""
    return "".join(character if character.isprintable() else " " for character in text)


def _report(draft: StudyDraft) -> Iterator[str]:
    declared = dict(draft.settings.get("report") or {})
    yield "report:"
    yield f"  title: {value(declared.pop('title', draft.title))}"
    for key, inside in declared.items():
        yield f"  {_plain(key)}: {value(inside)}"
    if "places" not in declared:
        why = "where it decides, such as [EU], [US, US-CO]; then frameworks: auto can choose by it"
        yield f"  {OPEN} places: […]  # {why}"
    if "thresholds" not in declared:
        yield "  # What must be reached, who says so, and why; fail_on: true gives exit code 3."
        classes = {"metric": "roc_auc_gain", "predictor": "logistic_regression", "at_least": -0.01}
        numbers = {"metric": "mae_gain", "predictor": "ridge", "at_least": 0}
        promise = classes if draft.decides else numbers
        yield f"  {OPEN} thresholds: [{value({**promise, 'set_by': 'who, when', 'why': '…'})}]"


# What a new study may expect of its model: proposed from names, kinds and the data, to confirm.

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


def commented(dataset: Dataset) -> Iterator[str]:
    """The lines of an experiment that propose expectations, each to be confirmed."""
    schema = dataset.schema
    yield "# What is expected of the model? Each line is a guess from the data: confirm it, and"
    yield "# take the # away, or drop it. The report says where the model does otherwise."
    yield f"{OPEN} behaviour:"
    target = schema.target
    decides = task_of(target).decides
    named = _yaml(target.codes[target.explained] if target.codes else target.explained_class)
    outcome = f", outcome: {named}" if decides else ""
    for feature, effect in proposed_directions(dataset):
        name = _yaml(feature.name)
        yield f"#   - {{kind: direction, columns: [{name}], effect: {effect}{outcome}}}"
    for feature in schema.features:
        if _NO_MATTER.match(feature.name):
            yield f"#   - {{kind: invariance, columns: [{_yaml(feature.name)}]}}"
    decided = f"decision: {named}" if decides else "least: 0"
    yield f'#   - {{kind: minimum, where: "…", {decided}}}  # which cases are beyond doubt?'


def _yaml(text: str) -> str:
    """A name in YAML, in quotation marks where it could be read as something else."""
    plain = re.fullmatch(r"[A-Za-z]\w*", text) and text.lower() not in _TRUTHS
    return text if plain else json.dumps(text, ensure_ascii=False)
