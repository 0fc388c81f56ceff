"""The sentences on the page of one case: decision, reasons, agreement, what would change it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeVar

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Schema
from deepseek_report.data_kinds import kind_of
from deepseek_report.findings.explainer_verdicts import answering
from deepseek_report.findings.listed_reasons import (
    REASONS,
    base_of,
    case_explanation,
    is_readable,
    region_numbers,
)
from deepseek_report.findings.records import explainer_inline, unit_of
from deepseek_report.metrics.cases.single_case_rows import (
    Anchor,
    AnchorTerm,
    CaseAgreement,
    CaseContrast,
    CaseReason,
    CaseRow,
    ChangeStep,
    ComparedPrototype,
    Consequence,
    DecidingAttribute,
    ErrorsLikeThis,
    FiredRule,
    NearestAccepted,
    Neighbour,
    OfCase,
    OtherWay,
    Push,
    Pushed,
    ReasonCode,
)
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.shared.tables import Values
from deepseek_report.sections.single_cases.case_marks import CaseMarks, marks_of
from deepseek_report.sections.single_cases.explained_cases import ExplainedCase
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import task_of
from deepseek_report.tasks.loss import calibration_subject
from deepseek_report.wording.numbers import NumberFormat
from deepseek_report.wording.words import Wording

#: Bands of about equal size, and the least number of test cases in one.
_BANDS, _LEAST = 10, 50
#: Widest band of probabilities that are about as likely.
_WIDEST = 0.25


@dataclass(frozen=True)
class StatedBand:
    """Test cases with a stated probability from `low` to `high`, and how often it happened."""

    low: float
    high: float
    happened: Estimate


class StatedBands:
    """The test part cut into bands of the stated probability.

    Of two classes the probability is that of the explained one, and it happened where the label is
    that class; of more it is that of the decision, and it happened where that is right.
    """

    def __init__(self, predictions: Predictions) -> None:
        happened, stated = calibration_subject(predictions)
        closed = np.flatnonzero(predictions.labels >= 0)
        order = closed[np.argsort(stated[closed], kind="stable")]
        self._happened: Bools = happened[order]
        self._drawn = Resampling.of(predictions).take(order)
        self._stated: Floats = stated[order]
        self._bands = max(min(_BANDS, len(order) // _LEAST), 0)

    def of(self, stated: float) -> StatedBand | None:
        """The band of such a case; None where too few are stated so, as in a small test part."""
        if not self._bands:
            return None
        n = len(self._stated)
        place = min(int(np.searchsorted(self._stated, stated)), n - 1)
        return self._all[place * self._bands // n]

    @cached_property
    def _all(self) -> list[StatedBand | None]:
        n = len(self._stated)
        edges = (number * n // self._bands for number in range(self._bands + 1))
        bands = list(itertools.pairwise(edges))
        ends = [(float(self._stated[start]), float(self._stated[end - 1])) for start, end in bands]
        rows = np.arange(n)
        inside = [(self._happened, (start <= rows) & (rows < end)) for start, end in bands]
        return [
            StatedBand(low, high, happened) if high - low <= _WIDEST else None
            for (low, high), happened in zip(ends, self._drawn.rates(inside), strict=True)
        ]


#: How many reasons against the second class are told.
CONTRASTS = 3
#: How many features are named in the list of cases.
_NAMED = 3
#: A row of a table on cases.
C = TypeVar("C", bound=OfCase)


@dataclass(frozen=True)
class Pages:
    """What every case page needs: the draft, the method that tells reasons, the tables.

    in_data : whether the cases are those that the run chose of its data, and none that a person
        brought or asked for.
    """

    draft: Draft
    explainer: str | None
    in_data: bool = True

    @cached_property
    def marks(self) -> CaseMarks:
        """What a person may mark as wrong in the cases."""
        return marks_of(self.draft, in_data=self.in_data)

    @cached_property
    def bands(self) -> StatedBands | None:
        """How often test cases turn out as stated; None where there is nothing to count."""
        results = self.draft.results
        if not (results.has_rows and task_of(results.schema.target).decides):
            return None
        return StatedBands(results.predictions)

    @cached_property
    def numbers(self) -> Mapping[tuple[int, str], int]:
        """{(case, label): number in the picture} of regions and spans."""
        return region_numbers(self.draft.results, self.explainer)

    @cached_property
    def cases(self) -> list[CaseRow]:
        """The cases that have a page."""
        return self.draft.results.rows(*CaseRow.source, CaseRow)

    def written(self, case: int, label: str) -> str:
        """A word of the text of a case as it was written, by the label of its place."""
        results = self.draft.results
        if not (results.has_rows and results.has("cases")):
            return ""
        row = next(row for row in self.cases if row.case == case)
        position = int(results.cases.explained[row.position])
        return results.written(position, results.schema.player_labels.index(label))

    @cached_property
    def _by_case(self) -> dict[type[OfCase], dict[int, list[Any]]]:
        return {}

    def rows(self, of: type[C], number: int) -> list[C]:
        """The rows of one table about one case."""
        if of not in self._by_case:
            by_case = self._by_case[of] = {}
            for row in self.draft.results.rows(*of.source, of):
                by_case.setdefault(row.case, []).append(row)
        return self._by_case[of].get(number, [])

    def label(self, explainer: str | None) -> str:
        """The name of a method inside a sentence."""
        return explainer_inline(self.draft.results, explainer) if explainer else ""


class Labelled(Protocol):
    """A row on a player of a case."""

    @property
    def case(self) -> int: ...
    @property
    def label(self) -> str: ...


def can_change(draft: Draft) -> bool:
    """Whether any feature is declared as one that can change."""
    return any(feature.can_move for feature in draft.results.schema.features)


def featured(pages: Pages, row: Labelled, display: str) -> tuple[str, str]:
    """What a player is called in a sentence, and what stands beside it in brackets.

    A region of an image, or a span of a series, goes by the number that it bears in the picture.
    """
    draft, kind = pages.draft, kind_of(pages.draft.results.schema)
    if kind.quotes:
        display = pages.written(row.case, row.label) or display
    name, beside = kind.mention(row.label, display)
    number = pages.numbers.get((row.case, row.label))
    if not (kind.named_columns or kind.quotes):
        beside = ""
    return draft.text(f"player.{kind.name}", label=name, number=number), draft.words.name(beside)


def row_of(draft: Draft, instance_id: int) -> str:
    """What a case is called in a sentence: its row, or its number where no row may be told.

    One that is not in the data is counted among the new ones, see `artifacts.split.new_ids`.
    """
    return draft.text("row", id=instance_id, banded=not draft.results.privacy.is_full)


def summary(draft: Draft, row: CaseRow) -> str:
    """What was decided, with which probability or number, and what was true."""
    error = row.error
    unit = draft.words.name(draft.results.schema.target.unit or "")
    probability, threshold = _apart(draft.words.numbers, row.probability, row.threshold)
    return draft.text(
        "summary",
        decision=row.decision,
        label=row.label,
        correct=row.correct,
        probability=probability,
        threshold=threshold,
        error=error,
        size="" if error is None else draft.words.numbers.quantity(abs(error), unit),
        target=draft.results.schema.target.explained_class,
        own=_own_probability(draft.results, row),
    )


def sure(pages: Pages, case: ExplainedCase) -> str:
    """How far from the threshold the case lies, and how often such cases turn out as stated."""
    draft, row = pages.draft, case.row
    target, stated = draft.results.schema.target, row.probability
    if stated is None:
        return ""
    threshold, many = row.threshold, len(target.classes) > 2
    if many and case.position is not None:
        stated = float(draft.results.predictions.probabilities[case.position].max())
    band = pages.bands.of(stated) if pages.bands else None
    alike = fits_alike(draft.results, case)
    return draft.text(
        "sure",
        alike=None if alike is None else alike[0],
        fits=0 if alike is None else alike[1],
        beyond=None if threshold is None else stated - threshold,
        many=many,
        target=target.explained_class,
        happened=None if band is None else band.happened,
        low=None if band is None else band.low,
        high=None if band is None else band.high,
    )


def fits_alike(results: Results, case: ExplainedCase) -> tuple[int, int] | None:
    """How many equally good fits of the model decide a test case alike, and of how many."""
    arrays = results.arrays("multiplicity")
    if case.position is None or "alike" not in arrays or case.position >= len(arrays["alike"]):
        return None
    return int(arrays["alike"][case.position]), int(arrays["fits"][0])


def counted(pages: Pages, case: CaseRow) -> str:
    """The names of what counted most: the reasons against a person, or the greatest ones.

    It is told in a list of cases, beside no picture, so that regions and spans go by their place.
    """
    codes = pages.rows(ReasonCode, case.case)
    against: Sequence[ReasonCode | CaseReason] = [row for row in codes if row.role == "reason"]
    mine = [
        row
        for row in against or pages.rows(CaseReason, case.case)
        if row.explainer == pages.explainer
    ]
    mine.sort(key=lambda row: row.rank)
    shown = [r for r in mine if isinstance(r, ReasonCode) or is_readable(r)][:_NAMED]
    kind, words = kind_of(pages.draft.results.schema), pages.draft.words
    if kind.named_columns or kind.quotes:
        names = [featured(pages, row, row.display)[0] for row in shown]
    else:
        names = [words.name(row.label) for row in shown]
    return words.numbers.listing(names)


def decides(results: Results, case: int, words: Wording) -> str:
    """Which protected attributes decide about a refused person; empty where none does."""
    rows = results.rows(*DecidingAttribute.source, DecidingAttribute)
    attributes: dict[str, list[DecidingAttribute]] = {}
    for row in rows:
        if row.case == case:
            attributes.setdefault(row.feature, []).append(row)
    if not attributes:
        return ""
    worded = []
    for name, turning in attributes.items():
        values = [words.name(turning[0].display), *(words.name(row.to_display) for row in turning)]
        if not results.schema.feature(name).is_numeric:
            values = words.numbers.quoted(values)
        others = list(dict.fromkeys(values[1:]))
        worded.append({"label": words.name(turning[0].label), "own": values[0], "others": others})
    favourable = words.name(results.schema.target.favourable_class)
    return words.text("sections.cases.decides", attributes=worded, favourable=favourable)


def change_in_short(pages: Pages, case: CaseRow) -> str:
    """What would change the decision, in a few words; empty where nothing was looked for."""
    steps = pages.rows(ChangeStep, case.case)
    kind = kind_of(pages.draft.results.schema)
    if not steps or not (kind.named_columns or kind.quotes):
        return ""
    if kind.named_columns and not can_change(pages.draft):
        return ""
    changed = [
        {"feature": featured(pages, row, row.from_display)[0], "after": row.to_display}
        for row in steps
        if row.status == "found"
    ]
    return pages.draft.text("change.short", steps=changed)


def _own_probability(results: Results, row: CaseRow) -> float | None:
    """The probability of the class that was decided, where it is not the explained one of many."""
    target = results.schema.target
    if len(target.classes) < 3 or row.decision == target.explained_class:
        return None
    if not results.has_rows:
        return None
    (places,) = (results.predictions.instance_ids == row.instance_id).nonzero()
    if not len(places):
        return None
    return float(results.predictions.probabilities[places[0]].max())


def _apart(
    numbers: NumberFormat, probability: float | None, threshold: float | None
) -> tuple[str, str | None]:
    """Both as percentages, with more digits where they would read alike."""
    first, second = (numbers.percent(share) for share in (probability, threshold))
    if first == second and probability is not None and threshold is not None:
        shares = (probability, threshold)
        first, second = (f"{numbers.digits(100 * share, 2)}\u00a0%" for share in shares)
    return first, None if threshold is None else second


def reasons(pages: Pages, case: CaseRow) -> list[str]:
    """The main reasons as sentences."""
    return [_reason(pages, row) for row in reason_rows(pages, case)]


def reason_rows(pages: Pages, case: CaseRow) -> list[CaseReason]:
    """The main reasons as rows of the table `reasons`, the greatest first."""
    return [row for row in _ranked(pages, CaseReason, case)[:REASONS] if is_readable(row)]


Reason = TypeVar("Reason", bound=CaseReason)


def _ranked(pages: Pages, of: type[Reason], case: CaseRow) -> list[Reason]:
    """What the told method says of a case, the greatest first."""
    mine = [row for row in pages.rows(of, case.case) if row.explainer == pages.explainer]
    return sorted(mine, key=lambda row: row.rank)


def contrasts(pages: Pages, case: CaseRow) -> Values | None:
    """What speaks for the decided class and against the second one; None of two classes."""
    main = [row for row in _ranked(pages, CaseContrast, case)[:CONTRASTS] if is_readable(row)]
    if not main or main[0].output_space == "none":
        return None
    text, decided = pages.draft.text, main[0].class_name
    items = [
        text(
            f"contrast.{row.output_space}",
            **_attributed(pages, row),
            decided=row.class_name,
            second=row.against,
        )
        for row in main
    ]
    return {"head": text("contrast.head", decided=decided, second=main[0].against), "items": items}


def _attributed(pages: Pages, row: CaseReason) -> Values:
    """What every sentence on an attribution names: the feature, and which way and how far."""
    feature, display = featured(pages, row, row.display)
    return {
        "feature": feature,
        "display": display,
        "up": row.attribution > 0,
        "size": abs(row.attribution),
        "factor": math.exp(min(abs(row.attribution), 50.0)),
    }


def _reason(pages: Pages, row: CaseReason) -> str:
    draft = pages.draft
    return draft.text(
        f"reason.{row.output_space}",
        **_attributed(pages, row),
        unit=unit_of(draft.results),
        target=row.class_name or draft.results.schema.target.explained_class,
        rank=row.rank,
    )


def _reference(schema: Schema, explanation: Explanation) -> str:
    """The sentence that tells the reference; layouts are compared with masks or typical input."""
    kind = kind_of(schema)
    game, space = explanation.game or kind.compared_with, explanation.output_space
    if space == "logit" and game != "baseline":
        return "logit_of_rows"
    if space == "value" or game != "baseline":
        return space
    return "logit" if kind.mask is None else "masked"


def start(draft: Draft, case: CaseRow, explainer: str | None) -> str:
    """What the reasons start from: the output at the reference."""
    if explainer not in draft.results.explanations:
        return ""
    explanation = case_explanation(draft.results, explainer)
    if explanation.base_values is None:
        return ""
    place = case.position
    if not 0 <= place < len(explanation) or explanation.output_space == "none":
        return ""
    instance = explanation.of_case(place)
    base = base_of(instance)
    if base is None:
        return ""
    if explanation.output_space == "logit":
        base = 1 / (1 + math.exp(-base))
    from_people = base_of(draft.results.explanations[explainer].of_case(place)) != base_of(instance)
    reference = "shortfall" if from_people else _reference(draft.results.schema, explanation)
    target = draft.results.schema.target
    about = target.explained_class
    if explanation.decided is not None:
        about = target.classes[instance.target]
    metric = (draft.results.config.get("metrics") or {}).get("cases") or {}
    method = (metric.get("reason_codes") or {}).get("method", "")
    return draft.text(
        f"start.{reference}",
        base=base,
        accepted=method == "shortfall_from_accepted",
        target=about,
        unit=unit_of(draft.results),
    )


def agreement(pages: Pages, number: int) -> str:
    """How far the other methods of the same question agree with the told reasons on this case."""
    ranked = set(answering(pages.draft.results))
    pairs = [
        _pair(pages, row)
        for row in pages.rows(CaseAgreement, number)
        if pages.explainer in (row.explainer_a, row.explainer_b)
        and {row.explainer_a, row.explainer_b} <= ranked
        and row.spearman is not None
    ]
    if not pairs:
        return ""
    shared = sum(pair["overlap"] >= 2 for pair in pairs)
    return pages.draft.text("agreement", pairs=pairs, shared=shared)


def _pair(pages: Pages, row: CaseAgreement) -> Values:
    other = row.explainer_b if row.explainer_a == pages.explainer else row.explainer_a
    return {
        "other": pages.label(other),
        "overlap": round(row.top3_overlap * 3),
        "spearman": row.spearman,
    }


def compared(draft: Draft, case: CaseRow) -> str:
    """Which training cases a prototype model decided by; empty for other models."""
    table = draft.results.rows("prototypes", "compared", ComparedPrototype)
    mine = [row for row in table if row.instance_id == case.instance_id]
    if not mine:
        return ""
    known = [
        {
            "row": draft.words.numbers.count(row.prototype_id),
            "share": row.share,
            "label": row.class_label,
        }
        for row in mine
    ]
    split = sum(row.for_decision for row in mine)
    return draft.text("compared", own=known[:split], others=known[split:], decision=case.decision)


def fired(draft: Draft, case: CaseRow) -> Values | None:
    """The rules of a model of rules that hold for a case; None for other models.

    items : of each rule its number, what it says (`when`), and both with its points (`text`).
    """
    table = draft.results.rows("rules", "fired", FiredRule)
    mine = [row for row in table if row.instance_id == case.instance_id]
    if not mine:
        return None
    start = next((row.points for row in mine if not row.rule), 0.0)
    held = [row for row in mine if row.rule]
    items = [
        {
            "number": row.rule,
            "when": row.when,
            "text": draft.text("fired.item", rule=row.rule, points=row.points, when=row.when),
        }
        for row in held
    ]
    head = draft.text(
        "fired.head",
        n=len(held),
        start=start,
        total=start + sum(row.points for row in held),
        decision=case.decision,
        decides=task_of(draft.results.schema.target).decides,
    )
    return {"head": head, "items": items}


def neighbours(pages: Pages, case: CaseRow) -> str:
    """What happened in the nearest cases."""
    near = pages.rows(Neighbour, case.case)
    if not near:
        return ""
    return pages.draft.text(
        "neighbours",
        n=len(near),
        same=sum(row.label == case.decision for row in near),
        decision=case.decision,
        labels=[row.label for row in near],
    )


def change(pages: Pages, case: CaseRow) -> str:
    """The smallest change that alters the decision, as a sentence."""
    draft, steps = pages.draft, pages.rows(ChangeStep, case.case)
    kind = kind_of(draft.results.schema)
    if not kind.named_columns:
        is_drawn = bool(steps) and steps[0].status == "found"
        # a list of places, of an image that is not there to be drawn, is no answer to a person
        can_show = kind.quotes or (is_drawn and "changed_inputs" in draft.results.arrays("cases"))
        return _masked(pages, case, steps) if steps and can_show else ""
    if not can_change(draft):
        decides = task_of(draft.results.schema.target).decides
        return _joined(draft.text("answer.unchangeable"), nearest(pages, case)) if decides else ""
    if not steps:
        return ""
    if steps[0].status != "found":
        within, movable = steps[0].status.removeprefix("none "), steps[0].movable
        named = [f.label for f in draft.results.schema.features if f.can_move]
        names = named if len(named) == movable else []
        none = draft.text(
            "change.none", within=within, movable=movable, margin=steps[0].margin, names=names
        )
        return _joined(none, nearest(pages, case))
    return _change_sentence(pages, case, steps, "change.found")


def other_ways(pages: Pages, case: CaseRow) -> list[str]:
    """Further changes that alter the decision, a sentence each."""
    ways: dict[int, list[OtherWay]] = {}
    for row in pages.rows(OtherWay, case.case):
        ways.setdefault(row.way, []).append(row)
    return [_change_sentence(pages, case, ways[way], "change.other") for way in sorted(ways)]


def _change_sentence(
    pages: Pages, case: CaseRow, steps: Sequence[ChangeStep | OtherWay], words: str
) -> str:
    """What would have to be otherwise, and the probability then."""
    draft, numbers = pages.draft, _numbers(pages)
    after = steps[-1].probability_after
    probability, _ = _apart(draft.words.numbers, after, case.threshold)
    sentence = draft.text(
        words,
        steps=[
            {
                "feature": row.label,
                "before": row.from_display,
                "after": row.to_display,
                "is_number": row.label in numbers,
            }
            for row in steps
        ],
        probability=probability,
        target=draft.results.schema.target.explained_class,
    )
    following = [r for r in pages.rows(Consequence, case.case) if r.way == steps[0].way]
    moves = [
        {"label": row.label, "from_display": row.from_display, "to_display": row.to_display}
        for row in following
    ]
    follows = message("causes.follows", moves=moves) if moves else ""
    return _joined(sentence, draft.words.say(follows))


def _numbers(pages: Pages) -> set[str]:
    """The labels of features whose values are numbers, which stand without quotation marks."""
    return {f.label for f in pages.draft.results.schema.features if f.is_numeric}


def enough(pages: Pages, case: CaseRow) -> str:
    """The rule that is enough for the decision; empty where none was looked for."""
    rules = pages.rows(Anchor, case.case)
    if not rules:
        return ""
    (rule,) = rules
    conditions = pages.rows(AnchorTerm, case.case)
    return pages.draft.text(
        "rule",
        conditions=[
            {"label": row.label, "relation": row.relation, "display": row.display}
            for row in conditions
        ],
        decision=rule.decision,
        kept=rule.precision if conditions and rule.n else None,
        n=rule.n,
        covered=rule.coverage and rule.coverage.value,
        everywhere=rule.everywhere,
        enough=rule.enough,
    )


def pushed(pages: Pages, case: CaseRow) -> Values | None:
    """The training cases that pushed the decision, and those that pushed back."""
    totals = pages.rows(Pushed, case.case)
    if not totals:
        return None
    (total,), text = totals, pages.draft.text
    decides = task_of(pages.draft.results.schema.target).decides
    sides: dict[bool, list[str]] = {True: [], False: []}
    for row in pages.rows(Push, case.case):
        sentence = text(
            "pushed.row",
            row=row_of(pages.draft, row.instance_id),
            label=row.label,
            share=row.share,
            decides=decides,
            common=row.in_common,
        )
        sides[row.toward].append(sentence)
    return {
        "text": text("pushed.text", rows=total.rows, covered=total.covered),
        "sides": [
            [text("pushed.side", toward=toward, decision=total.decision), items]
            for toward, items in sides.items()
            if items
        ],
    }


def nearest(pages: Pages, case: CaseRow) -> str:
    """The real case most like this one that was decided otherwise; empty where none is known."""
    differences = pages.rows(NearestAccepted, case.case)
    if not differences:
        return ""
    draft, numbers = pages.draft, _numbers(pages)
    return draft.text(
        "change.nearest",
        row=row_of(draft, differences[0].instance_id),
        probability=differences[0].probability,
        target=draft.results.schema.target.explained_class,
        others=differences[0].differing - len(differences),
        steps=[
            {
                "feature": row.label,
                "before": draft.words.name(row.from_display),
                "after": draft.words.name(row.to_display),
                "is_number": row.label in numbers,
            }
            for row in differences
        ],
    )


def _joined(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)


def _masked(pages: Pages, case: CaseRow, steps: list[ChangeStep]) -> str:
    """Which words carry the decision, as a sentence; of an image or a series, how many places."""
    draft = pages.draft
    if steps[0].status != "found":
        return draft.text("change.unmasked", within=steps[0].status.removeprefix("none within "))
    named = [featured(pages, row, row.from_display) for row in steps]
    target, after = draft.results.schema.target, steps[-1].probability_after
    about = {
        "probability": _apart(draft.words.numbers, after, case.threshold)[0],
        "target": target.explained_class,
        "many": len(target.classes) > 2,
    }
    if not kind_of(draft.results.schema).quotes:
        return draft.text("change.drawn", n=len(steps), **about)
    return draft.text(
        "change.masked",
        steps=[
            {"name": f"{name} ({beside})", "after": row.to_display}
            for row, (name, beside) in zip(steps, named, strict=True)
        ],
        **about,
    )


def error(draft: Draft, row: ErrorsLikeThis) -> str:
    """A part of the data that the case lies in and where errors are more frequent."""
    return draft.text(
        "error",
        slice=row.slice,
        rate=Estimate.of(row.error_rate, n=row.n),
        rest=row.rest_error_rate,
    )
