"""The model of a call: what kind of thing it is, how it is asked, and what tells it from others."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from deepseek_report.api.report_arguments import ArgumentProblems, refuse
from deepseek_report.api.rows import Rows, digest_of_numbers, held_kinds, leaves_hold, sums_agree
from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.schema import NUMBER_TASKS, TaskName
from deepseek_report.errors import ConfigError, DeepseekReportError, first_line
from deepseek_report.models.estimators.design_matrix import class_text, names_of
from deepseek_report.models.estimators.estimator_libraries import walkable
from deepseek_report.models.given.callable_model import (
    AnswersClassesError,
    Asked,
    as_numbers,
    as_probabilities,
)
from deepseek_report.models.given.given_model import HeldModel

_KINDS = (
    "a fitted estimator or pipeline of scikit-learn, a model of xgboost or lightgbm, a torch "
    "module, or a function from rows to probabilities"
)
#: Seed of the rows that are mixed to see how a model answers beyond the rows that were given.
_PROBE_SEED = 9
#: Rows that are asked about twice, to see whether the model answers the same.
_TWICE = 20


#: From a table, its labels and a seed, or None, to an estimator.
Refit = Callable[[Any, Any, int | None], Any]


@dataclass(frozen=True)
class Hints:
    """What a person says of the model beside the model itself.

    classes : in the order of its answers. encoder : table -> what a torch module reads.
    outputs : whether a torch module gives logits or probabilities. task : what is predicted.
    """

    classes: Sequence[Any] = ()
    encoder: Callable[[Any], Any] | None = None
    outputs: str = "logits"
    task: TaskName | None = None


@dataclass(frozen=True)
class Recognised:
    """A model behind the interface of an estimator, and what it predicts, where it says so.

    gives_numbers : whether it predicts a number, as it says itself or the call does.
    """

    estimator: Any
    called: str
    task: TaskName | None = None
    gives_numbers: bool = False


def recognise(model: object, rows: Rows, hints: Hints) -> Recognised:
    """The model as something with `predict_proba` or `predict`.

    Raises ArgumentProblems: it is nothing that can be asked about rows.
    """
    kinds = (_booster, _torch_module, _estimator, _function)
    recognised = next(filter(None, (kind(model, rows, hints) for kind in kinds)), None)
    if recognised is None:
        refuse(
            "model",
            f"{type(model).__name__} cannot be asked about rows",
            _KINDS,
            "give one of these",
        )
    return replace(recognised, gives_numbers=(recognised.task or hints.task) in NUMBER_TASKS)


def hold(
    recognised: Recognised, rows: Rows, identity: str, refit: Refit | None = None
) -> HeldModel:
    """The model with the form of the table that it reads, and what tells it from others."""
    estimator = recognised.estimator
    params = estimator.get_params() if hasattr(estimator, "get_params") else {}
    numbers = all(pd.api.types.is_numeric_dtype(kind) for kind in rows.as_called.dtypes)
    names = _names_read(estimator, rows)
    reads_all = not rows.along and names in (None, [str(name) for name in rows.features])
    walks = numbers and walkable(type(estimator).__name__, params) and reads_all
    return HeldModel(estimator, rows.form, walks_trees=walks, identity=identity, refit=refit)


def refit_of(recognised: Recognised, rows: Rows, hints: Hints, own: Any) -> Refit | None:
    """How the model is fitted again: as the person says, else by a clone where it can be cloned.

    Parameters
    ----------
    own : the person's function from X and y to a model.

    Returns
    -------
    None where nobody says how, or no training rows were given.

    Raises ArgumentProblems: `own` is no function, or there are no rows to fit a model to.
    """
    if own is None:
        return clone_fitting(recognised.estimator) if rows.has_training else None
    if not callable(own):
        refuse(
            "refit",
            f"{type(own).__name__} cannot be called",
            "a function (X, y) -> a fitted model of the same kind",
            "give such a function, or leave it out: an estimator of scikit-learn is cloned",
        )
    if not rows.has_training:
        refuse(
            "refit",
            "it is given, and there are no rows to fit a model to",
            "X_train and y_train",
            "give the rows that the model was trained on",
        )

    def refit(table: object, labels: object, seed: int | None) -> Any:
        del seed
        return recognise(own(table, labels), rows, hints).estimator

    return refit


def clone_fitting(estimator: object) -> Refit | None:
    """Fits a clone; of a search its best estimator, since that is the model.

    Without a seed it draws as the estimator says, and by 0 where that leaves it to chance.

    None of what has no `fit`, and of what holds a part that stays as it was fitted.
    """
    best = getattr(estimator, "best_estimator_", estimator)
    if not (hasattr(best, "fit") and hasattr(best, "get_params")):
        return None
    held = best.get_params()
    if any(type(part).__name__ == "FrozenEstimator" for part in held.values()):
        return None
    draws = [name for name in held if name.rpartition("__")[2] == "random_state"]
    open_draws = [name for name in draws if held[name] is None]

    def refit(table: object, labels: object, seed: int | None) -> Any:
        from sklearn.base import clone

        fresh = clone(best)
        changed = draws if seed is not None else open_draws
        fresh.set_params(**dict.fromkeys(changed, seed or 0))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return fresh.fit(table, labels)

    return refit


# --- kinds of models ------------------------------------------------------------------------------


def _booster(model: object, rows: Rows, hints: Hints) -> Recognised | None:
    del hints
    library = type(model).__module__.partition(".")[0]
    if library not in {"xgboost", "lightgbm"} or type(model).__name__ != "Booster":
        return None
    from deepseek_report.models.estimators.booster_file import as_estimator

    try:
        estimator = as_estimator(model, library, "the booster")
    except ConfigError as error:
        refuse("model", str(error), _KINDS, "")
    _check_names(estimator, estimator.called, rows)
    task: TaskName = "classification" if hasattr(estimator, "predict_proba") else "regression"
    return Recognised(estimator, estimator.called, task)


def _torch_module(model: object, rows: Rows, hints: Hints) -> Recognised | None:
    module = "torch.nn.modules.module.Module"
    if not any(f"{cls.__module__}.{cls.__name__}" == module for cls in type(model).__mro__):
        return None
    name, classes = type(model).__name__, hints.classes or rows.classes
    return Recognised(Asked(_torch_answer(model, hints), classes, name, "torch"), name)


def _torch_answer(module: Any, hints: Hints) -> Callable[[Any], Any]:
    """Asks a module in evaluation mode, without gradients, and leaves it as it was."""
    import torch

    def answer(table: object) -> Any:
        encode = hints.encoder or _as_tensor
        place = next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
        training = module.training
        module.eval()
        try:
            with torch.no_grad():
                encoded = encode(table)
                outputs = module(encoded.to(place) if hasattr(encoded, "to") else encoded).double()
        finally:
            module.train(training)
        if hints.outputs == "probabilities" or hints.task in NUMBER_TASKS:
            return outputs
        single = outputs.ndim == 1 or outputs.shape[1] == 1
        return torch.sigmoid(outputs) if single else torch.softmax(outputs, dim=1)

    return answer


def _as_tensor(table: object) -> object:
    import torch

    try:
        return torch.as_tensor(np.asarray(table, dtype=np.float32))
    except ValueError:
        refuse(
            "encoder",
            "the module is given, X holds texts, and nothing says how they become a tensor",
            "a function from a table to a tensor",
            "give encoder=…",
        )


def _estimator(model: object, rows: Rows, hints: Hints) -> Recognised | None:
    if isinstance(model, type) or not hasattr(model, "predict"):
        return None
    called = type(model).__name__
    _check_fitted(model, called)
    _check_names(model, called, rows)
    if hasattr(model, "predict_proba"):
        return Recognised(model, called, "classification")
    kind = _kind_of_estimator(model)
    if kind == "classifier":
        refuse(
            "model",
            f"{called} has no predict_proba",
            "a model that gives probabilities",
            "calibrate it (sklearn.calibration.CalibratedClassifierCV), or give a function that "
            "turns its scores into probabilities",
        )
    if kind in {"clusterer", "outlier_detector"}:
        refuse(
            "model",
            f"{called} predicts neither labels nor numbers, but is a {kind.replace('_', ' ')}",
            _KINDS,
            "give a function that turns its answers into probabilities of the classes of y_test",
        )
    texts = not pd.api.types.is_numeric_dtype(rows.labels)
    if texts or (hints.task is None and not kind):
        _refuse_numbers(called, rows, may_be_numbers=not texts)
    return Recognised(model, called, "regression")


def _kind_of_estimator(model: object) -> str:
    """What scikit-learn says that the model is; "" of what is none of its own, or says nothing."""
    from sklearn import base

    for kind in ("classifier", "regressor", "clusterer", "outlier_detector"):
        holds = getattr(base, f"is_{kind}", None)  # the oldest version lacks some
        try:
            if holds is not None and holds(model):
                return kind
        except AttributeError:  # no estimator of scikit-learn
            return ""
    return "estimator"


def _refuse_numbers(called: str, rows: Rows, *, may_be_numbers: bool) -> NoReturn:
    """Refuse a model that answers one number a row, and nothing says of which class."""
    classes = ", ".join(map(str, rows.classes[:5]))
    or_number = ', or task="regression" where a number is predicted' if may_be_numbers else ""
    refuse(
        "model",
        f"{called} has no predict_proba, and y_test holds classes ({classes})",
        "a model that gives probabilities, or labels that are numbers",
        "give a function of it that gives probabilities, such as "
        f"lambda table: model.predict(table){or_number}",
    )


def _check_fitted(model: object, called: str) -> None:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    if not hasattr(model, "fit"):
        return
    try:
        check_is_fitted(model)
    except NotFittedError:
        refuse("model", f"{called} is not fitted", "a fitted model", "call fit on it first")
    except TypeError:  # no estimator of scikit-learn: it is asked about rows instead
        return


def _check_names(model: object, called: str, rows: Rows) -> None:
    known = _names_read(model, rows) or []
    lacking = [name for name in known if name not in map(str, rows.whole)]
    if lacking:
        refuse(
            "X_test",
            f"{called} was fitted on the column{'s' if len(lacking) > 1 else ''} "
            f"{', '.join(lacking[:5])}, which X lacks",
            ", ".join(known[:20]),
            "give the table that the model reads, with the names it was fitted on",
        )


def _names_read(model: object, rows: Rows) -> list[str] | None:
    """The columns of X that a model was fitted on, in its order; None where it knows no names."""
    return names_of(model, [str(name) for name in rows.whole]) if rows.named else None


def _function(model: object, rows: Rows, hints: Hints) -> Recognised | None:
    if not callable(model) or isinstance(model, type):
        return None
    called = getattr(model, "__name__", type(model).__name__)
    called = "a function" if called == "<lambda>" else called
    return Recognised(Asked(model, hints.classes or rows.classes, called), called)


# --- what it reads --------------------------------------------------------------------------------


def with_columns_read(recognised: Recognised, rows: Rows, most: int) -> tuple[Rows, list[str]]:
    """The rows as the model reads them, and columns that are inputs whatever else they are.

    A column that is declared as an entity, as a time, to be dropped or not to be used, and that the
    model was fitted on, stands in the table that it is given. Where its answers change with the
    values of the column, it is an input like any other, which explanations change. Where they do
    not, whatever row a value is from, no explanation could tell one value from another: the column
    is passed along with that of the first row.

    most : different values of an input that is no number.

    Raises ArgumentProblems: the model reads a column that cannot be an input.
    """
    needed = _needed(recognised, rows)
    if not needed:
        return rows, []
    whole = rows.reading((), needed)
    answers = _ask(recognised, whole, whole.as_called)

    def changes(names: Sequence[str], places: Ints) -> bool:
        """Whether it answers otherwise where these columns hold the values of other rows."""
        moved = whole.as_called.copy()
        for column in (whole.form.columns[name] for name in names):
            moved[column] = moved[column].take(places).array
        try:
            others = _ask(recognised, whole, moved)
        except ArgumentProblems:
            return True
        return not np.allclose(others, answers, rtol=1e-6, atol=1e-9)

    shuffled = np.random.default_rng(_PROBE_SEED).permutation(len(answers))
    inputs = []
    if changes(needed, shuffled):
        inputs = [name for name in needed if changes([name], shuffled)] or needed
    along = [name for name in needed if name not in inputs]
    if along and changes(along, np.zeros_like(shuffled)):
        inputs, along = needed, []
    for name in inputs:
        _check_input(recognised.called, name, whole.whole[whole.form.columns[name]], most)
    return rows.reading(inputs, along), inputs


def _needed(recognised: Recognised, rows: Rows) -> list[str]:
    """The columns that are no features and without which the model cannot be asked."""
    names = _names_read(recognised.estimator, rows)
    if not rows.kept_back or names is not None:
        return [name for name in rows.kept_back if name in (names or ())]
    whole = rows.reading((), rows.kept_back)
    for tried, needed in ((rows, []), (whole, rows.kept_back)):
        try:
            _ask(recognised, tried, tried.as_called.head(_TWICE))
        except ArgumentProblems:
            continue
        return needed
    return []


def _check_input(called: str, name: str, cells: pd.Series, most: int) -> None:
    """Refuse a column that the model reads, and that cannot be an input."""
    fault, todo = held_kinds(cells), "fit the model without it"
    if pd.api.types.is_datetime64_any_dtype(cells):
        fault, todo = "dates", "fit the model on numbers made of it (days since a day, say)"
    elif not fault and not pd.api.types.is_numeric_dtype(cells) and (n := cells.nunique()) > most:
        fault, todo = f"{n} different values", f"give max_categories={n}"
    if fault:
        refuse(
            "X_test",
            f'the answers of {called} change with the column "{name}", which so is an input '
            f"whatever else it is declared to be, and it holds {fault}",
            f"numbers, booleans, and at most {most} different texts or categories",
            f"{todo}, or give a function of the other columns that asks the model with one value",
        )


# --- what it answers ------------------------------------------------------------------------------


def answers_of(recognised: Recognised, rows: Rows) -> tuple[str, Floats]:
    """What a model answers: SHA-256 of it, and (test row, output) what it says of the test rows.

    The hash is of the answers on all rows, on rows whose cells are mixed, and between.

    Raises ArgumentProblems: it cannot be asked, or answers the same rows differently.
    """
    # as many rows, each cell from another row of its column
    random, known = np.random.default_rng(_PROBE_SEED), rows.as_called
    mixed = pd.DataFrame(
        {name: known[name].take(random.permutation(len(known))).array for name in known}
    )
    answers = [_ask(recognised, rows, table) for table in (known, mixed)]
    again = _ask(recognised, rows, known.head(_TWICE))
    if not np.allclose(again, answers[0][:_TWICE], rtol=1e-4, atol=1e-6):
        refuse(
            "model",
            f"{recognised.called} answers the same rows differently when asked again",
            "a model whose answer depends on the rows alone",
            "fix its random draws (dropout, sampling), or give its predictions instead",
        )
    try:
        between = digest_of_numbers(_ask(recognised, rows, _between(mixed)))
    except ArgumentProblems:  # it reads whole numbers alone, or refuses what nobody has seen
        between = "not asked"
    digest = hashlib.sha256(f"{digest_of_numbers(np.concatenate(answers))} {between}".encode())
    return digest.hexdigest(), answers[0][: rows.n_test]


def looks_fitted_to(estimator: object, answers: Floats, rows: Rows) -> bool:
    """Whether the answers on the test rows are those of a model that was fitted to these rows.

    estimator : None where the answers alone are known. answers : (test row, output).
    """
    labels = rows.labels.iloc[: rows.n_test]
    if answers.shape[1] == 1:
        truths = pd.to_numeric(labels, errors="coerce").to_numpy(np.float64).reshape(-1, 1)
    else:
        classes = [class_text(name) for name in getattr(estimator, "classes_", rows.classes)]
        own = labels.map(class_text, na_action="ignore").to_numpy()
        truths = np.stack([(own == name).astype(np.float64) for name in classes], axis=1)
        if not np.array_equal(truths.sum(axis=1), np.ones(len(own))):
            return False  # the classes are called otherwise, or a label is missing
    if np.isnan(truths).any():
        return False
    if sums_agree(answers, truths):
        return True
    try:
        return estimator is not None and leaves_hold(
            estimator, rows.as_given(rows.as_called.head(rows.n_test))
        )
    except Exception:  # whatever a step of a person's own does with a table
        return False


def _between(features: pd.DataFrame) -> pd.DataFrame:
    """The rows with each number moved by a share of the way to that of another row."""
    random = np.random.default_rng(_PROBE_SEED + 1)
    moved = features.copy()
    for place, kind in enumerate(features.dtypes):
        if pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind):
            values = features.iloc[:, place].to_numpy(dtype=np.float64, na_value=np.nan)
            share = random.random(len(values))
            values = values + share * (values[random.permutation(len(values))] - values)
            moved.isetitem(place, values)
    return moved


def _ask(recognised: Recognised, rows: Rows, frame: pd.DataFrame) -> Any:
    estimator, called = recognised.estimator, recognised.called
    table, names = rows.as_given(frame), _names_read(estimator, rows)
    if names is not None:
        table = frame[[rows.form.columns[name] for name in names]]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answer = (
                estimator.predict(table)
                if recognised.gives_numbers
                else estimator.predict_proba(table)
            )
    except DeepseekReportError as error:
        refuse("model", str(error), "", "")
    except AnswersClassesError as error:
        refuse(
            "model",
            f"{called} answers with classes ({error})",
            "a probability for each class, or of the second of two classes",
            "give predict_proba in place of predict",
        )
    except Exception as error:
        refuse(
            "model",
            f"{called} cannot be asked about the rows of X "
            f"({type(error).__name__}: {first_line(error)})",
            "a model that answers such rows",
            "give X as the model reads it",
        )
    if recognised.gives_numbers:
        return as_numbers(answer, len(frame), called).reshape(-1, 1)
    classes = list(getattr(estimator, "classes_", rows.classes))
    return as_probabilities(answer, len(frame), classes, called)
