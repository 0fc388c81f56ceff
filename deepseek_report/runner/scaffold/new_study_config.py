"""The experiment file of a study of one's own: what was inferred of the data, to be confirmed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from deepseek_report.artifacts.rounding import count, quantity
from deepseek_report.artifacts.schema import Feature, Target
from deepseek_report.artifacts.split import Dataset
from deepseek_report.runner.scaffold.proposed_expectations import commented, proposed_relations
from deepseek_report.tasks import task_of
from deepseek_report.wording.words import wording

#: Columns that are written out; those of wider tables are inferred whenever they are read.
_MOST_COLUMNS = 200
_MOST_SHOWN = 8
_INTERPOLATION = re.compile(r"(\\*)\$\{")
#: Parts of names of columns that are about what people are, in a few languages.
_PERSONAL = re.compile(
    r"sex|gender|geschlecht|sexe|genero|age|alter|edad|birth|geburt|race|ethnic|ethnie|religio|"
    r"faith|nationality|citizen|origin|marital|married|disab|handicap|pregnan|orientation|"
    r"union|性别|年龄|民族|婚姻|宗教|国籍"
)
#: Words that hold such a part and mean something else.
_OTHER = re.compile(r"average|mileage|usage|page|stage|image|percentage|message|package|wage|trace")
#: Last words of names of columns that tell a unit.
_UNITS = {
    "eur": "€",
    "euro": "€",
    "usd": "$",
    "gbp": "£",
    "years": "years",
    "months": "months",
    "days": "days",
    "hours": "hours",
    "minutes": "minutes",
    "seconds": "seconds",
    "km": "km",
    "cm": "cm",
    "mm": "mm",
    "kg": "kg",
    "percent": "%",
    "pct": "%",
}


def credit_study(name: str) -> str:
    """A study of the shipped credit data."""
    return f"""\
# @package _global_
# A study of the credit-card clients that travel with the package.
defaults:
  - override /dataset: credit         # of your own: deepseek-report init DIR --data FILE
  - override /model: mlp              # deepseek-report list model
  - override /explainers: [default, occlusion]  # a set, and one of your own

name: {name}
{_report("Default risk of credit card clients")}"""


def table_study(name: str, path: str, dataset: Dataset, codes: Sequence[str]) -> str:
    """A study of a table of one's own, with everything written out that was inferred.

    Parameters
    ----------
    path : of the data, from the folder of the study. codes : the classes as they stand in the file.
    """
    expected = commented(dataset, list(codes))
    return "\n".join(
        [*_head(name), *_dataset(path, dataset, codes), "", *expected, "", _report(name)]
    )


def scalar(value: Any) -> str:
    """A value as YAML on one line, in any place; no part of a text is taken for a variable."""
    if isinstance(value, str):
        value = _INTERPOLATION.sub(lambda match: 2 * match[1] + "\\${", value)
    return _plain(value)


def _plain(value: Any) -> str:
    """A value, or the name of a key, as YAML on one line."""
    style: dict[str, Any] = {"default_flow_style": True, "allow_unicode": True, "width": 10**9}
    text = yaml.safe_dump([value], **style).strip()
    if not text.isprintable():
        text = yaml.safe_dump([value], default_style='"', **style).strip()
    inner: str = text[1:-1]
    return inner


def _head(name: str) -> list[str]:
    return [
        "# @package _global_",
        "# What this study is, in one line.",
        "defaults:",
        "  - override /dataset: csv",
        "  - override /model: mlp              # deepseek-report list model",
        "  - override /explainers: [default, occlusion]  # a set, and one of your own",
        "",
        f"name: {name}",
        "",
        "# What was inferred of the data: confirm it, or correct it.",
    ]


def _dataset(path: str, dataset: Dataset, codes: Sequence[str]) -> Iterator[str]:
    schema = dataset.schema
    yield "dataset:"
    yield f"  path: {scalar(path)}"
    yield f"  target: {scalar(schema.target.name)}"
    yield f"  task: {schema.target.task}"
    yield from _target(schema.target, codes)
    yield from _sensitive(schema.features)
    yield from _entity(dataset)
    for note in dataset.card.get("preparation", ()):
        sentence = wording().say(note)
        if "dataset.favourable" not in sentence:  # asked for above
            yield f"  # {_comment(sentence)}"
    for issue in dataset.issues:
        yield f"  # found ({issue.severity}): {_comment(wording().say(issue.text))}"
    yield "  # What always holds between columns; changes that the report proposes keep it."
    for relation in proposed_relations(dataset):
        yield f"  # It does in nearly all rows: {relation}"
    yield "  relations: []"
    yield from _columns(dataset)


def _target(target: Target, codes: Sequence[str]) -> Iterator[str]:
    if not task_of(target).decides:
        unit = _unit(target.name)
        hint = f"  # by its name perhaps {unit}" if unit else "  # such as € or kWh"
        yield f"  unit: {scalar(target.unit)}{hint}"
        return
    yield "  # Which class is good for the person concerned? Until this is said, it is not judged"
    yield "  # how groups of people fare."
    yield f"  # favourable: …  # one of {', '.join(map(scalar, codes))}"


def _entity(dataset: Dataset) -> Iterator[str]:
    yield "  # Column that names what several rows are of (a person, a machine): they count as one."
    columns = [i.values["column"] for i in dataset.issues if i.check == "possible_entity"]
    if any(columns):
        yield f"  # By its name and values this may be {scalar(columns[0])}"
    yield "  entity: null"


def _sensitive(features: Sequence[Feature]) -> Iterator[str]:
    yield "  # Columns to compare groups of people by, such as [sex, age]."
    personal = [feature.name for feature in features if _is_personal(feature.name)]
    if personal:
        yield f"  # By their names these may be some: [{', '.join(map(scalar, personal))}]"
    yield "  sensitive: []"


def _is_personal(name: str) -> bool:
    words = re.split(r"[\W_]+", name.casefold())
    return any(_PERSONAL.match(word) and not _OTHER.search(word) for word in words)


def _columns(dataset: Dataset) -> Iterator[str]:
    features = dataset.schema.features
    numbers = {row["feature"]: row for row in dataset.card.get("numeric", ())}
    yield "  # Only what has mutable: true, or a direction, is tried as a change within reach."
    yield "  columns:  # label: what people read; unit: of a number"
    for feature in features[:_MOST_COLUMNS]:
        seen = numbers.get(feature.name)
        yield f"    {_plain(feature.name)}: {_column(feature)}  # {_values(feature, seen)}"
    if len(features) > _MOST_COLUMNS:
        yield f"    # {count(len(features) - _MOST_COLUMNS)} more columns are inferred when read"


def _column(feature: Feature) -> str:
    if feature.is_numeric:
        return "{kind: numeric, unit: null}"
    if feature.kind == "ordinal" and not all(
        _is_number(category.code) for category in feature.categories
    ):
        order = ", ".join(scalar(category.code) for category in feature.categories)
        return f"{{kind: ordinal, categories: [{order}]}}"
    return f"{{kind: {feature.kind}}}"


def _is_number(code: str) -> bool:
    try:
        float(code)
    except ValueError:
        return False
    return True


def _values(feature: Feature, numbers: Any) -> str:
    """What occurs in a column, for a comment."""
    if numbers is not None:
        text = f"{quantity(numbers['min'], None)} to {quantity(numbers['max'], None)}"
        unit = _unit(feature.name)
        return f"{text}; by its name perhaps {unit}" if unit else text
    shown = [_plain(category.label[:40]) for category in feature.categories[:_MOST_SHOWN]]
    more = len(feature.categories) - len(shown)
    return ", ".join(shown) + (f" and {count(more)} more" if more else "")


def _unit(name: str) -> str:
    return _UNITS.get(re.split(r"[\W_]+", name.casefold())[-1], "")


def _comment(text: str) -> str:
    """A text on one line without control characters."""
    return "".join(character if character.isprintable() else " " for character in text)


def _report(title: str) -> str:
    return f"""\
report:
  title: {scalar(title)}
  # fail_on: true   # exit code 3 where a threshold is not met
  # thresholds:     # what must be reached, who says so, and why
  #   - {{metric: roc_auc, at_least: 0.75, set_by: "who, when", why: "…"}}
"""
