"""Libraries of estimators: what is fitted by default, and whose trees can be walked."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Literal

from deepseek_report.artifacts.advice import pip_install
from deepseek_report.artifacts.schema import TaskName
from deepseek_report.errors import ConfigError
from deepseek_report.tasks import TASKS

Library = Literal["sklearn", "xgboost", "lightgbm"]
#: Libraries from which an estimator may come without being named as trusted.
LIBRARIES: tuple[Library, ...] = ("sklearn", "xgboost", "lightgbm")

#: Ensembles whose trees can be read, and whether for any number of classes: the scores that
#: boosting adds up are log-odds of a class only where there are two.
TREES = {
    "DecisionTreeClassifier": True,
    "ExtraTreeClassifier": True,
    "RandomForestClassifier": True,
    "ExtraTreesClassifier": True,
    "GradientBoostingClassifier": False,
    "HistGradientBoostingClassifier": False,
    "XGBClassifier": False,
    "LGBMClassifier": False,
    "DecisionTreeRegressor": True,
    "ExtraTreeRegressor": True,
    "RandomForestRegressor": True,
    "ExtraTreesRegressor": True,
    "GradientBoostingRegressor": True,
    "HistGradientBoostingRegressor": True,
    "XGBRegressor": True,
    "LGBMRegressor": True,
}
#: Settings with which an ensemble is not a plain sum of trees.
_NOT_A_SUM: Mapping[str, set[object]] = {
    "booster": {"gblinear", "dart"},
    "boosting_type": {"dart"},
    "linear_tree": {True},
}

_CLASSES = {
    "sklearn": "sklearn.ensemble.HistGradientBoostingClassifier",
    "xgboost": "xgboost.XGBClassifier",
    "lightgbm": "lightgbm.LGBMClassifier",
}
_NUMBERS = {
    "sklearn": "sklearn.ensemble.HistGradientBoostingRegressor",
    "xgboost": "xgboost.XGBRegressor",
    "lightgbm": "lightgbm.LGBMRegressor",
}
#: For texts as words: HistGradientBoosting takes no sparse table.
_OF_WORDS = {
    "classes": "sklearn.linear_model.LogisticRegression",
    "numbers": "sklearn.linear_model.Ridge",
}
#: One thread, so that the result is the same everywhere, and nothing printed.
_SETTINGS: Mapping[str, Mapping[str, object]] = {
    "xgboost": {"n_jobs": 1},
    "lightgbm": {"n_jobs": 1, "verbose": -1, "deterministic": True},
}


def default_estimator(library: Library, task: TaskName, as_words: bool = False) -> str:
    """The dotted path of what is fitted where none is named; `as_words` as in `DataKind`."""
    decides = TASKS[task].decides
    if library == "sklearn" and as_words:
        return _OF_WORDS["classes" if decides else "numbers"]
    return (_CLASSES if decides else _NUMBERS)[library]


#: Endings of the files that a library of boosting writes by itself.
BOOSTER_FILES: Mapping[str, tuple[str, ...]] = {"xgboost": (".json", ".ubj"), "lightgbm": (".txt",)}


def is_booster_file(library: Library, file: str | None) -> bool:
    """Whether a file is one that the library itself wrote, and not skops."""
    return file is not None and file.lower().endswith(BOOSTER_FILES.get(library, ("\0",)))


def settings_of(dotted: str) -> Mapping[str, object]:
    """Parameters that an estimator gets where the configuration does not set them."""
    return _SETTINGS.get(dotted.partition(".")[0], {})


def walkable(class_name: str, params: Mapping[str, object]) -> bool:
    """Whether the trees of such an estimator add up to its output, at least for two classes."""
    return class_name in TREES and not any(
        params.get(name) in odd for name, odd in _NOT_A_SUM.items()
    )


def require(dotted: str) -> None:
    """Raise ConfigError where the estimator's library is an extra that is not installed."""
    package = dotted.partition(".")[0]
    if package in LIBRARIES and find_spec(package) is None:
        raise ConfigError(
            f"{dotted} needs {package}, which is not installed; install it with: "
            f"{pip_install(package)}"
        )
