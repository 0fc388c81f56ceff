"""The stored answers of the model around each case, as the page's script reads them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.results import Results
from deepseek_report.data_kinds.row_conditions import relation_in_words
from deepseek_report.findings.records import Row
from deepseek_report.metrics.cases.what_if import WhatIfAnswers
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.single_cases.compact_numbers import compact_list
from deepseek_report.wording.words import Wording


@dataclass(frozen=True)
class WhatIfData:
    """The answers of a run."""

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

    def shared(self) -> dict[str, Any]:
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

    def of_case(self, place: int, steps: list[Row]) -> dict[str, Any] | None:
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

    def _grid(self, case: int, pair: int, first: int, second: int) -> Any:
        """[value of the first][value of the second][output]."""
        rows, columns = (len(_known(self.answers.grid[at])) for at in (first, second))
        return compact_list(self.answers.together[case, pair, :rows, :columns])

    def _inputs(self, place: int) -> Any:
        results = self.draft.results
        return results.test.inputs[int(results.cases.explained[place])]

    def _change(self, steps: list[Row]) -> Mapping[str, Any] | None:
        """The change that was found, and what the model answered to it."""
        if not steps or steps[0]["status"] != "found":
            return None
        names = self.draft.results.schema.names
        columns = self.answers.columns.tolist()
        values = [finite(step.get("to_value")) for step in steps]
        wanted = [names.index(step["feature"]) for step in steps]
        if None in values or any(j not in columns for j in wanted):
            return None
        return {
            "set": [[columns.index(j), value] for j, value in zip(wanted, values, strict=True)],
            "output": compact_list([steps[-1]["probability_after"]]),
        }

    def _display(self, column: int, value: float) -> str:
        feature = self.draft.results.schema.features[column]
        return self.draft.words.name(feature.display(float(value)))


def _known(values: Any) -> Any:
    return values[np.isfinite(values)]


def _around(words: Wording, unit: str | None) -> list[str]:
    """What stands before a number with this unit, and behind it."""
    sample = words.numbers.quantity(math.pi, words.name(unit or ""))
    number = words.numbers.number(math.pi)
    before, _, behind = sample.partition(number)
    return [before, behind]
