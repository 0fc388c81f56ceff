"""What the processes of a run are started with: loaded once, and shared by all of them."""

from __future__ import annotations

from collections.abc import Iterable

from deepseek_report.artifacts.protocols.models import ImportsLibraries
from deepseek_report.config.experiment import Experiment
from deepseek_report.provenance import PACKAGE
from deepseek_report.runner.planning.plan import Stage, module_of


def modules_to_load(experiment: Experiment, stages: Iterable[Stage]) -> list[str]:
    """The modules of this package that these stages run, and the libraries of the model.

    Others are left to the processes, which load them while the model is trained: nothing begins
    before all of these are there. So are modules of a person's own.
    """
    needed = {(stage.group, stage.name) for stage in stages if stage.group}
    chosen = [*((group, "") for group in ("dataset", "model", "trainer")), *sorted(needed)]
    targets = [experiment.config_of(group, name)["_target_"] for group, name in chosen]
    own = [module_of(target) for target in targets if target.startswith(f"{PACKAGE}.")]
    model = experiment.model
    libraries = model.libraries if isinstance(model, ImportsLibraries) else ()
    return list(dict.fromkeys([*own, *libraries]))
