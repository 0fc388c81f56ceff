"""What language models do inside: layers read early, heads, latents and experts."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.estimate import UNDEFINED, Estimate
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.protocols.modules import REPLACEMENTS
from deepseek_report.artifacts.score import Bounds
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.table import TableType, columns_of, estimate
from deepseek_report.artifacts.table_rows import read_rows
from deepseek_report.errors import NotApplicableError
from deepseek_report.extensions.language_models import language_rows
from deepseek_report.metrics.internals.ablation import SIGNIFICANT, part_verdict, rise_p_value
from deepseek_report.metrics.internals.internal_rows import AblatedPart
from deepseek_report.metrics.plugin import ComputeMetric, Rows
from deepseek_report.statistics.intervals import holm, mean_interval
from deepseek_report.statistics.resampling import Resampling

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

    from deepseek_report.extensions.language_models.residual_stream import (
        Prompts,
        ResidualStream,
        Restored,
    )
    from deepseek_report.metrics.internals.transformer_trace import Site

#: Fewer prompts tell too little of any part.
FEWEST = 30


class InsideMetric(ComputeMetric):
    """Defaults of a metric that looks inside a language model; it gives tables and no score."""

    bounds: ClassVar[Bounds | None] = {}
    reads = frozenset({"classifier", "dataset", "seed"})
    requires = frozenset({"language_model"})


def prompts_of(model: Classifier, part: Split, rows: Ints) -> Prompts:
    """The prompts in these rows, and the token that follows each."""
    from deepseek_report.extensions.language_models.residual_stream import Prompts

    return Prompts.of(model.token_ids(part.inputs[rows]), model.class_tokens[part.labels[rows]])


def some_prompts(
    context: MeasureContext, metric: str, passes: int, wanted: int, most_work: int
) -> Ints:
    """At most so many test rows, in random order, as `passes` of each cost no more than allowed.

    Work is counted as passes × tokens × parameters that are no embedding. Raises
    NotApplicableError where fewer than `FEWEST` prompts could be run.
    """
    model, test = context.classifier, context.dataset.test
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
        "layers": TableType.of(language_rows.LensLayer, release=WHOLE),
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
        from deepseek_report.extensions.language_models import residual_stream

        model, dataset = context.classifier, context.dataset
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
        tables = self._tables(readings, patched, drawn, drawn.take(kept))
        return Measurement((), tables, notes=tuple(notes))

    def _passes(self, depth: int) -> int:
        """How often each test prompt is run."""
        patching = self.max_places + len(CORRUPTIONS) * (2 + 3 * (depth + 1))
        return 1 + patching if self.max_places else 1

    def _tables(
        self,
        readings: list[dict[str, tuple[Bools, Floats]]],
        patched: Mapping[str, Restored],
        drawn: Resampling,
        put_back: Resampling,
    ) -> dict[str, pd.DataFrame]:
        """What each state brings back at each span, and what can be read of it at the last token.

        drawn : all prompts. put_back : those with a place that could be corrupted.
        """
        from deepseek_report.extensions.language_models.residual_stream import SPANS

        regained = {
            (corruption, layer, span): ratio(put_back, shares, restored.lost)
            for corruption, restored in patched.items()
            for layer, spans in enumerate(restored.regained)
            for span, shares in zip(SPANS, spans, strict=True)
        }
        layers = [
            (
                layer,
                *(drawn.rate(right) for right, _ in reading.values()),
                *(drawn.mean(log_probability, "") for _, log_probability in reading.values()),
                *(regained.get((name, layer, "last"), UNDEFINED) for name in CORRUPTIONS),
                drawn.n,
            )
            for layer, reading in enumerate(readings)
        ]
        patching = ((*place, share, put_back.n) for place, share in regained.items())
        return self.frames(layers=layers, patching=patching)


def _readings(
    stream: ResidualStream, train: Prompts, prompts: Prompts
) -> Iterator[dict[str, tuple[Bools, Floats]]]:
    """For each state whether the answer is read off, and its log-probability, by both lenses."""
    from deepseek_report.extensions.language_models.residual_stream import (
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

    from deepseek_report.extensions.language_models.residual_stream import with_token

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
        "heads": TableType.of(language_rows.HeadRole, release=WHOLE),
        "together": TableType.of(language_rows.HeadsTogether, release=WHOLE),
    }
    max_rows: Rows = 300
    most_work: Annotated[int, Field(ge=0)] = 200_000_000_000

    def measure(self, context: MeasureContext) -> Measurement:
        from deepseek_report.extensions.language_models import residual_stream
        from deepseek_report.metrics.internals.transformer_trace import sites_of

        patterns = residual_stream.PATTERNS
        passes = 2 + len(patterns) * len(REPLACEMENTS)
        rows = some_prompts(context, "head_roles", passes, self.max_rows, self.most_work)
        model, test = context.classifier, context.dataset.test
        net = model.language_model.net
        stream = residual_stream.ResidualStream(net, context.classifier.name)
        prompts, drawn = prompts_of(model, test, rows), Resampling.of(test).take(rows)
        weights = residual_stream.attention_patterns(stream, prompts)
        heads = _heads(weights, patterns, drawn, _heads_alone(context))
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
        means = {key: after - losses for key, after in rises.items()}
        p_values = holm([rise_p_value(drawn, values) for values in means.values()])
        adjusted = dict(zip(means, p_values.tolist(), strict=True))
        needed = {
            pattern: min(adjusted[pattern, name] for name in REPLACEMENTS)
            for pattern in dict.fromkeys(pattern for pattern, _ in means)
        }
        together = (
            (
                *(pattern, sum(head.pattern == pattern for head in heads)),
                *(drawn.mean(means[pattern, name], "") for name in REPLACEMENTS),
                *(p_value, drawn.n),
            )
            for pattern, p_value in needed.items()
        )
        jointly = {pattern for pattern, p_value in needed.items() if p_value < SIGNIFICANT}
        tables = self.frames(heads=(head.cells(jointly) for head in heads), together=together)
        notes = (message("notes.head_roles.patterns", n=len(prompts)),)
        return Measurement((), tables, notes=notes)


@dataclass(frozen=True)
class _Head:
    """What a head attends to, by pattern, and the pattern that it surely has.

    alone : what replacing it by itself does, where the run has `ablation`.
    """

    layer: int
    number: int
    pattern: str
    shares: Sequence[Estimate]
    alone: AblatedPart | None

    def cells(self, jointly: set[str]) -> tuple[object, ...]:
        """A row of the table of heads; a pattern in `jointly` is needed of its heads together."""
        needed = "together" if self.pattern in jointly else ""
        effect: tuple[object, ...] = (UNDEFINED, UNDEFINED, np.nan)
        if self.alone is not None:
            effect = (self.alone.mean, self.alone.swap, self.alone.p_adjusted)
            needed = "alone" if self.alone.verdict == "needed" else needed
        return self.layer, self.number, self.pattern, *self.shares, *effect, needed


def _heads(
    weights: Floats,
    patterns: Sequence[str],
    drawn: Resampling,
    alone: Mapping[tuple[int, int], AblatedPart],
) -> list[_Head]:
    """What each head attends to, the pattern that it surely has, and its effect by itself."""
    heads = []
    for layer, head in np.ndindex(weights.shape[1:3]):
        shares = [_mean_of_known(column, drawn) for column in weights[:, layer, head].T]
        sure = [
            name for name, share in zip(patterns, shares, strict=True) if (share.low or 0.0) > _MOST
        ]
        pattern = sure[-1] if sure else ""
        heads.append(_Head(layer, head + 1, pattern, shares, alone.get((layer, head + 1))))
    return heads


def _mean_of_known(values: Floats, drawn: Resampling) -> Estimate:
    """The mean over the prompts that have the pattern; not defined where these are too few."""
    known = np.isfinite(values)
    if known.sum() < FEWEST:
        return Estimate(np.nan, n=int(known.sum()))
    return drawn.take(known).mean(values[known], "")


def _heads_alone(context: MeasureContext) -> dict[tuple[int, int], AblatedPart]:
    """{(layer, head): what replacing it does}, where the run has `ablation`."""
    measured = context.measured.get(ArtifactId.measure("ablation"))
    if measured is None or "parts" not in measured.tables:
        return {}
    parts = read_rows(measured.tables["parts"], AblatedPart)
    return {(part.layer, part.number or 0): part for part in parts if part.kind == "head"}


def _having(
    heads: Sequence[_Head], sites: Mapping[tuple[int, int], Site], patterns: Sequence[str]
) -> dict[str, list[Site]]:
    """{pattern: the heads that have it}, of the patterns that some head has."""
    groups = {
        pattern: [sites[head.layer, head.number] for head in heads if head.pattern == pattern]
        for pattern in patterns
    }
    return {pattern: chosen for pattern, chosen in groups.items() if chosen}


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
    tables = {"layers": TableType.of(language_rows.LatentLayer, release=WHOLE)}
    max_rows: Rows = 100
    most_work: Annotated[int, Field(ge=0)] = 200_000_000_000

    def measure(self, context: MeasureContext) -> Measurement:
        from deepseek_report.extensions.language_models import residual_stream as inside

        model, dataset = context.classifier, context.dataset
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
        rows_of_layers, p_values = [], []
        for layer, (_, norm) in latents.items():
            site, rises = inside.latent_site(layer, norm), list[Estimate]()
            for name in ("mean", "swap"):
                after = inside.answer_losses(stream, prompts, model.class_tokens, [site], name)
                rises.append(drawn.mean(after - losses, ""))
                p_values.append(rise_p_value(drawn, after - losses))
            kept = _kept(stream, layer, train, prompts, drawn)
            rows_of_layers.append((layer, *kept, *rises))
            context.progress.advance()
        context.classifier.calls += len(prompts) * passes
        adjusted = holm(p_values).reshape(-1, 2).min(axis=1)
        table = self.frame(
            "layers",
            ((*row, p, drawn.n) for row, p in zip(rows_of_layers, adjusted.tolist(), strict=True)),
        )
        notes = (message("notes.latent.kept", n=len(prompts)),)
        return Measurement((), {"layers": table}, notes=notes)


def _kept(
    stream: ResidualStream, layer: int, train: Prompts, prompts: Prompts, drawn: Resampling
) -> tuple[object, ...]:
    """Of a layer's states and latents the widths, the ranks, and what a probe tells of tokens."""
    from deepseek_report.extensions.language_models.residual_stream import (
        effective_rank,
        states_and_latents,
    )

    taught = states_and_latents(stream, train, layer)
    held_out = states_and_latents(stream, prompts, layer)
    right = [
        _share_of_tokens(probed(fitted, of(train), vectors) == of(prompts), prompts, drawn)
        for of in (_tokens, _places)
        for fitted, vectors in zip(taught, held_out, strict=True)
    ]
    return (*(v.shape[1] for v in held_out), *(effective_rank(v) for v in held_out), *right)


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

    from deepseek_report.extensions.language_models.residual_stream import PENALTIES

    some = np.linspace(0, len(vectors) - 1, min(len(vectors), _TAUGHT)).round().astype(int)
    if len(np.unique(labels[some])) < 2:
        return np.full(len(others), labels[0])
    probe = make_pipeline(StandardScaler(), RidgeClassifierCV(alphas=PENALTIES))
    return np.asarray(probe.fit(vectors[some], labels[some]).predict(others))


def _share_of_tokens(right: Bools, prompts: Prompts, drawn: Resampling) -> Estimate:
    """The share of tokens that are told rightly; those of a prompt, and of an entity, together."""
    prompt = np.nonzero(prompts.present)[0]
    units = prompt if drawn.units is None else drawn.units[prompt]
    return Resampling.by(units, len(right)).rate(right)


#: Kinds of tokens: what may be the answer, a word or its beginning, what goes on with a word, a
#: word in Chinese characters, numbers, signs, blanks, and everything else, such as marks of turns.
KINDS = ("answer", "word", "continuation", "han", "number", "sign", "blank", "other")
#: How vocabularies write the blank before a word.
_BEGINS = ("Ġ", "▁", " ")


@dataclass(frozen=True)
class TokenExperts(InsideMetric):
    """How the tokens of each kind fall on the experts, and what the answer loses without them.

    A token is of the kind "answer" where it may be one, and else of what it is written with. Each
    expert is replaced at the tokens of a kind alone: by nothing, by its mean over the prompts, and
    by what it gives for another prompt. It is *needed* for a kind where one of the three raises the
    loss of the answer (one-sided, corrected by Holm's method for all that were tried), *spare*
    where none raises it by `tolerance` or more, and else open. How often it is chosen does not
    say which. By parts of the data instead of kinds of tokens: see `expert_load` and `ablation`.

    max_rows : test prompts. most_work : passes × tokens × parameters that are no embedding; with
    larger models fewer prompts are looked at, and none where these were under 30.
    """

    reveals = "aggregate"
    requires = frozenset({"language_model", "experts"})
    tables = {"kinds": TableType.of(language_rows.ExpertKind, release=WHOLE)}
    max_rows: Rows = 100
    most_work: Annotated[int, Field(ge=0)] = 200_000_000_000
    tolerance: Annotated[float, Field(ge=0, le=1)] = 0.002

    def measure(self, context: MeasureContext) -> Measurement:
        from deepseek_report.extensions.language_models import residual_stream as inside

        model, test = context.classifier, context.dataset.test
        stream = inside.ResidualStream(model.language_model.net, context.classifier.name)
        probe = prompts_of(model, test, np.arange(min(len(test), FEWEST)))
        counts = inside.chosen_experts(stream, probe)
        kinds = kinds_of(model.language_model.tokens, model.class_tokens)
        tried = sum(chosen.shape[2] for chosen in counts.values()) * len(set(kinds[probe.ids].flat))
        passes = 2 + tried * len(REPLACEMENTS)
        rows = some_prompts(context, "token_experts", passes, self.max_rows, self.most_work)
        prompts, drawn = prompts_of(model, test, rows), Resampling.of(test).take(rows)
        audit = _Audit(stream, prompts, model.class_tokens, kinds[prompts.ids], drawn)
        context.progress.start("experts", tried)
        table = self.frame("kinds", self._judged(list(audit.parts(context)), drawn))
        notes = (message("notes.token_experts.replaced", n=len(rows), tolerance=self.tolerance),)
        return Measurement((), {"kinds": table}, notes=notes)

    def _judged(
        self, parts: Sequence[_ExpertOfKind], drawn: Resampling
    ) -> Iterator[tuple[object, ...]]:
        """The rows with the rise of the loss by each replacement, its p-value and the verdict."""
        tests = [rise_p_value(drawn, values) for part in parts for values in part.rises]
        above = holm(tests).reshape(-1, len(REPLACEMENTS)).min(axis=1)
        most = [
            max(rise_p_value(drawn, self.tolerance - values) for values in part.rises)
            for part in parts
        ]
        for part, needed, spare in zip(parts, above.tolist(), holm(most).tolist(), strict=True):
            means = (drawn.mean(values, "") for values in part.rises)
            place = (part.layer, part.number, part.kind, part.share, part.load)
            yield *place, *means, needed, part_verdict(needed, spare), drawn.n


@dataclass(frozen=True)
class _ExpertOfKind:
    """An expert and a kind of tokens: its share of their choices, and of all (`load`).

    rises : by how much the loss of each prompt rises with each of `REPLACEMENTS` in its place.
    """

    layer: int
    number: int
    kind: str
    share: Estimate
    load: float
    rises: list[Floats]


@dataclass(frozen=True)
class _Audit:
    """The experts of a model, kind of tokens by kind. kinds : (prompt, place), see `KINDS`."""

    stream: ResidualStream
    prompts: Prompts
    classes: Ints
    kinds: Ints
    drawn: Resampling

    def parts(self, context: MeasureContext) -> Iterator[_ExpertOfKind]:
        """Each layer, kind of tokens and expert that some of them were given to."""
        from deepseek_report.extensions.language_models.residual_stream import (
            answer_losses,
            chosen_experts,
        )
        from deepseek_report.metrics.internals.transformer_trace import sites_of

        config = self.stream.net.config.get_text_config()
        sites = {
            (site.step.layer - 1, site.step.number - 1): site
            for site in sites_of(self.stream.net, int(config.num_attention_heads))
            if site.step.kind == "expert"
        }
        losses = answer_losses(self.stream, self.prompts, self.classes)
        runs = 2
        for layer, chosen in chosen_experts(self.stream, self.prompts).items():
            load = chosen.sum((0, 1)) / chosen.sum()
            for kind, where in self._kinds():
                shares = _shares(chosen, where, self.drawn)
                for expert in np.flatnonzero(chosen[where].sum(0)):
                    site = [sites[layer, int(expert)]]
                    about = (self.stream, self.prompts, self.classes, site)
                    rises = [answer_losses(*about, name, where) - losses for name in REPLACEMENTS]
                    runs += len(REPLACEMENTS)
                    context.progress.advance()
                    share, of_all = shares[expert], float(load[expert])
                    yield _ExpertOfKind(layer, int(expert) + 1, kind, share, of_all, rises)
        context.classifier.calls += runs * len(self.prompts)

    def _kinds(self) -> Iterator[tuple[str, Bools]]:
        """The kinds that enough prompts have a token of, and where these stand."""
        for code, kind in enumerate(KINDS):
            where = (self.kinds == code) & self.prompts.present
            if where.any(axis=1).sum() >= min(FEWEST, len(self.prompts)):
                yield kind, where


def _shares(chosen: Floats, where: Bools, drawn: Resampling) -> list[Estimate]:
    """For each expert the share of the choices of these tokens that falls on it."""
    counts = (chosen * where[..., None]).sum(1)
    having = counts.sum(1) > 0
    of_prompt = counts[having] / counts[having].sum(1, keepdims=True)
    at = drawn.take(having)
    return [at.mean(share, "") for share in of_prompt.T]


def kinds_of(tokens: Sequence[str], classes: Ints) -> Ints:
    """(token of the vocabulary,) its place among `KINDS`; classes : tokens that may be an answer.

    >>> [KINDS[k] for k in kinds_of(["Ġthe", "re", "12", "!", "中", "<s>", "yes"], np.array([6]))]
    ['word', 'continuation', 'number', 'sign', 'han', 'other', 'answer']
    """
    marked = any(token.startswith(_BEGINS) and len(token) > 1 for token in tokens)
    kinds = [KINDS.index(_kind(token, marked)) for token in tokens]
    codes = np.array(kinds, np.int64)
    codes[classes] = KINDS.index("answer")
    return codes


def _kind(token: str, marked: bool) -> str:
    """Marked : whether the vocabulary marks tokens that begin a word."""
    text = token.lstrip("".join(_BEGINS)).removeprefix("##")
    if not text:
        return "blank"
    if len(text) > 2 and text[0] in "<[" and text[-1] in ">]":
        return "other"
    if any("㐀" <= letter <= "鿿" for letter in text):
        return "han"
    groups = {unicodedata.category(letter)[0] for letter in text}
    if groups <= {"L", "M"}:
        goes_on = token.startswith("##") or (marked and not token.startswith(_BEGINS))
        return "continuation" if goes_on else "word"
    whole = {"N": "number", "P": "sign", "S": "sign", "Z": "blank", "C": "blank"}
    return whole.get("".join(groups), "sign" if groups <= {"P", "S"} else "other")
