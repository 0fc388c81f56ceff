"""TensorBoard: graph, scalars, parameter histograms and pictures."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from deepseek_report.training import drawing

EVENTS = "tensorboard"
_TRACED_ROWS = 256


class Board(Protocol):
    """Receives what training has to show."""

    def epoch(self, rows: Sequence[Mapping[str, float]], module: Any) -> None: ...

    def finish(self, module: Any, inputs: Tensor, labels: Tensor) -> None: ...


class NoBoard:
    """Shows nothing."""

    def epoch(self, rows: Sequence[Mapping[str, float]], module: Any) -> None:
        pass

    def finish(self, module: Any, inputs: Tensor, labels: Tensor) -> None:
        pass


class TensorBoard:
    """Writes event files to `folder`; steps are epochs, counted from 1."""

    def __init__(self, folder: Path, epochs_done: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from torch.utils.tensorboard import SummaryWriter

        self.writer: Any = SummaryWriter(str(folder), purge_step=epochs_done + 1)  # type: ignore[no-untyped-call]

    def epoch(self, rows: Sequence[Mapping[str, float]], module: Any) -> None:
        """Scalars of the last epoch and a histogram of every parameter."""
        if not rows:
            return
        step = int(rows[-1]["epoch"])
        for name, value in rows[-1].items():
            if name != "epoch":
                self.writer.add_scalar(f"training/{name}", value, step)
        for name, parameter in module.named_parameters():
            self.writer.add_histogram(name.replace(".", "/"), parameter.detach(), step, bins="fd")

    def finish(self, module: Any, inputs: Tensor, labels: Tensor) -> None:
        """The graph and the pictures of the finished model."""
        self._graph(module, inputs[:2])
        with torch.no_grad():
            logits, traces = module.trace(inputs[:_TRACED_ROWS])
        for layer, trace in enumerate(traces):
            self._layer(layer, trace)
        truth = labels[:_TRACED_ROWS].cpu().numpy()
        shares = logits.float().softmax(1).cpu().numpy()
        self.writer.add_image(
            "validation/roc", drawing.roc(shares[:, -1], truth == shares.shape[1] - 1)
        )
        self.writer.close()

    def _layer(self, layer: int, trace: Any) -> None:
        for branch, weights in (trace.attention or {}).items():
            picture = drawing.maps(weights.mean(0).cpu().numpy())
            self.writer.add_image(f"attention/layer {layer + 1} {branch}", picture)
        if trace.routes:
            routes = torch.cat(list(trace.routes.values()), dim=1)
            self.writer.add_image(
                f"routes/layer {layer + 1}", drawing.maps(routes[None].cpu().numpy())
            )
        if trace.expert_weights is not None:
            load = trace.expert_weights.mean(0)
            self.writer.add_image(
                f"experts/layer {layer + 1}", drawing.maps(load[None].cpu().numpy())
            )

    def _graph(self, module: Any, inputs: Tensor) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.writer.add_graph(module, inputs)


def open_board(folder: Path, wanted: bool, epochs_done: int) -> Board:
    """A board that writes below `folder`, or one that shows nothing."""
    return TensorBoard(folder / EVENTS, epochs_done) if wanted else NoBoard()
