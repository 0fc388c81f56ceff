"""A model of transformers over the columns of a text: the module."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.modules import REPLACEMENTS, LayerTrace, Replacement, Step
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.data_kinds import kind_of
from deepseek_report.errors import ArtifactError
from deepseek_report.metrics.internals import transformer_trace
from deepseek_report.models.routed.experts import balance_loss
from deepseek_report.models.shared.output_layers import Outputs, Readout, count_parameters, describe

if TYPE_CHECKING:
    from torch.nn.modules.module import _IncompatibleKeys
    from transformers import PreTrainedModel


# --- What a network of transformers is made of, for people; and all of it drawn anew --------------

_MIXTURE = "mixture of experts"
#: Kinds of parts by a piece of their class's name; the first that fits.
_KINDS = (
    ("norm", "normalisation"),  # first, since some are called "post attention layernorm"
    ("router", "expert router"),
    ("shared_expert", "shared experts"),
    ("experts", "experts"),
    ("attention", "attention"),
    ("embed", "embedding"),
    ("moe", _MIXTURE),
    ("mlp", "feed-forward"),
    ("intermediate", "feed-forward"),
    ("pool", "pooling"),
    ("classif", "output"),
    ("score", "output"),
    ("outputs", "output"),
)


def describe_net(
    module: TransformerModule, name: str, layers: list[nn.Module], routers: Mapping[int, nn.Module]
) -> dict[str, object]:
    """The content of `architecture.json`.

    All parameters are counted, and `trained` says how many of them training changes.
    """
    summary, kinds = _summary(module, layers, routers), _kinds(module, layers)
    every = sum(parameter.numel() for parameter in module.parameters())
    described = describe(module, name, summary, kinds, marks_frozen=True)
    return described | {"parameters": every, "trained": count_parameters(module)}


def reinitialise(net: PreTrainedModel) -> None:
    """Draw all weights of a network as its own family does before training."""
    for tensor in (*net.parameters(), *net.buffers()):
        tensor._is_hf_initialized = False  # type: ignore[attr-defined]
    with torch.no_grad():
        for part in reversed(list(net.modules())):
            net._init_weights(part)
            again = getattr(part, "reset_lora_parameters", None)
            if again is not None:
                again("default", True)


def _kinds(module: TransformerModule, layers: list[nn.Module]) -> dict[str, str]:
    """{path: what it is} of parts that together hold every parameter; adapters with their layer."""
    opened = {id(part) for part in (*layers, module.net, module.encoder)}
    kinds: dict[str, str] = {}

    def visit(path: str, part: nn.Module) -> None:
        for key, child in part.named_children():
            if not any(True for _ in child.parameters()):
                continue
            kind = None if id(child) in opened else _kind(key, child)
            own = any(True for _ in child.parameters(recurse=False))
            whole = not list(child.children()) or hasattr(child, "base_layer")
            if kind or own or whole:
                kinds[path + key] = kind or type(child).__name__.lower()
            if kind in (None, _MIXTURE) and not hasattr(child, "base_layer"):
                visit(f"{path}{key}.", child)

    visit("", module)
    return kinds


def _kind(key: str, part: nn.Module) -> str | None:
    named = f"{type(part).__name__} {key}".lower()
    return next((kind for piece, kind in _KINDS if piece in named), None)


def _summary(
    module: TransformerModule, layers: list[nn.Module], routers: Mapping[int, nn.Module]
) -> Message:
    config, trained = module.config, count_parameters(module)
    return message(
        "architectures.transformer",
        name=type(module.net).__name__,
        layers=len(layers),
        width=config.hidden_size,
        heads=config.num_attention_heads,
        routed=len(routers),
        chosen=config.num_experts_per_tok if routers else 0,
        experts=len(next(iter(routers.values())).get_parameter("weight")) if routers else 0,
        shared=getattr(config, "n_shared_experts", 0) if routers else 0,
        partly=trained < sum(parameter.numel() for parameter in module.parameters()),
        trained=trained,
        reads=_reads(module),
    )


def _reads(module: TransformerModule) -> str:
    """What of the last layer the output is made from: "mean", "head", "end" or "last"."""
    if module.start.mean:
        return "mean"
    if not module.reads_last:
        return "head"
    return "end" if module.start.after else "last"


# --- A model of transformers over the columns of a text: the module -------------------------------

_DIGEST = "checkpoint_digest"


def set_trained(net: nn.Module, names: Collection[str]) -> None:
    """Let training change the parameters of these names and no others."""
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(name in names)


def keep_only(module: nn.Module, digest: str) -> None:
    """Make a module's state what training can change, and the hash of the checkpoint of the rest.

    module : has the network as `net`; its other parts are always kept. digest : SHA-256 of the
    checkpoint, in hexadecimal; a state that was stored with another one is refused.
    """
    value = torch.tensor(list(bytes.fromhex(digest)), dtype=torch.uint8)
    module.register_buffer(_DIGEST, value)
    module.digest = digest  # type: ignore[assignment]
    module.register_state_dict_post_hook(_leave_out)
    module.register_load_state_dict_post_hook(_not_missing)


def _left_out(module: nn.Module) -> set[str]:
    """Names in the state that come from the checkpoint."""
    net = module.get_submodule("net")
    frozen = {name for name, parameter in net.named_parameters() if not parameter.requires_grad}
    return {f"net.{name}" for name in frozen | {name for name, _ in net.named_buffers()}}


def _leave_out(module: nn.Module, state: dict[str, Tensor], prefix: str, local: object) -> None:
    del local
    for name in _left_out(module):
        state.pop(prefix + name, None)


def _not_missing(module: nn.Module, keys: _IncompatibleKeys) -> None:
    stored = bytes(getattr(module, _DIGEST).tolist()).hex()
    if stored != module.digest:
        raise ArtifactError(
            "the stored weights belong to another checkpoint than the configured one (SHA-256 "
            f"{stored[:12]}…, not {str(module.digest)[:12]}…); put the checkpoint back, or train "
            "again"
        )
    expected = _left_out(module)
    keys.missing_keys[:] = [name for name in keys.missing_keys if name not in expected]


class FrozenFeatures:
    """Remembers what an encoder that is not trained says of a text, so that it runs once a text.

    Each text runs alone: what it gives then does not depend on the texts beside it, and so a
    training that was interrupted goes on with the very same numbers.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, Tensor] = {}

    def of(self, inputs: Tensor, encode: Callable[[Tensor], Tensor]) -> Tensor:
        """(instance, column) -> (instance, width); `encode` maps (1, column) to (1, width)."""
        keys = [row.tobytes() for row in inputs.cpu().numpy()]
        for key, row in zip(keys, inputs, strict=True):
            if key not in self._known:
                self._known[key] = encode(row.unsqueeze(0)).squeeze(0)
        return torch.stack([self._known[key] for key in keys])

    def forget(self) -> None:
        """Start anew, since the encoder has changed."""
        self._known.clear()


@dataclass(frozen=True)
class Packing:
    """Where the units of each instance go when those that are there move to the front.

    order : (instance, unit) the unit that stands at each packed place. rank : (instance, unit) the
    packed place of each unit. present : (instance, unit) bool, whether a unit is there. length :
    places that the longest text needs, at least 1.
    """

    order: Tensor
    rank: Tensor
    present: Tensor
    length: int

    @classmethod
    def of(cls, present: Tensor) -> Packing:
        """The packing that keeps the order of the units that are there."""
        order = torch.argsort(~present, dim=1, stable=True)
        rank = torch.argsort(order, dim=1, stable=True)
        return cls(order, rank, present, max(int(present.sum(1).max()), 1))

    @property
    def mask(self) -> Tensor:
        """(instance, packed place) int64, 1 where a unit stands."""
        places = torch.arange(self.length, device=self.present.device)
        return (places < self.present.sum(1, keepdim=True)).long()

    @property
    def last(self) -> Tensor:
        """(instance,) packed place of the last unit; 0 where none is there."""
        return (self.present.sum(1) - 1).clamp(min=0)

    def pack(self, units: Tensor) -> Tensor:
        """(instance, unit, width) -> (instance, packed place, width)."""
        return units.gather(1, self._columns(self.order[:, : self.length], units.shape[2]))

    def unpack(self, places: Tensor) -> Tensor:
        """(instance, packed place, width) -> (instance, unit, width), 0 where no unit is there."""
        rank = self.rank.clamp(max=self.length - 1)
        return places.gather(1, self._columns(rank, places.shape[2])) * self.present.unsqueeze(-1)

    def unpack_maps(self, maps: Tensor) -> Tensor:
        """(instance, head, place, place) -> (instance, head, unit, unit), 0 where none is there."""
        n, heads = maps.shape[:2]
        units = self.rank.shape[1]
        rank = self.rank.clamp(max=self.length - 1)
        rows = maps.gather(2, rank[:, None, :, None].expand(n, heads, units, self.length))
        whole = rows.gather(3, rank[:, None, None, :].expand(n, heads, units, units))
        return whole * (self.present[:, None, :, None] & self.present[:, None, None, :])

    @staticmethod
    def _columns(places: Tensor, width: int) -> Tensor:
        return places.unsqueeze(-1).expand(*places.shape, width)


@dataclass(frozen=True)
class PretrainedStart:
    """A network to begin with, and how texts are given to it.

    net : a sequence classifier of transformers, or with `mean` an encoder without a head.
    before, after : ids of the tokens that stand around every text. masking, dropout : while
    training, shares of the words that are hidden behind the mask of the texts, and of the numbers
    of word embeddings that are dropped. trained : names of the
    parameters of `net` that training may change; None: all. order : for each class the output of
    `net` that belongs to it; None: as they are. digest : hash of the checkpoint, of which what is
    not trained is part. continues : `net` is a causal language model, whose own head is read.
    """

    net: PreTrainedModel
    name: str
    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    mean: bool = False
    masking: float = 0.0
    dropout: float = 0.0
    trained: frozenset[str] | None = None
    order: Sequence[int] | None = None
    digest: str = ""
    continues: bool = False


@dataclass(frozen=True)
class _Pass:
    """What one run of the network gave; attentions and heard belong to packed places."""

    outputs: Tensor
    packing: Packing
    attentions: Sequence[Tensor]
    heard: Mapping[int, transformer_trace.Choice]


class TransformerModule(nn.Module):
    """A network of transformers; offers what `protocols.modules.ExplainableModule` asks for.

    Units are the tokens around the text and one for each column. A unit holds the token's word
    embedding and, as its last number, a flag: 1 where a token stands, 0 where the text has ended.
    So `forward_embedded` knows the mask from the units alone, however they were repeated or mixed;
    a unit counts as there from a flag of 1/2 on. No gradient runs through the flag, so it has no
    attribution. On a path between two texts of the same length, which is what the reference of
    texts gives, it is 1 all along.

    Units that are not there are moved behind the others before the network sees them (`Packing`),
    so that positions count tokens, and what follows the text stands right after it.

    A classifier of the causal kind has a layer `score`, which is read at the last token. So is the
    head of a language model, of whose logits those of the classes count. Every other reads what its
    own head reads (mostly the first token). With `mean` a linear layer of ours reads the mean of
    all tokens.

    tokens_per_row : of a mean text of the training part, for the speed of training; texts are
    mostly shorter than the columns.
    """

    def __init__(self, start: PretrainedStart, schema: Schema, train: Split) -> None:
        super().__init__()
        self.net, self.start = start.net, _without_net(start)
        places = len(schema.features)
        self.mask = kind_of(schema).mask
        self.unit_features = (*[-1] * len(start.before), *range(places), *[-1] * len(start.after))
        self.config = self.net.config.get_text_config()
        target = schema.target
        self.readout: Readout = (
            Outputs(self.config.hidden_size, target, train)
            if start.mean
            else Readout(target, train)
        )
        self.layers, self.routers = (
            transformer_trace.layers_of(self.net),
            transformer_trace.routers_of(self.net),
        )
        self.reads_last = isinstance(self._head, nn.Linear)
        self.tokens_per_row = round(np.isfinite(train.inputs).sum(1).mean()) + len(
            start.before + start.after
        )
        self.features: FrozenFeatures | None = None
        if start.trained is not None:
            self._freeze(start.trained, start.digest)

    @property
    def encoder(self) -> nn.Module:
        """The network without its head."""
        return self.net if self.start.mean else self.net.base_model

    @property
    def _head(self) -> Any:
        """What makes logits of the last token's state; None where a model reads otherwise."""
        net = self.net
        return net.get_output_embeddings() if self.start.continues else getattr(net, "score", None)

    @property
    def token_columns(self) -> tuple[tuple[int, ...], ...]:
        """For each token its column; empty for the tokens around the text."""
        return tuple(() if column < 0 else (column,) for column in self.unit_features)

    def embed(self, inputs: Tensor) -> Tensor:
        """(instance, column) positions in the vocabulary -> (instance, unit, width + 1)."""
        ids, present = self._with_surroundings(inputs)
        vectors = self.net.get_input_embeddings()(ids)
        flags = present.unsqueeze(-1).to(vectors.dtype)
        return torch.cat([vectors * flags, flags], dim=-1)

    def forward_embedded(self, embedded: Tensor) -> Tensor:
        """(instance, unit, width + 1) -> logits (instance, class)."""
        return self.readout.view(self._run(embedded).outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """(instance, column) positions in the vocabulary -> logits (instance, class)."""
        return self.forward_embedded(self.embed(inputs))

    def trace(self, inputs: Tensor) -> tuple[Tensor, list[LayerTrace]]:
        """Logits and what each layer decided."""
        done = self._run(self.embed(inputs), traced=True)
        traces = [self._layer_trace(done, layer) for layer in range(len(self.layers))]
        return self.readout.view(done.outputs), traces

    def parts(self) -> list[Step]:
        """Layers, heads and experts; see `ReplacesParts`."""
        return [site.step for site in self._sites()]

    def replaced(self, inputs: Tensor) -> Iterator[tuple[Step, Replacement, Tensor]]:
        """The logits with each part replaced; the whole network runs for each."""
        embedded = self.embed(inputs)
        packing = Packing.of(embedded[..., -1] > 0.5)
        substitutes = transformer_trace.Substitutes(packing.mask.bool())
        for site in self._sites():
            for replacement in REPLACEMENTS:
                with site.listen(partial(substitutes.of_packed, replacement=replacement)):
                    outputs = self._run(embedded).outputs
                yield site.step, replacement, self.readout.view(outputs)

    def _sites(self) -> list[transformer_trace.Site]:
        return transformer_trace.sites_of(self.net, int(self.config.num_attention_heads))

    def forward_with_balance(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs, and how unevenly the experts are used (see `imbalance`; 0 without)."""
        if self.features is not None:
            outputs = self._read(self.features.of(inputs, self._pooled_row))
            return outputs, outputs.new_zeros(())
        done = self._run(self._dropped(self.embed(self._hidden(inputs))))
        return done.outputs, imbalance(done.heard, done.packing.mask, done.outputs)

    def reading(self, inputs: Tensor) -> Tensor:
        """(instance, token) how much of each token's last state the output reads; sums to 1."""
        _, present = self._with_surroundings(inputs)
        if self.start.mean:
            return present / present.sum(1, keepdim=True).clamp(min=1)
        packing = Packing.of(present)
        place = packing.last if self.reads_last else torch.zeros_like(packing.last)
        unit = packing.order.gather(1, place.unsqueeze(1))
        return torch.zeros_like(present, dtype=torch.float32).scatter(1, unit, 1.0)

    def reset_parameters(self) -> None:
        """Draw every weight anew, also those of a checkpoint."""
        reinitialise(self.net)
        if self.features is not None:
            self.features.forget()

    def train(self, mode: bool = True) -> TransformerModule:
        """Training mode, but for an encoder that is not trained: it drops nothing."""
        super().train(mode)
        if self.features is not None or not any(p.requires_grad for p in self.encoder.parameters()):
            self.encoder.eval()
        return self

    def architecture(self) -> dict[str, object]:
        """Name, summary, parameters and layers, as `architecture.json` holds them."""
        return describe_net(self, self.start.name, self.layers, self.routers)

    def _hidden(self, inputs: Tensor) -> Tensor:
        """While training, a share of the words is the mask, which so means something later on."""
        if not self.training or self.start.masking == 0.0 or self.mask is None:
            return inputs
        drawn = torch.rand(inputs.shape, device=inputs.device) < self.start.masking
        return inputs.masked_fill(drawn & ~torch.isnan(inputs), float(self.mask))

    def _dropped(self, embedded: Tensor) -> Tensor:
        """While training, a share of the numbers of each unit is 0; its flag stays as it is."""
        if self.start.dropout == 0.0:
            return embedded
        kept = nn.functional.dropout(embedded[..., :-1], self.start.dropout, self.training)
        return torch.cat([kept, embedded[..., -1:]], dim=-1)

    def _with_surroundings(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Ids and presence of all units, (instance, unit) each."""
        present = ~torch.isnan(inputs)
        ids = torch.nan_to_num(inputs).long()
        before, after = (
            ids.new_tensor(tokens).expand(len(ids), -1)
            for tokens in (self.start.before, self.start.after)
        )
        around = [torch.ones_like(tokens, dtype=torch.bool) for tokens in (before, after)]
        return (
            torch.cat([before, ids, after], dim=1),
            torch.cat([around[0], present, around[1]], dim=1),
        )

    def _run(self, embedded: Tensor, traced: bool = False) -> _Pass:
        packing = Packing.of(embedded[..., -1].detach() > 0.5)
        inputs: dict[str, object] = {
            "inputs_embeds": packing.pack(embedded[..., :-1]),
            "attention_mask": packing.mask,
        }
        if traced:
            inputs["output_attentions"] = True
        with transformer_trace.listening(self.routers) as heard:
            outputs, attentions = self._outputs(inputs, packing)
        return _Pass(outputs, packing, attentions, heard)

    def _outputs(
        self, inputs: dict[str, object], packing: Packing
    ) -> tuple[Tensor, Sequence[Tensor]]:
        if self.start.mean or self.reads_last:
            done = self.encoder(**inputs)
            outputs = self._read(self._pool(done.last_hidden_state, packing))
        else:
            done = self.net(**inputs)
            outputs = self._ordered(done.logits)
        return outputs, getattr(done, "attentions", None) or ()

    def _pool(self, hidden: Tensor, packing: Packing) -> Tensor:
        """(instance, packed place, width) -> (instance, width): the last token, or the mean."""
        if self.reads_last and not self.start.mean:
            return hidden[torch.arange(len(hidden), device=hidden.device), packing.last]
        mask = packing.mask.unsqueeze(-1).to(hidden.dtype)
        return (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)

    def _read(self, pooled: Tensor) -> Tensor:
        return self.readout(pooled) if self.start.mean else self._ordered(self._head(pooled))

    def _ordered(self, raw: Tensor) -> Tensor:
        chosen = raw if self.start.order is None else raw[:, list(self.start.order)]
        outputs: Tensor = self.readout(chosen)
        return outputs

    def _pooled_row(self, row: Tensor) -> Tensor:
        """(1, column) -> (1, width) of an encoder that is not trained."""
        with torch.no_grad():
            embedded = self.embed(row)
            packing = Packing.of(embedded[..., -1] > 0.5)
            packed = packing.pack(embedded[..., :-1])
            hidden = self.encoder(inputs_embeds=packed, attention_mask=packing.mask)
            return self._pool(hidden.last_hidden_state, packing)

    def _layer_trace(self, done: _Pass, layer: int) -> LayerTrace:
        attention, weights = None, None
        if layer < len(done.attentions):
            attention = {"global": done.packing.unpack_maps(done.attentions[layer].float())}
        if layer in done.heard:
            flat = done.heard[layer].weights
            weights = done.packing.unpack(flat.unflatten(0, (len(done.outputs), -1)))
        return LayerTrace(attention=attention, expert_weights=weights)

    def _freeze(self, trained: frozenset[str], digest: str) -> None:
        set_trained(self.net, trained)
        keep_only(self, digest)
        still = not any(p.requires_grad for p in self.encoder.parameters())
        if still and (self.start.mean or self.reads_last):
            self.features = FrozenFeatures()


def imbalance(heard: Mapping[int, transformer_trace.Choice], mask: Tensor, like: Tensor) -> Tensor:
    """Mean balance loss of the routers over places where a token stands; 0 without routers.

    `n · Σ_e f_e · p_e` as in `experts.balance_loss`, the form of Switch Transformers for softmax
    routers (DeepSeek-V2) and of DeepSeek-V3's own complementary balance loss for sigmoid routers.
    The bias that DeepSeek-V3 adds to the scores while it is pretrained stays as it is.

    References: Fedus et al. 2022, doi 10.48550/arXiv.2101.03961; DeepSeek-AI 2024, DeepSeek-V3,
    equations 17 to 20, doi 10.48550/arXiv.2412.19437.
    """
    if not heard:
        return like.new_zeros(())
    present = mask.flatten().bool()
    losses = [
        balance_loss(choice.shares[present], choice.which[present]) for choice in heard.values()
    ]
    return torch.stack(losses).mean()


def _without_net(start: PretrainedStart) -> PretrainedStart:
    """The same without the network, which is registered as a part of the module."""
    return PretrainedStart(**{**vars(start), "net": None})
