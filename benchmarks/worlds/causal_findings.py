"""How often a path is called widened that is not, and named where the model widens it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepseek_report.extensions.causes.causal_questions import is_widening, widened
from deepseek_report.extensions.causes.cross_fitting import CausalData, Variable
from deepseek_report.extensions.causes.gap_by_path import PATHS, gaps_by_path, widening
from deepseek_report.extensions.causes.graph import CausalRefusal, PathSets
from deepseek_report.statistics.resampling import Resampling
from worlds.trials import Plan, Table, logistic, repeat, share

ROWS = 1200
SETS = PathSets(("age",), ("skill",))


@dataclass(frozen=True)
class WideningTrial:
    """Names of the paths that are called widened in one sample.

    direct, indirect : by how much the model's log-odds of a decision hang on the group itself, and
    on the skill that the group acts on, beyond those of the labels.
    """

    direct: float = 0.0
    indirect: float = 0.0

    def __call__(self, seed: int) -> frozenset[str]:
        rng = np.random.default_rng([11, seed])
        age = rng.normal(size=ROWS)
        group = (rng.random(ROWS) < logistic(0.5 * age)).astype(float)
        skill = 0.5 * age - 0.6 * group + rng.normal(size=ROWS)
        odds = 0.4 * age + 0.8 * skill - 0.3 * group
        moved = -self.direct * group + self.indirect * skill
        data = CausalData(
            {
                "age": Variable(age),
                "group": Variable(group, 2),
                "skill": Variable(skill),
                "label": Variable((rng.random(ROWS) < logistic(odds)).astype(float), 2),
                "answer": Variable((rng.random(ROWS) < logistic(odds + moved)).astype(float), 2),
            },
            Resampling(ROWS),
            seed,
        )
        gaps = gaps_by_path(data, SETS, "group", (1, 0), ("label", "answer"))
        if isinstance(gaps, CausalRefusal):
            return frozenset()
        labels, answers = gaps
        wider = widening(answers, labels, data)
        found = widened(
            [
                (wider[path], is_widening(labels.parts[path].value, answers.parts[path].value))
                for path in PATHS
            ]
        )
        verdicts = zip(PATHS, found, strict=True)
        return frozenset(path for path, (_, is_wide) in verdicts if is_wide and path != "total")


def tables(plan: Plan) -> list[Table]:
    """The one table of this part."""
    repeats = plan.times(400, 20)
    rows = []
    for name, trial, planted in (
        ("none", WideningTrial(), ""),
        ("direct, by 0.5", WideningTrial(direct=0.5), "direct"),
        ("direct, by 1.0", WideningTrial(direct=1.0), "direct"),
        ("indirect, by 0.8", WideningTrial(indirect=0.8), "indirect"),
        ("indirect, by 1.6", WideningTrial(indirect=1.6), "indirect"),
    ):
        found_paths = repeat(trial, repeats, plan)
        wrong = share([bool(paths - {planted}) for paths in found_paths])
        named = share([planted in paths for paths in found_paths]) if planted else "–"
        rows.append((name, wrong, named))
    return [
        Table(
            "Paths of a gap that a model widens",
            f"{repeats} samples of {ROWS} test rows each. Labels and decisions are drawn from log-"
            "odds of one form; what is planted is how much more the decisions hang on the group "
            "itself, or on what it acts on. All paths are corrected together. Target: any path "
            "wrongly called widened in at most 5 %.",
            ("planted", "another path is called widened", "the planted path is named"),
            rows,
        )
    ]
