"""Anything that answers rows with probabilities, asked as an estimator of scikit-learn is."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized

import numpy as np
from numpy.typing import ArrayLike

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.errors import ConfigError

#: How far from [0, 1] a probability, and from 1 the sum of a row, may lie by rounding.
_SLACK, _SUM_SLACK = 1e-6, 1e-3


class AnswersClassesError(ValueError):
    """A model answered with texts, classes most likely, where numbers are expected."""


class Asked:
    """A function from rows to probabilities, or to numbers where a number is predicted.

    classes : in the order of the answer's columns. called, library : what the report calls it and
    the package that it comes from.
    """

    #: `predict` gives numbers; a class it never names.
    names_classes = False

    def __init__(
        self,
        answer: Callable[[object], ArrayLike],
        classes: Sequence[object],
        called: str,
        library: str = "",
    ) -> None:
        self.answer = answer
        self.classes_ = list(classes)
        self.called, self.library = called, library

    def predict_proba(self, table: Sized) -> Floats:
        """(instance, class) probabilities.

        Raises ConfigError : the answer has another shape, or holds what is no probability.
        """
        return as_probabilities(self.answer(table), len(table), self.classes_, "the model")

    def predict(self, table: Sized) -> Floats:
        """(instance,) numbers.

        Raises ConfigError : the answer is not one finite number a row.
        """
        return as_numbers(self.answer(table), len(table), "the model")


def as_array(answer: object) -> Floats:
    """An answer of numpy, pandas, torch or plain lists as numbers.

    Raises AnswersClassesError: it holds texts.
    """
    if hasattr(answer, "detach"):
        answer = answer.detach().cpu().numpy()
    plain = np.asarray(answer)
    if plain.size and isinstance(plain.flat[0], str):
        raise AnswersClassesError(", ".join(sorted(set(map(str, plain.flat)))[:5]))
    return np.asarray(answer, dtype=np.float64)


def as_probabilities(answer: ArrayLike, rows: int, classes: Sequence[object], who: str) -> Floats:
    """(row, class) from an answer; one column is the probability of the second of two classes.

    Raises ConfigError : it has another shape, or holds what is no probability.
    """
    shares = as_array(answer)
    if len(classes) == 2 and (shares.ndim == 1 or shares.shape[1:] == (1,)):
        second = shares.reshape(-1)
        _check_range(second, who)
        shares = np.stack([1 - second, second], axis=1)
    if shares.shape != (rows, len(classes)):
        or_second = f" or ({rows},) for the second of them" if len(classes) == 2 else ""
        raise ConfigError(
            f"{who} gives probabilities of shape {np.shape(answer)} for {rows} rows and "
            f"{len(classes)} classes ({', '.join(map(str, classes))}); expected ({rows}, "
            f"{len(classes)})"
            f"{or_second}. Give one row of probabilities a row of X, or name the classes "
            "with classes=[…]"
        )
    _check_shares(shares, who)
    return shares


def as_numbers(answer: object, rows: int, who: str) -> Floats:
    """(row,) from an answer; ConfigError where it is not one finite number a row."""
    numbers = as_array(answer)
    if numbers.shape not in {(rows,), (rows, 1)}:
        raise ConfigError(
            f"{who} gives numbers of shape {numbers.shape} for {rows} rows; expected ({rows},), "
            "one number a row"
        )
    if not np.isfinite(numbers).all():
        raise ConfigError(f"{who} gives numbers that are not finite; expected finite numbers")
    return numbers.reshape(-1)


def _check_shares(shares: Floats, who: str) -> None:
    if not np.isfinite(shares).all():
        row = int(np.argmax(~np.isfinite(shares).all(axis=1)))
        raise ConfigError(f"{who} gives no finite probability for row {row}; expected 0 to 1")
    _check_range(shares, who)
    sums = shares.sum(axis=1)
    if len(sums) and np.abs(sums - 1).max() > _SUM_SLACK:
        row = int(np.abs(sums - 1).argmax())
        raise ConfigError(
            f"{who} gives probabilities that sum to {sums[row]:.4g} for row {row}; expected 1, as "
            "each row has one of the classes"
        )


def _check_range(shares: Floats, who: str) -> None:
    """Refuse numbers below 0 or above 1; what is not finite is told elsewhere."""
    low, high = float(np.nanmin(shares, initial=0.0)), float(np.nanmax(shares, initial=1.0))
    if low < -_SLACK or high > 1 + _SLACK:
        are = (
            "percentages, divide them by 100. If they are " if low == 0 and 10 < high <= 100 else ""
        )
        raise ConfigError(
            f"{who} gives values from {low:.4g} to {high:.4g} where probabilities are expected, 0 "
            f"to 1. If they are {are}logits or scores, turn them into probabilities first "
            "(softmax, sigmoid, or calibration)"
        )
