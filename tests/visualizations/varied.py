"""Real runs as the pictures of a test read them, with what a test changes of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Schema
from deepseek_report.findings.conclude import conclude
from deepseek_report.wording.of_results import in_words, words_of
from tests.real_runs import with_measurement

HOSTILE = (
    "<script>alert(1)</script>",
    "$x^2$ and $\\frac{1}{2}$",
    "| a | b | `c` **d**",
    "a very long label " * 12,
    "信用卡还款状态二零零五年九月" * 3,
    "tab\tnew\nline\x00\x07\u202e end",
    "%d %{x} {0} \\n",
    "",
)
#: Labels of 10 000 characters, as a broken export or a text in a column of categories gives them.
ENDLESS = tuple(
    (f"{number} " + part * 10_000)[:10_000]
    for number, part in enumerate(("x", "many short words ", "状态", "<b>&amp;", "a-b_c "))
)


def copy_with(results: Results, **known: Any) -> Results:
    """The results in which these were read: `schema`, `predictions`, `explanations` and such."""
    changed = carried(results, replace(results))
    vars(changed).update(known)
    return changed


def carried(results: Results, changed: Results) -> Results:
    """The changed results with what a test put in the place of what `results` read."""
    changed._measurements.update(results._measurements)
    vars(changed).update({key: vars(results)[key] for key in _READ if key in vars(results)})
    if changed.naming is not results.naming and "schema" in vars(changed) and changed.naming:
        vars(changed)["schema"] = changed.schema.renamed(changed.naming)
    return changed


#: What `Results` reads once and what a test may have put in the place of it.
_READ = (
    *("schema", "predictions", "predicted", "explanations", "training", "cases", "test"),
    *("conclusions", "history"),
)


def with_few_cases(results: Results) -> Results:
    """The results with the first three of their cases, each of which is a picture."""
    roles = dict(list(results.cases.roles.items())[:3])
    return copy_with(results, cases=replace(results.cases, roles=roles))


def with_explanation(results: Results, name: str, **fields: Any) -> Results:
    """The results with other fields of one explanation."""
    explained = {**results.explanations, name: replace(results.explanations[name], **fields)}
    return copy_with(results, explanations=explained)


def concluded(results: Results) -> Results:
    """The results with what is concluded from them as they are now."""
    paths = {name: path for name, path in results.paths.items() if name != "conclusions"}
    fresh = copy_with(results)
    object.__setattr__(fresh, "paths", paths)
    conclusions = conclude(fresh)
    return copy_with(results, conclusions=conclusions)


def without_intervals(results: Results) -> Results:
    """The results in which nobody knows how sure a number is, nor where an explanation starts."""
    explained = {
        name: replace(explanation, base_values=None, standard_error=None)
        for name, explanation in results.explanations.items()
    }
    return concluded(_remeasured(copy_with(results, explanations=explained), _without_ends))


def with_labels(results: Results, texts: Sequence[str]) -> Results:
    """The results with these texts in the place of every name that the data give."""
    own = sorted(filter(None, results.schema.own_names), key=lambda name: (-len(name), name))
    names = {name: _distinct(texts, at) for at, name in enumerate(own)}
    within = re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, names)) + r")(?!\w)")

    def naming(text: str) -> str:
        return names[text] if text in names else within.sub(lambda name: names[name[0]], text)

    renamed = carried(results, replace(results, naming=naming))
    return copy_with(renamed, schema=_with_words(results.schema.renamed(naming), texts))


def worded(picture: Picture, results: Results) -> Picture:
    """The picture with title, alternative text and how to read it in the report's language."""
    words = words_of(results)
    texts = {name: words.say(getattr(picture, name)) for name in ("title", "alt", "how_to_read")}
    return replace(picture, **texts)


def draw(plugin: Any, results: Results) -> Sequence[Picture]:
    """What the plug-in draws of results in the report's language, worded."""
    named = carried(results, in_words(results))
    return [worded(picture, results) for picture in plugin.draw(named)]


def _distinct(texts: Sequence[str], at: int) -> str:
    """The text at this place; the second time round with its number, so that no two are alike."""
    again, place = divmod(at, len(texts))
    return f"{again} {texts[place]}" if again else texts[place]


def with_periods(results: Results) -> Results:
    """The results with the levels of an attribute taken for periods, which no shipped data have."""
    parts = results.table("part_performance", "parts")
    assert parts is not None
    levels = parts[parts["attribute"] == parts["attribute"].iloc[0]]
    periods = levels[["attribute", "attribute_label", "level", "n", "too_few"]]
    mean = 0.2 + 0.05 * np.arange(len(periods))
    periods = periods.assign(
        stated=mean, stated_low=mean - 0.02, stated_high=mean + 0.02,
        happened=mean + 0.03, happened_low=mean - 0.01, happened_high=mean + 0.07,
    )  # fmt: skip
    tests = pd.DataFrame({"attribute": [levels["attribute"].iloc[0]], "p_value": [0.001]})
    measured = Measurement(tables={"periods": periods, "tests": tests})
    return with_measurement(results, "period_drift", measured)


def _with_words(schema: Schema, texts: Sequence[str]) -> Schema:
    """The schema with these as the words of a text."""
    if not schema.vocabulary:
        return schema
    tokens = schema.features[0].categories
    words = tuple(replace(token, label=texts[at % len(texts)]) for at, token in enumerate(tokens))
    return replace(schema, features=tuple(replace(f, categories=words) for f in schema.features))


def _remeasured(results: Results, change: Callable[[Measurement], Measurement]) -> Results:
    changed = copy_with(results)
    for artifact in map(ArtifactId, results.paths):
        if artifact.kind == "measures" and artifact.name:
            measured = results.measurement(artifact.name, artifact.subject)
            assert measured is not None
            changed._measurements[artifact] = change(measured)
    return changed


def _without_ends(measured: Measurement) -> Measurement:
    scores = tuple(replace(score, low=None, high=None) for score in measured.scores)
    tables: Mapping[str, pd.DataFrame] = {
        name: table.assign(**{str(key): np.nan for key in table if _is_end(str(key))})
        for name, table in measured.tables.items()
    }
    return replace(measured, scores=scores, tables=tables)


def _is_end(column: str) -> bool:
    return column in {"low", "high"} or column.endswith(("_low", "_high"))
