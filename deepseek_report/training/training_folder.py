"""What a finished training leaves in its folder; `docs/contracts.md` names the fields."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from deepseek_report.artifacts.message import Text, message, plain
from deepseek_report.artifacts.storage.files import save_json, save_table
from deepseek_report.artifacts.storage.plain_files import remove
from deepseek_report.artifacts.training_files import HISTORY
from deepseek_report.training.precision import Precision
from deepseek_report.training.resume_point import CHECKPOINT, State, save_tensors

WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class TrainingFacts:
    """What the summary says beside the state.

    rows : training rows of an epoch; tokens : of one row, 0 where the module has none.
    compile_note : why the model was not compiled though it was asked for, or nothing.
    """

    precision: Precision
    accumulation: int
    device: str
    seed: int
    rows: int
    tokens: int
    compile_note: Text
    max_epochs: int
    score: str
    stopped_early: bool


def write_outputs(folder: Path, module: Any, state: State, facts: TrainingFacts) -> None:
    """Write weights, history, summaries and timing; remove the checkpoint last."""
    architecture = module.architecture()
    save_tensors(folder / WEIGHTS, module.state_dict())
    save_table(folder / "history.parquet", _history(state))
    save_json(folder / "architecture.json", plain(architecture))
    summary = _summary(state, facts, architecture["parameters"])
    save_json(folder / "training.json", plain(summary))
    save_json(folder / "timing.json", _timing(state, facts))
    remove(folder / CHECKPOINT)


def _history(state: State) -> pd.DataFrame:
    kinds = {name: "int64" if name == "epoch" else "float64" for name in HISTORY}
    return pd.DataFrame(state.rows, columns=list(HISTORY)).astype(kinds)


def _summary(state: State, facts: TrainingFacts, parameters: int) -> dict[str, Any]:
    return {
        "epochs": state.epochs,
        "max_epochs": facts.max_epochs,
        "best_epoch": state.best_epoch,
        "score": facts.score,
        "stopped_early": facts.stopped_early,
        "precision": facts.precision.name,
        "precision_reason": facts.precision.reason,
        "accumulation": facts.accumulation,
        "device": facts.device,
        "parameters": parameters,
        "seed": facts.seed,
        "rows": facts.rows,
        "diverged": state.diverged,
        "last_validation_loss": state.rows[-1]["validation_loss"] if state.rows else None,
        "best_validation_loss": state.best_loss if state.rows else None,
        "notes": _notes(state, facts),
    }


def _notes(state: State, facts: TrainingFacts) -> list[Text]:
    """What a reader must know about how training went, as whole sentences."""
    notes: list[Text] = []
    if state.diverged and state.rows:
        best, epoch = state.best_epoch, state.epochs + 1
        notes.append(message("training_notes.diverged", epoch=epoch, best=best))
    if state.diverged and not state.rows:
        notes.append(message("training_notes.diverged_at_once"))
    if facts.compile_note:
        notes.append(facts.compile_note)
    if (rise := _overfit(state)) is not None:
        notes.append(message("training_notes.overfit", best=state.best_epoch, rise=rise))
    if state.epochs == facts.max_epochs and _still_falling(state):
        notes.append(message("training_notes.still_falling"))
    return notes


def _still_falling(state: State) -> bool:
    """Whether the last epoch alone lowered the best validation loss by more than one in a hundred.

    Under a schedule that ends at a rate of 0 the last epoch is often the best by a little.
    """
    losses = [row["validation_loss"] for row in state.rows]
    return len(losses) > 1 and losses[-1] < 0.99 * min(losses[:-1])


def _overfit(state: State) -> float | None:
    """By what share the validation loss rose since its best, where only it rose; else None.

    A rise of less than five in a hundred is called noise.
    """
    if not state.rows or state.best_epoch < 1:
        return None
    best, last = state.rows[state.best_epoch - 1], state.rows[-1]
    rise = last["validation_loss"] / best["validation_loss"] - 1
    return rise if rise > 0.05 and last["train_loss"] < best["train_loss"] else None


def speeds(rows: int, tokens: int, seconds: float, input_seconds: float) -> dict[str, float]:
    """How fast steps were, and the share of their time that fetching rows took.

    rows : that the steps used; tokens : of one row. seconds : of the steps, validation left out.
    """
    if not seconds:
        return {}
    rates = {"rows_per_second": rows / seconds, "input_share": input_seconds / seconds}
    return rates | ({"tokens_per_second": rows * tokens / seconds} if tokens else {})


def _timing(state: State, facts: TrainingFacts) -> dict[str, float | None]:
    rows = facts.rows * state.epochs
    return {
        "seconds": state.seconds,
        "seconds_per_epoch": state.seconds / max(state.epochs, 1),
        "step_seconds": state.step_seconds,
        "input_seconds": state.input_seconds,
        "rows_per_second": None,
        "tokens_per_second": None,
        "input_share": None,
        **speeds(rows, facts.tokens, state.step_seconds, state.input_seconds),
        "peak_memory": _peak_memory(),
    }


def _peak_memory() -> float:
    """Peak resident memory of the process in MiB (the present one where no peak is kept)."""
    try:
        import resource
    except ImportError:
        import psutil

        return float(psutil.Process().memory_info().rss) / 2**20
    import sys

    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
