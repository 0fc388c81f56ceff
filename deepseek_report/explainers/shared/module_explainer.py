"""What explainers that look into a torch module share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.artifacts.protocols.models import ModelPlugin
from deepseek_report.artifacts.protocols.traits import ExplainerPart
from deepseek_report.explainers.shared.attributions import chunks, missing_capability


class ModuleExplainer(ExplainerPart):
    """Base of an explainer that needs more of a module than its predictions; it draws nothing.

    method : what the explanation calls it. chunk : instances that are explained at a time.
    """

    samples: ClassVar[bool] = False
    method: ClassVar[str]
    chunk: int

    def planned_calls(self, n_instances: int, n_features: int, n_background: int) -> int:
        return 2 * n_instances

    def refuses(self, model: ModelPlugin, nature: DataTraits) -> Message | None:
        return missing_capability(self.requires, model)

    def parts(self, context: ExplainContext) -> Iterator[slice]:
        """Slices of the instances, one after another; each counts as done when the next begins."""
        n = len(context.inputs)
        context.progress.start(self.method, n)
        for part in chunks(n, self.chunk):
            yield part
            context.progress.advance(part.stop - part.start)
