"""What commas, points and blanks in the numbers of a table mean, told by the numbers themselves.

Countries write one number as 1,234.5, 1.234,5, 1 234,5 or 1’234.5: a sign before the decimals and
another between groups of digits (Unicode Technical Standard 35, part 3). So 1,234 alone is two
numbers; 0,107, 12,5 and 1,234,567 are one each. A column is what all of its cells can be; where
that is two things, the other columns of its file decide; where these say nothing either, the cells
stay as they are, and that is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepseek_report.artifacts.message import Message, message
from deepseek_report.datasets.readers.file_form import Decimal

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


#: {sign between groups of digits: its forms}, beside the comma or the point that marks no decimals.
_GROUPING = {"blanks": " \u00a0\u2009\u202f", "apostrophes": "'\u2019"}
_NAMES = {",": "commas", ".": "points"}
_MINUS = "\u2212"
_LISTED = 3
#: So many cells show together what none of them shows alone.
_MANY = 20
#: Cells by which it is seen that a column holds something else.
_LOOKED_AT = 200


def _pattern(decimal: Decimal) -> str:
    """Numbers with this sign before decimals, and one other or none between groups of digits.

    The first group does not begin with a zero, so that 0,107 is never thousands.
    """
    point, other = re.escape(decimal), re.escape(_other(decimal))
    groups = "|".join(rf"(?:{sign}\d{{3}})+" for sign in (other, *"".join(_GROUPING.values())))
    grouped = rf"[1-9]\d{{0,2}}(?:{groups})"
    if decimal == ".":  # 12,34,567, as in India
        grouped += r"|[1-9]\d?(?:,\d{2})+,\d{3}"
    plain = rf"(?:\d+(?:{point}\d+)?|{point}\d+)(?:[eE][+-]?\d+)?"
    return rf"[+{_MINUS}-]?(?:{plain}|(?:{grouped})(?:{point}\d+)?)"


def _other(decimal: Decimal) -> Decimal:
    return "," if decimal == "." else "."


_NUMBER = {decimal: _pattern(decimal) for decimal in (".", ",")}
_PROGRAMS = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


def typed_number(text: str, decimal: Decimal | None = None) -> tuple[float, ...]:
    """The numbers that a text can be: one, or none, or several.

    decimal : the sign before decimals; None: as programs write it, else what the text itself shows.

    >>> typed_number("0,107"), typed_number("1.234,5"), typed_number("1.234"), typed_number("1_000")
    ((0.107,), (1234.5,), (1.234,), ())
    >>> typed_number("1,234"), typed_number("1,234", ",")
    ((1.234, 1234.0), (1.234,))
    """
    if decimal != "," and _PROGRAMS.fullmatch(text):
        return (float(text),)
    signs: Iterable[Decimal] = _NUMBER if decimal is None else (decimal,)
    fitting = [sign for sign in signs if re.fullmatch(_NUMBER[sign], text, re.ASCII)]
    return tuple(sorted({float(_plain(text, sign).replace(sign, ".")) for sign in fitting}))


def _plain(text: str, decimal: Decimal) -> str:
    """A number without signs between its groups."""
    groups = "".join((_other(decimal), *_GROUPING.values()))
    return re.sub(rf"[{groups}]", "", text).replace(_MINUS, "-")


@dataclass(frozen=True)
class _Numbers:
    """A column whose cells are all numbers, with signs in some.

    decimals : the signs before decimals with which they are. signs : what they hold.
    grouped_by : of two such signs the one that all the same stands between groups, as it seems.
    """

    name: str
    place: int
    decimals: frozenset[Decimal]
    signs: frozenset[str]
    grouped_by: Decimal | None = None

    def is_open(self, sign: Decimal) -> bool:
        """Whether it is some numbers with this sign before decimals, others with it in groups."""
        return len(self.decimals) > 1 and sign in self.signs

    @property
    def is_spaced(self) -> bool:
        """Whether blanks or apostrophes stand between its groups of digits."""
        return not self.signs.isdisjoint(_GROUPING)


def needs_others(column: pd.Series, separator: str = "") -> bool:
    """Whether what the cells of a column are may depend on the other columns of its file."""
    cells = _texts(column)
    numbers = None if cells is None or not _held(cells) else _seen(cells, "", 0)
    if numbers is None:
        return False
    return "," in numbers.signs or (separator != "," and numbers.is_open("."))


def written_plainly(
    frame: pd.DataFrame, declared: Decimal | None, separator: str = ""
) -> tuple[pd.DataFrame, Decimal, tuple[Message, ...]]:
    """The table without signs between groups of digits, the sign before decimals, what is said.

    frame : its texts are looked at; missing cells are no texts, and numbers stay as they are.
    declared : the sign before decimals, where a person says it. separator : of the columns, where
        these stand in a text: beside commas, points are before decimals unless a cell denies it.
    """
    columns = _columns(frame, declared, separator)
    decimal, unclear, notes = _recognised(columns, separator)
    if declared is not None:
        against = [column for column in columns if column.decimals == {_other(declared)}]
        decimal, unclear, notes = declared, [], _about("against", against, as_texts=declared == ".")
    clear = [column for column in columns if decimal in column.decimals and column not in unclear]
    for column in clear:
        texts = frame.iloc[:, column.place]
        frame.isetitem(column.place, _without_groups(texts, column.signs, decimal))
    for sign in (_other(decimal), *_GROUPING):
        grouped = [column for column in clear if sign in column.signs]
        name = message(f"preparation.commas.signs.{_NAMES.get(sign, sign)}")
        notes += _about("grouped", grouped, sign=name)
    return frame, decimal, tuple(notes)


def _recognised(
    columns: Sequence[_Numbers], separator: str
) -> tuple[Decimal, list[_Numbers], list[Message]]:
    """The sign before decimals; columns that may be other numbers, and stay texts; what is said."""
    commas, points = ([c for c in columns if c.decimals == {sign}] for sign in (",", "."))
    open_commas, open_points = ([c for c in columns if c.is_open(sign)] for sign in (",", "."))
    spaced = any(column.is_spaced for column in columns)
    if commas and points:
        both = message(
            "preparation.both_decimals",
            commas=_listed(commas),
            points=_listed(points),
            n_commas=len(commas),
            n_points=len(points),
        )
        return ".", open_commas, [both, *_about("unclear_commas", open_commas)]
    if commas or (spaced and open_commas and not (points or open_points)):
        return ",", [], _about("decimal_comma", commas or open_commas)
    if points:
        return ".", [], []
    seeming = {column.grouped_by for column in columns} - {None}
    if len(seeming) == 1:
        return (".", [], []) if "," in seeming else (",", [], [])
    told = [] if separator == "," or spaced else _about("unclear_points", open_points)
    return ".", open_commas, [*_about("unclear_commas", open_commas), *told]


def _columns(frame: pd.DataFrame, declared: Decimal | None, separator: str) -> list[_Numbers]:
    """The columns of numbers with signs in them.

    Those whose only signs are points are looked at where others make these unclear, or where the
    first of their cells do not show that they are before decimals; most tables have no others.
    """
    texts = ((at, str(name), _texts(frame.iloc[:, at])) for at, name in enumerate(frame.columns))
    known = [(at, name, cells) for at, name, cells in texts if cells is not None]
    signed = [_held(cells) for _, _, cells in known]
    found = {
        at: _seen(cells, name, at)
        for (at, name, cells), signs in zip(known, signed, strict=True)
        if signs - {"."}
    }
    others = declared == "," or any(column is not None for column in found.values())
    for (at, name, cells), signs in zip(known, signed, strict=True):
        if signs == {"."} and (others or (separator != "," and _fitting(_first(cells)) != ["."])):
            found[at] = _seen(cells, name, at)
    return [column for _, column in sorted(found.items()) if column is not None]


def _held(cells: pa.Array) -> frozenset[str]:
    """The signs that occur in texts."""
    data = cells.buffers()[2]
    content = b"" if data is None else data.to_pybytes()
    forms = {",": ",", ".": ".", _MINUS: _MINUS, **_GROUPING}
    return frozenset(
        sign for sign, letters in forms.items() if any(x.encode() in content for x in letters)
    )


def _first(cells: pa.Array) -> pa.Array:
    return cells.slice(0, _LOOKED_AT)


def _fitting(cells: pa.Array) -> list[Decimal]:
    """The signs before decimals with which all cells, blank ones aside, are numbers."""
    import pyarrow.compute as pc

    cells = pc.utf8_trim_whitespace(cells)
    return [d for d, number in _NUMBER.items() if not _any(cells, f"^(?:{number})?$", no=True)]


def _seen(cells: pa.Array, name: str, place: int) -> _Numbers | None:
    """What the texts of a column can be, if all of them are numbers and some hold a sign."""
    import pyarrow.compute as pc

    if not _fitting(_first(cells)) or not (decimals := _fitting(cells)):
        return None
    cells = pc.utf8_trim_whitespace(cells)
    cells = cells.filter(pc.greater(pc.utf8_length(cells), 0))
    held = _held(cells)
    open_ones = held & _NUMBER.keys() if len(decimals) > 1 else ()
    grouped = next((sign for sign in open_ones if _seems_grouped(cells, sign)), None)
    return _Numbers(name, place, frozenset(decimals), held, grouped) if held else None


def _seems_grouped(cells: pa.Array, sign: Decimal) -> bool:
    """Whether a sign before three digits groups thousands, by all cells of a column.

    Decimals are written either without zeros at their end, or all with three digits. So where many
    cells have the sign, some of these end in a zero, others have no sign and none of these others
    has four digits, no way to write decimals gives such a column.
    """
    import pyarrow.compute as pc

    holds = pc.match_substring(cells, sign)
    signed, others = cells.filter(holds), cells.filter(pc.invert(holds))
    ends = len(signed) >= _MANY and _any(signed, "0$")
    return ends and len(others) > 0 and not _any(others, r"\d{4}")


def _texts(column: pd.Series) -> pa.Array | None:
    """The cells that are texts, null in the place of others; None where there are none."""
    import pandas as pd
    import pyarrow as pa

    types = pd.api.types
    if types.is_object_dtype(column.dtype) and types.infer_dtype(column) != "string":
        column = column.where(column.map(lambda cell: isinstance(cell, str)))
    elif not (types.is_string_dtype(column.dtype) or types.is_object_dtype(column.dtype)):
        return None
    cells = pa.array(column, pa.large_string(), from_pandas=True)
    if isinstance(cells, pa.ChunkedArray):
        cells = cells.combine_chunks()
    return cells if cells.null_count < len(cells) else None


def _any(cells: pa.Array, pattern: str, *, no: bool = False) -> bool:
    """Whether a cell matches; with `no`, whether one does not."""
    import pyarrow.compute as pc

    matches = pc.match_substring_regex(cells, pattern)
    return bool(pc.any(pc.invert(matches) if no else matches).as_py())


def _without_groups(column: pd.Series, signs: frozenset[str], decimal: Decimal) -> pd.Series:
    if not signs - {decimal}:
        return column
    return column.map(lambda cell: _plain(cell, decimal) if isinstance(cell, str) else cell)


def _about(key: str, columns: Sequence[_Numbers], **values: object) -> list[Message]:
    """One sentence on these columns; none where there are none."""
    if not columns:
        return []
    listed = _listed(columns)
    return [message(f"preparation.commas.{key}", columns=listed, n=len(columns), **values)]


def _listed(columns: Sequence[_Numbers]) -> Message:
    names, more = [column.name for column in columns], max(len(columns) - _LISTED, 0)
    return message("preparation.columns", names=names[:_LISTED], more=more)
