"""A model of transformers with its tokenizer: written as a checkpoint, and read like any other."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepseek_report.api.composing import Pieces
from deepseek_report.api.report_arguments import refuse
from deepseek_report.api.rows import TEXT, Rows

_TEXTS = "deepseek_report.datasets.sources.given_table.GivenTexts"
_MODEL = "deepseek_report.models.transformers.huggingface.HuggingFace"
_FOLDER = "given"


def text_pieces(rows: Rows, model: Any, options: Mapping[str, Any], store: Path) -> Pieces:
    """The plug-ins of a call about texts.

    The model is written into the store in the form of transformers itself (safetensors, which holds
    numbers alone), so that everything that reads checkpoints can look into it.

    Raises ArgumentProblems: it is no sequence classifier of transformers, or there are no texts.
    """
    if not hasattr(model, "save_pretrained") or not hasattr(model, "config"):
        allowed = "a sequence classifier of transformers"
        fault = f"a tokenizer is given, and {type(model).__name__} is no model of transformers"
        refuse("model", fault, allowed, "give both, or leave the tokenizer out")
    if "refit" in options:
        fault = "a model of transformers is read from its checkpoint, which refit cannot fit again"
        refuse("refit", fault, "a model without a tokenizer", "leave refit out")
    column = str(options.get("text", TEXT))
    if column not in map(str, rows.features):
        fault = f'X has no column "{column}"'
        allowed = "a list or a column of texts"
        refuse("X_test", fault, allowed, "give the texts alone, or name their column with text=…")
    folder = _written(model, options["tokenizer"], _names(rows, model, options), store / _FOLDER)
    table = {
        "_target_": _TEXTS,
        "sha256": rows.sha256,
        "target": rows.target,
        "text": column,
        "tokenizer": str(folder),
        "training_rows": rows.held.training_rows(False),
    }
    config = {"_target_": _MODEL, "checkpoint": str(folder), "train": "none"}
    return Pieces((table, rows.held), (config, None))


def _names(rows: Rows, model: Any, options: Mapping[str, Any]) -> dict[str, str] | None:
    own = {int(place): str(name) for place, name in (model.config.id2label or {}).items()}
    classes = list(options.get("classes") or ())
    if not classes and all(name == f"LABEL_{place}" for place, name in own.items()):
        classes = rows.classes
    if len(classes) != len(own):
        return None
    return {str(place): str(name) for place, name in enumerate(classes)}


def _written(model: Any, tokenizer: Any, names: dict[str, str] | None, above: Path) -> Path:
    """The folder of the checkpoint, called by the hash of its files."""
    from deepseek_report.artifacts.storage.checkpoint import digest
    from deepseek_report.store import replace_folder

    above.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=above, prefix=".") as work:
        folder = Path(work) / "checkpoint"
        model.save_pretrained(folder, safe_serialization=True)
        tokenizer.save_pretrained(folder)
        if names is not None:
            _name_outputs(folder / "config.json", names)
        final = (above / digest(folder)[:32]).absolute()
        if not final.exists():
            replace_folder(folder, final)
    return final


def _name_outputs(file: Path, names: Mapping[str, str]) -> None:
    config = json.loads(file.read_text(encoding="utf-8"))
    config["id2label"] = dict(names)
    config["label2id"] = {name: int(place) for place, name in names.items()}
    file.write_text(json.dumps(config, indent=2), encoding="utf-8")
