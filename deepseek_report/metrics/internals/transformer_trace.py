"""What a transformer decided inside, where its parts can be replaced, and by what."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.modules import Replacement, Step
from deepseek_report.errors import NotApplicableError

if TYPE_CHECKING:
    from torch.utils.hooks import RemovableHandle
    from transformers import PreTrainedModel


#: What a layer gives: its state, or its state before what else it tells.
Output = Tensor | tuple[Tensor, ...]
_LAYER = re.compile(r"(?:^|\.)(\d+)\.")
#: Where an attention block joins its heads again, in the families of transformers.
_JOINS = ("o_proj", "out_proj", "out_lin", "c_proj", "output.dense", "o")


@dataclass(frozen=True)
class Choice:
    """What one router decided for a batch of packed places.

    shares : (place, expert) its scores, scaled to sum to 1. which : (place, k) the experts chosen.
    weights : (place, expert) what the chosen ones weigh, scaled to sum to 1; 0 for all others.
    """

    shares: Tensor
    which: Tensor
    weights: Tensor


def layers_of(net: PreTrainedModel) -> list[nn.Module]:
    """The layers of a model in their order; empty where they stand in no list."""
    count = getattr(net.config.get_text_config(), "num_hidden_layers", 0)
    lists = (part for part in net.modules() if isinstance(part, nn.ModuleList))
    return next((list(layers)[:count] for layers in lists if len(layers) >= count > 0), [])


def routers_of(net: nn.Module) -> dict[int, nn.Module]:
    """{layer: router} of a mixture of experts; empty where a model has none."""
    routers = {}
    for path, part in net.named_modules():
        layer = _LAYER.search(path)
        if layer and re.search(r"top_?k_?router", type(part).__name__, re.IGNORECASE):
            routers[int(layer.group(1))] = part
    return routers


@contextmanager
def listening(routers: Mapping[int, nn.Module]) -> Iterator[dict[int, Choice]]:
    """Fills a dictionary {layer: Choice} while the model runs inside of the block."""
    heard: dict[int, Choice] = {}

    def hook(layer: int) -> Callable[..., None]:
        def note(part: nn.Module, inputs: object, output: tuple[Tensor, Tensor, Tensor]) -> None:
            del inputs
            heard[layer] = _choice(part, output)

        return note

    with ExitStack() as hooks:
        for layer, part in routers.items():
            hooks.enter_context(part.register_forward_hook(hook(layer)))
        yield heard


def _choice(router: nn.Module, output: tuple[Tensor, Tensor, Tensor]) -> Choice:
    """From what routers of transformers return: logits, weights of the chosen, the chosen."""
    logits, weights, which = output
    if weights.shape == logits.shape:
        weights = weights.gather(1, which)
    weights = (weights / weights.sum(1, keepdim=True)).to(logits.dtype)
    spread = torch.zeros_like(logits).scatter(1, which, weights)
    return Choice(_shares(router, logits), which, spread)


def _shares(router: nn.Module, logits: Tensor) -> Tensor:
    """(place, expert) a softmax; sigmoids over their sum in routers of the DeepSeek-V3 kind."""
    if hasattr(router, "e_score_correction_bias"):
        scores = logits.float().sigmoid()
        return scores / scores.sum(1, keepdim=True)
    return logits.float().softmax(1)


@dataclass(frozen=True)
class Substitutes:
    """What can stand in the place of (instance, token, …) numbers.

    present : (instance, token) whether a token is there, None where all are; tokens stand before
    the places that have none. Where they are not there nothing is put.
    """

    present: Tensor | None = None

    def of(self, numbers: Tensor, replacement: Replacement) -> Tensor:
        """The numbers of the same shape that take their place."""
        if replacement == "zero":
            return torch.zeros_like(numbers)
        if replacement == "mean":
            return self._mean(numbers)
        return self._of_other_rows(numbers)

    def of_packed(self, numbers: Tensor, replacement: Replacement) -> Tensor:
        """As `of`, of numbers that may lie packed as (instance · token, width)."""
        if numbers.dim() == 3 or self.present is None:
            return self.of(numbers, replacement)
        by_place = numbers.unflatten(0, (len(self.present), -1))
        return self.of(by_place, replacement).reshape(numbers.shape)

    def _known(self, numbers: Tensor) -> Tensor:
        """(instance, token, 1 …) 1 where a token is there."""
        if self.present is None:
            return numbers.new_ones(1)
        known = self.present[:, : numbers.shape[1]].to(numbers.dtype)
        return known.reshape(*known.shape, *[1] * (numbers.dim() - 2))

    def _mean(self, numbers: Tensor) -> Tensor:
        """The mean over the rows that have a token there, at each place."""
        if self.present is None:
            return numbers.mean(0, keepdim=True).expand_as(numbers)
        known = self._known(numbers)
        mean = (numbers * known).sum(0, keepdim=True) / known.sum(0, keepdim=True).clamp(min=1)
        return mean * known

    def _of_other_rows(self, numbers: Tensor) -> Tensor:
        """Those of the row half of the rows further on.

        Where that row has fewer tokens its tokens are counted round.
        """
        half = max(len(numbers) // 2, 1)
        other = numbers.roll(half, 0)
        if self.present is None:
            return other
        lengths = self.present.sum(1).roll(half, 0).clamp(min=1)
        places = torch.arange(numbers.shape[1], device=numbers.device) % lengths[:, None]
        shape = (*places.shape, *[1] * (numbers.dim() - 2))
        return other.gather(1, places.reshape(shape).expand_as(other)) * self._known(numbers)


@dataclass(frozen=True)
class Site:
    """A place in a network where one part of it can be replaced.

    step : the part. listen : puts a hook in place, given the function that changes what the part
    gives, (instance, place, width) -> the same.
    """

    step: Step
    listen: Callable[[Callable[[Tensor], Tensor]], RemovableHandle]


def sites_of(net: PreTrainedModel, heads: int) -> list[Site]:
    """Layers, heads and experts, layer by layer.

    heads : of each layer. Raises NotApplicableError : a layer has no place where its heads are
    joined that is known here.
    """
    paths = {part: path for path, part in net.named_modules()}
    routers = routers_of(net)
    sites: list[Site] = []
    for at, layer in enumerate(layers_of(net), 1):
        sites.append(Site(Step(at, "layer"), partial(_on_layer, layer)))
        join = _join(layer)
        for head in range(heads):
            step = Step(at, "head", number=head + 1)
            sites.append(Site(step, partial(_on_head, join, heads, head)))
        router = routers.get(at - 1)
        if router is not None:
            mixture = net.get_submodule(paths[router].rpartition(".")[0])
            sites += _sites_of_experts(at, mixture, len(cast(Tensor, router.weight)))
    return sites


def _sites_of_experts(at: int, mixture: nn.Module, count: int) -> Iterator[Site]:
    """The routed experts of a mixture, each, and the shared ones, where they are parts of it."""
    parts = dict(mixture.named_children())
    if "experts" in parts:
        yield Site(Step(at, "experts"), partial(_on_experts, parts["experts"], None))
        for expert in range(count):
            step = Step(at, "expert", number=expert + 1)
            yield Site(step, partial(_on_experts, parts["experts"], expert))
    for name in ("shared_experts", "shared_expert"):
        if name in parts:
            yield Site(Step(at, "shared_expert"), partial(on_output, parts[name]))


def _on_layer(layer: nn.Module, change: Callable[[Tensor], Tensor]) -> RemovableHandle:
    """Changes what a layer adds to the tokens that it reads."""

    def hook(
        part: nn.Module, inputs: tuple[Tensor, ...], named: dict[str, Tensor], output: Output
    ) -> Output:
        del part
        read = inputs[0] if inputs else named["hidden_states"]
        wrote = output if isinstance(output, Tensor) else output[0]
        changed = read + change(wrote - read)
        return changed if isinstance(output, Tensor) else (changed, *output[1:])

    return layer.register_forward_hook(hook, with_kwargs=True)


def _on_head(
    join: nn.Module, heads: int, head: int, change: Callable[[Tensor], Tensor]
) -> RemovableHandle:
    def hook(part: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        del part
        by_head = inputs[0].unflatten(-1, (heads, -1)).clone()
        by_head[:, :, head] = change(by_head[:, :, head])
        return (by_head.flatten(-2), *inputs[1:])

    return join.register_forward_pre_hook(hook)


def on_output(part: nn.Module, change: Callable[[Tensor], Tensor]) -> RemovableHandle:
    """Changes what a part gives."""
    return part.register_forward_hook(lambda _part, _inputs, output: change(output))


def _on_experts(
    experts: nn.Module, which: int | None, change: Callable[[Tensor], Tensor]
) -> RemovableHandle:
    """Changes what one routed expert, or all of them, add; places are packed side by side."""

    def hook(part: nn.Module, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> Tensor:
        if which is None:
            return change(output)
        tokens, chosen, weights = inputs
        added: Tensor = part.forward(tokens, chosen, weights * (chosen == which))
        return output - added + change(added)

    return experts.register_forward_hook(hook)


def _join(layer: nn.Module) -> nn.Module:
    """The projection of an attention block that reads all heads side by side."""
    paths = [path for path, _ in layer.named_modules() if "att" in path.rpartition(".")[0]]
    for name in _JOINS:
        for path in paths:
            if path.endswith("." + name):
                return layer.get_submodule(path)
    raise NotApplicableError(message("model_refusals.heads", layer=type(layer).__name__))
