"""Which test rows several runs have in common: by what they hold, not by where they came from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Ints
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.seeds import row_contents
from deepseek_report.artifacts.split import Split

#: Rows in common below which runs are not compared row by row, unless they are all that there are.
FEWEST = 30
#: From where on words are numbered, downwards: below any code of a category that is a number.
_WORDS = -(2**23)


@dataclass(frozen=True)
class SharedRows:
    """The test rows that several runs have in common.

    positions : (run, row) where each of them stands in the test part of each run, in the order of
        the first. tested : (run,) how many rows each run tests.
    relabelled : rows of one number with the same inputs in all runs, and another label in one.
    left_out : names of the columns that not all runs have.
    """

    positions: Ints
    tested: tuple[int, ...]
    relabelled: int = 0
    left_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.positions[0])

    @property
    def are_all(self) -> bool:
        """Whether every run tests these rows and no other."""
        return set(self.tested) == {len(self)}

    @property
    def suffice(self) -> bool:
        """Whether they are enough to compare runs row by row."""
        return len(self) >= FEWEST or (self.are_all and len(self) > 0)

    @classmethod
    def of(cls, parts: Sequence[tuple[Schema, Split]]) -> SharedRows:
        """The rows with the same label, and the same inputs in all columns that the runs share.

        Rows that hold the same are matched by their number in the source, then in order. Where a
        run lacks columns of another one, what is left may be the same by chance: rows of one number
        alone are matched then, and none where most of these hold something else.

        parts : schema and test part of each run, of one target.
        """
        tested = tuple(len(test) for _, test in parts)
        nothing = np.zeros((len(parts), 0), dtype=np.int64)
        names = [dict.fromkeys(schema.names) for schema, _ in parts]
        every = {name: all(name in own for own in names) for each in names for name in each}
        is_written = all(test.texts is not None for _, test in parts)
        left_out = tuple(name for name, is_shared in every.items() if not (is_shared or is_written))
        inputs = _inputs(parts, {*every} - {*left_out})
        if not inputs:
            return cls(nothing, tested, left_out=left_out)
        labels = [list(row_contents(test.labels[:, None])) for _, test in parts]
        numbers = [test.instance_ids.tolist() for _, test in parts]
        known = [{number: at for at, number in enumerate(own)} for own in numbers]
        places = [tuple(own[n] for own in known) for n in set.intersection(*map(set, known))]
        alike = [each for each in places if _are_alike(inputs, each)]
        pairs = [each for each in alike if _are_alike(labels, each)]
        relabelled = len(alike) - len(pairs)
        if not left_out:
            keys = [list(zip(*own, strict=True)) for own in zip(inputs, labels, strict=True)]
            pairs = list(_matched(keys, numbers))
        elif 2 * len(alike) < len(places):
            return cls(nothing, tested, left_out=left_out)
        positions = np.array(sorted(pairs), dtype=np.int64).reshape(-1, len(parts)).T
        return cls(positions, tested, relabelled, left_out)

    def rows_at(self, run: int, positions: Ints) -> Ints:
        """(position,) which of the rows stands at each position of a run's test part; −1: none."""
        rows = np.full(self.tested[run], -1, dtype=np.int64)
        rows[self.positions[run]] = np.arange(len(self))
        return rows[positions]


def _inputs(parts: Sequence[tuple[Schema, Split]], shared: set[str]) -> list[list[bytes]]:
    """(run, row) what each row holds, the same bytes for the same inputs in every run.

    Texts as they were written, else the shared columns; nothing where there are none. A category
    counts by its code, not by its place in a list.
    """
    texts = [test.texts for _, test in parts if test.texts is not None]
    if len(texts) == len(parts):
        return [[text.text(at).encode() for at in range(len(text.ends))] for text in texts]
    if not shared:
        return []
    words: dict[str, int] = {}
    contents = []
    for schema, test in parts:
        columns = []
        for name in sorted(shared):
            stored = test.inputs[:, schema.position(name)]
            if categories := schema.feature(name).categories:
                codes = np.array([*(_code(each.code, words) for each in categories), np.nan])
                stored = codes[np.nan_to_num(stored, nan=len(categories)).astype(np.int64)]
            columns.append(stored)
        contents.append(list(row_contents(np.stack(columns, axis=1))))
    return contents


def _are_alike(held: Sequence[Sequence[object]], places: Sequence[int]) -> bool:
    """Whether every run holds the same at its place."""
    return len({own[at] for own, at in zip(held, places, strict=True)}) == 1


def _code(code: str, words: dict[str, int]) -> float:
    try:
        return float(code)
    except ValueError:
        return float(words.setdefault(code, _WORDS - len(words)))


def _matched(
    keys: Sequence[Sequence[object]], numbers: Sequence[Sequence[int]]
) -> Iterator[tuple[int, ...]]:
    """Positions, one a run, of the rows that have the same key in all runs."""
    by_key: list[dict[object, dict[int, int]]] = []
    for own, ids in zip(keys, numbers, strict=True):
        places: dict[object, dict[int, int]] = {}
        for at, (key, number) in enumerate(zip(own, ids, strict=True)):
            places.setdefault(key, {})[number] = at
        by_key.append(places)
    for key in by_key[0]:
        alike = [places[key] for places in by_key if key in places]
        if len(alike) == len(by_key):
            same = set.intersection(*map(set, alike))
            yield from (tuple(each[number] for each in alike) for number in same)
            rest = [[at for number, at in each.items() if number not in same] for each in alike]
            yield from zip(*rest, strict=False)
