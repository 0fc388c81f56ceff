"""Whether an estimator that was fitted elsewhere fits the data: its classes and its columns."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from deepseek_report.artifacts.advice import override
from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.schema import Feature, Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.errors import DeepseekReportError, first_line
from deepseek_report.models.estimators.design_matrix import has_numeric_codes, listed, names_of
from deepseek_report.tasks import task_of

if TYPE_CHECKING:
    from deepseek_report.models.estimators.estimator import Fitted

_SHOWN = 5
_TRIED = 3


def fit_problems(fitted: Fitted, train: Split, *, declared: bool) -> list[str]:
    """Every reason why a fitted estimator does not fit these data.

    declared : whether the config names the encoding.
    """
    problems = [*_class_problems(fitted), *_column_problems(fitted, train, declared=declared)]
    return problems or list(_trial(fitted, _whole(train)))


def _class_problems(fitted: Fitted) -> Iterator[str]:
    if not task_of(fitted.schema.target).decides:
        return
    if not hasattr(fitted.estimator, "predict_proba"):
        yield (
            f"{type(fitted.estimator).__name__} has no predict_proba, and a report needs "
            "probabilities; calibrate it before it is stored"
        )
        return
    try:
        fitted.positions()
    except DeepseekReportError as error:
        yield str(error)


def _column_problems(fitted: Fitted, train: Split, *, declared: bool) -> list[str]:
    names, schema = names_of(fitted.estimator, fitted.schema.names), fitted.schema
    if fitted.encoding == "words":
        name = type(fitted.estimator).__name__
        return [
            f"{name} reads counts of words, and the vocabulary that it was fitted on is not known "
            "here; train it on these texts (model.estimator=…), or explain a checkpoint "
            "(model=huggingface)"
        ]
    if fitted.encoding == "given" and names is not None:
        return []  # the call has seen that it answers
    if fitted.encoding == "frame" and names is not None:
        unknown = [name for name in names if name not in schema.names]
        rows = whole if len(whole := _whole(train)) else train.inputs
        refusal = next(_trial(fitted, rows), "") if unknown else ""
        # a pipeline that drops a column by itself answers without it
        return [_of_unknown(names, unknown, schema, refusal)] if refusal else []
    problems = list(_positions_for_codes(fitted, declared=declared))
    return problems or list(_other_width(fitted))


def _of_unknown(names: Sequence[str], unknown: Sequence[str], schema: Schema, refusal: str) -> str:
    """That the model was fitted on columns that are no features, and what to do.

    refusal : what it answers without them, which often names those that it needs.
    """
    text = (
        f"the model was fitted on {len(names)} columns, of which {len(unknown)} are no features "
        f"here: {listed(unknown, _SHOWN)}; the features are {listed(schema.names, 12)}"
    )
    sources = {name: source for name in unknown if (source := _one_hot_of(name, schema.names))}
    if sources:
        name, source = next(iter(sources.items()))
        return (
            f"{text}. “{name}” looks like a one-hot column of “{source}”: store the encoder and "
            "the estimator together as one scikit-learn pipeline that reads the table itself, or "
            "use a data file with the encoded columns"
        )
    near = difflib.get_close_matches(unknown[0], schema.names, n=1)
    hint = f"; did you mean “{near[0]}” by “{unknown[0]}”?" if near else ""
    needed = [name for name in unknown if name in refusal] or unknown
    return (
        f"{text}{hint}. Name the columns as they were when it was fitted, and leave none out: what "
        "is declared as an entity, a time or something else is an input as well by "
        f"`{override('dataset.also_inputs', needed)}`"
    )


def _one_hot_of(name: str, known: Sequence[str]) -> str:
    """The longest feature that a column name starts with: `sex_female` -> `sex`."""
    starts = [each for each in known if name.startswith((f"{each}_", f"{each}=", f"{each}-"))]
    return max(starts, key=len, default="")


def _positions_for_codes(fitted: Fitted, *, declared: bool) -> Iterator[str]:
    """Categories reach a model without names as numbers, which must be those that it knows."""
    features = fitted.schema.features
    texts = [feature.name for feature in features if not has_numeric_codes(feature)]
    if fitted.encoding == "frame" and texts:
        hold = "holds" if len(texts) == 1 else "hold"
        yield (
            f"the model reads numbers, and {listed(texts, _SHOWN)} {hold} texts here; give "
            "the file with the numbers that it was fitted on"
        )
    moved = [feature.name for feature in features if not _counts_from_zero(feature)]
    if fitted.encoding == "codes" and moved and not declared:
        yield (
            "the model was fitted without column names, so nobody can tell which numbers stood "
            f"for the categories of {listed(moved, _SHOWN)}; fit it on a table with names (a "
            "pandas DataFrame), or say what it reads: model.encoding=codes (positions 0, 1, …) "
            "or model.encoding=frame (the values of the source)"
        )


def _counts_from_zero(feature: Feature) -> bool:
    """Whether the values of the source are the positions themselves."""
    codes = [category.code for category in feature.categories]
    return feature.is_numeric or codes == [str(k) for k in range(len(codes))]


def _other_width(fitted: Fitted) -> Iterator[str]:
    wanted = getattr(fitted.estimator, "n_features_in_", None)
    inputs = np.zeros((1, len(fitted.schema.features)))
    width = np.asarray(fitted.columns.transform(inputs)).shape[1]
    if wanted is None or int(wanted) == width:
        return
    yield (
        f"the model was fitted on {int(wanted)} columns, and it would be given {width}: "
        f"{listed(fitted.schema.names, 12)}; use `dataset.drop`, `dataset.also_inputs` (of what is "
        "an entity or a time as well) and the order of the file so that they are the same, or fit "
        "it on a table with column names"
    )


def _whole(train: Split) -> Floats:
    """The rows without gaps."""
    return train.inputs[np.isfinite(train.inputs).all(axis=1)]


def _trial(fitted: Fitted, inputs: Floats) -> Iterator[str]:
    """Whether the estimator answers at all about the first of these rows."""
    name = type(fitted.estimator).__name__
    try:
        answer = fitted.probabilities(inputs[:_TRIED])
    except Exception as error:  # whatever the library raises, the person must know before a run
        yield f"{name} cannot be asked about rows of these data: {first_line(error)}"
        return
    if not np.isfinite(answer).all():
        yield f"{name} gives numbers that are not finite for these data"
