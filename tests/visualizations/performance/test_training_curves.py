from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from deepseek_report.artifacts.training_files import HISTORY, untrained_facts
from deepseek_report.errors import NotApplicableError
from deepseek_report.visualizations.performance.training_curves import TrainingCurvesPicture


def test_a_model_that_came_trained_has_no_curves() -> None:
    facts = untrained_facts(None, 1, 0)
    results = SimpleNamespace(history=pd.DataFrame(columns=list(HISTORY)), training=facts)
    with pytest.raises(NotApplicableError, match="not trained in epochs"):
        TrainingCurvesPicture().draw(results)
