"""One explanation of many instances, by one method, on the original features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self

import numpy as np

from deepseek_report.artifacts.array_types import Array, Floats, Ints
from deepseek_report.artifacts.message import Text, plain, text_of, with_texts
from deepseek_report.artifacts.storage import files

#: The explainer that every other one is judged against: an order by lot.
CONTROL = "random"
OutputSpace = Literal["logit", "probability", "value", "none"]
#: By what a player that is taken away is replaced: by those of training rows one after another, by
#: those of one baseline, by what goes with the players that stay, or by values that are drawn for
#: each alone, where rows that differ in few players count most (neighbours).
Game = Literal["background", "baseline", "conditional", "neighbours"]
#: Attributions that are no larger than this would read as 0.
LEAST_READABLE: Mapping[OutputSpace, float] = MappingProxyType(
    {"probability": 5e-4, "logit": 5e-3, "value": 0.0, "none": 0.0}
)
_ARRAYS = ("values", "inputs", "predictions", "base_values", "standard_error", "positions")
_PER_CLASS = ("values", "predictions", "base_values", "standard_error")
_TIMING = ("seconds", "peak_memory")
#: Fields that have files of their own.
_APART = frozenset({*_ARRAYS, *_TIMING, "decided", "others"})


@dataclass(frozen=True)
class _FiledArrays:
    """Arrays that have a file of their own beside the explanation; one that is None is left out."""

    _file: ClassVar[str]

    def save(self, folder: Path) -> None:
        files.save_arrays(folder / self._file, **self._known)

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Those of a folder; None where it has none."""
        file = folder / cls._file
        return cls(**files.load_arrays(file)) if file.is_file() else None

    @property
    def _known(self) -> dict[str, Array]:
        return files.arrays_of(self, vars(self))

    def fields_at(self, at: int | tuple[list[int], int]) -> dict[str, Any]:
        """The fields of an explanation to one class, by an index into these arrays."""
        known = self._known
        return {name: known[name][at] if name in known else None for name in _PER_CLASS}


@dataclass(frozen=True)
class DecidedClasses(_FiledArrays):
    """Attributions of single cases to the class that was decided of each, and to its runner-up.

    places : (case,) of the cases within the explanation, ascending. targets : (case, 2) the two
    classes; -1 where a case is not explained for its runner-up.
    values, standard_error : (case, 2, feature). predictions, base_values : (case, 2). All in the
    units of the explanation; standard error and base values are None where it has none. No file
    has them where two classes are told apart.
    """

    _file = "decided_classes.npz"
    places: Ints
    targets: Ints
    values: Floats
    predictions: Floats
    base_values: Floats | None = None
    standard_error: Floats | None = None

    def without(self, places: Ints) -> DecidedClasses | None:
        """Those of the other cases; None where none is left."""
        kept = ~np.isin(self.places, places)
        arrays = {name: array[kept] for name, array in self._known.items()}
        return DecidedClasses(**arrays) if kept.any() else None

    def at(self, chosen: Ints) -> DecidedClasses | None:
        """Those of some of the instances, by their new places; None where none is among them."""
        where = np.minimum(np.searchsorted(self.places, chosen), len(self.places) - 1)
        kept = self.places[where] == chosen
        if not kept.any():
            return None
        arrays = {name: array[where[kept]] for name, array in self._known.items()}
        return DecidedClasses(**arrays | {"places": np.flatnonzero(kept)})


@dataclass(frozen=True)
class OtherClasses(_FiledArrays):
    """Attributions of all instances to further classes beside the explained one.

    targets : (class,) positions of the classes. values, standard_error : (class, instance,
    feature). predictions, base_values : (class, instance). All in the units of the explanation;
    standard error and base values are None where it has none.
    """

    _file = "other_classes.npz"
    targets: Ints
    values: Floats
    predictions: Floats
    base_values: Floats | None = None
    standard_error: Floats | None = None

    def at(self, chosen: Ints) -> OtherClasses:
        """Those of some of the instances; chosen : (chosen instance,) their positions."""
        known = self._known
        targets = known.pop("targets")
        return OtherClasses(targets, **{name: array[:, chosen] for name, array in known.items()})


@dataclass(frozen=True)
class Explanation:
    """Attributions: one signed score per instance and original feature.

    values : (instance, feature) float64. Positive raises the output for `target`.
    inputs : (instance, feature) as in `Split.inputs`.
    predictions : (instance,) the explained output, in `output_space`.
    base_values : (instance,) the output at the reference, or None where the method has none.
    positions : (instance,) positions of the instances in the test part.
    target : position of the class whose output is explained.
    output_space : "logit" (log-odds of the target class), "probability", "value" (the predicted
        number, in the target's unit), or "none" where the values are only an order (attention
        rollout, random).
    signed : False where the method gives magnitudes only (attention rollout).
    game : what taking a player away means; None where the values are only an order. Methods are
        compared with those of the same game, and a metric plays the game of what it judges.
    standard_error : (instance, feature) Monte-Carlo standard error, or None where the method
        does not sample.
    n_model_calls : rows that the model evaluated (a row evaluated twice counts twice; a gradient
        counts as one evaluation).
    variant : which algorithm was chosen ("PermutationExplainer of shap 0.49"), for the reader.
    notes : what the reader must know about how the method did in this run, as whole sentences.
    seed : where the method started to draw, None for one that draws nothing.
    decided : where there are more than two classes: attributions to the class that was decided, of
        the shown cases and, unless `explain.classes` is null, of all others; and of the shown ones
        to the runner-up.
    others : attributions of all instances to further classes, where `explain.classes` asks for it.
    seconds, peak_memory : wall time and peak resident memory in MiB, measured by the runner. They
        are kept in a file of their own, `times.json`, since they differ from run to run.
    """

    values: Floats
    inputs: Floats
    predictions: Floats
    positions: Ints
    feature_names: tuple[str, ...]
    method: str
    variant: Text
    target: int
    output_space: OutputSpace
    seed: int | None
    n_model_calls: int
    game: Game | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    base_values: Floats | None = None
    standard_error: Floats | None = None
    signed: bool = True
    dims: tuple[str, ...] = ("instance", "feature")
    notes: tuple[Text, ...] = ()
    decided: DecidedClasses | None = None
    others: OtherClasses | None = None
    seconds: float | None = None
    peak_memory: float | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def has_rows(self) -> bool:
        """Whether attributions are held; where a run folder holds no rows, there are none."""
        return bool(self.values.shape[1])

    @property
    def completeness_gap(self) -> Floats | None:
        """(instance,) sum of attributions − (prediction − base value); 0 means complete."""
        if self.base_values is None:
            return None
        return np.asarray(self.values.sum(axis=1) - (self.predictions - self.base_values))

    def at(self, chosen: Ints) -> Explanation:
        """The explanation of some of the instances; chosen : (chosen instance,) their positions."""
        arrays = {name: array[chosen] for name, array in files.arrays_of(self, _ARRAYS).items()}
        others = None if self.others is None else self.others.at(chosen)
        decided = None if self.decided is None else self.decided.at(chosen)
        return replace(self, **arrays, others=others, decided=decided)

    def toward(self, target: int) -> Explanation | None:
        """All instances with another class as target; None where they were not explained so."""
        if target == self.target:
            return replace(self, decided=None, others=None)
        others = self.others
        if others is None or target not in others.targets:
            return None
        own = others.fields_at(int(np.flatnonzero(others.targets == target)[0]))
        return replace(self, target=target, **own, decided=None, others=None)

    def toward_each(self, targets: Ints) -> Explanation | None:
        """Attributions of each instance to a class of its own.

        targets : (instance,) the classes. The explanation's target stays that of all its other
        fields. None where any instance was not explained for its class.
        """
        values, known = self.values.copy(), np.zeros(len(self), dtype=bool)
        if self.decided is not None:
            own = self.decided.targets[:, 0] == targets[self.decided.places]
            known[self.decided.places[own]] = True
            values[self.decided.places[own]] = self.decided.values[own, 0]
        for k in np.unique(targets[~known]):
            part, rest = self.toward(int(k)), ~known & (targets == k)
            if part is None:
                return None
            values[rest] = part.values[rest]
        return replace(self, values=values, decided=None, others=None)

    def of_case_toward(self, place: int, target: int) -> Explanation | None:
        """One instance with this class as target; None where it was not explained so."""
        for instance in (self.of_case(place), self.of_runner_up(place)):
            if instance is not None and instance.target == target:
                return instance
        return self.at(np.array([place])).toward(target)

    def of_case(self, place: int) -> Explanation:
        """One instance, with the class that was decided of it as target where that is known."""
        return self._to_class(place, 0)

    def of_runner_up(self, place: int) -> Explanation | None:
        """One instance with the second class as target; None where there are not three classes."""
        instance = self._to_class(place, 1)
        known = self.decided is not None and place in self.decided.places
        return instance if known and instance.target >= 0 else None

    def _to_class(self, place: int, which: int) -> Explanation:
        instance = replace(self.at(np.array([place])), decided=None, others=None)
        if self.decided is None or place not in self.decided.places:
            return instance
        case = np.s_[[int(np.flatnonzero(self.decided.places == place)[0])], which]
        own = self.decided.fields_at(case)
        return replace(instance, target=int(self.decided.targets[case][0]), **own)

    def save(self, folder: Path) -> None:
        files.save_arrays(folder / "explanation.npz", **files.arrays_of(self, _ARRAYS))
        meta = {n: v for n, v in vars(self).items() if n not in _APART}
        files.save_json(folder / "explanation.json", plain(meta))
        for filed in (self.decided, self.others):
            if filed is not None:
                filed.save(folder)
        if self.seconds is not None:
            files.save_json(folder / "times.json", {n: getattr(self, n) for n in _TIMING})

    @classmethod
    def load(cls, folder: Path) -> Explanation:
        meta = files.load_json(folder / "explanation.json")
        timing = folder / "times.json"
        meta |= files.load_json(timing) if timing.exists() else {}
        for name in ("feature_names", "dims"):
            meta[name] = tuple(meta[name])
        notes = tuple(map(text_of, meta.pop("notes")))
        meta |= {"decided": DecidedClasses.load(folder), "others": OtherClasses.load(folder)}
        arrays = files.load_arrays(folder / "explanation.npz")
        return cls(**arrays, **with_texts(meta, ("variant",)), notes=notes)
