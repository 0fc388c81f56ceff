"""All explained cases as the page's script lists them, with the pages of those that have one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.results import Results
from deepseek_report.data_kinds.row_conditions import relation_in_words
from deepseek_report.findings.explainer_verdicts import leading_for_cases, verdict_of
from deepseek_report.metrics.cases.single_case_rows import ChangeStep
from deepseek_report.metrics.cases.what_if import WhatIfAnswers
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.shared.tables import Values, compact, compact_list
from deepseek_report.sections.single_cases import case_sentences
from deepseek_report.sections.single_cases.case_sentences import Pages
from deepseek_report.sections.single_cases.explained_cases import (
    ExplainedCase,
    Glances,
    stated,
    waterfall_data,
    waterfalls_toward,
)
from deepseek_report.tasks import task_of
from deepseek_report.wording.words import Wording


@dataclass(frozen=True)
class WhatIfData:
    """The stored answers of the model around each case, as the page's script reads them."""

    draft: Draft
    answers: WhatIfAnswers

    @classmethod
    def of(cls, draft: Draft) -> WhatIfData | None:
        """None where the run did not ask the model, or its folder does not hold the rows."""
        results: Results = draft.results
        arrays = results.arrays("what_if")
        if not arrays or not results.has_rows:
            return None
        return cls(draft, WhatIfAnswers.from_arrays(arrays))

    def shared(self) -> Values:
        """What all cases share: the features, and the values that they were set to."""
        answers, schema = self.answers, self.draft.results.schema
        features = schema.features
        return {
            "features": [
                {
                    "label": self.draft.words.name(features[j].label),
                    "moves": bool(answers.can_move[at]),
                    "numeric": features[j].is_numeric,
                    "unit": _around(self.draft.words, features[j].unit),
                    "points": compact_list(_known(answers.points[at])),
                    "texts": [self._display(j, value) for value in _known(answers.points[at])],
                    "support": compact_list(answers.support[at][np.isfinite(answers.points[at])]),
                    "grid": compact_list(_known(answers.grid[at])),
                }
                for at, j in enumerate(answers.columns)
            ],
            "asked": self.draft.text("what_if.asked", n=answers.model_rows),
            "adds_up": answers.adds_up,
            "real": answers.n_train,
            "relations": [
                self.draft.text("what_if.relation", relation=relation_in_words(schema, relation))
                for relation in schema.relations
            ],
        }

    def of_case(self, place: int, steps: list[ChangeStep]) -> Values | None:
        """The answers about one case; steps : its rows of the table `counterfactuals`."""
        (cases,) = np.nonzero(self.answers.places == place)
        if not len(cases):
            return None
        case, answers = int(cases[0]), self.answers
        row = self._inputs(place)[answers.columns]
        sizes = [len(_known(points)) for points in answers.points]
        return {
            "own": compact_list(row),
            "own_texts": [
                self._display(j, value) for j, value in zip(answers.columns, row, strict=True)
            ],
            "start": compact_list(answers.start[case]),
            "alone": [
                compact_list(part[:size])
                for part, size in zip(answers.alone[case], sizes, strict=True)
            ],
            "pairs": [
                [int(a), int(b), self._grid(case, pair, int(a), int(b))]
                for pair, (a, b) in enumerate(answers.pairs[case])
                if a >= 0
            ],
            "change": self._change(steps),
        }

    def _grid(self, case: int, pair: int, first: int, second: int) -> object:
        """[value of the first][value of the second][output]."""
        rows, columns = (len(_known(self.answers.grid[at])) for at in (first, second))
        return compact_list(self.answers.together[case, pair, :rows, :columns])

    def _inputs(self, place: int) -> Floats:
        results = self.draft.results
        return np.asarray(results.test.inputs[int(results.cases.explained[place])])

    def _change(self, steps: list[ChangeStep]) -> Values | None:
        """The change that was found, and what the model answered to it."""
        if not steps or steps[0].status != "found":
            return None
        names = self.draft.results.schema.names
        columns = self.answers.columns.tolist()
        values = [step.to_value for step in steps]
        wanted = [names.index(step.feature) for step in steps]
        if None in values or any(j not in columns for j in wanted):
            return None
        return {
            "set": [[columns.index(j), value] for j, value in zip(wanted, values, strict=True)],
            "output": compact_list([_number(steps[-1].probability_after)]),
        }

    def _display(self, column: int, value: float) -> str:
        feature = self.draft.results.schema.features[column]
        return self.draft.words.name(feature.display(float(value)))


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _known(values: Floats) -> Floats:
    return values[np.isfinite(values)]


def _around(words: Wording, unit: str | None) -> list[str]:
    """What stands before a number with this unit, and behind it."""
    sample = words.numbers.quantity(math.pi, words.name(unit or ""))
    number = words.numbers.number(math.pi)
    before, _, behind = sample.partition(number)
    return [before, behind]


def browser(
    pages: Pages, glances: Glances, cases: Sequence[ExplainedCase], contents: Sequence[Values]
) -> Values:
    """Plain data for the script.

    cases : all explained cases, those with a page first. contents : the pages of these.
    """
    draft = pages.draft
    target = draft.results.schema.target
    what_if = WhatIfData.of(draft)
    return {
        "number": not task_of(target).decides,
        "classes": list(map(draft.words.name, target.classes)),
        "explained": target.explained,
        "favourable": target.favourable,
        "threshold": _threshold(draft, cases),
        "method": _method(pages),
        "no_reasons": pages.explainer is None and leading_for_cases(draft.results) is not None,
        "groups": _groups(draft),
        "what_if": what_if.shared() if what_if else None,
        "marks": pages.marks.shared(),
        "cases": [_entry(pages, glances, case) for case in cases],
        "pages": [
            {
                **page,
                "what_if": _answers(what_if, pages, case),
                "marks": pages.marks.of_page(case, pages.numbers),
            }
            for case, page in zip(cases, contents, strict=False)
        ],
        "unit": draft.words.name(target.unit or ""),
        "group": draft.words.numbers.separators[1:],
        "noun": draft.text("noun"),
        "numbered": draft.text("numbered"),
    }


def _threshold(draft: Draft, cases: Sequence[ExplainedCase]) -> float | None:
    """The probability from which the explained class of two is decided."""
    target = draft.results.schema.target
    if not task_of(target).decides or len(target.classes) != 2:
        return None
    stated = cases[0].row.threshold if cases else None
    return 0.5 if stated is None else stated


def _method(pages: Pages) -> Values | None:
    if not pages.explainer:
        return None
    results = pages.draft.results
    verdict = verdict_of(results, pages.explainer)
    space = results.explanations[pages.explainer].output_space
    return {
        "label": pages.label(pages.explainer),
        "space": space,
        "trusted": bool(verdict.is_trusted),
    }


def _groups(draft: Draft) -> list[Values]:
    """The attributes by which cases are filtered, with their levels."""
    if not draft.results.has_rows:
        return []
    name = draft.words.name
    return [
        {"label": name(attribute.label), "levels": list(map(name, attribute.levels))}
        for attribute in draft.results.schema.attributes
    ]


def _entry(pages: Pages, glances: Glances, case: ExplainedCase) -> Values:
    draft, row = pages.draft, case.row
    target = draft.results.schema.target
    entry: Values = {
        "id": row.instance_id,
        "name": case_sentences.row_of(draft, row.instance_id),
        "probability": compact(stated(draft.results, case)),
        "decision": row.decision,
        "truth": row.label,
        "groups": _levels(draft, case),
    }
    if task_of(target).decides:
        known = bool(row.label)
        entry |= {
            "right": row.correct if known else None,
            "decided": target.classes.index(row.decision),
        }
    else:
        entry |= {"error": compact(_number(row.error))}
    alike = case_sentences.fits_alike(draft.results, case)
    if alike is not None and alike[0] < alike[1]:
        entry |= {"alike": list(alike)}
    if not case.has_page:
        entry |= {
            "summary": case_sentences.summary(draft, row),
            "sure": case_sentences.sure(pages, case),
        }
    if case.position is not None:
        glance = glances.of_case(case.position)
        entry |= {"glance": glance} if any(glance.values()) else {}
    if mark := pages.marks.of_case(case):
        entry |= {"mark": mark}
    if pages.explainer:
        entry |= {"waterfall": waterfall_data(draft, pages.explainer, case)}
        if toward := waterfalls_toward(draft, pages.explainer, case):
            entry |= {"toward": toward}
    return entry


def _levels(draft: Draft, case: ExplainedCase) -> list[int]:
    """The position of the case's level in each attribute, -1 where it is unknown."""
    if case.position is None:
        return []
    groups = draft.results.predictions.groups
    return [
        int(np.asarray(groups[attribute.name])[case.position]) if attribute.name in groups else -1
        for attribute in draft.results.schema.attributes
    ]


def _answers(what_if: WhatIfData | None, pages: Pages, case: ExplainedCase) -> Values | None:
    if what_if is None or case.place is None:
        return None
    return what_if.of_case(case.place, pages.rows(ChangeStep, case.row.case))
