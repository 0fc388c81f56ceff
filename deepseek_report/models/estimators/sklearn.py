"""Estimators of scikit-learn and of libraries with its interface: the configuration."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.protocols.classifier import Capability
from deepseek_report.artifacts.protocols.models import Trainer
from deepseek_report.artifacts.schema import ALL_TASKS, NUMBER_TASKS, Modality, Schema, TaskName
from deepseek_report.artifacts.split import Split
from deepseek_report.data_kinds import ALL_KINDS, kind_of
from deepseek_report.errors import ConfigError
from deepseek_report.models.estimators import skops_file
from deepseek_report.models.estimators.design_matrix import Encoding, fit_columns, frame_for
from deepseek_report.models.estimators.estimator_libraries import (
    LIBRARIES,
    TREES,
    Library,
    default_estimator,
    is_booster_file,
    require,
    settings_of,
    walkable,
)
from deepseek_report.models.own import own_classes
from deepseek_report.provenance import code_of, version_of
from deepseek_report.tasks import task_of

if TYPE_CHECKING:
    from deepseek_report.models.estimators.booster_file import LoadedBooster
    from deepseek_report.models.estimators.estimator import EstimatorClassifier, Fitted

#: A value of the label column as YAML writes it.
Code = bool | int | float | str


@dataclass(frozen=True)
class Sklearn:
    """Any estimator of scikit-learn, xgboost or lightgbm, trained here or from a file.

    estimator, params : the class by dotted path, and what its constructor is given; without a
    class, the gradient boosting of `library` for the target at hand, and for texts a linear model
    of scikit-learn. encoding : what it reads; "auto" takes "words" for texts, "codes" for trees,
    "one_hot" for others, and for a file "frame" where the estimator was fitted on a table with
    names. file : a fitted estimator, stored by skops, or the file that xgboost (.json, .ubj) or
    lightgbm (.txt) wrote itself; `params` are then not used. Which types of a skops file are loaded
    is decided by `skops_types` and by the person who runs this (`trusting`), never by a
    configuration. classes : the values of the label column in the order of the file's own classes,
    where it only numbers them.

    Several labels are learned by one estimator each. A trained estimator is not stored: it is
    fitted anew from the stored data with the same seed wherever it is needed, and must then
    predict what it predicted after training.
    """

    modalities: ClassVar[frozenset[Modality]] = ALL_KINDS
    trusted_types: ClassVar[tuple[str, ...]] = ()
    directions: ClassVar[Mapping[str, Literal["rises", "falls"]]] = MappingProxyType({})

    estimator: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    encoding: Literal["auto", "one_hot", "codes", "frame", "words"] = "auto"
    file: str | None = None
    library: Library = "sklearn"
    classes: tuple[Code, ...] = ()

    def trusting(self, types: Sequence[str]) -> Sklearn:
        """The same model, which loads these types of its file too."""
        trusting = copy.copy(self)
        object.__setattr__(trusting, "trusted_types", tuple(types))  # no field: no YAML sets it
        return trusting

    def keeping(self, directions: Mapping[str, Literal["rises", "falls"]]) -> Sklearn:
        """The same model, whose answer only rises or only falls with these columns."""
        keeping = copy.copy(self)
        object.__setattr__(keeping, "directions", dict(directions))  # corrections alone set it
        return keeping

    @property
    def tasks(self) -> frozenset[TaskName]:
        """What the named estimator is for; where none is named, one is chosen for the target."""
        if self.file is not None:
            name = self._class_name
            known = name.endswith(("Classifier", "Regressor"))
            return _tasks(name.endswith("Regressor"), from_file=True) if known else ALL_TASKS
        if self.estimator is None or self.estimator.partition(".")[0] not in LIBRARIES:
            return ALL_TASKS
        try:
            return _tasks(_is_regressor(self._class()), from_file=False)
        except ConfigError:
            return ALL_TASKS

    @property
    def libraries(self) -> tuple[str, ...]:
        """Where the named estimator comes from; the library itself where none is named."""
        named = None if self.file else self.estimator
        return (named.rpartition(".")[0] if named else self.library,)

    @property
    def called(self) -> str:
        """What refusals call the model."""
        return self._class_name or "the estimator of the file"

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Trees, where they read one column a feature."""
        walked = walkable(self._class_name, self.params) and self.chosen_encoding() == "codes"
        walked = walked and not self._is_booster
        return frozenset({"trees"}) if walked else frozenset()

    def capabilities_for(self, schema: Schema) -> frozenset[Capability]:
        """Without trees where boosting has more than two classes, for texts and several labels."""
        target = schema.target
        some = len(target.classes) <= 2 or TREES.get(self._class_name, False)
        walked = some and not task_of(target).several and not kind_of(schema).as_words
        return self.capabilities if walked else frozenset()

    def chosen_encoding(self, as_words: bool = False) -> Encoding:
        """The encoding, with "auto" resolved; `as_words` as in `DataKind`."""
        if self.encoding != "auto":
            return self.encoding
        if as_words:
            return "words"
        if self.file is not None and (self._is_booster or self._described.has_names):
            return "frame"
        return "codes" if self._class_name in TREES or self.file is not None else "one_hot"

    @property
    def _is_booster(self) -> bool:
        return is_booster_file(self.library, self.file)

    @property
    def _class_name(self) -> str:
        if self._is_booster:
            return self._booster_class
        if self.file is not None:
            return str(self._described.class_name)
        return self._dotted().rpartition(".")[2]

    @property
    def _booster_class(self) -> str:
        """The class of the library's own interface; empty where the file cannot be read."""
        try:
            return str(self._load_booster().called)
        except ConfigError:
            return ""

    def _load_booster(self) -> LoadedBooster:
        require(f"{self.library}.Booster")
        from deepseek_report.models.estimators.booster_file import load_booster

        return load_booster(Path(str(self.file)), self.library)

    @property
    def _described(self) -> Any:
        return skops_file.describe_file(Path(str(self.file)))

    def build(self, schema: Schema, train: Split, seed: int) -> Fitted:
        """The estimator, to be fitted or loaded; the encoding's statistics are those of `train`."""
        from deepseek_report.models.estimators.estimator import Fitted

        encoding = self.chosen_encoding(kind_of(schema).as_words)
        estimator = self._estimator(schema)
        if self.file is not None:
            read = frame_for(schema, estimator) if encoding == "frame" else None
            columns = read or fit_columns(encoding, schema, train.inputs)
            return Fitted(estimator, columns, encoding, schema, True, self.classes)
        fitted = Fitted(estimator, fit_columns(encoding, schema, train.inputs), encoding, schema)
        if "random_state" not in self.params:
            fitted.draw_from(seed)
        if self.directions:
            fitted.keep_directions(self._signs(fitted))
        return fitted

    def _signs(self, fitted: Fitted) -> Floats:
        """(feature,) 1 or −1 for class 1 of two, 0 where a feature is free."""
        schema = fitted.schema
        if not fitted.keeps_directions:
            raise ConfigError(
                f"corrections: {self._class_name} cannot be kept to a direction; boosted trees "
                "and forests of two classes can, where they read one column a feature"
            )
        places = {label: at for at, label in enumerate(schema.labels)}
        places |= {name: at for at, name in enumerate(schema.names)}
        signs = np.zeros(len(schema.features))
        for name, direction in self.directions.items():
            if name not in places:
                raise ConfigError(
                    f"corrections: “{name}” is no column; there are {', '.join(places)[:300]}"
                )
            signs[places[name]] = 1.0 if direction == "rises" else -1.0
        return signs if schema.target.explained == 1 else -signs

    @property
    def comes_fitted(self) -> bool:
        """Whether the estimator is that of a file."""
        return self.file is not None

    def misfits(self, schema: Schema, train: Split) -> Sequence[str]:
        """Why the estimator of the file does not fit these classes or columns."""
        from deepseek_report.models.estimators.fit_checks import fit_problems

        if self.file is None:
            return []
        try:
            fitted = self.build(schema, train, 0)
        except ConfigError as error:
            return [str(error)]
        return fit_problems(fitted, train, declared=self.encoding != "auto")

    def wrap(self, module: Fitted, schema: Schema, device: str) -> EstimatorClassifier:
        """The fitted estimator as a classifier of original features."""
        from deepseek_report.models.estimators.estimator import EstimatorClassifier

        name = self._class_name if self.file else type(module.single).__name__
        return EstimatorClassifier(module, schema, name, self.capabilities_for(schema))

    def own_trainer(self) -> Trainer:
        """What fits the estimator, or only describes the one of a file."""
        from deepseek_report.models.estimators.estimator_trainer import EstimatorTrainer

        return EstimatorTrainer(loaded=self.file is not None)

    def restore(self, built: Fitted, train: Split, folder: Path) -> None:
        """Fit again what is not stored, and see that it predicts what it predicted."""
        from deepseek_report.models.estimators.estimator_trainer import check, fit_again

        if self.file is None:
            fit_again(built, train, folder, seeded="random_state" not in self.params)
        check(built, train, folder)

    def problems(self, trusted: Sequence[str]) -> Sequence[str]:
        """What is wrong with the estimator, its parameters or its file."""
        allowed = {*LIBRARIES, *trusted}
        try:
            return self._file_problems() if self.file else self._class_problems(allowed)
        except ConfigError as error:
            return [str(error)]

    def source_digest(self) -> str:
        """Hash of the file, or of the version and the code of the estimator's library."""
        from deepseek_report.artifacts.storage.plain_files import sha256_file

        if self.file is not None:
            code = {
                dotted: code_of(dotted.rpartition(".")[0]) for dotted in self._trusted_in_file()
            }
            return sha256_file(Path(self.file), links=True) + (str(code) if code else "")
        module = self._dotted().rpartition(".")[0]
        library = module.partition(".")[0]
        return version_of(library) if library in LIBRARIES else str(code_of(module))

    def _trusted_in_file(self) -> list[str]:
        """The types that the person trusts and that the file holds: their code counts too."""
        if not self.trusted_types:
            return []
        return sorted(
            set(self.trusted_types) & set(skops_file.types_beyond_skops(Path(str(self.file))))
        )

    def _dotted(self, schema: Schema | None = None) -> str:
        """The estimator by dotted path; without a schema, that for a table with classes."""
        if self.estimator is not None:
            return self.estimator
        if schema is None:
            return default_estimator(self.library, "classification")
        return default_estimator(self.library, schema.target.task, kind_of(schema).as_words)

    def _class(self, schema: Schema | None = None) -> Any:
        dotted = self._dotted(schema)
        require(dotted)
        return own_classes.find_class(dotted, [dotted.partition(".")[0]])

    def _estimator(self, schema: Schema) -> Any:
        task = task_of(schema.target)
        if self.file is not None:
            if task.several:
                raise ConfigError("model.file holds one estimator; several labels need one each")
            path = Path(self.file)
            booster = self._load_booster() if self._is_booster else None
            estimator = booster or skops_file.load_file(path, self.trusted_types)
        else:
            dotted = self._dotted(schema)
            estimator = self._class(schema)(**{**settings_of(dotted), **self.params})
        if _is_regressor(estimator) == task.decides:
            wanted = "classes" if task.decides else "a number"
            name = self._class_name or type(estimator).__name__
            raise ConfigError(f"{name} is not made to predict {wanted}")
        if not task.several:
            return estimator
        from sklearn.multioutput import MultiOutputClassifier

        return MultiOutputClassifier(estimator)

    def _class_problems(self, allowed: set[str]) -> list[str]:
        dotted = self._dotted()
        require(dotted)
        cls: Any = own_classes.find_class(dotted, allowed)
        if not hasattr(cls, "get_params") or not hasattr(cls, "fit"):
            return [f"model.estimator {dotted} is not a scikit-learn estimator"]
        known = own_classes.parameters_of(cls) or list(self.params)
        unknown = own_classes.unknown_parameters(dotted, self.params, known)
        return unknown or _unusable(dotted, cls, self.params)

    def _file_problems(self) -> list[str]:
        path = Path(str(self.file))
        if path.is_file() and own_classes.is_pickle(path):
            return [own_classes.pickle_problem("model.file", path)]
        if not self._is_booster:
            return [*self._params_problem(), *skops_file.file_problems(path, self.trusted_types)]
        if not path.is_file():
            return [f"model.file {path} does not exist"]
        self._load_booster()
        return []

    def _params_problem(self) -> list[str]:
        """Those of a library's YAML are its defaults, which a file does not need."""
        problems = []
        if self.params and self.library == "sklearn":
            problems.append("model.params are for an estimator that is trained here; remove them")
        return problems


def _unusable(dotted: str, cls: Any, params: Mapping[str, Any]) -> list[str]:
    """What its own check says of the parameters, and whether it gives probabilities."""
    try:
        built = cls(**params)
        if hasattr(built, "_parameter_constraints"):  # scikit-learn's own; others check in `fit`
            built._validate_params()
    except (TypeError, ValueError) as error:
        return [f"{dotted} refuses model.params: {error}"]
    if not hasattr(built, "predict_proba") and not _is_regressor(built):
        return [
            f"{dotted} has no predict_proba with these parameters, and a report needs "
            "probabilities; choose another estimator or calibrate it"
        ]
    return []


def _is_regressor(estimator: Any) -> bool:
    """Whether an estimator, or a class of them, predicts a number."""
    if isinstance(estimator, type):
        from sklearn.base import RegressorMixin

        return issubclass(estimator, RegressorMixin)
    from sklearn.base import is_regressor

    return bool(is_regressor(estimator))


def _tasks(regressor: bool, *, from_file: bool) -> frozenset[TaskName]:
    if regressor:
        return NUMBER_TASKS
    return frozenset({"classification"} if from_file else {"classification", "multi_label"})
