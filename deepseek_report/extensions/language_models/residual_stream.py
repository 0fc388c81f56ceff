"""What flows through a causal language model: noted layer by layer, read early, and put back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor, nn

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.modules import Replacement, Step
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.internals import transformer_trace
from deepseek_report.metrics.internals.tracing import array, rows_at_once

if TYPE_CHECKING:
    from transformers import PreTrainedModel


#: How far logits read off the last state may lie from the model's own, as a share of the largest.
_TOLERANCE = 1e-3
_NORM = re.compile(r"norm|ln_f", re.IGNORECASE)


@dataclass(frozen=True)
class Prompts:
    """Prompts, and the token after each that is asked about.

    ids : (prompt, place), filled up behind the end of a prompt, which a causal model does not see.
    lengths : (prompt,) tokens of each. answers : (prompt,) the token that follows.
    """

    ids: Ints
    lengths: Ints
    answers: Ints

    @classmethod
    def of(cls, prompts: Sequence[Ints], answers: Ints) -> Prompts:
        """From prompts of any lengths; none is empty."""
        lengths = np.array([len(prompt) for prompt in prompts], np.int64)
        ids = np.zeros((len(prompts), lengths.max(initial=1)), np.int64)
        for row, prompt in zip(ids, prompts, strict=True):
            row[: len(prompt)] = prompt
        return cls(ids, lengths, np.asarray(answers, np.int64))

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def present(self) -> Bools:
        """(prompt, place) whether a token stands there."""
        return np.asarray(np.arange(self.ids.shape[1]) < self.lengths[:, None])

    def take(self, rows: Ints | Bools) -> Prompts:
        """Some of the prompts, with as few places as they need."""
        lengths = self.lengths[rows]
        return Prompts(self.ids[rows, : lengths.max(initial=1)], lengths, self.answers[rows])

    def batches(self) -> Iterator[tuple[slice, Prompts]]:
        """In parts that fit into memory, with the place of each part."""
        size = rows_at_once(self.ids.shape[1], self.ids.shape[1])
        for start in range(0, len(self), size):
            part = slice(start, min(start + size, len(self)))
            yield part, self.take(np.arange(part.start, part.stop))


class ResidualStream:
    """The states of a causal language model between its layers, (prompt, place, width) each.

    State 0 is what the first layer reads, state k what layer k gives on. Hooks are put on the
    layers and nothing in the model is changed.

    net : a causal language model of transformers, in evaluation mode. name : for messages.

    Raises NotApplicableError : the layers, or the norm before the output, are not where the
    families of transformers have them, or the output does more than to multiply the normed state.
    """

    def __init__(self, net: PreTrainedModel, name: str = "") -> None:
        self.net, self.layers = net, transformer_trace.layers_of(net)
        inside = {id(part) for layer in self.layers for part in layer.modules()}
        norms = [
            part
            for path, part in net.base_model.named_modules()
            if _NORM.search(path.rpartition(".")[2]) and id(part) not in inside
        ]
        self.unembedding = net.get_output_embeddings()
        if not (self.layers and norms and self.unembedding is not None):
            raise NotApplicableError(message("refusals.no_residual_stream", model=name))
        self.norm: nn.Module = norms[-1]
        self.device = next(net.parameters()).device
        self._check(name)

    def _check(self, name: str) -> None:
        ids = np.arange(min(4, self.unembedding.weight.shape[0]))[None]
        with torch.inference_mode():
            own = self.net(input_ids=torch.as_tensor(ids, device=self.device)).logits[0].double()
            read = self.logits(self.states(self.embed(ids))[-1][0])
        if not float((own - read).abs().max()) <= _TOLERANCE * float(own.abs().max()):
            raise NotApplicableError(message("refusals.no_residual_stream", model=name))

    @property
    def depth(self) -> int:
        """How many layers there are; states are one more."""
        return len(self.layers)

    def embed(self, ids: Ints) -> Tensor:
        """(prompt, place) -> (prompt, place, width) the vectors of the tokens."""
        vectors = self.net.get_input_embeddings()(torch.as_tensor(ids, device=self.device))
        return cast(Tensor, vectors)

    def states(self, embedded: Tensor) -> list[Tensor]:
        """The states of each layer, the first to begin with."""
        noted: list[Tensor] = []

        def note(state: Tensor) -> Tensor:
            noted.append(state)
            return state

        with ExitStack() as hooks:
            for layer in range(self.depth + 1):
                hooks.enter_context(self.changed(layer, note))
            self.net.base_model(inputs_embeds=embedded, use_cache=False)
        return noted

    def last_state(self, embedded: Tensor, lengths: Ints) -> Tensor:
        """(prompt, width) the last layer's state at the last token of each prompt."""
        noted: list[Tensor] = []

        def note(state: Tensor) -> Tensor:
            noted.append(at_end(state, lengths))
            return state

        with self.changed(self.depth, note):
            self.net.base_model(inputs_embeds=embedded, use_cache=False)
        return noted[0]

    def logits(self, states: Tensor) -> Tensor:
        """(prompt, width) states -> (prompt, vocabulary), as the output reads the last of them."""
        return cast(Tensor, self.unembedding(self.norm(states))).double()

    @contextmanager
    def changed(self, layer: int, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
        """While the block runs, the state of this number is what `change` makes of it."""
        if layer:
            handle = self.layers[layer - 1].register_forward_hook(_on_output(change))
        else:
            handle = self.layers[0].register_forward_pre_hook(_on_input(change), with_kwargs=True)
        with handle:
            yield


def at_end(states: Tensor, lengths: Ints) -> Tensor:
    """(prompt, place, …) -> (prompt, …) at the last token of each prompt."""
    last = torch.as_tensor(lengths - 1, device=states.device)
    return states[torch.arange(len(states), device=states.device), last]


def _on_output(change: Callable[[Tensor], Tensor]) -> Callable[..., object]:
    def hook(part: nn.Module, inputs: object, output: Tensor | tuple[Tensor, ...]) -> object:
        del part, inputs
        if isinstance(output, Tensor):
            return change(output)
        return (change(output[0]), *output[1:])

    return hook


def _on_input(change: Callable[[Tensor], Tensor]) -> Callable[..., object]:
    def hook(part: nn.Module, inputs: tuple[Tensor, ...], named: dict[str, Tensor]) -> object:
        del part
        if inputs:
            return (change(inputs[0]), *inputs[1:]), named
        return inputs, {**named, "hidden_states": change(named["hidden_states"])}

    return hook


# --- Read off early -------------------------------------------------------------------------------


def states_at_end(stream: ResidualStream, prompts: Prompts) -> Floats:
    """(state, prompt, width) at the last token of each prompt."""
    parts = []
    with torch.inference_mode():
        for _, batch in prompts.batches():
            states = stream.states(stream.embed(batch.ids))
            parts.append(np.stack([array(at_end(state, batch.lengths)) for state in states]))
    return np.concatenate(parts, axis=1)


def early_reading(stream: ResidualStream, states: Floats, answers: Ints) -> tuple[Bools, Floats]:
    """(prompt,) whether the output would name the answer, and the log-probability it would give.

    states : (prompt, width), read as if they were those of the last layer (the logit lens).

    Reference: Belrose et al. 2023, doi 10.48550/arXiv.2303.08112 (which names nostalgebraist 2020
    for the lens).
    """
    with torch.inference_mode():
        read = torch.as_tensor(states, dtype=torch.float32, device=stream.device)
        logits = stream.logits(read).log_softmax(-1)
        right = logits.argmax(-1).cpu().numpy() == answers
        return right, array(logits)[np.arange(len(answers)), answers]


def translated(train: Floats, last: Floats, states: Floats) -> Floats:
    """States as an affine map of them foretells the last layer's (the tuned lens).

    train : (prompt, width) states of a layer over training prompts. last : theirs in the last
    layer. states : (prompt, width) those that are mapped. The map is fitted by ridge regression
    whose penalty leaves-one-out chooses; Belrose et al. train theirs by gradients on the
    divergence of the outputs.

    Reference: Belrose et al. 2023, doi 10.48550/arXiv.2303.08112.
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fitted = make_pipeline(StandardScaler(), RidgeCV(alphas=PENALTIES)).fit(train, last)
    return np.asarray(fitted.predict(states), np.float64)


#: Penalties of the probes, on standardised states.
PENALTIES = np.logspace(-2, 4, 13)


# --- Put back -------------------------------------------------------------------------------------

#: Where a state is put back: at the token that was replaced, at those between it and the last one,
#: and at the last one, behind which the answer is read.
SPANS = ("replaced", "between", "last")


@dataclass(frozen=True)
class Restored:
    """What putting states back restores, by the logit of the answer less that of a rival.

    lost : (prompt,) by how much the corrupted prompt lowers it. regained : (state, span, prompt) by
    how much it rises again where the state of the whole prompt is put into the corrupted run there.
    """

    lost: Floats
    regained: Floats


def restored(
    stream: ResidualStream,
    prompts: Prompts,
    places: Ints,
    corrupt: Callable[[Prompts, slice], Tensor],
    rivals: Ints,
) -> Restored:
    """Activation patching, layer by layer and place by place.

    places : (prompt,) the token that is corrupted, before the last. corrupt : gives the vectors
    (prompt, place, width) of a batch of corrupted prompts and its place among all. rivals : tokens
    that may come; the one that the corrupted run ranks highest beside the answer is the rival.

    Reference: Zhang & Nanda 2024, doi 10.48550/arXiv.2309.16042; Meng et al. 2022, doi
    10.48550/arXiv.2202.05262 (noise).
    """
    lost, regained = [], []
    with torch.inference_mode():
        for part, batch in prompts.batches():
            whole = stream.states(stream.embed(batch.ids))
            bad = corrupt(batch, part)
            corrupted = stream.logits(stream.last_state(bad, batch.lengths))
            among = array(corrupted)[:, rivals]
            among[batch.answers[:, None] == rivals] = -np.inf
            rival = np.asarray(rivals[among.argmax(axis=1)])

            def lead(logits: Tensor, rival: Ints = rival, batch: Prompts = batch) -> Floats:
                rows = np.arange(len(batch))
                numbers = array(logits)
                return np.asarray(numbers[rows, batch.answers] - numbers[rows, rival])

            least = lead(corrupted)
            lost.append(lead(stream.logits(at_end(whole[-1], batch.lengths))) - least)
            spans = _spans(batch, places[part])
            gained = np.empty((len(whole), len(SPANS), len(batch)))
            for layer, state in enumerate(whole):
                for at, span in enumerate(spans):
                    with stream.changed(layer, _putting(state, span)):
                        last = stream.last_state(bad, batch.lengths)
                    gained[layer, at] = lead(stream.logits(last)) - least
            regained.append(gained)
    return Restored(np.concatenate(lost), np.concatenate(regained, axis=2))


def _spans(batch: Prompts, places: Ints) -> list[Bools]:
    """(prompt, place) whether a place belongs to each of the `SPANS`."""
    at, ends = np.arange(batch.ids.shape[1]), (batch.lengths - 1)[:, None]
    start = places[:, None]
    return [at == start, (at > start) & (at < ends), at == ends]


def _putting(state: Tensor, span: Bools) -> Callable[[Tensor], Tensor]:
    where = torch.as_tensor(span, device=state.device)[..., None]
    return lambda current: torch.where(where, state, current)


def other_tokens(prompts: Prompts, places: Ints) -> Ints:
    """(prompt,) for one place of each the token of the next prompt that has another there; −1 where
    none has.
    """
    n = len(prompts)
    taken = np.full(n, -1, np.int64)
    for row, place in enumerate(places):
        others = np.roll(np.arange(n), -row - 1)[:-1]
        others = others[prompts.lengths[others] > place]
        tokens = prompts.ids[others, place]
        different = tokens[tokens != prompts.ids[row, place]]
        if len(different):
            taken[row] = different[0]
    return taken


def with_token(ids: Ints, places: Ints, tokens: Ints) -> Ints:
    """(prompt, place) ids with another token at one place of each prompt."""
    changed = ids.copy()
    changed[np.arange(len(ids)), places] = tokens
    return changed


def decisive_places(
    stream: ResidualStream, prompts: Prompts, candidates: Bools
) -> tuple[Ints, Ints]:
    """For each prompt the place whose token the answer hangs on most, and the token put there.

    candidates : (prompt, place) places that are tried; the last token never is, since whatever
    comes behind it hangs on its state alone. Returns (prompt,) places by the fall of the answer's
    log-probability with another prompt's token there, and these tokens; −1 where nothing could be
    tried.
    """
    candidates = candidates & (np.arange(prompts.ids.shape[1]) < prompts.lengths[:, None] - 1)
    best = np.full(len(prompts), -np.inf)
    places, tokens = (np.full(len(prompts), -1, np.int64) for _ in range(2))
    for tried in _by_turns(candidates):
        other = np.where(tried >= 0, other_tokens(prompts, np.maximum(tried, 0)), -1)
        rows = np.flatnonzero(other >= 0)
        if not len(rows):
            continue
        some = prompts.take(rows)
        ids = with_token(some.ids, tried[rows], other[rows])
        fall = -_answer_log_probability(stream, Prompts(ids, some.lengths, some.answers))
        better = fall > best[rows]
        best[rows[better]] = fall[better]
        places[rows[better]], tokens[rows[better]] = tried[rows[better]], other[rows[better]]
    return places, tokens


def _by_turns(candidates: Bools) -> Iterator[Ints]:
    """(prompt,) the first candidate of each prompt, then the second, …; −1 where it has no more."""
    rank = np.where(candidates, candidates.cumsum(axis=1) - 1, -1)
    for turn in range(int(candidates.sum(axis=1).max(initial=0))):
        hit = rank == turn
        yield np.where(hit.any(axis=1), hit.argmax(axis=1), -1)


def _answer_log_probability(stream: ResidualStream, prompts: Prompts) -> Floats:
    parts = []
    with torch.inference_mode():
        for _, batch in prompts.batches():
            last = stream.last_state(stream.embed(batch.ids), batch.lengths)
            logits = stream.logits(last).log_softmax(-1)
            parts.append(array(logits)[np.arange(len(batch)), batch.answers])
    return np.concatenate(parts)


# --- Parts replaced -------------------------------------------------------------------------------


@contextmanager
def without(
    sites: Sequence[transformer_trace.Site],
    present: Bools,
    replacement: Replacement,
    where: Bools | None = None,
) -> Iterator[None]:
    """While the block runs, something else stands in the place of what these parts give, together.

    present : (prompt, place) where a token stands, of the prompts that run. where : (prompt, place)
    the tokens at which it is replaced; None for all.
    """
    substitutes = transformer_trace.Substitutes(torch.as_tensor(present))
    at = None if where is None else torch.as_tensor(where)

    def change(numbers: Tensor) -> Tensor:
        other = substitutes.of_packed(numbers, replacement)
        if at is None:
            return other
        return torch.where(at.reshape(*numbers.shape[:-1], 1), other, numbers)

    with ExitStack() as stack:
        for site in sites:
            stack.enter_context(site.listen(change))
        yield


def answer_losses(
    stream: ResidualStream,
    prompts: Prompts,
    classes: Ints,
    sites: Sequence[transformer_trace.Site] = (),
    replacement: Replacement = "zero",
    where: Bools | None = None,
) -> Floats:
    """(prompt,) minus the log-probability of each answer among the tokens that may come.

    sites : parts that are replaced meanwhile, at the tokens `where` (prompt, place) or at all.
    """
    position = np.argsort(classes)
    parts = []
    with torch.inference_mode():
        for part, batch in prompts.batches():
            at = None if where is None else where[part, : batch.ids.shape[1]]
            with without(sites, batch.present, replacement, at):
                last = stream.last_state(stream.embed(batch.ids), batch.lengths)
            logits = stream.logits(last)[:, torch.as_tensor(classes)].log_softmax(-1)
            answer = position[np.searchsorted(classes, batch.answers, sorter=position)]
            parts.append(-array(logits)[np.arange(len(batch)), answer])
    return np.concatenate(parts)


# --- What heads attend to -------------------------------------------------------------------------

#: What a head may attend to: the token before (over all tokens), and from the last token: tokens
#: that are the same, and those that follow one that is the same.
PATTERNS = ("previous", "same", "after_same")


def attention_patterns(stream: ResidualStream, prompts: Prompts) -> Floats:
    """(prompt, layer, head, pattern) the share of a head's weight on each of `PATTERNS`.

    NaN for the pattern that a prompt lacks: a single token has none before it, and where the last
    token stands nowhere before, none is the same and none follows such a one.

    Reference: Olsson et al. 2022, doi 10.48550/arXiv.2209.11895 (heads that look for what followed
    the same token before).
    """
    parts = []
    with torch.inference_mode():
        for _, batch in prompts.batches():
            ids = torch.as_tensor(batch.ids, device=stream.device)
            done = stream.net.base_model(input_ids=ids, output_attentions=True, use_cache=False)
            maps = np.stack([array(weights) for weights in done.attentions], axis=1)
            parts.append(_patterns(maps, batch))
    return np.concatenate(parts)


def _patterns(maps: Floats, batch: Prompts) -> Floats:
    """From (prompt, layer, head, from, to) weights."""
    rows, last = np.arange(len(batch)), batch.lengths - 1
    before = np.diagonal(maps, offset=-1, axis1=3, axis2=4)  # (prompt, layer, head, from − 1)
    counted = np.arange(before.shape[-1]) < last[:, None]
    with np.errstate(invalid="ignore"):
        previous = (before * counted[:, None, None]).sum(-1) / last[:, None, None]
    same = (batch.ids == batch.ids[rows, last][:, None]) & (
        np.arange(batch.ids.shape[1]) < last[:, None]
    )
    after = np.zeros_like(same)
    after[:, 1:] = same[:, :-1]
    asked_for = maps[rows, :, :, last]  # (prompt, layer, head, to)
    repeated = np.where(same.any(axis=1), 1.0, np.nan)[:, None, None]
    on = [(asked_for * places[:, None, None]).sum(-1) * repeated for places in (same, after)]
    return np.stack([previous, *on], axis=-1)


# --- Which experts tokens are given to ------------------------------------------------------------


def chosen_experts(stream: ResidualStream, prompts: Prompts) -> dict[int, Floats]:
    """{layer: (prompt, place, expert) whether it was chosen}, 0 where no token stands.

    Heard at the routers themselves: many models of transformers with experts hand out no routing,
    or drop it on the way, when they are asked for it.
    """
    routers = transformer_trace.routers_of(stream.net)
    parts: dict[int, list[Floats]] = {layer: [] for layer in routers}
    width = prompts.ids.shape[1]
    with torch.inference_mode():
        for _, batch in prompts.batches():
            with transformer_trace.listening(routers) as heard:
                stream.net.base_model(inputs_embeds=stream.embed(batch.ids), use_cache=False)
            for layer, choice in heard.items():
                chosen = (array(choice.weights) > 0).reshape(*batch.ids.shape, -1)
                whole = np.zeros((len(batch), width, chosen.shape[-1]))
                whole[:, : batch.ids.shape[1]] = chosen & batch.present[..., None]
                parts[layer].append(whole)
    return {layer: np.concatenate(chosen) for layer, chosen in parts.items()}


# --- The compressed keys and values of multi-head latent attention --------------------------------


def latents_of(stream: ResidualStream) -> dict[int, tuple[nn.Module, nn.Module]]:
    """{layer: what compresses a state, and the norm of the latent from which keys and values come}.

    Empty for a model without multi-head latent attention.

    Reference: DeepSeek-AI 2024, DeepSeek-V2, section 2.1, doi 10.48550/arXiv.2405.04434.
    """
    known = {}
    for at, layer in enumerate(stream.layers):
        parts = {path.rpartition(".")[2]: part for path, part in layer.named_modules()}
        if {"kv_a_proj_with_mqa", "kv_a_layernorm"} <= set(parts):
            known[at] = (parts["kv_a_proj_with_mqa"], parts["kv_a_layernorm"])
    return known


def latent_site(layer: int, norm: nn.Module) -> transformer_trace.Site:
    """The place where the latent of a layer can be replaced."""
    return transformer_trace.Site(
        Step(layer + 1, "layer"), partial(transformer_trace.on_output, norm)
    )


def states_and_latents(
    stream: ResidualStream, prompts: Prompts, layer: int
) -> tuple[Floats, Floats]:
    """(token, width) what attention reads, and (token, rank) the latent, of all tokens in turn."""
    compress, norm = latents_of(stream)[layer]
    noted: dict[str, Tensor] = {}
    parts: list[tuple[Floats, Floats]] = []
    with (
        compress.register_forward_pre_hook(lambda _part, inputs: noted.update(state=inputs[0])),
        norm.register_forward_hook(lambda _part, _inputs, output: noted.update(latent=output)),
        torch.inference_mode(),
    ):
        for _, batch in prompts.batches():
            stream.net.base_model(inputs_embeds=stream.embed(batch.ids), use_cache=False)
            there_is = batch.present
            parts.append((array(noted["state"])[there_is], array(noted["latent"])[there_is]))
    states, latents = zip(*parts, strict=True)
    return np.concatenate(states), np.concatenate(latents)


def effective_rank(vectors: Floats) -> float:
    """How many directions (row, width) vectors use: e to the entropy of their shares of variance.

    1 where all lie on a line, the width where they spread evenly; 0 where none varies.

    Reference: Roy & Vetterli 2007, The effective rank, EUSIPCO (with variances in place of singular
    values).
    """
    spread = np.linalg.svd(vectors - vectors.mean(axis=0), compute_uv=False) ** 2
    if not spread.sum() > 0:
        return 0.0
    shares = spread[spread > 0] / spread.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))
