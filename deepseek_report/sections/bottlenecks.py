"""What limits the model: accuracy, data, capacity or compute, and what would help most."""

from __future__ import annotations

from dataclasses import dataclass

from deepseek_report.artifacts.estimate import Estimate, finite
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import all_reasons
from deepseek_report.artifacts.protocols.modules import layer_name
from deepseek_report.artifacts.table import Column, TableType, columns_of, estimates_of
from deepseek_report.artifacts.table_rows import cells_of
from deepseek_report.findings import rules_bottlenecks
from deepseek_report.findings.explainer_verdicts import leading_explainer
from deepseek_report.findings.records import unit_of
from deepseek_report.findings.severity import SIGNIFICANT, more_rows_help
from deepseek_report.metrics.failures.failure_rows import Cohort, CohortDriver, LearntFrom
from deepseek_report.metrics.internals import internal_rows
from deepseek_report.sections.shared.draft import Draft, DraftedSection
from deepseek_report.sections.shared.tables import Values
from deepseek_report.tasks import task_of
from deepseek_report.wording import estimates


def accuracy(draft: Draft) -> Values:
    """The parts of the data with most errors, and labels that may be wrong."""
    results = draft.results
    suspects = results.score("label_suspects")
    return {
        "fails": rules_bottlenecks.unexpected_slice(results) is not None,
        "sentence": _slice_sentence(draft),
        "suspect_sentence": ""
        if suspects is None
        else draft.text("suspects", share=estimates.of_score(suspects)),
    }


def _slice_sentence(draft: Draft) -> str:
    if not draft.results.has("measures/slices"):
        return _not_measured(draft, "slices")
    results = draft.results
    loss = task_of(results.schema.target).loss
    worst, hard = (
        rules_bottlenecks.unexpected_slice(results),
        rules_bottlenecks.expected_slice(results),
    )
    row = worst or hard
    return draft.text(
        "slices.worst" if worst else "slices.none",
        examined=rules_bottlenecks.slices_examined(results),
        slice=row.slice if row else "",
        error=row.loss(loss.key) if row else None,
        rest=row.rest(loss.key) if row else None,
        expected=row.expected(loss.key) if row else None,
        unit=unit_of(results),
    )


def data(draft: Draft) -> Values:
    """What more rows would bring, and what is wrong with those there are."""
    results = draft.results
    curve = results.rows("learning_curve", "curve", LearntFrom)
    gain = results.score("learning_curve_gain")
    known = gain is not None and finite(gain.value) is not None
    return {
        "sentence": draft.text(
            "curve",
            gain=estimates.of_score(gain),
            predictor=draft.words.label("predictors", curve[-1].predictor) if curve else "",
        )
        if gain is not None and known
        else _not_measured(draft, "learning_curve"),
        "issues": [
            draft.words.say(issue.text) for issue in results.issues if issue.severity != "info"
        ]
        if results.has("data")
        else [],
    }


def _not_measured(draft: Draft, *metrics: str) -> str:
    """That none of these was measured, and why where the run knows it."""
    refused = draft.results.refused
    known = [refused[key] for key in map(ArtifactId.measure, metrics) if key in refused]
    reason = draft.words.say(all_reasons(known)).rstrip(".") if known else ""
    return draft.text("not_measured_why", reason=reason) if reason else draft.text("not_measured")


_PARTS = TableType(
    (*columns_of("part load:number"), *estimates_of("zero mean swap"), Column("verdict")),
    folded=True,
)
_GROUPS = TableType(
    (
        *columns_of("attribute:attribute level part"),
        *estimates_of("mean rest"),
        Column("n", "count"),
    ),
    folded=True,
)


def capacity(draft: Draft) -> Values:
    """What each part is needed for, and by which cases."""
    results = draft.results
    parts = results.rows("ablation", "parts", internal_rows.AblatedPart)
    groups = results.rows("ablation", "by_group", internal_rows.AblatedInGroup)
    apart = [row for row in groups if (row.p_adjusted or 0.0) < SIGNIFICANT]
    heads = rules_bottlenecks.part_rows(results, "head")
    counts = {mark: sum(row.verdict == mark for row in heads) for mark in ("spare", "needed")}
    sentences = [
        draft.text("heads", **counts, heads=len(heads)) if heads else "",
        _experts(draft),
        draft.text("part_groups", looked_at=len(groups), apart=len(apart)) if groups else "",
    ]
    return {
        "sentence": " ".join(filter(None, sentences))
        or _not_measured(draft, "ablation", "expert_load"),
        "parts": draft.table("parts", _PARTS, [_part(draft, row) for row in parts]),
        "groups": draft.table("part_groups", _GROUPS, [_part(draft, row) for row in apart]),
    }


def _part(draft: Draft, row: internal_rows.AblatedPart | internal_rows.AblatedInGroup) -> Values:
    """A row of a table of parts, in words."""
    part = draft.text(
        "part",
        kind=row.kind,
        layer=row.layer + 1,
        branch=draft.words.name(row.branch) if row.branch else "",
        number=row.number,
    )
    verdict = {"verdict": draft.text(f"verdict.{row.verdict}")} if row.verdict else {}
    return {**cells_of(row), "part": part, **verdict}


def _experts(draft: Draft) -> str:
    """What the experts are needed for; where that was not measured, how they are loaded."""
    needs = rules_bottlenecks.expert_needs(draft.results)
    if needs is not None:
        return draft.text("experts", **vars(needs))
    imbalance = draft.results.score("expert_load_imbalance")
    if imbalance is None:
        return ""
    return draft.text("load", imbalance=estimates.of_score(imbalance))


def compute(draft: Draft) -> Values:
    """Time by layer and by batch size, and memory."""
    results = draft.results
    layers = results.rows("layer_profile", "layers", internal_rows.ProfiledLayer)
    return {"sentence": _sentence(draft, layers), "memory": _memory(draft)}


def _sentence(draft: Draft, layers: list[internal_rows.ProfiledLayer]) -> str:
    latency, rate = draft.results.score("latency_ms"), draft.results.score("rows_per_second")
    sentences = []
    if latency is not None and rate is not None:
        each = estimates.of_score(latency)
        sentences.append(draft.text("latency", latency=each, rate=finite(rate.value)))
    if layers:
        hottest = max(layers, key=lambda row: row.share)
        layer = {"layer": layer_name(hottest.layer), "share": hottest.share}
        sentences.append(draft.text("hottest", **layer))
    return " ".join(sentences) or draft.text("not_measured")


def _memory(draft: Draft) -> str:
    peak, inference = (draft.results.score(name) for name in ("peak_memory", "inference_memory"))
    if peak is None:
        return ""
    return draft.text(
        "memory",
        peak=finite(peak.value),
        inference=None if inference is None else finite(inference.value),
    )


_METRIC = "cohorts"


def cohorts(draft: Draft) -> Values:
    """The table of the cohorts, and the largest attributions in each by the leading method."""
    results = draft.results
    leader = leading_explainer(results)
    drivers = [
        _worded(draft, row, row.cohort if row.origin == "declared" else "")  # told once, above
        for row in results.rows(_METRIC, "drivers", CohortDriver)
        if row.explainer == leader
    ]
    table = [_worded(draft, row, row.cohort) for row in results.rows(_METRIC, "cohorts", Cohort)]
    return {
        "table": draft.metric_table(_METRIC, "cohorts", table),
        "drivers": draft.metric_table(_METRIC, "drivers", drivers),
    }


def _worded(draft: Draft, row: Cohort | CohortDriver, name: str) -> Values:
    """The row, with the cohort as people call it."""
    return {**cells_of(row), "cohort": draft.text("cohort", origin=row.origin, name=name)}


#: A gain in ROC AUC below which a remedy is not worth its cost.
NO_HOPE = 0.01


@dataclass(frozen=True)
class BottlenecksSection(DraftedSection):
    """Says what limits the model and what would help most, for four kinds of limit."""

    name = "bottlenecks"
    needs = frozenset({"predictions/test"})
    metrics = (
        "slices cohorts near_copies label_suspects learning_curve expert_load route_entropy "
        "ablation layer_profile latency peak_memory parameter_projection"
    )
    pictures = (
        "slices cohorts learning_curve expert_effects expert_tokens layer_profile "
        "parameter_projection"
    )

    def write(self, draft: Draft) -> None:
        _answer(draft)
        draft.values |= {
            "accuracy": accuracy(draft),
            "cohorts": cohorts(draft),
            "data": data(draft),
            "capacity": capacity(draft),
            "compute": compute(draft),
        }


def _answer(draft: Draft) -> None:
    """What could raise the ROC AUC, or lower the error of a number, by its measured gain."""
    results, words = draft.results, draft.words
    curve = results.score("learning_curve_gain")
    offers = list[tuple[str, Estimate]]()
    if curve is not None and finite(curve.value) is not None:
        offers.append((draft.text("offer.rows"), estimates.of_score(curve)))
    for score in (*results.find("roc_auc_gain"), *results.find("mae_gain")):
        if score.predictor not in {"majority", "mean"} and finite(score.value) is not None:
            predictor = words.label("predictors", score.predictor)
            what = draft.text("offer.model", predictor=predictor)
            offers.append((what, estimates.of_score(score).negated()))
    if not offers:
        return
    helping = [
        (what, gain)
        for what, gain in sorted(offers, key=lambda offer: -offer[1].value)
        if gain.value > 0 and (gain.low is None or gain.low > 0)
    ]
    no_hope = all(gain.high is not None and gain.high < NO_HOPE for _, gain in offers)
    rows_gain_nothing = curve is not None and more_rows_help(curve) is False
    worded = {
        name: [{"what": what, "gain": gain} for what, gain in listed]
        for name, listed in (("helping", helping), ("offers", offers))
    }
    hopeless = rows_gain_nothing and no_hope
    draft.answer("help", **worded, hopeless=hopeless, unit=unit_of(results))
