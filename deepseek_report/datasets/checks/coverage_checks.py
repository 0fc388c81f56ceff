"""What data of any kind do not cover: rare classes, small groups, what nobody declared."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.advice import override
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.schema import Attribute
from deepseek_report.artifacts.split import DataIssue
from deepseek_report.datasets.card.data_card import DataFacts
from deepseek_report.statistics.intervals import blaker
from deepseek_report.tasks import task_of

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
    n_test = int((facts.parts["test"].labels == rarest).sum())
    uncertain = widest_error(n_test)
    values = {
        "n": int(sizes[rarest]),
        "share": share,
        "n_test": n_test,
        "few": uncertain > WIDE,
        "name": facts.schema.target.classes[rarest],
    }
    majority = float(sizes.max() / sizes.sum())
    return [
        DataIssue(
            "label_balance",
            "low" if uncertain > WIDE else "info",
            message("data.label_balance.text", **values, of=int(sizes.sum()), uncertain=uncertain),
            {**values, "class": values["name"], "majority": majority},
            message("data.label_balance.do", majority=majority, few=uncertain > WIDE),
        )
    ]


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
        and (issue.values["n"] or not attribute.in_time)  # the test part may be of the last periods
    ]


def _small(facts: DataFacts, attribute: Attribute, code: int, level: str) -> DataIssue | None:
    test = facts.parts["test"]
    inside = test.groups[attribute.name] == code
    n = int(inside.sum())
    if not task_of(facts.schema.target).decides:
        return _small_by_size(attribute, level, n)
    classes = np.bincount(test.labels[inside], minlength=len(facts.schema.target.classes))
    fewest = int(np.argmin(classes))
    if n >= SMALL_GROUP and classes[fewest] >= FEW_OF_A_CLASS:
        return None
    name = facts.schema.target.classes[fewest]
    return DataIssue(
        "small_group",
        "low",
        message(
            "data.small_group.text",
            attribute=attribute.label,
            level=level,
            n=n,
            fewest=int(classes[fewest]),
            name=name,
        ),
        {
            "attribute": attribute.name,
            "level": level,
            "n": n,
            "class": name,
            "n_class": int(classes[fewest]),
        },
        message("data.small_group.do"),
    )


def _small_by_size(attribute: Attribute, level: str, n: int) -> DataIssue | None:
    """A group is too small to compare errors of numbers in."""
    if n >= SMALL_GROUP:
        return None
    return DataIssue(
        "small_group",
        "low",
        message("data.small_group_by_size.text", attribute=attribute.label, level=level, n=n),
        {"attribute": attribute.name, "level": level, "n": n},
        message("data.small_group_by_size.do"),
    )


def entities_across_parts(facts: DataFacts) -> list[DataIssue]:
    """Rows that the model is tested on although it has learnt from others of the same entity."""
    if not facts.n_torn:
        return []
    return [
        DataIssue(
            "entities_across_parts",
            "high",
            message("data.torn_entities.text", n=facts.n_torn, of=facts.n_measured),
            {"n": facts.n_torn, "of": facts.n_measured},
            message("data.torn_entities.do"),
        )
    ]


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
    description = facts.description
    issues = []
    if description.limits:
        issues.append(
            DataIssue(
                "population_limits",
                "info",
                message("data.limits.text", limits=list(description.limits)),
                {"limits": list(description.limits), "period": description.period},
                message("data.limits.do"),
            )
        )
    fields = ("source", "period", "population", "decision")
    silent = [name for name in fields if not getattr(description, name)]
    if silent:
        issues.append(
            DataIssue(
                "population_limits",
                "low",
                message("data.undeclared.text", fields=silent),
                {"undeclared": silent},
                message("data.undeclared.do", fields=silent),
            )
        )
    return issues
