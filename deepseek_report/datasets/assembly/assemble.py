"""From a table to a `Dataset`: encode, choose rows, split, describe, check."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from deepseek_report.artifacts.advice import column_override, override
from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.schema import Feature, Schema
from deepseek_report.artifacts.split import PARTS, Dataset, Split
from deepseek_report.data_kinds.row_conditions import ConditionError, Relations, relation_in_words
from deepseek_report.datasets import splitting
from deepseek_report.datasets.assembly import cell_encoding
from deepseek_report.datasets.assembly.column_declarations import (
    ColumnDeclaration,
    data_error,
    error_text,
    group_by,
    grouped,
)
from deepseek_report.datasets.assembly.row_metadata import RowMetadata
from deepseek_report.datasets.checks import find_issues
from deepseek_report.datasets.data_card import (
    Copies,
    DataFacts,
    Description,
    MixedDates,
    RowDraw,
    TextFacts,
    make_card,
)
from deepseek_report.datasets.readers.cells import (
    Cells,
    date_forms,
    is_compact_date,
    is_date,
    read_cells,
)
from deepseek_report.datasets.readers.identifiers import Identifier, identifier_of
from deepseek_report.errors import DataError
from deepseek_report.statistics.copies import copied_rows, disagrees, is_repeat, row_identity
from deepseek_report.tasks import task_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Origin:
    """Where data come from, and what is known about them; `notes` go to the card.

    sha256 : of the bytes that were read. relations : between features, see `Schema.relations`.
    reads_all : the model reads every column, so that none is left out by its look. also_inputs :
    columns that are features although they are declared as something that is none.
    """

    file: str
    sha256: str
    description: Description
    notes: tuple[Text, ...] = ()
    relations: tuple[str, ...] = ()
    reads_all: bool = False
    also_inputs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TableSource(Origin):
    """Where a table comes from, and what is declared about its columns."""

    columns: Mapping[str, ColumnDeclaration]
    target: cell_encoding.TargetRule
    max_categories: int = 100
    decimal: str = "."

    def column(self, name: str) -> ColumnDeclaration:
        """What is declared about a column, as far as anything is."""
        return self.columns.get(name, ColumnDeclaration())

    def where(self, name: str) -> str:
        """A column as messages name it."""
        return f"{self.file}, column `{name}`"


class RowEncoder(Protocol):
    """What turns the rows of all parts into columns, once it has seen the training part."""

    schema: Schema

    def encode(self, rows: Split) -> Split:
        """The same rows with their columns."""

    def facts(self, whole: Split, parts: Mapping[str, Split]) -> TextFacts:
        """What the card and the checks say of them beside their columns."""


@dataclass(frozen=True)
class EncodedTable:
    """All rows of a source, encoded; `notes` say what was done to them.

    together : which rows the split must keep in one part, or the part that each must go to.
    learn : makes the encoder from the training part, where the columns are not known before (the
    tokens of texts); until then the only column says which texts are the same.
    copied : (row,) as `copied_rows` gives it, where the columns do not tell it. copies : those in
    the source, where they were counted and left out before.
    dates : columns of dates, which are left out without being named.
    n_source : how many rows the source has, where some of them were drawn while it was read.
    mixed_dates : columns of dates in several forms. identifiers : columns that identify the rows,
    left out or, where the model reads all columns, not.
    """

    schema: Schema
    rows: Split
    notes: tuple[Text, ...] = ()
    together: splitting.GroupConstraint = field(default_factory=splitting.GroupConstraint)
    learn: Callable[[Split], RowEncoder] | None = None
    copied: Ints | None = None
    copies: Copies | None = None
    dates: tuple[str, ...] = ()
    n_source: int | None = None
    mixed_dates: tuple[MixedDates, ...] = ()
    identifiers: tuple[Identifier, ...] = ()


# --- encode ---------------------------------------------------------------------------------------


def encode(
    frame: pd.DataFrame,
    source: TableSource,
    rows: Ints | None = None,
    answer: cell_encoding.EncodedTarget | None = None,
) -> EncodedTable:
    """The table in the units that people know; every column that cannot be used is named at once.

    A column is taken out of the frame once it is encoded, so that one of texts need not stay.

    rows : (row,) positions in the source, where only some of its rows are given.
    answer : the target of these rows, where it is known; else the frame holds it.

    Raises DataError: one message with all the columns that cannot be used.
    """
    read = _EncodedColumns(source, rows)
    for name in list(frame.columns):
        series = frame.pop(name)
        if answer is None or name not in source.target.columns:
            read.add(series, str(name))
    problems = [*read.unreadable, *read.problems]
    answer = answer or _target_or_problem(read.target_cells, source, problems)
    if not read.values and not problems:
        problems.append(error_text(source.file, "no feature is left", "at least one", "drop fewer"))
    if problems or answer is None:
        raise DataError("\n".join(problems))
    attributes, groups = grouped(
        group_by(feature, values, source.column(feature.name))
        for feature, values in zip(read.features, read.values, strict=True)
        if source.column(feature.name).groups is not None
    )
    inputs = np.empty((len(read.values[0]), len(read.values)))
    for place in reversed(range(len(read.values))):  # each column is let go of once it is copied
        inputs[:, place] = read.values.pop()
    ids = np.arange(len(inputs))
    return EncodedTable(
        Schema(tuple(read.features), answer.target, attributes),
        Split(inputs, answer.labels, ids, groups, answer.all_labels),
        (*source.notes, *read.notes, *answer.notes),
        dates=tuple(read.dates),
        mixed_dates=tuple(read.mixed_dates),
        identifiers=tuple(read.identifiers),
    )


def with_metadata(
    table: EncodedTable, metadata: RowMetadata, rule: splitting.SplitRule
) -> EncodedTable:
    """The table with the periods as an attribute, and what its split must respect."""
    schema, rows = metadata.with_periods(table.schema, table.rows)
    mixed = table.mixed_dates
    if metadata.moments is not None and len(metadata.moments.forms) > 1:
        mixed = (*mixed, MixedDates(metadata.moments.column, metadata.moments.forms, True))
    together = metadata.constraint(rule)
    return replace(table, schema=schema, rows=rows, together=together, mixed_dates=mixed)


@dataclass
class _EncodedColumns:
    """What was made of the columns of a table so far.

    rows : as in `encode`. features, values : those of the columns that are used. target_cells :
    {column: cells} of the target. dates, mixed_dates, identifiers : columns of dates, and of what
    identifies rows. Both are left out with a note, unless something is declared of them.
    unreadable, problems : why columns cannot be used, by their types and by their values.
    """

    source: TableSource
    rows: Ints | None = None
    features: list[Feature] = field(default_factory=list)
    values: list[Floats] = field(default_factory=list)
    target_cells: dict[str, Cells] = field(default_factory=dict)
    dates: list[str] = field(default_factory=list)
    mixed_dates: list[MixedDates] = field(default_factory=list)
    identifiers: list[Identifier] = field(default_factory=list)
    notes: list[Message] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add(self, series: pd.Series, name: str) -> None:
        """Encode one more column, or note why it is not used."""
        try:
            cells = replace(read_cells(series, name, self.source.decimal), rows=self.rows)
        except TypeError as error:
            self.unreadable.append(
                error_text(
                    self.source.where(name),
                    f"it {error}",
                    "numbers, texts or booleans",
                    f"drop it: `{override('dataset.drop', [name])}`",
                )
            )
            return
        if name in self.source.target.columns:
            self.target_cells[name] = cells
        elif name in self.source.columns or not self._left_out(cells):
            self._encode(cells)

    def _left_out(self, cells: Cells) -> bool:
        """Whether the column holds dates or identifies its rows, which is noted."""
        left_out = not self.source.reads_all
        if is_date(cells) or is_compact_date(cells):
            if left_out:
                self.dates.append(cells.name)
                self.notes.append(message("preparation.dates", column=cells.name))
                if len(forms := date_forms(cells)) > 1:
                    self.mixed_dates.append(MixedDates(cells.name, forms))
            return left_out
        if (identifier := identifier_of(cells)) is None:
            return False
        self.identifiers.append(identifier)
        if left_out:
            name, sign = cells.name, identifier.sign
            numbers = sign in ("order", "unrepeated", "digits")
            keep = column_override(name, "kind", "numeric") if numbers else ""
            reason = reason_of(identifier)
            self.notes.append(
                message("preparation.left_out_identifier", column=name, reason=reason, keep=keep)
            )
        return left_out

    def _encode(self, cells: Cells) -> None:
        source, name = self.source, cells.name
        try:
            feature, values = cell_encoding.encode_feature(
                cells, source.column(name), source.where(name), source.max_categories
            )
        except DataError as error:
            self.problems.append(str(error))
        else:
            self.features.append(feature)
            self.values.append(values)


def reason_of(identifier: Identifier) -> Message:
    """Why a column identifies rows, as a part of a sentence."""
    return message(
        f"preparation.identifiers.{identifier.sign}",
        n=identifier.n,
        repeated=identifier.n - identifier.different,
        expected=identifier.expected,
        size=identifier.size,
    )


def _target_or_problem(
    by_name: Mapping[str, Cells], source: TableSource, problems: list[str]
) -> cell_encoding.EncodedTarget | None:
    names = source.target.columns
    if set(names) <= by_name.keys():
        columns = [source.column(name) for name in names]
        try:
            return cell_encoding.encode_target(
                [by_name[name] for name in names], columns, source.target, source.file
            )
        except DataError as error:
            problems.append(str(error))
    return None


# --- assemble -------------------------------------------------------------------------------------


def assemble(
    table: EncodedTable,
    source: Origin,
    rule: splitting.SplitRule,
    seed: int,
    use_sensitive: bool = True,
) -> Dataset:
    """Choose the rows, split them, and describe and check the result.

    Raises DataError: too few rows of a class for three parts.
    """
    copied = copied_rows(table.rows.inputs) if table.copied is None else table.copied
    chosen = splitting.draw_rows(len(table.rows), rule.rows, seed)
    every = table.rows.labels if table.rows.all_labels is None else table.rows.all_labels
    labels = row_identity(every.reshape(len(every), -1).astype(np.float64))
    repeat = is_repeat(row_identity(copied[chosen, None].astype(np.float64), labels[chosen]))
    kept = chosen[~repeat] if rule.duplicates == "drop" else chosen
    together = table.together.take(kept)
    whole, copied = _taken(table.rows, kept), copied[kept]
    hidden = [f.name for f in table.schema.features if f.sensitive and not use_sensitive]
    hidden = [name for name in hidden if name not in source.also_inputs]
    schema, whole = _blind(table.schema, whole, hidden) if hidden else (table.schema, whole)
    schema, related = _related(schema, whole, source.relations)
    whole = splitting.tied(whole, copied, rule, together.units)
    names = schema.target.classes if task_of(schema.target).decides else ()
    part = splitting.split_rows(whole, rule, seed, names, together.parts)
    parts = _shared_out(whole, part)
    n_copies = int(repeat.sum()) if table.copies is None else table.copies.exact + table.copies.near
    n_equal = int(is_repeat(row_identity(whole.inputs)).sum() - is_repeat(copied).sum())
    n_shared, n_alike = splitting.shared_between(copied, part), 0
    encoder = table.learn(parts["train"]) if table.learn else None
    if encoder is not None:
        n_alike = -splitting.shared_between(row_identity(whole.inputs), part)
        schema, whole = encoder.schema, encoder.encode(whole)
        n_alike += splitting.shared_between(row_identity(whole.inputs), part)
        parts = _shared_out(whole, part)
    draw = None
    if len(chosen) < (n_source := table.n_source or len(table.rows)):
        draw = RowDraw(len(chosen), n_source, seed)
    facts = DataFacts(
        schema=schema,
        whole=whole,
        parts=parts,
        description=source.description,
        file=source.file,
        sha256=source.sha256,
        n_duplicates=n_copies,
        n_equal=n_equal,
        n_contradictions=int(disagrees(copied, labels[kept]).sum()),
        n_shared=n_shared,
        n_alike=n_alike,
        dropped=rule.duplicates == "drop",
        split_method=splitting.describe_rule(rule, n_copies, together, schema.target.task),
        preparation=(*_preparation(table, draw, hidden, source.also_inputs), *related),
        texts=encoder.facts(whole, parts) if encoder else None,
        dates=table.dates,
        identifiers=tuple(known.column for known in table.identifiers) if source.reads_all else (),
        n_torn=_torn_entities(whole, parts, together),
        entity=together.entity,
        possible_entity=together.possible,
        has_own_parts=together.parts is not None,
        draw=draw,
        mixed_dates=table.mixed_dates,
    )
    return Dataset(
        schema, **parts, card=make_card(facts), issues=find_issues(facts), read=source.sha256
    )


def _taken(rows: Split, positions: Ints) -> Split:
    """The rows at these ascending positions; no copy where they are all."""
    return rows if len(positions) == len(rows) else rows.take(positions)


def _torn_entities(
    whole: Split, parts: Mapping[str, Split], together: splitting.GroupConstraint
) -> int:
    """Rows of validation and test of whose entity the training part holds rows too."""
    if together.units is None:
        return 0
    unit = dict(zip(whole.instance_ids.tolist(), together.units.tolist(), strict=True))
    train, *rest = ([unit[i] for i in part.instance_ids.tolist()] for part in parts.values())
    trained = set(train)
    return sum(entity in trained for part in rest for entity in part)


def _shared_out(whole: Split, part: Ints) -> dict[str, Split]:
    return {name: whole.take(np.flatnonzero(part == i)) for i, name in enumerate(PARTS)}


def _related(
    schema: Schema, rows: Split, declared: tuple[str, ...]
) -> tuple[Schema, tuple[Text, ...]]:
    """The schema with its declared relations, and how many rows keep each.

    Raises DataError: a text is no relation between features that there are.
    """
    try:
        relations = Relations.of(schema, declared)
    except ConditionError as error:
        raise data_error(
            "dataset.relations",
            str(error),
            "relations between columns that are features, such as `paid <= owed`",
            "correct the relation, or remove it",
        ) from None
    kept = tuple(
        message(
            "preparation.relation",
            relation=relation_in_words(schema, relation.text),
            kept=float(1 - relation.broken(rows.inputs).mean()),
            n=len(rows),
        )
        for relation in relations.parts
    )
    return replace(schema, relations=declared), kept


def _blind(schema: Schema, rows: Split, hidden: Collection[str]) -> tuple[Schema, Split]:
    """Without these features; groups are still compared by them."""
    kept = [i for i, feature in enumerate(schema.features) if feature.name not in hidden]
    if not kept:
        raise data_error(
            "dataset",
            "every feature is sensitive",
            "others too",
            "set `dataset.use_sensitive=true`, or add columns",
        )
    attributes = tuple(
        replace(attribute, source=None) if attribute.source in hidden else attribute
        for attribute in schema.attributes
    )
    features = tuple(schema.features[i] for i in kept)
    schema = replace(schema, features=features, attributes=attributes)
    return schema, replace(rows, inputs=rows.inputs[:, kept])


def _preparation(
    table: EncodedTable, draw: RowDraw | None, hidden: Collection[str], also_inputs: Sequence[str]
) -> tuple[Text, ...]:
    notes = list(table.notes)
    if draw is not None:
        notes.append(message("preparation.drawn", n=draw.rows, of=draw.of, seed=draw.seed))
    sensitive = [feature for feature in table.schema.features if feature.sensitive]
    for key, is_hidden in (("given", False), ("not_given", True)):
        if named := [each.label for each in sensitive if (each.name in hidden) == is_hidden]:
            notes.append(message(f"preparation.sensitive.{key}", features=named))
    if also_inputs:
        notes.append(message("preparation.also_inputs", columns=list(also_inputs)))
    if table.learn is None:
        notes.append(message("preparation.own_units"))
    return tuple(notes)
