"""What every metric that looks inside a language model has in common: its prompts and its work."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.classifier import ContinuesText
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Bounds
from deepseek_report.artifacts.split import Split
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.plugin import ComputeMetric
from deepseek_report.statistics.intervals import mean_interval
from deepseek_report.statistics.resampling import Resampling

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from deepseek_report.metrics.language.residual_stream import Prompts

#: Fewer prompts tell too little of any part.
FEWEST = 30


class InsideMetric(ComputeMetric):
    """Defaults of a metric that looks inside a language model; it gives tables and no score."""

    bounds: ClassVar[Bounds | None] = {}
    reads = frozenset({"classifier", "dataset", "seed"})
    requires = frozenset({"language_model"})


def continuing(context: MeasureContext) -> ContinuesText:
    """The model of the run as one that continues texts."""
    return cast(ContinuesText, context.classifier)


def prompts_of(model: ContinuesText, part: Split, rows: Ints) -> Prompts:
    """The prompts in these rows, and the token that follows each."""
    from deepseek_report.metrics.language.residual_stream import Prompts

    return Prompts.of(model.token_ids(part.inputs[rows]), model.class_tokens[part.labels[rows]])


def some_prompts(
    context: MeasureContext, metric: str, passes: int, wanted: int, most_work: int
) -> Ints:
    """At most so many test rows, in random order, as `passes` of each cost no more than allowed.

    Work is counted as passes × tokens × parameters that are no embedding. Raises
    NotApplicableError where fewer than `FEWEST` prompts could be run.
    """
    model, test = continuing(context), context.dataset.test
    drawn = np.random.default_rng(context.seed).permutation(len(test))[:wanted]
    if not len(drawn):
        return drawn
    tokens = max(map(len, model.token_ids(test.inputs[drawn])))
    each = passes * tokens * weights_of(model.language_model.net)
    affordable = most_work // each
    if affordable < min(FEWEST, len(drawn)):
        raise NotApplicableError(
            message(
                "refusals.too_much_inside",
                prompts=FEWEST,
                work=FEWEST * each,
                most=most_work,
                metric=metric,
            )
        )
    return drawn[:affordable]


def weights_of(net: PreTrainedModel) -> int:
    """Parameters of a network that are no embedding of tokens or places, at least 1."""
    size = sum(parameter.numel() for parameter in net.parameters())
    embeddings = (part for part in net.modules() if type(part).__name__ == "Embedding")
    size -= sum(weight.numel() for part in embeddings for weight in part.parameters())
    return max(int(size), 1)


def ratio(drawn: Resampling, parts: Floats, wholes: Floats) -> Estimate:
    """Σ parts / Σ wholes over (prompt,) numbers, with its interval by linearisation.

    Not defined where the mean of the wholes is not surely above 0.
    """
    whole, least, _ = (float(end) for end in mean_interval(drawn.per_unit(wholes)))
    if not least > 0:
        return Estimate(np.nan, n=len(wholes))
    share = float(parts.mean()) / whole
    return drawn.mean(share + (parts - share * wholes) / whole, "")


def known_or_all(part: Split, rows: Ints, prompts: Prompts) -> Bools:
    """(prompt, place) the tokens that are known to make the answer; all where nobody knows any."""
    marked = prompts.present.copy()
    if part.truth is None:
        return marked
    for at, row in enumerate(rows):
        written = np.flatnonzero(np.isfinite(part.inputs[row]))
        known = part.truth[row][written]
        if known.any():
            length = prompts.lengths[at]
            marked[at] = False
            marked[at, length - len(written) : length] = known
    return marked
