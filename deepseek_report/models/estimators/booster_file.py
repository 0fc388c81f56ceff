"""Boosters, from memory or the files of their libraries: xgboost's .json, .ubj, lightgbm's .txt.

These formats are data that the library parses; a pickle is never read. The libraries trust what
they parse, so that a file is first loaded by a process of its own (`model_file_trial`). What that
one writes again is checked (`booster_checks`), and is all that this one loads.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AliasPath, BaseModel, Field
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from deepseek_report import children
from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.storage.plain_files import ListedPath, read_bytes
from deepseek_report.errors import ArtifactError, ConfigError, first_line
from deepseek_report.models.estimators.booster_checks import refuse_strange

if TYPE_CHECKING:
    from lightgbm import Booster as LGBooster
    from xgboost import Booster as XGBooster

#: How a text of lightgbm begins.
_LIGHTGBM = b"tree\n"
#: What loads a file first, and how long it may take.
TRIAL, TRIAL_SECONDS = "deepseek_report.models.estimators.model_file_trial", 120
_TWO = {"binary:logistic", "binary:logitraw", "binary"}
_MANY = {"multi:softprob", "multi:softmax", "multiclass", "multiclassova"}
_NUMBERS = (
    *("reg:", "count:poisson", "regression", "huber", "fair", "poisson", "quantile", "map"),
    *("gamma", "tweedie"),
)


class LoadedBooster(BaseEstimator):  # type: ignore[misc]  # untyped library
    """A booster as an estimator: what scikit-learn's interface asks, without being fitted here.

    booster : of either library. objective : what it was trained for. n_classes : 1 for a number.
    """

    #: The library that the booster comes from, and what its estimator is called there.
    library = ""
    called: str = ""

    def __init__(self, booster: Any, objective: str, n_classes: int) -> None:
        self.booster = booster
        self.objective = objective
        self.n_classes = n_classes

    @property
    def classes_(self) -> Ints:
        """The classes as the booster numbers them; what they are called it does not know."""
        return np.arange(self.n_classes)

    @property
    def n_features_in_(self) -> int:
        booster = self.booster
        return int(booster.num_feature() if self.library == "lightgbm" else booster.num_features())

    @property
    def feature_names_in_(self) -> NDArray[np.object_]:
        """The columns that it was trained on; AttributeError where it was told no names."""
        lightgbm = self.library == "lightgbm"
        names = self.booster.feature_name() if lightgbm else self.booster.feature_names
        if names is None or (lightgbm and names == [f"Column_{k}" for k in range(len(names))]):
            raise AttributeError("feature_names_in_")
        return np.array([str(name) for name in names], dtype=object)

    def _raw(self, table: object) -> Floats:
        """(instance, …) what the booster gives: probabilities, margins, or the number."""
        if self.library == "lightgbm":
            return np.asarray(self.booster.predict(table, num_threads=1), dtype=np.float64)
        import xgboost

        data = xgboost.DMatrix(table, nthread=1)
        best = self.booster.attr("best_iteration")
        rounds = (0, int(best) + 1) if best is not None else (0, 0)
        margin = self.objective == "multi:softmax"
        output = self.booster.predict(data, output_margin=margin, iteration_range=rounds)
        return np.asarray(output, dtype=np.float64)


class LoadedClassifier(ClassifierMixin, LoadedBooster):  # type: ignore[misc]  # untyped library
    """A booster that tells classes apart."""

    def predict_proba(self, table: object) -> Floats:
        """(instance, class) probabilities in the order of the booster's own numbers."""
        output = self._raw(table)
        if self.objective == "multi:softmax":
            powers = np.exp(output - output.max(axis=1, keepdims=True))
            return np.asarray(powers / powers.sum(axis=1, keepdims=True))
        if self.objective in _MANY:
            return np.asarray(output / output.sum(axis=1, keepdims=True))
        if self.objective == "binary:logitraw":
            output = 1 / (1 + np.exp(-output))
        return np.stack([1 - output, output], axis=1)


class LoadedRegressor(RegressorMixin, LoadedBooster):  # type: ignore[misc]  # untyped library
    """A booster that predicts a number."""

    def predict(self, table: object) -> Floats:
        """(instance,) the number."""
        return self._raw(table)


def load_booster(path: ListedPath, library: str) -> LoadedBooster:
    """The booster of a file, whose hash is known.

    Raises ConfigError : it is no file of this library, was trained for something else, or changed.
    """
    try:
        return _load(path, library, tuple(path.hashes.values()))
    except OSError as error:
        raise ConfigError(f"model.file {path} cannot be read ({error.strerror})") from None


@lru_cache(maxsize=4)
def _load(path: ListedPath, library: str, sha256: tuple[str, ...]) -> LoadedBooster:
    del sha256
    where = f"model.file {path}"
    try:
        content = read_bytes(path, links=True)
        if library == "lightgbm" and not content.startswith(_LIGHTGBM):
            raise ConfigError(f"{where} is not a text file that lightgbm's save_model wrote")
        written_again = children.limited(
            TRIAL, str(path), library, seconds=TRIAL_SECONDS, text=content
        )
        refuse_strange(path, written_again, library)
        return as_estimator(read(written_again, library), library, where)
    except (ConfigError, OSError):
        raise
    except ArtifactError as error:  # a device, or changed
        raise ConfigError(str(error)) from None
    except children.NoAnswerError as error:
        if str(error).startswith(where):  # in our words
            raise ConfigError(str(error)) from None
        raise ConfigError(
            f"{where} is not a {library} model that can be loaded ({error}); save it again with "
            f"save_model of {library}"
        ) from None
    except Exception as error:  # each library has an error class of its own, of any base
        raise ConfigError(f"{where} is not a {library} model ({first_line(error)[:200]})") from None


def as_estimator(booster: Any, library: str, where: str) -> LoadedBooster:
    """A booster of xgboost or lightgbm behind scikit-learn's interface.

    where : what messages call the booster.
    Raises ConfigError : it was trained for something else than classes or a number, or on
    categories.
    """
    objective, n = (_of_xgboost if library == "xgboost" else _of_lightgbm)(booster, where)
    made: LoadedBooster
    if objective in _TWO:
        made = LoadedClassifier(booster, objective, 2)
    elif objective in _MANY:
        made = LoadedClassifier(booster, objective, n)
    elif objective.startswith(_NUMBERS):
        made = LoadedRegressor(booster, objective, 1)
    else:
        raise ConfigError(
            f"{where} was trained for “{objective}”; a report needs classes "
            f"({', '.join(sorted(_TWO | _MANY))}) or a number (reg:…, regression)"
        )
    kind = "Classifier" if isinstance(made, LoadedClassifier) else "Regressor"
    made.library = library
    made.called = f"{'XGB' if library == 'xgboost' else 'LGBM'}{kind}"
    return made


def written(booster: Any, library: str) -> bytes:
    """The booster as its library writes it; floats keep every digit."""
    if library == "xgboost":
        return bytes(booster.save_raw("json"))
    return str(booster.model_to_string(num_iteration=-1)).encode()


def read(content: bytes, library: str) -> Any:
    """The booster of a file: of a stranger's in the process that tries it alone, or as `written`.

    content : JSON or UBJSON of xgboost, text of lightgbm.
    """
    if library == "xgboost":
        import xgboost

        with xgboost.config_context(verbosity=0):
            return xgboost.Booster({"nthread": 1}, model_file=bytearray(content))
    import lightgbm

    return lightgbm.Booster(model_str=content.decode())


class _XgboostFacts(BaseModel):
    """What the configuration of a booster of xgboost says of it."""

    booster: str = Field(validation_alias=AliasPath("learner", "gradient_booster", "name"))
    objective: str = Field(validation_alias=AliasPath("learner", "objective", "name"))
    n_classes: int = Field(
        validation_alias=AliasPath("learner", "learner_model_param", "num_class")
    )


def _of_xgboost(booster: XGBooster, where: str) -> tuple[str, int]:
    """The objective, and how many classes there are; 1 for a number."""
    if "c" in (booster.feature_types or []):
        raise ConfigError(
            f"{where} was trained on pandas categories, whose numbers are not in the "
            "file; train it on numbers"
        )
    facts = _XgboostFacts.model_validate_json(booster.save_config())
    if facts.booster == "gblinear":
        raise ConfigError(f"{where} is a linear booster; only trees are read")
    return facts.objective, facts.n_classes


def _of_lightgbm(booster: LGBooster, where: str) -> tuple[str, int]:
    """The objective, and how many classes there are; 1 for a number."""
    head = booster.model_to_string(num_iteration=1).partition("\nTree=")[0]
    facts = dict(line.split("=", 1) for line in head.splitlines() if "=" in line)
    if "objective" not in facts:
        raise ConfigError(f"{where} does not say what it was trained for; train it by an objective")
    return facts["objective"].split(" ")[0], int(facts.get("num_class", 1))
