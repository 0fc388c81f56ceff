"""What of a call becomes a plug-in: rows, model or predictions, attributions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from deepseek_report.api.composing import Pieces
from deepseek_report.api.given_models import (
    Hints,
    answers_of,
    hold,
    looks_fitted_to,
    recognise,
    refit_of,
)
from deepseek_report.api.object_digest import identity_of
from deepseek_report.api.report_arguments import refuse
from deepseek_report.api.rows import Rows, digest_of, digest_of_array, in_order_of
from deepseek_report.artifacts.schema import TaskName
from deepseek_report.artifacts.storage.local_paths import PLAIN_NAME, unfit_name
from deepseek_report.datasets.assembly.targets import MOST_CLASSES
from deepseek_report.explainers.own.given_attributions import HeldAttributions
from deepseek_report.models.given.given_answers import HeldAnswers

_TABLE = "deepseek_report.datasets.sources.given_table.GivenTable"
_MODEL = "deepseek_report.models.given.given_model.GivenModel"
_ANSWERS = "deepseek_report.models.given.given_answers.GivenAnswers"
_ATTRIBUTIONS = "deepseek_report.explainers.own.given_attributions.GivenAttributions"
#: Explainers that are shipped, whose names attributions may take, too.
_UNNAMED = "given"

Piece = tuple[dict[str, Any], Any]
#: A model or its answers, what is predicted, and whether it looks fitted to the test rows.
Model = tuple[Piece, TaskName | None, bool]


def pieces_of(
    rows: Rows, model: Any, predictions: Any, attributions: Any, options: Mapping[str, Any]
) -> Pieces:
    """The plug-ins of a call.

    Raises ArgumentProblems: the model, the predictions or the attributions cannot be used.
    """
    attributed = _attributions(rows, attributions, options)
    if model is not None:
        known, task, fits = _model(rows, model, options)
    else:
        known, task, fits = _answers(rows, predictions, attributed, options)
    table = {"_target_": _TABLE, "sha256": rows.sha256, "target": rows.target}
    table["training_rows"] = rows.held.training_rows(fits)
    if task is not None:
        table["task"] = task
    if positive := _positive(rows, predictions, attributed, options):
        table |= positive
    return Pieces((table, rows.held), known, attributed)


def _positive(
    rows: Rows, predictions: Any, attributed: Mapping[str, Piece], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Of two classes, attributions and single probabilities are about the second one."""
    about_one = bool(attributed) or (predictions is not None and np.ndim(predictions) == 1)
    if not about_one or "positive" in options or is_number(rows, options):
        return {}
    classes = list(options.get("classes") or rows.classes)
    return {"positive": _plain(classes[1])} if len(classes) == 2 else {}


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def is_number(rows: Rows, options: Mapping[str, Any]) -> bool:
    """Whether a number is predicted, as far as the labels tell."""
    task = options.get("task", "auto")
    if task != "auto":
        return bool(task == "regression")
    numeric = pd.api.types.is_numeric_dtype(rows.labels)
    return bool(numeric and rows.labels.nunique() > options.get("max_classes", MOST_CLASSES))


# --- the model, or what it answered ---------------------------------------------------------------


def _model(rows: Rows, model: Any, options: Mapping[str, Any]) -> Model:
    number = is_number(rows, options)
    hints = Hints(
        classes=options.get("classes") or (),
        encoder=options.get("encoder"),
        outputs=options.get("outputs", "logits"),
        task="regression" if number else None,
    )
    recognised = recognise(model, rows, hints)
    number = recognised.task == "regression" if recognised.task else number
    config: dict[str, Any] = {"_target_": _MODEL, "called": recognised.called}
    config["classes"] = [_plain(name) for name in options.get("classes") or ()]
    identity, fits = "", False
    if (model_id := options.get("model_id")) is not None:
        config["model_id"] = str(model_id)
    else:
        identity = identity_of(model, hints.encoder)
        config["answers"], answers = answers_of(recognised, rows, number=number)
        fits = looks_fitted_to(recognised.estimator, answers, rows)
    own = options.get("refit")
    refit = refit_of(recognised, rows, hints, own)
    if refit is not None:
        config["refit"] = "clone" if own is None else identity_of(own)
    return (config, hold(recognised, rows, identity, refit)), recognised.task, fits


def _answers(
    rows: Rows, predictions: Any, attributed: Mapping[str, Piece], options: Mapping[str, Any]
) -> Model:
    classes = list(options.get("classes") or rows.classes)
    if predictions is None:
        predictions = _implied(next(iter(attributed.values()), None))
    columns = list(predictions.columns) if isinstance(predictions, pd.DataFrame) else classes
    if set(map(str, columns)) == set(map(str, classes)):
        classes = columns  # the person named the columns by the classes
    if rows.index is not None and isinstance(predictions, pd.Series | pd.DataFrame):
        numbered = predictions.index.equals(pd.RangeIndex(len(predictions)))
        if not numbered:  # numbered rows are what a model answered to a table, row by row
            predictions = in_order_of(rows.index, predictions, "predictions", "X_test")
    values = np.asarray(predictions)
    if values.dtype == object or not np.issubdtype(values.dtype, np.number):
        refuse(
            "predictions",
            f"they hold {values.dtype.name} values, which are no probabilities",
            "a probability for each class, or of the second of two classes; or numbers",
            "give what predict_proba gives, and not the predicted classes",
        )
    if len(values) != rows.n_test:
        refuse(
            "predictions",
            f"{len(values)} predictions for the {rows.n_test} rows of X",
            "one a row of X, in the same order",
            "give both whole",
        )
    config = {"_target_": _ANSWERS, "sha256": digest_of_array(values)}
    task: TaskName | None = "regression" if is_number(rows, options) else None
    shares = np.column_stack([1 - values, values]) if values.ndim == 1 and not task else values
    about = shares.reshape(len(values), -1)
    fits = classes == rows.classes and looks_fitted_to(None, about, rows)
    return (config, HeldAnswers(values, classes)), task, fits


def _implied(piece: Piece | None) -> Any:
    """The output that attributions with base values add up to."""
    if piece is None:
        refuse(
            "model",
            "there is no model and nothing that one predicted",
            "one of these",
            "give a model, or predictions=…, or attributions=… with base_values=…",
        )
    config, held = piece
    if held.base_values is None:
        refuse(
            "attributions",
            "there are neither predictions nor base values, so nothing says what was predicted",
            "attributions with one of the two",
            "give predictions=…, or base_values=…, from which the predictions follow",
        )
    output = held.base_values + held.values.sum(axis=1)
    return 1 / (1 + np.exp(-output)) if config["space"] == "logit" else output


# --- attributions ---------------------------------------------------------------------------------


def _attributions(rows: Rows, attributions: Any, options: Mapping[str, Any]) -> dict[str, Piece]:
    """By name: a mapping of several, or one without a name."""
    if attributions is None:
        return {}
    several = attributions if isinstance(attributions, Mapping) else {_UNNAMED: attributions}
    return {
        str(name): _attribution(rows, str(name), values, options)
        for name, values in several.items()
    }


def _attribution(rows: Rows, name: str, attribution: Any, options: Mapping[str, Any]) -> Piece:
    if reason := unfit_name(name):
        refuse("attributions", f'the name "{name}" {reason}', PLAIN_NAME, "choose another name")
    base = getattr(attribution, "base_values", options.get("base_values"))
    values = getattr(attribution, "values", attribution)  # a frame, or what the shap package gives
    names = [str(column) for column in rows.features]
    if isinstance(attribution, pd.DataFrame):
        names = [str(column) for column in attribution.columns]
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (rows.n_test, len(names)) or set(names) != {str(n) for n in rows.features}:
        refuse(
            "attributions",
            f"“{name}” is of shape {array.shape}",
            f"({rows.n_test}, {len(rows.features.columns)}), a row of X and a column each",
            "of several classes give those of one",
        )
    if not np.isfinite(array).all():
        refuse("attributions", f"“{name}” holds values that are not finite", "numbers", "")
    config = {
        "_target_": _ATTRIBUTIONS,
        "method": name,
        "space": options.get("attribution_space", "probability"),
    }
    bases = None if base is None else _base(base, rows.n_test)
    hashed = pd.DataFrame(array, columns=names)
    config["sha256"] = digest_of(hashed if bases is None else hashed.assign(**{"\0base": bases}))
    return config, HeldAttributions(array, names, bases)


def _base(base: Any, rows: int) -> Any:
    values = np.asarray(base, dtype=np.float64)
    if values.ndim == 0 or values.shape == (1,):
        return np.full(rows, float(values.reshape(-1)[0]))
    if values.shape != (rows,):
        refuse(
            "base_values",
            f"base values of shape {values.shape}",
            f"one number, or ({rows},)",
            "give that of one class",
        )
    return values
