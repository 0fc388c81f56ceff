"""Single cases: why this decision, and what would change it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.results import Results
from deepseek_report.data_kinds import kind_of
from deepseek_report.datasets.checks.new_rows import StrangeValue
from deepseek_report.findings import explainer_verdicts
from deepseek_report.findings.records import explainer_label, setting
from deepseek_report.metrics.cases.single_case_rows import (
    CaseRow,
    ChangeStep,
    DecidingAttribute,
    RefusedCase,
)
from deepseek_report.sections.shared.draft import Draft, DraftedSection, ids_of
from deepseek_report.sections.shared.tables import Values, compact, number_cell, percent_cell
from deepseek_report.sections.single_cases import case_sentences
from deepseek_report.sections.single_cases.case_browser import browser
from deepseek_report.sections.single_cases.case_pages import (
    answer_codes,
    case_page,
    caveat_codes,
    is_against,
)
from deepseek_report.sections.single_cases.case_sentences import Pages, can_change
from deepseek_report.sections.single_cases.explained_cases import (
    ExplainedCase,
    Glances,
    explained_cases,
    stated,
)
from deepseek_report.tasks import task_of
from deepseek_report.wording.words import Wording


def refused_rows(pages: Pages) -> list[RefusedCase]:
    """Those of the method whose reasons are told."""
    table = pages.draft.results.rows("cases", "refused", RefusedCase)
    return [row for row in table if row.explainer == pages.explainer]


def refused_data(draft: Draft, refused: Sequence[RefusedCase]) -> Values | None:
    """Plain data for the script, None where there are none.

    rows : {row: [probability, how many reasons are certainly the largest, whether they are rough,
    positions of the reasons in `labels`, which protected attributes decide]}.
    """
    if not refused:
        return None
    labels = sorted({label for row in refused for label in row.reasons})
    place = {label: at for at, label in enumerate(labels)}
    return {
        "labels": [draft.words.name(label) for label in labels],
        "rows": {
            str(row.instance_id): [
                compact(row.probability),
                row.certain,
                int(row.rough),
                [place[label] for label in row.reasons],
                draft.words.numbers.either(list(map(draft.words.name, row.attributes))),
            ]
            for row in refused
        },
    }


def list_row(draft: Draft, case: ExplainedCase, page: Values) -> Values:
    """A case in a line, for paper: why it is shown, what was decided and happened, what counted."""
    row, numbers = case.row, draft.words.numbers
    cells = {
        "shown": page["title"],
        "row": numbers.count(row.instance_id) if row.instance_id >= 0 else page["called"],
        "decision": row.decision,
        "truth": row.label,
        "counted": page["counted"],
        "change": page["change_in_short"],
    }
    if task_of(draft.results.schema.target).decides:
        return cells | percent_cell(numbers, "probability", stated(draft.results, case))
    return cells | number_cell(numbers, "error", row.error)


@dataclass(frozen=True)
class CasesSection(DraftedSection):
    """Lets readers go through single cases: input, decision, reasons, cases like it, what if."""

    name = "cases"
    needs = frozenset({"measures/cases"})
    #: Of one case each, named after its YAML and the case; the first shows the input itself.
    pictures = "text_highlights image_heatmaps series_attributions case_contributions"
    uses = ids_of(measures="cases prototypes rules") | {"explanations"}

    def write(self, draft: Draft) -> None:
        results = draft.results
        explainer = explainer_verdicts.listed_for_cases(results)
        cases = explained_cases(results)
        paged = [case for case in cases if case.has_page]
        if paged:
            _answer(draft, [case.row for case in paged], len(cases), explainer)
        _browse(Pages(draft, explainer), cases)


def given_cases(
    results: Results, explainer: str, strange: Mapping[int, Sequence[StrangeValue]]
) -> SectionContent:
    """The content on new rows, or on one of the data, that a person brings to a finished run.

    explainer : the method of the run by which they are told. strange : see `strange_cases`.
    """
    draft = Draft("cases", results)
    cases = [case for case in explained_cases(results) if case.has_page]
    if _are_new(cases):
        draft.answer("given", n=len(cases), run=results.run_id)
    else:
        draft.answer("of_data", row=cases[0].row.instance_id, run=results.run_id)
    draft.values["strange"] = strange_cases(draft, strange)
    draft.answers += draft.values["strange"]
    listed = None if explainer_verdicts.verdict_of(results, explainer).has_failed else explainer
    _doubt(draft, explainer, listed)
    _browse(Pages(draft, listed, in_data=False), cases)
    return draft.content(CasesSection.needs)


def _are_new(cases: Sequence[ExplainedCase]) -> bool:
    """Whether the cases are none of the data."""
    return any(case.row.instance_id < 0 for case in cases)


def strange_cases(draft: Draft, strange: Mapping[int, Sequence[StrangeValue]]) -> list[str]:
    """A sentence on each new case with values that no training row has: {its number: them}."""
    return [
        strange_case(draft.words, case_sentences.row_of(draft, number), values)
        for number, values in strange.items()
    ]


def strange_case(words: Wording, case: str, strange: Sequence[StrangeValue]) -> str:
    """Which values of a case no training row has, and what that means for its decision."""
    values = [vars(value) for value in strange if value.kind != "missing"]
    missing = [value.label for value in strange if value.kind == "missing"]
    doubtful = any(value.is_doubtful for value in strange)
    slots = {"case": case, "values": values, "missing": missing, "doubtful": doubtful}
    return words.text("sections.cases.answer.strange", **slots)


def _browse(pages: Pages, cases: Sequence[ExplainedCase]) -> None:
    """Fill a draft with all cases, and what limits what is said of them."""
    draft = pages.draft
    results = draft.results
    paged = [case for case in cases if case.has_page]
    kind = kind_of(results.schema)
    if kind.quotes:
        draft.caveat("masked")
    elif kind.named_columns and (
        not task_of(results.schema.target).decides or _found_changes(results)
    ):
        draft.caveat("not_advice")
    if _assumed_directions(draft):
        draft.caveat("assumed_directions")
    _caveat_decides(draft, [case.row for case in paged])
    draft.notes(["cases"])
    glances = Glances.over(results, draft.words, _inputs(results, cases))
    contents = [case_page(pages, glances, case) for case in paged]
    refused = refused_rows(pages)
    draft.values |= {
        "cases": contents,
        "browser": browser(pages, glances, cases, contents)
        | {"refused": refused_data(draft, refused)},
        "list": [list_row(draft, case, page) for case, page in zip(paged, contents, strict=True)],
        "list_caption": draft.text(
            "list_caption",
            in_data=pages.in_data,
            new=_are_new(cases),
            banded=not results.privacy.is_full,
        ),
        "refused": draft.metric_table("cases", "refused", refused),
        "decides": task_of(results.schema.target).decides,
    }


def _inputs(results: Results, cases: Sequence[ExplainedCase]) -> Floats:
    """(case, column) those of all cases whose rows the run folder holds."""
    positions = [case.position for case in cases if case.position is not None]
    if not positions:
        return np.zeros((0, len(results.schema.features)))
    return np.asarray(results.test.inputs[positions])


def _changes(results: Results) -> list[ChangeStep]:
    return results.rows(*ChangeStep.source, ChangeStep)


def _found_changes(results: Results) -> set[int]:
    return {row.case for row in _changes(results) if row.status == "found"}


def _assumed_directions(draft: Draft) -> bool:
    """Whether changes were looked for in directions of which nobody said that a person can go."""
    features = [feature for feature in draft.results.schema.features if feature.can_move]
    ordered = [feature for feature in features if feature.kind != "categorical"]
    undeclared = all(feature.direction == "either" for feature in ordered)
    return bool(ordered) and undeclared and bool(_changes(draft.results))


def _answer(draft: Draft, table: list[CaseRow], n_explained: int, explainer: str | None) -> None:
    """Table : the cases that have a page."""
    changes = _changes(draft.results)
    changed = _found_changes(draft.results)
    draft.answer("count", n=len(table), of=n_explained, wrong=sum(not row.correct for row in table))
    if leading := explainer or explainer_verdicts.leading_for_cases(draft.results):
        _doubt(draft, leading, explainer)
    if explainer:
        space = draft.results.explanations[explainer].output_space
        verdict = explainer_verdicts.verdict_of(draft.results, explainer)
        draft.answer(
            "method",
            explainer=explainer_label(draft.results, explainer),
            points=space == "probability",
            log_odds=space == "logit",
            sums=bool(verdict.adds_up),
            trusted=verdict.is_trusted,
        )
    answer_codes(draft, explainer)
    caveat_codes(draft)
    if changes and kind_of(draft.results.schema).quotes:
        draft.answer("masked", n=len(changed), total=len(table))
    elif kind_of(draft.results.schema).named_columns:
        _answer_changes(draft, changes, len(table))


def _caveat_decides(draft: Draft, paged: Sequence[CaseRow]) -> None:
    """In which of the cases with a page a protected attribute decides."""
    labels: dict[int, dict[str, None]] = {}
    for row in draft.results.rows(*DecidingAttribute.source, DecidingAttribute):
        labels.setdefault(row.case, {})[draft.words.name(row.label)] = None
    cases = [
        {"row": case_sentences.row_of(draft, case.instance_id), "labels": list(labels[case.case])}
        for case in paged
        if case.case in labels
    ]
    if cases:
        draft.caveat("decides", cases=cases, against=sum(is_against(draft, case) for case in paged))


def _doubt(draft: Draft, explainer: str, listed: str | None) -> None:
    """What stands against the reasons of a method; listed : the same where it gives some."""
    verdict = explainer_verdicts.verdict_of(draft.results, explainer)
    if not listed:
        draft.answer("no_reasons", no_skill=verdict.use == "no_skill")
    elif not verdict.is_trusted:
        label = explainer_label(draft.results, explainer)
        draft.caveat("not_trusted", explainer=label, use=verdict.use)


def _answer_changes(draft: Draft, changes: list[ChangeStep], total: int) -> None:
    """For how many decisions a change is known; against the person alone where that is known."""
    if not task_of(draft.results.schema.target).decides:
        return
    most = int(setting(draft.results, "metrics", "cases", "change_at_most", 3))
    share = draft.results.score("counterfactual_share")
    if not can_change(draft):
        draft.answer("unchangeable")
    elif share is not None:
        draft.answer("reachable", share=Estimate.of_score(share), most=most)
    elif draft.results.schema.target.favourable is None and changes:
        n = len(_found_changes(draft.results))
        draft.answer("changes", n=n, total=total, most=most)
