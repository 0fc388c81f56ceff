"""What the columns of a table may be, before anybody has said it: told by values and names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from deepseek_report.artifacts.schema import Feature, readable_name
from deepseek_report.datasets.assembly.assemble import reason_of
from deepseek_report.datasets.assembly.cell_encoding import encode_feature
from deepseek_report.datasets.assembly.column_declarations import ColumnDeclaration
from deepseek_report.datasets.assembly.row_metadata import possible_entity
from deepseek_report.datasets.readers.cells import (
    Cells,
    is_compact_date,
    is_date,
    observed,
    read_cells,
)
from deepseek_report.datasets.readers.file_form import FileForm
from deepseek_report.datasets.readers.identifiers import identifier_of
from deepseek_report.datasets.readers.table_file import read_table
from deepseek_report.errors import DataError
from deepseek_report.wording.words import wording

if TYPE_CHECKING:
    import pandas as pd

Role = Literal["feature", "identifier", "date", "text", "unusable"]

#: Parts of names of columns that are about what people are, in a few languages.
_PERSONAL = re.compile(
    r"sex|gender|geschlecht|sexe|genero|age|alter|edad|birth|geburt|race|ethnic|ethnie|religio|"
    r"faith|nationality|citizen|origin|marital|married|disab|handicap|pregnan|orientation|"
    r"union|性别|年龄|民族|婚姻|宗教|国籍"
)
#: Words that hold such a part and mean something else.
_OTHER = re.compile(
    r"average|mileage|usage|page|stage|image|percentage|message|package|wage|trace|original|"
    r"agency|agent|agree|alterna"
)
#: Last words of names of columns that tell a unit.
_UNITS = {
    "eur": "€",
    "euro": "€",
    "usd": "$",
    "gbp": "£",
    "percent": "%",
    "pct": "%",
    **{name: name for name in ("years", "months", "weeks", "days", "hours", "minutes", "seconds")},
    **{name: name for name in ("km", "cm", "mm", "kg", "kwh", "mg", "ml")},
}
#: Names of columns to predict, from the surest on.
_TARGETS = (
    re.compile(r"(target|label|y|outcome|class|klasse|ziel|目标|标签)", re.I),
    re.compile(
        r"(default(ed)?|deny|denied|churn(ed)?|exited|fraud|approved|accepted|granted|survived|"
        r"attrition|response|converted|diagnosis|disease|readmitted|loan_?status|status|"
        r"zahlungsausfall|kündigung|违约|流失|结果)",
        re.I,
    ),
    re.compile(
        r".*(target|label|outcome|default|churn|approved|denied|diagnosis)|(.*[\W_])?class", re.I
    ),
)
#: Names of targets, and of classes, that say which class is good for the person concerned.
_BAD = re.compile(
    r"(^not |^non|^un(paid|approved|success|healthy)|^inelig|default|den(y|ied)|churn|exited|fraud|"
    r"attrition|delinq|reject|refus|declin|fail|death|died|disease|cancer|malignant|bad|ausfall|"
    r"kündig|abgelehnt|impag|défaut|违约|拒绝|流失)",
    re.I,
)
_GOOD = re.compile(
    r"(approv|accept|grant|surviv|admit|hired|passed|success|healthy|benign|good|repaid|通过|批准)",
    re.I,
)
_YES, _NO = (
    {"1", "yes", "true", "y", "ja", "oui", "si", "是"},
    {"0", "no", "false", "n", "nein", "non", "否"},
)
#: Words for codes that mean the same wherever they stand.
_LEVELS: tuple[dict[str, str], ...] = ({"m": "male", "f": "female"}, {"y": "yes", "n": "no"})
#: Changes that may be within the reach of a person, by a word of the name.
_REACH = {
    **dict.fromkeys(("savings", "deposit", "balance", "tenure"), "increase"),
    **dict.fromkeys(
        ("debt", "loan", "amount", "duration", "utilisation", "utilization"), "decrease"
    ),
}
_MOST_MISSING_MARKS = 3
_MOST_CLASSES = 1000


@dataclass(frozen=True)
class ColumnSeen:
    """A column as its values and its name show it.

    different : values. reason : why it can be no feature, one sentence; "" of a feature.
    marks : texts that seem to mean that a number is missing.
    """

    name: str
    role: Role
    different: int
    reason: str = ""
    marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableSeen:
    """All columns of a file. codes : {column: its values} of columns with few of them.

    entity : a column that seems to name what several rows are of.
    """

    columns: tuple[ColumnSeen, ...]
    codes: Mapping[str, Sequence[str]]
    numeric: frozenset[str]
    n_rows: int
    entity: str = ""

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def features(self) -> list[str]:
        return self.of("feature")

    def of(self, *roles: Role) -> list[str]:
        """The columns of these roles."""
        return [column.name for column in self.columns if column.role in roles]

    def column(self, name: str) -> ColumnSeen:
        return next(column for column in self.columns if column.name == name)

    @property
    def marks(self) -> tuple[str, ...]:
        """Texts that mean missing in some column of numbers."""
        return tuple(dict.fromkeys(mark for column in self.columns for mark in column.marks))

    def likely_target(self) -> str:
        """The column that is most likely to be predicted, by its name or its place."""
        usable = [name for name in self.names if self.column(name).role in {"feature", "unusable"}]
        few = [name for name in usable if 2 <= self.column(name).different <= 30] or usable
        for form in _TARGETS:
            if named := [name for name in few if form.fullmatch(name.strip())]:
                return named[-1]
        two = [name for name in few if self.column(name).different == 2]
        last = few[-1:] if few and few[-1] == usable[-1] else two[-1:] or few[-1:]
        return (last or self.names[-1:])[0]

    def likely_favourable(self, target: str) -> str:
        """The class that is good for the person concerned, where names say it; else ""."""
        codes = list(self.codes.get(target, ()))
        good = [code for code in codes if _GOOD.search(code) and not _BAD.search(code)]
        bad = [code for code in codes if _BAD.search(code)]
        if len(codes) == 2 and (len(good) == 1 or len(bad) == 1):
            return good[0] if good else next(code for code in codes if code not in bad)
        sides = {code: code.casefold() in _YES for code in codes if code.casefold() in _YES | _NO}
        is_bad, is_good = (form.search(target) is not None for form in (_BAD, _GOOD))
        if len(codes) != 2 or len(sides) != 2 or is_bad == is_good:
            return ""
        return next((code for code, says_yes in sides.items() if says_yes == is_good), "")

    def personal(self) -> list[str]:
        """Features that are about what people are, by their names."""
        return [name for name in self.features if is_personal(name)]


def look_at(path: Path, form: FileForm) -> TableSeen:
    """Read a file and say of every column what it may be.

    Raises DataError: the file cannot be read as a table.
    """
    read = read_table(path, form)
    entity = possible_entity(read.frame, None)
    columns, codes, numeric = [], {}, set()
    for name in read.frame:
        column, cells = _seen(read.frame[name], str(name), read.decimal)
        columns.append(column)
        if cells is not None and (column.marks or not cells.not_numbers.any()):
            numeric.add(str(name))
        if cells is not None and column.different <= _MOST_CLASSES:
            codes[str(name)] = observed(cells)
    named = "" if entity is None else entity.column
    return TableSeen(tuple(columns), codes, frozenset(numeric), len(read.frame), named)


def _seen(series: pd.Series, name: str, decimal: str) -> tuple[ColumnSeen, Cells | None]:
    try:
        cells = read_cells(series, name, decimal)
    except TypeError as error:
        return ColumnSeen(name, "unusable", 0, f"it {error}"), None
    different = len(np.unique(cells.positions[~cells.missing]))
    if is_date(cells) or is_compact_date(cells):
        return ColumnSeen(name, "date", different, "it holds dates"), cells
    identifier = identifier_of(cells)
    if identifier is not None:
        role: Role = "text" if identifier.sign == "free_text" else "identifier"
        return ColumnSeen(name, role, different, wording().say(reason_of(identifier))), cells
    if marks := _missing_marks(cells):
        return ColumnSeen(name, "feature", different, marks=marks), cells
    try:
        encode_feature(cells, ColumnDeclaration(), name, 100)
    except DataError as error:
        reason = str(error).removeprefix(f"{name}: ").partition(". Allowed:")[0]
        return ColumnSeen(name, "unusable", different, reason), cells
    return ColumnSeen(name, "feature", different), cells


def _missing_marks(cells: Cells) -> tuple[str, ...]:
    """The few texts in a column of numbers that are none, where they hold no digit."""
    odd = cells.not_numbers
    if not odd.any() or np.isfinite(cells.numbers).sum() < 0.5 * (~cells.missing).sum():
        return ()
    places = np.unique(cells.positions[odd])
    marks = tuple(str(cells.codes[place]) for place in places[: _MOST_MISSING_MARKS + 1])
    plain = len(marks) <= _MOST_MISSING_MARKS and not any(re.search(r"\d", mark) for mark in marks)
    return marks if plain and len(cells.codes) > 20 else ()


# --- names ----------------------------------------------------------------------------------------


def is_personal(name: str) -> bool:
    """Whether a column is about what people are, by its name."""
    words = [word.casefold() for word in _name_words(name)]
    return any(_PERSONAL.match(word) and not _OTHER.search(word) for word in words)


def unit_of(name: str) -> str:
    """The unit that the last word of a name tells; "" where it tells none."""
    words = _name_words(name)
    return _UNITS.get(words[-1].casefold(), "") if words else ""


def proposed_label(name: str) -> str:
    """Words for a column by its name: blanks for capitals and signs, without the unit."""
    words = _name_words(name)
    if len(words) > 1 and unit_of(name) and words[-2].casefold() not in {"in", "per", "of"}:
        words = words[:-1]
    split = re.search(r"[a-z][A-Z]", name) is not None
    words = [word.lower() if split and not word.isupper() else word for word in words]
    return " ".join(words) or readable_name(name)


def _name_words(name: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return [word for word in re.split(r"[\W_]+", spaced) if word]


def proposed_levels(feature: Feature) -> dict[str, str]:
    """{code: words} where codes mean the same everywhere, such as m and f."""
    codes = [category.code for category in feature.categories]
    for known in _LEVELS:
        if codes and all(code.casefold() in known for code in codes):
            return {code: known[code.casefold()] for code in codes}
    return {}


def unnamed_codes(feature: Feature) -> list[str]:
    """Codes of a category that say nothing to a person: numbers, single letters."""
    codes = [category.code for category in feature.categories]
    short = all(len(code) <= 3 and category_is_code(code) for code in codes)
    return codes if feature.kind == "categorical" and codes and short else []


def category_is_code(code: str) -> bool:
    """Whether a value is a code and no word."""
    letters = code.isascii() and code.isalpha() and (len(code) == 1 or code.isupper())
    return code.isdigit() or (letters and code.casefold() not in _YES | _NO)


def within_reach(features: Sequence[Feature]) -> Iterator[tuple[Feature, str]]:
    """Numbers that a person may be able to change, and in which direction, by their names."""
    for feature in features:
        words = {word.casefold() for word in _name_words(feature.name)}
        direction = next((_REACH[word] for word in sorted(words) if word in _REACH), "")
        if direction and feature.is_numeric and not feature.sensitive:
            yield feature, direction


def dataset_fields(seen: TableSeen, target: str) -> dict[str, object]:
    """What the data set's settings must be for the target to be read: limits of classes."""
    different = seen.column(target).different
    many = 20 < different <= _MOST_CLASSES and target not in seen.numeric
    return {"max_classes": different} if many else {}
