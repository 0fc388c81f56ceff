"""Names of columns, values, groups and parts of the data, in the language of the report.

Schemas, tables and findings hold names in English, since names are keys as well: `Sex × age band`,
`Age is over 46 years`. The patterns by which they are put together stand in the catalogs under
`composed`. That of English takes a name apart, that of the report's language puts it together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

_SLOT = re.compile(r"\{(\w+)\}")
_NUMBER = re.compile(r"[+\u2212]?\d[\d\u202f]*(\.\d+)?")
_LETTER = re.compile(r"[^\W\d_]")
_LETTERS = re.compile(r"[^\W\d_]+")
#: A longer text is no name.
_LONGEST = 400


@dataclass(frozen=True)
class Names:
    """Names in one language.

    known : {name as it is stored: name in this language}; names of a person's own data, which are
        the same in every language, are among them.
    stored, patterns : {key: pattern} for names that are put together, in English and in this
        language. Every slot holds a name or a number.
    number : writes a number that was written in English.

    >>> names = Names({"Age": "Alter"}, {"is": "{name} is {value}"}, {"is": "{name} = {value}"})
    >>> names.of("Age is 46"), names.of("Height is 46")
    ('Alter = 46', 'Height is 46')
    """

    known: Mapping[str, str] = field(default_factory=dict)
    stored: Mapping[str, str] = field(default_factory=dict)
    patterns: Mapping[str, str] = field(default_factory=dict)
    number: Callable[[str], str] = str
    _read: dict[str, str | None] = field(default_factory=dict, init=False, repr=False)

    def of(self, name: str) -> str:
        """The name in this language; what is not made of known names and numbers stays as it is."""
        if len(name) > _LONGEST or _NUMBER.fullmatch(name):
            return name
        worded = self._of(name)
        return name if worded is None else worded

    def composed(self, key: str, /, **parts: str) -> str:
        """Names in this language put together by a pattern of its catalog."""
        return self.patterns[key].format(**parts)

    def _of(self, name: str) -> str | None:
        if name not in self._read:
            known_words = self._words.issuperset(_LETTERS.findall(name))
            self._read[name] = self._worded(name) if known_words else None
        return self._read[name]

    @cached_property
    def _words(self) -> frozenset[str]:
        """Every word of a known name or a pattern: a text with another word is no name."""
        around = (piece for pattern in self.stored.values() for piece in _SLOT.split(pattern)[::2])
        return frozenset(word for text in (*self.known, *around) for word in _LETTERS.findall(text))

    def _worded(self, name: str) -> str | None:
        if name in self.known:
            return self.known[name]
        if _NUMBER.fullmatch(name):
            return self.number(name)
        if not _LETTER.search(name):  # a unit such as `%`
            return name
        return next(self._composed(name), None)

    def _composed(self, name: str) -> Iterator[str]:
        """The name by every pattern that fits it."""
        for key, slots, around in self._taken_apart:
            if not name.startswith(around[0]) or not name.endswith(around[-1]):
                continue
            for parts in _splits(name, around):
                if not all(map(_fits, slots, parts)):
                    continue
                words = list(self._until_unknown(parts))
                if len(words) == len(slots):
                    yield self.composed(key, **dict(zip(slots, words, strict=True)))

    @cached_property
    def _taken_apart(self) -> list[tuple[str, list[str], list[str]]]:
        """Key, slots, and the pieces around the slots of each pattern."""
        return [
            (key, _SLOT.findall(pattern), _SLOT.split(pattern)[::2])
            for key, pattern in self.stored.items()
        ]

    def _until_unknown(self, parts: Iterable[str]) -> Iterator[str]:
        for part in parts:
            if (word := self._of(part)) is None:
                return
            yield word


def _fits(slot: str, part: str) -> bool:
    """Whether a part may stand in a slot: in one for a number, a number alone."""
    return slot != "number" or _NUMBER.fullmatch(part) is not None


def _splits(text: str, around: list[str]) -> Iterator[tuple[str, ...]]:
    """What may stand in the slots between these pieces of a pattern.

    >>> list(_splits("a and b and c", ["", " and ", ""]))
    [('a', 'b and c'), ('a and b', 'c')]
    """
    before, *after = around
    if not text.startswith(before):
        return
    for piece in after:
        if piece not in text:
            return
    rest = text.removeprefix(before)
    if len(after) == 1:
        end = len(rest) - len(after[0])
        if end > 0 and rest.endswith(after[0]):
            yield (rest[:end],)
        return
    at = rest.find(after[0], 1)
    while at > 0:
        for others in _splits(rest[at:], after):
            yield (rest[:at], *others)
        at = rest.find(after[0], at + 1)
