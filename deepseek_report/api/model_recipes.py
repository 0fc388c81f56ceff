"""Models that are fitted here: an estimator to clone, or what makes an unfitted one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from deepseek_report.api.given_models import clone_fitting
from deepseek_report.api.pieces import is_number
from deepseek_report.api.report_arguments import ArgumentProblems, refuse
from deepseek_report.api.rows import Given, Rows, rows_of
from deepseek_report.artifacts.array_types import Bools, Ints
from deepseek_report.artifacts.message import Text, message
from deepseek_report.datasets.assembly.row_metadata import moments_of
from deepseek_report.datasets.split.splitting import (
    assign_by_quotas,
    bands,
    joined,
    quotas_of,
    row_identity,
)

#: Share of all rows that are held out where X and y are all there are.
_HELD_OUT = 0.25
#: From a table and its labels to a fitted model.
Fitting = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class FittedHere:
    """A model that was fitted to some rows, and the rows that it is judged on.

    refit : fits another one to other rows; None where an estimator is cloned for that.
    """

    model: Any
    test: Given
    train: Given
    refit: Fitting | None
    notice: Text


def fitted_here(
    model: Any, test: Given, train: Given, options: Mapping[str, Any], left_out: list[str]
) -> FittedHere | None:
    """The model fitted to the training rows; without these a quarter of the rows is held out first.

    None where it came fitted with its training rows, or nothing says how it is fitted.

    Raises
    ------
    ArgumentProblems : what is called gives no model, or the fit failed.
    """
    own = options.get("refit")
    fit = own if callable(own) else _fitting(model)
    has_training = train[0] is not None
    if fit is None or (has_training and (callable(own) or _is_fitted(model))):
        return None
    nothing: Given = (None, None)
    parts = (test, nothing, train), options.get("target"), left_out
    rows = rows_of(*parts[0], *parts[1:], options.get("classes") or ())
    number, labels = is_number(rows, options), rows.labels.to_numpy()
    if has_training:
        learnt = np.arange(len(labels)) >= rows.n_test
    else:
        learnt = ~_held_out(rows, labels, options, number=number)
        test, train = (_taken(test[0], labels, places) for places in (~learnt, learnt))
    table = rows.as_given(rows.features[learnt].reset_index(drop=True))
    try:
        fitted = fit(table, labels[learnt])
    except ArgumentProblems:
        raise
    except Exception as error:  # of a person's own code, of any kind
        first = (str(error) or type(error).__name__).splitlines()[0]
        refuse(
            "model",
            f"fitting it to {int(learnt.sum())} rows failed: {type(error).__name__}: {first}",
            "a model that can be fitted to the columns of X, or a function without arguments that "
            "makes one",
            "see that fit(X, y) works, or leave columns out by drop=[…]",
        )
    counts = {"train": int(learnt.sum()), "test": int((~learnt).sum())}
    notice = message("given_rows.fitted_here", **counts)
    return FittedHere(fitted, test, train, None if hasattr(fitted, "get_params") else fit, notice)


def _fitting(model: Any) -> Fitting | None:
    """How an estimator, a class of them or a function that makes one is fitted; else None."""
    if hasattr(model, "fit") and not isinstance(model, type):
        cloned = clone_fitting(model)
        return None if cloned is None else lambda table, labels: cloned(table, labels, None)
    if not callable(model) or not _needs_nothing(model):
        return None

    def fit(table: Any, labels: Any) -> Any:
        made = model()
        if not hasattr(made, "fit"):
            refuse(
                "model",
                f"it was called without arguments, and gave {type(made).__name__}",
                "an unfitted estimator with `fit`",
                "return the estimator, unfitted, from the function",
            )
        cloned = clone_fitting(made)
        return made.fit(table, labels) if cloned is None else cloned(table, labels, None)

    return fit


def _needs_nothing(made_by: Callable[..., Any]) -> bool:
    """Whether it can be called without arguments."""
    try:
        parameters = inspect.signature(made_by).parameters.values()
    except (TypeError, ValueError):
        return False
    several = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    return all(
        parameter.kind in several or parameter.default is not parameter.empty
        for parameter in parameters
    )


def _is_fitted(model: Any) -> bool:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    if isinstance(model, type) or not hasattr(model, "predict"):
        return False
    try:
        check_is_fitted(model)
    except NotFittedError:
        return False
    except TypeError:  # no estimator of scikit-learn
        return True
    return True


def _taken(table: Any, labels: Any, taken: Bools) -> Given:
    """These rows as the person gave them, with their labels."""
    if isinstance(table, pd.DataFrame | pd.Series):
        return table[taken].reset_index(drop=True), labels[taken]
    if isinstance(table, list | tuple):
        return [row for row, kept in zip(table, taken, strict=True) if kept], labels[taken]
    return np.asarray(table)[taken], labels[taken]


def _held_out(rows: Rows, labels: Any, options: Mapping[str, Any], *, number: bool) -> Bools:
    """(row,) whether it is tested: the latest rows where their time is declared, else at random.

    Classes, or bands of the number, are shared out evenly; rows of one entity, and rows that are
    the same in every column, are in one part.
    """
    frame, entity = rows.held.frame, options.get("entity")
    if options.get("time") is not None:
        moments = moments_of(frame[str(options["time"])], ".").values
        last: Bools = moments >= np.nanquantile(moments, 1 - _HELD_OUT, method="higher")
        return last
    strata = bands(labels.astype(np.float64)) if number else _codes(labels)
    columns = np.column_stack([_codes(rows.features[name]) for name in rows.features])
    units = row_identity(columns.astype(np.float64))
    units = units if entity is None else joined(units, _codes(frame[str(entity)]))
    random = np.random.default_rng([int(options.get("seed") or 1), 25])
    quotas = quotas_of(np.bincount(strata), (1 - _HELD_OUT, _HELD_OUT))
    return np.asarray(assign_by_quotas(strata, units, quotas, random) == 1)


def _codes(values: Any) -> Ints:
    """(row,) the same number for equal values; what is missing counts as one value."""
    return np.asarray(pd.factorize(pd.Series(values))[0] + 1, dtype=np.int64)
