"""What the torch modules of models offer, so that explainers and metrics can look inside."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, get_args, runtime_checkable

from deepseek_report.artifacts.array_types import Floats

if TYPE_CHECKING:
    from torch import Tensor, nn


#: The input's tokens as they enter; a whole layer; a branch of attention and a head of one; the
#: weights that a router gives to the heads; all routed experts and one of them; the expert that all
#: tokens share; and what is added to every input alike.
StepKind = Literal[
    "tokens", "layer", "branch", "head", "routes", "experts", "expert", "shared_expert", "constant"
]
#: What takes the place of what a part gives: nothing; its mean over the rows, token by token; what
#: it gives in another row.
Replacement = Literal["zero", "mean", "swap"]
REPLACEMENTS: tuple[Replacement, ...] = get_args(Replacement)


@dataclass(frozen=True)
class Step:
    """One part: of which layer, from 1 (0 before and behind all of them), and what it is called.

    branch : of a head, "" else. number : of a head or an expert among those of its kind, from 1.
    """

    layer: int
    kind: StepKind
    branch: str = ""
    number: int = 0


@dataclass(frozen=True)
class StepSums:
    """What each part adds to the logit of a class less the mean of the others, or to the number.

    steps : in the order in which the model takes them. added : (instance, step), whose sum over the
    steps is that output exactly, but for rounding. weights : (instance, step) the router's weight
    of a head or an expert, NaN for other parts; an expert that was not chosen weighs 0.
    """

    steps: tuple[Step, ...]
    added: Floats
    weights: Floats


@runtime_checkable
class AddsUpSteps(Protocol):
    """The optional part of a module whose output is a sum over its parts."""

    def step_sums(self, inputs: object, target: int) -> StepSums:
        """Of inputs (instance, column) as a tensor; target : position of the class."""


@runtime_checkable
class ReplacesParts(Protocol):
    """The optional part of a module that can run without one of its parts."""

    def parts(self) -> Sequence[Step]:
        """The parts that can be replaced."""

    def replaced(self, inputs: Tensor) -> Iterator[tuple[Step, Replacement, Tensor]]:
        """Each part with each replacement, and the logits (instance, class) that come of it.

        inputs : (instance, column) in random order: means and swaps are over these rows. Of the
        weights of the heads there is no "zero", which would take all heads away.
        """


@dataclass(frozen=True)
class LayerTrace:
    """What one layer decided, for a batch. None where the layer has no such part.

    attention : {branch: (instance, head, query token, key token)}, rows sum to 1, but rows of
        tokens that are not there (a text has ended) are 0; branches are "local" and "global". The
        tokens are those of `token_columns`: a model with many tokens hands out groups of
        neighbours, the attention to a group summed and that of its members averaged.
    routes : {branch: (instance, head)}, the router's weight of each head; over all branches and
        heads of an instance they sum to 1.
    expert_weights : (instance, token, expert), 0 for experts that were not chosen; sums to 1, but
        is 0 for tokens that are not there or that nothing reads (in the last layer).
    """

    attention: Mapping[str, Tensor] | None = None
    routes: Mapping[str, Tensor] | None = None
    expert_weights: Tensor | None = None


class ExplainableModule(Protocol):
    """What a torch module offers so that every explainer works on it.

    It is a `torch.nn.Module`, of which the last methods here are.

    `embed` maps original features to units (the place where gradients are taken), and
    `forward_embedded` goes on from there; `forward` is their composition and nothing else.
    """

    @property
    def unit_features(self) -> Sequence[int]:
        """For each unit the position of the column that it belongs to, -1 for none (a summary
        token).

        A unit never covers two columns: a model that reads patches or windows embeds each column as
        a unit of its own, and joins them in `forward_embedded`.
        """

    def embed(self, inputs: Tensor) -> Tensor:
        """(instance, feature) original units -> (instance, unit, width)."""

    def forward_embedded(self, embedded: Tensor) -> Tensor:
        """(instance, unit, width) -> logits (instance, class).

        With a number as target (instance, 1), the number in its unit; with several labels
        (instance, 2), 0 and the logit of the reported label. `output_layers.Outputs` does both.
        """

    def trace(self, inputs: Tensor) -> tuple[Tensor, list[LayerTrace]]:
        """Logits, and what each layer decided. `forward` is the first part of this very call.

        A module without such layers returns an empty list.
        """

    @property
    def token_columns(self) -> Sequence[Sequence[int]]:
        """For each attention token of `trace` the positions of its columns (a feature, the pixels
        of a patch, the steps of a window); empty for a summary token.
        """

    def forward_with_balance(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """What training looks at: outputs, and how unevenly the experts are used (0 without).

        The outputs are (instance, class) logits, (instance, label) logits of all labels, or
        (instance, 1) the number; `Task.n_outputs` says how many.
        """

    def architecture(self) -> dict[str, Any]:
        """The content of `architecture.json`: name, summary, parameters and layers."""

    training: bool

    def __call__(self, inputs: Tensor) -> Tensor: ...

    def eval(self) -> Self: ...

    def train(self, mode: bool = True) -> Self: ...

    def to(self, device: str) -> Self: ...

    def parameters(self) -> Iterator[nn.Parameter]: ...

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]: ...

    def modules(self) -> Iterator[nn.Module]: ...

    def named_modules(self) -> Iterator[tuple[str, nn.Module]]: ...

    def state_dict(self) -> dict[str, Tensor]: ...

    def load_state_dict(self, state_dict: Mapping[str, Tensor]) -> object: ...


@runtime_checkable
class EncodesInputs(Protocol):
    """The optional part of a module whose embedding has no weights: each row is encoded once."""

    unit_features: Sequence[int]

    def embed(self, inputs: Tensor) -> Tensor:
        """(instance, feature) original units -> (instance, unit, width)."""

    def encoded_with_balance(self, embedded: Tensor) -> tuple[Tensor, Tensor]:
        """What `forward_with_balance` gives of the inputs that were embedded so."""


class IntrinsicModule(Protocol):
    """The optional part of a module with the capability "intrinsic": it computes by summing up."""

    def intrinsic(self, inputs: Tensor, target: int) -> tuple[Tensor, Tensor]:
        """The model's own account of what each column contributed.

        Parameters
        ----------
        inputs : (instance, column) original units.
        target : position of the class that is explained; 0 where the target is a number.

        Returns
        -------
        Values (instance, column) and base values (instance,), whose sum is exactly the number, or
        the logit of the target less the mean of the others' logits (with two classes: the
        log-odds).
        """


class HasPrototypes(ExplainableModule, Protocol):
    """The optional part of a module with the capability "prototypes".

    shift : steps of a series, or pixels along each side of an image, by which a window or patch
        may be moved before it is compared; 0 where none is.
    """

    shift: int

    def prototypes(self) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs (prototype, column), instance ids and classes (prototype,) of training cases."""

    def evidence(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """(instance, prototype) what each adds to the logit of its class, and the distances."""


@runtime_checkable
class SaysWhatIsRead(Protocol):
    """The optional part of a module with attention whose output does not read the summary token."""

    def reading(self, inputs: Tensor) -> Tensor:
        """(instance, token) how much of each token's last state the output reads; sums to 1."""


# Names of layers as people read them, from the names that a module's code gives.

_STACKS = {"layers": "layer", "blocks": "block"}
#: Names at the start of a path that say only that a network is inside of a module.
_WRAPPERS = frozenset({"net", "model"})
_CAPITALS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def layer_name(path: str) -> str:
    """`net.model.layers.0.experts_norm` as `layer 1, experts norm`; numbers count from 1."""
    words: list[str] = []
    parts = path.split(".")
    while len(parts) > 1 and parts[0] in _WRAPPERS and not parts[1].isdigit():
        parts = parts[1:]
    for part in parts:
        if part.isdigit() and words:
            words[-1] = f"{_STACKS.get(words[-1], words[-1])} {int(part) + 1}"
        else:
            words.append(part.replace("_", " "))
    return ", ".join(words)


def layer_kind(name: str) -> str:
    """The class of a layer in words: `SparseExperts` as `sparse experts`, `GELU` as it is."""
    return " ".join(
        word if word.isupper() else word.lower() for word in _CAPITALS.sub(" ", name).split()
    )
