"""The model that is a list of rules: its configuration, and the fitted list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.classifier import Capability
from deepseek_report.artifacts.protocols.models import ModelPart, Trainer
from deepseek_report.artifacts.schema import ALL_TASKS, Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.storage.files import load_json
from deepseek_report.data_kinds.rule_lists import (
    RuleEdit,
    RuleList,
    RuleListSize,
    conditions_as_sets,
)
from deepseek_report.errors import ArtifactError, ConfigError
from deepseek_report.models.self_explaining.added_outputs import AddedOutputs, targets_of

if TYPE_CHECKING:
    from deepseek_report.models.estimators.estimator import OwnTermsClassifier

#: Where the training folder holds the list: in its description of the model.
_FILE, _KEY = "architecture.json", "rule_list"


@dataclass(frozen=True)
class RuleModel(ModelPart):
    """Decides by a short list of rules, each of which adds its points, and shows the whole list.

    Paths of small boosted trees are proposed as rules, an L1 penalty chooses at most `most` of them
    with at most `max_conditions` conditions each, and the points of these are fitted again. Points
    are log-odds of the explained class, of each class or label, or in the unit of a number. A
    missing value meets no condition, unless training rows with a missing value went that way.

    edits : what a person changes of the fitted list: `{rule: 17, remove: true}`, `{rule: 3,
    weight: -0.4}`, `{add: "months_late > 2 and limit < 50000", weight: 0.5}`. Rules are named by
    the numbers that they have without edits; the points of all others are fitted again beside them.

    Reference: Friedman & Popescu 2008, Predictive learning via rule ensembles,
    doi 10.1214/07-AOAS148.
    """

    name = "rules"
    called: ClassVar[str] = "the rule list"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"intrinsic", "rules"})
    modalities = frozenset({"table"})
    tasks = ALL_TASKS
    libraries = ("sklearn",)

    most: Annotated[int, Field(ge=1, le=200)] = 25
    max_conditions: Annotated[int, Field(ge=1, le=6)] = 3
    edits: Annotated[tuple[RuleEdit, ...], Field(max_length=200)] = ()

    def __post_init__(self) -> None:
        """Edits may be given as mappings, as corrections give them."""
        edits = (edit if isinstance(edit, RuleEdit) else RuleEdit(**edit) for edit in self.edits)
        object.__setattr__(self, "edits", tuple(edits))

    def edited(self, edits: Sequence[Any]) -> RuleModel:
        """The same with further edits, of the fields of a `RuleEdit`."""
        return replace(self, edits=(*self.edits, *edits))

    def build(self, schema: Schema, train: Split, seed: int) -> FittedRules:
        """The model without its list, which `fit` makes."""
        del train
        size = RuleListSize(self.most, self.max_conditions)
        return FittedRules(schema, size, seed, self.edits)

    def wrap(self, module: FittedRules, schema: Schema, device: str) -> OwnTermsClassifier:
        """The fitted list as a classifier of original features."""
        from deepseek_report.models.estimators.estimator import OwnTermsClassifier

        del device
        return OwnTermsClassifier(module, schema, self.name, self.capabilities)

    def own_trainer(self) -> Trainer:
        """What fits the list in one go."""
        from deepseek_report.models.estimators.estimator_trainer import EstimatorTrainer

        return EstimatorTrainer(loaded=False)

    def restore(self, built: FittedRules, train: Split, folder: Path) -> None:
        """Read the list that was fitted, and see that it answers as it did."""
        from deepseek_report.models.estimators.estimator_trainer import check

        built.load(folder)
        check(built, train, folder)

    def problems(self, trusted: Sequence[str]) -> Sequence[str]:
        """What is wrong with each edit by itself, its number among the most rules included."""
        del trusted
        reasons = ((place, self._problem_of(edit)) for place, edit in enumerate(self.edits))
        return [f"model.edits[{place}]: {reason}" for place, reason in reasons if reason]

    def _problem_of(self, edit: RuleEdit) -> str | None:
        if (reason := edit.problem()) or edit.rule is None or 1 <= edit.rule <= self.most:
            return reason
        return (
            f"there is no rule {edit.rule}: rules are numbered from 1, and model.most={self.most} "
            "is the most of them"
        )

    def misfits_of_edits(self, schema: Schema, train: Split, fitted: Path | None) -> Sequence[str]:
        """What edits name that the data or the list without edits do not have.

        fitted : the folder of the list without edits; without it its numbers are not known yet.
        """
        try:
            if fitted is not None:
                unedited = self.build(schema, train, 0)
                unedited.load(fitted)
                unedited.fitted.edited(self.edits, train.inputs)
            for place, edit in enumerate(self.edits):
                if edit.add is not None:
                    conditions_as_sets(edit.add, schema, f"model.edits[{place}]")
        except ConfigError as error:
            return [str(error)]
        return []


class FittedRules(AddedOutputs):
    """A list of rules for one schema; `fit` makes it."""

    def __init__(
        self, schema: Schema, size: RuleListSize, seed: int, edits: Sequence[RuleEdit]
    ) -> None:
        super().__init__(schema)
        self.size, self.seed, self.edits = size, seed, edits
        self.rules: RuleList | None = None

    def fit(self, train: Split) -> None:
        """Find the rules on the training part and fit their points."""
        from deepseek_report.statistics.one_thread import libraries_on_one_thread

        targets = targets_of(self.schema, train)
        with libraries_on_one_thread():
            self.rules = RuleList.fit(
                self.schema, train.inputs, targets, self.size, self.seed, self.edits
            )

    def load(self, folder: Path) -> None:
        """Read the list of a training folder.

        Raises ArtifactError : the folder holds none, or one for other data.
        """
        try:
            self.rules = RuleList.from_json(load_json(folder / _FILE)[_KEY], self.schema)
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"{folder / _FILE}: no list of rules for these data") from error

    @property
    def fitted(self) -> RuleList:
        """The fitted list."""
        if self.rules is None:
            raise ArtifactError("the list of rules has not been fitted")
        return self.rules

    def outputs(self, inputs: Floats) -> Floats:
        """(instance, feature) original units -> (instance, output)."""
        return self.fitted.outputs(inputs)

    def mixed_terms(self, inputs: Floats, mix: Floats) -> tuple[Floats, Floats]:
        """See `RuleList.terms`."""
        return self.fitted.terms(inputs, mix)

    def describe(self) -> dict[str, object]:
        """The content of `architecture.json`, with the list itself."""
        rules = self.fitted.rules
        edited = sum(rule.edited for rule in rules)
        longest = max((len(rule.sets) for rule in rules), default=0)
        summary = message("architectures.rules", n=len(rules), longest=longest, edited=edited)
        parameters = (len(rules) + 1) * len(self.fitted.names)
        facts = {"name": "rule list", "summary": summary, "parameters": parameters, "layers": []}
        return facts | {_KEY: self.fitted.to_json()}
