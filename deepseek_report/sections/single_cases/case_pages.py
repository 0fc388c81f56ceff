"""What the page of one case says, from the tables of the metric `cases`."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.predictions import FURTHER
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.table import SEPARATOR
from deepseek_report.data_kinds import kind_of
from deepseek_report.metrics.cases.case_choice import NO_PERSON
from deepseek_report.metrics.cases.single_case_rows import (
    CaseInput,
    CaseReason,
    CaseRow,
    ChangeStep,
    ErrorsLikeThis,
    Neighbour,
    ReasonCode,
    TreeQuestion,
    TreeSum,
    WayStep,
)
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.shared.tables import Values, compact
from deepseek_report.sections.single_cases import case_sentences
from deepseek_report.sections.single_cases.case_sentences import Pages, featured, row_of
from deepseek_report.sections.single_cases.explained_cases import ExplainedCase, Glances, waterfall
from deepseek_report.wording.words import CaseWords

#: What a person reads without being told what it means.
_WORDS = re.compile(r"(?:[^\W\d_A-Z]{4,}|age|sex|of|in|per|to|at)(?: (?:[^\W\d_A-Z]{2,}))*")


def codes(pages: Pages, case: CaseRow) -> Values | None:
    """The reasons against the person and what limits them.

    None where the decision is favourable, or no method tells amounts for or against a class.
    """
    draft, table = pages.draft, pages.rows(ReasonCode, case.case)
    coded = {row.explainer for row in draft.results.rows(*ReasonCode.source, ReasonCode)}
    if not is_against(draft, case) or pages.explainer not in coded:
        return None
    mine = [row for row in table if row.explainer == pages.explainer]
    chosen = sorted((row for row in mine if row.role == "reason"), key=lambda row: row.rank)
    accepted = method_of(draft) == "shortfall_from_accepted"
    items = []
    for group in equals(chosen):
        first, *others = [_sentence(pages, row) for row in group]
        items.append(draft.text("codes.equally", reasons=[first, *others]) if others else first)
    return {
        "by": draft.text("codes.by", method=pages.label(pages.explainer), accepted=accepted),
        "items": items,
        "players": [pages.marks.listed(group) for group in equals(chosen)],
        "limits": _limits(pages, chosen, [row for row in mine if row.role == "protected"]),
    }


def is_against(draft: Draft, case: CaseRow) -> bool:
    """Whether the favourable class is declared, and the case was decided otherwise."""
    favourable = favourable_class(draft)
    return favourable is not None and case.decision != favourable


def favourable_class(draft: Draft) -> str | None:
    """The name of the favourable class, where somebody declares it."""
    target = draft.results.schema.target
    return None if target.favourable is None else target.classes[target.favourable]


def method_of(draft: Draft) -> str:
    """With whom the config compares a person for the reason codes."""
    settings = (draft.results.config.get("metrics") or {}).get("cases") or {}
    return str((settings.get("reason_codes") or {}).get("method", "shortfall_from_all"))


def answer_codes(draft: Draft, explainer: str | None) -> None:
    """How many of the reason codes another seed of the method would give."""
    kept = draft.results.score("reason_codes_kept", explainer=explainer) if explainer else None
    if kept is not None:
        draws = draft.results.explanations[kept.explainer].standard_error is not None
        draft.answer("codes", kept=Estimate.of_score(kept), draws=draws)


def caveat_codes(draft: Draft) -> None:
    """That people have none where of more than two classes not the favourable one is explained."""
    schema = draft.results.schema
    target, favourable = schema.target, favourable_class(draft)
    if not schema.attributes_of("person"):
        return
    if len(target.classes) > 2 and favourable and target.explained != target.favourable:
        explained = target.explained_class
        draft.caveat("no_codes", explained=explained, favourable=favourable)


def equals(chosen: Sequence[ReasonCode]) -> list[list[ReasonCode]]:
    """The reasons in their order, those together whose order among them is not certain."""
    groups: list[list[ReasonCode]] = [[]]
    for row in chosen:
        groups[-1].append(row)
        if row.order_certain:
            groups.append([])
    return [group for group in groups if group]


def _sentence(pages: Pages, row: ReasonCode) -> str:
    feature, display = featured(pages, row, row.display)
    return pages.draft.text(
        f"codes.{row.output_space}",
        feature=feature,
        display=display,
        size=row.shortfall,
        factor=math.exp(min(row.shortfall, 50.0)),
        favourable=favourable_class(pages.draft),
    )


def _limits(pages: Pages, chosen: list[ReasonCode], protected: list[ReasonCode]) -> str:
    """What the list does not say for certain, and what may not stand on it."""
    draft, groups = pages.draft, equals(chosen)
    is_open = bool(chosen) and not chosen[-1].order_certain
    hidden = [_inside(pages, row) for row in protected]
    return draft.text(
        "codes.limits",
        n=len(chosen),
        open=len(groups[-1]) if is_open else 0,
        protected=hidden,
        wordless=_without_words(pages, chosen),
    )


def _without_words(pages: Pages, chosen: list[ReasonCode]) -> list[str]:
    """The columns of these reasons that are only called as in the data, by no words of a language.

    Lower-case words of four letters and more are taken for words.
    """
    schema = pages.draft.results.schema
    if not kind_of(schema).named_columns:
        return []
    features = {feature.name: feature for feature in schema.features}
    named = [features[row.feature] for row in chosen if row.feature in features]
    labels = [feature.label for feature in named if feature.is_named_as_in_data]
    return [label for label in labels if not _WORDS.fullmatch(label)]


def _inside(pages: Pages, row: ReasonCode) -> str:
    """What a reason is called inside of a sentence."""
    words, kind = pages.draft.words, kind_of(pages.draft.results.schema)
    if kind.named_columns or kind.quotes:
        return words.inline(words.name(row.label))
    return words.inline(featured(pages, row, row.display)[0])


#: Categories that are named; of more only how many.
_NAMED = 4


def way_of(pages: Pages, case: CaseRow) -> Values | None:
    """Steps from nothing to the output, with the path through a tree; None where none was asked.

    head : what the numbers are. steps : [name, weight of a router, what it adds], which add up to
    the output; layers : [first step, name] of each. path : sentences.
    """
    if steps := pages.rows(WayStep, case.case):
        return _through_layers(pages, case, steps)
    trees = pages.rows(TreeSum, case.case)
    return _through_trees(pages, case, trees[0]) if trees else None


def _through_layers(pages: Pages, case: CaseRow, steps: list[WayStep]) -> Values:
    text, numbers = pages.draft.text, pages.draft.words.numbers
    shown = [row for row in steps if row.kind != "expert" or (row.weight or 0.0) > 0]
    return {
        "head": text("way.layers", decided=case.decision, number=case.probability is None),
        "steps": [
            [
                text(f"way.steps.{row.kind}", branch=row.branch, number=row.number),
                "" if row.weight is None else numbers.percent(row.weight),
                compact(row.added),
            ]
            for row in shown
        ],
        "layers": _layers(pages, shown),
        "path": [],
    }


def _layers(pages: Pages, shown: list[WayStep]) -> list[list[object]]:
    marks: list[list[object]] = []
    for at, row in enumerate(shown):
        if row.layer and (at == 0 or shown[at - 1].layer != row.layer):
            marks.append([at, pages.draft.text("way.layer", n=row.layer)])
    return marks


def _through_trees(pages: Pages, case: CaseRow, whole: TreeSum) -> Values:
    text = pages.draft.text
    path = pages.rows(TreeQuestion, case.case)
    steps = [
        [text("way.trees.base"), "", compact(whole.base)],
        [text("way.trees.for", n=whole.for_n), "", compact(whole.for_added)],
        [text("way.trees.against", n=whole.against_n), "", compact(whole.against_added)],
    ]
    about = {"decided": case.decision, "space": whole.space, "n": whole.trees}
    head = ""
    if path:
        tree = {"tree": path[0].tree, "of": whole.trees, "added": path[0].added}
        head = text("way.trees.path_head", **tree)
    return {
        "head": text("way.trees.head", **about),
        "steps": steps,
        "layers": [],
        "path": [text("way.trees.path", **_question(row)) for row in path],
        "path_head": head,
    }


def _question(row: TreeQuestion) -> Values:
    """One node on the way: what was asked, and where the value lies."""
    names = row.bound.split(SEPARATOR) if row.relation == "among" else []
    return {
        "label": row.label,
        "display": row.display,
        "relation": row.relation,
        "bound": row.bound,
        "names": names if len(names) <= _NAMED else [],
        "n": len(names),
    }


#: Values of one case that are listed; of wide tables the reasons go first.
_INPUTS = 60
#: Nearest cases that stand beside a case, and features by which they are compared.
_BESIDE, _COMPARED = 5, 6


def case_page(pages: Pages, glances: Glances, case: ExplainedCase) -> Values:
    """Everything that is said of a case with a page, worded."""
    draft, row = pages.draft, case.row
    number = row.case
    return {
        "number": number,
        "title": _title(pages, row),
        "pair": _pair(pages, row),
        "called": row_of(draft, row.instance_id),
        "summary": case_sentences.summary(draft, row),
        "text": "" if case.position is None else glances.whole_text(case.position),
        "sure": case_sentences.sure(pages, case),
        "decides": case_sentences.decides(draft.results, number, draft.words),
        "codes": codes(pages, row),
        "contrasts": case_sentences.contrasts(pages, row),
        "reasons": case_sentences.reasons(pages, row),
        "players": [
            pages.marks.listed([reason]) for reason in case_sentences.reason_rows(pages, row)
        ],
        "reasons_by": pages.label(pages.explainer),
        "start": case_sentences.start(draft, row, pages.explainer),
        "compared": case_sentences.compared(draft, row),
        "fired": case_sentences.fired(draft, row),
        "agreement": case_sentences.agreement(pages, number),
        "change": case_sentences.change(pages, row),
        "other_ways": case_sentences.other_ways(pages, row),
        "rule": case_sentences.enough(pages, row),
        "pushed": case_sentences.pushed(pages, row),
        "changed": _changed(pages, glances, case),
        "counted": case_sentences.counted(pages, row),
        "change_in_short": case_sentences.change_in_short(pages, row),
        "errors": [
            case_sentences.error(draft, error) for error in pages.rows(ErrorsLikeThis, number)
        ],
        "inputs": _inputs(pages, number),
        "way": way_of(pages, row),
        "like": _like(pages, glances, case),
        "pictures": [
            name
            for name, picture in draft.results.pictures.items()
            if picture.section == "cases" and name.endswith(f"_{number}")
        ],
    }


def _title(pages: Pages, row: CaseRow) -> str:
    """Why the case is shown; of decisions against it in the words of the config, where it has any.

    Only people have decisions taken against them.
    """
    if not pages.in_data:
        return pages.draft.text("role.asked", new=row.instance_id < 0)
    role = row.role.removeprefix(FURTHER).partition(":")[0]
    results = pages.draft.results
    own = CaseWords.of(results.report.get("words")).unfavourable
    if role in NO_PERSON and (own or not results.schema.attributes_of("person")):
        return pages.draft.text(f"role.{role}", own=own, decision=row.decision)
    return row.role_label


def _pair(pages: Pages, row: CaseRow) -> Values | None:
    """The case that is alike in everything but the group and was decided otherwise."""
    if not row.role.startswith("pair:"):
        return None
    attribute = row.role.split(":", 2)[1]
    others = [
        other
        for other in pages.cases
        if other.role.startswith(f"pair:{attribute}:") and other.role != row.role
    ]
    if not others:
        return None
    label = pages.draft.results.schema.attribute(attribute).label
    sentence = pages.draft.text(
        "pair", attribute=label, other=row_of(pages.draft, others[0].instance_id)
    )
    return {"number": others[0].case, "text": sentence}


def _changed(pages: Pages, glances: Glances, case: ExplainedCase) -> Values | None:
    """The input without what carries its decision: `glance`, or the `marks` of a text.

    marks : [text, whether it is taken away], piece by piece.
    """
    number, results = case.row.case, pages.draft.results
    steps = [row for row in pages.rows(ChangeStep, number) if row.status == "found"]
    kind, changed = kind_of(results.schema), results.arrays("cases").get("changed_inputs")
    if kind.named_columns or not steps or case.position is None:
        return None
    if not kind.quotes:
        return None if changed is None else {"glance": glances.of(changed[[number]])[0]}
    labels = results.schema.player_labels
    gone = [labels.index(row.label) for row in steps]
    return {"marks": _marks(results, case.position, gone)} if results.test.texts else None


def _marks(results: Results, position: int, gone: list[int]) -> list[list[object]]:
    """A text in pieces, each with whether it is one of the players that are gone."""
    texts, owners = results.test.texts, results.schema.owners
    if texts is None:
        return []
    whole, behind, pieces = texts.text(position), 0, list[list[object]]()
    spans = (texts.span(position, np.flatnonzero(owners == player)) for player in gone)
    for start, end in sorted(span for span in spans if span[0] >= 0):
        pieces += [[whole[behind:start], False], [whole[start:end], True]]
        behind = end
    return [piece for piece in (*pieces, [whole[behind:], False]) if piece[0]]


def _inputs(pages: Pages, number: int) -> list[list[str]]:
    """[label, value, typical value] of a table, the reasons first where not all are listed.

    A text, an image or a series is seen in its picture.
    """
    if not kind_of(pages.draft.results.schema).named_columns:
        return []
    inputs = pages.rows(CaseInput, number)
    if len(inputs) > _INPUTS:
        reasons = {row.feature for row in pages.rows(CaseReason, number)}
        inputs = sorted(inputs, key=lambda row: row.feature not in reasons)[:_INPUTS]
    return [[row.label, row.display, row.typical] for row in inputs]


def _like(pages: Pages, glances: Glances, case: ExplainedCase) -> Values | None:
    """The nearest training cases beside this one: what happened, what the model says, how alike.

    heads : what the columns are called. rows : [label, this case, others…]. words, glances : what
    the others are where they are no table.
    """
    near = pages.rows(Neighbour, case.row.case)[:_BESIDE]
    if not near:
        return None
    numbers = pages.draft.words.numbers
    own = (case.row.probability, case.row.prediction)
    stated = [own, *((row.probability, row.prediction) for row in near)]
    in_unit, target = case.row.probability is None, pages.draft.results.schema.target
    outputs = [numbers.number(n) if in_unit else numbers.percent(p) for p, n in stated]
    text, texts = pages.draft.text, [n.text for n in near]
    head = (
        text("like.prediction")
        if in_unit
        else text("like.probability", target=target.explained_class)
    )
    shown = in_unit or len(target.classes) == 2
    return {
        "text": case_sentences.neighbours(pages, case.row),
        "heads": [text("like.this"), *(text("like.other", n=n.rank) for n in near)],
        "rows": [
            [text("like.happened"), case.row.label, *(n.label for n in near)],
            *([[head, *outputs]] if shown else []),
            [text("like.distance"), "", *(numbers.number(n.distance) for n in near)],
            *_values_beside(pages, case, len(near)),
        ],
        "words": texts,
        "glances": [] if any(texts) else glances.of(_neighbours(pages, case, len(near))),
    }


def _neighbours(pages: Pages, case: ExplainedCase, most: int) -> Floats:
    """(neighbour, column) their inputs; none where the run folder does not hold them."""
    stored = pages.draft.results.arrays("cases").get("neighbour_inputs")
    columns = len(pages.draft.results.schema.features)
    return np.zeros((0, columns)) if stored is None else stored[case.row.case][:most]


def _values_beside(pages: Pages, case: ExplainedCase, most: int) -> list[list[str]]:
    """[label, value of this case, values of the others…] of the features that count most here."""
    schema, near = pages.draft.results.schema, _neighbours(pages, case, most)
    kind = kind_of(schema)
    if not kind.named_columns or not len(near) or case.position is None:
        return []
    drawn = waterfall(pages.draft, pages.explainer, case) if pages.explainer else None
    counted = drawn.order if drawn else range(len(schema.features))
    name, own = pages.draft.words.name, pages.draft.results.test.inputs[case.position]
    return [
        [
            name(schema.player_labels[player]),
            *(name(kind.display(row, player)) for row in (own, *near)),
        ]
        for player in list(counted)[:_COMPARED]
    ]
