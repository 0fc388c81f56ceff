"""Codes that occur in the data but that the source's code book does not know."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.advice import override
from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.codes import reads_as_number, truth_of
from deepseek_report.artifacts.finding import Severity
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.schema import Attribute, Feature, Target
from deepseek_report.artifacts.split import DataIssue
from deepseek_report.datasets.data_card import DataFacts, category_counts
from deepseek_report.statistics.intervals import blaker
from deepseek_report.tasks import task_of

#: From here on a number counts alone: no quantity is so large, and float32 ends there.
_BEYOND_QUANTITIES = 1e30
#: Below that the value must repeat, and lie so many times the range of all others away from them;
#: these must be so many different ones that their range says something.
_LEAST_ROWS, _RANGES_AWAY, _LEAST_VALUES = 2, 5.0, 10
#: Negative numbers that mean "missing" beside two others or more of which none is negative.
_LEAST_OTHERS = 2
_NINES = frozenset({-9.0, -99.0, -999.0, -9999.0, -99999.0})


@dataclass(frozen=True)
class MissingCode:
    """A suspected code: the feature's name and label, the number, and in how many rows it is."""

    feature: str
    label: str
    value: float
    rows: int


def suspected_codes(values: Floats) -> list[tuple[float, int]]:
    """The numbers of a column that probably mean "missing", each with its number of rows.

    Looked at are the two ends of the column. An end is suspected if its size is 1e30 or more; or if
    it stands in two rows or more and lies farther from the next number than five times the range of
    all others, which are ten different ones or more; or if it is −9, −99 and so on, and no other
    number is negative.

    values : (row,); NaN counts as missing already.
    """
    known = values[np.isfinite(values)]
    different, counts = np.unique(known, return_counts=True)
    suspected = []
    huge = np.abs(different) >= _BEYOND_QUANTITIES
    suspected += [(float(v), int(n)) for v, n in zip(different[huge], counts[huge], strict=True)]
    rest, counts = different[~huge], counts[~huge]
    for end, others in ((0, rest[1:]), (-1, rest[:-1])):
        if len(others) < _LEAST_OTHERS or counts[end] < _LEAST_ROWS:
            continue
        is_nines = float(rest[end]) in _NINES and others.min() >= 0
        away = np.abs(others - rest[end]).min()
        is_far = len(others) >= _LEAST_VALUES and away > _RANGES_AWAY * np.ptp(others)
        if is_nines or is_far:
            suspected.append((float(rest[end]), int(counts[end])))
    return suspected


def missing_codes(facts: DataFacts) -> list[DataIssue]:
    """One issue for all numbers that probably mean "missing"."""
    codes = [
        MissingCode(feature.name, feature.label, value, rows)
        for i, feature in enumerate(facts.schema.features)
        if feature.kind == "numeric"
        for value, rows in suspected_codes(facts.whole.inputs[:, i])
    ]
    if not codes:
        return []
    worst = max(codes, key=lambda code: code.rows)
    text = message(
        "data.missing_codes.text",
        n=len(codes),
        features=len({code.feature for code in codes}),
        feature=worst.label,
        value=worst.value,
        rows=worst.rows,
        of=len(facts.whole),
    )
    huge = any(abs(code.value) >= _BEYOND_QUANTITIES for code in codes)
    values, do = {"codes": [vars(code) for code in codes]}, message("data.missing_codes.do")
    return [DataIssue("missing_codes", "high" if huge else "medium", text, values, do)]


#: Signs that stand for a missing value where all other codes have a letter or a digit.
_MARK = re.compile(r"[?.*#–—-]+")


def mark_among(codes: Sequence[str]) -> int | None:
    """The position of the code that seems to mean "missing", or None.

    It is of signs alone (`?`, `-`) and the others are not, or −9, −99 and so on beside two numbers
    or more of which none is negative.

    >>> mark_among(["no", "yes", "?"]), mark_among(["+", "-"]), mark_among(["-9", "0", "1"])
    (2, None, 0)
    """
    bare = [place for place, code in enumerate(codes) if not any(map(str.isalnum, code))]
    if len(bare) == 1 and _MARK.fullmatch(codes[bare[0]]) and len(codes) > 1:
        return bare[0]
    if len(codes) <= _LEAST_OTHERS or not all(map(reads_as_number, codes)):
        return None
    numbers = np.array([float(code) for code in codes])
    least = int(np.argmin(numbers))
    is_nines = float(numbers[least]) in _NINES and (np.delete(numbers, least) >= 0).all()
    return least if is_nines else None


def marks_as_categories(facts: DataFacts) -> list[DataIssue]:
    """One issue for all marks of missing values that are read as a class or a category.

    A category with a declared label is none: somebody says what it means.
    """
    target, rows = facts.schema.target, facts.whole
    columns: list[tuple[Feature | Target, Sequence[str], Ints]] = []
    if task_of(target).decides and not target.labels:
        columns.append((target, target.codes, np.bincount(rows.labels)))
    for feature, values in zip(facts.schema.features, rows.inputs.T, strict=True):
        codes = [category.label for category in feature.categories]
        columns.append((feature, codes, category_counts(feature, values)))
    marks: list[dict[str, object]] = [
        {"feature": column.name, "label": column.label, "code": codes[place], "n": int(n[place])}
        for column, codes, n in columns
        if (place := mark_among(codes)) is not None
    ]
    if not marks:
        return []
    first, is_class = marks[0], marks[0]["feature"] == target.name
    text = message(
        "data.marks_as_categories.text",
        code=first["code"],
        rows=first["n"],
        of=len(facts.whole),
        feature=first["label"],
        is_class=is_class,
        more=len(marks) - 1,
    )
    do = message("data.marks_as_categories.do", is_class=is_class)
    severity: Severity = "medium" if is_class else "low"
    return [DataIssue("marks_as_categories", severity, text, {"marks": marks}, do)]


def classes_spelled_twice(facts: DataFacts) -> list[DataIssue]:
    """Classes whose codes differ in capitals alone, or in how yes, no or a number is written.

    Capitals can be meant (an allele, say), so these are less grave.
    """
    target = facts.schema.target
    if not task_of(target).decides or target.labels:
        return []
    same: dict[object, list[int]] = defaultdict(list)
    for place, code in enumerate(target.codes):
        same[_meaning(code)].append(place)
    twice = [places for places in same.values() if len(places) > 1]
    if not twice:
        return []
    sizes = np.bincount(facts.whole.labels, minlength=len(target.classes))
    spellings = [
        [{"code": target.codes[place], "n": int(sizes[place])} for place in places]
        for places in twice
    ]
    rows = sum(int(sizes[places].sum()) for places in twice)
    by_truth = any(truth_of(target.codes[places[0]]) is not None for places in twice)
    text = message("data.spelled_twice.text", spellings=spellings, rows=rows)
    values, do = {"spellings": spellings, "n": rows}, message("data.spelled_twice.do")
    return [DataIssue("classes_spelled_twice", "high" if by_truth else "medium", text, values, do)]


def _meaning(code: str) -> object:
    """The same for codes that seem to mean the same."""
    truth = truth_of(code)
    if truth is not None:
        return truth
    return float(code) if reads_as_number(code) else " ".join(code.casefold().split())


def mixed_dates(facts: DataFacts) -> list[DataIssue]:
    """Columns whose dates are written in more than one form, so that day and month can be mixed."""
    return [
        DataIssue(
            "mixed_dates",
            "medium" if column.orders_rows else "low",
            message(
                f"data.mixed_dates.{'ordering' if column.orders_rows else 'left_out'}",
                column=column.name,
                examples=list(column.examples),
            ),
            {"feature": column.name, "examples": list(column.examples)},
            message("data.mixed_dates.do"),
        )
        for column in facts.mixed_dates
    ]


_SHOWN = 4
_MANY = 0.05


def undocumented_codes(facts: DataFacts) -> list[DataIssue]:
    """One issue for each set of features that hold the same unknown codes."""
    together: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for i, feature in enumerate(facts.schema.features):
        counts = category_counts(feature, facts.whole.inputs[:, i])
        codes = tuple(
            category.code
            for category, n in zip(feature.categories, counts, strict=True)
            if n and not category.documented
        )
        if codes:
            together[codes].append(i)
    return [_undocumented(facts, codes, columns) for codes, columns in together.items()]


def _undocumented(facts: DataFacts, codes: tuple[str, ...], columns: list[int]) -> DataIssue:
    """The issue on columns that hold the same unknown codes."""
    features = [facts.schema.features[column] for column in columns]
    hit, totals, table = np.zeros(len(facts.whole), dtype=bool), Counter[str](), []
    for column, feature in zip(columns, features, strict=True):
        cells, head = facts.whole.inputs[:, column], {"feature": feature.name}
        for place, category in enumerate(feature.categories):
            if category.code in codes:
                inside = cells == place
                hit, n = hit | inside, int(inside.sum())
                totals[category.code] += n
                named = {"code": category.code, "category": category.label, "n": n}
                table.append({**head, "label": feature.label, **named})
    rows = int(hit.sum())
    share = rows / len(facts.whole)
    text = message(
        "data.undocumented_codes.text",
        rows=rows,
        share=share,
        features=[feature.label for feature in features],
        named=len(features) <= _SHOWN,
        codes=[{"code": code, "n": totals[code]} for code in codes],
    )
    names = [feature.name for feature in features]
    values = {"rows": rows, "share": share, "features": names, "codes": table}
    severity: Severity = "medium" if share >= _MANY else "low"
    do = message("data.undocumented_codes.do")
    return DataIssue("undocumented_codes", severity, text, values, do)


# What data of any kind do not cover: rare classes, small groups, what nobody declared.

SMALL_GROUP = 100
FEW_OF_A_CLASS = 10
#: From where on the error of a rate within a class is called large.
WIDE = 0.1
#: Cases up to which every share that can be seen is looked at.
_COUNTED = 400


def label_balance(facts: DataFacts) -> list[DataIssue]:
    """One class is much rarer than the others; a number has no classes.

    How rare does no harm by itself. It is minor where the test part holds so few cases of the class
    that a rate among them, such as how many are found, may be off by more than `WIDE`; else a note.
    """
    if not task_of(facts.schema.target).decides:
        return []
    sizes = np.bincount(facts.whole.labels, minlength=len(facts.schema.target.classes))
    rarest = int(np.argmin(sizes))
    share = float(sizes[rarest] / sizes.sum())
    if share * len(sizes) >= 0.6:
        return []
    n_test, name = int((facts.test.labels == rarest).sum()), facts.schema.target.classes[rarest]
    uncertain, majority = widest_error(n_test), float(sizes.max() / sizes.sum())
    few, n = uncertain > WIDE, int(sizes[rarest])
    values = {"n": n, "share": share, "n_test": n_test, "few": few, "name": name}
    text = message("data.label_balance.text", **values, of=int(sizes.sum()), uncertain=uncertain)
    values |= {"class": name, "majority": majority}
    do = message("data.label_balance.do", majority=majority, few=few)
    return [DataIssue("label_balance", "low" if few else "info", text, values, do)]


def widest_error(n: int) -> float:
    """By how much a share that is seen among n cases may be off at most.

    The farthest end of the exact 95 % interval from the share, over all that can be seen; of more
    than 400 cases half the width for one in two.

    >>> round(widest_error(12), 2), round(widest_error(120), 2), widest_error(0)
    (0.3, 0.09, 1.0)
    """
    if not n:
        return 1.0
    seen = np.arange(n + 1) if n <= _COUNTED else np.array([n // 2])
    low, high = blaker(seen, n)
    return float(np.maximum(high - seen / n, seen / n - low).max())


def small_group(facts: DataFacts) -> list[DataIssue]:
    """Groups that are too small in the test part to compare error rates."""
    return [
        issue
        for attribute in facts.schema.attributes
        for code, level in enumerate(attribute.levels)
        if (issue := _small(facts, attribute, code, level)) is not None
    ]


def _small(facts: DataFacts, attribute: Attribute, code: int, level: str) -> DataIssue | None:
    """By size alone where there are no classes, or one, as of the kind of a defect."""
    label, target = attribute.label, facts.schema.target
    inside = facts.test.groups[attribute.name] == code
    n = int(inside.sum())
    if not n and attribute.in_time:  # the test part may be of the last periods
        return None
    known = facts.whole.groups[attribute.name] >= 0
    of_one_class = attribute.partial and len(np.unique(facts.whole.labels[known])) == 1
    values: dict[str, object] = {"attribute": attribute.name, "level": level, "n": n}
    if of_one_class or not task_of(target).decides:
        text = message("data.small_group_by_size.text", attribute=label, level=level, n=n)
        do = message("data.small_group_by_size.do")
        return DataIssue("small_group", "low", text, values, do) if n < SMALL_GROUP else None
    classes = np.bincount(facts.test.labels[inside], minlength=len(target.classes))
    fewest, name = int(classes.min()), target.classes[int(np.argmin(classes))]
    if n >= SMALL_GROUP and fewest >= FEW_OF_A_CLASS:
        return None
    text = message(
        "data.small_group.text", attribute=label, level=level, n=n, fewest=fewest, name=name
    )
    values |= {"class": name, "n_class": fewest}
    return DataIssue("small_group", "low", text, values, message("data.small_group.do"))


def entities_across_parts(facts: DataFacts) -> list[DataIssue]:
    """Rows that the model is tested on although it has learnt from others of the same entity."""
    if not facts.n_torn:
        return []
    text = message("data.torn_entities.text", n=facts.n_torn, of=facts.n_measured)
    do = message("data.torn_entities.do")
    return [DataIssue("entities_across_parts", "high", text, text.values, do)]


def possible_entity(facts: DataFacts) -> list[DataIssue]:
    """Several rows seem to be of one person or machine, and nobody says which."""
    possible = facts.possible_entity
    if possible is None:
        return []
    values = vars(possible)
    if not possible.column:
        text, do = message("data.rows_alike.text", **values), message("data.rows_alike.do")
    else:
        text = message("data.possible_entity.text", **values)
        command = override("dataset.entity", possible.column)
        do = message("data.possible_entity.do", override=command)
    return [DataIssue("possible_entity", "low", text, values, do)]


def population_limits(facts: DataFacts) -> list[DataIssue]:
    """What the data do not cover, and what the config does not say about them.

    What is declared is a note: it bounds what the report is evidence of, and faults nothing. What
    nobody says is a gap in the record.
    """
    described, issues = facts.description, []
    if limits := list(described.limits):
        text, do = message("data.limits.text", limits=limits), message("data.limits.do")
        values = {"limits": limits, "period": described.period}
        issues.append(DataIssue("population_limits", "info", text, values, do))
    fields = ("source", "period", "population", "decision")
    if silent := [name for name in fields if not getattr(described, name)]:
        text = message("data.undeclared.text", fields=silent)
        do = message("data.undeclared.do", fields=silent)
        issues.append(DataIssue("population_limits", "low", text, {"undeclared": silent}, do))
    return issues
