"""Boosters in the files of their own libraries: xgboost's .json and .ubj, lightgbm's .txt.

These formats are data that the library parses; a pickle is never read.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from deepseek_report.errors import ConfigError

Floats = NDArray[np.float64]
_TWO = {"binary:logistic", "binary:logitraw", "binary"}
_MANY = {"multi:softprob", "multi:softmax", "multiclass", "multiclassova"}
_NUMBERS = (
    *("reg:", "count:poisson", "regression", "huber", "fair", "poisson", "quantile", "map"),
    *("gamma", "tweedie"),
)


class LoadedBooster(BaseEstimator):
    """A booster as an estimator: what scikit-learn's interface asks, without being fitted here.

    booster : of either library. objective : what it was trained for. n_classes : 1 for a number.
    """

    #: The library that the booster comes from, and what its estimator is called there.
    library = ""
    called = ""

    def __init__(self, booster: Any, objective: str, n_classes: int) -> None:
        self.booster = booster
        self.objective = objective
        self.n_classes = n_classes

    @property
    def classes_(self) -> NDArray[np.int64]:
        """The classes as the booster numbers them; what they are called it does not know."""
        return np.arange(self.n_classes)

    @property
    def n_features_in_(self) -> int:
        return int(self.booster.num_feature() if self.library == "lightgbm" else self._width())

    @property
    def feature_names_in_(self) -> NDArray[np.object_]:
        """The columns that it was trained on; AttributeError where it was told no names."""
        names = _names(self)
        if names is None:
            raise AttributeError("feature_names_in_")
        return np.array(names, dtype=object)

    def _width(self) -> int:
        return int(self.booster.num_features())

    def _raw(self, table: Any) -> Floats:
        """(instance, …) what the booster says: probabilities, or margins, or the number."""
        if self.library == "lightgbm":
            return np.asarray(self.booster.predict(table, num_threads=1), dtype=np.float64)
        import xgboost

        data = xgboost.DMatrix(table, nthread=1)
        best = self.booster.attr("best_iteration")
        rounds = (0, int(best) + 1) if best is not None else (0, 0)
        margin = self.objective == "multi:softmax"
        found = self.booster.predict(data, output_margin=margin, iteration_range=rounds)
        return np.asarray(found, dtype=np.float64)


class LoadedClassifier(ClassifierMixin, LoadedBooster):
    """A booster that tells classes apart."""

    def predict_proba(self, table: Any) -> Floats:
        """(instance, class) probabilities in the order of the booster's own numbers."""
        found = self._raw(table)
        if self.objective == "multi:softmax":
            powers = np.exp(found - found.max(axis=1, keepdims=True))
            return np.asarray(powers / powers.sum(axis=1, keepdims=True))
        if self.objective in _MANY:
            return np.asarray(found / found.sum(axis=1, keepdims=True))
        if self.objective == "binary:logitraw":
            found = 1 / (1 + np.exp(-found))
        return np.stack([1 - found, found], axis=1)


class LoadedRegressor(RegressorMixin, LoadedBooster):
    """A booster that predicts a number."""

    def predict(self, table: Any) -> Floats:
        """(instance,) the number."""
        return self._raw(table)


def _names(booster: LoadedBooster) -> list[str] | None:
    if booster.library == "xgboost":
        found = booster.booster.feature_names
        return None if found is None else [str(one) for one in found]
    names = [str(one) for one in booster.booster.feature_name()]
    made_up = names == [f"Column_{k}" for k in range(len(names))]
    return None if made_up else names


def load_booster(path: Path, library: str) -> LoadedBooster:
    """The booster of a file.

    Raises
    ------
    ConfigError : it is no file of this library, or was trained for something else.
    """
    try:
        seen = path.stat()
        return _load(path, library, (seen.st_size, seen.st_mtime_ns))
    except OSError as error:
        raise ConfigError(f"model.file {path} cannot be read ({error.strerror})") from None


@lru_cache(maxsize=4)
def _load(path: Path, library: str, stamp: tuple[int, int]) -> LoadedBooster:
    del stamp
    read = _xgboost if library == "xgboost" else _lightgbm
    try:
        booster, objective, n = read(path)
    except ConfigError:
        raise
    except Exception as error:  # each library has an error class of its own, of any base
        text = (str(error) or type(error).__name__).splitlines()[0]
        raise ConfigError(f"model.file {path} is not a {library} model ({text[:200]})") from None
    return _wrapped(booster, objective, n, library, path)


def _wrapped(booster: Any, objective: str, n: int, library: str, path: Path) -> LoadedBooster:
    made: LoadedBooster
    if objective in _TWO:
        made = LoadedClassifier(booster, objective, 2)
    elif objective in _MANY:
        made = LoadedClassifier(booster, objective, n)
    elif objective.startswith(_NUMBERS):
        made = LoadedRegressor(booster, objective, 1)
    else:
        raise ConfigError(
            f"model.file {path} was trained for “{objective}”; a report needs classes "
            f"({', '.join(sorted(_TWO | _MANY))}) or a number (reg:…, regression)"
        )
    kind = "Classifier" if isinstance(made, LoadedClassifier) else "Regressor"
    made.library = library
    made.called = f"{'XGB' if library == 'xgboost' else 'LGBM'}{kind}"
    return made


def _xgboost(path: Path) -> tuple[Any, str, int]:
    import xgboost

    with xgboost.config_context(verbosity=0):
        booster = xgboost.Booster({"nthread": 1}, model_file=str(path))
    if "c" in (booster.feature_types or []):
        raise ConfigError(
            f"model.file {path} was trained on pandas categories, whose numbers are not in the "
            "file; train it on numbers"
        )
    learner = json.loads(booster.save_config())["learner"]
    if learner["gradient_booster"]["name"] == "gblinear":
        raise ConfigError(f"model.file {path} is a linear booster; only trees are read")
    n = int(learner["learner_model_param"]["num_class"])
    return booster, str(learner["objective"]["name"]), n


def _lightgbm(path: Path) -> tuple[Any, str, int]:
    import lightgbm

    head = path.read_text(encoding="utf-8", errors="replace").partition("\nTree=")[0]
    facts = dict(line.split("=", 1) for line in head.splitlines() if "=" in line)
    if "objective" not in facts or "feature_names" not in facts:
        raise ConfigError(f"model.file {path} is not a text file that lightgbm's save_model wrote")
    booster = lightgbm.Booster(model_file=str(path))
    return booster, facts["objective"].split(" ")[0], int(facts.get("num_class", 1))
