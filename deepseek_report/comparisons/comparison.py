"""Everything that is computed of a study of several runs, and what may be concluded from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, Any

import numpy as np
import pandas as pd

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.conclusions import WORST_FIRST, Verdict
from deepseek_report.artifacts.explanation import CONTROL
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Message, Text, message, plain, text_of
from deepseek_report.artifacts.results import Results, Study
from deepseek_report.artifacts.table import Column, TableType, columns_of, estimate
from deepseek_report.artifacts.table_rows import HIDDEN, OPTIONAL, R, cells_of, read_rows
from deepseek_report.comparisons.methods import (
    Method,
    fitted_models,
    methods_of,
    run_labels,
    runs_by_data,
    shared_rows,
    what_varied,
)
from deepseek_report.comparisons.paired_decisions import DecisionChange, decisions, largest_gap
from deepseek_report.comparisons.paired_explanations import ComparedExplanations, explanations
from deepseek_report.comparisons.paired_performance import (
    FittedPair,
    MethodPair,
    Region,
    performance,
)
from deepseek_report.errors import ArtifactError
from deepseek_report.findings.conclude import all_findings, conclusions_of
from deepseek_report.findings.severity import SIGNIFICANT
from deepseek_report.statistics.paired import critical_difference, mean_ranks, signed_rank
from deepseek_report.tasks import task_of
from deepseek_report.tasks.comparisons import RowMeasure

#: Probability of no practical difference from which on two methods count as alike.
ALIKE = 0.95
#: Pairs of methods that have a sentence each; of more they are counted, and the farthest named.
_MOST_PAIRS = 3


def conclusions(
    study: Study, methods: Sequence[Method], measurements: Mapping[str, Measurement], region: Region
) -> tuple[Message, ...]:
    """What may be said of these runs; where nothing may, that stands there with the reason."""
    main = _measure(study).key

    def rows(name: str, table: str, of: type[R]) -> list[R]:
        frame = measurements[name].tables.get(table)
        return [] if frame is None else read_rows(frame, of, f"{name}/{table}")

    prices = measurements["compared_price"].tables.get("prices")
    return (
        *([shared_rows(study)] if study.shared.suffice and not study.shared.are_all else []),
        *of_data_sets(rows("compared_data_sets", "pairs", DataSetsPair), main),
        *_of_methods(rows("compared_performance", "methods", MethodPair), main, region),
        *_of_fitted(study, rows("compared_performance", "fitted", FittedPair), main),
        *_of_decisions(rows("compared_decisions", "changes", DecisionChange)),
        *_of_explanations(rows("compared_explanations", "agreement", ComparedExplanations)),
        *_of_prices(
            rows("compared_price", "prices", MethodPrice), () if prices is None else prices, methods
        ),
    )


def _of_methods(table: Sequence[MethodPair], main: str, region: Region) -> Iterator[Message]:
    """Which method is better for new seeds and rows, by the main measure."""
    if not table:
        yield message("comparison.conclusions.no_methods")
        return
    own = [row for row in table if row.measure == main]
    if len(own) > _MOST_PAIRS:
        better = [row for row in own if row.better]
        alike = sum(not row.better and row.within_region >= ALIKE for row in own)
        yield message(
            "comparison.conclusions.methods_counted",
            pairs=len(own),
            better=len(better),
            alike=alike,
            open=len(own) - len(better) - alike,
            measure=main,
            tests=len(table),
        )
        own = sorted(better, key=_least_apart)[:_MOST_PAIRS]
    for row in own:
        yield _of_two_methods(row, main, len(table), region)


def _least_apart(row: MethodPair | FittedPair) -> float:
    return -abs(row.difference.value)


def _of_two_methods(row: MethodPair, main: str, tests: int, region: Region) -> Message:
    kind = "methods_alike" if row.within_region >= ALIKE else "methods_open"
    return message(
        f"comparison.conclusions.{'method_better' if row.better else kind}",
        **({"better": row.better} if row.better else {}),
        first=row.first,
        other=row.other,
        measure=main,
        difference=row.difference,
        p=row.p_adjusted,
        seeds=row.seeds,
        tests=tests,
        within=row.within_region,
        region=region.share,
        needed=row.seeds_needed,
    )


def _of_fitted(study: Study, table: Sequence[FittedPair], main: str) -> Iterator[Message]:
    """How many pairs of fitted models differ, and the largest difference."""
    if not table:
        one_model = message("comparison.conclusions.one_model")
        not_paired = message("comparison.conclusions.not_paired", n=len(study.shared))
        yield one_model if study.shared.suffice else not_paired
        return
    own = [row for row in table if row.measure == main]
    apart = [row for row in own if row.better]
    keys = dict.fromkeys(row.measure for row in table if row.measure != main)
    values = {
        "pairs": len(own),
        "apart": len(apart),
        "measure": main,
        "tests": len(table),
        "others": [
            {"measure": key, "apart": sum(bool(r.better) for r in table if r.measure == key)}
            for key in keys
        ],
    }
    if not apart:
        yield message("comparison.conclusions.fitted_open", **values)
        return
    row = min(apart, key=_least_apart)
    is_first = row.better == row.first
    yield message(
        "comparison.conclusions.fitted_apart",
        **values,
        better=row.better,
        worse=row.other if is_first else row.first,
        difference=row.difference if is_first else row.difference.negated(),
        n=row.n,
    )


def _of_decisions(table: Sequence[DecisionChange]) -> Iterator[Message]:
    if not table:
        return
    whole = [row for row in table if not row.attribute]
    row = max(whole, key=lambda row: row.changed)
    yield message(
        "comparison.conclusions.decisions",
        first=row.first,
        other=row.other,
        changed=row.changed,
        gained=row.gained,
        lost=row.lost,
        n=row.n,
        p=row.p_adjusted,
        pairs=len(whole),
        against_one=len({row.other for row in whole}) == 1,
        tests=len(table),
    )


def _of_explanations(table: Sequence[ComparedExplanations]) -> Iterator[Message]:
    """How far the explanations of one method over seeds, and those of two methods, agree."""
    for kind in ("seeds", "methods"):
        of_kind = [row for row in table if (row.first == row.other) == (kind == "seeds")]
        known = [(row.spearman, row) for row in of_kind if row.spearman is not None]
        if not known:
            continue
        spearman, least = min(known, key=lambda pair: pair[0].value)
        yield message(
            f"comparison.conclusions.explanations_{kind}",
            explainer=least.explainer,
            first=least.first,
            other=least.other,
            spearman=spearman,
            top=least.top,
            by_chance=least.by_chance,
            n=least.n,
            of=len(known),
        )


def _of_prices(
    table: Sequence[MethodPrice], columns: Iterable[str], methods: Sequence[Method]
) -> Iterator[Message]:
    if not table or len(methods) < 2:
        return
    best, beaten = ([r.method for r in table if r.not_beaten == kept] for kept in (True, False))
    wishes = [key for key in columns if key not in {"method", "not_beaten", "beaten_by"}]
    yield message("comparison.conclusions.not_beaten", methods=best, beaten=beaten, wishes=wishes)


@dataclass(frozen=True)
class MethodPrice:
    """What a method reaches and costs: a row of `compared_price.prices`."""

    method: str
    value: float
    gap: Annotated[float | None, "share", OPTIONAL]
    faithfulness: Annotated[float | None, OPTIONAL]
    parameters: Annotated[int | None, OPTIONAL]
    seconds: Annotated[float | None, "seconds", OPTIONAL]
    not_beaten: bool
    beaten_by: str


PRICES = TableType.of(MethodPrice)
#: {column: whether more of it is better}; the main measure's own direction stands in its place.
_WISHES: Mapping[str, bool] = {
    "gap": False,
    "faithfulness": True,
    "parameters": False,
    "seconds": False,
}


def price(study: Study, methods: Sequence[Method]) -> Measurement:
    """The table `prices`: means over the runs of a method.

    A method is beaten by another that is at least as good in every column that both have and
    better in one. Means are compared as they are: whether two differ by more than chance stands in
    the tables on performance.
    """
    if len(runs_by_data(study)) > 1:
        return Measurement(notes=(message("comparison.price_of_other_data"),))
    measure = _measure(study)
    of_run: Mapping[str, Callable[[Results], float | None]] = {
        "value": lambda run: measure.of(run.predictions)[0],
        "gap": largest_gap,
        "faithfulness": _faithfulness,
        "parameters": lambda run: run.architecture.get("parameters"),
        "seconds": lambda run: run.training_time.get("seconds"),
    }
    reached = {
        key: [_mean([of(study.runs[run]) for run in method.runs]) for method in methods]
        for key, of in of_run.items()
    }
    more = {"value": measure.direction == "higher", **_WISHES}
    wishes = np.array([reached[key] if more[key] else np.negative(reached[key]) for key in more]).T
    better = [
        [method.label for method, other in zip(methods, wishes, strict=True) if _beats(other, own)]
        for own in wishes
    ]
    facts = {
        "method": [method.label for method in methods],
        **reached,
        "not_beaten": [not labels for labels in better],
        "beaten_by": [", ".join(labels) for labels in better],
    }
    table = pd.DataFrame(facts).dropna(axis=1, how="all")
    keys = [key for key in PRICES.keys if key in table]
    return Measurement(tables={"prices": table[keys]}).typed({"prices": PRICES})


def _faithfulness(run: Results) -> float | None:
    """The best gain over random order in deletion, of the explainers that were tested."""
    gains = [
        score.value
        for name in run.names("explanations")
        if name != CONTROL and (measured := run.measurement("deletion", name)) is not None
        for score in measured.scores
        if score.metric == "deletion_gain"
    ]
    return max(gains, default=None)


def _mean(values: Sequence[float | None]) -> float:
    known = [float(value) for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) and known else np.nan


def _beats(first: Floats, other: Floats) -> bool:
    """Whether a method is nowhere worse, of what both have, and somewhere better.

    first, other : (wish,) more of it is better.
    """
    gains = (first - other)[~np.isnan(first - other)]
    return bool(len(gains) and gains.min() >= 0 and gains.max() > 0)


@dataclass(frozen=True)
class StudyComparison:
    """A study, read.

    methods : runs that differ in their seeds alone are one. labels : (run,) what each is called.
    baseline : position of the run that the others are set against; None: all against all.
    measurements : {name: tables and notes}, in the order in which they are read.
    conclusions : computed sentences, the most important first.
    """

    study: Study
    methods: tuple[Method, ...]
    labels: tuple[str, ...]
    baseline: int | None
    measurements: Mapping[str, Measurement]
    conclusions: Sequence[Message]


def compare(
    study: Study, baseline: int | None = None, region: Region | None = None
) -> StudyComparison:
    """Compare runs by their artifacts alone.

    baseline : position of the run that the others are set against.
    region : size of a difference that is of no practical use.

    Raises ArtifactError: there is one run only, a run holds no predictions or none of single rows,
        or the runs are judged by different measures.
    """
    _refuse(study)
    region = region or Region()
    methods = methods_of(study)
    models = fitted_models(study, methods, baseline)
    labels = run_labels(study, methods)
    measurements = {
        "compared_settings": what_varied(study),
        "compared_performance": performance(study, methods, models, labels, region, baseline),
        "compared_data_sets": over_data_sets(study, region),
        "compared_explanations": explanations(study, methods),
        "compared_promises": promises(study, labels),
        "compared_decisions": decisions(study, models, labels, baseline),
        "compared_price": price(study, methods),
    }
    concluded = conclusions(study, methods, measurements, region)
    if baseline is not None:
        changes = measurements["compared_decisions"].tables.get("changes")
        concluded = (*to_decide(study, labels, baseline, changes), *concluded)
    return StudyComparison(study, methods, labels, baseline, measurements, concluded)


def _refuse(study: Study) -> None:
    if len(study) < 2:
        raise ArtifactError("a comparison needs two runs or more; name their folders")
    for run in study:
        if "predictions" in run.failures:
            raise ArtifactError(
                f"{run.folder}: this run has no predictions, since making them or training the "
                "model failed (its report says why); compare the others"
            )
        if not run.has("predictions/test") or not run.has_rows:
            raise ArtifactError(
                f"{run.folder}: this run holds no predictions of single rows (report.privacy), so "
                "it cannot be compared row by row; compare runs made with report.privacy=full"
            )
    measures = sorted({task_of(run.schema.target).by_rows[0].key for run in study})
    if len(measures) > 1:
        raise ArtifactError(
            f"these runs are judged by different measures: {', '.join(measures)}; compare runs of "
            "one task"
        )


# Methods over several data sets: the mean value on each, and what that says of another one.

#: Data sets from which on an advantage is concluded, and from which on mean ranks are set side by
#: side.
FEWEST_TO_CONCLUDE, FEWEST_TO_RANK = 8, 5
#: What the posterior probabilities of all pairs together may leave open. With eight data sets and
#: two equal methods an advantage is then told in some 6 % of studies
#: (`benchmarks/conclusions.py studies`).
_OPEN = 0.01

DATA_SETS = TableType(columns_of("data_set method seeds:count value:number n:count"))


@dataclass(frozen=True)
class DataSetsPair:
    """Two methods on another data set: a row of `compared_data_sets.pairs`.

    concluded : the better method, `EQUAL` or empty.
    """

    first: str
    other: str
    data_sets: int
    first_better: Annotated[float, "share"]
    alike: Annotated[float, "share"]
    other_better: Annotated[float, "share"]
    concluded: str


PAIRS = TableType.of(DataSetsPair)


@dataclass(frozen=True)
class MethodRank:
    """The mean rank of a method over data sets: a row of `compared_data_sets.ranks`.

    half : of the critical difference.
    """

    method: str
    rank: float
    half: Annotated[float, HIDDEN]
    data_sets: int


RANKS = TableType.of(MethodRank)
TYPES = {"data_sets": DATA_SETS, "pairs": PAIRS, "ranks": RANKS}
#: In the column `concluded` of two methods that are alike for practical purposes.
EQUAL = "="


@dataclass(frozen=True)
class DataSet:
    """Runs of a study on one data set. values : {method: the main measure of each of its runs}."""

    label: str
    runs: tuple[Results, ...]
    values: Mapping[str, tuple[float, ...]]

    def mean(self, method: str) -> float:
        return float(np.mean(self.values[method]))


def data_sets_of(study: Study) -> list[DataSet]:
    """The data sets of a study, in the order of their first runs."""
    groups = [[study.runs[place] for place in places] for places in runs_by_data(study)]
    names = [str(runs[0].config.get("name") or "") for runs in groups]
    labels = [
        name if name and names.count(name) == 1 else f"{name} {place}".strip()
        for place, name in enumerate(names, 1)
    ]
    return [
        DataSet(label, tuple(runs), _values(Study(tuple(runs))))
        for label, runs in zip(labels, groups, strict=True)
    ]


def _values(part: Study) -> dict[str, tuple[float, ...]]:
    measure = _measure(part)
    return {
        method.label: tuple(
            float(measure.of(part.runs[place].predictions)[0]) for place in method.independent
        )
        for method in methods_of(part)
    }


def _measure(study: Study) -> RowMeasure:
    return task_of(study.runs[0].schema.target).by_rows[0]


def over_data_sets(study: Study, region: Region) -> Measurement:
    """Means by data set; from five on ranks, and how sure an advantage on another data set is.

    Nothing where all runs are of one data set.

    Differences are set against the region of each data set, whose size may hang on its unit.
    """
    known = data_sets_of(study)
    if len(known) < 2:
        return Measurement()
    shared = [name for name in known[0].values if all(name in each.values for each in known)]
    rows = [
        {
            "data_set": data_set.label,
            "method": method,
            "seeds": len(values),
            "value": data_set.mean(method),
            "n": len(data_set.runs[0].predictions),
        }
        for data_set in known
        for method, values in data_set.values.items()
    ]
    tables = {"data_sets": pd.DataFrame(rows)}
    notes: list[Text] = []
    if len(shared) < 2:
        notes.append(message("comparison.no_shared_methods"))
    elif len(known) < FEWEST_TO_RANK:
        notes.append(message("comparison.few_data_sets", n=len(known), fewest=FEWEST_TO_RANK))
    else:
        measure = _measure(study)
        means = np.array([[data_set.mean(method) for method in shared] for data_set in known])
        ranks = mean_ranks(means, higher_is_better=measure.direction == "higher")
        distance = critical_difference(len(shared), len(known))
        facts = {"method": shared, "rank": ranks, "half": distance / 2, "data_sets": len(known)}
        tables |= {
            "pairs": pd.DataFrame(_pairs(known, shared, measure, region)),
            "ranks": pd.DataFrame(facts).sort_values("rank", kind="stable", ignore_index=True),
        }
        notes.append(message("comparison.critical_difference", distance=distance, n=len(known)))
    return Measurement(tables=tables, notes=tuple(notes)).typed(TYPES)


def _pairs(
    known: Sequence[DataSet], shared: Sequence[str], measure: RowMeasure, region: Region
) -> list[dict[str, object]]:
    pairs = list(combinations(shared, 2))
    sure = 1 - _OPEN / len(pairs)
    sign = 1 if measure.direction == "higher" else -1
    rows = []
    for first, other in pairs:
        differences = [
            sign * (each.mean(first) - each.mean(other)) / region.of(measure, each.mean(other))
            for each in known
        ]
        posterior = signed_rank(np.array(differences), 1.0)
        chances = {first: posterior.more, EQUAL: posterior.alike, other: posterior.less}
        concluded = [name for name, chance in chances.items() if chance >= sure]
        enough = len(known) >= FEWEST_TO_CONCLUDE
        rows.append(
            {
                "first": first,
                "other": other,
                "data_sets": len(known),
                "first_better": posterior.more,
                "alike": posterior.alike,
                "other_better": posterior.less,
                "concluded": concluded[0] if concluded and enough else "",
            }
        )
    return rows


def of_data_sets(table: Sequence[DataSetsPair], measure: str) -> Iterator[Message]:
    """What may be said of methods for a data set that is not among these."""
    if not table:
        return
    data_sets = table[0].data_sets
    if data_sets < FEWEST_TO_CONCLUDE:
        yield message(
            "comparison.conclusions.data_sets_too_few", n=data_sets, fewest=FEWEST_TO_CONCLUDE
        )
        return
    kinds = [{"": "open", EQUAL: "alike"}.get(row.concluded, "better") for row in table]
    if len(table) > _MOST_PAIRS:
        counts = {kind: kinds.count(kind) for kind in ("better", "alike", "open")}
        yield message(
            "comparison.conclusions.data_sets_counted",
            pairs=len(table),
            measure=measure,
            n=data_sets,
            **counts,
        )
        return
    for kind, row in zip(kinds, table, strict=True):
        yield message(f"comparison.conclusions.data_sets_{kind}", measure=measure, **cells_of(row))


# Which promises each run meets, and what a new version must have decided again.

PROMISES = TableType(
    (
        Column("metric", "metric"),
        *columns_of("attribute:attribute level explainer:explainer slice", optional=True),
        *columns_of("side:side bound:declared run"),
        estimate("value"),
        Column("outcome", "outcome"),
    )
)
_MET = "met"
#: What a promise may be about, and what of a verdict is shown.
_ABOUT = ("attribute", "level", "explainer", "slice")
_SHOWN = (*_ABOUT, "value", "low", "high", "outcome")
#: Runs beside the baseline that have a sentence each.
_MOST_RUNS = 3


@dataclass(frozen=True)
class PromiseKey:
    """What was promised, as it was declared; whoever promised it and whatever came of it."""

    metric: str
    attribute: str
    level: str
    explainer: str
    slice: str
    side: str
    bound: float
    predictor: str = ""

    @classmethod
    def of(cls, declared: Mapping[str, Any]) -> PromiseKey:
        """Of an entry of `report.thresholds`."""
        side = "at_most" if declared.get("at_least") is None else "at_least"
        about = {key: str(declared.get(key) or "") for key in ("metric", *_ABOUT, "predictor")}
        return cls(**about, side=side, bound=float(declared[side]))

    def covers(self, verdict: Verdict) -> bool:
        """Whether the verdict is one on this promise."""
        declared = ("metric", "side", "bound", "predictor")
        same = all(getattr(verdict, key) == getattr(self, key) for key in declared)
        return same and all(getattr(self, key) in {"", getattr(verdict, key)} for key in _ABOUT)


def promises(study: Study, labels: Sequence[str]) -> Measurement:
    """The table `promises`: each promise, run by run; the same promises stand together.

    Of a promise for several groups, the group with the worst outcome stands there.
    """
    kept = [_verdicts(run) for run in study]
    known = dict.fromkeys(promise for verdicts in kept for promise in verdicts)
    rows = [
        {**vars(promise), "run": label, **{key: getattr(verdicts[promise], key) for key in _SHOWN}}
        for promise in known
        for label, verdicts in zip(labels, kept, strict=True)
        if promise in verdicts
    ]
    if not rows:
        return Measurement(notes=(message("comparison.no_promises"),))
    same = all(set(verdicts) == set(known) for verdicts in kept)
    notes = [] if same else [message("comparison.other_promises")]
    notes.append(_kept_by(kept, labels))
    table = pd.DataFrame(rows).astype(dict.fromkeys(("value", "low", "high"), float))
    empty = [key for key in _ABOUT if (table[key] == "").all()]
    table = table[[key for key in PROMISES.keys if key not in empty]]
    return Measurement(tables={"promises": table}, notes=tuple(notes)).typed({"promises": PROMISES})


def _kept_by(kept: Sequence[Mapping[PromiseKey, Verdict]], labels: Sequence[str]) -> Message:
    """Which runs meet all of their promises, break one, or leave one open."""
    outcomes = [{verdict.outcome for verdict in verdicts.values()} for verdicts in kept]
    kept_by: dict[str, list[str]] = {"met": [], "broken": [], "open": []}
    for label, each in zip(labels, outcomes, strict=True):
        if each:
            kind = "broken" if "not met" in each else "met" if each == {_MET} else "open"
            kept_by[kind].append(label)
    return message("comparison.kept_by", runs=sum(map(bool, outcomes)), **kept_by)


def to_decide(
    study: Study, labels: Sequence[str], baseline: int, changes: pd.DataFrame | None
) -> Iterator[Message]:
    """For each run but the baseline: what of the baseline's approval does not hold for it.

    changes : the table of decisions that change, first − other, where there is one.
    """
    others = [position for position in range(len(study)) if position != baseline]
    messages = [_to_decide(study, labels, baseline, place, changes) for place in others]
    if len(others) <= _MOST_RUNS:
        yield from messages
        return
    pairs = zip(others, messages, strict=True)
    is_open = [labels[place] for place, text in pairs if text.id.endswith(".to_decide")]
    about = {"approved": labels[baseline], "runs": len(others), "labels": is_open}
    yield message("comparison.conclusions.to_decide_counted", **about)


def _to_decide(
    study: Study, labels: Sequence[str], baseline: int, position: int, changes: pd.DataFrame | None
) -> Message:
    before, after = study.runs[baseline], study.runs[position]
    old, new = _verdicts(before), _verdicts(after)
    shared = [promise for promise in old if promise in new]
    lost = [p for p in shared if old[p].outcome == _MET and new[p].outcome != _MET]
    won = [p for p in shared if old[p].outcome != _MET and new[p].outcome == _MET]
    dropped = [promise for promise in old if promise not in new]
    values = {
        "new": labels[position],
        "approved": labels[baseline],
        "promises": len(old),
        "lost": [{**vars(promise), "outcome": new[promise].outcome} for promise in lost],
        "won": [dict(vars(promise)) for promise in won],
        "dropped": [dict(vars(promise)) for promise in dropped],
        "critical": list(_newly_critical(before, after)),
        "other_data": not _same_data(before, after),
        "decisions": _one_sided(changes, labels[baseline], labels[position]),
    }
    names = ("lost", "dropped", "critical", "other_data", "decisions")
    kind = "to_decide" if any(values[name] for name in names) else "nothing_to_decide"
    return message(f"comparison.conclusions.{kind}", **values)


def _verdicts(run: Results) -> dict[PromiseKey, Verdict]:
    """{promise: the worst of its verdicts}."""
    declared = run.report.get("thresholds") or []
    known = conclusions_of(run).verdicts
    verdicts = {}
    for promise in map(PromiseKey.of, declared):
        own = [verdict for verdict in known if promise.covers(verdict)]
        if own:
            verdicts[promise] = min(own, key=lambda verdict: WORST_FIRST.index(verdict.outcome))
    return verdicts


def _newly_critical(before: Results, after: Results) -> Iterator[Text]:
    """The claims of critical findings of which the baseline has none of the same grade."""
    old, new = (
        {(each.id, each.cause): each for each in all_findings(run) if each.severity == "high"}
        for run in (before, after)
    )
    for key, finding in new.items():
        if key not in old:
            yield text_of(plain(finding.claim))


def _same_data(first: Results, other: Results) -> bool:
    digests = [run.digests.get("data") for run in (first, other)]
    return digests[0] == digests[1] and digests[0] is not None


def _one_sided(changes: pd.DataFrame | None, approved: str, new: str) -> list[dict[str, object]]:
    """Groups, and everyone, whose decisions change in one direction by more than chance."""
    if changes is None:
        return []
    return [
        {
            "attribute": row.attribute,
            "level": row.level,
            "favourable": row.lost if row.first == approved else row.gained,
            "against": row.gained if row.first == approved else row.lost,
            "n": row.n,
        }
        for row in read_rows(changes, DecisionChange)
        if row.p_adjusted < SIGNIFICANT and {row.first, row.other} == {approved, new}
    ]
