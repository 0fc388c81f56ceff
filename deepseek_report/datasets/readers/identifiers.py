"""Columns that say which row it is, and nothing of what it is: told by their values.

A measurement may well have no value twice. So a number is taken for an identifier only where its
values were handed out: whole numbers that count the rows, or of which fewer are alike than chance
makes alike in any distribution on their range, or that are called so and hardly repeat.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.datasets.readers.cells import Cells

#: Why a column identifies rows. `order`: it counts them. `unrepeated`: chance would make more of
#: its numbers alike. `called`: by its name. `digits`: long numbers of one length. `code`: texts of
#: one form. `words`: hardly any text occurs twice. `free_text`: sentences. The rest are forms.
Sign = Literal[
    "order",
    "unrepeated",
    "called",
    "digits",
    "code",
    "words",
    "free_text",
    "uuid",
    "hash",
    "email",
    "address",
    "file",
    "phone",
]

#: In fewer rows no column is taken for an identifier by its values alone, or by its name.
_FEWEST, _FEWEST_CALLED = 20, 10
#: The least share of different values among those that are known.
_UNIQUE, _UNIQUE_CALLED = 0.95, 0.9
#: Share of the steps from row to row that are one, where the rest were left out of the file.
_STEPS_OF_ONE = 0.5
#: Probability of so few equal pairs among numbers that are drawn at random.
_BY_CHANCE = 1e-7
#: Digits of numbers that no measurement gives all of; more of these than this end in 0.
_DIGITS, _ROUND = 9, 0.3
#: Texts that are looked at, and the share of them that must have a form.
_LOOKED_AT, _NEARLY_ALL = 500, 0.99
#: Mean number of words from which on texts are sentences.
_WORDS_OF_TEXT = 4
#: Seconds, and milliseconds, since 1970 of moments from 2000 to 2040.
_MOMENTS = ((946_684_800, 2_208_988_800), (946_684_800_000, 2_208_988_800_000))

#: Last words of names of columns that identify, in a few languages.
_CALLED = frozenset(
    {
        *("id", "ids", "uid", "uuid", "guid", "pk", "nr", "nbr", "no", "num", "nummer", "numero"),
        *("number", "key", "row", "rows", "rowname", "rownames", "rownum"),
        *("ref", "reference", "serial", "ssn", "iban", "isbn", "sku", "vin", "imei", "token"),
        *("identifier", "identifiant", "identificador", "kennung", "kennzeichen", "aktenzeichen"),
        *("folio", "matricule", "matricula", "unnamed", "rowid", "recordid", "caseid"),
        *("phone", "telephone", "tel", "telefon", "mobile", "fax"),
    }
)
#: Names that identify where they stand alone: a price index is a measurement.
_CALLED_ALONE = frozenset({"index", "idx", "", "x", "code"})
#: Words of a name that say that a column counts moments or ranks.
_ORDERED = frozenset(
    {
        *("year", "month", "week", "day", "date", "hour", "minute", "second", "time", "timestamp"),
        *("epoch", "period", "quarter", "cycle", "step", "jahr", "monat", "tag", "zeit"),
        *("rank", "ranking", "rang", "position", "place", "platz", "score"),
    }
)
_CALLED_IN_CHINESE = re.compile(
    r"(编号|序号|号码|账号|帐号|学号|工号|户号|单号|证号|电话|手机号?|客户号)$"
)
_ORDERED_IN_CHINESE = re.compile(r"[年月日周]|时间|日期|排名|名次")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")

_FORMS: dict[Sign, re.Pattern[str]] = {
    "uuid": re.compile(r"\{?[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\}?"),
    "email": re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}"),
    "hash": re.compile(r"(?=.*[a-fA-F])(?=.*\d)(?:[0-9a-f]{16,128}|[0-9A-F]{16,128})"),
    "address": re.compile(r"(?:https?|ftp|s3)://\S+|www\.\S+"),
    "file": re.compile(r"\S(?:[^\n]*\S)?\.(?!\d+$)[A-Za-z][A-Za-z0-9]{1,4}"),
    "phone": re.compile(
        r"(?=(?:\D*\d){7,15}\D*$)(?:\+[\d .()/-]+|\(?\d[\d ()/-]*[ ()/-][\d ()/-]*)"
    ),
}
#: A number with a unit or a currency beside it, or several (120/80): a measurement in a text.
_UNIT = r"(?:[^\W\d_]{1,12}\.?|[%€$£¥°‰µ²³/]|R\$|sq\.? ?ft)"
_MEASURED = re.compile(
    rf"[-+<>~≈]?\s*(?:{_UNIT}\s*)?[-+]?\d[\d.,'’ \u00a0]*"
    rf"|[-+<>~≈]?\s*\d[\d.,'’ \u00a0]*\s*(?:{_UNIT}\s*){{0,3}}"
    r"|[\d\s.,/:;×*+<>~-]+"
)
_CLOCK = re.compile(r"\d{1,2}[:.h]\d{2}(?:[:.]\d{2}(?:[.,]\d+)?)?\s*(?:[AaPp]\.?[Mm]\.?)?")
#: What stands before numbers as their currency or unit, or is one behind them.
_CURRENCIES = frozenset(
    {
        *("usd", "eur", "gbp", "chf", "cny", "rmb", "jpy", "inr", "rs", "kr", "sek", "nok", "dkk"),
        *("pln", "aud", "cad", "nzd", "brl", "mxn", "zar", "krw", "php"),
    }
)


@dataclass(frozen=True)
class Identifier:
    """A column that identifies its rows.

    sign : how that was told. n : known values. different : of them. expected : pairs that chance
    makes alike, of `unrepeated`. size : digits of a number, or mean words of a text.
    """

    column: str
    sign: Sign
    n: int
    different: int
    expected: float = 0.0
    size: int = 0


def identifier_of(cells: Cells) -> Identifier | None:
    """What makes the column an identifier of its rows; None where it may be a measurement.

    Numbers with a fraction are measurements whatever they are called, and so are texts of numbers
    with a unit.
    """
    known = ~cells.missing
    n = int(known.sum())
    different = len(np.unique(cells.positions[known]))
    if cells.ordered or cells.is_date or n < _FEWEST_CALLED or different < _FEWEST_CALLED:
        return None
    if cells.not_numbers.sum() > 0.5 * n:
        return _of_texts(cells, n, different)
    if cells.not_numbers.any() or not np.isfinite(cells.numbers[known]).all():
        return None
    return _of_numbers(cells.name, cells.numbers[known], different)


# --- numbers --------------------------------------------------------------------------------------


def _of_numbers(name: str, numbers: Floats, different: int) -> Identifier | None:
    """What whole numbers say; numbers : (row,) the known values in the order of the rows."""
    n = len(numbers)
    if different < _UNIQUE_CALLED * n or (numbers != np.rint(numbers)).any() or _is_ordered(name):
        return None
    steps = np.diff(numbers)
    is_sorted = bool((steps > 0).all() or (steps < 0).all())
    counts = is_sorted and (np.abs(steps) == 1).mean() >= _STEPS_OF_ONE
    if _is_called(name):
        return Identifier(name, "order" if counts else "called", n, different)
    if counts and n >= _FEWEST:
        return Identifier(name, "order", n, different)
    if is_sorted or n < _FEWEST or different < _UNIQUE * n:
        return None  # a file may be sorted by a measurement
    # Equal pairs of so many whole numbers drawn from this range, where all of them are equally
    # frequent; any other distribution has more.
    expected = n * (n - 1) / (2 * float(numbers.max() - numbers.min() + 1))
    sizes = np.unique(numbers, return_counts=True)[1]
    if _poisson_below(int((sizes * (sizes - 1) // 2).sum()), expected) < _BY_CHANCE:
        return Identifier(name, "unrepeated", n, different, expected=expected)
    digits = _long(numbers)
    return Identifier(name, "digits", n, different, size=digits) if digits else None


def _poisson_below(k: int, mean: float) -> float:
    """Probability that a Poisson variable with this mean is at most k."""
    from scipy.special import pdtr

    return float(pdtr(k, mean))


def _long(numbers: Floats) -> int:
    """How many digits all the numbers have, where no measurement has so many; else 0."""
    low, high = float(numbers.min()), float(numbers.max())
    if low < 10 ** (_DIGITS - 1) or high >= 2**53:
        return 0
    if any(first <= low and high <= last for first, last in _MOMENTS):
        return 0
    lengths = np.floor(np.log10(numbers)).astype(np.int64) + 1
    same = (lengths == np.median(lengths)).mean() >= _NEARLY_ALL
    rounded = (numbers % 10 == 0).mean() > _ROUND
    return int(np.median(lengths)) if same and not rounded else 0


# --- texts ----------------------------------------------------------------------------------------


def _of_texts(cells: Cells, n: int, different: int) -> Identifier | None:
    places = np.unique(cells.positions[~cells.missing])
    if len(places) > _LOOKED_AT:
        places = places[np.linspace(0, len(places) - 1, _LOOKED_AT).astype(np.int64)]
    texts = [str(cells.codes[place]).strip() for place in places.tolist()]
    if _share(texts, _CLOCK.fullmatch) >= 0.5:
        return None
    words = round(float(np.mean([len(text.split()) for text in texts])))
    sign: Sign | None = None
    if different >= max(_FEWEST, n / 20):  # the form that nearly all texts have
        forms = (s for s, form in _FORMS.items() if _share(texts, form.fullmatch) >= _NEARLY_ALL)
        sign = next(forms, None)
    if sign is None and words >= _WORDS_OF_TEXT and different >= max(_FEWEST, n / 2):
        sign = "free_text"
    if sign is None and different >= _UNIQUE_CALLED * n:
        sign = _of_different(cells.name, texts, n)
    return None if sign is None else Identifier(cells.name, sign, n, different, size=words)


def _of_different(name: str, texts: list[str], n: int) -> Sign | None:
    """What texts are of which hardly any occurs twice; None of measurements with a unit."""
    if _is_code(texts):
        return "code"
    if _share(texts, _MEASURED.fullmatch) >= 0.5:
        return None
    if _is_called(name):
        return "called"
    return "words" if n >= _FEWEST else None


def are_measured(texts: Sequence[str]) -> bool:
    """Whether nearly all texts are numbers with a currency or a unit, or several in one cell.

    A number behind another word, such as W12, is a code.

    >>> are_measured(["€ 1.200,50", "€ 80,00"]), are_measured(["W1", "W2"])
    (True, False)
    """
    looked_at = list(texts[:_LOOKED_AT])
    before = {re.split(r"[\d\s]", text, maxsplit=1)[0].casefold().strip(".") for text in looked_at}
    words = {word for word in before if any(map(str.isalpha, word))}
    is_code = bool(words - _CURRENCIES - {"r$"})
    return not is_code and _share(looked_at, _MEASURED.fullmatch) >= _NEARLY_ALL


def _share(texts: list[str], holds: Callable[[str], object]) -> float:
    return sum(holds(text) is not None for text in texts) / len(texts)


def _is_code(texts: list[str]) -> bool:
    """Whether nearly all texts are letters and digits in one arrangement, such as LP001002.

    A number with a currency before it, or a unit behind it, is none; nor is one that varies in its
    length behind one word, unless it counts.
    """
    forms = [re.sub(r"\d+", "9", re.sub(r"[^\W\d_]+", "A", text)) for text in texts]
    usual = max(set(forms), key=forms.count)
    if forms.count(usual) < _NEARLY_ALL * len(texts) or "9" not in usual or "A" not in usual:
        return False
    if re.fullmatch(r"[-+]?9(?:[.,' ]9)*\s*A?", usual):
        return False
    if re.fullmatch(r"A\s+9", usual) and len({len(text) for text in texts}) > 1:
        return False
    before = {re.split(r"[\d\s]", text, maxsplit=1)[0].casefold().strip(".") for text in texts}
    if before & _CURRENCIES or re.search(r"9[.,]9$", usual):
        return False
    return len({len(text) for text in texts}) <= 4 or usual.count("9") > 1


# --- names ----------------------------------------------------------------------------------------


def _words_of(name: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(name)]


def _is_called(name: str) -> bool:
    """Whether the name says that the column identifies rows, by its last word."""
    words = _words_of(name)
    while len(words) > 1 and words[-1].isdigit():
        words.pop()
    last = words[-1] if words else ""
    alone = name.strip().casefold() in _CALLED_ALONE
    return alone or last in _CALLED or bool(_CALLED_IN_CHINESE.search(name))


def _is_ordered(name: str) -> bool:
    """Whether the name says that the column counts moments or ranks."""
    singular = {word.removesuffix("s") for word in _words_of(name)}
    return bool(_ORDERED & singular) or bool(_ORDERED_IN_CHINESE.search(name))
