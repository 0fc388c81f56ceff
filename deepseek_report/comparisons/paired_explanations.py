"""Do models, methods of explanation and seeds agree on what matters, and what makes them differ?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from typing import Annotated, Any

import numpy as np
import pandas as pd

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.explanation import CONTROL, Explanation
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.results import Study
from deepseek_report.artifacts.table import TableType, columns_of
from deepseek_report.comparisons.methods import Method
from deepseek_report.metrics.explanations.agreement import rowwise_spearman, top_overlap
from deepseek_report.statistics.intervals import Z95, mean_interval

_TOP = 5
#: Cases that all runs explain, below which explanations are not compared.
FEWEST = 10


@dataclass(frozen=True)
class ComparedExplanations:
    """How alike two methods, or seeds of one, explain: a row of `compared_explanations.agreement`.

    spearman : None where no case has one. top : share of the five largest features that both name,
    by_chance : what chance would give.
    """

    explainer: Annotated[str, "explainer"]
    first: str
    other: str
    pairs: int
    spearman: Estimate | None
    same_sign: Annotated[float, "share"]
    top: Annotated[float, "share"]
    by_chance: Annotated[float, "share"]
    n: int


AGREEMENT = TableType.of(ComparedExplanations)
SOURCES = TableType(
    (
        *columns_of("explainer:explainer case:share method:share seed:share sampling:share"),
        *columns_of("n:count"),
    )
)
TYPES = {"agreement": AGREEMENT, "sources": SOURCES}


def explanations(study: Study, methods: Sequence[Method]) -> Measurement:
    """Agreement of the same explainer between runs, and the sources of what differs.

    agreement : for each explainer and pair of methods, over the same cases: mean rank correlation
    of the sizes, share of features that both sign alike, share of the five largest that both name
    and what chance would give. sources : shares of the variance of a feature's attribution.
    """
    notes: list[Text] = []
    if not study.shared.suffice:
        return Measurement(notes=(message("comparison.refused_rows_of_cases"),))
    if not (explained := _shared(study)):
        return Measurement(notes=(message("comparison.no_shared_explainer"),))
    cases = len(next(iter(explained.values()))[0])
    if cases < FEWEST:
        return Measurement(notes=(message("comparison.few_cases", n=cases, fewest=FEWEST),))
    notes.append(message("comparison.shared_cases", n=cases))
    rows = [row for name, each in explained.items() for row in _agreement(name, each, methods)]
    tables = {"agreement": pd.DataFrame(rows)} if rows else {}
    tables["sources"] = pd.DataFrame(
        [_sources(name, each, methods) for name, each in explained.items()]
    )
    return Measurement(tables=tables, notes=tuple(notes)).typed(TYPES)


def _shared(study: Study) -> dict[str, list[Explanation]]:
    """{explainer: its explanations in each run, of the cases that all of them explain}.

    Explainers that every run has for the same columns and class; the control is left out.
    """
    shared = {}
    for name in study.runs[0].explanations:
        each = [run.explanations[name] for run in study if name in run.explanations]
        subjects = {(explanation.feature_names, explanation.target) for explanation in each}
        if name != CONTROL and len(each) == len(study) and len(subjects) == 1:
            rows = [study.shared.rows_at(run, own.positions) for run, own in enumerate(each)]
            cases = reduce(np.intersect1d, rows)
            cases = cases[cases >= 0]
            shared[name] = [
                explanation.at(np.intersect1d(cases, own, return_indices=True)[2])
                for explanation, own in zip(each, rows, strict=True)
            ]
    return shared


def _agreement(
    explainer: str, explained: Sequence[Explanation], methods: Sequence[Method]
) -> Iterator[dict[str, object]]:
    """One row for each method with several seeds, and for each pair of methods."""
    inside = [(method, method) for method in methods if len(method.runs) > 1]
    for first, other in [*inside, *combinations(methods, 2)]:
        pairs = (
            list(combinations(first.runs, 2))
            if first is other
            else [(a, b) for a in first.runs for b in other.runs]
        )
        yield {
            "explainer": explainer,
            "first": first.label,
            "other": other.label,
            "pairs": len(pairs),
            **_mean_agreement([(explained[a], explained[b]) for a, b in pairs]),
        }


def _mean_agreement(pairs: Sequence[tuple[Explanation, Explanation]]) -> dict[str, object]:
    """Means over pairs and cases; the interval is that of the mean over cases, within -1 and 1."""
    ranks = np.array([rowwise_spearman(np.abs(a.values), np.abs(b.values)) for a, b in pairs])
    per_case = np.nanmean(ranks, axis=0) if len(ranks) else np.full(1, np.nan)
    known = per_case[~np.isnan(per_case)]
    mean, low, high = mean_interval(known) if len(known) else (np.nan,) * 3
    features = pairs[0][0].values.shape[1]
    top = min(_TOP, features)
    signed = all(explanation.signed for pair in pairs for explanation in pair)
    return {
        "spearman": float(mean),
        "spearman_low": float(np.clip(low, -1, 1)),
        "spearman_high": float(np.clip(high, -1, 1)),
        "same_sign": float(np.mean([_same_sign(a, b) for a, b in pairs])) if signed else np.nan,
        "top": float(np.mean([top_overlap(a.values, b.values, top).mean() for a, b in pairs])),
        "by_chance": top / features,
        "n": len(known),
    }


def _same_sign(first: Explanation, other: Explanation) -> float:
    """Share of attributions beyond their errors in both that have the same sign; NaN for none."""
    clear = _is_clear(first) & _is_clear(other)
    same = np.sign(first.values) == np.sign(other.values)
    return float(same[clear].mean()) if clear.any() else np.nan


def _is_clear(explanation: Explanation) -> Any:
    error = 0.0 if explanation.standard_error is None else Z95 * explanation.standard_error
    return np.abs(explanation.values) > error


def _sources(
    explainer: str, explained: Sequence[Explanation], methods: Sequence[Method]
) -> dict[str, object]:
    """Components of variance of a feature's attribution, by the method of moments.

    Attributions are scaled by their mean size in each run, so that runs in different units can be
    set beside one another.

    Reference: Searle, Casella & McCulloch 1992, doi:10.1002/9780470316856.
    """
    values = np.stack([_scaled(explanation) for explanation in explained])
    errors = [
        np.zeros_like(scaled) if e.standard_error is None else e.standard_error / _size(e)
        for scaled, e in zip(values, explained, strict=True)
    ]
    sampling = float(np.mean([(error**2).mean() for error in errors]))
    means = np.stack([values[list(method.runs)].mean(axis=0) for method in methods])
    between_seeds = _between_seeds(values, methods)
    seed = max(between_seeds - sampling, 0.0) if between_seeds is not None else np.nan
    within = between_seeds if between_seeds is not None else sampling
    per_mean = within * float(np.mean([1 / len(method.runs) for method in methods]))
    between = float(means.var(axis=0, ddof=1).mean()) if len(means) > 1 else np.nan
    method = max(between - per_mean, 0.0)
    case = float(means.mean(axis=0).var(axis=0, ddof=1).mean())
    parts = {"case": case, "method": method, "seed": seed, "sampling": sampling}
    total = np.nansum(list(parts.values()))
    shares = {name: part / total if total > 0 else np.nan for name, part in parts.items()}
    return {"explainer": explainer, **shares, "n": values.shape[1]}


def _between_seeds(values: Floats, methods: Sequence[Method]) -> float | None:
    """Mean variance over the seeds of a method; None where no method has two."""
    several = [method for method in methods if len(method.runs) > 1]
    if not several:
        return None
    return float(np.mean([values[list(m.runs)].var(axis=0, ddof=1).mean() for m in several]))


def _size(explanation: Explanation) -> float:
    return float(np.abs(explanation.values).sum(axis=1).mean()) or 1.0


def _scaled(explanation: Explanation) -> Floats:
    return np.asarray(explanation.values / _size(explanation))
