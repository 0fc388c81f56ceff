"""Very small real runs of what the shared small run does not have: other tasks, data and models.

Each is a whole run but for its report: data, training, explanations, measures and conclusions, with
the few parts that tests read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from deepseek_report.artifacts.results import PROVENANCE, Results
from deepseek_report.artifacts.storage.files import save_json
from deepseek_report.config.compose import compose
from deepseek_report.config.portable import PortablePaths
from deepseek_report.config.validate import validate
from deepseek_report.runner.execution.execute import execute
from deepseek_report.runner.execution.run_events import NoReporter
from deepseek_report.runner.run import prepare_run
from deepseek_report.runner.run_folders.gather import assemble
from deepseek_report.runner.run_folders.open_run import read_run, results_of

#: Nothing is drawn and no section is written; every run explains the fewest cases that are judged.
_COMMON = ("debug=fast", "jobs=1", "frameworks=[]", "sections=[]", "visualizations=[]")
_METHODS = "explainers=[shap,integrated_gradients,attention_rollout,random]"


@dataclass(frozen=True)
class TinyRun:
    """What a tiny run is of, and what is measured in it."""

    overrides: tuple[str, ...]
    metrics: tuple[str, ...]
    measure_time: bool = False

    @property
    def config(self) -> list[str]:
        metrics = f"metrics=[{','.join(self.metrics)}]"
        time = f"measure_time={str(self.measure_time).lower()}"
        return [*_COMMON, "report.thresholds=[]", metrics, time, *self.overrides]


#: In the order in which they are asked for what is not in the small run; the quickest first.
TINY = {
    "pairs": TinyRun(
        ("model=prototype", "explainers=[]", "dataset.rows=400",
         "causal={graph: {LIMIT_BAL: [AGE], default: [LIMIT_BAL]}, declared_by: us}"),
        ("interactions", "prototypes", "causal_claims"),
    ),
    "profile": TinyRun(
        ("explainers=[]", "dataset.rows=400", "model.layers=1"), ("layer_profile", "latency"), True
    ),
    "number": TinyRun(
        ("dataset=diabetes", "model=nam", "explainers=[shap,random]"),
        (
            *("mae", "rmse", "r2", "baselines", "residuals", "prediction_intervals", "group_rates"),
            *("slices", "robustness", "shape_functions", "importance"),
        ),
    ),
    "trees": TinyRun(
        ("model=sklearn", "explainers=[shap,random]", "dataset.rows=400", "explain.instances=60"),
        ("null_players", "explanation_by_group"),
    ),
    "corrected": TinyRun(
        (
            *("model=sklearn", "explainers=[]", "dataset.rows=400"),
            "corrections=[{must_not_matter: [EDUCATION], by: Risk, on: 2026-11-28, why: hearsay},"
            "{must_not_matter: [AGE], how: swap}]",
        ),
        ("corrections",),
    ),
    "labels": TinyRun(
        ("dataset=multi_label_demo", "dataset.n=300", "model=mlp", "explainers=[]",
         "split.folds=2"),
        ("labels_table", "accuracy"),
    ),
    "traces": TinyRun(
        ("experiment=reasoning_traces",),
        ("accuracy", "hint_acknowledgement", "recorded_chain_tests"),
    ),
    "text": TinyRun(
        ("experiment=sentiment", "dataset.rows=400", _METHODS),
        ("importance", "part_performance", "cases"),
    ),
    "image": TinyRun(
        ("experiment=surface_defects", "dataset.rows=300", "dataset.size=24", "dataset.patch=6",
         "model.layers=1", "explain.background=4", _METHODS),
        ("localisation", "cases"),
    ),
    "series": TinyRun(
        ("experiment=sensor_faults", "model=prototype", "trainer.min_steps=0",
         "explainers=[shap,input_x_gradient,random]"),
        ("prototypes", "risk_windows"),
    ),
    "language": TinyRun(
        ("experiment=language_model", "dataset.n=400", "model.layers=2", "model.width=32",
         "model.experts=4", "model.recipe.most_steps=10", "metrics.ablation.max_rows=50",
         "metrics.lens.max_rows=40", "metrics.latent.max_rows=30",
         "metrics.token_experts.max_rows=30",
         "explainers=[]"),
        ("ablation", "lens", "head_roles", "latent", "token_experts", "continuation"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class TinyRuns:
    """Makes each tiny run once. store : shared by the processes of the tests. folder : of this."""

    store: Path
    folder: Path

    def __call__(self, name: str) -> Results:
        """The results of the tiny run of this name; with no such name, that of these metrics."""
        return _made(self.store, self.folder, name)

    def __iter__(self) -> Iterator[Results]:
        """The results of all of them, each made when it is asked for."""
        return map(self, TINY)

    def with_measure(self, metric: str) -> Iterator[Results]:
        """The results in which this was measured, made when they are asked for."""
        return (self(name) for name, tiny in TINY.items() if metric in tiny.metrics)


@cache
def _made(store: Path, folder: Path, name: str) -> Results:
    tiny = TINY.get(name) or TinyRun(("explainers=[]", "dataset.rows=400"), tuple(name.split()))
    overrides = [*tiny.config, f"paths.store={store}", f"paths.reports={folder}"]
    run = prepare_run(validate(compose(overrides)), overrides)
    execution = execute(run.experiment, run.stages, run.store, run.device, NoReporter())
    assert not execution.failures, execution.failures
    own = folder / name
    own.mkdir(parents=True)
    command = PortablePaths(run.experiment.raw, Path.cwd()).command(overrides, None, ())
    made = (run.experiment, run.stages, execution, run.store, own)
    assemble(*made, run_id=run.identity, command=command)
    save_json(own / PROVENANCE, {"started": None, "finished": None, "git": None})
    return results_of(own, read_run(own))
