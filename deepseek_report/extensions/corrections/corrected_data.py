"""What corrections mean for the rows of a data set: columns, labels, and what must not matter."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from typing import Any, Literal

import numpy as np

from deepseek_report.artifacts.array_types import Array, Floats, Ints
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.schema import Schema, Target
from deepseek_report.artifacts.seeds import row_digests
from deepseek_report.artifacts.split import PARTS, Dataset, Part, Split
from deepseek_report.data_kinds import kind_of
from deepseek_report.extensions.corrections.declared_corrections import CorrectionItem, Way
from deepseek_report.extensions.corrections.input_cues import InputCue
from deepseek_report.tasks import task_of

#: What kind of model is corrected: a network that is trained here, trees that keep directions, or
#: anything else that is fitted again.
ModelSort = Literal["network", "directed", "fitted"]
_SHOWN = 12


@dataclass(frozen=True)
class CorrectionMisfit:
    """An item that does not fit the data: what is wrong, what is allowed, what to do."""

    item: CorrectionItem
    fault: str
    allowed: str
    todo: str


class _Unfit(Exception):  # noqa: N818 - it never leaves this module
    """Ends the reading of one item; its arguments are those of a `CorrectionMisfit`."""


def way_of(item: CorrectionItem, schema: Schema, sort: ModelSort) -> Way | None:
    """How an item is corrected: as it says, else the simplest way; None for labels and rules."""
    if item.kind in {"label", "rule"}:
        return None
    if item.how is not None:
        return item.how
    if item.kind in {"rises", "falls"}:
        return "penalty" if sort == "network" else "constraint"
    return "drop" if item.kind == "feature" and kind_of(schema).named_columns else "swap"


@dataclass(frozen=True)
class ItemCue:
    """The cue of an item, and how the model is kept from it."""

    item: CorrectionItem
    cue: InputCue
    how: Way


@dataclass
class ResolvedCorrections:
    """Corrections against the rows that they are about.

    data : as it was before. sort : of the model. dropped : positions of the columns that are left
    out. cues : what must not matter, or only one way, dropped columns included, by the columns of
    `data`. labels : {part: {position: label}}. misfits : what does not fit, instead of the rest.
    """

    items: Sequence[CorrectionItem]
    data: Dataset
    sort: ModelSort
    dropped: list[int] = field(default_factory=list)
    cues: list[ItemCue] = field(default_factory=list)
    labels: dict[Part, dict[int, float]] = field(default_factory=dict)
    misfits: list[CorrectionMisfit] = field(default_factory=list)

    @classmethod
    def of(
        cls, items: Sequence[CorrectionItem], data: Dataset, sort: ModelSort
    ) -> ResolvedCorrections:
        """Find what each item is about; what is not there is a misfit."""
        resolved = cls(items, data, sort)
        for item in items:
            try:
                resolved._take(item)
            except _Unfit as unfit:
                resolved.misfits.append(CorrectionMisfit(item, *unfit.args))
        if len(resolved.dropped) == len(data.schema.features) and resolved.dropped:
            todo = "leave one in, or correct some of them by how: penalty"
            last = next(item for item in items if item.kind == "feature")
            fault = "all columns are left out"
            resolved.misfits.append(CorrectionMisfit(last, fault, "at least one that stays", todo))
        return resolved

    # --- reading items ----------------------------------------------------------------------------

    def _take(self, item: CorrectionItem) -> None:
        if item.kind == "label":
            self._label(item)
        elif item.kind != "rule":
            how = self._way(item)
            cue = self._cue(item)
            if how == "drop":
                self.dropped.extend(set(cue.columns) - {*self.dropped})
            self.cues.append(ItemCue(item, cue, how))

    def _way(self, item: CorrectionItem) -> Way:
        how, allowed = way_of(item, self.data.schema, self.sort), list[Way]()
        if item.kind in {"rises", "falls"}:
            if self.sort != "fitted":
                allowed.append("penalty" if self.sort == "network" else "constraint")
        else:
            if kind_of(self.data.schema).named_columns:
                allowed.append("drop")
            allowed.append("swap")
            if self.sort == "network":
                allowed.append("penalty")
        if how in allowed:
            return how
        if not allowed:
            raise _Unfit(
                "this model cannot be kept to a direction",
                "networks that are trained here, boosted trees of two classes",
                "choose another model, or leave the column out: must_not_matter",
            )
        what = f"how is {how}" if item.how else "it cannot be done"
        todo = f"set how: {allowed[0]}, or leave `how` out"
        raise _Unfit(what, ", ".join(allowed), todo)

    def _cue(self, item: CorrectionItem) -> InputCue:
        if item.kind in {"rises", "falls"}:
            column = self._column(item)
            if self.data.schema.features[column].kind == "categorical":
                raise _Unfit(
                    f"“{item.names[0]}” has categories without an order",
                    "a number, or a column of ordered categories",
                    "declare its order (dataset), or correct another column",
                )
            return InputCue((column,), direction=1 if item.kind == "rises" else -1)
        if kind_of(self.data.schema).named_columns:
            if item.kind == "region":
                raise _Unfit(
                    "a region is marked, and these data are a table",
                    "a feature: {feature: NAME}",
                    "mark the feature, which then must not matter in any row",
                )
            return InputCue((self._column(item),))
        if self.data.schema.vocabulary:
            return InputCue(words=self._words(item))
        players = [self._player(name) for name in item.names]
        columns = np.flatnonzero(np.isin(self.data.schema.owners, players))
        return InputCue(tuple(columns.tolist()))

    def _column(self, item: CorrectionItem) -> int:
        schema, name = self.data.schema, str(item.names[0])
        if not kind_of(schema).named_columns:
            raise _Unfit(
                f"“{name}” is named as a column, and these data are no table",
                "must_not_matter with words, patches or windows",
                "mark what must not matter in the report, or name it as the report does",
            )
        return _found(name, schema.positions, "column", schema.names)

    def _player(self, name: int | str) -> int:
        labels = self.data.schema.player_labels
        if isinstance(name, int):
            if 1 <= name <= len(labels):
                return name - 1
            allowed = f"1 ({labels[0]}) to {len(labels)} ({labels[-1]})"
            raise _Unfit(f"there is no part {name}", allowed, "correct the number")
        return _found(name, {label: at for at, label in enumerate(labels)}, "part", labels)

    def _words(self, item: CorrectionItem) -> tuple[int, ...]:
        """Positions in the vocabulary of the words of a text that are named or marked."""
        vocabulary = self.data.schema.vocabulary
        row = self._row(item)[1] if item.row else None
        words: list[int] = []
        for name in item.names:
            if isinstance(name, int) or name in self.data.schema.player_labels:
                words.extend(self._words_at(self._player(name), row))
            else:
                known = {word: at for at, word in enumerate(vocabulary)}
                words.append(_found(name, known, "word that the model reads", vocabulary))
        return tuple(dict.fromkeys(words))

    def _words_at(self, player: int, row: Floats | None) -> list[int]:
        label = self.data.schema.player_labels[player]
        if row is None:
            fault, todo = f"“{label}” is a place, and no row is named", "name the word itself"
            raise _Unfit(fault, "a word, or a place in a marked row", todo)
        values = row[self.data.schema.owners == player]
        tokens = [int(value) for value in values[~np.isnan(values)]]
        if not tokens:
            fault = f"the text of row {self._named} ends before “{label}”"
            raise _Unfit(fault, "words that the text has", "mark another word")
        return tokens

    _named = ""

    def _label(self, item: CorrectionItem) -> None:
        places, _ = self._row(item)
        label = _label_of(self.data.schema.target, item.label)
        for part, position in places:
            known = getattr(self.data, part).labels[position]
            if item.was is not None and known != _label_of(self.data.schema.target, item.was):
                raise _Unfit(
                    f"its label in the data is not “{item.was}”, as the mark says",
                    "a row whose label is still the one that was marked",
                    "see whether the data have been corrected since, and leave the mark out",
                )
            self.labels.setdefault(part, {})[position] = label

    def _row(self, item: CorrectionItem) -> tuple[list[tuple[Part, int]], Floats]:
        """All places of the rows of a digest, and their values."""
        places = self._rows.get(item.row) or self._shorter_rows.get(item.row)
        if not places:
            raise _Unfit(
                f"no row of these data has the digest {item.row}",
                "rows of the data that the marked report is about",
                "name the data of that run, or mark the row again in a report of these data",
            )
        self._named = item.row
        part, position = places[0]
        return places, getattr(self.data, part).inputs[position]

    @cached_property
    def _rows(self) -> dict[str, list[tuple[Part, int]]]:
        return _by_digest({part: getattr(self.data, part).inputs for part in PARTS})

    @cached_property
    def _shorter_rows(self) -> dict[str, list[tuple[Part, int]]]:
        """The same of rows without columns that are left out, as a corrected report has them."""
        kept = self.kept
        return _by_digest({part: getattr(self.data, part).inputs[:, kept] for part in PARTS})

    # --- what follows for the data ----------------------------------------------------------------

    @property
    def kept(self) -> Ints:
        """Positions of the columns that stay."""
        return np.setdiff1d(np.arange(len(self.data.schema.features)), self.dropped)

    @property
    def trained_away(self) -> list[ItemCue]:
        """What a network is kept from by a term of its loss, by the columns of `corrected`."""
        return [each for each in self._left if each.how in {"swap", "penalty"}]

    @property
    def directions(self) -> dict[str, int]:
        """{column: 1 or −1} of directions that trees keep by themselves."""
        names = self.data.schema.names
        kept = (each for each in self.cues if each.how == "constraint")
        return {names[each.cue.columns[0]]: each.cue.direction for each in kept}

    @property
    def _left(self) -> Iterator[ItemCue]:
        for each in self.cues:
            if (cue := self.remaining(each.cue)) is not None:
                yield dataclasses.replace(each, cue=cue)

    def remaining(self, cue: InputCue) -> InputCue | None:
        """A cue by the columns of the corrected data; None where all of it is left out."""
        place = {int(column): at for at, column in enumerate(self.kept)}
        columns = tuple(place[column] for column in cue.columns if column in place)
        return dataclasses.replace(cue, columns=columns) if columns or cue.words else None

    def shortened(self, rows: Floats) -> Floats:
        """(row, column) without the columns that are left out."""
        return np.ascontiguousarray(rows[:, self.kept]) if self.dropped else rows

    def corrected(self, seed: int) -> Dataset:
        """The data that the corrected model is trained and judged on.

        Where the model is no network, what must not matter is drawn anew in the training rows.
        """
        train, validation, test = map(self._part, PARTS)
        if self.sort != "network":
            rng, inputs = np.random.default_rng([seed, 31]), train.inputs
            for each in self.trained_away:
                inputs = each.cue.redrawn(inputs, train.inputs, rng)
            train = dataclasses.replace(train, inputs=inputs)
        gone = self._gone
        issues = (
            issue
            for issue in self.data.issues
            if not gone & {*(issue.values.get("features") or [issue.values.get("feature")])}
        )
        schema, card = self._schema(), self._card()
        return Dataset(schema, train, validation, test, card, tuple(issues), self.data.read)

    def _part(self, part: Part) -> Split:
        split: Split = getattr(self.data, part)
        if self.dropped:
            truth = None if split.truth is None else split.truth[:, self.kept]
            split = dataclasses.replace(split, inputs=self.shortened(split.inputs), truth=truth)
        if changes := self.labels.get(part):
            labels: Array = split.labels.copy()
            labels[[*changes]] = [*changes.values()]
            split = dataclasses.replace(split, labels=labels)
        return split

    def _schema(self) -> Schema:
        if not self.dropped:
            return self.data.schema
        schema, gone = self.data.schema, self._gone
        return dataclasses.replace(
            schema,
            features=tuple(schema.features[column] for column in self.kept),
            attributes=tuple(
                dataclasses.replace(each, source=None) if each.source in gone else each
                for each in schema.attributes
            ),
            relations=tuple(text for text in schema.relations if not gone & _words_in(text)),
        )

    @property
    def _gone(self) -> set[str]:
        return {self.data.schema.names[column] for column in self.dropped}

    def _card(self) -> Mapping[str, Any]:
        schema, gone = self.data.schema, self._gone
        named = gone | {schema.labels[column] for column in self.dropped}
        card, notes = self.data.card, []
        changed: dict[str, object] = {
            key: [row for row in rows if not named & _texts_of(row)]
            for key in ("numeric", "categorical", "correlations")
            if isinstance(rows := card.get(key), (list, tuple))
        }
        if isinstance(missing := card.get("missing"), Mapping):
            changed |= {"missing": {name: n for name, n in missing.items() if name not in gone}}
        if self.dropped:
            labels = [schema.labels[column] for column in sorted(self.dropped)]
            notes.append(message("preparation.corrected.dropped", features=labels))
        if self.labels:
            n = {part: len(self.labels.get(part, {})) for part in PARTS}
            notes.append(message("preparation.corrected.labels", **n))
        if notes:
            changed |= {"preparation": [*card.get("preparation", ()), *notes]}
        return {**card, **changed}


def _by_digest(parts: Mapping[Part, Floats]) -> dict[str, list[tuple[Part, int]]]:
    places: dict[str, list[tuple[Part, int]]] = {}
    for part, rows in parts.items():
        for position, digest in enumerate(row_digests(rows)):
            places.setdefault(digest, []).append((part, position))
    return places


def _found(name: str, known: Mapping[str, int], what: str, listed: Sequence[str]) -> int:
    if name in known:
        return known[name]
    close = get_close_matches(name, [str(each) for each in known], n=1)
    shown = ", ".join(map(str, listed[:_SHOWN])) + (", …" if len(listed) > _SHOWN else "")
    todo = f"did you mean “{close[0]}”?" if close else f"name a {what} that there is"
    raise _Unfit(f"“{name}” is no {what}", shown, todo)


def _label_of(target: Target, label: object) -> float:
    """A label as it stands in `Split.labels`."""
    if task_of(target).several:
        raise _Unfit(
            "labels of several-label data are not corrected here",
            "classes and numbers",
            "correct the file of the data",
        )
    if not task_of(target).decides:
        if isinstance(label, (int, float)) and math.isfinite(label):
            return float(label)
        raise _Unfit(f"the label “{label}” is no number", "a number", "correct it")
    names = {name: at for at, name in enumerate(target.codes)}
    names |= {name: at for at, name in enumerate(target.classes)}
    return float(_found(str(label), names, "class", target.classes))


def _words_in(relation: str) -> set[str]:
    kept = "".join(sign if sign.isalnum() or sign == "_" else " " for sign in relation)
    return {*kept.split()}


def _texts_of(row: Any) -> set[str]:
    return {value for value in row.values() if isinstance(value, str)} if row else set()
