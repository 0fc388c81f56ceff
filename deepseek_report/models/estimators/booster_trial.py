"""Loads a booster's file in a process of its own, where whatever a library does is bounded.

Its words are the file and the library; it reads the file's content. It loads that, predicts a row
of zeros, and answers with the booster as the library itself writes it again: JSON of xgboost, text
of lightgbm.
"""

from __future__ import annotations

import sys

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
    """The booster of a file, written again once it has predicted."""
    made = as_estimator(read(sys.stdin.buffer.read(), library), library, f"model.file {path}")
    names = getattr(made, "feature_names_in_", None)
    row = pd.DataFrame(np.zeros((1, made.n_features_in_)), columns=names)
    table = row if names is not None else row.to_numpy()
    made.predict_proba(table) if isinstance(made, LoadedClassifier) else made._raw(table)
    return written(made.booster, library)


if __name__ == "__main__":
    answer(tried)
