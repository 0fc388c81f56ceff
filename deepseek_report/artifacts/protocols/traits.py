"""What a part says of itself in its class, and what holds where it says nothing.

The parts of this package extend these bases, so that a trait of a wrong type is noticed where it is
written. A part of a user need not: what builds it from a config gives it the base (`completed`).
"""

from __future__ import annotations

import copyreg
from abc import ABCMeta
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NoReturn, Self

from deepseek_report.artifacts.disclosure import Releases, Reveals
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.protocols.classifier import Capability
from deepseek_report.artifacts.protocols.metrics import Scope
from deepseek_report.artifacts.schema import ALL_TASKS, AttributeKind, Modality, TaskName
from deepseek_report.artifacts.score import Bounds, Category, Direction, Score
from deepseek_report.artifacts.table import TableTypes

if TYPE_CHECKING:
    import pandas as pd

    from deepseek_report.artifacts.measurement import Measurement
    from deepseek_report.artifacts.picture import Picture
    from deepseek_report.artifacts.protocols.metrics import MeasureContext
    from deepseek_report.artifacts.results import Results


class Part:
    """What an explainer, a metric or a picture needs of the model and of the data."""

    reveals: ClassVar[Reveals]
    """What it shows of single persons; every part says it."""
    requires: ClassVar[frozenset[Capability]] = frozenset()
    """What the model must hand out."""
    needs_truth: ClassVar[bool] = False
    """Whether it compares with `Split.truth`, the cause of the label."""
    needs_two_classes: ClassVar[bool] = False
    """Whether it is about a decision between two classes."""
    needs_groups: ClassVar[frozenset[AttributeKind]] = frozenset()
    """Kinds of attributes of which it needs one, to compare groups by it."""
    needs_favourable: ClassVar[bool] = False
    """Whether it compares favourable decisions, which somebody must declare."""
    volatile: ClassVar[bool] = False
    """Whether it measures time or memory, which differ from run to run."""

    @property
    def modalities(self) -> frozenset[Modality] | None:
        """The kinds of data that it accepts; None for all."""
        return None

    @property
    def tasks(self) -> frozenset[TaskName]:
        """What may be predicted."""
        return ALL_TASKS

    def accepts(self, kind: Modality) -> bool:
        """Whether it accepts data of this kind."""
        return self.modalities is None or kind in self.modalities


class MetricPart(Part):
    """Base of what measures one thing about a model, an explanation, or several explanations."""

    reveals: ClassVar[Reveals]
    """What of single rows its measurement holds; every metric of the package says it."""
    category: ClassVar[Category]
    """The family of its scores; every metric of the package says it."""
    scope: ClassVar[Scope] = "model"
    """What it judges."""
    reads: ClassVar[frozenset[str]]
    """Fields of MeasureContext that decide the result; the cache key is made from these. Without
    `seed`, the metric draws nothing: it gets the same `MeasureContext.seed` in every run. Every
    metric says it."""
    takes: ClassVar[frozenset[str]] = frozenset()
    """Metrics whose measurements it is handed, where the run has them: of the model where it judges
    that itself, of the control where it judges one explanation, else of all explanations; see
    `MeasureContext`."""
    counts_entities: ClassVar[bool] = False
    """Whether its intervals and tests hold for rows of entities too, see `Resampling`, or count no
    rows. Those of the other metrics are left out where several rows are of one entity."""
    bounds: ClassVar[Bounds | None] = None
    """Least and greatest value of each score; None for one score of its own key, without limits."""
    tables: ClassVar[TableTypes] = {}
    """What its tables hold."""
    findings: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """{message: kinds of evidence that it bears on} of what it concludes itself, as
    `Measurement.findings`; the texts are `findings.<message>` in `templates/locale`."""
    released_arrays: ClassVar[frozenset[str]] = frozenset()
    """Arrays that are passed on below `report.privacy: full`."""

    def measure(self, context: MeasureContext) -> Measurement:
        """What it finds of a run."""
        raise NotImplementedError

    def explained_again(self, n_instances: int) -> int | None:
        """How many instances it has explained again, of so many that were explained once; None for
        a metric that asks the judged explainer for nothing.
        """
        return None

    @classmethod
    def releases(cls) -> Releases:
        """{table: how it is passed on} of the tables that are; the others are left out."""
        declared = {name: kind.release for name, kind in cls.tables.items()}
        return {name: release for name, release in declared.items() if release is not None}

    @classmethod
    def score(cls, metric: str, measured: Estimate, direction: Direction, **fields: Any) -> Score:
        """A score of the metric, in its category and within the bounds that it declares.

        fields : further fields of the score.
        """
        bounds = (cls.bounds or {}).get(metric, (None, None))
        return measured.score(metric, cls.category, direction, **{"bounds": bounds, **fields})

    @classmethod
    def frame(cls, table: str, rows: Iterable[object]) -> pd.DataFrame:
        """One of its tables, of rows as `TableType.frame` takes them."""
        return cls.tables[table].frame(rows)

    @classmethod
    def frames(cls, **rows: Iterable[object]) -> dict[str, pd.DataFrame]:
        """{table: its frame} of the rows of several of its tables."""
        return {table: cls.frame(table, cells) for table, cells in rows.items()}


class PicturePart(Part):
    """Base of what draws one or several pictures from stored results."""

    section: ClassVar[str | None] = None
    """The section that shows its pictures, after those that the section places by name; one without
    is a problem."""
    needs: ClassVar[frozenset[str]] = frozenset()
    """Ids of what it cannot be drawn without: `training`, `predictions`, `explanations`,
    `measures/<metric>`, `conclusions` (then it is drawn again whenever anything that was measured
    changes)."""
    also: ClassVar[frozenset[str]] = frozenset()
    """Ids of what it reads where the run has it."""

    def draw(self, results: Results) -> Sequence[Picture]:
        """Its pictures of a run."""
        raise NotImplementedError


class _Completed(ABCMeta):
    """The type of a class that a stranger wrote without a base, and that has it all the same."""


@cache
def completed(cls: Any, base: type) -> Any:
    """The class itself where it extends the base; else one that has the base's defaults for all
    that it does not say. Its instances can be sent to another process.
    """
    if issubclass(cls, base):
        return cls
    own = {name: vars(cls)[name] for name in ("__doc__", "reveals") if name in vars(cls)}
    unset = {field.name: None for field in fields(cls) if not hasattr(cls, field.name)}
    names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__}
    return _Completed(cls.__name__, (cls, base), {**unset, **own, **names})


copyreg.pickle(_Completed, lambda cls: (completed, cls.__bases__))


# Plug-ins around something that a person gave in Python, which no YAML can name.

_NOT_HELD = (
    "{what} of this run {verb} given in Python, and a config cannot bring {them} back: call "
    "`deepseek_report.report` again with the same objects{instead}"
)


@dataclass(frozen=True)
class GivenInPython:
    """Base of a plug-in whose rows, model or attributions a person gave in Python.

    What is given is no field: a config and a run folder hold only what describes it. It is never
    pickled, so the stages of such an experiment run in the process that was given it.

    held : the object, or None where the plug-in was built from a config.
    """

    given_in: Literal["Python"] = "Python"
    held: ClassVar[Any] = None

    def holding(self, held: Any) -> Self:
        """The same plug-in around the object that was given."""
        holder = replace(self)
        object.__setattr__(holder, "held", held)
        return holder

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied into another process."""
        raise TypeError("what was given in Python is never pickled")


def not_held(what: str, *, plural: bool = False, instead: str = "") -> str:
    """Why a plug-in that was built from a config has nothing to work on, and what to do."""
    verb, them = ("were", "them") if plural else ("was", "it")
    return _NOT_HELD.format(
        what=what, verb=verb, them=them, instead=f", or {instead}" if instead else ""
    )
