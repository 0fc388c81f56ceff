"""TensorBoard: graph, scalars, parameter histograms and pictures."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.protocols.modules import LayerTrace

# --- Small pictures as arrays of numbers, for TensorBoard; drawn without a plotting library -------

Picture = NDArray[np.uint8]
_SIZE = 160
#: Cells along the longer side of a map; larger maps show the mean of neighbours.
_CELLS = 128


def maps(weights: NDArray[np.float32], zoom: int = 8) -> Picture:
    """Maps side by side, each scaled to its own greatest value; dark is much.

    weights : (map, row, column) from 0. zoom : pixels a cell.
    Returns (1, height, width) grey values.
    """
    weights = _pooled(_pooled(weights, 1), 2)
    top = weights.max(axis=(1, 2), keepdims=True)
    shade = 255 - 255 * weights / np.where(top > 0, top, 1)
    cells = np.repeat(np.repeat(shade, zoom, axis=1), zoom, axis=2)
    framed = np.pad(cells, ((0, 0), (0, 0), (0, zoom)), constant_values=255)
    return np.concatenate(list(framed), axis=1)[None].astype(np.uint8)


def _pooled(maps: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Means of neighbours along an axis, so that at most `_CELLS` are left."""
    size = maps.shape[axis]
    if size <= _CELLS:
        return maps
    starts = np.linspace(0, size, _CELLS, endpoint=False).astype(np.int64)
    shape = [1, 1, 1]
    shape[axis] = _CELLS
    counts = np.diff(np.append(starts, size)).reshape(shape)
    return np.asarray(np.add.reduceat(maps, starts, axis=axis) / counts, dtype=np.float32)


def curve(across: Floats, up: Floats) -> Picture:
    """A line through points in the unit square over its grey diagonal, (1, size, size)."""
    canvas = np.full((_SIZE, _SIZE), 255, dtype=np.uint8)
    diagonal = np.arange(_SIZE)
    canvas[_SIZE - 1 - diagonal, diagonal] = 200
    steps = np.linspace(0, 1, 4 * _SIZE)
    path = np.linspace(0, 1, len(across))
    columns = np.interp(steps, path, across) * (_SIZE - 1)
    rows = (1 - np.interp(steps, path, up)) * (_SIZE - 1)
    canvas[rows.round().astype(int), columns.round().astype(int)] = 0
    return canvas[None]


def roc(scores: NDArray[np.float32], positive: Bools) -> Picture:
    """The ROC curve of one class, (1, size, size)."""
    order = np.argsort(-scores, kind="stable")
    hits = np.concatenate([[0], np.cumsum(positive[order])])
    misses = np.concatenate([[0], np.cumsum(~positive[order])])
    return curve(misses / max(misses[-1], 1), hits / max(hits[-1], 1))


def calibration(scores: NDArray[np.float32], positive: Bools, bins: int = 10) -> Picture:
    """Observed share against predicted probability in bins of equal count, (1, size, size)."""
    parts = np.array_split(np.argsort(scores, kind="stable"), min(bins, len(scores)))
    predicted = np.array([scores[part].mean() for part in parts], dtype=np.float64)
    observed = np.array([positive[part].mean() for part in parts], dtype=np.float64)
    return curve(predicted, observed)


# --- TensorBoard: graph, scalars, parameter histograms and pictures -------------------------------

EVENTS = "tensorboard"
_TRACED_ROWS = 256
#: Attention weights of one head that a trace may hold, so that long inputs fit the memory.
_TRACED_WEIGHTS = 2**22
#: Parameters whose histogram is written after each epoch; of larger models only at the end.
_HISTOGRAMS = 5_000_000
#: Weights of one parameter that its histogram counts; of more of them every second, third, …
_COUNTED = 2**16


#: What TensorBoard's tab of custom scalars draws in one chart each.
LAYOUT: dict[str, dict[str, list[Any]]] = {
    "Training": {
        "loss": ["Multiline", ["training/train_loss", "training/validation_loss"]],
        "score on the validation part": ["Multiline", ["training/validation_score"]],
        "experts in use": ["Multiline", ["experts/effective in layer .*"]],
        "size of the gradient": ["Multiline", ["training/gradient_norm"]],
    }
}


class Board(Protocol):
    """Receives what training has to show."""

    def epoch(self, row: Mapping[str, float], module: Any, inputs: Tensor) -> None: ...

    def finish(self, module: Any, inputs: Tensor, positive: Tensor | None, target: int) -> None: ...


class NoBoard:
    """Shows nothing."""

    def epoch(self, row: Mapping[str, float], module: Any, inputs: Tensor) -> None:
        pass

    def finish(self, module: Any, inputs: Tensor, positive: Tensor | None, target: int) -> None:
        pass


class TensorBoard:
    """Writes event files to `folder`; steps are epochs, counted from 1."""

    def __init__(self, folder: Path, epochs_done: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from torch.utils.tensorboard import SummaryWriter

        self.writer: Any = SummaryWriter(str(folder), purge_step=epochs_done + 1)
        self.writer.add_custom_scalars(LAYOUT)

    def epoch(self, row: Mapping[str, float], module: Any, inputs: Tensor) -> None:
        """Scalars of the last epoch, how evenly the experts are used on rows that the training
        does not see, and, of models up to 5 M weights, their histograms.
        """
        step = int(row["epoch"])
        for name, value in row.items():
            if name != "epoch":
                self.writer.add_scalar(f"training/{name}", value, step)
        for layer, effective in expert_balance(module, inputs).items():
            self.writer.add_scalar(f"experts/effective in layer {layer}", effective, step)
        if sum(parameter.numel() for parameter in module.parameters()) <= _HISTOGRAMS:
            self._histograms(module, step)

    def _histograms(self, module: Any, step: int) -> None:
        for name, parameter in module.named_parameters():
            # a table without categories has an empty embedding of them
            if parameter.numel() and parameter.requires_grad:
                weights = parameter.detach().flatten()
                counted = weights[:: -(-len(weights) // _COUNTED)]
                self.writer.add_histogram(name.replace(".", "/"), counted, step, bins="fd")

    def finish(self, module: Any, inputs: Tensor, positive: Tensor | None, target: int) -> None:
        """The graph and the pictures of the finished model."""
        self._graph(module, inputs[:2])
        rows = _traceable(module)
        with torch.no_grad():
            logits, traces = module.trace(inputs[:rows])
        for layer, trace in enumerate(traces, start=1):
            self._layer(layer, trace)
        if positive is not None:
            scores = logits.float().softmax(1)[:, target].cpu().numpy()
            truth = positive[:rows].cpu().numpy()
            self.writer.add_image("validation/roc", roc(scores, truth))
            self.writer.add_image("validation/calibration", calibration(scores, truth))
        self.writer.close()

    def _layer(self, layer: int, trace: LayerTrace) -> None:
        for branch, weights in (trace.attention or {}).items():
            self._maps(f"attention/layer {layer} {branch}", weights.mean(0))
        if trace.routes:
            self._maps(f"routes/layer {layer}", torch.cat(list(trace.routes.values()), dim=1)[None])
        if trace.expert_weights is not None:
            self._maps(f"experts/layer {layer}", trace.expert_weights.mean(0)[None])

    def _maps(self, name: str, weights: Tensor) -> None:
        self.writer.add_image(name, maps(weights.float().cpu().numpy()))

    def _graph(self, module: Any, inputs: Tensor) -> None:
        """The graph as torch traces it; a check of the trace would load torch's compiler."""
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            try:
                traced = torch.jit.trace(module, inputs, check_trace=False)
                self.writer.add_graph(traced, inputs)
            except Exception as error:  # tracing fails in many ways, and the graph is an extra
                self.writer.add_text("graph", f"The graph could not be traced: {error}")


def expert_balance(module: Any, inputs: Tensor) -> dict[int, float]:
    """How many experts a layer uses in effect, counted from 1.

    exp of the entropy of the experts' mean weights: 1 where one expert does all, their number
    where all do as much. Empty for modules without routed experts. The module is left in
    evaluation mode, and no random number is drawn.
    """
    if not hasattr(module, "trace"):
        return {}
    module.eval()
    with torch.no_grad():
        if all(layer.expert_weights is None for layer in module.trace(inputs[:1])[1]):
            return {}
        _, traces = module.trace(inputs[: _traceable(module)])
    weights = {
        layer: trace.expert_weights.float().sum((0, 1))
        for layer, trace in enumerate(traces, start=1)
        if trace.expert_weights is not None
    }
    return {
        layer: float(torch.special.entr(used / used.sum()).sum().exp())
        for layer, used in weights.items()
    }


def _traceable(module: Any) -> int:
    tokens = len(getattr(module, "token_columns", ())) or 1
    return max(1, min(_TRACED_ROWS, _TRACED_WEIGHTS // tokens**2))


def open_board(folder: Path, wanted: bool, epochs_done: int) -> Board:
    """A board that writes below `folder`, or one that shows nothing."""
    return TensorBoard(folder / EVENTS, epochs_done) if wanted else NoBoard()
