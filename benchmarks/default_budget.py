"""What the default run does, so that no time is won by doing less.

    python benchmarks/default_budget.py             what the default run does less than it did
    python benchmarks/default_budget.py RUN         the same, and whether its estimates are as sharp
    python benchmarks/default_budget.py --freeze RUN   write default_budget.yaml anew

Frozen are the cases, background and epochs, the model rows that each explainer may ask for, every
number that says how much a metric looks at, the metrics, pictures and sections, and the mean
standard error of sampled attributions in a finished run. Of an explainer whose standard errors
are known to hold, these alone are frozen, since the same error may need fewer rows. It ends with 1
where less is done. The standard errors are of a run on one machine; on another they differ by the
rounding of weights and outputs, which is why no test compares them, and why they may grow a little.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.config.compose import compose
from deepseek_report.config.experiment import Experiment
from deepseek_report.config.validate import validate

FILE = Path(__file__).parent / "default_budget.yaml"
#: Columns of the default data set, and fields of the trainer that say how long it trains.
COLUMNS = 23
TRAINING = ("max_epochs", "min_steps", "batch_size")
#: Explainers whose 95 % intervals hold the exact value in 95 % of simulations.
SHARP = ("shap",)
#: A standard error may grow by chance.
SHARPNESS = 1.1


def budget() -> dict[str, Any]:
    """What the default configuration does, as plain data."""
    experiment: Experiment = validate(compose([], None), (), ())
    explain, trainer = experiment.settings.explain, experiment.trainer
    return {
        "explain": dataclasses.asdict(explain),
        "training": {name: getattr(trainer, name) for name in TRAINING},
        "model_rows": {
            name: explainer.planned_calls(explain.instances, COLUMNS, explain.background)
            for name, explainer in experiment.explainers.items()
            if name not in SHARP
        },
        "metrics": {name: _amounts(metric) for name, metric in experiment.metrics.items()},
        "pictures": list(experiment.visualizations),
        "sections": list(experiment.sections),
    }


def _amounts(plugin: Any) -> dict[str, int]:
    """How much a metric looks at; what is judged from so many rows on (`min_…`) is no amount."""
    values = {field.name: getattr(plugin, field.name) for field in dataclasses.fields(plugin)}
    return {
        name: value
        for name, value in values.items()
        if type(value) is int and not name.startswith("min_")
    }


def standard_errors(run: Path) -> dict[str, float]:
    """{explainer: mean standard error of its attributions} of a finished run."""
    folders = sorted((run / "artifacts" / "explanations").iterdir())
    errors = {folder.name: Explanation.load(folder).standard_error for folder in folders}
    return {name: float(np.mean(error)) for name, error in errors.items() if error is not None}


def less(frozen: Any, now: Any, place: str = "") -> list[str]:
    """Every place where less is done now than was frozen."""
    if isinstance(frozen, Mapping):
        missing = [f"{place}{name} is gone" for name in frozen if name not in now]
        inside = [
            less(frozen[name], now[name], f"{place}{name}.") for name in frozen if name in now
        ]
        return [*missing, *(problem for problems in inside for problem in problems)]
    if isinstance(frozen, list):
        return [f"{place}{name} is gone" for name in frozen if name not in now]
    return [f"{place.rstrip('.')} is {now}, was {frozen}"] if now < frozen else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?", type=Path)
    parser.add_argument("--freeze", action="store_true")
    options = parser.parse_args()
    if options.freeze:
        frozen = {**budget(), "standard_errors": standard_errors(options.run)}
        FILE.write_text(yaml.safe_dump(frozen, sort_keys=False), encoding="utf-8")
        return
    frozen = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    sharp = frozen.pop("standard_errors")
    problems = less(frozen, budget())
    now = standard_errors(options.run) if options.run else {}
    problems += [
        f"the standard error of {name} is {error:.3g}, was {sharp[name]:.3g}"
        for name, error in now.items()
        if error > SHARPNESS * sharp.get(name, np.inf)
    ]
    print("\n".join(problems) or "nothing less")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
