"""The YAML files of models and trainers say what the classes say."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter

from deepseek_report.models.perceptron.mlp import MLP
from deepseek_report.models.routed.deepseek import DeepSeek
from deepseek_report.training.trainer import GradientTrainer

CONF = Path(__file__).parents[2] / "conf"


def _fields(path: str) -> dict[str, object]:
    fields = yaml.safe_load((CONF / path).read_text(encoding="utf-8"))
    fields.pop("_target_")
    return fields


@pytest.mark.parametrize(
    ("path", "plugin"),
    [
        ("model/deepseek.yaml", DeepSeek),
        ("model/mlp.yaml", MLP),
        ("trainer/default.yaml", GradientTrainer),
    ],
)
def test_a_shipped_file_shows_every_field_with_its_default(path, plugin):
    assert asdict(TypeAdapter(plugin).validate_python(_fields(path))) == asdict(plugin())
    assert set(_fields(path)) == set(asdict(plugin()))


def test_the_fast_trainer_takes_one_epoch_of_few_rows():
    fast = TypeAdapter(GradientTrainer).validate_python(_fields("trainer/fast.yaml"))
    assert fast.max_epochs == 1
    assert fast.max_rows < 2000
