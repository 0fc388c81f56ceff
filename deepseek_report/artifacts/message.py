"""What is said, before it is decided in which language: the id of a sentence and its values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


class Verbatim(str):
    """The name of a work, a product or a person."""

    __slots__ = ()


class Code(Verbatim):
    """What programs read and write: a key, a path, a version, a hash."""

    __slots__ = ()


_ID, _VALUES = "message", "values"


@dataclass(frozen=True)
class Message:
    """A sentence of the catalogs, not yet worded.

    What computes gives messages; what writes words them, by `wording.words.Wording.say`, in the
    language of the report. A plain text in the place of a message is said as it stands: names and
    values from a person's data, and the sentences of a person's own plug-in.

    id : where the sentence stands in `templates/locale/<language>`, such as `data.duplicates.text`.
    values : what fills its slots: numbers, plain texts from the data, further messages, and lists
        of these.
    """

    id: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash(self.id)

    def to_json(self) -> dict[str, object]:
        """`{"message": id, "values": {…}}`, as plain data."""
        return {_ID: self.id, _VALUES: {key: plain(value) for key, value in self.values.items()}}


#: What a person will read: a sentence of the catalogs, or a text that is said as it stands.
Text = str | Message


def message(id: str, /, **values: object) -> Message:  # noqa: A002 - it is one
    """The sentence of this id with these values: `message("data.duplicates.text", n=3)`."""
    return Message(id, values)


#: Why a part is missing that the study chooses, and that the quick report leaves out.
SKIPPED = message("refusals.skipped")


def all_reasons(reasons: Iterable[Text]) -> Text:
    """Reasons as one, each told once."""
    different = list(dict.fromkeys(reasons))
    return different[0] if len(different) == 1 else message("refusals.several", reasons=different)


def plain(value: object) -> Any:
    """The value with every message in it as plain data, so that it can be written as JSON.

    >>> plain([message("data.rows", n=3)])
    [{'message': 'data.rows', 'values': {'n': 3}}]
    """
    if isinstance(value, Message):
        return value.to_json()
    if isinstance(value, Mapping):
        return {key: plain(inside) for key, inside in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain(inside) for inside in value]
    return value


def is_message(value: Mapping[str, object]) -> bool:
    """Whether plain data are what `plain` wrote of a message."""
    return value.keys() == {_ID, _VALUES} and isinstance(value[_VALUES], Mapping)


def from_plain(value: object) -> Any:
    """The value with everything that `plain` wrote of a message as a message again.

    >>> from_plain({"message": "data.rows", "values": {"n": 3}})
    Message(id='data.rows', values={'n': 3})
    """
    if isinstance(value, Mapping):
        if is_message(value):
            return read_message(value, from_plain)
        return {key: from_plain(inside) for key, inside in value.items()}
    if isinstance(value, list | tuple):
        return [from_plain(inside) for inside in value]
    return value


def read_message(value: Mapping[str, Any], read: Callable[[object], object]) -> Message:
    """The message that `plain` wrote so; read : makes the values in its slots."""
    inside = {str(key): read(item) for key, item in value[_VALUES].items()}
    return Message(str(value[_ID]), inside)


def with_texts(record: Mapping[str, object], names: Iterable[str]) -> dict[str, Any]:
    """A record with these of its fields as what a person will read, as far as it has them."""
    return {**record, **{name: text_of(record[name]) for name in names if name in record}}


def as_tuples(value: object) -> Any:
    """A value of JSON with tuples in the place of lists, as frozen records hold them.

    >>> as_tuples({"levels": ["a", "b"], "n": 2})
    {'levels': ('a', 'b'), 'n': 2}
    """
    if isinstance(value, dict):
        return {key: as_tuples(inside) for key, inside in value.items()}
    return tuple(map(as_tuples, value)) if isinstance(value, list) else value


def text_of(value: object) -> Text:
    """What a person will read, from plain data: a message again, or a text as it stands.

    >>> text_of("Age of the applicant")
    'Age of the applicant'
    """
    read = from_plain(value)
    return read if isinstance(read, Message) else str(read)
