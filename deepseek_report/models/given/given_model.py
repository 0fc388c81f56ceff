"""A fitted model that a person gave in Python: it is asked in this process, and never stored."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.classifier import Capability
from deepseek_report.artifacts.protocols.given import GivenInPython, not_held
from deepseek_report.artifacts.protocols.models import Trainer
from deepseek_report.artifacts.schema import ALL_TASKS, Modality, Schema, TaskName
from deepseek_report.artifacts.split import Split
from deepseek_report.errors import ConfigError, NotApplicableError
from deepseek_report.models.estimators.estimator_libraries import TREES
from deepseek_report.models.estimators.sklearn import Code
from deepseek_report.tasks import task_of

if TYPE_CHECKING:
    from pathlib import Path

    from deepseek_report.models.estimators.estimator import EstimatorClassifier, Fitted
    from deepseek_report.models.given.given_columns import TableForm

_INSTEAD = "store it in a file that a config can name (see model.file in docs/configuration.md)"


@dataclass(frozen=True)
class HeldModel:
    """A fitted model and the form of the table that it reads.

    estimator : with `predict_proba` or `predict`. walks_trees : whether its trees read
    the columns of that table as they are. identity : what two models share only if one may have
    what was computed for the other. refit : from such a table, its labels as the model knows them
    and a seed, or None, to another such estimator; None where nothing says how it is fitted.
    """

    estimator: Any
    form: TableForm
    walks_trees: bool = False
    identity: str = ""
    refit: Callable[[Any, Any, int | None], Any] | None = None


@dataclass(frozen=True)
class GivenModel(GivenInPython):
    """A model that was given in Python (`deepseek_report.report`), fitted already.

    called : the class of the model, or the name of the function. answers : SHA-256 of what it
    answered on all rows, on rows mixed from them and on rows between them. model_id : what the
    person calls this state of it, which then stands for it in the keys of stages. classes : in the
    order of the model's own, where named. refit : what stands for the way in which it is fitted
    again; empty where nothing says it.
    """

    modalities: ClassVar[frozenset[Modality]] = frozenset({"table"})
    tasks: ClassVar[frozenset[TaskName]] = ALL_TASKS - {"multi_label"}
    comes_fitted: ClassVar[bool] = True

    called: str = "the model given in Python"
    answers: str = ""
    model_id: str | None = None
    classes: tuple[Code, ...] = ()
    refit: str = ""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Trees, where they read the table that was given."""
        return frozenset({"trees"} if self.held is not None and self.held.walks_trees else ())

    def capabilities_for(self, schema: Schema) -> frozenset[Capability]:
        """Without trees where boosting has more than two classes."""
        few = len(schema.target.classes) <= 2 or TREES.get(self.called, False)
        return self.capabilities if few else frozenset()

    def problems(self, trusted: Sequence[str]) -> Sequence[str]:
        """That there is no model, where this comes from a config."""
        del trusted
        return [not_held("the model", instead=_INSTEAD)] if self.held is None else []

    def source_digest(self) -> str:
        """What stands for the model in the keys of stages: its id, or its identity and answers."""
        if self.model_id is not None:
            return f"model_id {self.model_id}"
        return f"{self.answers} {self.held.identity if self.held is not None else ''}"

    def build(self, schema: Schema, train: Split, seed: int) -> Fitted:
        """The model behind the table that it reads; nothing is fitted."""
        from deepseek_report.models.estimators.design_matrix import names_of
        from deepseek_report.models.estimators.estimator import Fitted
        from deepseek_report.models.given.given_columns import GivenColumns

        del train, seed
        if self.held is None:
            raise ConfigError(self.problems(())[0])
        estimator = self.held.estimator
        names = names_of(estimator, schema) if self.held.form.named else None
        known = None if names is None else [name for name in names if name in schema.names]
        columns = GivenColumns(schema.features, self.held.form, known)
        return Fitted(estimator, columns, "given", schema, True, self.classes)

    @property
    def can_fit_anew(self) -> bool:
        """Whether the person says how it is fitted, or it can be cloned."""
        return self.held is not None and self.held.refit is not None

    def fitted_anew(self, schema: Schema, train: Split, seed: int | None) -> Fitted:
        """Another model of the same kind, of the table that these rows were."""
        from deepseek_report.models.estimators.estimator import one_thread

        built = self.build(schema, train, 0)
        labels = np.asarray(train.labels)
        if task_of(schema.target).decides:
            own = [built.positions().index(place) for place in range(len(schema.target.classes))]
            labels = np.asarray(built.estimator.classes_)[own][labels]
        try:
            with one_thread():
                estimator = self.held.refit(built.columns.transform(train.inputs), labels, seed)
        except Exception as error:  # of a person's own code, of any kind
            first = (str(error) or type(error).__name__).splitlines()[0]
            why = first if isinstance(error, ConfigError) else f"{type(error).__name__}: {first}"
            raise NotApplicableError(message("refusals.refit_failed", error=why)) from error
        return dataclasses.replace(built, estimator=estimator)

    def misfits(self, schema: Schema, train: Split) -> Sequence[str]:
        """Why the model does not fit these classes or columns."""
        from deepseek_report.models.estimators.fit_checks import fit_problems

        return fit_problems(self.build(schema, train, 0), train, declared=True)

    def wrap(self, module: Fitted, schema: Schema, device: str) -> EstimatorClassifier:
        """The model as a classifier of original features."""
        from deepseek_report.models.estimators.estimator import EstimatorClassifier

        del device
        return EstimatorClassifier(module, schema, self.called, self.capabilities_for(schema))

    def own_trainer(self) -> Trainer:
        """What only describes the model."""
        from deepseek_report.models.estimators.estimator_trainer import EstimatorTrainer
        from deepseek_report.models.own.came_trained import GIVEN_IN_PYTHON

        return EstimatorTrainer(loaded=True, origin=GIVEN_IN_PYTHON)

    def restore(self, built: Fitted, train: Split, folder: Path) -> None:
        """See that the model answers as it did when its description was written."""
        from deepseek_report.models.estimators.estimator_trainer import check

        check(built, train, folder)
