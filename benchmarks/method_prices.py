"""What each explainer costs and how far it is from the truth: the table of `explainers=recommend`.

    python benchmarks/method_prices.py [--cases 16] [--worlds FOLDER] [--only KIND …]

Of each kind of data a few models are trained for a moment, and every shipped method that accepts
them explains some cases in one thread. Written are CPU microseconds for each row that a method
plans to ask the model about, the median of three times, and the mean true error of the worlds that
`benchmarks/explanations.py --keep FOLDER` has left there.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import platform
import time
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import yaml
from worlds.ground_truth import FAMILIES, SPOILT, shipped_parts

from deepseek_report.artifacts.explanation import CONTROL
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.artifacts.protocols.models import TrainingPlace
from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.config.compose import compose
from deepseek_report.config.validate import validate
from deepseek_report.errors import NotApplicableError
from deepseek_report.runner.planning.recommending import MEASURED

_SHORT = ["trainer.max_epochs=1", "trainer.min_steps=20"]
#: {kind of data: {model: what makes it and its data}}.
SETTINGS: dict[str, dict[str, list[str]]] = {
    "table": {
        model: ["experiment=credit_risk", "dataset.rows=1500", f"model={model}", *_SHORT]
        for model in ("deepseek", "mlp", "sklearn")
    },
    "text": {"deepseek": ["experiment=sentiment", "dataset.rows=800", *_SHORT]},
    "image": {"deepseek": ["experiment=digits", *_SHORT]},
    "series": {"deepseek": ["experiment=sensor_faults", *_SHORT]},
}


def microseconds(overrides: list[str], cases: int) -> tuple[str, dict[str, float]]:
    """The class of a model, and {explainer: CPU microseconds a planned row}."""
    experiment = validate(compose([*overrides, "report.thresholds=[]", "paths.store=nowhere"]))
    plugin = experiment.model
    data = experiment.dataset.load(1, Silent())
    trainer = plugin.own_trainer() or experiment.trainer
    module = plugin.build(data.schema, data.train, 1)
    with TemporaryDirectory() as folder:
        trainer.fit(module, data, TrainingPlace(Path(folder), 1, "cpu"), Silent())
    classifier = plugin.wrap(module, data.schema, "cpu")
    background = data.train.inputs[:64]
    question = experiment.question(data.schema)
    rows = data.test.inputs[: 3 * cases]
    measured = {}
    nature = DataTraits(
        data.schema.modality,
        "classification",
        groups=frozenset(),
        classes=len(data.schema.target.classes),
    )
    for name, explainer in shipped_parts("explainers").items():
        accepts = explainer.accepts(data.schema.modality)
        if not accepts or explainer.refuses(plugin, nature) is not None:
            continue
        asked = explainer.playing(question)
        plays = asked.suited_to(plugin.capabilities_for(data.schema), data.schema)
        planned = plays.planned_calls(cases, len(data.schema.player_labels), len(background))
        seconds = []
        for part in np.array_split(rows, 3):
            context = ExplainContext(
                classifier=classifier,
                inputs=part,
                positions=np.arange(len(part)),
                background=background,
                training=data.train.inputs,
                target=1,
                seed=1,
                question=question,
            )
            started = time.process_time()
            try:
                explainer.explain(context)
            except NotApplicableError:
                break
            seconds.append(time.process_time() - started)
        if len(seconds) == 3:
            measured[name] = float(f"{1e6 * float(np.median(seconds)) / max(planned, 1):.3g}")
    return type(plugin).__name__, measured


def processor() -> str:
    """The name of the processor, where the machine tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def true_errors(folder: Path) -> tuple[int, dict[str, dict[str, dict[str, float]]]]:
    """How many worlds a folder holds, and {kind of data: {game: {explainer: mean error}}}."""
    files = sorted(folder.glob("*.json"))
    errors: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for file in files:
        for record in json.loads(file.read_text()):
            name, plays = record["name"], record["plays"]
            if name not in (*SPOILT, CONTROL) and plays in (None, record["game"]):
                kind = FAMILIES[record["family"]].schema.modality
                errors[kind, record["game"], name].append(record["error"])
    table: dict[str, dict[str, dict[str, float]]] = {}
    for (kind, game, name), values in sorted(errors.items()):
        table.setdefault(kind, {}).setdefault(game, {})[name] = round(float(np.mean(values)), 2)
    return len(files), table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=16)
    parser.add_argument("--worlds", type=Path)
    parser.add_argument("--only", nargs="*", default=list(SETTINGS), metavar="KIND")
    options = parser.parse_args()
    torch.set_num_threads(1)
    table: dict[str, Any] = yaml.safe_load(MEASURED.read_text()) if MEASURED.exists() else {}
    if options.worlds:
        table["worlds"], table["errors"] = true_errors(options.worlds)
    for kind in options.only:
        made = [microseconds(overrides, options.cases) for overrides in SETTINGS[kind].values()]
        table.setdefault("microseconds", {})[kind] = dict(made)
        table["machine"] = f"{processor()}, one thread"
        table["date"] = dt.datetime.now(dt.UTC).date().isoformat()
    head = "# Written by benchmarks/method_prices.py; explainers=recommend reads it.\n"
    MEASURED.write_text(head + yaml.safe_dump(table, sort_keys=True, default_flow_style=None))


if __name__ == "__main__":
    main()
