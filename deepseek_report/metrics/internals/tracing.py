"""What a model with attention, routes and experts decided inside, collected batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.protocols.modules import LayerTrace
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.internals.timing import torch_module

_BATCH = 256
#: A batch holds at most so many input values, and its map of one head at most so many weights.
_VALUES, _WEIGHTS = 2**18, 2**20


def sample_rows(context: MeasureContext, most: int) -> Ints:
    """At most so many positions of the test part, drawn with the seed, ascending."""
    rng = np.random.default_rng(context.seed)
    return np.sort(rng.permutation(len(context.dataset.test))[:most])


def traces(
    context: MeasureContext, inputs: Floats, head_mask: Any = None
) -> Iterator[tuple[Floats, list[LayerTrace]]]:
    """Logits and what each layer decided, for one batch after another.

    inputs : (instance, feature) original units.
    head_mask : (layer, branch, head) tensor of 0 and 1, or None.
    """
    import torch

    module = torch_module(context.classifier)
    device = next(module.parameters()).device
    with torch.inference_mode():
        size = rows_at_once(inputs.shape[1], len(module.token_columns))
        for start in range(0, len(inputs), size):
            rows = torch.as_tensor(inputs[start : start + size], dtype=torch.float32, device=device)
            context.classifier.calls += len(rows)
            logits, layers = module.trace(rows, head_mask)
            yield logits.double().cpu().numpy(), layers


def rows_at_once(columns: int, tokens: int) -> int:
    """How many rows a batch has, so that long inputs and large maps do not fill the memory."""
    return max(min(_BATCH, _VALUES // max(columns, 1), _WEIGHTS // max(tokens, 1) ** 2), 1)


def array(tensor: Any) -> Floats:
    """A tensor as a float64 array."""
    return np.asarray(tensor.double().cpu().numpy())


def heads_of(context: MeasureContext, inputs: Floats) -> tuple[list[str], tuple[int, int, int]]:
    """Names of the branches, and how many layers, branches and heads a head mask has.

    Raises NotApplicableError: no layer has heads.
    """
    _, layers = next(traces(context, inputs[:1]))
    known = [part for part in [layer.routes or layer.attention for layer in layers] if part]
    if not known:
        raise NotApplicableError(message("refusals.no_layers.heads", model=context.classifier.name))
    heads = next(iter(known[0].values())).shape[1]
    return list(known[0]), (len(layers), len(known[0]), heads)


def routes_of(context: MeasureContext, inputs: Floats) -> tuple[list[str], Floats]:
    """Names of the branches, and (instance, layer, branch, head) weights of the heads."""
    branches: list[str] = []
    batches = []
    for _, layers in traces(context, inputs):
        routed = [layer.routes for layer in layers if layer.routes is not None]
        if not routed:
            raise NotApplicableError(
                message("refusals.no_layers.routes", model=context.classifier.name)
            )
        branches = list(routed[0])
        batches.append(
            np.stack(
                [
                    np.stack([array(weights[name]) for name in branches], axis=1)
                    for weights in routed
                ],
                axis=1,
            )
        )
    return branches, np.concatenate(batches)


_OWN_BATCH = 1024


def contributions(classifier: Classifier, rows: Floats, target: int) -> Floats:
    """(row, feature) what the model itself says that each feature adds for the target."""
    import torch

    module: Any = torch_module(classifier)
    device = next(module.parameters()).device
    classifier.calls += len(rows)
    parts = [
        module.intrinsic(
            torch.as_tensor(rows[start : start + _OWN_BATCH], dtype=torch.float32, device=device),
            target,
        )[0]
        for start in range(0, len(rows), _OWN_BATCH)
    ]
    return np.asarray(torch.cat(parts).double().cpu().numpy())
