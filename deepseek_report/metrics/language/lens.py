"""From which layer on an answer can be read, beside from which on its state brings it back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.table import TableType, columns_of, estimate
from deepseek_report.metrics.language.inside_plugin import (
    FEWEST,
    InsideMetric,
    continuing,
    known_or_all,
    prompts_of,
    ratio,
    some_prompts,
    weights_of,
)
from deepseek_report.metrics.language.language_rows import LensLayer
from deepseek_report.metrics.plugin import Rows
from deepseek_report.statistics.resampling import Resampling

if TYPE_CHECKING:
    from torch import Tensor

    from deepseek_report.metrics.language.residual_stream import Prompts, ResidualStream, Restored

#: How a prompt is corrupted: with another prompt's token at the place that the answer hangs on
#: most, or with noise on the vector of that token.
CORRUPTIONS = ("token", "noise")
#: The spread of the noise, as a multiple of that of the vectors of all tokens.
_NOISE = 3.0


@dataclass(frozen=True)
class Lens(InsideMetric):
    """What can be read of the answer after each layer, beside what is used of it.

    Read: the output applied to the state at the last token (logit lens), and to what an affine map,
    fitted on training prompts, makes of that state (tuned lens). Used: a prompt is corrupted, the
    state of the whole prompt is put back into the corrupted run, and it is measured which share of
    the lost lead of the answer over its strongest rival returns.

    max_rows : test prompts. max_train : training prompts that the maps are fitted on. max_places :
    tokens of a prompt that are tried for the one that the answer hangs on most; where it is known
    which tokens make the answer, only these are; 0 puts nothing back. most_work : passes × tokens ×
    parameters that are no embedding; with larger models fewer prompts are looked at, and none where
    these were under 30.
    """

    reveals = "aggregate"
    tables = {
        "layers": TableType(
            (
                *columns_of("layer:count"),
                estimate("lens", "share", "lens"),
                estimate("tuned", "share", "tuned"),
                estimate("lens_log_probability", prefix="lens_log_probability"),
                estimate("tuned_log_probability", prefix="tuned_log_probability"),
                estimate("token", "share", "token"),
                estimate("noise", "share", "noise"),
                *columns_of("n:count"),
            ),
            release=WHOLE,
            row=LensLayer,
        ),
        "patching": TableType(
            (
                *columns_of("corruption layer:count span"),
                estimate("restored", "share"),
                *columns_of("n:count"),
            ),
            release=WHOLE,
        ),
    }
    max_rows: Rows = 200
    max_train: Rows = 1000
    max_places: Annotated[int, Field(ge=0)] = 16
    most_work: Annotated[int, Field(ge=0)] = 200_000_000_000

    def measure(self, context: MeasureContext) -> Measurement:
        from deepseek_report.metrics.language import residual_stream

        model, dataset = continuing(context), context.dataset
        stream = residual_stream.ResidualStream(model.language_model.net, context.classifier.name)
        passes = self._passes(stream.depth)
        rows = some_prompts(context, "lens", passes, self.max_rows, self.most_work)
        prompts = prompts_of(model, dataset.test, rows)
        rng = np.random.default_rng(context.seed)
        affordable = self.most_work // (prompts.ids.shape[1] * weights_of(stream.net))
        most = min(self.max_train, max(affordable - passes * len(rows), FEWEST))
        train = prompts_of(model, dataset.train, rng.permutation(len(dataset.train))[:most])
        drawn = Resampling.of(dataset.test).take(rows)
        notes = [message("notes.lens.read", n=len(prompts), train=len(train))]
        readings = list(_readings(stream, train, prompts))
        candidates = _at_most(known_or_all(dataset.test, rows, prompts), self.max_places, rng)
        places, tokens = residual_stream.decisive_places(stream, prompts, candidates)
        kept = np.flatnonzero(places >= 0)
        patched: dict[str, Restored] = {}
        if len(kept):
            some, at = prompts.take(kept), places[kept]
            for name, corrupt in _corruptions(stream, some, at, tokens[kept], rng).items():
                patched[name] = residual_stream.restored(
                    stream, some, at, corrupt, model.class_tokens
                )
            notes.append(message("notes.lens.put_back", n=len(some)))
        context.classifier.calls += len(prompts) * passes + len(train)
        patching = self._patching(patched, drawn.take(kept))
        tables = {"layers": self._layers(readings, patching, drawn), "patching": patching}
        return Measurement((), tables, notes=tuple(notes))

    def _passes(self, depth: int) -> int:
        """How often each test prompt is run."""
        patching = self.max_places + len(CORRUPTIONS) * (2 + 3 * (depth + 1))
        return 1 + patching if self.max_places else 1

    def _patching(self, patched: Mapping[str, Restored], drawn: Resampling) -> pd.DataFrame:
        from deepseek_report.metrics.language.residual_stream import SPANS

        cells: list[dict[str, object]] = []
        for corruption, restored in patched.items():
            for layer, spans in enumerate(restored.regained):
                for span, regained in zip(SPANS, spans, strict=True):
                    share = ratio(drawn, regained, restored.lost)
                    place = {"corruption": corruption, "layer": layer, "span": span}
                    cells.append({**place, **share.cells("restored"), "n": drawn.n})
        return self.tables["patching"].frame(cells)

    def _layers(
        self,
        readings: list[dict[str, tuple[Bools, Floats]]],
        patching: pd.DataFrame,
        drawn: Resampling,
    ) -> pd.DataFrame:
        """A row for each state: what can be read at the last token, and what it brings back."""
        last = patching[patching["span"] == "last"].set_index(["corruption", "layer"])
        cells: list[dict[str, object]] = []
        for layer, reading in enumerate(readings):
            row: dict[str, object] = {"layer": layer, "n": drawn.n}
            for name, (right, log_probability) in reading.items():
                row |= drawn.rate(right).cells(name, name)
                key = f"{name}_log_probability"
                row |= drawn.mean(log_probability, "").cells(key, key)
            for name in dict.fromkeys(patching["corruption"]):
                share = last.loc[(name, layer)]
                estimated = Estimate(share["restored"], share["low"], share["high"])
                row |= estimated.cells(name, name)
            cells.append(row)
        return self.tables["layers"].frame(cells)


def _readings(
    stream: ResidualStream, train: Prompts, prompts: Prompts
) -> Iterator[dict[str, tuple[Bools, Floats]]]:
    """For each state whether the answer is read off, and its log-probability, by both lenses."""
    from deepseek_report.metrics.language.residual_stream import (
        early_reading,
        states_at_end,
        translated,
    )

    taught, states = states_at_end(stream, train), states_at_end(stream, prompts)
    for layer, state in enumerate(states):
        mapped = state
        if layer < stream.depth:
            mapped = translated(taught[layer], taught[-1], state)
        yield {
            "lens": early_reading(stream, state, prompts.answers),
            "tuned": early_reading(stream, mapped, prompts.answers),
        }


def _at_most(candidates: Bools, most: int, rng: np.random.Generator) -> Bools:
    """At most so many of the places of each prompt, drawn at random."""
    order = np.where(candidates, rng.random(candidates.shape), np.inf)
    rank = order.argsort(axis=1).argsort(axis=1)
    return np.asarray(candidates & (rank < most))


def _corruptions(
    stream: ResidualStream, prompts: Prompts, places: Ints, tokens: Ints, rng: np.random.Generator
) -> dict[str, Callable[[Prompts, slice], Tensor]]:
    """What makes the vectors of a batch of corrupted prompts, for each of `CORRUPTIONS`."""
    import torch

    from deepseek_report.metrics.language.residual_stream import with_token

    weight = next(stream.net.get_input_embeddings().parameters()).detach()
    noise = rng.normal(0, _NOISE * float(weight.std()), (len(prompts), weight.shape[1]))

    def of_token(batch: Prompts, part: slice) -> Tensor:
        return stream.embed(with_token(batch.ids, places[part], tokens[part]))

    def of_noise(batch: Prompts, part: slice) -> Tensor:
        embedded = stream.embed(batch.ids).clone()
        added = torch.as_tensor(noise[part], dtype=embedded.dtype, device=embedded.device)
        embedded[torch.arange(len(batch)), torch.as_tensor(places[part])] += added
        return embedded

    return {"token": of_token, "noise": of_noise}
