"""Any subset of several labels is given; the report is about one of them, as two classes."""

from __future__ import annotations

from deepseek_report.artifacts.schema import Target
from deepseek_report.tasks.classification import Classification


class MultiLabel(Classification):
    """Several labels at once; the one that is reported is decided as two classes are."""

    name = "multi_label"
    several = True

    def n_outputs(self, target: Target) -> int:
        return len(target.labels)
