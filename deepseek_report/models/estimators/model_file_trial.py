"""Loads a stranger's file of a model in a process of its own, where whatever happens is bounded.

Its words are the file and the library; it reads the file's content. It loads that and predicts a
row of zeros. Of a booster it answers what the library itself writes again: JSON of xgboost, text of
lightgbm; of a skops file nothing. Called by `booster_file` and `sklearn`.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd

from deepseek_report.children import answer
from deepseek_report.models.estimators.booster_file import (
    LoadedClassifier,
    as_estimator,
    read,
    written,
)


def tried(path: str, library: str) -> bytes:
    """What is to be loaded of the file, once it was loaded here and has predicted."""
    content = sys.stdin.buffer.read()
    if library == "skops":
        _try_skops(content)
        return b""
    made = as_estimator(read(content, library), library, f"model.file {path}")
    row = _zeros(made)
    made.predict_proba(row) if isinstance(made, LoadedClassifier) else made._raw(row)
    return written(made.booster, library)


def _try_skops(content: bytes) -> None:
    """Load an estimator whose types are allowed; whether it fits a table is asked elsewhere."""
    from skops.io import get_untrusted_types, loads

    from deepseek_report.models.estimators.sklearn import check_positions

    estimator = loads(content, trusted=get_untrusted_types(data=content))
    check_positions(estimator)
    with suppress(AttributeError, TypeError, ValueError, KeyError, IndexError):
        estimator.predict(_zeros(estimator))


def _zeros(estimator: Any) -> Any:
    """A row of zeros, with names where the estimator knows its columns by name."""
    names = getattr(estimator, "feature_names_in_", None)
    row = pd.DataFrame(np.zeros((1, estimator.n_features_in_)), columns=names)
    return row if names is not None else row.to_numpy()


if __name__ == "__main__":
    answer(tried)
