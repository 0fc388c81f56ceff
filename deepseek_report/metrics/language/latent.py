"""What the compressed keys and values of multi-head latent attention keep, and are needed for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.table import TableType, columns_of, estimate
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.internals.ablation import rise_p_value
from deepseek_report.metrics.language.inside_plugin import (
    InsideMetric,
    continuing,
    prompts_of,
    some_prompts,
)
from deepseek_report.metrics.language.language_rows import LatentLayer
from deepseek_report.metrics.plugin import Rows
from deepseek_report.statistics.intervals import holm
from deepseek_report.statistics.resampling import Resampling

if TYPE_CHECKING:
    from deepseek_report.metrics.language.residual_stream import Prompts, ResidualStream

#: Tokens of training prompts that a probe is fitted on, at most.
_TAUGHT = 2000


@dataclass(frozen=True)
class Latent(InsideMetric):
    """How many directions the latent of each layer uses, what it still tells, and its need.

    Beside the state that it is compressed from: the effective rank of both, how often a linear
    probe tells from them which token stands at a place, and at which place it stands, on test
    prompts that it was not fitted on; and by how much the loss rises with the mean of the latent
    over the prompts in its place, or with that of another prompt. Places are also told to attention
    by a rotated part of the key, which is kept beside the latent and stays as it is.

    max_rows : test prompts, and as many training prompts. most_work : passes × tokens × parameters
    that are no embedding; with larger models fewer prompts are looked at, and none where these were
    under 30.
    """

    reveals = "aggregate"
    tables = {
        "layers": TableType(
            (
                *columns_of("layer:place width:count rank:count"),
                *columns_of("state_rank:number latent_rank:number"),
                estimate("state_token", "share", "state_token"),
                estimate("latent_token", "share", "latent_token"),
                estimate("state_place", "share", "state_place"),
                estimate("latent_place", "share", "latent_place"),
                estimate("mean", prefix="mean"),
                estimate("swap", prefix="swap"),
                *columns_of("p_adjusted:p_value n:count"),
            ),
            release=WHOLE,
            row=LatentLayer,
        )
    }
    max_rows: Rows = 100
    most_work: Annotated[int, Field(ge=0)] = 200_000_000_000

    def measure(self, context: MeasureContext) -> Measurement:
        from deepseek_report.metrics.language import residual_stream as inside

        model, dataset = continuing(context), context.dataset
        stream = inside.ResidualStream(model.language_model.net, context.classifier.name)
        latents = inside.latents_of(stream)
        if not latents:
            raise NotApplicableError(message("refusals.no_latent", model=context.classifier.name))
        passes = 1 + 4 * len(latents)
        rows = some_prompts(context, "latent", passes, self.max_rows, self.most_work)
        prompts = prompts_of(model, dataset.test, rows)
        drawn = Resampling.of(dataset.test).take(rows)
        taught = np.random.default_rng(context.seed).permutation(len(dataset.train))[: len(rows)]
        train = prompts_of(model, dataset.train, taught)
        context.progress.start("latents", len(latents))
        losses = inside.answer_losses(stream, prompts, model.class_tokens)
        cells, p_values = [], []
        for layer, (_, norm) in latents.items():
            row = _kept(stream, layer, train, prompts, drawn)
            for name in ("mean", "swap"):
                rise = (
                    inside.answer_losses(
                        stream, prompts, model.class_tokens, [inside.latent_site(layer, norm)], name
                    )
                    - losses
                )
                row |= drawn.mean(rise, "").cells(name, name)
                p_values.append(rise_p_value(drawn, rise))
            cells.append({"layer": layer, "n": drawn.n, **row})
            context.progress.advance()
        context.classifier.calls += len(prompts) * passes
        adjusted = holm(p_values).reshape(-1, 2).min(axis=1)
        table = [{**row, "p_adjusted": p} for row, p in zip(cells, adjusted, strict=True)]
        notes = (message("notes.latent.kept", n=len(prompts)),)
        return Measurement((), {"layers": self.tables["layers"].frame(table)}, notes=notes)


def _kept(
    stream: ResidualStream, layer: int, train: Prompts, prompts: Prompts, drawn: Resampling
) -> dict[str, object]:
    """The rank of a layer's states and latents, and what a probe tells of tokens from each."""
    from deepseek_report.metrics.language.residual_stream import effective_rank, states_and_latents

    taught = states_and_latents(stream, train, layer)
    held_out = states_and_latents(stream, prompts, layer)
    row: dict[str, object] = {}
    for name, fitted, vectors in zip(("state", "latent"), taught, held_out, strict=True):
        row["width" if name == "state" else "rank"] = vectors.shape[1]
        row[f"{name}_rank"] = effective_rank(vectors)
        for kind, labels in (("token", _tokens), ("place", _places)):
            right = probed(fitted, labels(train), vectors) == labels(prompts)
            key = f"{name}_{kind}"
            row |= _share_of_tokens(right, prompts, drawn).cells(key, key)
    return row


def _tokens(prompts: Prompts) -> Ints:
    """(token,) which token stands there, of all tokens in turn."""
    return np.asarray(prompts.ids[prompts.present])


def _places(prompts: Prompts) -> Ints:
    """(token,) at which place of its prompt it stands."""
    return np.asarray(np.nonzero(prompts.present)[1])


def probed(vectors: Floats, labels: Ints, others: Floats) -> Ints:
    """Labels of other vectors by a linear probe: ridge regression on each label, the highest wins.

    The penalty is chosen by leaving out one vector at a time. Of many vectors evenly spread ones
    are used to fit.

    Reference: Alain & Bengio 2017, doi 10.48550/arXiv.1610.01644.
    """
    from sklearn.linear_model import RidgeClassifierCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from deepseek_report.metrics.language.residual_stream import PENALTIES

    some = np.linspace(0, len(vectors) - 1, min(len(vectors), _TAUGHT)).round().astype(int)
    if len(np.unique(labels[some])) < 2:
        return np.full(len(others), labels[0])
    probe = make_pipeline(StandardScaler(), RidgeClassifierCV(alphas=PENALTIES))
    return np.asarray(probe.fit(vectors[some], labels[some]).predict(others))


def _share_of_tokens(right: Bools, prompts: Prompts, drawn: Resampling) -> Any:
    """The share of tokens that are told rightly; those of a prompt, and of an entity, together."""
    prompt = np.nonzero(prompts.present)[0]
    units = prompt if drawn.units is None else drawn.units[prompt]
    return Resampling.by(units, len(right)).rate(right)
