"""What a person may mark as wrong in the cases of a report, as far as an extension brings it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence

from deepseek_report.extension import installed
from deepseek_report.metrics.cases.single_case_rows import OfPlayer
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.shared.tables import Values
from deepseek_report.sections.single_cases.explained_cases import ExplainedCase


class CaseMarks:
    """Base of what can be marked in the cases of a run; by itself nothing can.

    What it returns stands in the data of the browser of cases, whose script offers the marks.
    """

    def shared(self) -> Values | None:
        """What all cases share, None where nothing can be marked."""
        return None

    def of_case(self, case: ExplainedCase) -> Values:
        """What names a case; empty where it must not be named."""
        return {}

    def of_page(self, case: ExplainedCase, numbers: Mapping[tuple[int, str], int]) -> Values:
        """What of an input can be marked that is no table. numbers : see `Pages.numbers`."""
        return {}

    def listed(self, rows: Sequence[OfPlayer]) -> list[int]:
        """The players that these rows of a table of reasons are about and that can be marked."""
        return []


def marks_of(draft: Draft, *, in_data: bool) -> CaseMarks:
    """What an extension lets a person mark.

    in_data : whether the cases are rows of the run's data.
    """
    module = next((each.case_marks for each in installed() if each.case_marks), "")
    if not module:
        return CaseMarks()
    marks: CaseMarks = importlib.import_module(module).marks_of(draft, in_data=in_data)
    return marks
