"""Every test row that was decided against a person, with its reasons, to be found by its number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepseek_report.findings.records import Row, rows
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.single_cases.case_sentences import Pages
from deepseek_report.sections.single_cases.compact_numbers import compact

_REASONS = ("reason_1", "reason_2", "reason_3", "reason_4")


def refused_rows(pages: Pages) -> list[Row]:
    """Those of the method whose reasons are told."""
    table = rows(pages.draft.results, "cases", "refused")
    return [row for row in table if row["explainer"] == pages.explainer]


def refused_data(draft: Draft, refused: Sequence[Row]) -> dict[str, Any] | None:
    """Plain data for the script, None where there are none.

    rows : {row: [probability, how many reasons are certainly the largest, whether they are rough,
    positions of the reasons in `labels`]}.
    """
    if not refused:
        return None
    labels = sorted({row[name] for row in refused for name in _REASONS} - {""})
    place = {label: at for at, label in enumerate(labels)}
    return {
        "labels": [draft.words.name(label) for label in labels],
        "rows": {
            str(int(row["instance_id"])): [
                compact(float(row["probability"])),
                int(row["certain"]),
                int(bool(row["rough"])),
                [place[row[name]] for name in _REASONS if row[name]],
            ]
            for row in refused
        },
    }
