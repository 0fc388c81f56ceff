"""What heads attend to, and what they are needed for, one by one and together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.protocols.modules import REPLACEMENTS, Replacement
from deepseek_report.artifacts.table import TableType, columns_of, estimate
from deepseek_report.metrics.internals.ablation import SIGNIFICANT, rise_p_value
from deepseek_report.metrics.language.inside_plugin import (
    FEWEST,
    InsideMetric,
    continuing,
    prompts_of,
    some_prompts,
)
from deepseek_report.metrics.language.language_rows import HeadRole, HeadsTogether
from deepseek_report.metrics.plugin import Rows
from deepseek_report.statistics.intervals import holm
from deepseek_report.statistics.resampling import Resampling

if TYPE_CHECKING:
    from deepseek_report.metrics.internals.transformer_trace import Site

#: A head has a pattern where surely more than this share of its weight lies on it.
_MOST = 0.5


@dataclass(frozen=True)
class HeadRoles(InsideMetric):
    """Which heads look at the token before, at the same token before, and at what followed it.

    A head has a pattern where surely more than half of its weight lies on it, and what it is needed
    for is measured, never read off its weights: by itself in `ablation`, and here together with
    all heads that have its pattern, since several heads that do the same stand in for one another.
    In their place stands nothing, their mean over the prompts, or what they give for another one.

    max_rows : test prompts. most_work : passes × tokens × parameters that are no embedding; with
    larger models fewer prompts are looked at, and none where these were under 30.
    """

    reveals = "aggregate"
    takes = frozenset({"ablation"})
    requires = frozenset({"language_model", "attention"})
    tables = {
        "heads": TableType(
            (
                *columns_of("layer:place number:count pattern"),
                estimate("previous", "share", "previous"),
                estimate("same", "share", "same"),
                estimate("after_same", "share", "after_same"),
                estimate("mean", prefix="mean"),
                estimate("swap", prefix="swap"),
                *columns_of("p_adjusted:p_value needed"),
            ),
            release=WHOLE,
            row=HeadRole,
        ),
        "together": TableType(
            (
                *columns_of("pattern heads:count"),
                *(estimate(name, prefix=name) for name in REPLACEMENTS),
                *columns_of("p_adjusted:p_value n:count"),
            ),
            release=WHOLE,
            row=HeadsTogether,
        ),
    }
    max_rows: Rows = 300
    most_work: Annotated[int, Field(ge=0)] = 200_000_000_000

    def measure(self, context: MeasureContext) -> Measurement:
        from deepseek_report.metrics.internals.transformer_trace import sites_of
        from deepseek_report.metrics.language import residual_stream

        patterns = residual_stream.PATTERNS
        passes = 2 + len(patterns) * len(REPLACEMENTS)
        rows = some_prompts(context, "head_roles", passes, self.max_rows, self.most_work)
        model, test = continuing(context), context.dataset.test
        net = model.language_model.net
        stream = residual_stream.ResidualStream(net, context.classifier.name)
        prompts, drawn = prompts_of(model, test, rows), Resampling.of(test).take(rows)
        weights = residual_stream.attention_patterns(stream, prompts)
        heads = _heads(weights, patterns, drawn, _effects(context))
        sites = {
            (site.step.layer - 1, site.step.number): site
            for site in sites_of(net, weights.shape[2])
            if site.step.kind == "head"
        }
        rises = {
            (pattern, name): residual_stream.answer_losses(
                stream, prompts, model.class_tokens, chosen, name
            )
            for pattern, chosen in _having(heads, sites, patterns).items()
            for name in REPLACEMENTS
        }
        losses = residual_stream.answer_losses(stream, prompts, model.class_tokens)
        context.classifier.calls += len(prompts) * (2 + len(rises))
        together = self._together(
            {key: after - losses for key, after in rises.items()}, heads, drawn
        )
        notes = (message("notes.head_roles.patterns", n=len(prompts)),)
        tables = {
            "heads": self.tables["heads"].frame(_judged(heads, together)),
            "together": together,
        }
        return Measurement((), tables, notes=notes)

    def _together(
        self,
        rises: Mapping[tuple[str, Replacement], Floats],
        heads: list[dict[str, object]],
        drawn: Resampling,
    ) -> pd.DataFrame:
        """For each pattern the rise of the loss where all heads that have it are replaced."""
        p_values = holm([rise_p_value(drawn, values) for values in rises.values()])
        adjusted = dict(zip(rises, p_values.tolist(), strict=True))
        cells = []
        for pattern in dict.fromkeys(pattern for pattern, _ in rises):
            row: dict[str, object] = {
                "pattern": pattern,
                "heads": sum(head["pattern"] == pattern for head in heads),
                "p_adjusted": min(adjusted[pattern, name] for name in REPLACEMENTS),
                "n": drawn.n,
            }
            for name in REPLACEMENTS:
                row |= drawn.mean(rises[pattern, name], "").cells(name, name)
            cells.append(row)
        return self.tables["together"].frame(cells)


def _heads(
    weights: Floats, patterns: Sequence[str], drawn: Resampling, effects: Mapping[Any, Any]
) -> list[dict[str, object]]:
    """What each head attends to, the pattern that it surely has, and its effect by itself."""
    cells = []
    for layer, head in np.ndindex(weights.shape[1:3]):
        row: dict[str, Any] = {"layer": layer, "number": head + 1, "pattern": ""}
        for at, name in enumerate(patterns):
            share = _mean_of_known(weights[:, layer, head, at], drawn)
            row |= share.cells(name, name)
            if (share.low or 0.0) > _MOST:
                row["pattern"] = name
        cells.append(row | effects.get((layer, head + 1), {}))
    return cells


def _mean_of_known(values: Floats, drawn: Resampling) -> Estimate:
    """The mean over the prompts that have the pattern; not defined where these are too few."""
    known = np.isfinite(values)
    if known.sum() < FEWEST:
        return Estimate(np.nan, n=int(known.sum()))
    return drawn.take(known).mean(values[known], "")


def _effects(context: MeasureContext) -> dict[tuple[int, int], dict[str, object]]:
    """{(layer, head): the rise of the loss without it}, where the run has `ablation`."""
    measured = context.measured.get(ArtifactId.measure("ablation"))
    if measured is None or "parts" not in measured.tables:
        return {}
    parts = measured.tables["parts"]
    keys = [key for key in parts if key.startswith(("mean", "swap")) and "turned" not in key]
    return {
        (int(row["layer"]), int(row["number"])): {
            **{key: row[key] for key in (*keys, "p_adjusted")},
            "needed": "alone" if row["verdict"] == "needed" else "",
        }
        for row in parts[parts["kind"] == "head"].to_dict("records")
    }


def _having(
    heads: list[dict[str, Any]], sites: Mapping[tuple[int, int], Site], patterns: Sequence[str]
) -> dict[str, list[Site]]:
    """{pattern: the heads that have it}, of the patterns that some head has."""
    groups = {
        pattern: [
            sites[head["layer"], head["number"]] for head in heads if head["pattern"] == pattern
        ]
        for pattern in patterns
    }
    return {pattern: chosen for pattern, chosen in groups.items() if chosen}


def _judged(heads: list[dict[str, object]], together: pd.DataFrame) -> list[dict[str, object]]:
    """The heads; those are needed together whose pattern is, though they are not by themselves."""
    needed = set(together.loc[together["p_adjusted"] < SIGNIFICANT, "pattern"])
    return [
        {**head, "needed": head.get("needed") or ("together" if head["pattern"] in needed else "")}
        for head in heads
    ]
