"""Texts that were given in Python, with a model of transformers that reads them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.given import not_held
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.assembly.assemble import TableSource
from deepseek_report.datasets.assembly.targets import task_of
from deepseek_report.datasets.assembly.texts import assemble_texts
from deepseek_report.datasets.readers.cells import observed, read_cells
from deepseek_report.datasets.sources.given_table import ROWS, HoldsRows, share_out
from deepseek_report.datasets.sources.text_file import TextFile
from deepseek_report.errors import DataError


@dataclass(frozen=True)
class GivenTexts(HoldsRows, TextFile):
    """Texts that were given in Python (`deepseek_report.report`).

    The fields are those of `HoldsRows` and of `text_file.TextFile`, of which those about a file
    have no meaning here.
    """

    def problems(self) -> list[str]:
        """What is wrong with what is declared of the texts."""
        if self.held is None:
            instead = "write them to a file and choose dataset=text_file"
            return [not_held("the texts", plural=True, instead=instead)]
        return [*self._rules(), *self._unknown_columns(list(self.rows_held.frame))]

    @property
    def nature(self) -> DataTraits:
        """Known whole, since the texts are here."""
        if self.held is None:
            return DataTraits("text")
        cells = read_cells(self.rows_held.frame[self.targets[0]], self.targets[0])
        task = task_of(cells, self.target_rule)
        classes = len(observed(cells)) if task == "classification" else None
        return DataTraits("text", task, groups=self._kinds, classes=classes)

    def source_digest(self) -> str:
        """SHA-256 of the texts as they were given, and what decides the tokens."""
        return self.digest(self.sha256)

    def load(self, seed: int, progress: Progress) -> Dataset:
        """Cut into tokens, draw the parts that were not given, describe and check.

        Raises
        ------
        DataError : the texts cannot be used as declared.
        """
        if problems := self.problems():
            raise DataError("\n".join(problems))
        progress.start("Read the texts", 1)
        corpus = self._corpus(self.rows_held.frame, ROWS, ".")
        metadata = self.metadata(self.rows_held.frame, ROWS, ".")
        together = partial(
            share_out, held=self.rows_held, rule=self.rule, seed=seed, metadata=metadata
        )
        source = TableSource(
            file=ROWS,
            sha256=self.sha256,
            description=self.described("Texts given in Python"),
            columns=self.declared_columns,
            target=self.target_rule,
            notes=self.rows_held.notices,
        )
        corpus = replace(corpus, together=together)
        dataset = assemble_texts(corpus, source, self.text_rule, self.rule, seed)
        progress.advance()
        return replace(dataset, read=self.source_digest(), issues=self.issues(dataset))
