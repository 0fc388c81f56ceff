"""Estimators of scikit-learn and of libraries with its interface: the configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from deepseek_report.artifacts.protocols import Capability, Trainer
from deepseek_report.artifacts.schema import Modality, Schema, Task
from deepseek_report.artifacts.split import Split
from deepseek_report.errors import ConfigError

if TYPE_CHECKING:
    from deepseek_report.models.columns import Encoding
    from deepseek_report.models.estimator import EstimatorClassifier, Fitted

#: Libraries from which an estimator may come without being named as trusted.
LIBRARIES = ("sklearn",)

#: Tree ensembles whose trees the shap package walks exactly, and whether for any number of classes.
TREES = {
    "DecisionTreeClassifier": True,
    "ExtraTreeClassifier": True,
    "RandomForestClassifier": True,
    "ExtraTreesClassifier": True,
    "GradientBoostingClassifier": False,
    "HistGradientBoostingClassifier": False,
}


@dataclass(frozen=True)
class Sklearn:
    """Any scikit-learn classifier with probabilities, trained here or from a skops file.

    estimator, params : the class by dotted path, and what its constructor is given. encoding :
    what it reads; "auto" takes "codes" for trees and "one_hot" for others, and for a file "frame"
    where the estimator was fitted on a table with names. file : a fitted estimator, stored by
    skops; trusted_types : types in it, beyond those that skops trusts, that may be loaded.

    A trained estimator is not stored: it is fitted anew from the stored data with the same seed
    wherever it is needed, and must then predict what it predicted after training.
    """

    modalities: ClassVar[frozenset[Modality]] = frozenset({"table", "image", "series"})
    tasks: ClassVar[frozenset[Task]] = frozenset({"classification"})

    estimator: str = "sklearn.ensemble.HistGradientBoostingClassifier"
    params: Mapping[str, Any] = field(default_factory=dict)
    encoding: Literal["auto", "one_hot", "codes", "frame"] = "auto"
    file: str | None = None
    trusted_types: tuple[str, ...] = ()

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Trees, where the shap package can walk them over one column a feature."""
        walked = self._class_name in TREES and self.chosen_encoding == "codes"
        return frozenset({"trees"}) if walked else frozenset()

    @property
    def chosen_encoding(self) -> Encoding:
        """The encoding, with "auto" resolved."""
        if self.encoding != "auto":
            return self.encoding
        if self.file is not None and self._described.has_names:
            return "frame"
        return "codes" if self._class_name in TREES or self.file is not None else "one_hot"

    @property
    def _class_name(self) -> str:
        if self.file is not None:
            return self._described.class_name
        return self.estimator.rpartition(".")[2]

    @property
    def _described(self) -> Any:
        from deepseek_report.models.skops_file import describe_file

        return describe_file(Path(str(self.file)))

    def build(self, schema: Schema, train: Split, seed: int) -> Fitted:
        """The estimator, to be fitted or loaded; the encoding's statistics are those of `train`."""
        from deepseek_report.models.columns import fit_columns
        from deepseek_report.models.estimator import Fitted

        columns = fit_columns(self.chosen_encoding, schema, train.inputs)
        fitted = Fitted(self._estimator(), columns, self.chosen_encoding, schema)
        if self.file is None and "random_state" not in self.params:
            fitted.draw_from(seed)
        return fitted

    def wrap(self, module: Fitted, schema: Schema, device: str) -> EstimatorClassifier:
        """The fitted estimator as a classifier of original features."""
        from deepseek_report.models.estimator import EstimatorClassifier

        kept = self.capabilities
        if len(schema.target.classes) > 2 and not TREES.get(self._class_name, False):
            kept -= {"trees"}
        return EstimatorClassifier(module, schema, self._class_name, kept)

    def own_trainer(self) -> Trainer:
        """What fits the estimator, or only describes the one of a file."""
        from deepseek_report.models.estimator_trainer import EstimatorTrainer

        return EstimatorTrainer(loaded=self.file is not None)

    def restore(self, built: Fitted, train: Split, folder: Path) -> None:
        """Fit again what is not stored, and see that it predicts what it predicted."""
        from deepseek_report.models.estimator_trainer import check, fit_again

        if self.file is None:
            fit_again(built, train, folder, seeded="random_state" not in self.params)
        check(built, train, folder)

    def problems(self, trusted: Sequence[str]) -> Sequence[str]:
        """What is wrong with the estimator, its parameters or its file."""
        allowed = {*LIBRARIES, *trusted}
        try:
            return self._file_problems(allowed) if self.file else self._class_problems(allowed)
        except ConfigError as error:
            return [str(error)]

    def source_digest(self) -> str:
        """Hash of the file, or of the version and the code of the estimator's library."""
        from deepseek_report.artifacts.files import sha256_file
        from deepseek_report.provenance import code_of, version_of

        if self.file is not None:
            return sha256_file(Path(self.file))
        module = self.estimator.rpartition(".")[0]
        library = module.partition(".")[0]
        return version_of(library) if library in LIBRARIES else str(code_of(module))

    def _estimator(self) -> Any:
        from deepseek_report.models.foreign import find_class

        if self.file is not None:
            from deepseek_report.models.skops_file import load_file

            return load_file(Path(self.file), self.trusted_types)
        cls: Any = find_class(self.estimator, [self.estimator.partition(".")[0]])
        return cls(**self.params)

    def _class_problems(self, allowed: set[str]) -> list[str]:
        from deepseek_report.models.foreign import find_class, parameters_of, unknown_parameters

        cls: Any = find_class(self.estimator, allowed)
        if not hasattr(cls, "get_params") or not hasattr(cls, "fit"):
            return [f"model.estimator {self.estimator} is not a scikit-learn estimator"]
        known = parameters_of(cls) or list(self.params)
        unknown = unknown_parameters(self.estimator, self.params, known)
        return unknown or _unusable(self.estimator, cls, self.params)

    def _file_problems(self, allowed: set[str]) -> list[str]:
        from deepseek_report.models.skops_file import file_problems

        found = file_problems(Path(str(self.file)), self.trusted_types, allowed)
        if self.params:
            found.append("model.params are for an estimator that is trained here; remove them")
        return found


def _unusable(dotted: str, cls: Any, params: Mapping[str, Any]) -> list[str]:
    """What its own check says of the parameters, and whether it gives probabilities."""
    try:
        built = cls(**params)
        check = getattr(built, "_validate_params", None)
        if check is not None:
            check()
    except (TypeError, ValueError) as error:
        return [f"{dotted} refuses model.params: {error}"]
    if not hasattr(built, "predict_proba"):
        return [
            f"{dotted} has no predict_proba with these parameters, and a report needs "
            "probabilities; choose another estimator or calibrate it"
        ]
    return []
