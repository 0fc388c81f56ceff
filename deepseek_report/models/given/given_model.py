"""A fitted model that a person gave in Python: it is asked in this process, and never stored."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.codes import reads_as_number
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.classifier import Capability
from deepseek_report.artifacts.protocols.models import ModelPart, Trainer
from deepseek_report.artifacts.protocols.traits import GivenInPython, not_held
from deepseek_report.artifacts.schema import (
    ALL_TASKS,
    LABEL_TASKS,
    Feature,
    Modality,
    Schema,
    TaskName,
)
from deepseek_report.artifacts.split import Split
from deepseek_report.errors import ConfigError, NotApplicableError, first_line
from deepseek_report.models.estimators.design_matrix import class_text
from deepseek_report.models.estimators.estimator_libraries import TREES
from deepseek_report.models.estimators.sklearn import Code
from deepseek_report.tasks import task_of

if TYPE_CHECKING:
    import pandas as pd

    from deepseek_report.models.estimators.estimator import EstimatorClassifier, Fitted

# From original features back to the table that a person gave, cell by cell as it was there.


@dataclass(frozen=True)
class TableForm:
    """How a person's table holds its columns, so that the model is asked about such a table again.

    columns : {name: name of the column}, which need not be text. kinds : {feature name: pandas
    dtype}. values : {feature name: {code: value}} of the columns that are not numbers. named :
    whether the rows came with column names; an array of numbers did not. along : {name: column of
    one value} of what is no feature, and stands in every such table with that value.
    """

    columns: Mapping[str, Hashable]
    kinds: Mapping[str, object]
    values: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    named: bool = True
    along: Mapping[str, pd.Series] = field(default_factory=dict)

    @classmethod
    def of(cls, frame: pd.DataFrame, *, named: bool = True, along: Sequence[str] = ()) -> TableForm:
        """The form of a table, of which some columns are no features."""
        columns = {str(name): name for name in frame.columns}
        features = {name: frame[column] for name, column in columns.items() if name not in along}
        kinds = {name: cells.dtype for name, cells in features.items()}
        values = {name: dict(_coded(cells.dropna().unique())) for name, cells in features.items()}
        return cls(
            columns, kinds, values, named, {name: frame[columns[name]][:1] for name in along}
        )


def _coded(values: Iterable[object]) -> Iterator[tuple[str, object]]:
    """Each value by its code; a text that is a number also by the code of that number."""
    for value in values:
        if isinstance(value, str) and reads_as_number(value):
            yield class_text(float(value)), value
        yield class_text(value), value


@dataclass(frozen=True)
class GivenColumns:
    """The table that the model reads.

    chosen : names of the columns that it was fitted on, in order; None where it does not say.
    """

    features: tuple[Feature, ...]
    form: TableForm
    chosen: Sequence[str] | None = None

    def transform(self, inputs: Floats) -> object:
        """(instance, feature) -> a table as the person gave it, or the array of its numbers."""
        import pandas as pd

        form, first = self.form, np.zeros(len(inputs), np.int64)
        columns = {
            feature.name: _column(feature, cells, form)
            for feature, cells in zip(self.features, inputs.T, strict=True)
        } | {name: cells.take(first).array for name, cells in form.along.items()}
        names = [name for name in form.columns if name in columns]
        names = names if self.chosen is None else list(self.chosen)
        table = pd.DataFrame({form.columns[name]: columns[name] for name in names})
        return table if form.named else table.to_numpy()


def _column(feature: Feature, cells: Floats, form: TableForm) -> object:
    """One column in the type that it had; a number that fits no whole type stays a fraction."""
    import pandas as pd

    kind, missing = form.kinds[feature.name], np.isnan(cells)
    if feature.is_numeric:
        return _as_kind(cells, kind, missing)
    values = form.values[feature.name]
    known = np.array(
        [values.get(category.code, category.code) for category in feature.categories], dtype=object
    )
    positions = np.where(missing, 0, cells).astype(np.int64)
    chosen = known[positions]
    if isinstance(kind, np.dtype) and np.issubdtype(kind, np.number):
        return _as_kind(np.where(missing, np.nan, chosen.astype(np.float64)), kind, missing)
    chosen[missing] = None if kind == np.dtype(object) else np.nan
    if kind == np.dtype(bool) and missing.any():
        return chosen
    return pd.Series(chosen, dtype=kind)


def _as_kind(cells: Floats, kind: object, missing: Bools) -> object:
    import pandas as pd

    if not isinstance(kind, np.dtype):  # a type of pandas with its own mark for what is missing
        whole = bool(np.all(cells[~missing] == np.round(cells[~missing])))
        fits = whole or pd.api.types.is_float_dtype(kind)
        return pd.Series(cells).where(~missing).astype(kind if fits else "Float64")
    if np.issubdtype(kind, np.integer):
        fits = not missing.any() and bool(np.all(cells == np.round(cells)))
        return cells.astype(kind) if fits else cells
    return cells.astype(kind) if np.issubdtype(kind, np.floating) else cells


_INSTEAD = "store it in a file that a config can name (see model.file in docs/configuration.md)"


@dataclass(frozen=True)
class HeldModel:
    """A fitted model and the form of the table that it reads.

    estimator : with `predict_proba` or `predict`. walks_trees : whether its trees read
    the columns of that table as they are. identity : what two models share only if one may have
    what was computed for the other. refit : from such a table, its labels as the model knows them
    and a seed, or None, to another such estimator; None where nothing says how it is fitted.
    """

    estimator: object
    form: TableForm
    walks_trees: bool = False
    identity: str = ""
    refit: Callable[[object, object, int | None], object] | None = None


@dataclass(frozen=True)
class GivenModel(GivenInPython, ModelPart):
    """A model that was given in Python (`deepseek_report.report`), fitted already.

    called : the class of the model, or the name of the function. answers : SHA-256 of what it
    answered on all rows, on rows mixed from them and on rows between them. model_id : what the
    person calls this state of it, which then stands for it in the keys of stages. classes : in the
    order of the model's own, where named. refit : what stands for the way in which it is fitted
    again; empty where nothing says it.
    """

    modalities: ClassVar[frozenset[Modality]] = frozenset({"table"})
    tasks: ClassVar[frozenset[TaskName]] = ALL_TASKS - LABEL_TASKS
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

        del train, seed
        if self.held is None:
            raise ConfigError(self.problems(())[0])
        estimator = self.held.estimator
        present = [*schema.names, *self.held.form.along]
        names = names_of(estimator, present) if self.held.form.named else None
        known = None if names is None else [name for name in names if name in present]
        columns = GivenColumns(schema.features, self.held.form, known)
        return Fitted(estimator, columns, "given", schema, True, self.classes)

    @property
    def can_fit_anew(self) -> bool:
        """Whether the person says how it is fitted, or it can be cloned."""
        return self.held is not None and self.held.refit is not None

    def fitted_anew(self, schema: Schema, train: Split, seed: int | None) -> Fitted:
        """Another model of the same kind, of the table that these rows were."""
        from deepseek_report.statistics.one_thread import libraries_on_one_thread

        built = self.build(schema, train, 0)
        labels = np.asarray(train.labels)
        if task_of(schema.target).decides:
            own = [built.positions().index(place) for place in range(len(schema.target.classes))]
            labels = np.asarray(built.estimator.classes_)[own][labels]
        try:
            with libraries_on_one_thread():
                estimator = self.held.refit(built.columns.transform(train.inputs), labels, seed)
        except Exception as error:  # of a person's own code, of any kind
            first = first_line(error)
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
