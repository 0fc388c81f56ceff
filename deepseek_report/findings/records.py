"""The names of what findings are about, and small questions on a run that many rules ask."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from deepseek_report.artifacts.conclusions import Verdict
from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.explanation import CONTROL
from deepseek_report.artifacts.message import Message, Text
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import CROSS, AttributeKind
from deepseek_report.artifacts.score import Score
from deepseek_report.data_kinds import kind_of
from deepseek_report.wording.of_results import words_of

T = TypeVar("T")


def is_share(measured: Score | Verdict) -> bool:
    """Whether it is read as a percentage, as its metric declares by the unit."""
    return measured.unit == "share"


def first(candidates: Iterable[T]) -> T | None:
    """The first of them, or None."""
    return next(iter(candidates), None)


def unit_of(results: Results) -> str:
    """The unit of the predicted number, with a space before it, or nothing."""
    unit = results.schema.target.unit if results.has("data") else None
    return f"\u00a0{words_of(results).name(unit)}" if unit else ""


def explainer_label(results: Results, name: str) -> str:
    """The readable name of an explainer."""
    return words_of(results).label("explainers", name)


def explainer_inline(results: Results, name: str) -> str:
    """The readable name of an explainer inside a sentence."""
    return words_of(results).inline(explainer_label(results, name))


def feature_inline(results: Results, label: str) -> str:
    """The name of a feature inside a sentence: a word of a text stands in quotation marks."""
    kind, words = kind_of(results.schema), words_of(results)
    return kind.quoted(label) if kind.quotes else words.inline(words.name(label))


def attribute_labels(results: Results, name: str) -> list[str]:
    """The readable names of the attributes that are crossed in one, or of the one."""
    known = results.schema.attributes if results.has("data") else ()
    labels = {attribute.name: attribute.label for attribute in known}
    return [labels.get(part, part) for part in name.split(CROSS)]


def attribute_label(results: Results, name: str) -> str:
    """The readable name of an attribute, or of a crossing such as `sex × age_band`."""
    words = words_of(results)
    first, *others = map(words.name, attribute_labels(results, name))
    return CROSS.join([first, *map(words.inline, others)])


def of_kind(results: Results, name: str, kind: AttributeKind) -> bool:
    """Whether an attribute, or every attribute of a crossing, is of this kind."""
    kinds = {attribute.name: attribute.kind for attribute in results.schema.attributes}
    return all(kinds.get(part, "person") == kind for part in name.split(CROSS))


def subject(promise: Verdict) -> list[str]:
    """What a promise is about: attribute, level, explainer, slice, predictor: those it names."""
    parts = (promise.attribute, promise.level, promise.explainer, promise.slice, promise.predictor)
    return [part for part in parts if part]


def subject_of(results: Results, verdict: Verdict) -> list[str]:
    """What a promise is about, in words; nothing where it is about the model as a whole."""
    words, name = words_of(results), verdict.attribute
    attribute = words.inline(attribute_label(results, name)) if name else ""
    explainer = explainer_inline(results, verdict.explainer) if verdict.explainer else ""
    group = ": ".join(part for part in (attribute, words.name(verdict.level)) if part)
    predictor = words.label("predictors", verdict.predictor) if verdict.predictor else ""
    return [part for part in (group, explainer, verdict.slice, predictor) if part]


def promise_name(results: Results, verdict: Verdict) -> str:
    """What was promised, in words: the metric, and in brackets what it is about."""
    metric, about = words_of(results).label("metrics", verdict.metric), subject_of(results, verdict)
    return f"{metric} ({', '.join(about)})" if about else metric


def defined(results: Results, metric: str, **where: str) -> Score | None:
    """The score that `Results.score` gives, where it is a number."""
    score = results.score(metric, **where)
    return None if score is None or finite(score.value) is None else score


def by_explainer(results: Results, metric: str) -> list[Score]:
    """The defined scores of a metric, one for each explainer but the random control."""
    return [
        score
        for score in results.find(metric)
        if score.explainer not in ("", CONTROL) and finite(score.value) is not None
    ]


def cause_of(metric: str, *subject: str) -> str:
    """What a finding is about: a metric, and the group, method or slice where it is about one.

    >>> cause_of("impact_ratio", "sex", "")
    'impact_ratio:sex'
    """
    return ":".join(part for part in (metric, *subject) if part)


def share_of_cases(results: Results, n: float) -> float:
    """The share of the tested cases that so many are; 0 where the predictions are not there."""
    known = results.predicted.n if results.has("predictions/test") else 0
    return min(float(n) / known, 1.0) if known else 0.0


def setting(results: Results, group: str, name: str, field: str, default: float) -> float:
    """A number that the config gives to a plug-in, or the default where it gives none."""
    chosen = (results.config.get(group) or {}).get(name) or {}
    value = chosen.get(field)
    return default if value is None else float(value)


def period_of(results: Results) -> Text:
    """What time the data are from, as a sentence takes it; empty where the card cannot say."""
    period: Text = results.card.get("period") or ""
    if isinstance(period, Message):
        return "" if period.id.startswith("card.period.") else period
    return "" if period.startswith("not stated") else period
