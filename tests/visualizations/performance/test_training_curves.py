from __future__ import annotations

from types import SimpleNamespace

import pandas as pd

from deepseek_report.artifacts.protocols.models import HISTORY, untrained_facts
from deepseek_report.visualizations.performance.training_curves import TrainingCurvesPicture
from tests.worded import refused


def test_a_model_that_came_trained_has_no_curves() -> None:
    facts = untrained_facts(None, 1, 0)
    results = SimpleNamespace(history=pd.DataFrame(columns=list(HISTORY)), training=facts)
    with refused("not trained in epochs"):
        TrainingCurvesPicture().draw(results)
