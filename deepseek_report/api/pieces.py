"""From the arguments of a call to an experiment: plug-ins, composed and checked as a config is."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from deepseek_report.api import given_models
from deepseek_report.api.model_identity import identity_of
from deepseek_report.api.report_arguments import (
    CallOptions,
    dataset_options,
    plain_value,
    refuse,
    report_options,
)
from deepseek_report.api.rows import Rows, digest_of, digest_of_array, in_order_of
from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.explanation import CONTROL
from deepseek_report.artifacts.schema import NUMBER_TASKS, TaskName
from deepseek_report.artifacts.storage import bounded_yaml
from deepseek_report.artifacts.storage.local_paths import PLAIN_NAME, shipped, unfit_name
from deepseek_report.config.compose import add_declared, compose
from deepseek_report.config.composed import Composed
from deepseek_report.config.experiment import Experiment
from deepseek_report.config.sets import Origin
from deepseek_report.config.validate import validate
from deepseek_report.datasets.assembly.cell_encoding import MOST_CLASSES
from deepseek_report.datasets.assembly.data_declarations import MOST_VALUES
from deepseek_report.explainers.accounts import HeldAttributions
from deepseek_report.extension import BROUGHT
from deepseek_report.models.estimators.design_matrix import class_text
from deepseek_report.models.given.given_answers import HeldAnswers

_TABLE = "deepseek_report.datasets.sources.given_table.GivenTable"
_MODEL = "deepseek_report.models.given.given_model.GivenModel"
_ANSWERS = "deepseek_report.models.given.given_answers.GivenAnswers"
_ATTRIBUTIONS = "deepseek_report.explainers.accounts.GivenAttributions"
#: Explainers that are shipped, whose names attributions may take, too.
_UNNAMED = "given"


#: The config of a plug-in, and the object that it holds; a model that a config can name holds None.
Piece = tuple[Mapping[str, object], Any]


@dataclass(frozen=True)
class Pieces:
    """What of a call becomes a plug-in.

    attributions : by the name that they get among the explainers.
    """

    dataset: Piece
    model: Piece
    attributions: Mapping[str, Piece] = field(default_factory=dict)

    @property
    def stand_in(self) -> str:
        """The data set that stands in the config until the rows take its place, by its fields."""
        return "text_file" if "tokenizer" in self.dataset[0] else "csv"

    @property
    def has_model(self) -> bool:
        """Whether there is a model to ask, and not only what one answered."""
        return not isinstance(self.model[1], HeldAnswers)


#: A model or its answers, what is predicted, and whether it looks fitted to the test rows.
Model = tuple[Piece, TaskName | None, bool]


def pieces_of(
    rows: Rows, model: object, predictions: Any, attributions: object, options: CallOptions
) -> Pieces:
    """The plug-ins of a call.

    Raises ArgumentProblems: the model, the predictions or the attributions cannot be used.
    """
    hints, inputs = _hints(rows, options), list[str]()
    if model is not None:
        _check_order(model, options)
        recognised = given_models.recognise(model, rows, hints)
        most = int(options.get("max_categories", MOST_VALUES))
        rows, inputs = given_models.with_columns_read(recognised, rows, most)
    attributed = _attributions(rows, attributions, options)
    if model is not None:
        known, task, fits = _model(rows, model, recognised, hints, options)
    else:
        known, task, fits = _answers(rows, predictions, attributed, options)
    table: dict[str, object] = {
        "_target_": _TABLE,
        "sha256": rows.sha256,
        "target": rows.target,
        "training_rows": rows.held.training_rows(fits),
        **({} if task is None else {"task": task}),
        **({"also_inputs": inputs} if inputs else {}),
        **({"passed_along": list(rows.along)} if rows.along else {}),
    }
    classes = list(options.get("classes") or rows.classes)
    # of two classes, attributions are about the second one
    if attributed and "positive" not in options and not predicts_number(rows, options):
        table |= {"positive": plain_value(classes[1])} if len(classes) == 2 else {}
    return Pieces((table, rows.held), known, attributed)


def predicts_number(rows: Rows, options: CallOptions) -> bool:
    """Whether a number is predicted, as far as the labels tell."""
    task = options.get("task", "auto")
    if task != "auto":
        return task in NUMBER_TASKS
    numeric = pd.api.types.is_numeric_dtype(rows.labels)
    return bool(numeric and rows.labels.nunique() > options.get("max_classes", MOST_CLASSES))


# --- the model, or what it answered ---------------------------------------------------------------


def _hints(rows: Rows, options: CallOptions) -> given_models.Hints:
    return given_models.Hints(
        classes=options.get("classes") or (),
        encoder=options.get("encoder"),
        outputs=options.get("outputs", "logits"),
        task="regression" if predicts_number(rows, options) else None,
    )


def _model(
    rows: Rows,
    model: object,
    recognised: given_models.Recognised,
    hints: given_models.Hints,
    options: CallOptions,
) -> Model:
    config: dict[str, object] = {
        "_target_": _MODEL,
        "called": recognised.called,
        "classes": [plain_value(name) for name in options.get("classes") or ()],
    }
    identity, fits = "", False
    if (model_id := options.get("model_id")) is not None:
        config |= {"model_id": str(model_id)}
    else:
        identity = identity_of(model, hints.encoder)
        digest, answers = given_models.answers_of(recognised, rows)
        config |= {"answers": digest}
        fits = given_models.looks_fitted_to(recognised.estimator, answers, rows)
    own = options.get("refit")
    refit = given_models.refit_of(recognised, rows, hints, own)
    if refit is not None:
        config |= {"refit": "clone" if own is None else identity_of(own)}
    return (config, given_models.hold(recognised, rows, identity, refit)), recognised.task, fits


def _check_order(model: object, options: CallOptions) -> None:
    """Refuse classes in another order than that in which the model, or its method, answers."""
    known = getattr(model, "classes_", getattr(getattr(model, "__self__", None), "classes_", ()))
    own, named = ([*map(class_text, names)] for names in (known, options.get("classes") or ()))
    if own != named and sorted(own) == sorted(named):
        refuse(
            "classes",
            f"they are {', '.join(named)}, and the model's own (`classes_`) {', '.join(own)}",
            "the classes in the order of the model's probabilities",
            "leave classes out: the model itself says them",
        )


def _answers(
    rows: Rows, predictions: Any, attributed: Mapping[str, Piece], options: CallOptions
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
    number = predicts_number(rows, options)
    if values.ndim == 2 and not number and values.shape[1] not in {1, len(classes)}:
        refuse(
            "predictions",
            f"{values.shape[1]} probabilities a row, and y_test holds {len(classes)} classes "
            f"({', '.join(map(str, classes))})",
            "a probability for each class, or of the second of two classes",
            "name the classes in the order of the predictions: classes=[…]",
        )
    if len(values) != rows.n_test:
        refuse(
            "predictions",
            f"{len(values)} predictions for the {rows.n_test} rows of X",
            "one a row of X, in the same order",
            "give both whole",
        )
    config = {"_target_": _ANSWERS, "sha256": digest_of_array(values)}
    task: TaskName | None = "regression" if number else None
    shares = np.column_stack([1 - values, values]) if values.ndim == 1 and not task else values
    about = shares.reshape(len(values), -1)
    fits = classes == rows.classes and given_models.looks_fitted_to(None, about, rows)
    return (config, HeldAnswers(values, classes)), task, fits


def _implied(piece: Piece | None) -> object:
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
    return 1 / (1 + np.exp(-output)) if config.get("space") == "logit" else output


# --- attributions ---------------------------------------------------------------------------------


def _attributions(rows: Rows, attributions: object, options: CallOptions) -> dict[str, Piece]:
    """By name: a mapping of several, or one without a name."""
    if attributions is None:
        return {}
    several = attributions if isinstance(attributions, Mapping) else {_UNNAMED: attributions}
    return {
        str(name): _attribution(rows, str(name), values, options)
        for name, values in several.items()
    }


def _attribution(rows: Rows, name: str, attribution: object, options: CallOptions) -> Piece:
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
    bases = None if base is None else _base(base, rows.n_test)
    hashed = pd.DataFrame(array, columns=names)
    config = {
        "_target_": _ATTRIBUTIONS,
        "method": name,
        "space": options.get("attribution_space", "probability"),
        "sha256": digest_of(hashed if bases is None else hashed.assign(**{"\0base": bases})),
    }
    return config, HeldAttributions(array, names, bases)


def _base(base: object, rows: int) -> Floats:
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


# --- the experiment -------------------------------------------------------------------------------


def experiment_of(pieces: Pieces, options: CallOptions) -> tuple[Experiment, list[str]]:
    """The experiment of a call, and the overrides that a command line would have had.

    Raises ConfigProblems: all problems of the arguments.
    """
    own = list(options.get("overrides", ()))
    overrides = [*_overrides(options, pieces), *own]
    stand_ins = [f"dataset={pieces.stand_in}", "model=sklearn"]
    composed = compose([*stand_ins, *overrides], options.get("config_dir"))
    (_, rows), (_, model) = pieces.dataset, pieces.model
    objects: dict[tuple[str, ...], object] = {("dataset",): rows}
    objects |= {} if model is None else {("model",): model}
    objects |= {("explainers", name): held for name, (_, held) in pieces.attributions.items()}
    named = {text.lstrip("+~").partition("=")[0] for text in own} | set(options)
    selected: dict[str, dict[str, Origin]] = {
        group: dict(origins) if group in named else dict.fromkeys(origins, "set")
        for group, origins in composed.selected.items()
    }
    raw = _raw(composed, pieces, options)
    declared = {key: value for key, value in options.items() if key in BROUGHT and value}
    if declared:
        raw |= plain_value(declared)
        add_declared(raw, selected)
    composed = dataclasses.replace(
        composed,
        raw=raw,
        overrides=tuple(overrides),
        selected=selected,
        placements=tuple(each for each in composed.placements if each.package[:1] not in _REPLACED),
        held=objects,
        arguments=frozenset(
            [f"report.{name}" for name in report_options(options)]
            + [f"paths.{name}" for name in paths_of(options)]
        ),
    )
    return validate(composed, options.get("trust", ())), overrides


_REPLACED = (("dataset",), ("model",))


def _overrides(options: CallOptions, pieces: Pieces) -> list[str]:
    named: dict[str, Sequence[str] | None] = {
        "explainers": options.get("explainers"),
        "metrics": options.get("metrics"),
        "visualizations": options.get("visualizations"),
        "sections": options.get("sections"),
        "frameworks": options.get("frameworks"),
    }
    chosen = {group: names for group, names in named.items() if names is not None}
    if pieces.attributions:
        chosen.setdefault("explainers", [CONTROL] if pieces.has_model else [])
    texts = [f"{group}=[{','.join(names)}]" for group, names in chosen.items()]
    costs = options.get("costs") or {}
    priced = ",".join(f"{kind}:{_text(cost)}" for kind, cost in costs.items())
    plain = {
        "seed": options.get("seed"),
        "measure_time": options.get("measure_time"),
        "explain.instances": options.get("instances"),
        "explain.background": options.get("background"),
        "explain.question": options.get("question"),
        "split.folds": options.get("folds"),
        "decision.threshold": options.get("threshold"),
        "decision.costs": f"{{{priced}}}" if costs else None,
    }
    return texts + [f"{key}={_text(value)}" for key, value in plain.items() if value is not None]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _raw(composed: Composed, pieces: Pieces, options: CallOptions) -> dict[str, Any]:
    raw, (rows, _), (model, _) = composed.raw, pieces.dataset, pieces.model
    named = {name: config for name, (config, _) in pieces.attributions.items()}
    return {
        **raw,
        "dataset": {
            **_changed_settings(composed, pieces.stand_in),
            **rows,
            **dataset_options(options),
        },
        "model": model,
        "explainers": {**(raw.get("explainers") or {}), **named},
        "report": {**raw["report"], **report_options(options)},
        "name": options.get("name") or _folder_name(str(options.get("title") or "report")),
        "paths": {**(raw.get("paths") or {}), **paths_of(options)},
    }


def paths_of(options: CallOptions) -> dict[str, str]:
    """Where reports and finished stages go, as far as the call says it."""
    reports, store = options.get("reports"), options.get("store")
    paths = {} if reports is None else {"reports": str(reports), "store": f"{reports}/.store"}
    return paths if store is None else {**paths, "store": str(store)}


def _changed_settings(composed: Composed, stand_in: str) -> dict[str, Any]:
    """What overrides say of the data set, beside what its stand-in says by itself."""
    defaults = bounded_yaml.load(shipped("conf") / "dataset" / f"{stand_in}.yaml")
    prefix = "dataset."
    named = [text.lstrip("+~").partition("=")[0] for text in composed.overrides]
    set_here = {key.removeprefix(prefix).split(".")[0] for key in named if key.startswith(prefix)}
    return {
        key: value
        for key, value in composed.raw["dataset"].items()
        if key in set_here or key not in defaults or value != defaults[key]
    }


def _folder_name(title: str) -> str:
    """A title as the name of a folder: “Loans, 2026” -> `loans_2026`."""
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")[:48].strip("_") or "report"
