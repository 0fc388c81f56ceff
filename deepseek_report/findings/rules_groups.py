"""Rules on who gets the favourable decision less often."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TypeVar

from deepseek_report.artifacts.conclusions import Verdict
from deepseek_report.artifacts.estimate import Estimate, finite
from deepseek_report.artifacts.finding import Finding, Severity
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import CROSS, NOT_JUDGED
from deepseek_report.findings import records
from deepseek_report.findings.best_option import best_option, evidence_of_options
from deepseek_report.findings.decision_effect import is_declared
from deepseek_report.findings.error_budget import Tested, is_under, level_of
from deepseek_report.findings.severity import (
    LARGE_GAP,
    SIGNIFICANT,
    gravest,
    severity,
    severity_of_gap,
)
from deepseek_report.findings.thresholds import judge, severity_of_promise, within_promise
from deepseek_report.metrics.fairness.fairness_rows import (
    GapTest,
    GroupLevel,
    GroupPair,
    LabelledGap,
    OfAttribute,
    surest_last,
)
from deepseek_report.statistics.intervals import rate
from deepseek_report.tasks import task_of
from deepseek_report.wording import estimates
from deepseek_report.wording.of_results import words_of

RATES = ("measures/group_rates",)
#: Scores of how evenly favourable decisions fall: one gap, seen in two ways.
_OF_DECISIONS = frozenset({"impact_ratio", "demographic_parity_difference"})
_IMPACT = ("measures/impact_ratio", *RATES)
#: Of more levels of an attribute a page shows the worst and the best.
MOST_LEVELS_SHOWN = 12


R = TypeVar("R", bound=OfAttribute)


def by_attribute(rows: Iterable[R]) -> list[list[R]]:
    """The rows of each attribute, in their order."""
    own: dict[str, list[R]] = {}
    for row in rows:
        own.setdefault(row.attribute, []).append(row)
    return list(own.values())


def not_judged(results: Results) -> Iterator[Finding]:
    """That groups of people are declared, and that nobody says which class is good for them."""
    schema = results.schema if results.has("data") else None
    if schema is None or not task_of(schema.target).decides or schema.target.is_judged:
        return
    people = schema.attributes_of("person")
    if people:
        values = {
            "attributes": [
                records.attribute_label(results, attribute.name) for attribute in people
            ],
            "classes": [f"“{name}”" for name in schema.target.classes],
            "reason": NOT_JUDGED,
        }
        yield Finding("groups-not-judged", "medium", "groups_not_judged", values, ("data",), "bias")


def impact(results: Results) -> Iterator[Finding]:
    """Favourable decisions by group: each attribute that is in doubt, and those that are not."""
    pairs = gravest_pairs(results)
    clear = [row for row in pairs if row.is_clear]
    unsure = [row for row in pairs if row.is_doubtful and not row.is_clear]
    fine = [row for row in pairs if not row.is_doubtful]
    yield from (_impact(results, row) for row in clear)
    if unsure:
        yield _impact_uncertain(results, sorted(unsure, key=_least_sure(results)))
    if fine:
        values = _pairs(results, fine)
        yield Finding("impact-fine", "info", "impact_fine", values, _IMPACT, "bias")
    yield from _too_few(results)
    yield from _together(results)


def gravest_pairs(results: Results) -> list[GroupPair]:
    """The gravest pair of each attribute, and of all crossings in doubt.

    A crossing is told where it says more than its two attributes do, see `_is_explained`.
    """
    pairs = results.rows("impact_ratio", "pairs", GroupPair)
    judged = [row for row in pairs if row.is_judged]
    plain = [row for row in judged if not row.is_crossing]
    singles = [_gravest(results, own) for own in by_attribute(plain)]
    crossed = [
        row
        for row in judged
        if row.is_crossing
        and row.ratio.value < declared_ratio(results)
        and _differs(results, row)
        and not _is_explained(results, row, singles)
    ]
    return singles + ([_gravest(results, crossed)] if crossed else [])


def told_pair(results: Results, *, crossings: bool) -> GroupPair | None:
    """The two groups that stand for all decisions: those that the first finding on them names.

    None where no pair is judged. Pictures name the same pair as findings and tables.
    """
    judged = [
        row
        for row in results.rows("impact_ratio", "pairs", GroupPair)
        if row.is_judged and row.is_crossing == crossings
    ]
    if not judged:
        return None
    pairs = [_gravest(results, own) for own in by_attribute(judged)]
    worst = _gravest(results, pairs)
    if worst.is_clear or not worst.is_doubtful:
        return worst
    return min((row for row in pairs if row.is_doubtful), key=_least_sure(results))


def _is_explained(results: Results, crossing: GroupPair, singles: Sequence[GroupPair]) -> bool:
    """Whether attributes that have a finding are cause enough for a crossing to be below.

    They are if the interval of the crossing reaches the product of their ratios: then nothing
    shows that being in both groups is worse than being in the one and in the other.
    """
    parts = crossing.attribute.split(CROSS)
    own = [
        row.ratio.value
        for row in singles
        if row.attribute in parts and row.is_doubtful and _differs(results, row)
    ]
    return bool(own) and crossing.high >= math.prod(own)


def _differs(results: Results, row: GroupPair) -> bool:
    return row.is_clear or is_beyond_chance(results, row)


def has_doubtful_ratio(results: Results, verdict: Verdict) -> bool:
    """Whether a promise is about decisions by an attribute that has a finding on them."""
    return verdict.metric in _OF_DECISIONS and any(
        row.attribute == verdict.attribute and row.is_doubtful for row in gravest_pairs(results)
    )


def unkept(results: Results, metrics: Collection[str], attribute: str) -> list[Verdict]:
    """Promises about an attribute by these metrics that are not met, or may not be."""
    return [
        verdict
        for verdict in judge(results)
        if verdict.metric in metrics
        and verdict.attribute == attribute
        and verdict.outcome in ("not met", "too uncertain to say")
    ]


def _promise_values(results: Results, verdicts: Sequence[Verdict]) -> list[dict[str, object]]:
    """What a sentence takes of promises that are not met, or may not be."""
    return [
        {
            "metric": words_of(results).label("metrics", verdict.metric),
            "attribute": records.attribute_label(results, verdict.attribute),
            "cause": records.cause_of(verdict.metric, *records.subject(verdict)),
            "side": verdict.side,
            "bound": verdict.bound,
            "set_by": verdict.set_by,
            "met": None if verdict.outcome == "too uncertain to say" else False,
        }
        for verdict in verdicts
    ]


def is_beyond_chance(results: Results, row: Tested) -> bool:
    """Whether a difference between groups is beyond chance, within the error budget of the report.

    The p-value of the row is corrected for all such differences.
    """
    return is_under(row, level_of(results, "group_differences"))


def _gravest(results: Results, pairs: Sequence[GroupPair]) -> GroupPair:
    """The row that is surely below, else one in doubt that is beyond chance, else one in doubt.

    A small group that fares best by chance makes a smaller ratio, and an uncertain one: it does not
    stand before two groups that surely differ.
    """

    def key(row: GroupPair) -> tuple[bool, bool, bool, float]:
        sure = row.is_doubtful and is_beyond_chance(results, row)
        return not row.is_clear, not sure, not row.is_doubtful, row.ratio.value

    return min(pairs, key=key)


def _least_sure(results: Results) -> Callable[[GroupPair], tuple[bool, float]]:
    """First what is beyond chance, then what lies surest below: by the end that is nearer to 1."""
    level = level_of(results, "group_differences")
    return lambda row: (not is_under(row, level), row.high)


def _impact(results: Results, row: GroupPair) -> Finding:
    return Finding(
        id=f"impact-{row.attribute}",
        severity=_severity(results, row),
        message="impact_below",
        values=_pair(results, row)
        | {"also": _also_below(results, row), "base": _label_rates(results, row)}
        | {"worst": _worst(results, row), "range": _threshold_range(results, row)}
        | {"labelled": _beside_labels(results, row)}
        | {"promises": _promises(results, [row])}
        | best_option(results, row.attribute),
        evidence=(*_IMPACT, *evidence_of_options(results)),
        section="bias",
        limits=("labels_are_decisions",) * results.schema.target.labels_are_decisions,
        touches=records.share_of_cases(results, row.n),
    )


def _promises(results: Results, pairs: Sequence[GroupPair]) -> list[dict[str, object]]:
    names = dict.fromkeys(row.attribute for row in pairs)
    kept_not = [verdict for name in names for verdict in unkept(results, _OF_DECISIONS, name)]
    return _promise_values(results, kept_not)


def labelled_gaps(results: Results) -> list[dict[str, object]]:
    """Where labels are decisions, the gaps of pairs of groups in them and in those of the model."""
    table = results.rows("impact_ratio", "labelled", LabelledGap)
    return [_labelled_gap(results, row) for row in table]


def _labelled_gap(results: Results, row: LabelledGap) -> dict[str, object]:
    return {
        "attribute": records.attribute_label(results, row.attribute),
        "level": row.level,
        "reference": row.reference,
        "labelled": rate(round(row.labelled * row.n), row.n),
        "labelled_reference": rate(
            round(row.labelled_reference * row.n_reference), row.n_reference
        ),
        "decided": rate(round(row.decided * row.n), row.n),
        "decided_reference": rate(round(row.decided_reference * row.n_reference), row.n_reference),
        "labelled_gap": row.labelled_gap,
        "change": row.change.negated() if row.shown == "narrows" else row.change,
        "shown": row.shown,
    }


def _beside_labels(results: Results, row: GroupPair) -> dict[str, object] | None:
    """The gap of a pair in the labels, where the model is shown to widen it."""
    return records.first(
        _labelled_gap(results, gap)
        for gap in results.rows("impact_ratio", "labelled", LabelledGap)
        if {gap.attribute, gap.level, gap.reference} == {row.attribute, row.level, row.reference}
        and gap.shown in ("widens", "more than doubles")
    )


def _label_rates(results: Results, row: GroupPair) -> list[float]:
    """Share of favourable labels in the group and in its reference, where both are known."""
    rates = {
        group.level: group.base_rate
        for group in results.rows("group_rates", "groups", GroupLevel)
        if group.attribute == row.attribute
    }
    both = [rates.get(row.level), rates.get(row.reference)]
    return [rate for rate in both if rate is not None] if None not in both else []


def _severity(results: Results, row: GroupPair) -> Severity:
    """By the declared ratio, see `severity_of_gap`; not below that of a promise not kept.

    A ratio that lies above the declared one, and that chance explains, is a note: with some hundred
    people of a group the lower end of its interval lies below the declared ratio where nothing is
    wrong as well. What is below at some thresholds alone is not surely large where nobody declared
    the one in use.
    """
    is_tried = _threshold_range(results, row) is not None and row.ratio_most is not None
    rests_on_it = is_tried and (row.ratio_most or 0.0) >= declared_ratio(results)
    own = severity_of_gap(
        beyond_chance=is_beyond_chance(results, row),
        surely_large=row.is_clear and not rests_on_it,
        maybe_large=row.verdict == "below but uncertain" or is_beyond_chance(results, row),
    )
    promises = unkept(results, _OF_DECISIONS, row.attribute)
    return gravest([own, *(severity_of_promise(promise) for promise in promises)])


def _threshold_range(results: Results, row: GroupPair) -> dict[str, float] | None:
    """Thresholds and the ratio of a pair at them, where nobody declared the one in use."""
    tried, least = (row.threshold_from, row.threshold_to), row.ratio_least
    if is_declared(results) or tried[0] is None or tried[1] is None or least is None:
        return None
    most = math.nan if row.ratio_most is None else row.ratio_most
    return {"from": tried[0], "to": tried[1], "least": least, "most": most}


def _worst(results: Results, row: GroupPair) -> dict[str, object] | None:
    """The worst treated of the large groups that the attribute is part of, if it is another one.

    Crossings count; only groups whose ratio is clearly below or beyond chance, after correction.
    """
    about = [
        pair
        for pair in results.rows("impact_ratio", "pairs", GroupPair)
        if row.attribute in pair.attribute.split(CROSS)
        and pair.is_judged
        and _differs(results, pair)
    ]
    worst = min(about, key=lambda pair: pair.ratio.value, default=row)
    is_told = (worst.attribute, worst.level) == (row.attribute, row.level)
    return None if is_told else _pair(results, worst)


def _also_below(results: Results, row: GroupPair) -> list[dict[str, object]]:
    """The other groups of the attribute, or the other crossings, that are clearly below too."""
    if not row.is_clear:
        return []
    rows = surest_last(results.rows("impact_ratio", "pairs", GroupPair))
    surest = {(pair.attribute, pair.level): pair for pair in rows}.values()
    return [
        {"level": other.level, "ratio": finite(other.ratio.value)}
        for other in sorted(surest, key=lambda pair: pair.ratio.value)
        if other.is_clear
        and other.level != row.level
        and (other.is_crossing if row.is_crossing else other.attribute == row.attribute)
    ]


def _impact_uncertain(results: Results, unsure: Sequence[GroupPair]) -> Finding:
    """One finding on all attributes whose ratio may be below the declared one, surest first."""
    return Finding(
        id="impact-uncertain",
        severity=gravest(_severity(results, row) for row in unsure),
        message="impact_uncertain",
        values=_pairs(results, unsure)
        | {"worst": _worst(results, unsure[0]), "range": _threshold_range(results, unsure[0])}
        | {"promises": _promises(results, unsure)}
        | best_option(results, unsure[0].attribute),
        evidence=(*_IMPACT, *evidence_of_options(results)),
        section="bias",
        limits=("labels_are_decisions",) * results.schema.target.labels_are_decisions,
        touches=max(records.share_of_cases(results, row.n) for row in unsure),
    )


def _pairs(results: Results, pairs: Sequence[GroupPair]) -> dict[str, object]:
    return {
        "pairs": [_pair(results, row) for row in pairs],
        "attributes": [records.attribute_label(results, row.attribute) for row in pairs],
        "decision": results.schema.target.favourable_class,
        "bound": declared_ratio(results),
    }


def _pair(results: Results, row: GroupPair) -> dict[str, object]:
    rate = _selection(results, row.attribute, row.level) or Estimate.of(row.rate, n=row.n)
    reference_rate = _selection(results, row.attribute, row.reference) or Estimate.of(
        row.reference_rate, n=row.n_reference
    )
    return {
        "attribute": records.attribute_label(results, row.attribute),
        "level": row.level,
        "reference": row.reference,
        "decision": results.schema.target.favourable_class,
        "rate": rate,
        "denied": rate.complement(),
        "reference_rate": reference_rate,
        "reference_denied": reference_rate.complement(),
        "ratio": row.ratio,
        "difference": row.difference.value,
        "p": row.p_adjusted if is_beyond_chance(results, row) else None,
        "bound": declared_ratio(results),
    }


def declared_ratio(results: Results) -> float:
    """The ratio of favourable decisions below which the config sees a difference."""
    return records.setting(results, "metrics", "impact_ratio", "threshold", 0.8)


def _selection(results: Results, attribute: str, level: str) -> Estimate | None:
    """The share of favourable decisions of one group, with its interval where it was measured."""
    groups = results.rows("group_rates", "groups", GroupLevel)
    return next(
        (g.selection_rate for g in groups if (g.attribute, g.level) == (attribute, level)), None
    )


def _together(results: Results) -> Iterator[Finding]:
    """The groups that are too small alone and so are judged together, by name."""
    pools = [row for row in results.rows("group_rates", "groups", GroupLevel) if row.pooled]
    if pools:
        groups = [
            {
                "attribute": records.attribute_label(results, row.attribute),
                "levels": row.pooled_levels,
                "n": row.n,
            }
            for row in pools
        ]
        values = {"groups": groups, "n": sum(len(row.pooled_levels) for row in pools)}
        yield Finding("groups_together", "low", "groups_together", values, RATES, "bias")


def worst_and_best(levels: Sequence[GroupLevel], key: str) -> list[GroupLevel]:
    """The rows of each attribute; of one with many levels those with the least and most of `key`.

    Groups that cannot be judged come after the others. What is left out stands in the files.
    """
    kept: list[GroupLevel] = []
    half = MOST_LEVELS_SHOWN // 2
    for own in by_attribute(levels):
        if len(own) <= MOST_LEVELS_SHOWN:
            kept += own
            continue
        judged = [r for r in own if not r.too_few and finite(r.cells.get(key)) is not None]
        judged = sorted(judged or own, key=lambda row: float(row.cells[key]))
        kept += judged[:half] + judged[half:][-half:]
    return kept


def _too_few(results: Results) -> Iterator[Finding]:
    """The groups that are too small, each once; one compared with such a group need not be."""
    sizes: dict[tuple[str, str], int] = {}
    for row in results.rows("impact_ratio", "pairs", GroupPair):
        if row.is_judged or row.is_crossing:
            continue
        if row.too_few:
            sizes[row.attribute, row.level] = row.n
        if row.reference_too_few:
            sizes[row.attribute, row.reference] = row.n_reference
    if sizes:
        groups = [
            {"attribute": records.attribute_label(results, attribute), "level": level, "n": n}
            for (attribute, level), n in sizes.items()
        ]
        least = records.setting(results, "metrics", "impact_ratio", "least_share", 0.0)
        values = {"groups": groups, "least": least}
        yield Finding("groups_too_few", "low", "groups_too_few", values, RATES, "bias")


#: The whole before its part, see `metrics.fairness.group_gaps.ErrorGap`.
_GAPS = ("equalized_odds_difference", "equal_opportunity_difference")


def error_rates(results: Results) -> Iterator[Finding]:
    """Whether errors fall evenly, by two differences and their permutation tests.

    One finding is on all attributes whose errors differ, and not below a promise that is not kept.
    """
    surest = _surest_tests(results)
    apart = [row for row in surest if is_beyond_chance(results, row)]
    even = [row for row in surest if not is_beyond_chance(results, row)]
    if apart:
        promises = [v for row in apart for v in unkept(results, _GAPS, row.attribute)]
        graves = [
            *(
                within_promise(results, _severity_of_errors(row.gap), row.metric, row.attribute)
                for row in apart
            ),
            *map(severity_of_promise, promises),
        ]
        values = _values(results, apart) | {"promises": _promise_values(results, promises)}
        yield _of_errors(results, "errors_apart", gravest(graves), values)
    if even:
        values = _values(results, even) | {"level": _level_in_doubt(results, even)}
        yield _of_errors(results, "errors_even", "info", values)


def _level_in_doubt(results: Results, tests: Sequence[Tested]) -> float | None:
    """What counts as beyond chance, where a test is not and alone would be."""
    if all(_doubt(row) >= SIGNIFICANT for row in tests):
        return None
    return level_of(results, "group_differences")


def has_uneven_errors(results: Results, verdict: Verdict) -> bool:
    """Whether a promise is about errors by an attribute that has a finding on them."""
    return verdict.metric in _GAPS and any(
        row.attribute == verdict.attribute and is_beyond_chance(results, row)
        for row in _surest_tests(results)
    )


def _surest_tests(results: Results) -> list[GapTest]:
    """Of each attribute the test that speaks most clearly for a difference."""
    tests = [
        row
        for metric in _GAPS
        for row in results.rows(metric, "tests", GapTest)
        if not row.is_crossing and row.value.is_defined
    ]
    return [min(own, key=_doubt) for own in by_attribute(tests)]


def _doubt(row: Tested) -> float:
    return 1.0 if row.p_adjusted is None else row.p_adjusted


def _of_errors(
    results: Results, message: str, grade: Severity, values: dict[str, object]
) -> Finding:
    measured = [measure for name in _GAPS if results.has(measure := f"measures/{name}")]
    limits = ("errors_of_one_kind",) if values.get("one_kind") else ()
    name, evidence = message.replace("_", "-"), (*measured, *RATES)
    return Finding(name, grade, message, values, evidence, "bias", limits)


def _severity_of_errors(gap: Estimate) -> Severity:
    """Of a gap that is beyond chance; large from `LARGE_GAP` on."""
    low, high = gap.ends or (gap.value, gap.value)
    return severity_of_gap(
        beyond_chance=True, surely_large=low >= LARGE_GAP, maybe_large=high >= LARGE_GAP
    )


def _values(results: Results, tests: Sequence[GapTest]) -> dict[str, object]:
    """What a sentence names, the gap first that is largest at least.

    one_kind : whose errors alone were compared, where of the others fewer than two groups have
    enough.
    """
    tests = sorted(tests, key=lambda row: -(row.gap.value if row.gap.low is None else row.gap.low))
    labels = {row.attribute: records.attribute_label(results, row.attribute) for row in tests}
    compared = results.rows("equalized_odds_difference", "tests", GapTest)
    return {
        "gaps": [_gap(results, row) for row in tests],
        "attributes": [labels[row.attribute] for row in tests],
        "decision": results.schema.target.favourable_class,
        "threshold": len(results.schema.target.classes) == 2,
        "one_kind": [
            {"attribute": labels[row.attribute], "deserving": row.rates == "tpr"}
            for row in compared
            if row.attribute in labels and row.rates in {"tpr", "fpr"}
        ],
    }


def _gap(results: Results, row: GapTest) -> dict[str, object]:
    return {
        "attribute": records.attribute_label(results, row.attribute),
        "gap": row.gap,
        "p": row.p_adjusted,
        "widest": row.highest,
        "narrowest": row.lowest,
        **_rates_apart(results, row),
    }


def _rates_apart(results: Results, row: GapTest) -> dict[str, object]:
    """The rate that lies apart: of those labelled with the favourable class, or of the others."""
    own = {
        group.level: group.cells
        for group in results.rows("group_rates", "groups", GroupLevel)
        if group.attribute == row.attribute
    }
    key, ends = row.surest_rate, (row.surest_lowest, row.surest_highest)
    if not key or any(end not in own for end in ends):
        return {"rates": None, "denied": None, "deserving": True}
    rates = [estimates.of_row(own[end], key, key) for end in ends]
    denied = [rate.complement() for rate in rates]
    return {"rates": rates, "denied": denied, "deserving": key == "tpr"}


def error_gaps(results: Results) -> Iterator[Finding]:
    """Groups for which predictions are further off, or off to one side."""
    table = results.rows("group_rates", "tests", GapTest)
    tests = [row for row in table if row.p_adjusted is not None]
    apart = [row for row in tests if is_beyond_chance(results, row)]
    if tests:
        gaps = [
            {
                "attribute": row.attribute_label,
                "widest": row.highest,
                "narrowest": row.lowest,
                "size": row.metric == "mae_gap",
                "gap": row.gap,
                "p": row.p_adjusted,
            }
            for row in apart or [min(tests, key=_doubt)]
        ]
        grade = severity("people", "moderate") if apart else "info"
        message = "error_gaps_apart" if apart else "error_gaps_even"
        values = {
            "gaps": gaps,
            "tests": len(tests),
            "unit": records.unit_of(results),
            "level": None if apart else _level_in_doubt(results, tests),
        }
        yield Finding("error_gaps", grade, message, values, RATES, "bias")


def told_gap(results: Results, metric: str) -> GapTest | None:
    """The gap in this error that speaks most clearly for a difference, where any is tested."""
    tests = [
        row
        for row in results.rows("group_rates", "tests", GapTest)
        if row.metric == metric and row.p_adjusted is not None
    ]
    return min(tests, key=_doubt, default=None)
