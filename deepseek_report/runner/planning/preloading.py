"""What the processes of a run are started with: loaded once, and shared by all of them."""

from __future__ import annotations

from collections.abc import Iterable

from deepseek_report.artifacts.protocols.models import ImportsLibraries
from deepseek_report.artifacts.protocols.traits import Part, traits_of
from deepseek_report.config.experiment import Experiment
from deepseek_report.provenance import PACKAGE
from deepseek_report.runner.planning.plan import Stage, module_of

_GROUPS = {"explanations": "explainers", "measures": "metrics", "pictures": "visualizations"}


def modules_to_load(experiment: Experiment, stages: Iterable[Stage]) -> list[str]:
    """The modules that these stages need, each once: of this package, then of large libraries.

    Modules of a person's own are not among them: a process imports those when it works with them.
    """
    needed = {(_GROUPS[stage.kind], stage.name) for stage in stages if stage.kind in _GROUPS}
    chosen = [*((group, "") for group in ("dataset", "model", "trainer")), *sorted(needed)]
    targets = [experiment.config_of(group, name)["_target_"] for group, name in chosen]
    own = [module_of(target) for target in targets if target.startswith(f"{PACKAGE}.")]
    return list(dict.fromkeys([*own, *_libraries(experiment, needed)]))


def _libraries(experiment: Experiment, needed: Iterable[tuple[str, str]]) -> Iterable[str]:
    model = experiment.single["model"]
    if isinstance(model, ImportsLibraries):
        yield from model.libraries
    for group, name in sorted(needed):
        yield from traits_of(experiment.multiple[group][name], Part).libraries
