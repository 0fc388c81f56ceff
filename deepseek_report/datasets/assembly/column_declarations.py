"""What may be declared about a column, and how messages speak about columns and rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise

import numpy as np
from pydantic import ConfigDict

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.codes import Code, code_text
from deepseek_report.artifacts.rounding import DASH, count, quantity
from deepseek_report.artifacts.schema import Attribute, AttributeKind, Direction, Feature, Kind
from deepseek_report.errors import DataError

_SHOWN = 5
_PLAIN = {"true": "yes", "false": "no"}


@dataclass(frozen=True)
class ColumnDeclaration:
    """What is known about one column; whatever is left out is inferred from its values.

    kind : numeric, ordinal or categorical. label, unit, description : for people.
    categories : {code: label} of the code book, or the codes alone; an ordinal column needs them
        in order, lowest first, unless they are numbers.
    undocumented : {code: label} for codes that are found but that the code book does not know.
    sensitive : compare groups of people by this column. compare_by : it cuts the data into parts
        that are no groups of people (a site, a topic), and these are compared.
    mutable : the person concerned can change it; if left out, a column that is not sensitive and
        has a `direction` or a `step`, and no other.
    direction : the way in which the person can change it: increase, decrease or either, for a
        category either alone; of ordinal columns an increase goes to later categories.
    step : the smallest change of a numeric column that makes sense, in its unit; whole multiples
        of it are proposed.
    levels : {code: group}, to name or merge groups; codes that are left out are "unknown", as are
        groups whose name says so, see `says_unknown`.
    bands : lower ends of the second, third, … group of a numeric column; quartiles if left out.
    attribute, attribute_label : name and label of the grouping, if not those of the column.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    kind: Kind | None = None
    label: str | None = None
    unit: str | None = None
    description: str = ""
    categories: dict[Code, str] | tuple[Code, ...] | None = None
    undocumented: dict[Code, str] | None = None
    sensitive: bool | None = None
    compare_by: bool | None = None
    mutable: bool | None = None
    direction: Direction | None = None
    step: float | None = None
    levels: dict[Code, str] | None = None
    bands: tuple[float, ...] | None = None
    attribute: str | None = None
    attribute_label: str | None = None

    @property
    def code_book(self) -> dict[str, str] | None:
        """{code: label} in the declared order, or None where nothing is declared."""
        if self.categories is None:
            return None
        if isinstance(self.categories, dict):
            return {code_text(code): label for code, label in self.categories.items()}
        return {code_text(code): default_label(code_text(code)) for code in self.categories}

    @property
    def groups(self) -> AttributeKind | None:
        """What the column cuts the rows into, or None where nothing is compared by it."""
        if self.sensitive:
            return "person"
        return "other" if self.compare_by else None

    @property
    def can_change(self) -> bool:
        """Whether it is declared that a person can change it; nothing is assumed."""
        if self.mutable is not None:
            return self.mutable
        return not self.sensitive and (self.direction is not None or self.step is not None)


def default_label(code: str) -> str:
    """What a person reads where no label is declared."""
    return _PLAIN.get(code.lower(), code)


def match_code(declared: str, codes: Sequence[str]) -> str:
    """The code in the file that a declared one means: YAML reads a bare `no` as false."""
    truth = declared.lower()
    if declared in codes or truth not in _PLAIN:
        return declared
    same = {truth, _PLAIN[truth]}
    return next((code for code in codes if code.lower() in same), declared)


def error_text(where: str, problem: str, allowed: str, do: str) -> str:
    """The four things that every message about data says."""
    return f"{where}: {problem}. Allowed: {allowed}. What to do: {do}."


def data_error(where: str, problem: str, allowed: str, do: str) -> DataError:
    """The error that says these four things."""
    return DataError(error_text(where, problem, allowed, do))


def config_problems(*cases: tuple[bool, str, str, str]) -> list[str]:
    """One message about the config for each case that holds.

    cases : whether it holds; then the problem, what is allowed and what to do, as in `error_text`.
    """
    return [error_text("dataset", *texts) for holds, *texts in cases if holds]


def rows_text(mask: Bools, values: Sequence[object] | None = None, rows: Ints | None = None) -> str:
    """The first rows where the mask holds, counted from 1 without the header.

    values : (row,) what is shown beside the number of a row. rows : (row,) positions in the file,
        where only some of its rows were read.
    """
    positions = np.flatnonzero(mask)
    numbers = positions if rows is None else rows[positions]
    shown = [
        f"{count(n + 1)} ({str(values[p])[:40]!r})" if values is not None else count(n + 1)
        for p, n in zip(positions[:_SHOWN].tolist(), numbers[:_SHOWN].tolist(), strict=True)
    ]
    more = ", …" if len(positions) > _SHOWN else ""
    return f"{'row' if len(positions) == 1 else 'rows'} {', '.join(shown)}{more}"


def nearest(name: str, names: Sequence[str]) -> str:
    """`; did you mean `sex`?`, or the columns that there are."""
    lowered = {known.lower(): known for known in names}
    close = get_close_matches(name.lower(), list(lowered), n=3, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(f"`{lowered[match]}`" for match in close) + "?"
    shown = ", ".join(f"`{known}`" for known in names[:12])
    return f"the columns are {shown}" + (", …" if len(names) > 12 else "")


def not_set(plugin: object, wanted: Iterable[tuple[str, str]]) -> list[str]:
    """One message for each field without a value; `wanted` are pairs of field and what it holds."""
    return [
        error_text("dataset", f"`{name}` is not set", allowed, f"add `dataset.{name}=…`")
        for name, allowed in wanted
        if getattr(plugin, name) is None
    ]


def not_columns(file: str, named: Iterable[tuple[str, str]], names: Sequence[str]) -> list[str]:
    """One message for each name in the config that the file lacks.

    named : pairs of a field of the config and a column that it names. names : the file's columns.
    """
    return [
        error_text(
            file,
            f"`dataset.{field}` names `{name}`, which is not a column",
            "a column of the file",
            nearest(name, names),
        )
        for field, name in named
        if name not in names
    ]


# Groups to compare: the levels of a column that is declared so, or bands of a numeric one.

#: More groups than these cannot be compared.
MOST_GROUPS = 2000


def group_by(feature: Feature, values: Floats, column: ColumnDeclaration) -> tuple[Attribute, Ints]:
    """The attribute, and for each row its level; -1 is unknown.

    Every level is kept, however small: which of them can be judged, a measurement decides.

    Raises DataError: more levels than groups can be compared.
    """
    levels, codes = (_bands if feature.is_numeric else _levels)(feature, values, column)
    name = column.attribute or (f"{feature.name}_band" if feature.is_numeric else feature.name)
    label = column.attribute_label or feature.label
    kind = column.groups or "other"
    return Attribute(name, label, tuple(levels), feature.name, kind), codes


def grouped(
    pairs: Iterable[tuple[Attribute, Ints]],
) -> tuple[tuple[Attribute, ...], dict[str, Ints]]:
    """The attributes, and {name: (row,) position of the level}."""
    known = list(pairs)
    return tuple(attribute for attribute, _ in known), {a.name: codes for a, codes in known}


#: What stands in a column of groups for a value that nobody knows, in some languages.
_UNKNOWN = re.compile(
    r"""(?x)
    [?.–—-]+ | na | n\.[ ]?[ak]\. | nan | null | unk | missing | refused
    | .*\bunknown\b.*
    | (\w+[ ]){0,2} (
        (not|none)[ ](stated|known|given|reported|recorded|specified|provided|supplied|disclosed
          |declared|answered|available|collected|determined|indicated)([ ]by[ ].*)?
        | un(stated|specified|reported|recorded|disclosed|declared|determined)
        | no[ ](answer|response|information|data)
        | (prefer(s|red)?|chose|choose|decline[sd]?|refuse[sd]?)[ ](not[ ])?to[ ]
          (say|answer|state|disclose|respond|tell|report|specify)
        | (do[ ]not|don['’]?t)[ ]know)
    | 未知 | 不详 | 不明 | 未说明 | 未填写? | 未注明 | 未提供 | 不愿透露 | 拒绝回答 | 无回答 | 缺失
    | unbekannt | keine[ ]angabe | inconnue? | non[ ](renseign|précis|communiqu)ée?
    | desconocid[oa] | no[ ](consta|especificado) | sconosciut[oa] | desconhecid[oa] | onbekend
    """
)
#: What stands between the parts of a group of several: "other/unknown".
_PARTS = re.compile(r"[/,;:|()]|\s[–—-]\s|\bor\b|\band\b")


def says_unknown(group: str) -> bool:
    """Whether the name of a group says that nobody knows it, alone or beside others.

    >>> [says_unknown(name) for name in ("Not stated", "n/a", "Other / unknown", "other", "none")]
    [True, True, True, False, False]
    """
    plain = re.sub(r"(?<=\w)[-_](?=\w)", " ", group.casefold()).replace("n/a", "na")
    return any(_UNKNOWN.fullmatch(part.strip()) for part in _PARTS.split(plain))


def _levels(feature: Feature, values: Floats, column: ColumnDeclaration) -> tuple[list[str], Ints]:
    """Missing values, codes that the code book does not know, and what says so, are unknown."""
    names = [category.label if category.documented else None for category in feature.categories]
    if column.levels is not None:
        known = [category.code for category in feature.categories]
        declared = {match_code(code_text(c), known): name for c, name in column.levels.items()}
        names = [declared.get(category.code) for category in feature.categories]
    names = [None if name is None or says_unknown(name) else name for name in names]
    levels = list(dict.fromkeys(name for name in names if name is not None))
    if len(levels) > MOST_GROUPS:
        raise too_many_groups(f"column `{feature.name}`", feature.name, len(levels))
    places = {name: place for place, name in enumerate(levels)}
    place = np.array([places[name] if name is not None else -1 for name in names] + [-1])
    return levels, place[np.where(np.isnan(values), -1, values).astype(np.int64)]


def too_many_groups(where: str, column: str, n: int) -> DataError:
    """The error on a column whose values are too many to be groups."""
    return data_error(
        where,
        f"column `{column}` has {n} different values",
        f"at most {MOST_GROUPS} groups",
        "leave it out of `dataset.groups`, `dataset.sensitive` and `dataset.compare_by`, or merge "
        "its values in the file",
    )


def _bands(feature: Feature, values: Floats, column: ColumnDeclaration) -> tuple[list[str], Ints]:
    known = values[~np.isnan(values)]
    if column.bands:
        edges = np.unique(column.bands)
    else:  # lower ends of the second to fourth quarter; fewer where values are tied
        quarters = np.quantile(known, [0.25, 0.5, 0.75], method="higher")
        edges = np.unique(quarters[quarters > known.min()])
    whole = bool(np.all(known == np.round(known)) and np.all(edges == np.round(edges)))
    codes = np.searchsorted(edges, values, side="right").astype(np.int64)
    codes[np.isnan(values)] = -1
    return band_labels(edges, whole, feature.unit), codes


def band_labels(edges: Floats, whole: bool, unit: str | None) -> list[str]:
    """`under 25`, `25–34`, …, `55 or more`; the unit only where it is money."""
    shown = unit if unit and unit.endswith(("$", "€", "£", "¥")) else None
    texts = [quantity(edge, shown) for edge in edges]
    if not texts:
        return ["all"]
    between = [
        _between(low, high, texts[i : i + 2], whole)
        for i, (low, high) in enumerate(pairwise(edges))
    ]
    return [f"under {texts[0]}", *between, f"{texts[-1]} or more"]


def _between(low: float, high: float, texts: list[str], whole: bool) -> str:
    if not whole:
        return f"{texts[0]} to under {texts[1]}"
    last = quantity(high - 1, None)
    return texts[0] if high - low == 1 else f"{texts[0]}{DASH}{last}"
