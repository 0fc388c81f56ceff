"""What `corrections:` declares, and the experiment whose data and model it changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols import models
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.split import Dataset
from deepseek_report.artifacts.storage.files import save_json
from deepseek_report.config.blocks import Block
from deepseek_report.config.composed import Composed, locate
from deepseek_report.config.experiment import Experiment, Revision
from deepseek_report.config.problems import Problem
from deepseek_report.errors import ConfigError
from deepseek_report.extensions.corrections.declared_corrections import (
    CORRECTIONS_FILE,
    Correction,
    CorrectionItem,
    WrittenCorrection,
    items_of,
)

if TYPE_CHECKING:  # what computes is loaded where something is corrected
    from deepseek_report.extensions.corrections.corrected_data import ResolvedCorrections
    from deepseek_report.extensions.corrections.corrections_metric import BeforeCorrections

KEY = "corrections"
_ABOUT = (
    "one of must_not_matter: [NAME], must_rise_with: NAME, must_fall_with: NAME, region: FILE, "
    "relabel: FILE, marks: FILE, rule: NUMBER with remove: true or weight, add: TEXT"
)


class CorrectionsBlock(Block):
    """Entries that say what is wrong with a model, which is then trained again."""

    key = KEY
    schema = tuple[WrittenCorrection, ...]
    empty = ()
    says = "what people say is wrong with the model, see `Correction`."

    def parts(self, written: object) -> Mapping[str, Sequence[str]]:
        """The metric and the section of what became of the corrections."""
        return {"metrics": (KEY,), "sections": (KEY,)}

    def leading(self, sections: Sequence[str]) -> Sequence[str]:
        """The section stands behind the summary and the cases."""
        return ("summary", "cases", KEY)

    def recorded(self, value: Sequence[Correction]) -> Mapping[str, object]:
        """The entries with what they say; nothing where there is none."""
        return {KEY: [_said(entry) for entry in value]} if value else {}

    def problems(self, experiment: Experiment, composed: Composed) -> Iterator[Problem]:
        """What is wrong with the entries by themselves, and with their files."""
        for place, entry in enumerate(experiment.declared[KEY]):
            yield from _of_entry(entry, _where(composed, str(place)), place)
        if not experiment.can_refit:
            yield Problem(
                _where(composed),
                "the model came fitted, and nothing says how it is trained again",
                "a model that is trained here; in Python an estimator with `fit`, or refit=(X, y) "
                "-> a fitted model, both with X_train and y_train",
                "give such a model, or leave corrections out",
            )

    def applied(
        self, experiment: Experiment, composed: Composed
    ) -> tuple[Experiment, list[Problem]]:
        """The experiment that corrects, with itself as it was; and what its model cannot do."""
        items = tuple(items_of(experiment.declared[KEY]))
        model = experiment.model
        problems: list[Problem] = []
        if edits := [item.edit for item in items if item.kind == "rule"]:
            if edited := model.edited(edits):
                model = edited
                wrong = model.problems(experiment.trusted)
                problems.extend(Problem(KEY, text) for text in wrong)
            else:
                fault = f"corrections name a rule, and {model.called} has no rules"
                todo = "choose model=rules, or correct what the model reads: must_not_matter"
                problems.append(Problem(KEY, fault, "model=rules", todo))
        directions = {
            str(item.names[0]): item.kind for item in items if item.kind in {"rises", "falls"}
        }
        if directions:
            model = model.keeping(directions)
        others = {key: value for key, value in experiment.declared.items() if key != KEY}
        revision = CorrectingRevision(dataclasses.replace(experiment, declared=others), items)
        return dataclasses.replace(experiment, model=model, revision=revision), problems


BLOCK = CorrectionsBlock()


def _said(entry: Correction) -> dict[str, object]:
    """The fields of an entry that are not at their default."""
    usual = {field.name: field.default for field in dataclasses.fields(entry)}
    known = {name: value for name, value in vars(entry).items() if value != usual[name]}
    return {name: list(each) if isinstance(each, tuple) else each for name, each in known.items()}


def _where(composed: Composed, *path: str) -> str:
    """Where an entry was written; its key alone where it was given in Python."""
    return locate(composed, (KEY, *path)) if composed.is_written(KEY) else KEY


def _of_entry(entry: Correction, where: str, place: int) -> Iterator[Problem]:
    if fault := entry.fault:
        by = entry.by is not None and not entry.by.strip()
        allowed = "a name, a role or a team" if by else _ABOUT
        todo = 'say who decided it: by: "Credit risk"' if by else "write one entry for each thing"
        yield Problem(where, f"corrections, entry {place + 1}: {fault}", allowed, todo)
    elif entry.file:
        try:
            items_of([entry])
        except ConfigError as error:
            fault, *more = str(error).split("\n    ")
            parts = dict(line.partition(": ")[::2] for line in more)
            yield Problem(where, fault, parts.get("allowed", ""), parts.get("what to do", ""))


@dataclass(frozen=True)
class CorrectingRevision(Revision):
    """What is to be corrected, files of marks read, in the data and by training again."""

    key = KEY
    target = f"{__name__}.CorrectingRevision"

    items: tuple[CorrectionItem, ...]

    @property
    def config(self) -> object:
        """The items as plain data."""
        return [item.to_json() for item in self.items]

    def resolved(self, experiment: Experiment, read: Dataset) -> ResolvedCorrections:
        """What the items mean for the data as they were read."""
        from deepseek_report.extensions.corrections.corrected_data import ResolvedCorrections
        from deepseek_report.extensions.corrections.corrected_training import sort_of

        return ResolvedCorrections.of(self.items, read, sort_of(experiment, read))

    def misfits(self, experiment: Experiment, read: Dataset) -> list[Problem]:
        """Corrections of what there is not."""
        return [
            Problem(_place_of(misfit.item), misfit.fault, misfit.allowed, misfit.todo)
            for misfit in self.resolved(experiment, read).misfits
        ]

    def revised(self, experiment: Experiment, read: Dataset) -> Dataset:
        """The corrected data."""
        return self.resolved(experiment, read).corrected(experiment.seeds.data)

    def planned(self, experiment: Experiment, read: Dataset) -> list[Text]:
        """What each correction will do."""
        resolved = self.resolved(experiment, read)
        ways = {id(each.item): each.how for each in resolved.cues}
        return [
            message(
                "corrections.planned",
                kind=item.kind,
                names=[str(name) for name in item.names],
                row=item.row,
                label=str(item.label),
                rule=item.rule,
                text=item.text,
                remove=item.remove,
                how=ways.get(id(item), ""),
                by=item.by,
                network=resolved.sort == "network",
            )
            for item in self.items
        ]

    def save_data(self, experiment: Experiment, before: Mapping[str, Path], folder: Path) -> None:
        """Write the corrected data, and the items beside them."""
        self.revised(experiment, Dataset.load(before["data"])).save(folder)
        save_json(folder / CORRECTIONS_FILE, self.config)

    def train(
        self,
        experiment: Experiment,
        dataset: Dataset,
        trainer: models.Trainer,
        place: models.TrainingPlace,
        before: Mapping[str, Path],
        progress: Progress,
    ) -> None:
        """Train the corrected model; see `train_corrected`."""
        from deepseek_report.extensions.corrections.corrected_training import (
            Uncorrected,
            train_corrected,
        )

        data, training = Dataset.load(before["data"]), before["training"]
        original = Uncorrected(self.before, self.resolved(experiment, data), training)
        train_corrected(experiment, dataset, trainer, place, original, progress)

    def penalty(
        self, experiment: Experiment, training: Path, data: Dataset
    ) -> models.Penalty | None:
        """The penalty by which the run was trained."""
        from deepseek_report.extensions.corrections.corrected_training import penalty_of

        return penalty_of(experiment, training, data)

    def compared(
        self, experiment: Experiment, before: Mapping[str, Path], device: str
    ) -> BeforeCorrections:
        """The data, the model and its predictions before, with the items against those data."""
        from deepseek_report.extensions.corrections.corrected_training import Uncorrected
        from deepseek_report.extensions.corrections.corrections_metric import BeforeCorrections

        data = Dataset.load(before["data"])
        original = Uncorrected(self.before, self.resolved(experiment, data), before["training"])
        predictions = Predictions.load(before["predictions"] / "test")
        return BeforeCorrections(data, predictions, original.classifier(device), original.resolved)


def _place_of(item: CorrectionItem) -> str:
    mark = f", mark {item.mark}" if item.mark else ""
    return f"corrections, entry {item.entry + 1}{mark}"
