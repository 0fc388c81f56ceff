"""The rules of AttnLRP as changed gradients; imported only from inside functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from deepseek_report.artifacts.message import message
from deepseek_report.errors import NotApplicableError

#: Below this size a number counts as 0, and what a function makes of it as constant.
_TINY = 1e-9


class RelevanceRules(TorchFunctionMode):
    """While it is on, the gradient of an output times a tensor is the relevance of that tensor.

    Linear maps pass relevance on by their terms, and a softmax by the first terms of its Taylor
    series: both are what a gradient does. A product of two tensors that depend on the input gives
    each half; an activation f(x) gives x all that f(x) had; a norm and a division pass relevance on
    as if the denominator were constant. What a tensor counts as depending on the input by is
    `requires_grad`: the parameters of the model must not have it (`constant_weights`).

    Reference: Achtibat et al. 2024, AttnLRP, doi 10.48550/arXiv.2402.05602.
    """

    def __torch_function__(
        self,
        func: Callable[..., Tensor],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        rule = _RULES.get(getattr(func, "__name__", ""))
        return rule(func, *args, **(kwargs or {})) if rule else func(*args, **(kwargs or {}))


def relevance(function: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """What each number of an input adds to its instance's value, by the rules of AttnLRP.

    function : (instance, …) -> (instance,). points : (instance, …).
    Returns the shape of the points; what biases, constants and the softmax keep is missing in it.
    Raises NotApplicableError : the function does something for which there is no rule.
    """
    points = points.detach().requires_grad_()
    with RelevanceRules():
        output = function(points)
    check_rules(output)
    (slopes,) = torch.autograd.grad(output.sum(), points)
    return points.detach() * slopes


@contextmanager
def constant_weights(module: nn.Module) -> Iterator[None]:
    """Inside of the block no parameter needs a gradient, and activations keep their relevance.

    Activations that are modules of transformers are made of several functions, so that the rule is
    put on the module.
    """
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    whole = [
        part for part in module.modules() if type(part).__module__ == "transformers.activations"
    ]
    with ExitStack() as undone:
        for part in whole:
            keep = part.register_forward_hook(lambda _, inputs, output: _kept(inputs[0], output))
            undone.enter_context(keep)
        for parameter in trained:
            undone.callback(parameter.requires_grad_, True)
            parameter.requires_grad_(False)
        yield


def halved(tensor: object) -> object:
    """The same numbers, of which half of the gradient goes on."""
    if not isinstance(tensor, Tensor) or not tensor.requires_grad:
        return tensor
    half = tensor * 0.5
    return half + half.detach()


def _depends(tensor: object) -> bool:
    return isinstance(tensor, Tensor) and tensor.requires_grad


def _kept(x: Tensor, y: Tensor) -> Tensor:
    """The numbers y, as x times a constant factor: x gets all relevance of y."""
    is_zero = x.abs() < _TINY
    factor = torch.where(is_zero, torch.zeros_like(y), y / torch.where(is_zero, 1.0, x))
    return x * factor.detach() + torch.where(is_zero, y, torch.zeros_like(y)).detach()


def _activation(func: Callable[..., Tensor], x: Tensor, *args: object, **kwargs: object) -> Tensor:
    y: Tensor = func(x, *args, **kwargs)
    return _kept(x, y) if _depends(x) else y


def _product(
    func: Callable[..., Tensor], left: object, right: object, *args: object, **kwargs: object
) -> object:
    if _depends(left) and _depends(right):
        left, right = halved(left), halved(right)
    return func(left, right, *args, **kwargs)


def _ratio(
    func: Callable[..., Tensor], left: object, right: Tensor, *args: object, **kwargs: object
) -> object:
    return func(left, right.detach() if _depends(right) else right, *args, **kwargs)


def _layer_norm(
    func: Callable[..., Tensor],
    x: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """`(x − mean) / √(variance + eps)` with a constant denominator."""
    axes = tuple(range(-len(normalized_shape), 0))
    centred = x - x.mean(axes, keepdim=True)
    scale = torch.sqrt(centred.square().mean(axes, keepdim=True) + eps).detach()
    out = centred / scale
    out = out if weight is None else out * weight
    return out if bias is None else out + bias


def _rms_norm(
    func: Callable[..., Tensor],
    x: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    axes = tuple(range(-len(normalized_shape), 0))
    least = torch.finfo(x.dtype).eps if eps is None else eps
    scale = torch.sqrt(x.square().mean(axes, keepdim=True) + least).detach()
    out = x / scale
    return out if weight is None else out * weight


#: {name of a function of torch: how relevance goes through it}; all others as gradients do.
_RULES: Mapping[str, Callable[..., object]] = {
    **dict.fromkeys(("gelu", "silu", "relu", "relu_", "leaky_relu", "elu", "mish"), _activation),
    **dict.fromkeys(("tanh", "hardtanh", "relu6", "softsign"), _activation),
    **dict.fromkeys(("matmul", "__matmul__", "bmm", "mm", "mv", "dot", "mul", "__mul__"), _product),
    **dict.fromkeys(("multiply", "__rmul__", "mul_", "__imul__"), _product),
    **dict.fromkeys(("div", "div_", "__truediv__", "__itruediv__"), _ratio),
    **dict.fromkeys(("true_divide", "divide"), _ratio),
    **dict.fromkeys(
        ("rsqrt", "sqrt", "reciprocal", "__rtruediv__", "norm"),
        lambda func, *args, **kwargs: func(*args, **kwargs).detach(),
    ),
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
}

#: Steps of a graph of gradients whose gradient is the rule: linear maps, whatever moves numbers
#: about, and the softmax and its kin. The last line are functions of the models written here.
_FAITHFUL = frozenset(
    re.findall(
        r"\w+",
        """
    Addmm Mm Mv Dot Bmm Baddbmm Addbmm Linear GroupedMm Mul Div Add Sub Rsub Neg Sum Mean Cumsum
    View UnsafeView Reshape ReshapeAlias Permute Transpose T Mt Unsqueeze Squeeze Expand Repeat
    Select Slice SliceScatter SelectScatter Split SplitWithSizes Unbind Stack Cat Index IndexSelect
    IndexAdd IndexCopy IndexPut Gather Scatter ScatterAdd Topk Sort Clone ToCopy Copy CopySlices
    AsStrided AsStridedScatter ConstantPadNd Unfold Flip Roll MaskedFill MaskedScatter Where Alias
    ViewAsReal ViewAsComplex Diagonal Narrow Chunk RepeatInterleave Max Min Amax Amin
    Softmax LogSoftmax Logsumexp Sigmoid AccumulateGrad
    _Moved _Linear _Outer _Split _Join
    """,
    )
)


def check_rules(output: Tensor) -> None:
    """Refuse a computation that does something whose gradient is not its rule.

    Raises NotApplicableError : naming the function.
    """
    open_steps, seen = [output.grad_fn], set[object]()
    while open_steps:
        step = open_steps.pop()
        if step is None or step in seen:
            continue
        seen.add(step)
        name = re.sub(r"^.*::|Backward\d*$", "", step.name())
        if name not in _FAITHFUL:
            raise NotApplicableError(message("explainer_refusals.no_rule", function=name))
        open_steps += [behind for behind, _ in step.next_functions]
