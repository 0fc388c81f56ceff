"""What a model said about one part of the data, and the rule that turned it into decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Array, Bools, Floats, Ints
from deepseek_report.artifacts.storage import files

#: How near to 0 or 1 a probability says no more than which class is decided.
_CERTAIN = 1e-6
#: Fields with one entry an instance, beside the groups.
_ARRAYS = (
    *("logits", "probabilities", "labels", "instance_ids", "decisions"),
    *("all_labels", "all_probabilities", "entities"),
)


@dataclass(frozen=True)
class Predictions:
    """Logits, probabilities and decisions of a classifier.

    logits, probabilities : (instance, class).
    labels, instance_ids : (instance,) int64.
    groups : {attribute: (instance,) int64}, -1 is unknown.
    decisions : (instance,) int64, the class decided for. With two classes the explained class is
        decided where its probability is at least `threshold`; else it is the most probable class.
    threshold : the probability of the explained class from which it is decided, or None.
    rule : how the threshold was chosen ("declared", "balanced_accuracy"; see
        `predicting.RULES`).
    explained : position of the class whose probability `threshold` applies to.
    all_labels, all_probabilities : (instance, label), where the target is several labels.
    entities : as in `Split`.
    unlike_model : instances about which the model's own `predict` decides otherwise, where the rule
        is "model" and no threshold gives all of its decisions.

    Where the target is a number, `logits` is (instance, 1), the predicted number in the target's
    unit, `probabilities` is (instance, 0), and there are no decisions: all are 0, and `rule` says
    so. `values` and `errors` are what such a model is judged by.
    """

    logits: Floats
    probabilities: Floats
    labels: Array
    instance_ids: Ints
    decisions: Ints
    threshold: float | None
    rule: str
    explained: int = 1
    groups: Mapping[str, Ints] = field(default_factory=dict)
    all_labels: Ints | None = None
    all_probabilities: Floats | None = None
    entities: Ints | None = None
    unlike_model: int = 0

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Array) -> Predictions:
        """Those of some instances: (row,) positions, or (instance,) whether it is taken."""
        taken = {name: array[rows] for name, array in files.arrays_of(self, _ARRAYS).items()}
        groups = {name: codes[rows] for name, codes in self.groups.items()}
        return replace(self, **taken, groups=groups)

    @property
    def values(self) -> Floats:
        """(instance,) the predicted number."""
        return self.logits[:, 0]

    @property
    def errors(self) -> Floats:
        """(instance,) the predicted number minus the true one."""
        return np.asarray(self.values - self.labels)

    @property
    def scores(self) -> Floats:
        """(instance,) probability of the explained class, in [0, 1]."""
        return self.probabilities[:, self.explained]

    @property
    def states_probabilities(self) -> bool:
        """Whether more is said than what is decided: some probability is neither 0 nor 1."""
        return bool((np.abs(self.probabilities - 0.5) < 0.5 - _CERTAIN).any())

    @property
    def truths(self) -> Bools:
        """(instance,) whether the label is the explained class."""
        return np.asarray(self.labels == self.explained)

    @property
    def correct(self) -> Bools:
        """(instance,) whether the decision is the label."""
        return np.asarray(self.decisions == self.labels)

    def save(self, folder: Path) -> None:
        groups = {f"group/{name}": codes for name, codes in self.groups.items()}
        files.save_arrays(folder / "predictions.npz", **files.arrays_of(self, _ARRAYS), **groups)
        meta = {"threshold": self.threshold, "rule": self.rule, "explained": self.explained}
        meta |= {"unlike_model": self.unlike_model} if self.unlike_model else {}
        files.save_json(folder / "predictions.json", meta)

    @classmethod
    def load(cls, folder: Path) -> Predictions:
        arrays = files.load_arrays(folder / "predictions.npz")
        groups = files.take_below(arrays, "group/")
        return cls(**arrays, groups=groups, **files.load_json(folder / "predictions.json"))


@dataclass(frozen=True)
class ClassRates:
    """Rates of the decisions about one class over all cases; NaN where there is nothing to count.

    decided : share decided for the class. base : share that has it as label. recall, missed :
    shares of those that have it. flagged : share of the others decided for it. right : share of the
    decisions for it that are right.
    """

    decided: float
    base: float
    recall: float
    missed: float
    flagged: float
    right: float

    @classmethod
    def of(cls, decided: Bools, truth: Bools) -> ClassRates:
        return cls(
            decided=_share(decided),
            base=_share(truth),
            recall=_share(decided[truth]),
            missed=_share(~decided[truth]),
            flagged=_share(decided[~truth]),
            right=_share(truth[decided]),
        )


@dataclass(frozen=True)
class PredictionSummary:
    """What is known of predictions without their rows.

    n : how many. threshold, rule, explained, unlike_model : as in `Predictions`. accuracy : share
    decided rightly. classes : rates of each class. highest : the next ten per cent above every
    score of the explained class. stated, happened : mean probability of the explained class, and
    its share. top_stated, top_happened : the same of the most probable class. All from `accuracy`
    on are NaN or empty where the target is a number.
    """

    n: int
    threshold: float | None
    rule: str
    explained: int
    accuracy: float = float("nan")
    classes: tuple[ClassRates, ...] = ()
    highest: float = float("nan")
    stated: float = float("nan")
    happened: float = float("nan")
    top_stated: float = float("nan")
    top_happened: float = float("nan")
    unlike_model: int = 0

    @classmethod
    def of(cls, predictions: Predictions) -> PredictionSummary:
        p = predictions
        named = cls(len(p), p.threshold, p.rule, p.explained, unlike_model=p.unlike_model)
        n_classes = p.probabilities.shape[1]
        if not n_classes or not len(p):
            return named
        return replace(
            named,
            accuracy=float(p.correct.mean()),
            classes=tuple(ClassRates.of(p.decisions == k, p.labels == k) for k in range(n_classes)),
            highest=float(min(1.0, np.ceil(10 * p.scores.max()) / 10)),
            stated=float(p.scores.mean()),
            happened=float(p.truths.mean()),
            top_stated=float(p.probabilities.max(axis=1).mean()),
            top_happened=float((p.probabilities.argmax(axis=1) == p.labels).mean()),
        )

    @property
    def about_explained(self) -> ClassRates:
        """The rates of the explained class."""
        return self.classes[self.explained]

    def save(self, folder: Path) -> None:
        files.save_json(folder / SUMMARY, asdict(self))

    @classmethod
    def load(cls, folder: Path) -> PredictionSummary:
        summary = files.load_json(folder / SUMMARY)
        classes = tuple(ClassRates(**_numbers(rates)) for rates in summary.pop("classes"))
        names = ("accuracy", "highest", "stated", "happened", "top_stated", "top_happened")
        scales: dict[str, Any] = dict(_numbers({name: summary.pop(name) for name in names}))
        return cls(**summary, classes=classes, **scales)


#: The file that stands for predictions whose rows are not told.
SUMMARY = "summary.json"


def _numbers(stored: Mapping[str, float | None]) -> dict[str, float]:
    return {name: float("nan") if value is None else value for name, value in stored.items()}


def _share(flags: Bools) -> float:
    return float(flags.mean()) if len(flags) else float("nan")


#: How the roles begin of cases that were drawn at random and are shown all the same.
FURTHER = "further:"


@dataclass(frozen=True)
class Cases:
    """Which test instances are explained, and which of them the report shows one by one.

    explained : (instance,) positions in the test part, ascending; every explainer explains these.
    roles : {role: position *within `explained`*}; roles are `wrong_against`,
        `most_certain_wrong`, `nearest_threshold`, `right_against`, `most_certain_right`,
        `pair:` or `group:<attribute>:<level>`, and `further:<role>:<number>`.
    """

    explained: Ints
    roles: Mapping[str, int]

    @property
    def picked(self) -> frozenset[int]:
        """Positions within `explained` of the cases that are no part of the random sample."""
        return frozenset(
            place for role, place in self.roles.items() if not role.startswith(FURTHER)
        )

    def save(self, folder: Path) -> None:
        files.save_arrays(folder / "cases.npz", explained=self.explained)
        files.save_json(folder / "cases.json", dict(self.roles))

    @classmethod
    def load(cls, folder: Path) -> Cases:
        return cls(
            files.load_arrays(folder / "cases.npz")["explained"],
            files.load_json(folder / "cases.json"),
        )
