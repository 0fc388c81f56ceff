"""What every training folder holds, whoever trained: see `docs/contracts.md`."""

from __future__ import annotations

from collections.abc import Mapping

#: Columns of `history.parquet`; no rows where a model is not trained in epochs.
HISTORY = (
    "epoch",
    "train_loss",
    "validation_loss",
    "validation_score",
    "learning_rate",
    "gradient_norm",
    "balance_loss",
)

#: The file that says which model a training folder holds: its weights, or, where it is fitted again
#: from the data, what it predicted for some training rows. The first that is there counts.
MODEL_FILES = ("weights.safetensors", "predictions_check.npz")


def model_digest(digests: Mapping[str, str]) -> str:
    """The SHA-256 of the model file, from {file of the training folder: SHA-256}; empty if none."""
    return next((digests[name] for name in MODEL_FILES if name in digests), "")


def untrained_facts(parameters: int | None, seed: int, rows: int) -> dict[str, object]:
    """The content of `training.json` for a model that no epochs were run for."""
    return {
        "epochs": 0,
        "max_epochs": 0,
        "best_epoch": None,
        "score": None,
        "stopped_early": False,
        "precision": "",
        "precision_reason": "",
        "accumulation": 1,
        "device": "cpu",
        "parameters": parameters,
        "seed": seed,
        "rows": rows,
        "diverged": False,
        "last_validation_loss": None,
        "best_validation_loss": None,
        "notes": [],
    }
