"""What each part of a model is needed for: the loss and the decisions without it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.disclosure import WHOLE, TableRelease
from deepseek_report.artifacts.estimate import UNDEFINED, Estimate
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.protocols.modules import (
    REPLACEMENTS,
    Replacement,
    ReplacesParts,
    Step,
)
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.table import TableType
from deepseek_report.artifacts.table_rows import read_rows
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.internals.internal_rows import AblatedInGroup, AblatedPart
from deepseek_report.metrics.internals.routing import ExpertShare
from deepseek_report.metrics.internals.tracing import array, torch_module
from deepseek_report.metrics.performance.predicting import softmax
from deepseek_report.metrics.plugin import ComputeMetric, Rows
from deepseek_report.statistics.intervals import SHARE, holm, mean_p_value
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import task_of
from deepseek_report.tasks.loss import decide

#: Rows that run together, and are each other's mean and substitutes; the least for that, and the
#: numbers that the attention of a head over them may have.
_BATCH, _LEAST, _WEIGHTS = 256, 16, 2**22
#: Fewer rows tell too little of any part.
_FEWEST = 100
#: A part is called needed where its corrected p-value lies below this, and spare likewise.
SIGNIFICANT = 0.05
#: Kinds of parts that are looked at group by group.
_BY_GROUP = ("experts", "expert", "shared_expert")


@dataclass(frozen=True)
class Ablation(ComputeMetric):
    """What happens without a layer, a branch, a head, the weights of heads, or an expert.

    In its place stands nothing ("zero"), its mean over the rows ("mean"), or what it gives for
    another row ("swap"). By the rise of the loss a part is *needed* where one of the three raises
    it (one-sided, corrected by Holm's method for all parts of its kind and their replacements),
    *spare* where none raises it by `tolerance` or more (corrected for all parts of its kind), and
    else open. Each part is replaced alone, and nothing is trained again.

    max_rows : test rows. most_work : rows × replacements × tokens × parameters that are no
    embedding; with larger models fewer rows are looked at, and none where these were under 100.
    """

    reveals = "aggregate"
    tables = {
        "parts": TableType.of(AblatedPart, release=WHOLE),
        "by_group": TableType.of(AblatedInGroup, release=TableRelease(counts=("n",))),
    }
    bounds = {"removable_heads": SHARE, "removable_experts": SHARE, "needed_experts": SHARE}
    reads = frozenset({"classifier", "dataset", "predictions", "seed"})
    takes = frozenset({"expert_load"})
    requires = frozenset({"attention"})
    max_rows: Rows = 600
    most_work: Annotated[int, Field(ge=0)] = 200_000_000_000
    tolerance: Annotated[float, Field(ge=0, le=1)] = 0.002
    min_group: Annotated[int, Field(ge=2)] = 30

    def measure(self, context: MeasureContext) -> Measurement:
        module = torch_module(context.classifier)
        if not isinstance(module, ReplacesParts):
            raise NotApplicableError(
                message("refusals.no_layers.parts", model=context.classifier.name)
            )
        parts = list(module.parts())
        test, rows = context.dataset.test, self._rows(context, module, len(parts))
        seen = _Effects.of(context, module, rows)
        drawn = Resampling.of(test).take(rows)
        judged = _judged(parts, seen, drawn, self.tolerance)
        groups = {name: codes[rows] for name, codes in test.groups.items()}
        return Measurement(
            tuple(self._scores(context, judged)),
            {
                "parts": self.frame("parts", _rows(judged, seen, drawn, _loads(context))),
                "by_group": self._by_group(context, seen, groups, drawn),
            },
            notes=(
                message("notes.ablation.replaced", n=len(rows), tolerance=self.tolerance),
                message("notes.ablation.one_at_a_time"),
            ),
        )

    def _rows(self, context: MeasureContext, module: Any, parts: int) -> Ints:
        """The test rows that are looked at, in random order; fewer of a large model."""
        size = sum(parameter.numel() for parameter in module.parameters())
        size -= sum(
            part.weight.numel() for part in module.modules() if type(part).__name__ == "Embedding"
        )
        each = parts * len(REPLACEMENTS) * len(module.token_columns) * max(size, 1)
        n, affordable = len(context.dataset.test), self.most_work // each
        if affordable < min(_FEWEST, n):
            raise NotApplicableError(
                message("refusals.too_much_work", work=_FEWEST * each, most=self.most_work)
            )
        rng = np.random.default_rng(context.seed)
        return np.asarray(rng.permutation(n)[: min(self.max_rows, affordable)])

    def _by_group(
        self, context: MeasureContext, seen: _Effects, groups: Mapping[str, Ints], drawn: Resampling
    ) -> pd.DataFrame:
        """The rise with the mean in a part's place, in each group and outside of it."""
        schema = context.dataset.schema
        rows, p_values = list[tuple[object, ...]](), list[float]()
        for (step, replacement), rises in seen.rises.items():
            if step.kind not in _BY_GROUP or replacement != "mean":
                continue
            for name, codes in groups.items():
                for code, level in enumerate(schema.attribute(name).levels):
                    inside = codes == code
                    if min(inside.sum(), (~inside).sum()) < self.min_group:
                        continue
                    both = (drawn.take(part).mean(rises[part], "") for part in (inside, ~inside))
                    about = (name, level, step.layer - 1, step.kind, step.number or np.nan)
                    rows.append((*about, *both, int(inside.sum())))
                    p_values.append(_differ(drawn, rises, inside))
        return self.frame(
            "by_group", ((*row, p) for row, p in zip(rows, holm(p_values).tolist(), strict=True))
        )

    def _scores(
        self, context: MeasureContext, judged: Mapping[Step, JudgedPart]
    ) -> Iterator[Score]:
        unit = task_of(context.dataset.schema.target).fit_unit
        for kind, verdict, name in (
            ("head", "spare", "removable_heads"),
            ("expert", "spare", "removable_experts"),
            ("expert", "needed", "needed_experts"),
        ):
            verdicts = [part.verdict for step, part in judged.items() if step.kind == kind]
            if verdicts:
                share = verdicts.count(verdict) / len(verdicts)
                yield self.score(
                    name,
                    Estimate(share, n=len(verdicts)),
                    "none",
                    unit="share",
                    note=message(
                        "notes.ablation.share",
                        n=len(verdicts),
                        kind=kind,
                        verdict=verdict,
                        tolerance=self.tolerance,
                        unit=unit,
                    ),
                )


@dataclass(frozen=True)
class _Effects:
    """By part and replacement, (instance,): by how much the loss rises, and who is decided else.

    Nobody is where the target is a number.
    """

    rises: dict[tuple[Step, Replacement], Floats]
    turned: dict[tuple[Step, Replacement], Floats]

    @classmethod
    def of(cls, context: MeasureContext, module: ReplacesParts, rows: Ints) -> _Effects:
        """Of the test rows, each batch of them compared with what the whole model says."""
        import torch

        test, task = context.dataset.test, task_of(context.dataset.schema.target)
        logits: dict[tuple[Step, Replacement], list[Floats]] = {}
        whole: list[Floats] = []
        inner: Any = module
        device = next(inner.parameters()).device
        at_once = np.clip(_WEIGHTS // max(len(inner.token_columns), 1) ** 2, _LEAST, _BATCH)
        batches = np.array_split(rows, -(-len(rows) // int(at_once)))
        context.progress.start("parts replaced", len(batches))
        with torch.inference_mode():
            for batch in batches:
                inputs = torch.as_tensor(test.inputs[batch], dtype=torch.float32, device=device)
                whole.append(array(inner(inputs)))
                for step, replacement, outputs in module.replaced(inputs):
                    logits.setdefault((step, replacement), []).append(array(outputs))
                context.progress.advance()
        context.classifier.calls += len(rows) * (1 + len(logits))
        joined = {key: np.concatenate(parts) for key, parts in logits.items()}
        before, labels = np.concatenate(whole), test.labels[rows]
        losses = task.fit_losses(before, labels)
        rises = {key: task.fit_losses(after, labels) - losses for key, after in joined.items()}
        if not task.decides:
            return cls(rises, {})
        decided = _decided(context, before)
        turned = {
            key: (_decided(context, after) != decided).astype(float)
            for key, after in joined.items()
        }
        return cls(rises, turned)


def _decided(context: MeasureContext, logits: Floats) -> Ints:
    made = context.predictions
    return decide(softmax(logits), made.threshold, made.explained)


def _loads(context: MeasureContext) -> dict[tuple[int, int], float]:
    """{(layer, expert from 1): its load as a multiple of an even share}, where it is known."""
    measured = context.measured.get(ArtifactId.measure("expert_load"))
    if measured is None or "load" not in measured.tables:
        return {}
    rows = read_rows(measured.tables["load"], ExpertShare)
    even = {
        layer: np.mean([row.share.value for row in rows if row.layer == layer])
        for layer in {row.layer for row in rows}
    }
    return {(row.layer, row.expert + 1): float(row.share.value / even[row.layer]) for row in rows}


@dataclass(frozen=True)
class JudgedPart:
    """The corrected p-values of a part, and what they say.

    needed : that none of its replacements raises the loss. spare : that one does by the tolerance.
    """

    needed: float
    spare: float

    @property
    def verdict(self) -> str:
        return part_verdict(self.needed, self.spare)


def _judged(
    parts: list[Step], seen: _Effects, drawn: Resampling, tolerance: float
) -> dict[Step, JudgedPart]:
    """Each part by the least p-value of its replacements, corrected among parts of its kind."""
    judged: dict[Step, JudgedPart] = {}
    for kind in dict.fromkeys(step.kind for step in parts):
        rises = {key: values for key, values in seen.rises.items() if key[0].kind == kind}
        above = holm([rise_p_value(drawn, values) for values in rises.values()])
        below = [rise_p_value(drawn, tolerance - values) for values in rises.values()]
        least, most = ({step: limit for step, _ in rises} for limit in (1.0, 0.0))
        for (step, _), rising, small in zip(rises, above, below, strict=True):
            least[step], most[step] = min(least[step], float(rising)), max(most[step], small)
        spare = zip(most, holm(list(most.values())).tolist(), strict=True)
        judged |= {step: JudgedPart(least[step], p) for step, p in spare}
    return {step: judged[step] for step in parts}


def _rows(
    judged: Mapping[Step, JudgedPart],
    seen: _Effects,
    drawn: Resampling,
    loads: Mapping[tuple[int, int], float],
) -> Iterator[tuple[object, ...]]:
    """A row for each part: where it is, and what each replacement does."""
    for step, part in judged.items():
        layer, number = step.layer - 1, step.number or np.nan
        load = loads.get((layer, step.number), np.nan) if step.kind == "expert" else np.nan
        known = [of.get((step, name)) for of in (seen.rises, seen.turned) for name in REPLACEMENTS]
        means = (UNDEFINED if values is None else drawn.mean(values, "") for values in known)
        yield layer, step.kind, step.branch, number, load, *means, part.needed, part.verdict


def part_verdict(needed: float, spare: float) -> str:
    """From the corrected p-values of a rise, and of a rise that reaches the tolerance."""
    if spare < SIGNIFICANT:
        return "spare"
    return "needed" if needed < SIGNIFICANT else "open"


def rise_p_value(drawn: Resampling, values: Floats) -> float:
    """One-sided test that the mean of (instance,) values is at most 0."""
    per_unit = drawn.per_unit(values)
    p = mean_p_value(per_unit) / 2
    return p if per_unit.mean() > 0 else 1 - p


def _differ(drawn: Resampling, values: Floats, inside: Bools) -> float:
    """Two-sided test that a mean is the same inside of a group and outside."""
    share, own, rest = inside.mean(), values[inside].mean(), values[~inside].mean()
    influence = np.where(inside, (values - own) / share, (rest - values) / (1 - share))
    return mean_p_value(drawn.per_unit(own - rest + influence))
